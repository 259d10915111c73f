// Streams: grid, Sobol and uniform rows.

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/index.h"
#include "bind/register.h"
#include "enumerate/distinct.h"
#include "enumerate/grid.h"
#include "enumerate/permutation.h"
#include "enumerate/sobol.h"
#include "enumerate/stream.h"
#include "enumerate/uniform.h"
#include "enumerate/unit_streams.h"

namespace hpo {

namespace {

void fill(const ConfigStream& stream, const py::int_& first, Array out, bool encoded, int threads) {
    if (out.ndim() != 2 || static_cast<std::size_t>(out.shape(0)) != stream.dims())
        throw std::invalid_argument("out must have shape (" + std::to_string(stream.dims()) + ", n), got " + shape_of(out));
    const Matrix columns = view(out);
    const Index at = checked(stream, first, columns.cols);
    const py::gil_scoped_release release;
    stream.columns(at, encoded ? Form::encoded : Form::raw, threads, columns);
}

// (start, step, size, seed or None, size of what is permuted): see StreamView::Layer.
std::shared_ptr<StreamView> make_view(const std::shared_ptr<ConfigStream>& base, const std::vector<py::tuple>& layers) {
    if (layers.empty()) throw std::invalid_argument("a view has at least one layer");
    std::vector<StreamView::Layer> made;
    for (const py::tuple& layer : layers) {
        made.push_back({to_index(layer[0]), to_index(layer[1]), to_index(layer[2]), std::nullopt});
        if (!layer[3].is_none()) made.back().order.emplace(to_index(layer[4]), layer[3].cast<std::uint64_t>());
    }
    return std::make_shared<StreamView>(base, std::move(made));
}

}  // namespace

void register_enumerate(py::module_& m) {
    py::class_<ConfigStream, std::shared_ptr<ConfigStream>>(m, "Stream")
        .def_property_readonly("size", [](const ConfigStream& stream) { return from_index(stream.size()); })
        .def("columns", [](const ConfigStream& stream, const py::int_& first, std::size_t n, bool encoded, int threads) {
            Array out = new_array(stream.dims(), n);
            fill(stream, first, out, encoded, threads);
            return out;
        }, py::arg("first"), py::arg("n"), py::arg("encoded") = false, py::arg("threads") = 1)
        .def("fill", &fill, py::arg("first"), py::arg("out").noconvert(), py::arg("encoded") = false, py::arg("threads") = 1)
        .def("rows", [](const ConfigStream& stream, const py::int_& first, std::size_t n, int threads) {
            const Index at = checked(stream, first, n);
            Array out = new_array(n, stream.dims());
            const Matrix rows = view(out);
            const py::gil_scoped_release release;
            stream.rows(at, threads, rows);
            return out;
        }, py::arg("first"), py::arg("n"), py::arg("threads") = 1);

    py::class_<Grid, ConfigStream, std::shared_ptr<Grid>>(m, "Grid")
        .def(py::init<const Box&, std::vector<std::int64_t>>(), py::arg("box"), py::arg("levels") = std::vector<std::int64_t>{})
        .def_property_readonly_static("too_many", [](const py::object&) { return from_index(Grid::kTooMany); })
        .def("rank", [](const Grid& grid, const Array& row) {
            const Grid::Rank rank = grid.rank(vector(row, grid.dims(), "row"));
            return std::make_pair(from_index(rank.index), rank.off_grid);
        }, py::arg("row"));

    py::class_<StreamView, ConfigStream, std::shared_ptr<StreamView>>(m, "StreamView")
        .def(py::init(&make_view), py::arg("base"), py::arg("layers"))
        .def("find", [](const StreamView& stream, const py::int_& position) -> py::object {
            const auto found = stream.find(to_index(position));
            return found ? py::object(from_index(*found)) : py::none();
        }, py::arg("position"));

    py::class_<UniformStream, ConfigStream, std::shared_ptr<UniformStream>>(m, "UniformStream")
        .def(py::init([](const Box& box, std::uint64_t size, std::uint64_t seed, const py::object& feasible) {
            return std::make_shared<UniformStream>(box, size, seed, feasible_from(feasible));
        }), py::arg("box"), py::arg("size"), py::arg("seed"), py::arg("feasible") = py::none());

    py::class_<SobolStream, ConfigStream, std::shared_ptr<SobolStream>>(m, "SobolStream")
        .def(py::init<const Box&, std::uint64_t, std::uint64_t>(), py::arg("box"), py::arg("size"), py::arg("seed"));

    py::class_<Permutation>(m, "Permutation")
        .def(py::init([](const py::int_& n, std::uint64_t seed) { return Permutation(to_index(n), seed); }), py::arg("n"), py::arg("seed"))
        .def("__call__", [](const Permutation& order, const py::int_& i) {
            Index element = to_index(i);
            order.apply(&element, 1);
            return from_index(element);
        }, py::arg("i"))
        .def("inverse", [](const Permutation& order, const py::int_& element) { return from_index(order.inverse(to_index(element))); },
             py::arg("element"));

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
        std::vector<std::uint64_t> numbers(n);
        std::iota(numbers.begin(), numbers.end(), first);
        uniform_rows(box, seed, numbers.data(), constraint, threads, rows);
        return out;
    }, py::arg("box"), py::arg("seed"), py::arg("first"), py::arg("n"), py::arg("feasible") = py::none(), py::arg("threads") = 1);
}

}  // namespace hpo
