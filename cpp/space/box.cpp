#include "space/box.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "base/parallel.h"
#include "base/simd.h"
#include "base/vmath.h"

namespace hpo {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kChunk = 256;          // of what is computed on the stack
constexpr int kSteps = 3, kPasses = 4;   // to invert the transform: Newton's steps, and values to find one that it gives
constexpr double kSmallestLog = -700.0;      // hpo::exp flushes a little below

// 10^|k| for the k with which x 10^k has about 12 digits before the point.
HPO_INLINE double power_of_ten(double x, double& k) {
    const double exponent = from_bits(((to_bits(x) >> 52) & 0x7ff) | 0x4330000000000000) - (0x1p52 + 1023.0);   // as in vmath.h
    k = 11.0 - std::floor(exponent * 0.30102999566398120);
    const std::uint64_t digits = to_bits(std::fabs(k) + 0x1p52);   // binary ones, from the lowest bit on
    const double ones = (digits & 1 ? 1e1 : 1.0) * (digits & 2 ? 1e2 : 1.0), fours = (digits & 4 ? 1e4 : 1.0) * (digits & 8 ? 1e8 : 1.0);
    return ones * fours * (digits & 16 ? 1e16 : 1.0);
}

// The decimal of about 12 digits that x is up to rounding (within `tolerance`), else x: a value that a person wrote comes
// back as written. The powers are exact doubles, so the last operation rounds to the nearest double of that decimal. There is
// no sum of a product in it, which some CPUs would round once and others twice: the bits are the same everywhere.
HPO_INLINE double tidy(double x, double tolerance) {
    double k;
    const double power = power_of_ten(x, k), up = k >= 0.0 ? power : 1.0, down = k >= 0.0 ? 1.0 : power;
    const double r = std::rint(x * up / down) * down / up;
    return std::fabs(k) <= 22.0 && std::fabs(r - x) <= tolerance ? r : x;
}

// That power by the exponent field of x, for a filter: where tidy() leaves x alone 1, and beyond 10^12 one that makes an integer of x.
struct Powers {
    double at[2048];
    Powers() {
        for (int exponent = 0; exponent < 2048; ++exponent) {
            double k;
            const double power = power_of_ten(from_bits(static_cast<std::uint64_t>(exponent) << 52), k);
            at[exponent] = k > 22.0 ? 1.0 : k >= 0.0 ? power : std::ldexp(1.0, 60 - (exponent - 1023));
        }
    }
};
const Powers kPowers;

// Not negative only if tidy(x, tolerance) is x, as of nearly every x below 10^12: it spares the divisions. (5e-16: four roundings.)
HPO_INLINE double far_from_decimals(double x, double tolerance) {
    const double power = kPowers.at[(to_bits(x) >> 52) & 0x7ff], scaled = x * power;
    return std::fabs(scaled - std::rint(scaled)) - (tolerance * power * 1.000001 + std::fabs(scaled) * 5e-16);
}

struct Range {   // of a real column, and the line t(u) = offset + u width, measured from the nearer end: both bounds come back exactly
    double low, high, offset, width, end;
    double absolute, relative;   // how far rounding may put a value x from its decimal: absolute + relative x, one of them 0

    Range(const Column& c, double offset, double width) : low(c.low), high(c.high), offset(offset), width(width), end(offset + width) {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        absolute = c.log ? 0.0 : 3.0 * eps * std::max({std::abs(low), std::abs(high), width});
        relative = c.log ? eps * (2.0 + std::abs(offset) + width) : 0.0;
    }
};

HPO_INLINE double on_line(double u, const Range& r) {
    return u <= 0.5 ? std::fma(u, r.width, r.offset) : std::fma(u - 1.0, r.width, r.end);
}

HPO_INLINE double inside(double u, double x, const Range& r) {
    const double y = x < r.low ? r.low : x > r.high ? r.high : x;
    return u == 0.0 ? r.low : u == 1.0 ? r.high : y;
}

HPO_CLONES void line(const double* u, double* out, std::size_t n, const Range& range) {
    const Range r = range;
    for (std::size_t i = 0; i < n; ++i) out[i] = on_line(u[i], r);
}

// x (n,), n <= kChunk: values of u (n,), up to rounding in, in full out.
HPO_CLONES void finish(const double* u, double* x, std::size_t n, const Range& range) {
    const Range r = range;
    constexpr double tiny = std::numeric_limits<double>::min(), below_one = 1.0 - std::numeric_limits<double>::epsilon() / 2;
    std::uint64_t signs[kChunk];   // the highest bit is set where x may not be the value yet
    for (std::size_t i = 0; i < n; ++i)
        signs[i] = to_bits(far_from_decimals(x[i], r.absolute + r.relative * x[i])) | to_bits(x[i] - r.low) | to_bits(r.high - x[i]) |
                   to_bits(u[i] - tiny) | to_bits(below_one - u[i]);
    for (std::size_t i = n; i % 8 != 0; ++i) signs[i] = 0;
    for (std::size_t start = 0; start < n; start += 8) {
        const std::uint64_t* s = signs + start;
        const std::uint64_t some = (s[0] | s[1]) | (s[2] | s[3]) | (s[4] | s[5]) | (s[6] | s[7]);
        if (!(some >> 63)) continue;
        for (std::size_t i = start; i < start + 8; ++i)
            if (signs[i] >> 63) x[i] = inside(u[i], tidy(x[i], r.absolute + r.relative * x[i]), r);
    }
}

// The largest k with k <= u m, of the exact product: near 2^52 levels the rounded one can be the next integer.
HPO_INLINE double floor_of_product(double u, double m) {
    const double k = std::floor(u * m);
    return std::fma(u, m, -k) < 0.0 ? k - 1.0 : k;
}

HPO_INLINE double at_most(double x, double top) { return x > top ? top : x; }

HPO_CLONES void linear_levels(const double* u, double* out, std::size_t n, double m) {
    for (std::size_t i = 0; i < n; ++i) out[i] = at_most(floor_of_product(u[i], m), m - 1.0);
}

// v (n,): values in, their levels out. Whether one is too near to the edge of its cell for the exp that v is from.
HPO_CLONES bool log_levels(double* v, std::size_t n, double first, double m) {
    std::uint64_t unsure = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double at = v[i] - first, k = std::floor(at + 0.5);
        unsure |= std::fabs(std::fabs(at - k) - 0.5) < 1e-13 * v[i] + 1e-9;
        v[i] = at_most(k < 0.0 ? 0.0 : k, m - 1.0);
    }
    return unsure != 0;
}

