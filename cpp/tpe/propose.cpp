#include "tpe/propose.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "base/parallel.h"
#include "base/vmath.h"

namespace hpo {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::size_t kMaxExtra = 125;   // pending trials for which the pool still grows; beyond, its window moves on
constexpr std::size_t kMaxCandidates = 1 << 14;   // that are drawn before none of them is feasible

}  // namespace

void TpeOptions::check() const {
    if (n_candidates < 1) throw std::invalid_argument("n_candidates must be at least 1");
    if (!(good_fraction > 0.0 && good_fraction < 1.0)) throw std::invalid_argument("good_fraction must lie in (0, 1)");
    if (good_max < 1) throw std::invalid_argument("good_max must be at least 1");
    if (max_kernels < 2) throw std::invalid_argument("max_kernels must be at least 2");
    parzen.check();
}

Tpe::Tpe(const Box& box, const Grid& grid, const TpeOptions& options, std::uint64_t seed, int threads)
    : box_(box), grid_(grid), options_(options), seed_(seed), threads_(threads), startup_(box, seed), pool_(box.dims()) {
    options_.check();
    std::vector<std::vector<std::size_t>> members;
    for (const std::size_t j : box.parents_first()) {
        const Column& c = box.column(j);
        const auto same = std::find_if(members.begin(), members.end(), [&](const auto& m) {
            return options.multivariate && box.column(m[0]).parent == c.parent && box.column(m[0]).parent_levels == c.parent_levels;
        });
        if (same == members.end()) members.push_back({j});
        else same->push_back(j);
    }
    ParzenOptions good = options.parzen;   // the user's priors say where good values are
    good.box_priors = !options.parzen.exact;
    for (auto& m : members) {
        std::sort(m.begin(), m.end());
        // A reservoir of its own seed a group: otherwise all would drop the same observations.
        groups_.push_back({m[0], m, Reservoir(options.max_kernels, seed ^ (m[0] * 0x9E3779B97F4A7C15u)), Parzen(box, m, good),
                           Parzen(box, m, options.parzen), {}, {}, {}, {}});
    }
}

std::size_t Tpe::n_told() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return n_;
}

bool Tpe::active(const Group& group, std::int64_t id) const { return !std::isnan(row(id)[group.condition_of]); }

void Tpe::tell(ConstMatrix rows, const double* y) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t i = 0; i < rows.rows; ++i) tell_one(rows.row(i), y[i]);
}

void Tpe::tell_one(const double* told, double y) {
    rows_.insert(rows_.end(), told, told + box_.dims());
    const auto id = static_cast<std::int64_t>(n_++);
    const auto for_each_group = [&](std::int64_t of, void (Reservoir::*change)(std::int64_t)) {
        for (auto& group : groups_)
            if (active(group, of)) (group.bad_ids.*change)(of);
    };
    // The good ones are a prefix of top_. What enters it leaves the bad ones, and the other way round.
    std::vector<std::int64_t> before;
    for (std::size_t i = 0; i < n_good_; ++i) before.push_back(top_[i].second);
    const auto entry = std::make_pair(y, id);
    std::size_t rank = top_.size();
    if (y < kInf && (top_.size() < options_.good_max || entry < top_.back())) {
        const auto at = top_.insert(std::upper_bound(top_.begin(), top_.end(), entry), entry);
        rank = static_cast<std::size_t>(at - top_.begin());
        if (top_.size() > options_.good_max) top_.pop_back();
    }
    const auto wanted = static_cast<std::size_t>(std::ceil(options_.good_fraction * static_cast<double>(n_)));
    const std::size_t n_good = std::min({wanted, options_.good_max, top_.size()});
    if (n_good == n_good_ && rank >= n_good) {
        for_each_group(id, &Reservoir::insert);
        return;
    }
    n_good_ = n_good;
    good_changed_ = true;
    std::vector<std::int64_t> after;
    for (std::size_t i = 0; i < n_good_; ++i) after.push_back(top_[i].second);
    const auto holds = [](const std::vector<std::int64_t>& ids, std::int64_t x) { return std::find(ids.begin(), ids.end(), x) != ids.end(); };
    for (const std::int64_t x : after)
        if (x != id && !holds(before, x)) for_each_group(x, &Reservoir::erase);
    for (const std::int64_t x : before)
        if (!holds(after, x)) for_each_group(x, &Reservoir::insert);
    if (!holds(after, id)) for_each_group(id, &Reservoir::insert);
}

