#include "tpe/parzen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/normal.h"
#include "base/vmath.h"
#include "tpe/tile.h"

namespace hpo {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr std::size_t kRecent = 25;
// A cell this many bandwidths away gets phi(z) / z, z at its nearer edge, with z held at kFar: e^-18 of the kernel, which the
// prior kernel drowns.
constexpr double kFar = 6.0;
constexpr double kLogFar = 1.79175946922805500081;

std::size_t padded(std::size_t n) { return (n + kTile - 1) / kTile * kTile; }

}  // namespace

void ParzenOptions::check() const {
    if (!(prior_weight > 0.0 && std::isfinite(prior_weight))) throw std::invalid_argument("prior_weight must be positive and finite");
    if (!(min_bandwidth > 0.0 && min_bandwidth <= 1.0)) throw std::invalid_argument("min_bandwidth must lie in (0, 1]");
    if (!(keep >= 0.0 && keep < 1.0)) throw std::invalid_argument("keep must lie in [0, 1)");
}

// A cell so narrow against every kernel that its mass is the density at its centre times its width.
bool Parzen::is_narrow(double lower, double upper) const { return !options_.exact && upper - lower <= 0.5 * min_sigma_; }

bool Parzen::is_smooth(const Numeric& c) const {
    if (!c.ordered) return true;
    double lower, upper;
    box_.cell(c.j, 0, &lower, &upper);   // the widest: on a log scale cells shrink upwards
    return is_narrow(lower, upper);
}

// Cells that are wide against the narrowest kernel need their masses: row l of the table is the log mass of a level under
// each distinct (mu, sigma), shifted so that it can be added where a narrow cell adds -z^2.
struct Parzen::Table {
    std::vector<double> levels;         // u of the levels in the table, ascending
    std::vector<std::size_t> pair_of;   // by slot
    std::size_t pairs = 0;
    std::vector<double> log_mass;       // (levels, pairs)
};

Parzen::Parzen(const Box& box, std::vector<std::size_t> columns, const ParzenOptions& options)
    : box_(box), columns_(std::move(columns)), options_(options) {
    options_.check();
    for (const std::size_t j : columns_) {
        has_box_prior_ = has_box_prior_ || (options.box_priors && box.has_prior(j));
        if (box.column(j).kind == Kind::categorical) {
            categorical_.push_back({j, static_cast<double>(box.column(j).levels), {}, 0.0, 0.0});
        } else {
            numeric_.emplace_back();
            numeric_.back().j = j;
            numeric_.back().ordered = box.column(j).kind == Kind::ordered;
        }
    }
    update({}, nullptr, {}, true);
}

void Parzen::resize(std::size_t slots) {
    ids_.resize(slots + 1, -1);
    const std::size_t n = padded(slots + 1);
    for (auto& c : numeric_) {
        c.mu.resize(n, 0.5);
        c.sigma.resize(n, 1.0);
        c.inverse.resize(n, kSqrtHalf);
        c.scaled_mu.resize(n, 0.5 * kSqrtHalf);
        c.below.resize(n, 0.0);
        c.mass.resize(n, 1.0);
        c.log_norm.resize(n, 0.0);
    }
    for (auto& c : categorical_) c.choice.resize(n, -1.0);
    norm_.resize(n);
    base_.resize(n);
}

void Parzen::unlink(std::size_t slot) {
    const std::int64_t id = ids_[slot];
    for (auto& c : numeric_) c.neighbours.erase(static_cast<std::uint32_t>(slot), c.mu[slot], ids_);
    members_.erase(std::lower_bound(members_.begin(), members_.end(), std::make_pair(id, std::size_t{0})));
    ids_[slot] = -1;
}

void Parzen::link(std::size_t slot, std::int64_t id, const double* row) {
    const auto member = std::make_pair(id, slot);
    members_.insert(std::lower_bound(members_.begin(), members_.end(), member), member);
    ids_[slot] = id;
    for (auto& c : numeric_) {
        c.mu[slot] = row[c.j];
        c.neighbours.insert(static_cast<std::uint32_t>(slot), row[c.j], ids_);
    }
    for (auto& c : categorical_) c.choice[slot] = row[c.j];
}