// k (n,): levels in, the middles of their cells out.
HPO_CLONES void middles(double* k, std::size_t n, double m) {
    for (std::size_t i = 0; i < n; ++i) k[i] = (k[i] + 0.5) / m;
}

HPO_CLONES void choices(double* u, std::size_t n, double m) {
    for (std::size_t i = 0; i < n; ++i) u[i] = at_most(std::floor(u[i] * m), m - 1.0);
}

// live[i] |= parent[i] in [first, last].
HPO_CLONES void mark(const double* parent, std::size_t n, double first, double last, std::uint64_t* live) {
    for (std::size_t i = 0; i < n; ++i) live[i] |= (parent[i] >= first) & (parent[i] <= last);
}

HPO_CLONES void mask(double* column, std::size_t n, const std::uint64_t* live) {
    for (std::size_t i = 0; i < n; ++i) column[i] = live[i] ? column[i] : kNaN;
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
    for (const Column& c : columns_) {
        auto& runs = active_.emplace_back();
        for (const std::int64_t k : c.parent_levels) {
            const double level = static_cast<double>(k);
            if (!runs.empty() && runs.back().last + 1.0 >= level) runs.back().last = level;
            else runs.push_back({level, level});
        }
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

bool Box::is_unit() const {
    for (std::size_t j = 0; j < dims(); ++j)
        if (columns_[j].kind != Kind::real || columns_[j].parent >= 0 || scales_[j].width == 0.0 || has_prior(j)) return false;
    return true;
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
    // By the formula, which the rounding of its quotient puts some bits beside, and then by Newton's steps to where decode() gives `raw`
    // itself. If it does not nearby (around 0 there are more floats than encoded values), what it gives there is encoded in turn.
    double u = 0.5;
    for (int pass = 0; pass < kPasses; ++pass) {
        u = std::clamp(((c.log ? std::log(raw) : raw) - s.offset) / s.width, 0.0, 1.0) + 0.0;   // not -0
        double x = decode(j, u);
        for (int step = 0; step < kSteps && x != raw; ++step) {
            u = std::clamp(u + (c.log ? (raw - x) / x : raw - x) / s.width, 0.0, 1.0);
            x = decode(j, u);
        }
        for (const int away : {1, -1, 2, -2}) {   // which rounding may have stepped over
            if (x == raw) break;
            double near = u;
            for (int k = 0; k < std::abs(away); ++k) near = std::clamp(std::nextafter(near, away > 0 ? 2.0 : -1.0), 0.0, 1.0);
            if (decode(j, near) != raw) continue;
            u = near;
            x = raw;
        }
        if (x == raw) break;
        raw = x;
    }
    return u;
}

void Box::recode(double* row) const {
    for (std::size_t j = 0; j < dims(); ++j)
        if (columns_[j].kind == Kind::real) row[j] = encode(j, decode(j, row[j]));
}

std::int64_t Box::level(std::size_t j, double u) const {
    const Column& c = columns_[j];
    if (c.kind == Kind::categorical) return static_cast<std::int64_t>(u);
    const double m = static_cast<double>(c.levels);
    double k;
    if (c.log) {
        k = std::round(std::exp(scales_[j].offset + u * scales_[j].width) - c.first);
    } else {
        k = floor_of_product(u, m);
    }
    return static_cast<std::int64_t>(std::clamp(k, 0.0, m - 1.0));
}

double Box::decode(std::size_t j, double u) const {
    const Column& c = columns_[j];
    const Scale& s = scales_[j];
    if (std::isnan(u)) return u;
    if (c.kind != Kind::real) return static_cast<double>(level(j, u));
    if (s.width == 0.0) return c.low;
    const Range range(c, s.offset, s.width);
    double x = on_line(u, range);
    if (c.log && s.offset > kSmallestLog) hpo::exp(&x, &x, 1);
    else if (c.log) x = std::exp(x);
    return inside(u, tidy(x, range.absolute + range.relative * x), range);   // what finish() does where its filter is in doubt
}

void Box::decode(std::size_t j, const double* u, double* out, std::size_t n) const {
    const Column& c = columns_[j];
    const Scale& s = scales_[j];
    if (c.kind == Kind::categorical) {
        std::copy_n(u, n, out);
        return;
    }
    if (c.kind == Kind::ordered) return levels(j, u, out, n);
    const Range range(c, s.offset, s.width);
    if (s.width == 0.0) {
        for (std::size_t i = 0; i < n; ++i) out[i] = std::isnan(u[i]) ? kNaN : c.low;
        return;
    }
    double t[kChunk];
    for (std::size_t start = 0; start < n; start += kChunk) {
        const std::size_t m = std::min(kChunk, n - start);
        line(u + start, t, m, range);
        if (c.log && s.offset > kSmallestLog) hpo::exp(t, t, m);
        else if (c.log) std::transform(t, t + m, t, [](double x) { return std::exp(x); });
        finish(u + start, t, m, range);
        std::copy_n(t, m, out + start);
    }
}

void Box::levels(std::size_t j, const double* u, double* out, std::size_t n) const {
    const Column& c = columns_[j];
    const Scale& s = scales_[j];
    const double m = static_cast<double>(c.levels);
    if (!c.log) return linear_levels(u, out, n, m);
    double v[kChunk];
    for (std::size_t start = 0; start < n; start += kChunk) {
        const std::size_t count = std::min(kChunk, n - start);
        line(u + start, v, count, Range(c, s.offset, s.width));
        hpo::exp(v, v, count);
        if (log_levels(v, count, c.first, m))
            for (std::size_t i = 0; i < count; ++i) v[i] = std::isnan(u[start + i]) ? kNaN : static_cast<double>(level(j, u[start + i]));
        std::copy_n(v, count, out + start);
    }
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
        double column[kChunk];
        for (std::size_t start = begin; start < end; start += kChunk) {
            const std::size_t n = std::min(kChunk, end - start);
            for (std::size_t j = 0; j < dims(); ++j) {
                for (std::size_t i = 0; i < n; ++i) column[i] = rows.row(start + i)[j];
                decode(j, column, column, n);
                for (std::size_t i = 0; i < n; ++i) out.row(start + i)[j] = column[i];
            }
        }
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

void Box::from_unit(double* columns, std::size_t n, std::size_t stride, Form form) const {
    // Levels first: what is active hangs on them. A real column needs no change to be a row's.
    for (std::size_t j = 0; j < dims(); ++j) {
        double* column = columns + j * stride;
        if (columns_[j].kind == Kind::ordered) levels(j, column, column, n);
        if (columns_[j].kind == Kind::categorical) choices(column, n, static_cast<double>(columns_[j].levels));
    }
    std::vector<std::uint64_t> live;
    for (const std::size_t j : order_) {
        if (columns_[j].parent < 0) continue;
        live.assign(n, 0);
        const double* parent = columns + static_cast<std::size_t>(columns_[j].parent) * stride;
        for (const Levels& run : active_[j]) mark(parent, n, run.first, run.last, live.data());
        mask(columns + j * stride, n, live.data());
    }
    for (std::size_t j = 0; j < dims(); ++j) {
        double* column = columns + j * stride;
        const Column& c = columns_[j];
        if (form == Form::raw && c.kind == Kind::real) decode(j, column, column, n);
        if (form == Form::raw) continue;
        if (c.kind == Kind::ordered && !c.log) middles(column, n, scales_[j].width);
        else if (c.kind == Kind::ordered || (c.kind == Kind::real && scales_[j].width == 0.0))
            for (std::size_t i = 0; i < n; ++i) column[i] = encode(j, column[i]);
    }
}

void Box::from_prior(double* columns, std::size_t n, std::size_t stride, Form form) const {
    for (std::size_t j = 0; j < dims(); ++j) {
        double* column = columns + j * stride;
        for (std::size_t i = 0; has_prior(j) && i < n; ++i) column[i] = prior_quantile(j, column[i]);
    }
    from_unit(columns, n, stride, form);
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
    if (at.size() == 1) return at[0];
    const double parts = static_cast<double>(at.size()), t = std::clamp(u * parts - 0.5, 0.0, parts - 1.0);
    const auto k = std::min(static_cast<std::size_t>(t), at.size() - 2);
    if (by_u && t > 0.0 && t < parts - 1.0) *by_u = (at[k + 1] - at[k]) * parts;
    return at[k] + (at[k + 1] - at[k]) * (t - static_cast<double>(k));
}

}  // namespace hpo
