#pragma once
// Positions of 128 bits and Python integers, and whether they lie in a stream.

#include <cstdint>
#include <stdexcept>

#include <pybind11/pybind11.h>

#include "base/index.h"
#include "enumerate/grid.h"
#include "enumerate/stream.h"

namespace hpo {

namespace py = pybind11;

// Python integers, negative ones modulo 2^128.
inline Index to_index(const py::int_& value) {
    const std::uint64_t low = PyLong_AsUnsignedLongLongMask(value.ptr());
    const py::int_ above(value >> py::int_(64));
    return make_index(PyLong_AsUnsignedLongLongMask(above.ptr()), low);
}

inline py::int_ from_index(Index index) {
    const py::int_ high(static_cast<std::uint64_t>(index >> 64)), low(static_cast<std::uint64_t>(index));
    return (high << py::int_(64)) | low;
}

// `first`, if [first, first + n) lies in the stream.
inline Index checked(const ConfigStream& stream, const py::int_& first, std::uint64_t n) {
    const Index at = to_index(first), size = stream.size() >= Grid::kTooMany ? Index{0} : stream.size();
    const bool wide = !(first >> py::int_(127)).equal(py::int_(0));   // or negative
    if (wide || at > size || static_cast<Index>(n) > size - at)
        throw std::invalid_argument("positions [first, first + n) must lie in the [0, size) of a finite grid or stream");
    return at;
}

}  // namespace hpo
