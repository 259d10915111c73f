// The building blocks, for the tests against their oracles.

#include <cstdint>

#include <pybind11/stl.h>

#include "base/normal.h"
#include "base/random.h"
#include "base/vmath.h"
#include "bind/arrays.h"
#include "bind/register.h"

namespace hpo {

namespace {

template <void (*F)(const double*, double*, std::size_t)>
Array map(const Array& x) {
    const auto n = static_cast<std::size_t>(x.size());
    vector(x, n, "x");
    Array out(static_cast<py::ssize_t>(n));
    F(x.data(), out.mutable_data(), n);
    return out;
}

}  // namespace

void register_base(py::module_& m) {
    m.def("exp", &map<exp>, py::arg("x"));
    m.def("log", &map<log>, py::arg("x"));
    m.def("ndtr", &map<ndtr>, py::arg("x"));
    m.def("log_ndtr", &map<log_ndtr>, py::arg("x"));
    m.def("ndtri", &map<ndtri>, py::arg("p"));
    m.def("log_interval_mass", [](const Array& a, const Array& b) {
        const auto n = static_cast<std::size_t>(a.size());
        Array out(static_cast<py::ssize_t>(n));
        log_interval_mass(vector(a, n, "a"), vector(b, n, "b"), out.mutable_data(), n);
        return out;
    }, py::arg("a"), py::arg("b"));
    m.def("philox", [](const std::array<std::uint32_t, 4>& counter, std::uint64_t key) { return philox(counter, key); }, py::arg("counter"), py::arg("key"));
    m.def("uniform", [](std::uint64_t seed, std::uint64_t number, std::uint32_t purpose, std::size_t n, std::uint32_t first) {
        Array out(static_cast<py::ssize_t>(n));
        Stream(seed, number, static_cast<Purpose>(purpose)).uniform(out.mutable_data(), n, first);
        return out;
    }, py::arg("seed"), py::arg("number"), py::arg("purpose"), py::arg("n"), py::arg("first") = 0);
    m.def("uniform_columns", [](std::uint64_t seed, std::uint64_t number, std::uint32_t purpose, std::size_t n, std::uint32_t first, std::uint32_t blocks,
                                std::size_t d) {
        Array out({d, n});
        Stream(seed, number, static_cast<Purpose>(purpose)).uniform_columns(first, blocks, n, d, out.mutable_data(), n);
        return out;
    }, py::arg("seed"), py::arg("number"), py::arg("purpose"), py::arg("n"), py::arg("first"), py::arg("blocks"), py::arg("d"));
}

}  // namespace hpo
