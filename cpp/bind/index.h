#pragma once
// Positions of 128 bits and Python integers.

#include <cstdint>

#include <pybind11/pybind11.h>

#include "base/index.h"

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

}  // namespace hpo