void Parzen::rebuild(const std::vector<std::int64_t>& ids, const double* told) {
    const std::size_t d = box_.dims();
    ids_.assign(1, -1);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    resize(ids.size());
    members_.clear();
    for (std::size_t s = 1; s < ids_.size(); ++s) members_.emplace_back(ids_[s], s);
    std::sort(members_.begin(), members_.end());
    std::vector<std::uint32_t> by_age;
    for (const auto& [id, slot] : members_) by_age.push_back(static_cast<std::uint32_t>(slot));
    for (auto& c : numeric_) {
        c.mu[0] = 0.5;
        for (std::size_t s = 1; s < ids_.size(); ++s) c.mu[s] = told[static_cast<std::size_t>(ids_[s]) * d + c.j];
        c.neighbours.rebuild(by_age, c.mu);
    }
    for (auto& c : categorical_) {
        c.choice[0] = -1.0;
        for (std::size_t s = 1; s < ids_.size(); ++s) c.choice[s] = told[static_cast<std::size_t>(ids_[s]) * d + c.j];
    }
    min_sigma_ = -1.0;   // every bandwidth is new
}

void Parzen::update(const std::vector<std::int64_t>& ids, const double* told, const std::vector<std::size_t>& changed, bool all,
                    const std::vector<double>* weights) {
    if (all || changed.size() > 8 + ids.size() / 8) {
        rebuild(ids, told);
    } else {
        for (const std::size_t s : changed)
            if (s + 1 < ids_.size() && ids_[s + 1] >= 0) unlink(s + 1);
        resize(ids.size());
        for (const std::size_t s : changed)
            if (s < ids.size()) link(s + 1, ids[s], told + static_cast<std::size_t>(ids[s]) * box_.dims());
    }
    finish(weights);
}

void Parzen::set_bandwidths(Numeric& c, const std::vector<std::size_t>& slots) {
    const std::size_t n = slots.size();
    std::vector<double> a(n), b(n), mass(n), log_mass(n);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t s = slots[i];
        c.sigma[s] = s == 0 ? 1.0 : std::clamp(c.neighbours.gap(s), min_sigma_, 1.0);
        c.inverse[s] = kSqrtHalf / c.sigma[s];
        c.scaled_mu[s] = c.mu[s] * c.inverse[s];
        a[i] = -c.mu[s] / c.sigma[s];
        b[i] = (1.0 - c.mu[s]) / c.sigma[s];
    }
    ndtr(a.data(), a.data(), n);
    ndtr(b.data(), b.data(), n);
    for (std::size_t i = 0; i < n; ++i) mass[i] = b[i] - a[i];   // at least 1/3: the mean is inside
    log(mass.data(), log_mass.data(), n);
    for (std::size_t i = 0; i < n; ++i) mass[i] = c.sigma[slots[i]];
    log(mass.data(), mass.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t s = slots[i];
        c.below[s] = a[i];
        c.mass[s] = b[i] - a[i];
        c.log_norm[s] = -kHalfLog2Pi - mass[i] - log_mass[i];
    }
}

