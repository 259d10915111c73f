// Box, RowSet, and the codec between rows and dicts of Python values.

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/register.h"
#include "enumerate/grid.h"
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

// Rows to dicts of Python values, without a Python loop: what an `ask` pays for its parameters.
class Codec {
public:
    // values[j] says what raw value k (or u) of column j is in Python:
    //   None                    the float itself
    //   (first, stride)         the int first + k stride
    //   (first, stride, scale)  the float (first + k stride) / scale, ints: a decimal step as a person writes it
    //   (low, high)             floats: the k-th of the levels spread evenly from low to high
    //   [v0, v1, ...]           the k-th
    Codec(const Box& box, std::vector<py::str> names, const std::vector<py::object>& values) : box_(box), names_(std::move(names)) {
        if (names_.size() != box.dims() || values.size() != box.dims()) throw std::invalid_argument("one name and one entry of values per column");
        for (std::size_t j = 0; j < values.size(); ++j) {
            Reader r;
            if (py::isinstance<py::list>(values[j])) {
                r.what = What::choice;
                r.choices = py::tuple(values[j]);
                if (static_cast<std::int64_t>(r.choices.size()) != box.column(j).levels) throw std::invalid_argument("one value per level");
            } else if (!values[j].is_none()) {
                const auto line = values[j].cast<py::tuple>();
                if (py::isinstance<py::float_>(line[0])) {
                    r.what = What::spread;
                    r.low = line[0].cast<double>();
                    r.high = line[1].cast<double>();
                } else {
                    r.what = line.size() == 3 ? What::decimal : What::integer;
                    r.first = line[0].cast<std::int64_t>();
                    r.stride = line[1].cast<std::int64_t>();
                    if (line.size() == 3) r.scale = line[2].cast<double>();
                }
            }
            readers_.push_back(std::move(r));
        }
    }

    py::list params(const Array& rows) const {
        const ConstMatrix u = matrix(rows, box_.dims(), "rows");
        py::list out(u.rows);
        for (std::size_t i = 0; i < u.rows; ++i) out[i] = params_of(u.row(i));
        return out;
    }

private:
    enum class What { real, integer, decimal, spread, choice };
    struct Reader {
        What what = What::real;
        std::int64_t first = 0, stride = 1;
        double scale = 1.0;
        double low = 0.0, high = 0.0;
        py::tuple choices;
    };

    py::object value(std::size_t j, double u) const {
        const Reader& r = readers_[j];
        if (r.what == What::real) return py::float_(box_.decode(j, u));
        const std::int64_t k = box_.level(j, u);
        switch (r.what) {
            case What::integer: return py::int_(r.first + k * r.stride);
            case What::decimal: return py::float_(static_cast<double>(r.first + k * r.stride) / r.scale);
            case What::spread: {
                const std::int64_t last = box_.column(j).levels - 1;
                if (k == last) return py::float_(r.high);
                return py::float_(r.low + (r.high - r.low) * (static_cast<double>(k) / static_cast<double>(last)));
            }
            default: return py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(r.choices.ptr(), k));
        }
    }

    py::dict params_of(const double* row) const {
        py::dict params;
        for (std::size_t j = 0; j < box_.dims(); ++j)
            if (!std::isnan(row[j])) params[names_[j]] = value(j, row[j]);
        return params;
    }

    const Box& box_;
    std::vector<py::str> names_;
    std::vector<Reader> readers_;
};

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
        .def("snap", [](const Box& box, const Array& rows) {
            return convert(box, rows, "rows", [&](ConstMatrix in, Matrix out) {
                std::copy_n(in.data, in.rows * in.cols, out.data);
                for (std::size_t i = 0; i < out.rows; ++i) box.snap(out.row(i));
            });
        }, py::arg("rows"))
        .def("from_unit", [](const Box& box, const Array& points) {
            return convert(box, points, "points", [&](ConstMatrix in, Matrix out) {
                std::copy_n(in.data, in.rows * in.cols, out.data);
                for (std::size_t i = 0; i < out.rows; ++i) box.from_unit(out.row(i));
            });
        }, py::arg("points"))
        .def("from_prior", [](const Box& box, const Array& points) {
            return convert(box, points, "points", [&](ConstMatrix in, Matrix out) {
                std::copy_n(in.data, in.rows * in.cols, out.data);
                for (std::size_t i = 0; i < out.rows; ++i) box.from_prior(out.row(i));
            });
        }, py::arg("points"))
        .def("log_prior", [](const Box& box, std::size_t column, const Array& u) {
            const auto n = static_cast<std::size_t>(u.size());
            if (column >= box.dims()) throw std::invalid_argument("column out of range");
            const double* in = vector(u, n, "u");
            Array value(static_cast<py::ssize_t>(n)), slope(static_cast<py::ssize_t>(n));
            for (std::size_t i = 0; i < n; ++i) value.mutable_data()[i] = box.log_prior(column, in[i], slope.mutable_data() + i);
            return py::make_tuple(value, slope);
        }, py::arg("column"), py::arg("u"))
        .def("active", [](const Box& box, std::size_t column, const Array& rows) {
            const ConstMatrix u = matrix(rows, box.dims(), "rows");
            py::array_t<bool> out(static_cast<py::ssize_t>(u.rows));
            for (std::size_t i = 0; i < u.rows; ++i) out.mutable_data()[i] = box.active(column, u.row(i));
            return out;
        }, py::arg("column"), py::arg("rows"));

    py::class_<Codec>(m, "Codec")
        .def(py::init<const Box&, std::vector<py::str>, const std::vector<py::object>&>(), py::arg("box"), py::arg("names"), py::arg("values"),
             py::keep_alive<1, 2>())
        .def("params", &Codec::params, py::arg("rows"));

    py::class_<RowSet>(m, "RowSet")
        .def(py::init<std::size_t>(), py::arg("dims"))
        .def("__len__", &RowSet::size)
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
