#include "acquisition/maximize.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "acquisition/candidates.h"
#include "base/normal.h"
#include "linalg/cholesky.h"
#include "optim/lbfgsb.h"

namespace hpo {

namespace {

constexpr std::size_t kBatch = 128;          // candidates evaluated together: their covariances stay in cache
constexpr std::size_t kScreened = 64;        // or of which the last may be left out
constexpr std::size_t kJoint = 512;          // candidates at which a function is drawn: O(kJoint^2 (n + kJoint / 3))
constexpr std::int64_t kRelaxed = 12;        // an ordered column of more levels is searched as if it were continuous
constexpr std::int64_t kMaxChoices = 64;     // choices of a categorical column tried in one move
constexpr double kApart = 0.5;               // lengthscales between two starts, at least: nearer ones climb the same hill
constexpr double kApartShare = 0.1;          // or of the length of the box's diagonal, if that is less
constexpr double kTwice = 0.02;              // the part of either within which two rows are as good as one
constexpr std::size_t kPace = 5;             // steps that tell how fast a search climbs

// Indices of values from the largest down, equal ones in order. A heap: few of many are asked for.
class Descending {
public:
    explicit Descending(const std::vector<double>& values) : heap_(values.size()), is_after_{values} {
        std::iota(heap_.begin(), heap_.end(), std::size_t{0});
        std::make_heap(heap_.begin(), heap_.end(), is_after_);
    }

    bool empty() const { return heap_.empty(); }

    std::size_t next() {
        std::pop_heap(heap_.begin(), heap_.end(), is_after_);
        const std::size_t index = heap_.back();
        heap_.pop_back();
        return index;
    }

private:
    struct IsAfter {
        const std::vector<double>& values;
        bool operator()(std::size_t a, std::size_t b) const { return values[a] < values[b] || (values[a] == values[b] && a > b); }
    };

    std::vector<std::size_t> heap_;
    IsAfter is_after_;
};

}  // namespace

Maximizer::Maximizer(const Box& box, const Features& features, const Process& process, const Acquisition& acquisition, const Success* success,
                     const std::vector<std::vector<double>>& under_way, double prior_weight, const MaximizeOptions& options)
    : box_(box), features_(features), process_(process), acquisition_(acquisition), success_(success), under_way_(under_way), prior_weight_(0.0), options_(options) {
    double diagonal = 0.0;
    for (std::size_t j = 0; j < box.dims(); ++j) {
        if (box.has_prior(j)) prior_weight_ = prior_weight;
        scales_.push_back(std::exp(0.5 * process.theta()[j]));
        diagonal += scales_[j] * scales_[j];
    }
    apart_ = std::min(kApart * kApart, kApartShare * kApartShare * diagonal);
}

// What the priors add to the value of a row, and to its gradient (d,) if wanted.
double Maximizer::weighted_prior(const double* row, double* gradient) const {
    double sum = 0.0, slope;
    for (std::size_t j = 0; prior_weight_ > 0.0 && j < box_.dims(); ++j) {
        if (std::isnan(row[j])) continue;
        sum += box_.log_prior(j, row[j], &slope);
        if (gradient) gradient[j] += prior_weight_ * slope;
    }
    return prior_weight_ * sum;
}

void Maximizer::evaluate(ConstMatrix rows, double* out) const {
    const std::size_t f = features_.size();
    std::vector<double> z(std::min(kBatch, rows.rows) * f), variance(kBatch);
    for (std::size_t i = 0; i < rows.rows; i += kBatch) {
        const std::size_t n = std::min(kBatch, rows.rows - i);
        features_.map(rows.slice(i, n), {z.data(), n, f});
        process_.posterior({z.data(), n, f}, out + i, variance.data());
        acquisition_(out + i, variance.data(), n, out + i);
        if (success_) success_->add_to({z.data(), n, f}, out + i);
        for (std::size_t k = i; k < i + n; ++k) out[k] += weighted_prior(rows.row(k), nullptr);
    }
}

void Maximizer::evaluate(ConstMatrix rows, double* out, Matrix gradient) const {
    const std::size_t f = features_.size(), n = rows.rows;
    std::vector<double> z(n * f), variance(n), d_mean(n * f), d_variance(n * f), by_mean(n), by_variance(n);
    features_.map(rows, {z.data(), n, f});
    process_.posterior({z.data(), n, f}, out, variance.data(), {d_mean.data(), n, f}, {d_variance.data(), n, f});
    acquisition_(out, variance.data(), n, out, by_mean.data(), by_variance.data());
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = i * f; k < (i + 1) * f; ++k) d_mean[k] = by_mean[i] * d_mean[k] + by_variance[i] * d_variance[k];
    if (success_) success_->add_to({z.data(), n, f}, out, {d_mean.data(), n, f});
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < rows.cols; ++j) gradient.row(i)[j] = d_mean[i * f + features_.first(j)];
        out[i] += weighted_prior(rows.row(i), gradient.row(i));
    }
}