// Bandwidths of what changed, then weights and constants of all.
void Parzen::finish(const std::vector<double>* weights) {
    const std::size_t slots = ids_.size();
    const double n_kernels = static_cast<double>(slots);
    const double min_sigma = 1.0 / std::min(1.0 / options_.min_bandwidth, 1.0 + n_kernels);
    const bool all = min_sigma != min_sigma_;
    min_sigma_ = min_sigma;
    std::vector<std::size_t> every, renewed;
    if (all)
        for (std::size_t s = 0; s < slots; ++s) every.push_back(s);
    for (auto& c : numeric_) {
        std::vector<std::size_t> changed = c.neighbours.take_changed();
        changed.erase(std::remove_if(changed.begin(), changed.end(), [&](std::size_t s) { return s >= slots || ids_[s] < 0; }), changed.end());
        set_bandwidths(c, all ? every : changed);
        if (!all) renewed.insert(renewed.end(), changed.begin(), changed.end());
    }
    for (const std::size_t s : all ? every : renewed) {
        norm_[s] = 0.0;
        for (const auto& c : numeric_) norm_[s] += c.log_norm[s];
    }
    // Weights by age (Bergstra & Cox, "Hyperparameter optimization and boosting for classifying facial expressions", 2013).
    const std::size_t n = members_.size();
    std::vector<double> weight(slots, 1.0);
    if (weights) {
        std::copy(weights->begin(), weights->end(), weight.begin() + 1);
    } else if (options_.recency && n >= kRecent) {
        const std::size_t ramp = n - kRecent;
        const double first = 1.0 / static_cast<double>(n);
        for (std::size_t r = 0; r < ramp; ++r) {
            const double t = ramp > 1 ? static_cast<double>(r) / static_cast<double>(ramp - 1) : 0.0;
            weight[members_[r].second] = first + (1.0 - first) * t;
        }
    }
    weight[0] = n == 0 ? 1.0 : options_.prior_weight;
    double total = 0.0;
    cumulative_.resize(slots);
    for (std::size_t s = 0; s < slots; ++s) cumulative_[s] = total += weight[s];
    log_total_ = std::log(total);
    log(weight.data(), weight.data(), slots);
    const double smoothing = options_.prior_weight / n_kernels;
    double miss = 0.0, uniform = 0.0;
    for (auto& c : categorical_) {
        const double sum = 1.0 + c.choices * smoothing;
        c.log_hit = std::log((1.0 + smoothing) / sum);
        c.log_miss = std::log(smoothing / sum);
        miss += c.log_miss;
        uniform -= std::log(c.choices);
    }
    for (std::size_t s = 0; s < slots; ++s) base_[s] = weight[s] - log_total_ + (s == 0 ? uniform : miss) + norm_[s];
    std::fill(base_.begin() + static_cast<std::ptrdiff_t>(slots), base_.end(), -kInf);
    log_prior_weight_ = weight[0] - log_total_;
    if (has_box_prior_) base_[0] = -kInf;
}

double Parzen::log_box_prior(const Pool& pool, std::size_t i) const {
    double sum = log_prior_weight_;
    for (const std::size_t j : columns_) sum += box_.log_prior(j, pool.column(j)[i]);
    for (const auto& c : categorical_) sum -= std::log(c.choices);
    for (const auto& c : numeric_) {
        if (!c.ordered) continue;
        double lower, upper;
        box_.cell(c.j, box_.level(c.j, pool.column(c.j)[i]), &lower, &upper);
        if (!is_narrow(lower, upper)) sum += std::log(upper - lower);
    }
    return sum;
}

