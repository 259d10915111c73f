#include "space/box.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "base/parallel.h"

namespace hpo {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// The decimal of about 12 digits that x is up to rounding (within `tolerance`), else x: a value that a person wrote comes
// back as written. The powers are exact doubles, so the last operation rounds to the nearest double of that decimal.
double tidy(double x, double tolerance) {
    if (x == 0.0) return 0.0;
    const int k = 11 - static_cast<int>(std::floor(std::ilogb(x) * 0.30102999566398120));
    if (k < -22 || k > 22) return x;
    const double r = k >= 0 ? std::rint(x * kPowersOfTen[k]) / kPowersOfTen[k] : std::rint(x / kPowersOfTen[-k]) * kPowersOfTen[-k];
    return std::abs(r - x) <= tolerance ? r : x;
}

}  // namespace

void Column::check() const {
    const auto fail = [](const char* what) { throw std::invalid_argument(what); };
    if (kind == Kind::real) {
        if (!(std::isfinite(low) && std::isfinite(high) && low <= high)) fail("real column: need finite low <= high");
        if (log && !(low > 0.0)) fail("real column with log: need low > 0");
    } else {
        if (levels < 1 || levels > (std::int64_t{1} << 52)) fail("column: levels must be in [1, 2^52]");
        if (log && (kind != Kind::ordered || !(first > 0.5))) fail("log needs an ordered column with first > 1/2");
    }
    if (!std::is_sorted(parent_levels.begin(), parent_levels.end())) fail("parent_levels must be ascending");
    if (kind == Kind::categorical && !prior.empty() && static_cast<std::int64_t>(prior.size()) != levels) fail("prior: one mass per choice");
    double total = 0.0;
    for (const double mass : prior) {
        if (!(mass >= 0.0)) fail("prior: masses must not be negative");
        total += mass;
    }
    if (!prior.empty() && !(std::abs(total - 1.0) < 1e-6)) fail("prior: masses must add up to 1");
}

Box::Box(std::vector<Column> columns) : columns_(std::move(columns)) {
    const int d = static_cast<int>(columns_.size());
    for (const Column& c : columns_) {
        c.check();
        if (c.parent >= d) throw std::invalid_argument("column: parent out of range");
        if (c.parent >= 0 && columns_[static_cast<std::size_t>(c.parent)].kind == Kind::real)
            throw std::invalid_argument("column: a real column cannot be a parent");
        if (c.kind == Kind::real) {
            const double lower = c.log ? std::log(c.low) : c.low;
            scales_.push_back({lower, (c.log ? std::log(c.high) : c.high) - lower});
        } else if (c.log) {
            const double lower = std::log(c.first - 0.5);
            scales_.push_back({lower, std::log(c.first + static_cast<double>(c.levels) - 0.5) - lower});
        } else {
            scales_.push_back({0.0, static_cast<double>(c.levels)});
        }
        Prior prior;
        if (!c.prior.empty()) {
            prior.cumulative.assign(1, 0.0);
            for (const double mass : c.prior) {
                prior.cumulative.push_back(prior.cumulative.back() + mass);
                prior.log_density.push_back(std::log((1.0 - kDoubt) * mass * static_cast<double>(c.prior.size()) + kDoubt));
            }
        }
        priors_.push_back(std::move(prior));
    }
    // Parents before children: repeat until nothing is left; what remains then is a cycle.
    std::vector<char> placed(columns_.size(), 0);
    while (order_.size() < columns_.size()) {
        const std::size_t before = order_.size();
        for (std::size_t j = 0; j < columns_.size(); ++j) {
            const int p = columns_[j].parent;
            if (!placed[j] && (p < 0 || placed[static_cast<std::size_t>(p)])) {
                placed[j] = 1;
                order_.push_back(j);
            }
        }
        if (order_.size() == before) throw std::invalid_argument("columns: cyclic parents");
    }
}

double Box::encode(std::size_t j, double raw) const {
    const Column& c = columns_[j];
    const Scale& s = scales_[j];
    if (c.kind == Kind::categorical || std::isnan(raw)) return raw;
    if (c.kind == Kind::ordered) {
        if (c.levels == 1) return 0.5;
        return c.log ? (std::log(c.first + raw) - s.offset) / s.width : (raw + 0.5) / s.width;
    }
    if (s.width == 0.0) return 0.5;
    return std::clamp(((c.log ? std::log(raw) : raw) - s.offset) / s.width, 0.0, 1.0);
}

std::int64_t Box::level(std::size_t j, double u) const {
    const Column& c = columns_[j];
    if (c.kind == Kind::categorical) return static_cast<std::int64_t>(u);
    const double m = static_cast<double>(c.levels);
    double k;
    if (c.log) {
        k = std::round(std::exp(scales_[j].offset + u * scales_[j].width) - c.first);
    } else {
        // floor(u m) of the exact product: near 2^52 levels the rounded one can land on the next integer.
        const double product = u * m;
        k = std::floor(product);
        const double rest = (product - k) + std::fma(u, m, -product);
        if (rest < 0.0) k -= 1.0;
        if (rest >= 1.0) k += 1.0;
    }
    return static_cast<std::int64_t>(std::clamp(k, 0.0, m - 1.0));
}

