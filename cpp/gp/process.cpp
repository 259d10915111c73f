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

// In eight sums: one would wait for each addition.
HPO_CLONES double squared_length(const double* x, std::size_t n) {
    double sum[8] = {};
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (std::size_t k = 0; k < 8; ++k) sum[k] += x[i + k] * x[i + k];
    for (; i < n; ++i) sum[i % 8] += x[i] * x[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

HPO_CLONES double largest(const double* x, std::size_t n) {
    double most[8] = {};
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (std::size_t k = 0; k < 8; ++k) most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
    for (; i < n; ++i) most[0] = x[i] > most[0] ? x[i] : most[0];
    return *std::max_element(most, most + 8);
}

}  // namespace

void Process::cross(ConstMatrix scaled, Matrix out) const {
    int n = static_cast<int>(out.cols), q = static_cast<int>(scaled.rows), f = static_cast<int>(features_.size());
    double minus_two = -2.0;
    if (n > 0 && f > 0)
        lapack().dgemm(&kTransposed, &kPlain, &n, &q, &f, &minus_two, const_cast<double*>(x_.data()), &f, const_cast<double*>(scaled.data), &f,
                       &kZero, out.data, &n);
    else std::fill_n(out.data, out.rows * out.cols, 0.0);
    for (std::size_t i = 0; i < scaled.rows; ++i) {
        const double own = squared_length(scaled.row(i), scaled.cols);
        double* r2 = out.row(i);
        for (std::size_t k = 0; k < out.cols; ++k) r2[k] += own + norms_[k];
    }
}

void Process::covariances(ConstMatrix z, std::vector<double>* scaled, std::vector<double>* k, std::vector<double>* slope) const {
    const std::size_t q = z.rows, n = size(), f = features_.size();
    scaled->resize(q * f);
    k->resize(q * n);
    if (slope) slope->resize(q * n);
    for (std::size_t i = 0; i < q; ++i) scaling_(z.row(i), scaled->data() + i * f);
    cross({scaled->data(), q, f}, {k->data(), q, n});
    kernel(smoothness_, k->data(), q * n, signal_, k->data(), slope ? slope->data() : nullptr);
}

void Process::factor(const Theta& theta, ConstMatrix z) {
    const std::size_t n = z.rows, f = features_.size(), d = features_.dims();
    theta_ = theta;
    signal_ = std::exp(theta[d]);
    noise_ = std::exp(theta[d + 1]);
    scaling_ = Scaling(features_, theta);
    x_.resize(n * f);
    norms_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        scaling_(z.row(i), x_.data() + i * f);
        norms_[i] = squared_length(x_.data() + i * f, f);
    }
    std::vector<double> k(n * n);
    const Matrix covariance{k.data(), n, n};
    cross({x_.data(), n, f}, covariance);
    for (std::size_t i = 0; i < n; ++i) {
        kernel(smoothness_, covariance.row(i), i, signal_, covariance.row(i), nullptr);
        covariance.row(i)[i] = signal_ + noise_;
    }
    cholesky_.factor(covariance);
    alpha_.assign(n, 0.0);
}

void Process::append(const double* z) {
    const std::size_t n = size(), f = features_.size();
    std::vector<double> fresh(f), k(n);
    scaling_(z, fresh.data());
    cross({fresh.data(), 1, f}, {k.data(), 1, n});
    kernel(smoothness_, k.data(), n, signal_, k.data(), nullptr);
    cholesky_.append(k.data(), signal_ + noise_, 0.5 * noise_);   // the noise alone bounds the pivot: less is rounding
    x_.insert(x_.end(), fresh.begin(), fresh.end());
    norms_.push_back(squared_length(fresh.data(), f));
    alpha_.push_back(0.0);
}

void Process::truncate(std::size_t n) {
    cholesky_.truncate(n);
    x_.resize(n * features_.size());
    norms_.resize(n);
    alpha_.resize(n);
}

void Process::set_targets(const double* y, std::size_t m) {
    // The leading m rows of L factor the leading block of K.
    alpha_.assign(size(), 0.0);
    std::copy_n(y, m, alpha_.data());
    Cholesky& l = cholesky_;
    const std::size_t all = l.size();
    l.truncate(m);
    l.solve_lower({alpha_.data(), 1, m});
    l.solve_upper({alpha_.data(), 1, m});
    l.truncate(all);
}

