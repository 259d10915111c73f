// The codec from rows and streams to Python values: dicts of one configuration, arrays of one parameter.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/index.h"
#include "bind/register.h"
#include "enumerate/stream.h"
#include "space/values.h"

namespace hpo {

namespace {

constexpr std::size_t kPart = 256;   // rows at a time, as columns

// The arrays (n,) of a codec's columns while they are filled. Arrays of objects are without references until the end, so that
// nothing here needs the GIL.
class Arrays {
public:
    struct Reader {
        Values values;
        py::object choices;   // a tuple
        const char* dtype = "d";   // 8 bytes
    };

    Arrays(const std::vector<Reader>& readers, std::size_t n) : readers_(readers), counts_(readers.size()) {
        for (std::size_t j = 0; j < readers.size(); ++j) {
            arrays_.append(py::array(py::dtype(readers[j].dtype), static_cast<py::ssize_t>(n)));   // of objects: null pointers
            data_.push_back(static_cast<std::uint64_t*>(py::array(arrays_[j]).mutable_data()));
            if (objects(j)) counts_[j].resize(readers[j].values.choices.size());
        }
    }
    Arrays(const Arrays&) = delete;
    Arrays& operator=(const Arrays&) = delete;
    ~Arrays() {   // numpy must not let go of references that it never had
        for (std::size_t j = 0; j < data_.size(); ++j)
            if (objects(j) && !done_) std::memset(data_[j], 0, static_cast<std::size_t>(py::array(arrays_[j]).nbytes()));
    }

    // raw (m,) of column j to places [at, at + m). From any thread.
    void write(std::size_t j, const double* raw, std::size_t at, std::size_t m) {
        readers_[j].values.column(raw, m, data_[j] + at);
        if (!objects(j)) return;
        std::vector<std::uint64_t> seen(counts_[j].size());
        count_levels(raw, m, seen.size(), seen.data());
        const std::lock_guard<std::mutex> lock(mutex_);
        for (std::size_t k = 0; k < seen.size(); ++k) counts_[j][k] += seen[k];
    }

    py::list finish() {
        for (std::size_t j = 0; j < counts_.size(); ++j)
            for (std::size_t k = 0; k < counts_[j].size(); ++k)
                for (std::uint64_t count = counts_[j][k]; count > 0; --count) Py_INCREF(PyTuple_GET_ITEM(readers_[j].choices.ptr(), k));
        done_ = true;
        return arrays_;
    }

private:
    bool objects(std::size_t j) const { return *readers_[j].dtype == 'O'; }

