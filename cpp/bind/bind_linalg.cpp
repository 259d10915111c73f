// LAPACK from SciPy, the Cholesky factor, and L-BFGS-B.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/register.h"
#include "linalg/cholesky.h"
#include "linalg/lapack.h"
#include "optim/lbfgsb.h"

namespace hpo {

namespace {

// The function in a capsule of scipy.linalg.cython_lapack or cython_blas. The capsule's name is its C signature: integers of
// another width (ILP64) would corrupt memory, so the name must be the expected one. `signature` has d for a double, i for an
// int, c for a char.
template <class Function>
void take(const py::dict& capsules, const char* name, const std::string& signature, Function*& function) {
    if (!capsules.contains(name)) throw py::import_error(std::string("SciPy's ") + name + " was not found: hpo_fast needs SciPy >= 1.11");
    const auto capsule = py::reinterpret_borrow<py::capsule>(capsules[name]);
    std::string actual = capsule.name(), expected = "void (";
    for (std::size_t i = 0; i < signature.size(); ++i) {
        expected += i ? ", " : "";
        expected += signature[i] == 'i' ? "int *" : signature[i] == 'c' ? "char *" : "double *";
    }
    expected += ")";
    // Cython writes its typedefs of double: __pyx_t_5scipy_6linalg_11cython_blas_d
    for (std::size_t at; (at = actual.find("__pyx_t_")) != std::string::npos;) {
        const std::size_t end = actual.find(' ', at);
        if (actual.compare(end - 2, 2, "_d") != 0) break;
        actual.replace(at, end - at, "double");
    }
    if (actual != expected)
        throw py::import_error(std::string("SciPy's ") + name + " is " + capsule.name() + ", not " + expected +
                               ": an ILP64 build? hpo_fast needs a SciPy with 32-bit LAPACK integers, as on PyPI and conda-forge");
    function = reinterpret_cast<Function*>(capsule.get_pointer());
}

void load_lapack(const py::dict& lapack_capsules, const py::dict& blas_capsules, std::uintptr_t get_threads, std::uintptr_t set_threads) {
    Lapack t;
    take(lapack_capsules, "dpotrf", "cidii", t.dpotrf);
    take(blas_capsules, "dgemm", "cciiiddididdi", t.dgemm);
    take(blas_capsules, "dgemv", "ciiddididdi", t.dgemv);
    take(blas_capsules, "dsyrk", "cciiddiddi", t.dsyrk);
    take(blas_capsules, "dsymm", "cciiddididdi", t.dsymm);
    take(blas_capsules, "dtrsm", "cccciiddidi", t.dtrsm);
    take(blas_capsules, "dtrmm", "cccciiddidi", t.dtrmm);
    take(blas_capsules, "dtrsv", "cccididi", t.dtrsv);
    t.get_threads = reinterpret_cast<int (*)()>(get_threads);
    t.set_threads = reinterpret_cast<void (*)(int)>(set_threads);
    set_lapack(t);
}

// Rows of b (m, n) solved.
template <class Solve>
Array solved(const Cholesky& cholesky, const Array& b, const Solve& solve) {
    const ConstMatrix rows = matrix(b, cholesky.size(), "b");
    Array out = new_array(rows.rows, rows.cols);
    const Matrix result = view(out);
    std::copy_n(rows.data, rows.rows * rows.cols, result.data);
    solve(result);
    return out;
}

py::tuple minimize(const py::function& fn, std::vector<double> x0, std::vector<double> lower, std::vector<double> upper, std::size_t memory,
                   std::size_t max_evaluations, double gradient_tolerance, double value_tolerance) {
    if (lower.size() != x0.size() || upper.size() != x0.size()) throw std::invalid_argument("x0, lower and upper must have the same length");
    Lbfgsb search(std::move(x0), std::move(lower), std::move(upper), {memory, max_evaluations, gradient_tolerance, value_tolerance});
    for (bool more = !search.done(); more;) {
        const auto [value, gradient] = fn(search.x()).cast<std::pair<double, std::vector<double>>>();
        more = search.report(value, gradient.data());
    }
    return py::make_tuple(search.best_x(), search.best_value(), search.evaluations());
}

}  // namespace

void register_linalg(py::module_& m) {
    m.def("load_lapack", &load_lapack, py::arg("lapack"), py::arg("blas"), py::arg("get_threads"), py::arg("set_threads"));

    py::class_<Cholesky>(m, "Cholesky")
        .def(py::init<>())
        .def("__len__", &Cholesky::size)
        .def_property_readonly("jitter", &Cholesky::jitter)
        .def_property_readonly("log_determinant", &Cholesky::log_determinant)
        .def("factor", [](Cholesky& c, const Array& k) { c.factor(matrix(k, static_cast<std::size_t>(k.shape(0)), "k")); }, py::arg("k"))
        .def("append", [](Cholesky& c, const Array& k, double variance, double floor) {
            c.append(vector(k, c.size(), "k"), variance, floor);
        }, py::arg("k"), py::arg("variance"), py::arg("floor"))
        .def("append_block", [](Cholesky& c, const Array& k, double floor) {
            const auto m = static_cast<std::size_t>(k.ndim() == 2 ? k.shape(0) : 0);
            c.append(matrix(k, c.size() + m, "k"), floor);
        }, py::arg("k"), py::arg("floor"))
        .def("truncate", [](Cholesky& c, std::size_t n) {
            if (n > c.size()) throw std::invalid_argument("n must be at most the size");
            c.truncate(n);
        }, py::arg("n"))
        .def("solve_lower", [](const Cholesky& c, const Array& b) { return solved(c, b, [&](Matrix r) { c.solve_lower(r); }); }, py::arg("b"))
        .def("solve_upper", [](const Cholesky& c, const Array& b) { return solved(c, b, [&](Matrix r) { c.solve_upper(r); }); }, py::arg("b"))
        .def("inverse", [](const Cholesky& c) {
            Array out = new_array(c.size(), c.size());
            std::fill_n(out.mutable_data(), c.size() * c.size(), 0.0);
            c.inverse(view(out));
            return out;
        });

    m.def("lbfgsb", &minimize, py::arg("fn"), py::arg("x0"), py::arg("lower"), py::arg("upper"), py::arg("memory") = 10,
          py::arg("max_evaluations") = 200, py::arg("gradient_tolerance") = 1e-6, py::arg("value_tolerance") = 1e-10);
}

}  // namespace hpo
