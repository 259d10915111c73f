#include "acquisition/propose.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/parallel.h"
#include "enumerate/distinct.h"
#include "enumerate/uniform.h"
#include "linalg/lapack.h"

namespace hpo {

namespace {

constexpr std::size_t kIncumbents = 8;   // whose neighbourhoods are searched
constexpr double kWider = 2.0;           // deviations of the bound where a search stalls, over those where it does not
constexpr std::uint64_t kDaring = 10;    // one trial in so many is proposed as if nothing failed: a few failures may have been accidents
constexpr std::size_t kBatch = 192;      // queries whose covariances stay in cache; a multiple of the columns that BLAS kernels take at a time

// The first `count` rows agree, bit for bit (NaN included).
bool same(const double* a, const double* b, std::size_t count) { return count == 0 || std::memcmp(a, b, count * sizeof(double)) == 0; }

}  // namespace

void GpOptions::check() const {
    for (const Normal& prior : {priors.length, priors.signal, priors.noise})
        if (!(prior.deviation > 0.0 && std::isfinite(prior.mean))) throw std::invalid_argument("priors must have a finite mean and a positive deviation");
    if (!(prior_strength >= 0.0 && std::isfinite(prior_strength))) throw std::invalid_argument("prior_strength must be finite and not negative");
    if (!(beta >= 0.0 && beta_growth >= 0.0)) throw std::invalid_argument("beta and beta_growth must not be negative");
}

Gp::Gp(const Box& box, const Grid& grid, const GpOptions& options, std::uint64_t seed, int threads)
    : box_(box), grid_(grid), options_(options), seed_(seed), threads_(threads), features_(box), process_(features_, options.smoothness) {
    options_.check();
}

Theta Gp::prior_mode(bool warped) const { return LogPosterior(features_, options_.smoothness, options_.priors, {}, nullptr).prior_mode(warped); }

LogPosterior Gp::log_posterior_of(const Observations& told, std::vector<double>* z) const {
    const std::size_t n = told.rows.rows, f = features_.size();
    z->resize(n * f);
    features_.map(told.rows, {z->data(), n, f});
    return LogPosterior(features_, options_.smoothness, options_.priors, {z->data(), n, f}, told.y);
}

Fit Gp::fit(const Observations& told, const std::vector<Theta>& starts) const {
    const OneBlasThread one;
    std::vector<double> z;
    LogPosterior posterior = log_posterior_of(told, &z);
    LbfgsbOptions options;
    options.max_evaluations = told.rows.rows <= 200 ? 60 : 30;
    options.gradient_tolerance = 1e-3;
    options.value_tolerance = 1e-6;
    return hpo::fit(posterior, starts, options);
}

double Gp::log_posterior(const Observations& told, const Theta& theta, double* gradient) const {
    const OneBlasThread one;
    std::vector<double> z;
    return log_posterior_of(told, &z)(theta, gradient);
}

// Brings process_ to the observations, reusing the factor of a common beginning.
void Gp::condition(const Observations& told, const Theta& theta, std::size_t n_factored) {
    const ConstMatrix rows = told.rows;
    const std::size_t n = rows.rows, d = box_.dims(), f = features_.size();
    const bool same_factor = theta == process_.theta() && n_factored == n_factored_ && n_factored * d <= rows_.size() && same(rows.data, rows_.data(), n_factored * d);
    std::size_t kept = n_factored;
    if (same_factor) {
        while (kept < std::min(n, rows_.size() / d) && same(rows.row(kept), rows_.data() + kept * d, d)) ++kept;
        process_.truncate(kept);
    } else {
        std::vector<double> z(n_factored * f);
        features_.map(rows.slice(0, n_factored), {z.data(), n_factored, f});
        n_factored_ = 0;
        rows_.clear();
        process_.factor(theta, {z.data(), n_factored, f});
        n_factored_ = n_factored;
    }
    std::vector<double> z(f);
    for (std::size_t i = kept; i < n; ++i) {
        features_.map(rows.row(i), z.data());
        process_.append(z.data());
    }
    rows_.assign(rows.data, rows.data + n * d);
    process_.set_targets(told.y, n);
}

std::size_t Gp::suggest(std::uint64_t number, const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix pending, bool stalls,
                        const Outcomes* outcomes, const Feasible& feasible, RowSet& seen, Matrix out, GpSuggested* how) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const OneBlasThread one;
    const ConstMatrix rows = told.rows;
    const std::size_t n = rows.rows, d = box_.dims(), f = features_.size();
    condition(told, theta, n_factored);
    // The incumbent is the best posterior mean among the observed rows: an observed value may be luck.
    std::vector<double> mean(n);
    process_.mean_at_points(told.y, n, mean.data());
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return mean[a] < mean[b]; });
    std::vector<double> incumbents;
    for (std::size_t i = 0; i < std::min(kIncumbents, n); ++i) incumbents.insert(incumbents.end(), rows.row(order[i]), rows.row(order[i]) + d);
    const double beta = options_.beta + options_.beta_growth * std::log(std::max(static_cast<double>(n) / kFewObservations, 1.0));
    double best = n > 0 ? mean[order[0]] : 0.0;
    std::optional<Success> success;
    std::unique_lock<std::mutex> other;
    if (outcomes) {
        Gp& model = outcomes->model;
        other = std::unique_lock<std::mutex>(model.mutex_);
        model.condition(outcomes->told, outcomes->theta, outcomes->n_factored);
        const ConstMatrix all = outcomes->told.rows;
        success.emplace(model.process_, outcomes->mean, outcomes->deviation, outcomes->told.y);
        // Where a trial failed there is no value to be found: as if it had its posterior mean.
        std::vector<double> failed;
        for (std::size_t i = 0; i < all.rows; ++i) {
            if (outcomes->told.y[i] >= 0.0) continue;
            failed.resize(failed.size() + f);
            features_.map(all.row(i), failed.data() + failed.size() - f);
        }
        process_.append(ConstMatrix{failed.data(), failed.size() / f, f});
    }
    // What is under way counts as observed at its posterior mean, which may be the new incumbent.
    std::vector<std::vector<double>> under_way;
    const auto fantasize = [&](const double* row) {
        double believed;
        under_way.emplace_back(f);
        features_.map(row, under_way.back().data());
        process_.mean({under_way.back().data(), 1, f}, &believed);
        process_.append(under_way.back().data());
        if (n > 0) best = std::min(best, believed);
    };
    for (std::size_t p = 0; p < pending.rows; ++p) fantasize(pending.row(p));
    const double prior_weight = options_.prior_strength / static_cast<double>(std::max<std::size_t>(outcomes ? outcomes->told.rows.rows : n, 1));
    // The fantasies stay behind: the next call conditions on what it is given.
    return distinct_rows(out, seen, [&](std::size_t i, double* row) {
        if (i > 0) fantasize(out.row(i - 1));
        how[i] = {};
        how[i].is_wider = stalls && (number + i) % 2 == 0;
        how[i].is_daring = success && (number + i) % kDaring == kDaring - 1;
        const Acquisition acquisition{options_.acquire, best, how[i].is_wider ? kWider * beta : beta};
        const Maximizer maximizer(box_, features_, process_, acquisition, success && !how[i].is_daring ? &*success : nullptr, under_way, prior_weight,
                                  pending.rows + i == 0 ? kAlone : kBesidePending);
        const Stream stream(seed_, number + i, Purpose::gp);
        how[i].is_gp = maximizer.run({incumbents.data(), incumbents.size() / d, d}, feasible, seen, stream, row, &how[i].value) &&
                       settle(box_, feasible, seen, row);
        if (!how[i].is_gp) unseen_row(box_, grid_, seed_, number + i, Purpose::uniform, feasible, seen, row);
    });
}