    const std::vector<Reader>& readers_;
    py::list arrays_;
    std::vector<std::uint64_t*> data_;
    std::vector<std::vector<std::uint64_t>> counts_;   // of the references to each choice of a column of objects
    std::mutex mutex_;
    bool done_ = false;
};

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
            Values& v = r.values;
            if (py::isinstance<py::list>(values[j])) {
                v.what = Values::What::choice;
                r.choices = py::tuple(values[j]);
                tabulate(r);
                if (static_cast<std::int64_t>(v.choices.size()) != box.column(j).levels) throw std::invalid_argument("one value per level");
            } else if (!values[j].is_none()) {
                const auto line = values[j].cast<py::tuple>();
                if (py::isinstance<py::float_>(line[0])) {
                    v.what = Values::What::spread;
                    v.low = line[0].cast<double>();
                    v.high = line[1].cast<double>();
                    v.last = static_cast<double>(box.column(j).levels - 1);
                } else {
                    v.what = line.size() == 3 ? Values::What::decimal : Values::What::integer;
                    v.first = line[0].cast<std::int64_t>();
                    v.stride = line[1].cast<std::int64_t>();
                    if (line.size() == 3) v.scale = line[2].cast<double>();
                    else r.dtype = "q";
                }
            }
            readers_.push_back(r);
            if (box.column(j).parent < 0) columns_.push_back(std::move(r));
            else columns_.emplace_back();   // levels and NaN
        }
    }

    py::list params(const Array& rows) const {
        const ConstMatrix u = matrix(rows, box_.dims(), "rows");
        py::list out(u.rows);
        for (std::size_t i = 0; i < u.rows; ++i) out[i] = params_of(u.row(i));
        return out;
    }

    py::list arrays(const Array& rows) const {
        const ConstMatrix u = matrix(rows, box_.dims(), "rows");
        Arrays out(columns_, u.rows);
        {
            const py::gil_scoped_release release;
            double column[kPart];
            for (std::size_t start = 0; start < u.rows; start += kPart) {
                const std::size_t n = std::min(kPart, u.rows - start);
                for (std::size_t j = 0; j < box_.dims(); ++j) {
                    for (std::size_t i = 0; i < n; ++i) column[i] = u.row(start + i)[j];
                    box_.decode(j, column, column, n);
                    const Values& v = columns_[j].values;
                    const auto top = static_cast<double>(v.choices.size()) - 1.0;
                    if (v.what == Values::What::choice && !std::all_of(column, column + n, [top](double k) { return k >= 0.0 && k <= top; }))
                        throw std::invalid_argument("rows: column " + std::to_string(j) + " must hold choices in every row");
                    out.write(j, column, start, n);
                }
            }
        }
        return out.finish();
    }

    py::list read(const ConfigStream& stream, const py::int_& first, std::size_t n, int threads) const {
        if (stream.dims() != box_.dims()) throw std::invalid_argument("the stream must be one of the codec's box");
        const Index at = checked(stream, first, n);
        Arrays out(columns_, n);
        {
            const py::gil_scoped_release release;
            stream.each(at, n, Form::raw, threads, [&](std::size_t i, std::size_t m, const double* block, std::size_t stride) {
                for (std::size_t j = 0; j < box_.dims(); ++j) out.write(j, block + j * stride, i, m);
            });
        }
        return out.finish();
    }

private:
    using Reader = Arrays::Reader;

    // The type of an array of the choices: of numbers if all are ints or all are floats, else of objects.
    static void tabulate(Reader& r) {
        bool ints = true, floats = true;
        for (const py::handle choice : r.choices) {
            int overflow = 0;
            ints = ints && PyLong_CheckExact(choice.ptr()) && (PyLong_AsLongLongAndOverflow(choice.ptr(), &overflow), overflow == 0);
            floats = floats && PyFloat_CheckExact(choice.ptr());
        }
        r.dtype = ints ? "q" : floats ? "d" : "O";
        for (const py::handle choice : r.choices)
            r.values.choices.push_back(ints     ? static_cast<std::uint64_t>(PyLong_AsLongLong(choice.ptr()))
                                       : floats ? to_bits(PyFloat_AS_DOUBLE(choice.ptr()))
                                                : static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(choice.ptr())));
    }

    py::object value(std::size_t j, double u) const {
        const Values& v = readers_[j].values;
        if (v.what == Values::What::real) return py::float_(box_.decode(j, u));
        const std::int64_t k = box_.level(j, u);
        switch (v.what) {
            case Values::What::integer: return py::int_(v.integer(static_cast<std::uint64_t>(k)));
            case Values::What::decimal: return py::float_(v.decimal(static_cast<std::uint64_t>(k)));
            case Values::What::spread: return py::float_(v.spread(static_cast<double>(k)));
            default: break;
        }
        PyObject* const choices = readers_[j].choices.ptr();
        if (k < 0 || k >= PyTuple_GET_SIZE(choices))   // a sampler of the user's may be wrong
            throw std::invalid_argument("parameter " + py::cast<std::string>(names_[j]) + ": a row holds " + std::to_string(u) + ", which is the index of no choice");
        return py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(choices, k));
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
    std::vector<Reader> columns_;   // what arrays hold
};

}  // namespace

void register_codec(py::module_& m) {
    py::class_<Codec>(m, "Codec")
        .def(py::init<const Box&, std::vector<py::str>, const std::vector<py::object>&>(), py::arg("box"), py::arg("names"), py::arg("values"),
             py::keep_alive<1, 2>())
        .def("params", &Codec::params, py::arg("rows"))
        .def("arrays", &Codec::arrays, py::arg("rows"))
        .def("read", &Codec::read, py::arg("stream"), py::arg("first"), py::arg("n"), py::arg("threads") = 1);
}

}  // namespace hpo
