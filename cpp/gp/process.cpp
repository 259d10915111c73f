#include "gp/process.h"

#include <algorithm>
#include <cmath>

#include "base/simd.h"
#include "linalg/lapack.h"

namespace hpo {

namespace {

char kUpper = 'U', kTransposed = 'T', kPlain = 'N';
double kOne = 1.0, kZero = 0.0;
constexpr double kSmallestVariance = 1e-12;   // of the signal
constexpr std::size_t kLeading = 8;           // one observation in so many, the first ones, bounds the variance: 1/64 of the work of all

// In eight sums: one would wait for each addition.
HPO_CLONES double dot(const double* x, const double* y, std::size_t n) {
    double sum[8] = {};
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (std::size_t k = 0; k < 8; ++k) sum[k] += x[i + k] * y[i + k];
    for (; i < n; ++i) sum[i % 8] += x[i] * y[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

double squared_length(const double* x, std::size_t n) { return dot(x, x, n); }

// Where x (n,) >= 0 is largest, n > 0.
HPO_CLONES std::size_t largest(const double* x, std::size_t n) {
    double most[8] = {};
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (std::size_t k = 0; k < 8; ++k) most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
    for (; i < n; ++i) most[0] = x[i] > most[0] ? x[i] : most[0];
    for (std::size_t k = 1; k < 8; ++k) most[0] = most[k] > most[0] ? most[k] : most[0];
    for (i = 0; i + 8 <= n; i += 8) {
        bool is_here = false;
        for (std::size_t k = 0; k < 8; ++k) is_here |= x[i + k] == most[0];
        if (is_here) break;
    }
    while (i + 1 < n && x[i] != most[0]) ++i;
    return i;
}

}  // namespace

void Process::cross(ConstMatrix x, Matrix out) const {
    int n = static_cast<int>(out.cols), q = static_cast<int>(x.rows), f = static_cast<int>(features_.size());
    double minus_two = -2.0;
    if (n > 0 && f > 0)
        lapack().dgemm(&kTransposed, &kPlain, &n, &q, &f, &minus_two, const_cast<double*>(x_.data()), &f, const_cast<double*>(x.data), &f, &kZero,
                       out.data, &n);
    else std::fill_n(out.data, out.rows * out.cols, 0.0);
    for (std::size_t i = 0; i < x.rows; ++i) {
        const double own = squared_length(x.row(i), x.cols);
        double* r2 = out.row(i);
        for (std::size_t k = 0; k < out.cols; ++k) r2[k] += own + norms_[k];
    }
}

void Process::add_effects(ConstMatrix effects, Matrix k, std::size_t few) const {
    int n = static_cast<int>(few), stride = static_cast<int>(k.cols), q = static_cast<int>(k.rows), g = static_cast<int>(effects_.size());
    if (n > 0 && g > 0)
        lapack().dgemm(&kTransposed, &kPlain, &n, &q, &g, &kOne, const_cast<double*>(e_.data()), &g, const_cast<double*>(effects.data), &g, &kOne,
                       k.data, &stride);
}

Process::Queries Process::queries(ConstMatrix z, bool with_slope, bool with_effects) const {
    const std::size_t q = z.rows, n = size(), f = features_.size(), g = effects_.size();
    Queries out;
    out.x.resize(q * f);
    out.effects.resize(q * g);
    out.prior.resize(q);
    out.k = buffer(q * n);
    if (with_slope) out.slope = buffer(q * n);
    for (std::size_t i = 0; i < q; ++i) {
        scaling_(z.row(i), out.x.data() + i * f);
        effects_(z.row(i), out.effects.data() + i * g);
        out.prior[i] = signal_ + squared_length(out.effects.data() + i * g, g);
    }
    cross({out.x.data(), q, f}, {out.k.get(), q, n});
    kernel(smoothness_, out.k.get(), q * n, signal_, out.k.get(), out.slope.get());
    if (with_effects) add_effects({out.effects.data(), q, g}, {out.k.get(), q, n}, n);
    return out;
}

void Process::factor(const Theta& theta, ConstMatrix z) {
    const std::size_t n = z.rows, f = features_.size(), d = features_.dims();
    theta_ = theta;
    signal_ = std::exp(theta[d]);
    noise_ = std::exp(theta[d + 1]);
    scaling_ = Scaling(features_, theta);
    effects_ = Effects(features_, theta);
    const std::size_t g = effects_.size();
    x_.resize(n * f);
    norms_.resize(n);
    e_.resize(n * g);
    reach_.resize(n);
    std::vector<double> k(n * n);
    const Matrix covariance{k.data(), n, n};
    for (std::size_t i = 0; i < n; ++i) {
        scaling_(z.row(i), x_.data() + i * f);
        norms_[i] = squared_length(x_.data() + i * f, f);
        effects_(z.row(i), e_.data() + i * g);
    }
    cross({x_.data(), n, f}, covariance);
    for (std::size_t i = 0; i < n; ++i) {
        kernel(smoothness_, covariance.row(i), i, signal_, covariance.row(i), nullptr);
        covariance.row(i)[i] = signal_ + noise_;
    }
    add_effects({e_.data(), n, g}, covariance, n);
    for (std::size_t i = 0; i < n; ++i) reach_[i] = covariance.row(i)[i];
    cholesky_.factor(covariance);
    for (double& r : reach_) r = 1.0 / std::sqrt(r + jitter());
    alpha_.assign(n, 0.0);
    coefficients_.assign(g, 0.0);
}

void Process::append(const double* z) {
    const std::size_t f = features_.size();
    const Queries fresh = queries({z, 1, f}, false);
    const double variance = fresh.prior[0] + noise_;
    cholesky_.append(fresh.k.get(), variance, 0.5 * noise_);   // the noise alone bounds the pivot: less is rounding
    x_.insert(x_.end(), fresh.x.begin(), fresh.x.end());
    norms_.push_back(squared_length(fresh.x.data(), f));
    e_.insert(e_.end(), fresh.effects.begin(), fresh.effects.end());
    reach_.push_back(1.0 / std::sqrt(variance + jitter()));
    alpha_.push_back(0.0);
}

void Process::append(ConstMatrix z) {
    const std::size_t m = z.rows, n = size(), f = features_.size();
    if (m == 0) return;
    const Queries fresh = queries(z, false);
    std::vector<double> own(m * m), k(m * (n + m));
    covariances(fresh, {own.data(), m, m});
    for (std::size_t i = 0; i < m; ++i) {
        double* row = k.data() + i * (n + m);
        std::copy_n(fresh.k.get() + i * n, n, row);
        std::copy_n(own.data() + i * m, i + 1, row + n);
        row[n + i] += noise_;
        norms_.push_back(squared_length(fresh.x.data() + i * f, f));
        reach_.push_back(1.0 / std::sqrt(row[n + i] + jitter()));
    }
    cholesky_.append({k.data(), m, n + m}, 0.5 * noise_);
    x_.insert(x_.end(), fresh.x.begin(), fresh.x.end());
    e_.insert(e_.end(), fresh.effects.begin(), fresh.effects.end());
    alpha_.resize(n + m, 0.0);
}

void Process::truncate(std::size_t n) {
    cholesky_.truncate(n);
    x_.resize(n * features_.size());
    norms_.resize(n);
    e_.resize(n * effects_.size());
    reach_.resize(n);
    alpha_.resize(n);
}

void Process::set_targets(const double* y, std::size_t m) {
    // The leading m rows of L factor the leading block of K.
    alpha_.assign(size(), 0.0);
    std::copy_n(y, m, alpha_.data());
    const std::size_t g = effects_.size();
    cholesky_.solve_lower({alpha_.data(), 1, size()}, m);
    cholesky_.solve_upper({alpha_.data(), 1, size()}, m);
    coefficients_.assign(g, 0.0);
    for (std::size_t a = 0; a < m; ++a)
        for (std::size_t k = 0; k < g; ++k) coefficients_[k] += alpha_[a] * e_[a * g + k];
}

void Process::mean_at_points(const double* y, std::size_t m, double* out) const {
    for (std::size_t i = 0; i < m; ++i) out[i] = y[i] - (noise_ + jitter()) * alpha_[i];
}

void Process::mean(ConstMatrix z, double* out, double* variance_bound) const {
    const std::size_t q = z.rows, n = size(), g = effects_.size(), few = n / kLeading;
    Queries at = queries(z, false, false);   // the mean needs no more of the effects than their coefficients
    const Matrix k{at.k.get(), q, n};
    const ConstMatrix effects{at.effects.data(), q, g};
    times_alpha(k, out);
    for (std::size_t i = 0; i < q; ++i) out[i] += dot(effects.row(i), coefficients_.data(), g);
    if (!variance_bound) return;
    for (std::size_t i = 0; i < q; ++i) {
        const std::size_t a = n > 0 ? largest(k.row(i), n) : 0;
        const double most = n > 0 ? reach_[a] * (k.row(i)[a] + dot(effects.row(i), e_.data() + a * g, g)) : 0.0;
        variance_bound[i] = most * most;
    }
    add_effects(effects, k, few);
    cholesky_.solve_lower(k, few);
    for (std::size_t i = 0; i < q; ++i) {
        const double known = std::max(variance_bound[i], squared_length(k.row(i), few));
        variance_bound[i] = std::max(at.prior[i] - known, kSmallestVariance * signal_);
    }
}

void Process::times_alpha(ConstMatrix k, double* out) const {
    int points = static_cast<int>(k.cols), queries = static_cast<int>(k.rows), one = 1;
    if (k.cols > 0)
        lapack().dgemv(&kTransposed, &points, &queries, &kOne, const_cast<double*>(k.data), &points, const_cast<double*>(alpha_.data()), &one, &kZero, out, &one);
    else std::fill_n(out, k.rows, 0.0);
}

void Process::moments(Queries& at, double* mean, double* variance, ConstMatrix inverse_factor) const {
    const std::size_t q = at.prior.size(), n = size();
    const Matrix k{at.k.get(), q, n};
    times_alpha(k, mean);
    if (inverse_factor.data) multiply_lower(inverse_factor, k);
    else cholesky_.solve_lower(k);
    for (std::size_t i = 0; i < q; ++i) variance[i] = std::max(at.prior[i] - squared_length(k.row(i), n), kSmallestVariance * signal_);
}

std::vector<double> Process::inverse_factor() const {
    std::vector<double> out(size() * size());
    cholesky_.inverse_factor({out.data(), size(), size()});
    return out;
}

void Process::posterior(ConstMatrix z, double* mean, double* variance, ConstMatrix inverse_factor) const {
    Queries at = queries(z, false);
    moments(at, mean, variance, inverse_factor);
}

// As one product with the points, in scaled coordinates x, then by the chain rule.
void Process::gradients(const Queries& at, ConstMatrix z, const double* c, std::initializer_list<Matrix> outs) const {
    const std::size_t q = z.rows, n = size(), f = features_.size();
    std::vector<double> product(outs.size() * q * f), by_z(f), unused(f);
    int rows = static_cast<int>(outs.size() * q), columns = static_cast<int>(f), points = static_cast<int>(n);
    if (f > 0 && n > 0)
        lapack().dgemm(&kPlain, &kPlain, &columns, &rows, &points, &kOne, const_cast<double*>(x_.data()), &columns, const_cast<double*>(c), &points,
                       &kZero, product.data(), &columns);
    const double *of = c, *along = product.data();
    for (std::size_t i = 0; i < q; ++i) {
        scaling_(z.row(i), unused.data(), by_z.data(), unused.data(), unused.data());
        for (const Matrix& out : outs) {
            double total = 0.0;
            for (std::size_t a = 0; a < n; ++a) total += of[a];
            for (std::size_t j = 0; j < f; ++j) out.row(i)[j] = (at.x[i * f + j] * total - along[j]) * by_z[j];
            of += n;
            along += f;
        }
    }
}

void Process::mean(ConstMatrix z, double* out, Matrix d_mean) const {
    const std::size_t q = z.rows, n = size();
    Queries at = queries(z, true);
    times_alpha({at.k.get(), q, n}, out);
    for (std::size_t i = 0; i < q; ++i)
        for (std::size_t a = 0; a < n; ++a) at.slope[i * n + a] *= 2.0 * alpha_[a];
    gradients(at, z, at.slope.get(), {d_mean});
    for (std::size_t i = 0; i < q; ++i) effects_.add_gradient(z.row(i), coefficients_.data(), d_mean.row(i));
}

void Process::posterior(ConstMatrix z, double* mean, double* variance, Matrix d_mean, Matrix d_variance) const {
    const std::size_t q = z.rows, n = size(), g = effects_.size();
    Queries at = queries(z, true);
    moments(at, mean, variance, {});
    double* const v = at.k.get();   // L^-1 k, then K^-1 k
    cholesky_.solve_upper({v, q, n});
    // Of the stationary kernel d mu / dz = sum_a alpha_a slope_a 2 (z - z_a), d var / dz = -2 sum_a v_a slope_a 2 (z - z_a).
    const Buffer c = buffer(2 * q * n);
    for (std::size_t i = 0; i < q; ++i) {
        double *cm = c.get() + 2 * i * n, *cv = cm + n;
        for (std::size_t a = 0; a < n; ++a) {
            cm[a] = 2.0 * alpha_[a] * at.slope[i * n + a];
            cv[a] = -4.0 * v[i * n + a] * at.slope[i * n + a];
        }
    }
    gradients(at, z, c.get(), {d_mean, d_variance});
    // Of the effects d mu / de = sum_a alpha_a e_a, d var / de = 2 e - 2 sum_a v_a e_a.
    std::vector<double>& by_e = at.effects;
    int queried = static_cast<int>(q), effects = static_cast<int>(g), points = static_cast<int>(n);
    double two = 2.0, minus_two = -2.0;
    if (g > 0 && n > 0)
        lapack().dgemm(&kPlain, &kPlain, &effects, &queried, &points, &minus_two, const_cast<double*>(e_.data()), &effects, v, &points, &two,
                       by_e.data(), &effects);
    for (std::size_t i = 0; i < q; ++i) {
        effects_.add_gradient(z.row(i), coefficients_.data(), d_mean.row(i));
        effects_.add_gradient(z.row(i), by_e.data() + i * g, d_variance.row(i));
    }
}

void Process::covariances(const Queries& at, Matrix out) const {
    const std::size_t q = at.prior.size(), f = features_.size();
    for (std::size_t i = 0; i < q; ++i) {
        double* row = out.row(i);
        for (std::size_t j = 0; j <= i; ++j) {
            row[j] = 0.0;
            for (std::size_t k = 0; k < f; ++k) row[j] += (at.x[i * f + k] - at.x[j * f + k]) * (at.x[i * f + k] - at.x[j * f + k]);
        }
        kernel(smoothness_, row, i + 1, signal_, row, nullptr);
    }
    int size = static_cast<int>(q), stride = static_cast<int>(out.cols), effects = static_cast<int>(effects_.size());
    if (effects > 0)
        lapack().dsyrk(&kUpper, &kTransposed, &size, &effects, &kOne, const_cast<double*>(at.effects.data()), &effects, &kOne, out.data, &stride);
}

void Process::joint(ConstMatrix z, double* mean, Matrix covariance) const {
    const std::size_t q = z.rows, n = size();
    if (q == 0) return;
    Queries at = queries(z, false);
    times_alpha({at.k.get(), q, n}, mean);
    cholesky_.solve_lower({at.k.get(), q, n});
    covariances(at, covariance);
    int size = static_cast<int>(q), points = static_cast<int>(n);
    double minus_one = -1.0;
    if (n > 0) lapack().dsyrk(&kUpper, &kTransposed, &size, &points, &minus_one, at.k.get(), &points, &kOne, covariance.data, &size);
}

}  // namespace hpo
