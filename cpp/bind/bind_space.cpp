// Box, constraints, RowSet.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/register.h"
#include "space/row_set.h"

namespace hpo {

namespace {

Column make_column(int kind, bool log, double low, double high, std::int64_t levels, double first, int parent,
                   std::vector<std::int64_t> parent_levels, std::vector<double> prior) {
    Column c;
    c.kind = static_cast<Kind>(kind);
    c.log = log;
    c.low = low;
    c.high = high;
    c.levels = levels;
    c.first = first;
    c.parent = parent;
    c.parent_levels = std::move(parent_levels);
    c.prior = std::move(prior);
    return c;
}

template <class Convert>
Array convert(const Box& box, const Array& in, const char* name, Convert&& each) {
    const ConstMatrix rows = matrix(in, box.dims(), name);
    Array out = new_array(rows.rows, rows.cols);
    const Matrix result = view(out);
    const py::gil_scoped_release release;
    each(rows, result);
    return out;
}

// A method of Box that changes a row, of each row of a copy.
template <void (Box::*Change)(double*) const>
Array changed(const Box& box, const Array& rows, const char* name) {
    return convert(box, rows, name, [&](ConstMatrix in, Matrix out) {
        std::copy_n(in.data, in.rows * in.cols, out.data);
        for (std::size_t i = 0; i < out.rows; ++i) (box.*Change)(out.row(i));
    });
}

}  // namespace

void register_space(py::module_& m) {
    py::class_<Column>(m, "Column")
        .def(py::init(&make_column), py::kw_only(), py::arg("kind"), py::arg("log") = false, py::arg("low") = 0.0, py::arg("high") = 1.0,
             py::arg("levels") = 0, py::arg("first") = 0.0, py::arg("parent") = -1, py::arg("parent_levels") = std::vector<std::int64_t>{},
             py::arg("prior") = std::vector<double>{});

    py::class_<Box>(m, "Box")
        .def(py::init<std::vector<Column>>(), py::arg("columns"))
        .def_property_readonly("dims", &Box::dims)
        .def("encode", [](const Box& box, const Array& raw, int threads) {
            return convert(box, raw, "raw", [&](ConstMatrix in, Matrix out) { box.encode(in, out, threads); });
        }, py::arg("raw"), py::arg("threads") = 1)
        .def("decode", [](const Box& box, const Array& rows, int threads) {
            return convert(box, rows, "rows", [&](ConstMatrix in, Matrix out) { box.decode(in, out, threads); });
        }, py::arg("rows"), py::arg("threads") = 1)
        .def("snap", [](const Box& box, const Array& rows) { return changed<&Box::snap>(box, rows, "rows"); }, py::arg("rows"))
        .def("recode", [](const Box& box, const Array& rows) { return changed<&Box::recode>(box, rows, "rows"); }, py::arg("rows"))
        .def("from_unit", [](const Box& box, const Array& points) { return changed<&Box::from_unit>(box, points, "points"); }, py::arg("points"))
        .def("from_prior", [](const Box& box, const Array& points) { return changed<&Box::from_prior>(box, points, "points"); }, py::arg("points"))
        .def("log_prior", [](const Box& box, std::size_t column, const Array& u) {
            const auto n = static_cast<std::size_t>(u.size());
            if (column >= box.dims()) throw std::invalid_argument("column out of range");
            const double* in = vector(u, n, "u");
            Array value(static_cast<py::ssize_t>(n)), slope(static_cast<py::ssize_t>(n));
            for (std::size_t i = 0; i < n; ++i) value.mutable_data()[i] = box.log_prior(column, in[i], slope.mutable_data() + i);
            return py::make_tuple(value, slope);
        }, py::arg("column"), py::arg("u"))
        .def("active", [](const Box& box, const Array& rows) {
            const ConstMatrix u = matrix(rows, box.dims(), "rows");
            py::array_t<bool> out({static_cast<py::ssize_t>(u.rows), static_cast<py::ssize_t>(box.dims())});
            bool* to = out.mutable_data();
            for (std::size_t i = 0; i < u.rows; ++i)
                for (std::size_t j = 0; j < box.dims(); ++j) *to++ = box.active(j, u.row(i));
            return out;
        }, py::arg("rows"));

    py::class_<Constraint>(m, "Constraint")
        .def(py::init<const Box&, py::list, py::object>(), py::arg("box"), py::arg("kernels"), py::arg("python"), py::keep_alive<1, 2>())
        .def("__call__", [](const Constraint& constraint, const Array& rows) {
            const ConstMatrix u = matrix(rows, constraint.dims(), "rows");
            py::array_t<bool> out(static_cast<py::ssize_t>(u.rows));
            auto* ok = reinterpret_cast<std::uint8_t*>(out.mutable_data());
            const py::gil_scoped_release release;
            constraint.feasible()(u, ok);
            return out;
        }, py::arg("rows"));

    py::class_<RowSet>(m, "RowSet")
        .def(py::init<std::size_t>(), py::arg("dims"))
        .def("__len__", &RowSet::size)
        .def_property_readonly("erasures", &RowSet::erasures)
        .def("insert", [](RowSet& set, const Array& rows) {
            const ConstMatrix u = matrix(rows, set.dims(), "rows");
            for (std::size_t i = 0; i < u.rows; ++i) set.insert(u.row(i));
        }, py::arg("rows"))
        .def("erase", [](RowSet& set, const Array& rows) {
            const ConstMatrix u = matrix(rows, set.dims(), "rows");
            for (std::size_t i = 0; i < u.rows; ++i) set.erase(u.row(i));
        }, py::arg("rows"))
        .def("contains", [](const RowSet& set, const Array& rows) {
            const ConstMatrix u = matrix(rows, set.dims(), "rows");
            py::array_t<bool> out(static_cast<py::ssize_t>(u.rows));
            for (std::size_t i = 0; i < u.rows; ++i) out.mutable_data()[i] = set.contains(u.row(i));
            return out;
        }, py::arg("rows"));
}

}  // namespace hpo