bool Maximizer::is_relaxed(std::size_t j) const {
    const Column& c = box_.column(j);
    return c.kind == Kind::real || (c.kind == Kind::ordered && c.levels > kRelaxed);
}

// Columns that a change of their parent made active start in the middle.
void Maximizer::complete(double* row) const {
    for (const std::size_t j : box_.parents_first())
        if (std::isnan(row[j]) && box_.active(j, row)) row[j] = box_.column(j).kind == Kind::categorical ? 0.0 : 0.5;
    box_.snap(row);
}

// Neither seen nor so near to a row under way that it would be evaluated twice.
bool Maximizer::is_free(const double* row, const RowSet& seen) const {
    if (seen.contains(row)) return false;
    if (under_way_.empty()) return true;
    std::vector<double> z(features_.size());
    features_.map(row, z.data());
    return std::none_of(under_way_.begin(), under_way_.end(), [&](const auto& other) { return distance(other, z) < kTwice * kTwice * apart_; });
}

// Which of rows (n, d) are feasible and free.
std::vector<std::uint8_t> Maximizer::acceptable(ConstMatrix rows, const Feasible& feasible, const RowSet& seen) const {
    std::vector<std::uint8_t> ok(rows.rows, 1);
    if (feasible && rows.rows > 0) feasible(rows, ok.data());
    for (std::size_t i = 0; i < rows.rows; ++i) ok[i] = ok[i] && is_free(rows.row(i), seen);
    return ok;
}

void Maximizer::keep_acceptable(std::vector<double>& rows, const Feasible& feasible, const RowSet& seen) const {
    const std::size_t d = box_.dims(), n = rows.size() / d;
    const std::vector<std::uint8_t> ok = acceptable({rows.data(), n, d}, feasible, seen);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i)
        if (ok[i]) std::copy_n(rows.data() + i * d, d, rows.data() + kept++ * d);
    rows.resize(kept * d);
}

// What the values of rows (n, d) can be at most, for lcb and log_ei; for log_pi an estimate. O(n f) each, where a value costs
// O(n^2).
std::vector<double> Maximizer::bounds(ConstMatrix rows) const {
    const std::size_t n = rows.rows, f = features_.size();
    std::vector<double> out(n), variance(n), z(std::min(kBatch, n) * f);
    for (std::size_t i = 0; i < n; i += kBatch) {
        const std::size_t q = std::min(kBatch, n - i);
        features_.map(rows.slice(i, q), {z.data(), q, f});
        process_.mean({z.data(), q, f}, out.data() + i, variance.data() + i);
        acquisition_(out.data() + i, variance.data() + i, q, out.data() + i);
        if (success_) success_->add_to({z.data(), q, f}, out.data() + i);
    }
    for (std::size_t i = 0; i < n; ++i) out[i] += weighted_prior(rows.row(i), nullptr);
    return out;
}

// Rows among (n, d) and their values, best first. Free ones are taken by their bounds, until that of the rest is below the
// n_starts-th best value, or n_screened of them.
std::vector<Maximizer::Valued> Maximizer::evaluate_best(ConstMatrix rows, const RowSet& seen) const {
    const std::size_t d = box_.dims();
    const std::vector<double> most = bounds(rows);
    Descending order(most);
    std::vector<std::size_t> batch;
    std::vector<double> batched(kScreened * d), found(kScreened);
    std::vector<Valued> best;
    const bool is_bound = acquisition_.kind != Acquire::log_pi;
    for (std::size_t left = options_.n_screened; left > 0; left -= batch.size()) {
        batch.clear();
        while (!order.empty() && batch.size() < std::min(kScreened, left)) {
            const std::size_t i = order.next();
            if (is_free(rows.row(i), seen)) batch.push_back(i);
        }
        if (batch.empty() || (is_bound && best.size() >= options_.n_starts && most[batch[0]] <= best[options_.n_starts - 1].value)) break;
        for (std::size_t k = 0; k < batch.size(); ++k) std::copy_n(rows.row(batch[k]), d, batched.data() + k * d);
        evaluate({batched.data(), batch.size(), d}, found.data());
        for (std::size_t k = 0; k < batch.size(); ++k) best.push_back({found[k], batch[k]});
        std::stable_sort(best.begin(), best.end(), [](const Valued& a, const Valued& b) { return a.value > b.value; });
    }
    return best;
}