Parzen::Table Parzen::make_table(const Numeric& c, const double* x, std::size_t n, double* log_width) const {
    Table table;
    if (!c.ordered) return table;
    std::vector<double> lower, upper, levels(x, x + n);
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    std::vector<double> narrow(levels.size(), 0.0);
    for (std::size_t l = 0; l < levels.size(); ++l) {
        double lo, hi;
        box_.cell(c.j, box_.level(c.j, levels[l]), &lo, &hi);
        if (is_narrow(lo, hi)) {
            narrow[l] = std::log(hi - lo);
            continue;
        }
        table.levels.push_back(levels[l]);
        lower.push_back(lo);
        upper.push_back(hi);
    }
    const std::size_t kept = table.levels.size();
    if (kept < levels.size())
        for (std::size_t i = 0; i < n; ++i)
            log_width[i] += narrow[static_cast<std::size_t>(std::lower_bound(levels.begin(), levels.end(), x[i]) - levels.begin())];
    if (kept == 0) return table;
    // Equal values are neighbours in the sorted column; nearly all of them have the same bandwidth.
    table.pair_of.assign(base_.size(), 0);
    std::vector<double> mu{0.5}, sigma{1.0};
    for (std::size_t i = 0; i < c.neighbours.slots().size(); ++i) {
        const double value = c.neighbours.means()[i];
        const std::size_t s = c.neighbours.slots()[i];
        std::size_t p = mu.size();
        while (p > 1 && mu[p - 1] == value && sigma[p - 1] != c.sigma[s]) --p;
        if (p <= 1 || mu[p - 1] != value) {
            mu.push_back(value);
            sigma.push_back(c.sigma[s]);
            p = mu.size();
        }
        table.pair_of[s] = p - 1;
    }
    table.pairs = mu.size();
    std::vector<double> log_sigma(mu.size()), a(mu.size()), b(mu.size());
    std::vector<std::size_t> near(mu.size());
    log(sigma.data(), log_sigma.data(), sigma.size());
    table.log_mass.resize(kept * table.pairs);
    for (std::size_t l = 0; l < kept; ++l) {
        double* out = table.log_mass.data() + l * table.pairs;
        std::size_t n_near = 0;
        for (std::size_t p = 0; p < table.pairs; ++p) {
            const double from = (lower[l] - mu[p]) / sigma[p], to = (upper[l] - mu[p]) / sigma[p];
            const double z = std::max({from, -to, 0.0});
            if (z > kFar && !options_.exact) {
                out[p] = -0.5 * z * z - kLogFar + log_sigma[p];
                continue;
            }
            a[n_near] = from;
            b[n_near] = to;
            near[n_near++] = p;
        }
        log_interval_mass(a.data(), b.data(), a.data(), n_near);
        for (std::size_t i = 0; i < n_near; ++i) out[near[i]] = a[i] + log_sigma[near[i]] + kHalfLog2Pi;
    }
    return table;
}

void Parzen::log_density(const Pool& pool, std::size_t first, std::size_t n, double* out) const {
    std::vector<Table> tables;
    std::vector<double> log_width(n, 0.0);
    for (const auto& c : numeric_) tables.push_back(make_table(c, pool.column(c.j) + first, n, log_width.data()));
    // Columns by how they are added: squares where every cell is narrow, else a table. A candidate in a narrow cell of a
    // column with a table takes the squares of that column alone. The order of additions is that of the columns' cells and
    // not of the candidates at hand, so that a candidate has the same bits in any company.
    std::vector<std::size_t> smooth, tabled;
    for (std::size_t k = 0; k < numeric_.size(); ++k) (is_smooth(numeric_[k]) ? smooth : tabled).push_back(k);
    const std::size_t pairs = (smooth.size() + 1) / 2 * 2;
    const std::vector<double> zeros(kTile, 0.0);
    std::vector<const double*> scaled_mu(pairs, zeros.data()), inverse(scaled_mu);
    std::vector<double> acc(kQueries * kTile), expanded, x(pairs * kQueries, 0.0);
    for (std::size_t q0 = 0; q0 < n; q0 += kQueries) {
        const std::size_t nq = std::min(kQueries, n - q0), fours = (nq + 3) / 4 * 4;
        for (std::size_t k = 0; k < smooth.size(); ++k) {
            const double* column = pool.column(numeric_[smooth[k]].j) + first + q0;
            for (std::size_t q = 0; q < kQueries; ++q) x[k * kQueries + q] = column[std::min(q, nq - 1)];
        }
        double top[kQueries], sum[kQueries];
        std::fill(top, top + kQueries, -kInf);
        std::fill(sum, sum + kQueries, 0.0);
        for (std::size_t t0 = 0; t0 < base_.size(); t0 += kTile) {
            for (std::size_t q = 0; q < fours; ++q) std::copy_n(base_.data() + t0, kTile, acc.data() + q * kTile);
            for (std::size_t k = 0; k < smooth.size(); ++k) {
                scaled_mu[k] = numeric_[smooth[k]].scaled_mu.data() + t0;
                inverse[k] = numeric_[smooth[k]].inverse.data() + t0;
            }
            subtract_squares(scaled_mu.data(), inverse.data(), x.data(), pairs, fours, acc.data());
            for (const std::size_t k : tabled) {
                const auto& c = numeric_[k];
                const Table& table = tables[k];
                const double* column = pool.column(c.j) + first + q0;
                // Each level in the table is expanded to the tile's kernels once, then added to its candidates.
                expanded.resize(table.levels.size() * kTile);
                std::vector<char> done(table.levels.size(), 0);
                for (std::size_t q = 0; q < nq; ++q) {
                    double* a = acc.data() + q * kTile;
                    const auto l = static_cast<std::size_t>(std::lower_bound(table.levels.begin(), table.levels.end(), column[q]) - table.levels.begin());
                    if (l == table.levels.size() || table.levels[l] != column[q]) {
                        subtract_square(c.scaled_mu.data() + t0, c.inverse.data() + t0, column[q], a);
                        continue;
                    }
                    double* e = expanded.data() + l * kTile;
                    if (!done[l]) {
                        for (std::size_t t = 0; t < kTile; ++t) e[t] = table.log_mass[l * table.pairs + table.pair_of[t0 + t]];
                        done[l] = 1;
                    }
                    for (std::size_t t = 0; t < kTile; ++t) a[t] += e[t];
                }
            }
            for (const auto& c : categorical_) {
                const double* column = pool.column(c.j) + first + q0;
                for (std::size_t q = 0; q < nq; ++q) add_where_equal(c.choice.data() + t0, column[q], c.log_hit - c.log_miss, acc.data() + q * kTile);
            }
            for (std::size_t q = 0; q < nq; ++q) fold_tile(acc.data() + q * kTile, &top[q], &sum[q]);
        }
        for (std::size_t q = 0; q < nq; ++q) {
            double value = sum[q] > 0.0 ? top[q] + std::log(sum[q]) : -kInf;
            if (has_box_prior_) {
                const double prior = log_box_prior(pool, first + q0 + q), larger = std::max(value, prior);
                value = larger + std::log(std::exp(value - larger) + std::exp(prior - larger));
            }
            out[q0 + q] = value + log_width[q0 + q];
        }
    }
}