void Process::mean(ConstMatrix z, double* out, double* variance_bound) const {
    const std::size_t q = z.rows, n = size();
    std::vector<double> scaled, k;
    covariances(z, &scaled, &k, nullptr);
    times_alpha({k.data(), q, n}, out);
    if (!variance_bound) return;
    for (std::size_t i = 0; i < q; ++i) {
        const double most = largest(k.data() + i * n, n);
        variance_bound[i] = signal_ - most * most / (signal_ + noise_ + jitter());
    }
}

void Process::times_alpha(ConstMatrix k, double* out) const {
    int points = static_cast<int>(k.cols), queries = static_cast<int>(k.rows), one = 1;
    if (k.cols > 0)
        lapack().dgemv(&kTransposed, &points, &queries, &kOne, const_cast<double*>(k.data), &points, const_cast<double*>(alpha_.data()), &one, &kZero, out, &one);
    else std::fill_n(out, k.rows, 0.0);
}

void Process::posterior(ConstMatrix z, double* mean, double* variance) const {
    posterior(z, mean, variance, {}, {});
}

void Process::posterior(ConstMatrix z, double* mean, double* variance, Matrix d_mean, Matrix d_variance) const {
    const std::size_t q = z.rows, n = size(), f = features_.size();
    std::vector<double> scaled, k, slope;
    covariances(z, &scaled, &k, d_mean.data ? &slope : nullptr);
    times_alpha({k.data(), q, n}, mean);
    std::vector<double>& v = k;   // L^-1 k, then K^-1 k
    cholesky_.solve_lower({v.data(), q, n});
    for (std::size_t i = 0; i < q; ++i) variance[i] = std::max(signal_ - squared_length(v.data() + i * n, n), kSmallestVariance * signal_);
    if (!d_mean.data) return;
    cholesky_.solve_upper({v.data(), q, n});
    // d mu / dz = sum_a alpha_a slope_a 2 (z - z_a), d var / dz = -2 sum_a v_a slope_a 2 (z - z_a): both as one product with
    // the points. In scaled coordinates x, then by the chain rule.
    std::vector<double> c(2 * q * n), product(2 * q * f), by_z(f), unused(f);
    for (std::size_t i = 0; i < q; ++i) {
        double *cm = c.data() + 2 * i * n, *cv = cm + n;
        for (std::size_t a = 0; a < n; ++a) {
            cm[a] = 2.0 * alpha_[a] * slope[i * n + a];
            cv[a] = -4.0 * v[i * n + a] * slope[i * n + a];
        }
    }
    int rows = static_cast<int>(2 * q), columns = static_cast<int>(f), points = static_cast<int>(n);
    if (f > 0 && n > 0)
        lapack().dgemm(&kPlain, &kPlain, &columns, &rows, &points, &kOne, const_cast<double*>(x_.data()), &columns, c.data(), &points, &kZero,
                       product.data(), &columns);
    for (std::size_t i = 0; i < q; ++i) {
        double total_mean = 0.0, total_variance = 0.0;
        for (std::size_t a = 0; a < n; ++a) {
            total_mean += c[2 * i * n + a];
            total_variance += c[(2 * i + 1) * n + a];
        }
        const double* x = scaled.data() + i * f;
        scaling_(z.row(i), unused.data(), by_z.data(), unused.data(), unused.data());
        for (std::size_t j = 0; j < f; ++j) {
            d_mean.row(i)[j] = (x[j] * total_mean - product[2 * i * f + j]) * by_z[j];
            d_variance.row(i)[j] = (x[j] * total_variance - product[(2 * i + 1) * f + j]) * by_z[j];
        }
    }
}

void Process::joint(ConstMatrix z, double* mean, Matrix covariance) const {
    const std::size_t q = z.rows, n = size(), f = features_.size();
    std::vector<double> scaled, k;
    covariances(z, &scaled, &k, nullptr);
    times_alpha({k.data(), q, n}, mean);
    cholesky_.solve_lower({k.data(), q, n});
    for (std::size_t i = 0; i < q; ++i) {
        double* row = covariance.row(i);
        for (std::size_t j = 0; j <= i; ++j) {
            row[j] = 0.0;
            for (std::size_t g = 0; g < f; ++g) row[j] += (scaled[i * f + g] - scaled[j * f + g]) * (scaled[i * f + g] - scaled[j * f + g]);
        }
        kernel(smoothness_, row, i + 1, signal_, row, nullptr);
    }
    int size = static_cast<int>(q), points = static_cast<int>(n);
    double minus_one = -1.0;
    if (q > 0 && n > 0) lapack().dsyrk(&kUpper, &kTransposed, &size, &points, &minus_one, k.data(), &points, &kOne, covariance.data, &size);
}

}  // namespace hpo
