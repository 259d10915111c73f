// The Gaussian-process engine.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "acquisition/propose.h"
#include "bind/arrays.h"
#include "bind/register.h"

namespace hpo {

namespace {

GpOptions make_options(int smoothness, std::pair<double, double> length_prior, std::pair<double, double> noise_prior, bool main_effects,
                       int acquire, double beta, double beta_growth, double prior_strength) {
    GpOptions o;
    o.smoothness = static_cast<Smoothness>(smoothness);
    o.priors.length = {length_prior.first, length_prior.second};
    o.priors.noise = {noise_prior.first, noise_prior.second};
    o.priors.effects = main_effects;
    o.acquire = static_cast<Acquire>(acquire);
    o.beta = beta;
    o.beta_growth = beta_growth;
    o.prior_strength = prior_strength;
    o.check();
    return o;
}

// rows (m, d), labels (m,), theta, how many rows to factor, and the mean and deviation that were taken out of the labels
using GivenOutcomes = std::tuple<Gp*, Array, Array, Theta, std::size_t, double, double>;

void check_theta(const Theta& theta, std::size_t d) {
    if (theta.size() != d + 3 && theta.size() != 3 * d + 3)
        throw std::invalid_argument("theta must have " + std::to_string(d + 3) + " entries, or " + std::to_string(3 * d + 3) +
                                    " with warped inputs, got " + std::to_string(theta.size()));
}

void check_count(std::size_t n_factored, std::size_t n) {
    if (n_factored > n) throw std::invalid_argument("n_factored must be at most the number of rows");
}

Observations observations(const Array& rows, const Array& y, std::size_t d) {
    const ConstMatrix u = matrix(rows, d, "rows");
    return {u, vector(y, u.rows, "y")};
}

}  // namespace

void register_gp(py::module_& m) {
    m.def("acquisition", [](int kind, const Array& mean, const Array& variance, double best, double beta) {
        const auto q = static_cast<std::size_t>(mean.size());
        const double *mu = vector(mean, q, "mean"), *var = vector(variance, q, "variance");
        Array value(static_cast<py::ssize_t>(q)), by_mean(static_cast<py::ssize_t>(q)), by_variance(static_cast<py::ssize_t>(q));
        Acquisition{static_cast<Acquire>(kind), best, beta}(mu, var, q, value.mutable_data(), by_mean.mutable_data(), by_variance.mutable_data());
        return py::make_tuple(value, by_mean, by_variance);
    }, py::arg("kind"), py::arg("mean"), py::arg("variance"), py::arg("best"), py::arg("beta"));

    py::class_<GpOptions>(m, "GpOptions")
        .def(py::init(&make_options), py::kw_only(), py::arg("smoothness"), py::arg("length_prior"), py::arg("noise_prior"),
             py::arg("main_effects"), py::arg("acquire"), py::arg("beta"), py::arg("beta_growth"), py::arg("prior_strength"));

    py::class_<Gp>(m, "Gp")
        .def(py::init<const Box&, const Grid&, const GpOptions&, std::uint64_t, int>(), py::arg("box"), py::arg("grid"), py::arg("options"),
             py::arg("seed"), py::arg("threads"), py::keep_alive<1, 2>(), py::keep_alive<1, 3>())
        .def("prior_mode", &Gp::prior_mode, py::arg("warped"))
        .def_property_readonly("jitter", py::cpp_function(&Gp::jitter, py::call_guard<py::gil_scoped_release>()))
        .def("fit", [](const Gp& gp, const Array& rows, const Array& y, const std::vector<Theta>& starts) {
            const Observations told = observations(rows, y, gp.dims());
            if (starts.empty()) throw std::invalid_argument("starts must not be empty");
            for (const Theta& start : starts) {
                check_theta(start, gp.dims());
                if (start.size() != starts.front().size()) throw std::invalid_argument("starts must be of one size: inputs are warped for all or for none");
            }
            Fit fit;
            {
                const py::gil_scoped_release release;
                fit = gp.fit(told, starts);
            }
            return py::make_tuple(fit.theta, fit.value, fit.evaluations);
        }, py::arg("rows"), py::arg("y"), py::arg("starts"))
        .def("log_posterior", [](const Gp& gp, const Array& rows, const Array& y, const Theta& theta) {
            const Observations told = observations(rows, y, gp.dims());
            check_theta(theta, gp.dims());
            Array gradient(static_cast<py::ssize_t>(theta.size()));
            const double value = gp.log_posterior(told, theta, gradient.mutable_data());
            return py::make_tuple(value, gradient);
        }, py::arg("rows"), py::arg("y"), py::arg("theta"))
        .def("posterior", [](Gp& gp, const Array& rows, const Array& y, const Theta& theta, std::size_t n_factored, const Array& queries) {
            const Observations told = observations(rows, y, gp.dims());
            const ConstMatrix q = matrix(queries, gp.dims(), "queries");
            check_theta(theta, gp.dims());
            check_count(n_factored, told.rows.rows);
            Array mean(static_cast<py::ssize_t>(q.rows)), variance(static_cast<py::ssize_t>(q.rows));
            double *m_out = mean.mutable_data(), *v_out = variance.mutable_data();
            {
                const py::gil_scoped_release release;
                gp.posterior(told, theta, n_factored, q, m_out, v_out);
            }
            return std::make_pair(mean, variance);
        }, py::arg("rows"), py::arg("y"), py::arg("theta"), py::arg("n_factored"), py::arg("queries"))
        .def("mean", [](Gp& gp, const Array& rows, const Array& y, const Theta& theta, std::size_t n_factored, const Array& queries) {
            const Observations told = observations(rows, y, gp.dims());
            const ConstMatrix q = matrix(queries, gp.dims(), "queries");
            check_theta(theta, gp.dims());
            check_count(n_factored, told.rows.rows);
            Array mean(static_cast<py::ssize_t>(q.rows));
            double* out = mean.mutable_data();
            const py::gil_scoped_release release;
            gp.mean(told, theta, n_factored, q, out);
            return mean;
        }, py::arg("rows"), py::arg("y"), py::arg("theta"), py::arg("n_factored"), py::arg("queries"))
        .def("joint", [](Gp& gp, const Array& rows, const Array& y, const Theta& theta, std::size_t n_factored, const Array& queries) {
            const Observations told = observations(rows, y, gp.dims());
            const ConstMatrix q = matrix(queries, gp.dims(), "queries");
            check_theta(theta, gp.dims());
            check_count(n_factored, told.rows.rows);
            Array mean(static_cast<py::ssize_t>(q.rows)), covariance = new_array(q.rows, q.rows);
            double* m_out = mean.mutable_data();
            const Matrix c_out = view(covariance);
            {
                const py::gil_scoped_release release;
                gp.joint(told, theta, n_factored, q, m_out, c_out);
            }
            return std::make_pair(mean, covariance);
        }, py::arg("rows"), py::arg("y"), py::arg("theta"), py::arg("n_factored"), py::arg("queries"))
        .def("suggest", [](Gp& gp, std::uint64_t number, std::size_t n, const Array& rows, const Array& y, const Theta& theta, std::size_t n_factored,
                           const Array& pending, const py::object& feasible, RowSet& seen, bool stalls, const std::optional<GivenOutcomes>& outcomes) {
            const Observations told = observations(rows, y, gp.dims());
            const ConstMatrix waiting = matrix(pending, gp.dims(), "pending");
            check_theta(theta, gp.dims());
            check_count(n_factored, told.rows.rows);
            const Feasible constraint = feasible_from(feasible);
            std::optional<Outcomes> known;
            if (outcomes) {
                const auto& [model, all, labels, by, factored, mean, deviation] = *outcomes;
                if (!model || model == &gp || &model->box() != &gp.box()) throw std::invalid_argument("outcomes must be of another process on the same box");
                if (!(mean > 0.0 && mean < 1.0 && deviation > 0.0)) throw std::invalid_argument("outcomes must have a mean between 0 and 1, and a deviation above 0");
                known.emplace(Outcomes{*model, observations(all, labels, gp.dims()), by, factored, mean, deviation});
                check_theta(by, gp.dims());
                check_count(factored, known->told.rows.rows);
            }
            std::vector<GpSuggested> how(n);
            Array made = suggest(gp.dims(), n, [&](Matrix out) {
                return gp.suggest(number, told, theta, n_factored, waiting, stalls, known ? &*known : nullptr, constraint, seen, out, how.data());
            });
            py::list paths;
            for (py::ssize_t i = 0; i < made.shape(0); ++i) {
                const GpSuggested& s = how[static_cast<std::size_t>(i)];
                paths.append(py::make_tuple(s.is_gp, s.value, s.is_daring, s.is_wider));
            }
            return py::make_tuple(made, paths);
        }, py::arg("number"), py::arg("n"), py::arg("rows"), py::arg("y"), py::arg("theta"), py::arg("n_factored"), py::arg("pending"),
             py::arg("feasible"), py::arg("seen"), py::arg("stalls") = false, py::arg("outcomes") = py::none());
}

}  // namespace hpo
