#pragma once
// numpy arrays <-> views: checks shapes once, at the border, with errors that say what was expected.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "base/view.h"
#include "space/box.h"
#include "space/native.h"

namespace hpo {

namespace py = pybind11;

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;

inline std::string shape_of(const py::array& a) {
    std::string s = "(";
    for (py::ssize_t i = 0; i < a.ndim(); ++i) s += (i ? ", " : "") + std::to_string(a.shape(i));
    return s + ")";
}

// A (n, cols) view of the array.
inline ConstMatrix matrix(const Array& a, std::size_t cols, const char* name) {
    if (a.ndim() != 2 || static_cast<std::size_t>(a.shape(1)) != cols)
        throw std::invalid_argument(std::string(name) + " must have shape (n, " + std::to_string(cols) + "), got " + shape_of(a));
    return {a.data(), static_cast<std::size_t>(a.shape(0)), cols};
}

// A pointer to the n elements of a one-dimensional array.
inline const double* vector(const Array& a, std::size_t n, const char* name) {
    if (a.ndim() != 1 || static_cast<std::size_t>(a.shape(0)) != n)
        throw std::invalid_argument(std::string(name) + " must have shape (" + std::to_string(n) + ",), got " + shape_of(a));
    return a.data();
}

inline Array new_array(std::size_t rows, std::size_t cols) {
    return Array({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(cols)});
}

inline Matrix view(Array& a) {
    return {a.mutable_data(), static_cast<std::size_t>(a.shape(0)), static_cast<std::size_t>(a.shape(1))};
}

// Runs fill(Matrix (n, d)) -> rows made without the GIL and returns those rows.
template <class Fill>
Array suggest(std::size_t dims, std::size_t n, const Fill& fill) {
    Array out = new_array(n, dims);
    const Matrix rows = view(out);
    std::size_t made;
    {
        const py::gil_scoped_release release;
        made = fill(rows);
    }
    if (made < n) out.resize({static_cast<py::ssize_t>(made), static_cast<py::ssize_t>(dims)});
    return out;
}

// A Python object that may be let go on any thread.
inline std::shared_ptr<py::object> owned(const py::object& object) {
    return {new py::object(object), [](py::object* last) {
                const py::gil_scoped_acquire gil;
                delete last;
            }};
}

// A Python callable rows (n, d) -> bool (n,) as a constraint, called with the GIL. It owns the callable.
inline Feasible python_feasible(const py::object& callable) {
    return [owned = owned(callable)](ConstMatrix rows, std::uint8_t* ok) {
        const py::gil_scoped_acquire gil;
        Array copy = new_array(rows.rows, rows.cols);
        std::copy_n(rows.data, rows.rows * rows.cols, copy.mutable_data());
        const auto mask = py::array_t<bool, py::array::c_style | py::array::forcecast>::ensure((*owned)(copy));
        if (!mask) throw py::error_already_set();
        if (mask.ndim() != 1 || static_cast<std::size_t>(mask.shape(0)) != rows.rows)
            throw std::invalid_argument("a constraint must return one truth value per row, got shape " + shape_of(mask));
        std::copy_n(mask.data(), rows.rows, ok);
    };
}

// The kernel of an object with an `address`, which must outlive it.
template <class T>
NativeKernel<T> kernel_from(const py::handle& compiled) {
    return reinterpret_cast<NativeKernel<T>>(compiled.attr("address").cast<std::uintptr_t>());
}

inline std::vector<NativeKernel<std::uint8_t>> truths_from(const py::list& compiled) {
    std::vector<NativeKernel<std::uint8_t>> kernels;
    for (const py::handle kernel : compiled) kernels.push_back(kernel_from<std::uint8_t>(kernel));
    return kernels;
}

// Requirements compiled to native code, called without the GIL. Keeps what it was made of.
class Constraint {
public:
    // kernels: objects with an `address`; python: the callable for rows at which one of them raises.
    Constraint(const Box& box, py::list kernels, py::object python) : dims_(box.dims()), kernels_(std::move(kernels)), python_(std::move(python)) {
        feasible_ = native_feasible(box, truths_from(kernels_), python_feasible(python_));
    }
    Constraint(const Constraint&) = delete;
    Constraint& operator=(const Constraint&) = delete;

    std::size_t dims() const { return dims_; }
    const Feasible& feasible() const { return feasible_; }

private:
    std::size_t dims_;
    py::list kernels_;
    py::object python_;
    Feasible feasible_;
};

// What may stand for a constraint: None, a Constraint or a Python callable.
inline Feasible feasible_from(const py::object& callable) {
    if (callable.is_none()) return {};
    if (py::isinstance<Constraint>(callable))
        return [owned = owned(callable), &constraint = callable.cast<const Constraint&>()](ConstMatrix rows, std::uint8_t* ok) {
            constraint.feasible()(rows, ok);
            if (std::any_of(ok, ok + rows.rows, [](std::uint8_t is_ok) { return is_ok != 0; })) return;
            const py::gil_scoped_acquire acquire;   // a search in vain may be long, and native functions do not hear of Ctrl-C
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        };
    return python_feasible(callable);
}

}  // namespace hpo