Parzen::Kernel Parzen::kernel(const double* row) const {
    const std::size_t d = numeric_.size();
    Kernel kernel{row, std::vector<double>(d), -log_total_};
    std::vector<double> a(d), b(d), log_sigma(d);
    for (std::size_t k = 0; k < d; ++k) {
        const auto& c = numeric_[k];
        const double mu = row[c.j];
        kernel.sigma[k] = std::clamp(c.neighbours.gap_of(mu), min_sigma_, 1.0);
        a[k] = -mu / kernel.sigma[k];
        b[k] = (1.0 - mu) / kernel.sigma[k];
    }
    log_interval_mass(a.data(), b.data(), a.data(), d);
    log(kernel.sigma.data(), log_sigma.data(), d);
    for (std::size_t k = 0; k < d; ++k) kernel.constant -= a[k] + log_sigma[k] + kHalfLog2Pi;
    for (const auto& c : categorical_) kernel.constant += c.log_miss;
    return kernel;
}

void Parzen::log_kernel(const Kernel& kernel, const Pool& pool, double* out) const {
    const std::size_t n = pool.size();
    std::fill(out, out + n, kernel.constant);
    std::vector<double> lower, upper;
    std::vector<std::size_t> wide;
    for (std::size_t k = 0; k < numeric_.size(); ++k) {
        const auto& c = numeric_[k];
        const double* x = pool.column(c.j);
        const double mu = kernel.row[c.j], sigma = kernel.sigma[k];
        if (!c.ordered) {
            subtract_kernel(x, kSqrtHalf / sigma, mu * (kSqrtHalf / sigma), n, out);
            continue;
        }
        // Narrow or wide is a matter of the candidate alone, as in make_table: what else is in the pool must not matter.
        lower.clear();
        upper.clear();
        wide.clear();
        const double inverse = kSqrtHalf / sigma, scaled_mu = mu * inverse, log_sigma = std::log(sigma);
        for (std::size_t i = 0; i < n; ++i) {
            double lo, hi;
            box_.cell(c.j, box_.level(c.j, x[i]), &lo, &hi);
            if (is_narrow(lo, hi)) {
                const double z = x[i] * inverse - scaled_mu;
                out[i] += std::log(hi - lo) - z * z;
            } else {
                wide.push_back(i);
                lower.push_back((lo - mu) / sigma);
                upper.push_back((hi - mu) / sigma);
            }
        }
        log_interval_mass(lower.data(), upper.data(), lower.data(), wide.size());
        for (std::size_t w = 0; w < wide.size(); ++w) out[wide[w]] += lower[w] + log_sigma + kHalfLog2Pi;
    }
    for (const auto& c : categorical_) {
        const double* x = pool.column(c.j);
        for (std::size_t i = 0; i < n; ++i) out[i] += x[i] == kernel.row[c.j] ? c.log_hit - c.log_miss : 0.0;
    }
}