// The best of the rows that are apart and not seen.
std::vector<Maximizer::Candidate> Maximizer::starts_among(ConstMatrix rows, const RowSet& seen) const {
    std::vector<Candidate> starts;
    std::vector<std::vector<double>> taken;   // their features
    std::vector<double> z(features_.size());
    for (const Valued& each : evaluate_best(rows, seen)) {
        if (starts.size() == options_.n_starts || std::isinf(each.value)) break;
        const double* row = rows.row(each.index);
        features_.map(row, z.data());
        if (std::any_of(taken.begin(), taken.end(), [&](const auto& other) { return distance(other, z) < apart_; })) continue;
        starts.push_back({{row, row + rows.cols}, each.value});
        taken.push_back(z);
    }
    return starts;
}

// Draws a function from the joint posterior at the most promising rows that were not seen, and takes the one where it is best;
// false if there is none.
bool Maximizer::draw(ConstMatrix rows, const RowSet& seen, const Stream& stream, double* out, double* value) const {
    const std::size_t d = rows.cols, f = features_.size();
    std::vector<std::size_t> order;
    RowSet taken(d);
    const std::vector<double> most = bounds(rows);
    for (Descending best(most); !best.empty() && order.size() < kJoint;) {
        const std::size_t i = best.next();
        if (taken.contains(rows.row(i)) || !is_free(rows.row(i), seen)) continue;
        taken.insert(rows.row(i));
        order.push_back(i);
    }
    const std::size_t q = order.size();
    if (q == 0) return false;
    std::vector<double> z(q * f), drawn(q), deviates(q), covariance(q * q);
    for (std::size_t i = 0; i < q; ++i) features_.map(rows.row(order[i]), z.data() + i * f);
    process_.joint({z.data(), q, f}, drawn.data(), {covariance.data(), q, q});
    std::vector<double> chance(q, 0.0);
    if (success_) success_->add_to({z.data(), q, f}, chance.data());
    Cholesky factor;
    factor.factor({covariance.data(), q, q});
    stream.uniform(deviates.data(), q, candidate_blocks(d));
    for (double& u : deviates) u = ndtri(std::max(u, 0x1p-54));
    *value = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < q; ++i) {
        for (std::size_t k = 0; k <= i; ++k) drawn[i] += factor.row(i)[k] * deviates[k];
        const double own = weighted_prior(rows.row(order[i]), nullptr) + chance[i] - drawn[i];
        if (!(own > *value)) continue;
        *value = own;
        std::copy_n(rows.row(order[i]), d, out);
    }
    return true;
}

// Squared, in lengthscales.
double Maximizer::distance(const std::vector<double>& za, const std::vector<double>& zb) const {
    double r2 = 0.0;
    for (std::size_t k = 0; k < za.size(); ++k) {
        const double difference = scales_[features_.column(k)] * (za[k] - zb[k]);
        r2 += difference * difference;
    }
    return r2;
}

