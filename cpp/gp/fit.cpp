#include "gp/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/normal.h"
#include "gp/effects.h"
#include "linalg/lapack.h"
#include "linalg/triangular.h"

namespace hpo {

namespace {

char kUpper = 'U', kTransposed = 'T', kRight = 'R';
double kOne = 1.0, kZero = 0.0;
constexpr double kSame = 0.1;   // in every hyperparameter: a search that comes so near to where another one ended would end there

bool is_near(const Theta& a, const Theta& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return std::abs(x - y) < kSame; });
}

}  // namespace

LogPosterior::LogPosterior(const Features& features, Smoothness smoothness, const Priors& priors, ConstMatrix z, const double* y)
    : features_(features), smoothness_(smoothness), priors_(priors), z_(z), y_(y) {
    const std::size_t n = z.rows, f = features.size() + 1;
    x_.resize(n * (f - 1));
    slope_.resize(n * n);
    inverse_.resize(n * n);
    alpha_.resize(n);
    padded_.resize(n * f);
    product_.resize(n * f);
}

Theta LogPosterior::prior_mode(bool warped) const {
    const std::size_t d = features_.dims();
    Theta theta(d + 3, -2.0 * (priors_.length.mean + 0.5 * std::log(std::max(features_.active_dims(), 1.0))));
    theta[d] = priors_.signal.mean;
    theta[d + 1] = priors_.noise.mean;
    theta[d + 2] = priors_.effects ? priors_.effects_variance.mean : Effects::kNone;
    if (warped) theta.resize(3 * d + 3, priors_.shapes.mean);
    return theta;
}

void LogPosterior::bounds(bool warped, Theta* lower, Theta* upper) const {
    const std::size_t d = features_.dims();
    lower->assign(d + 3, -18.0);   // lengthscales from 0.01 to 8,000 of the range
    upper->assign(d + 3, 9.2);
    (*lower)[d] = std::log(1e-3);
    (*upper)[d] = std::log(1e3);
    (*lower)[d + 1] = std::log(1e-6);
    (*upper)[d + 1] = std::log(10.0);
    (*lower)[d + 2] = priors_.effects ? std::log(1e-6) : Effects::kNone;
    (*upper)[d + 2] = priors_.effects ? std::log(1e3) : Effects::kNone;
    if (!warped) return;
    lower->resize(3 * d + 3, -3.0);
    upper->resize(3 * d + 3, 3.0);
}

double LogPosterior::prior(const Theta& theta, double* gradient) const {
    const std::size_t d = features_.dims();
    const Theta mode = prior_mode(is_warped(theta));
    double value = 0.0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
        if (i == d + 2 && !priors_.effects) continue;
        // log w = -2 log lengthscale
        const double deviation = i < d        ? 2.0 * priors_.length.deviation
                                 : i == d     ? priors_.signal.deviation
                                 : i == d + 1 ? priors_.noise.deviation
                                 : i == d + 2 ? priors_.effects_variance.deviation
                                              : priors_.shapes.deviation;
        const double t = (theta[i] - mode[i]) / deviation;
        value -= 0.5 * t * t + (i < d + 3 ? std::log(deviation) + kHalfLog2Pi : 0.0);
        if (gradient) gradient[i] -= t / deviation;
    }
    return value;
}