// The mixtures of what has been told; in exact mode the pending points are members of the bad ones too.
void Tpe::synchronise(ConstMatrix pending) {
    std::vector<std::pair<std::int64_t, double>> good;   // with their weights, by age
    for (std::size_t i = 0; good_changed_ && i < n_good_; ++i)
        good.emplace_back(top_[i].second, std::log(static_cast<double>(n_good_ + 1) / static_cast<double>(i + 1)));
    std::sort(good.begin(), good.end());
    std::vector<std::int64_t> ids;
    std::vector<double> weights;
    const std::size_t told = rows_.size();
    if (options_.parzen.exact) rows_.insert(rows_.end(), pending.data, pending.data + pending.rows * pending.cols);
    for (auto& group : groups_) {
        if (good_changed_) {
            ids.clear();
            weights.clear();
            double total = 0.0;
            for (const auto& [id, weight] : good) {
                if (!active(group, id)) continue;
                ids.push_back(id);
                weights.push_back(weight);
                total += weight;
            }
            for (double& w : weights) w *= static_cast<double>(ids.size()) / total;
            group.good.update(ids, rows_.data(), {}, true, options_.rank_weights ? &weights : nullptr);
        }
        const auto changed = group.bad_ids.take_changes();
        if (options_.parzen.exact) {
            ids = group.bad_ids.ids();
            for (std::size_t p = 0; p < pending.rows; ++p)
                if (active(group, static_cast<std::int64_t>(n_ + p))) ids.push_back(static_cast<std::int64_t>(n_ + p));
            group.bad.update(ids, rows_.data(), {}, true);
        } else if (!changed.empty()) {
            group.bad.update(group.bad_ids.ids(), rows_.data(), changed, false);
        }
    }
    rows_.resize(told);
    good_changed_ = false;
}

void Tpe::fill_pool(std::uint64_t key, std::size_t first, std::size_t end) {
    pool_.resize(end - first, first);
    const Stream stream(seed_, key, Purpose::tpe);
    const auto blocks = static_cast<std::uint32_t>((box_.dims() + groups_.size() + 1) / 2);
    for (std::size_t g = 0; g < groups_.size(); ++g) groups_[g].good.sample(stream, blocks, g, pool_);
    score();
}

void Tpe::score() {
    const std::size_t n = pool_.size();
    for (auto& group : groups_) {
        group.log_good.resize(n);
        group.log_bad.resize(n);
        group.ratio.resize(n);
        group.pending.assign(n, 0.0);
        const std::size_t work = (group.bad.size() + 1) * (group.columns.size() + 4);
        parallel_for(n, threads_, 500000 / work + 1, [&](std::size_t begin, std::size_t end) {
            group.good.log_density(pool_, begin, end - begin, group.log_good.data() + begin);
            group.bad.log_density(pool_, begin, end - begin, group.log_bad.data() + begin);
            for (std::size_t i = begin; i < end; ++i) group.ratio[i] = group.log_good[i] - group.log_bad[i];
        });
    }
}

// Adds pending rows to the bad densities of the pool: g (1 + sum of kernel / g).
void Tpe::add_pending(ConstMatrix rows) {
    if (options_.parzen.exact || rows.rows == 0) return;
    const std::size_t n = pool_.size();
    std::vector<double> log_kernel(n);
    for (auto& group : groups_) {
        for (std::size_t p = 0; p < rows.rows; ++p) {
            if (std::isnan(rows.row(p)[group.condition_of])) continue;
            group.bad.log_kernel(group.bad.kernel(rows.row(p)), pool_, log_kernel.data());
            for (std::size_t i = 0; i < n; ++i) log_kernel[i] -= group.log_bad[i];
            exp(log_kernel.data(), log_kernel.data(), n);
            for (std::size_t i = 0; i < n; ++i) group.pending[i] += log_kernel[i];
        }
        for (std::size_t i = 0; i < n; ++i) log_kernel[i] = 1.0 + group.pending[i];
        log(log_kernel.data(), log_kernel.data(), n);
        for (std::size_t i = 0; i < n; ++i) group.ratio[i] = group.log_good[i] - group.log_bad[i] - log_kernel[i];
    }
}

// Candidate i with its inactive groups NaN.
void Tpe::copy_candidate(std::size_t i, double* out) const {
    for (const auto& group : groups_) {
        const bool is_active = box_.active(group.condition_of, out);
        for (const std::size_t j : group.columns) out[j] = is_active ? pool_.column(j)[i] : std::numeric_limits<double>::quiet_NaN();
    }
}