double Box::decode(std::size_t j, double u) const {
    const Column& c = columns_[j];
    const Scale& s = scales_[j];
    if (std::isnan(u)) return u;
    if (c.kind != Kind::real) return static_cast<double>(level(j, u));
    if (s.width == 0.0) return c.low;
    // Measured from the nearer end, so that both bounds come back exactly.
    const double t = u <= 0.5 ? s.offset + u * s.width : (s.offset + s.width) - (1.0 - u) * s.width;
    if (u == 0.0) return c.low;
    if (u == 1.0) return c.high;
    const double x = c.log ? std::exp(t) : t;
    constexpr double eps = std::numeric_limits<double>::epsilon();
    const double rounding = c.log ? x * eps * (1.0 + std::abs(s.offset) + s.width) : 3.0 * eps * std::max({std::abs(c.low), std::abs(c.high), s.width});
    return std::clamp(tidy(x, rounding), c.low, c.high);
}

void Box::cell(std::size_t j, std::int64_t k, double* lower, double* upper) const {
    const Column& c = columns_[j];
    const Scale& s = scales_[j];
    const double x = static_cast<double>(k);
    *lower = k == 0 ? 0.0 : c.log ? (std::log(c.first + x - 0.5) - s.offset) / s.width : x / s.width;
    *upper = k + 1 == c.levels ? 1.0 : c.log ? (std::log(c.first + x + 0.5) - s.offset) / s.width : (x + 1.0) / s.width;
}

bool Box::active(std::size_t j, const double* row) const {
    const Column& c = columns_[j];
    if (c.parent < 0) return true;
    const std::size_t p = static_cast<std::size_t>(c.parent);
    return !std::isnan(row[p]) && std::binary_search(c.parent_levels.begin(), c.parent_levels.end(), level(p, row[p]));
}

void Box::encode(ConstMatrix raw, Matrix out, int threads) const {
    parallel_for(raw.rows, threads, 4096, [&](std::size_t begin, std::size_t end) {
        for (std::size_t j = 0; j < dims(); ++j)
            for (std::size_t i = begin; i < end; ++i) out.row(i)[j] = encode(j, raw.row(i)[j]);
    });
}

void Box::decode(ConstMatrix rows, Matrix out, int threads) const {
    parallel_for(rows.rows, threads, 4096, [&](std::size_t begin, std::size_t end) {
        for (std::size_t j = 0; j < dims(); ++j)
            for (std::size_t i = begin; i < end; ++i) out.row(i)[j] = decode(j, rows.row(i)[j]);
    });
}

double Box::snap(std::size_t j, double u) const {
    const Column& c = columns_[j];
    if (c.kind == Kind::real) return scales_[j].width == 0.0 ? 0.5 : std::clamp(u, 0.0, 1.0) + 0.0;   // + 0.0: no -0.0
    if (c.kind == Kind::categorical) return std::clamp(std::floor(u), 0.0, static_cast<double>(c.levels - 1)) + 0.0;
    return encode(j, static_cast<double>(level(j, std::clamp(u, 0.0, 1.0))));
}

void Box::deactivate(double* row) const {
    for (const std::size_t j : order_)
        if (!active(j, row)) row[j] = kNaN;
}

void Box::snap(double* row) const {
    for (std::size_t j = 0; j < dims(); ++j)
        if (!std::isnan(row[j])) row[j] = snap(j, row[j]);
    deactivate(row);
}

void Box::from_unit(double* row) const {
    for (std::size_t j = 0; j < dims(); ++j) {
        const Column& c = columns_[j];
        row[j] = snap(j, c.kind == Kind::categorical ? row[j] * static_cast<double>(c.levels) : row[j]);
    }
    deactivate(row);
}

void Box::from_prior(double* row) const {
    for (std::size_t j = 0; j < dims(); ++j)
        row[j] = prior_quantile(j, row[j]);
    from_unit(row);
}

double Box::prior_quantile(std::size_t j, double p) const {
    const std::vector<double>& below = priors_[j].cumulative;
    if (below.empty()) return p;
    const double target = p * below.back();
    // The last part that begins at or below the target: one with mass, since an empty one begins where the next does.
    const auto after = std::upper_bound(below.begin(), below.end() - 1, target);
    const auto k = static_cast<std::size_t>(after - below.begin()) - 1;
    const double mass = below[k + 1] - below[k], place = mass > 0.0 ? std::min((target - below[k]) / mass, 1.0) : 0.0;
    constexpr double below_one = 1.0 - std::numeric_limits<double>::epsilon() / 2;
    return std::min((static_cast<double>(k) + place) / static_cast<double>(below.size() - 1), below_one);
}

double Box::log_prior(std::size_t j, double u, double* by_u) const {
    const std::vector<double>& at = priors_[j].log_density;
    if (by_u) *by_u = 0.0;
    if (at.empty()) return 0.0;
    if (columns_[j].kind == Kind::categorical) return at[static_cast<std::size_t>(level(j, u))];
    const double parts = static_cast<double>(at.size()), t = std::clamp(u * parts - 0.5, 0.0, parts - 1.0);
    const auto k = std::min(static_cast<std::size_t>(t), std::max<std::size_t>(at.size(), 2) - 2);
    if (at.size() == 1) return at[0];
    if (by_u && t > 0.0 && t < parts - 1.0) *by_u = (at[k + 1] - at[k]) * parts;
    return at[k] + (at[k + 1] - at[k]) * (t - static_cast<double>(k));
}

}  // namespace hpo