// Moves each active start to a local maximum over its real columns, and over ordered ones of many levels too if `relaxed`,
// if that is acceptable and better. In units of the lengthscales, where the function bends alike along all columns.
void Maximizer::continuous(std::vector<Candidate>& starts, const std::vector<std::size_t>& active, bool relaxed, const Feasible& feasible,
                           const RowSet& seen) const {
    const std::size_t d = box_.dims(), n = active.size();
    std::vector<std::vector<std::size_t>> free(n);
    std::vector<Lbfgsb> searches;
    LbfgsbOptions options;
    options.max_evaluations = options_.n_evaluations;
    options.gradient_tolerance = 1e-4;
    options.value_tolerance = 1e-7;
    for (std::size_t i = 0; i < n; ++i) {
        const std::vector<double>& row = starts[active[i]].row;
        std::vector<double> x, upper;
        for (std::size_t j = 0; j < d; ++j)
            if ((relaxed ? is_relaxed(j) : box_.column(j).kind == Kind::real) && !std::isnan(row[j])) {
                free[i].push_back(j);
                x.push_back(row[j] * scales_[j]);
                upper.push_back(scales_[j]);
            }
        std::vector<double> lower(x.size(), 0.0);
        searches.emplace_back(std::move(x), std::move(lower), std::move(upper), options);
    }
    const auto put = [&](std::size_t i, const std::vector<double>& x, double* row) {
        for (std::size_t k = 0; k < free[i].size(); ++k) row[free[i][k]] = x[k] / scales_[free[i][k]];
    };
    std::vector<double> rows, values, gradient, g;
    std::vector<std::vector<double>> paths(n);   // the best value after each evaluation
    std::vector<std::size_t> running;
    for (std::size_t i = 0; i < n; ++i)
        if (!searches[i].done()) running.push_back(i);
    double best = -std::numeric_limits<double>::infinity();
    while (!running.empty()) {
        rows.clear();
        for (const std::size_t i : running) {
            const std::vector<double>& start = starts[active[i]].row;
            rows.insert(rows.end(), start.begin(), start.end());
            put(i, searches[i].x(), rows.data() + rows.size() - d);
        }
        values.resize(running.size());
        gradient.resize(running.size() * d);
        evaluate({rows.data(), running.size(), d}, values.data(), {gradient.data(), running.size(), d});
        for (std::size_t r = 0; r < running.size(); ++r) {
            const std::size_t i = running[r];
            g.clear();
            for (const std::size_t j : free[i]) g.push_back(-gradient[r * d + j] / scales_[j]);
            searches[i].report(-values[r], g.data());
            paths[i].push_back(-searches[i].best_value());
            best = std::max(best, paths[i].back());
        }
        // A search that at its pace would not reach the best one is given up.
        const auto is_over = [&](std::size_t i) {
            const std::vector<double>& path = paths[i];
            if (searches[i].done() || path.size() <= kPace) return searches[i].done();
            const double pace = (path.back() - path[path.size() - 1 - kPace]) / static_cast<double>(kPace);
            return path.back() + pace * static_cast<double>(options_.n_evaluations - path.size()) < best;
        };
        running.erase(std::remove_if(running.begin(), running.end(), is_over), running.end());
    }
    for (std::size_t i = 0; i < n; ++i) {
        if (free[i].empty()) continue;
        Candidate& start = starts[active[i]];
        std::vector<double> row = start.row;
        put(i, searches[i].best_x(), row.data());
        complete(row.data());
        keep_acceptable(row, feasible, seen);
        if (row.empty()) continue;
        double value;
        evaluate({row.data(), 1, d}, &value);
        if (value > start.value) start = {row, value};
    }
}

// The rows that differ from `start` in one discrete column, by all of its levels or by those nearby, and for each of them in which.
void Maximizer::changes(const std::vector<double>& start, std::vector<double>* rows, std::vector<std::size_t>* columns) const {
    std::vector<double> row;
    std::vector<std::int64_t> others;
    for (std::size_t j = 0; j < box_.dims(); ++j) {
        const Column& c = box_.column(j);
        if (c.kind == Kind::real || std::isnan(start[j])) continue;
        const std::int64_t own = box_.level(j, start[j]);
        others.clear();
        if (c.kind == Kind::categorical ? c.levels <= kMaxChoices : c.levels <= kRelaxed)
            for (std::int64_t k = 0; k < c.levels; ++k) others.push_back(k);
        else if (c.kind == Kind::ordered)
            others = {own - 4, own - 2, own - 1, own + 1, own + 2, own + 4};
        for (const std::int64_t k : others) {
            if (k == own || k < 0 || k >= c.levels) continue;
            row = start;
            double lower = static_cast<double>(k), upper = lower;
            if (c.kind == Kind::ordered) box_.cell(j, k, &lower, &upper);
            row[j] = 0.5 * (lower + upper);
            complete(row.data());
            rows->insert(rows->end(), row.begin(), row.end());
            columns->push_back(j);
        }
    }
}