// of() may compute whole batches, the rest of the last being padding: a product of another size may round differently, and a row's bits would
// depend on how many follow.
template <class Fn> void Gp::in_batches(ConstMatrix queries, Fn&& of) const {
    const std::size_t f = features_.size();
    parallel_for((queries.rows + kBatch - 1) / kBatch, threads_, 2, [&](std::size_t begin, std::size_t end) {
        std::vector<double> z(kBatch * f);
        for (std::size_t i = begin * kBatch; i < std::min(end * kBatch, queries.rows); i += kBatch) {
            const std::size_t q = std::min(kBatch, queries.rows - i);
            features_.map(queries.slice(i, q), {z.data(), q, f});
            of(z.data(), i, q);
        }
    });
}

void Gp::posterior(const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix queries, double* mean, double* variance) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const OneBlasThread one;
    condition(told, theta, n_factored);
    const std::size_t f = features_.size(), n = told.rows.rows;
    const std::vector<double> inverse = queries.rows > n ? process_.inverse_factor() : std::vector<double>();   // pays beyond about n queries
    const ConstMatrix inverse_factor{inverse.empty() ? nullptr : inverse.data(), n, n};
    in_batches(queries, [&](const double* z, std::size_t first, std::size_t q) {
        double m[kBatch], v[kBatch];
        process_.posterior({z, inverse.empty() ? q : kBatch, f}, m, v, inverse_factor);
        std::copy_n(m, q, mean + first);
        std::copy_n(v, q, variance + first);
    });
}

void Gp::mean(const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix queries, double* mean) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const OneBlasThread one;
    condition(told, theta, n_factored);
    in_batches(queries, [&](const double* z, std::size_t first, std::size_t q) {
        double m[kBatch];
        process_.mean({z, kBatch, features_.size()}, m);
        std::copy_n(m, q, mean + first);
    });
}

void Gp::joint(const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix queries, double* mean, Matrix covariance) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const OneBlasThread one;
    condition(told, theta, n_factored);
    std::vector<double> z(queries.rows * features_.size());
    const Matrix features{z.data(), queries.rows, features_.size()};
    features_.map(queries, features);
    process_.joint(features, mean, covariance);
}

double Gp::jitter() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return process_.jitter();
}

}  // namespace hpo
