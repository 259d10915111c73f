// The fused scan of a stream.

#include <cstdint>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/index.h"
#include "bind/register.h"
#include "enumerate/scan.h"

namespace hpo {

void register_scan(py::module_& m) {
    py::class_<Scan>(m, "Scan")
        .def(py::init<std::size_t>(), py::arg("top"))
        .def_property_readonly("seen", [](const Scan& s) { return from_index(s.seen); })
        .def_property_readonly("feasible", [](const Scan& s) { return from_index(s.feasible); })
        .def_property_readonly("best", [](const Scan& s) {
            py::list out;
            for (const Scored& best : s.best.sorted()) out.append(py::make_tuple(best.score, from_index(best.position)));
            return out;
        })
        .def("add", [](Scan& s, const std::vector<std::pair<double, py::int_>>& best, const py::int_& seen, const py::int_& feasible) {
            for (const auto& [score, position] : best) s.best.offer({score, to_index(position)});
            s.seen += to_index(seen);
            s.feasible += to_index(feasible);
        }, py::arg("best"), py::arg("seen"), py::arg("feasible"))
        // kernels: objects with an `address`; in_python(kernel, position): the value where one raised.
        .def("run", [](Scan& s, const ConfigStream& stream, const py::int_& first, std::uint64_t n, const py::list& where, const py::object& score,
                       const py::function& in_python, bool maximize, int threads) {
            const Index from = checked(stream, first, n);
            const auto kernels = truths_from(where);
            const auto scorer = score.is_none() ? nullptr : kernel_from<double>(score);
            const InPython ask = [&](std::size_t which, Index position) {
                const py::gil_scoped_acquire gil;
                return in_python(which, from_index(position)).cast<double>();
            };
            const py::gil_scoped_release release;
            scan(stream, from, n, kernels, scorer, maximize, threads, ask, &s);
        }, py::arg("stream"), py::arg("first"), py::arg("n"), py::arg("where"), py::arg("score"), py::arg("in_python"), py::arg("maximize"),
           py::arg("threads"));
}

}  // namespace hpo