// Improves each active start by the best change of a discrete column, or by the best changes of several, as many together as is
// best. Those that no change improves are active no longer.
void Maximizer::discrete(std::vector<Candidate>& starts, std::vector<std::size_t>& active, const Feasible& feasible, const RowSet& seen) const {
    const std::size_t d = box_.dims();
    std::vector<std::size_t> changed, columns, ends;   // of each start's changes
    std::vector<double> rows;
    for (const std::size_t i : active) {
        changes(starts[i].row, &rows, &columns);
        ends.push_back(columns.size());
    }
    const ConstMatrix all{rows.data(), columns.size(), d};
    const std::vector<std::uint8_t> ok = acceptable(all, feasible, seen);
    std::vector<double> values(all.rows);
    evaluate(all, values.data());
    std::size_t begin = 0;
    for (std::size_t k = 0; k < active.size(); begin = ends[k++]) {
        Candidate& start = starts[active[k]];
        std::vector<std::size_t> order;   // the changes that help, best first
        for (std::size_t i = begin; i < ends[k]; ++i)
            if (ok[i] && values[i] > start.value) order.push_back(i);
        if (order.empty()) continue;
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
        std::vector<double> row = start.row, together, found;
        std::vector<bool> used(d, false);
        for (const std::size_t i : order) {
            if (used[columns[i]]) continue;
            used[columns[i]] = true;
            row[columns[i]] = all.row(i)[columns[i]];
            if (i == order[0]) continue;
            together.insert(together.end(), row.begin(), row.end());
            complete(together.data() + together.size() - d);
        }
        start = {{all.row(order[0]), all.row(order[0]) + d}, values[order[0]]};
        changed.push_back(active[k]);
        keep_acceptable(together, feasible, seen);
        found.resize(together.size() / d);
        evaluate({together.data(), found.size(), d}, found.data());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const double* other = together.data() + i * d;
            if (found[i] > start.value) start = {{other, other + d}, found[i]};
        }
    }
    active = std::move(changed);
}

// Drops active starts that have come near a better one: they climb the same hill.
void Maximizer::merge(const std::vector<Candidate>& starts, std::vector<std::size_t>& active) const {
    const std::size_t f = features_.size();
    std::vector<std::vector<double>> z(starts.size(), std::vector<double>(f));
    for (std::size_t i = 0; i < starts.size(); ++i) features_.map(starts[i].row.data(), z[i].data());
    const auto is_behind = [&](std::size_t i) {
        for (std::size_t k = 0; k < starts.size(); ++k)
            if (k != i && (starts[k].value > starts[i].value || (starts[k].value == starts[i].value && k < i)) && distance(z[k], z[i]) < apart_) return true;
        return false;
    };
    active.erase(std::remove_if(active.begin(), active.end(), is_behind), active.end());
}

bool Maximizer::run(ConstMatrix incumbents, const Feasible& feasible, const RowSet& seen, const Stream& stream, double* out, double* value) const {
    Keep keep;
    if (feasible) keep = [&](std::vector<double>& drawn) { keep_acceptable(drawn, feasible, seen); };
    const std::vector<double> rows = candidates(box_, incumbents, options_.n_uniform, options_.n_local, stream, keep);
    const ConstMatrix all{rows.data(), rows.size() / box_.dims(), box_.dims()};
    if (acquisition_.kind == Acquire::thompson) return draw(all, seen, stream, out, value);
    std::vector<Candidate> starts = starts_among(all, seen);
    if (starts.empty()) return false;
    bool is_discrete = false, is_real = false, is_relaxed_any = false;
    for (std::size_t j = 0; j < box_.dims(); ++j) {
        const bool real = box_.column(j).kind == Kind::real;
        is_discrete = is_discrete || !real;
        is_real = is_real || real;
        is_relaxed_any = is_relaxed_any || (!real && is_relaxed(j));
    }
    std::vector<std::size_t> active(starts.size());
    std::iota(active.begin(), active.end(), std::size_t{0});
    if (is_relaxed_any) continuous(starts, active, true, feasible, seen);
    for (std::size_t round = 0;; ++round) {   // real columns come last: what was snapped or changed moves their maximum
        if (is_real) continuous(starts, active, false, feasible, seen);
        if (!is_discrete || round == options_.n_rounds) break;
        merge(starts, active);
        discrete(starts, active, feasible, seen);
        if (active.empty()) break;
    }
    const auto best = std::max_element(starts.begin(), starts.end(), [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
    std::copy(best->row.begin(), best->row.end(), out);
    *value = best->value;
    return true;
}

}  // namespace hpo