// The best acceptable candidate in [window, end): first the best of each group put together, then candidates as drawn.
bool Tpe::choose(std::size_t window, std::size_t end, const Feasible& feasible, const RowSet& seen, double* out, double* score) const {
    const auto acceptable = [&](const double* candidate) {
        if (seen.contains(candidate)) return false;
        std::uint8_t ok = 1;
        if (feasible) feasible({candidate, 1, box_.dims()}, &ok);
        return ok != 0;
    };
    *score = 0.0;
    for (const auto& group : groups_) {
        const bool is_active = box_.active(group.condition_of, out);
        std::size_t best = window;
        for (std::size_t i = window + 1; is_active && i < end; ++i)
            if (group.ratio[i] > group.ratio[best]) best = i;
        for (const std::size_t j : group.columns) out[j] = is_active ? pool_.column(j)[best] : std::numeric_limits<double>::quiet_NaN();
        if (is_active) *score += group.ratio[best];
    }
    if (acceptable(out)) return true;
    const std::size_t d = box_.dims();
    std::vector<double> rows((end - window) * d), scores(end - window, 0.0);
    for (std::size_t i = window; i < end; ++i) {
        double* candidate = rows.data() + (i - window) * d;
        copy_candidate(i, candidate);
        for (const auto& group : groups_)
            if (!std::isnan(candidate[group.condition_of])) scores[i - window] += group.ratio[i];
    }
    std::vector<std::uint8_t> ok(end - window, 1);
    if (feasible) feasible({rows.data(), end - window, d}, ok.data());
    std::vector<std::size_t> order(end - window);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    for (const std::size_t i : order) {
        if (!ok[i] || seen.contains(rows.data() + i * d)) continue;
        std::copy_n(rows.data() + i * d, d, out);
        *score = scores[i];
        return true;
    }
    return false;
}

std::size_t Tpe::suggest(std::uint64_t number, ConstMatrix pending, const Feasible& feasible, RowSet& seen, Matrix out, Suggested* how) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (n_ < options_.n_startup || top_.empty()) {
        return distinct_rows(out, seen, [&](std::size_t i, double* row) {
            how[i] = {Path::sobol, 0.0};
            startup_.row(number + i, grid_, feasible, seen, row);
        });
    }
    const std::uint64_t key = number - pending.rows;
    const auto window = [&](std::size_t p) { return options_.candidates_per_pending * (p > kMaxExtra ? p - kMaxExtra : 0); };
    const auto candidates = [&](std::size_t p) { return options_.n_candidates + options_.candidates_per_pending * p; };
    std::vector<double> waiting(pending.data, pending.data + pending.rows * pending.cols);
    const auto prepare = [&](std::size_t p, std::size_t end) {
        synchronise({waiting.data(), p, box_.dims()});
        fill_pool(key, window(p), end);
        add_pending({waiting.data(), p, box_.dims()});
    };
    if (!options_.parzen.exact) prepare(pending.rows, candidates(pending.rows + out.rows - 1));
    return distinct_rows(out, seen, [&](std::size_t i, double* row) {
        const std::size_t p = pending.rows + i;
        if (options_.parzen.exact) prepare(p, candidates(p));
        else if (i > 0) add_pending({out.row(i - 1), 1, box_.dims()});
        std::size_t end = candidates(p);
        const auto choose_from = [&](std::size_t first) {
            return choose(first - pool_.first(), end - pool_.first(), feasible, seen, row, &how[i].score);
        };
        bool found = choose_from(window(p));
        // Constraints that none of them satisfies: more of them, before a draw from everywhere takes their place.
        while (!found && feasible && end < kMaxCandidates) {
            const std::size_t first = end;
            end *= 4;
            if (end > pool_.first() + pool_.size()) prepare(p, end);
            found = choose_from(first);
        }
        if (found && settle(box_, feasible, seen, row)) {
            how[i].path = Path::tpe;
        } else {
            how[i] = {Path::uniform, 0.0};
            unseen_row(box_, grid_, seed_, number + i, Purpose::uniform, feasible, seen, row);
        }
        waiting.insert(waiting.end(), row, row + box_.dims());
    });
}

void Tpe::log_ratio(ConstMatrix rows, ConstMatrix pending, double* out) {
    const std::lock_guard<std::mutex> lock(mutex_);
    synchronise(pending);
    pool_.resize(rows.rows);
    for (std::size_t i = 0; i < rows.rows; ++i)
        for (std::size_t j = 0; j < rows.cols; ++j) pool_.column(j)[i] = std::isnan(rows.row(i)[j]) ? 0.0 : rows.row(i)[j];
    score();
    add_pending(pending);
    for (std::size_t i = 0; i < rows.rows; ++i) {
        out[i] = 0.0;
        for (const auto& group : groups_)
            if (!std::isnan(rows.row(i)[group.condition_of])) out[i] += group.ratio[i];
    }
}

}  // namespace hpo