double LogPosterior::operator()(const Theta& theta, double* gradient) {
    const std::size_t n = z_.rows, f = features_.size(), d = features_.dims(), wide = f + 1;
    const double signal = std::exp(theta[d]), noise = std::exp(theta[d + 1]);
    const Scaling scaling(features_, theta);
    const Effects effects(features_, theta);
    const std::size_t g = effects.size();
    e_.resize(n * g);
    inverse_e_.resize(n * g);
    std::vector<double> norms(n, 0.0), by_z(f), by_log_a, by_log_b;
    if (gradient && is_warped(theta)) {
        by_log_a.resize(n * f);
        by_log_b.resize(n * f);
    }
    for (std::size_t i = 0; i < n; ++i) {
        double* x = x_.data() + i * f;
        if (by_log_a.empty()) scaling(z_.row(i), x);
        else scaling(z_.row(i), x, by_z.data(), by_log_a.data() + i * f, by_log_b.data() + i * f);
        for (std::size_t k = 0; k < f; ++k) norms[i] += x[k] * x[k];
        effects(z_.row(i), e_.data() + i * g);
    }
    int size = static_cast<int>(n), inner = static_cast<int>(f), effect_count = static_cast<int>(g), info = 0;
    double minus_two = -2.0;
    if (f > 0) lapack().dsyrk(&kUpper, &kTransposed, &size, &inner, &minus_two, x_.data(), &inner, &kZero, inverse_.data(), &size);
    else std::fill(inverse_.begin(), inverse_.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        double* row = inverse_.data() + i * n;
        for (std::size_t j = 0; j < i; ++j) row[j] += norms[i] + norms[j];
        kernel(smoothness_, row, i, signal, row, slope_.data() + i * n);
        row[i] = signal + noise;
    }
    if (g > 0) lapack().dsyrk(&kUpper, &kTransposed, &size, &effect_count, &kOne, e_.data(), &effect_count, &kOne, inverse_.data(), &size);
    lapack().dpotrf(&kUpper, &size, inverse_.data(), &size, &info);
    if (info != 0 || (n > 0 && !std::isfinite(inverse_[n * n - 1]))) {
        if (gradient) std::fill_n(gradient, theta.size(), 0.0);
        return -std::numeric_limits<double>::infinity();
    }
    double half_log_determinant = 0.0;
    for (std::size_t i = 0; i < n; ++i) half_log_determinant += std::log(inverse_[i * n + i]);
    std::copy_n(y_, n, alpha_.data());
    int one = 1;
    char plain = 'N';
    lapack().dtrsv(&kUpper, &kTransposed, &plain, &size, inverse_.data(), &size, alpha_.data(), &one);
    double quadratic = 0.0;
    for (std::size_t i = 0; i < n; ++i) quadratic += alpha_[i] * alpha_[i];
    const double value = -0.5 * quadratic - half_log_determinant - static_cast<double>(n) * kHalfLog2Pi;
    if (!gradient) return value + prior(theta, nullptr);
    lapack().dtrsv(&kUpper, &plain, &plain, &size, inverse_.data(), &size, alpha_.data(), &one);
    inverse_of_factored(inverse_.data(), n, n);
    // Of the k-th effect 1/2 e_k^T (alpha alpha^T - K^-1) e_k.
    std::vector<double> by_effect(g, 0.0), along(g, 0.0);
    double by_effects = 0.0;
    if (g > 0)
        lapack().dsymm(&kRight, &kUpper, &effect_count, &size, &kOne, inverse_.data(), &size, e_.data(), &effect_count, &kZero, inverse_e_.data(), &effect_count);
    for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t k = 0; k < g; ++k) {
            along[k] += alpha_[a] * e_[a * g + k];
            by_effect[k] -= 0.5 * e_[a * g + k] * inverse_e_[a * g + k];
        }
    }
    for (std::size_t k = 0; k < g; ++k) {
        by_effect[k] += 0.5 * along[k] * along[k];
        by_effects += by_effect[k];
    }
    // W = (alpha alpha^T - K^-1) * slope, its diagonal 0; then for the weight of column j, with x scaled,
    //   1/2 sum_ab W_ab w_j |z_a - z_b|_j^2 = sum_a |x_a|_j^2 (W 1)_a - sum_a x_aj (W x)_aj.
    // A column of ones beside x gives W 1 in the same product.
    double square = 0.0, trace = 0.0;
    for (std::size_t a = 0; a < n; ++a) {
        double* w = slope_.data() + a * n;
        const double* inverse = inverse_.data() + a * n;
        const double alpha = alpha_[a];
        for (std::size_t b = 0; b < a; ++b) w[b] *= alpha * alpha_[b] - inverse[b];
        w[a] = 0.0;
        square += alpha * alpha;
        trace += inverse[a];
        std::copy_n(x_.data() + a * f, f, padded_.data() + a * wide);
        padded_[a * wide + f] = 1.0;
    }
    int columns = static_cast<int>(wide);
    lapack().dsymm(&kRight, &kUpper, &columns, &size, &kOne, slope_.data(), &size, padded_.data(), &columns, &kZero, product_.data(), &columns);
    std::fill_n(gradient, theta.size(), 0.0);
    for (std::size_t a = 0; a < n; ++a) {
        const double* x = x_.data() + a * f;
        const double* p = product_.data() + a * wide;
        for (std::size_t k = 0; k < f; ++k) {
            const std::size_t j = features_.column(k);
            const double by_x = x[k] * p[f] - p[k];   // half of it
            gradient[j] += x[k] * by_x;
            if (by_log_a.empty()) continue;
            gradient[d + 3 + j] += 2.0 * by_x * by_log_a[a * f + k];
            gradient[2 * d + 3 + j] += 2.0 * by_x * by_log_b[a * f + k];
        }
    }
    for (std::size_t k = 0; k < g; ++k) {
        gradient[effects.column(k)] += by_effect[k];
        if (k % 2 == 0) gradient[effects.column(k)] -= effects.share(k) * by_effects;
    }
    const double points = static_cast<double>(n);
    gradient[d] = -by_effects + 0.5 * (quadratic - noise * square - points + noise * trace);   // y^T alpha = alpha^T K alpha
    gradient[d + 2] = by_effects;
    gradient[d + 1] = 0.5 * noise * (square - trace);
    return value + prior(theta, gradient);
}

Fit fit(LogPosterior& posterior, const std::vector<Theta>& starts, const LbfgsbOptions& options) {
    Fit best;
    best.value = -std::numeric_limits<double>::infinity();
    const bool warped = posterior.is_warped(starts.front());
    Theta lower, upper;
    posterior.bounds(warped, &lower, &upper);
    std::vector<double> gradient(lower.size());
    for (const Theta& start : starts) {
        Lbfgsb search(start, lower, upper, options);
        for (bool more = !search.done(); more;) {
            const double value = posterior(search.x(), gradient.data());
            for (double& g : gradient) g = -g;
            more = search.report(-value, gradient.data()) && !is_near(search.best_x(), best.theta);
        }
        best.evaluations += search.evaluations();
        if (-search.best_value() > best.value) {
            best.value = -search.best_value();
            best.theta = search.best_x();
        }
    }
    if (best.theta.empty()) best.theta = posterior.prior_mode(warped);   // nothing could be factored
    return best;
}

}  // namespace hpo
