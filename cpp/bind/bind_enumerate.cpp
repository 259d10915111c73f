// Grid, Sobol and uniform rows.

#include <cstdint>

#include "bind/arrays.h"
#include "bind/register.h"
#include "enumerate/distinct.h"
#include "enumerate/grid.h"
#include "enumerate/sobol.h"
#include "enumerate/uniform.h"

namespace hpo {

void register_enumerate(py::module_& m) {
    py::class_<Grid>(m, "Grid")
        .def(py::init<const Box&>(), py::arg("box"), py::keep_alive<1, 2>())
        .def_property_readonly("size", &Grid::size)
        .def_property_readonly_static("too_many", [](const py::object&) { return Grid::kTooMany; })
        .def("rows", [](const Grid& grid, std::uint64_t first, std::size_t n) {
            if (!grid.finite() || grid.size() >= Grid::kTooMany || first > grid.size() || n > grid.size() - first)
                throw std::invalid_argument("rows [first, first + n) must lie in a finite grid's [0, size)");
            Array out = new_array(n, grid.dims());
            for (std::size_t i = 0; i < n; ++i) grid.row(first + i, view(out).row(i));
            return out;
        }, py::arg("first"), py::arg("n"));

    py::class_<Sobol>(m, "Sobol")
        .def(py::init<std::size_t, std::uint64_t, bool>(), py::arg("dims"), py::arg("seed"), py::arg("scramble") = true)
        .def("points", [](const Sobol& sobol, std::uint64_t first, std::size_t n) {
            Array out = new_array(n, sobol.dims());
            for (std::size_t i = 0; i < n; ++i) sobol.point(first + i, view(out).row(i));
            return out;
        }, py::arg("first"), py::arg("n"));

    py::class_<SobolRows>(m, "SobolRows")
        .def(py::init<const Box&, std::uint64_t>(), py::arg("box"), py::arg("seed"), py::keep_alive<1, 2>())
        .def("suggest", [](const SobolRows& sobol, const Grid& grid, std::uint64_t number, std::size_t n, const py::object& feasible, RowSet& seen) {
            const Feasible constraint = feasible_from(feasible);
            return suggest(grid.dims(), n, [&](Matrix out) {
                return distinct_rows(out, seen, [&](std::size_t i, double* row) { sobol.row(number + i, grid, constraint, seen, row); });
            });
        }, py::arg("grid"), py::arg("number"), py::arg("n"), py::arg("feasible"), py::arg("seen"));

    m.def("suggest_uniform", [](const Box& box, const Grid& grid, std::uint64_t seed, std::uint64_t number, std::size_t n,
                                const py::object& feasible, RowSet& seen) {
        const Feasible constraint = feasible_from(feasible);
        return suggest(box.dims(), n, [&](Matrix out) {
            return distinct_rows(out, seen, [&](std::size_t i, double* row) {
                unseen_row(box, grid, seed, number + i, Purpose::uniform, constraint, seen, row);
            });
        });
    }, py::arg("box"), py::arg("grid"), py::arg("seed"), py::arg("number"), py::arg("n"), py::arg("feasible"), py::arg("seen"));

    m.def("complete_row", [](const Box& box, const Array& partial, const Array& base, std::uint64_t seed, std::uint64_t number,
                             const py::object& feasible, const RowSet& seen) {
        const double* given = vector(partial, box.dims(), "partial");
        const double* rest = vector(base, box.dims(), "base");
        const Feasible constraint = feasible_from(feasible);
        Array out = new_array(1, box.dims());
        complete_row(box, given, rest, seed, number, constraint, seen, out.mutable_data());
        return out;
    }, py::arg("box"), py::arg("partial"), py::arg("base"), py::arg("seed"), py::arg("number"), py::arg("feasible"), py::arg("seen"));

    m.def("uniform_rows", [](const Box& box, std::uint64_t seed, std::uint64_t first, std::size_t n, const py::object& feasible, int threads) {
        Array out = new_array(n, box.dims());
        const Feasible constraint = feasible_from(feasible);
        const Matrix rows = view(out);
        const py::gil_scoped_release release;
        uniform_rows(box, seed, first, constraint, threads, rows);
        return out;
    }, py::arg("box"), py::arg("seed"), py::arg("first"), py::arg("n"), py::arg("feasible") = py::none(), py::arg("threads") = 1);
}

}  // namespace hpo