void Parzen::sample(const Stream& stream, std::uint32_t blocks, std::size_t salt, Pool& pool) const {
    const std::size_t dims = pool.dims(), n = pool.size();
    std::vector<double> uniform(blocks * std::size_t{2});
    std::vector<double> quantile(n * numeric_.size());
    std::vector<std::size_t> slots(n);
    std::vector<char> settled(n * numeric_.size(), 0);
    for (std::size_t i = 0; i < n; ++i) {
        stream.uniform(uniform.data(), uniform.size(), static_cast<std::uint32_t>(pool.first() + i) * blocks);
        const double u = uniform[dims + salt] * cumulative_.back();
        const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u) - cumulative_.begin();
        const std::size_t s = slots[i] = std::min(static_cast<std::size_t>(found), cumulative_.size() - 1);
        const bool mutates = options_.keep > 0.0 && s != 0;
        // Where u lies inside the kernel's share of the weight says which column is drawn in any case.
        const double below = s == 0 ? 0.0 : cumulative_[s - 1];
        const double place = (u - below) / (cumulative_[s] - below) * static_cast<double>(columns_.size());
        const std::size_t fresh = columns_[std::min(static_cast<std::size_t>(place), columns_.size() - 1)];
        // Whether column j keeps its value; if not, what is left of its uniform number is one again.
        const auto keeps = [&](std::size_t j) {
            double& v = uniform[j];
            const bool is_kept = v < options_.keep;
            v = is_kept ? v / options_.keep : (v - options_.keep) / (1.0 - options_.keep);
            return is_kept && j != fresh;
        };
        for (std::size_t k = 0; k < numeric_.size(); ++k) {
            const auto& c = numeric_[k];
            double& x = pool.column(c.j)[i];
            if (mutates && keeps(c.j)) x = c.mu[s];
            else if (s == 0 && options_.box_priors && box_.has_prior(c.j)) x = box_.snap(c.j, box_.prior_quantile(c.j, uniform[c.j]));
            else {
                quantile[k * n + i] = c.below[s] + uniform[c.j] * c.mass[s];
                continue;
            }
            settled[k * n + i] = 1;
        }
        for (const auto& c : categorical_) {
            const bool is_kept = mutates && keeps(c.j);
            const double v = uniform[c.j];
            double choice;
            if (is_kept) {
                choice = c.choice[s];
            } else if (s == 0) {
                choice = std::floor((options_.box_priors ? box_.prior_quantile(c.j, v) : v) * c.choices);
            } else if (const double hit = std::exp(c.log_hit); v < hit || c.choices == 1.0) {
                choice = c.choice[s];
            } else {   // one of the others, evenly
                choice = std::min(std::floor((v - hit) / (1.0 - hit) * (c.choices - 1.0)), c.choices - 2.0);
                if (choice >= c.choice[s]) choice += 1.0;
            }
            pool.column(c.j)[i] = choice;
        }
    }
    ndtri(quantile.data(), quantile.data(), quantile.size());
    for (std::size_t k = 0; k < numeric_.size(); ++k) {
        const auto& c = numeric_[k];
        double* x = pool.column(c.j);
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t s = slots[i];
            if (!settled[k * n + i]) x[i] = box_.snap(c.j, c.mu[s] + c.sigma[s] * quantile[k * n + i]);
        }
    }
}

}  // namespace hpo
