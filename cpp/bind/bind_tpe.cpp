// The TPE engine.

#include <cstdint>
#include <vector>

#include "bind/arrays.h"
#include "bind/register.h"
#include "tpe/propose.h"

namespace hpo {

namespace {

TpeOptions make_options(std::size_t n_startup, std::size_t n_candidates, std::size_t candidates_per_pending, bool multivariate,
                        double good_fraction, std::size_t good_max, std::size_t max_kernels, double prior_weight, double min_bandwidth,
                        bool recency, bool rank_weights, double keep, bool exact) {
    TpeOptions o;
    o.n_startup = n_startup;
    o.n_candidates = n_candidates;
    o.candidates_per_pending = candidates_per_pending;
    o.multivariate = multivariate;
    o.good_fraction = good_fraction;
    o.good_max = good_max;
    o.max_kernels = max_kernels;
    o.rank_weights = rank_weights;
    o.parzen = {prior_weight, min_bandwidth, recency, keep, exact};
    o.check();
    return o;
}

}  // namespace

void register_tpe(py::module_& m) {
    py::class_<TpeOptions>(m, "TpeOptions")
        .def(py::init(&make_options), py::kw_only(), py::arg("n_startup"), py::arg("n_candidates"), py::arg("candidates_per_pending"),
             py::arg("multivariate"), py::arg("good_fraction"), py::arg("good_max"), py::arg("max_kernels"), py::arg("prior_weight"),
             py::arg("min_bandwidth"), py::arg("recency"), py::arg("rank_weights"),
             py::arg("keep"), py::arg("exact"));

    py::class_<Tpe>(m, "Tpe")
        .def(py::init<const Box&, const Grid&, const TpeOptions&, std::uint64_t, int>(), py::arg("box"), py::arg("grid"), py::arg("options"),
             py::arg("seed"), py::arg("threads"), py::keep_alive<1, 2>(), py::keep_alive<1, 3>())
        // Without the GIL: a suggestion under way holds the handle's lock and may need the GIL for a constraint.
        .def_property_readonly("n_told", py::cpp_function(&Tpe::n_told, py::call_guard<py::gil_scoped_release>()))
        .def("tell", [](Tpe& tpe, const Array& rows, const Array& y) {
            const ConstMatrix u = matrix(rows, tpe.dims(), "rows");
            const double* targets = vector(y, u.rows, "y");
            const py::gil_scoped_release release;
            tpe.tell(u, targets);
        }, py::arg("rows"), py::arg("y"))
        .def("suggest", [](Tpe& tpe, std::uint64_t number, std::size_t n, const Array& pending, const py::object& feasible, RowSet& seen) {
            const ConstMatrix waiting = matrix(pending, tpe.dims(), "pending");
            const Feasible constraint = feasible_from(feasible);
            std::vector<Suggested> how(n);
            Array rows = suggest(tpe.dims(), n, [&](Matrix out) { return tpe.suggest(number, waiting, constraint, seen, out, how.data()); });
            py::list paths;
            for (py::ssize_t i = 0; i < rows.shape(0); ++i) {
                const Suggested& s = how[static_cast<std::size_t>(i)];
                paths.append(py::make_tuple(static_cast<int>(s.path), s.score));
            }
            return py::make_tuple(rows, paths);
        }, py::arg("number"), py::arg("n"), py::arg("pending"), py::arg("feasible"), py::arg("seen"))
        .def("log_ratio", [](Tpe& tpe, const Array& rows, const Array& pending) {
            const ConstMatrix u = matrix(rows, tpe.dims(), "rows");
            const ConstMatrix waiting = matrix(pending, tpe.dims(), "pending");
            Array out(static_cast<py::ssize_t>(u.rows));
            double* ratios = out.mutable_data();
            const py::gil_scoped_release release;
            tpe.log_ratio(u, waiting, ratios);
            return out;
        }, py::arg("rows"), py::arg("pending"));
}

}  // namespace hpo
