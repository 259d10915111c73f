#pragma once
// The posterior of a Gaussian process with zero mean:
//
//     K = signal kernel(r^2) + e^T e' + noise I = L L^T,  alpha = K^-1 y     (e: see effects.h)
//     mu(x) = k(x)^T alpha,  var(x) = signal + |e(x)|^2 - |L^-1 k(x)|^2     (of the function, without noise),
//
// Rasmussen & Williams (2006), algorithm 2.1. Factoring is O(n^3 / 3), appending a row O(n^2), a query O(n^2 + n f).

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "base/buffer.h"
#include "base/view.h"
#include "gp/effects.h"
#include "gp/features.h"
#include "gp/kernel.h"
#include "gp/scaling.h"
#include "linalg/cholesky.h"

namespace hpo {

class Process {
public:
    Process(const Features& features, Smoothness smoothness) : features_(features), smoothness_(smoothness) {}

    std::size_t size() const { return cholesky_.size(); }
    double jitter() const { return cholesky_.jitter(); }
    const Theta& theta() const { return theta_; }
    double signal() const { return signal_; }

    void factor(const Theta& theta, ConstMatrix z);   // (n, f)
    void append(const double* z);                     // (f,)
    void append(ConstMatrix z);                       // (m, f), at once
    void truncate(std::size_t n);      // keeps the first n points
    // y (m,), m <= size(): points beyond m are fantasies at their posterior mean, which leave mu as it is and only take
    // variance away.
    void set_targets(const double* y, std::size_t m);

    // The mean (m,) at the points that targets (m,) were set of, in O(m): K alpha = y, less the noise on the diagonal.
    void mean_at_points(const double* y, std::size_t m, double* out) const;
    // The mean alone of z (q, f): (q,). O(n f) a query. And, if wanted, a bound of the variance (q,): what the nearest
    // observation alone would leave of it, or the first n / 8 observations, which are spread out as a rule.
    void mean(ConstMatrix z, double* out, double* variance_bound = nullptr) const;
    // And the derivatives by z, (q, f).
    void mean(ConstMatrix z, double* out, Matrix d_mean) const;
    // Of z (q, f): mean (q,) and variance (q,); in half the time with inverse_factor().
    void posterior(ConstMatrix z, double* mean, double* variance, ConstMatrix inverse_factor = {}) const;
    // And the derivatives by z, (q, f) each.
    void posterior(ConstMatrix z, double* mean, double* variance, Matrix d_mean, Matrix d_variance) const;
    std::vector<double> inverse_factor() const;   // L^-1 (n, n). O(n^3 / 3)
    // The joint posterior of z (q, f): covariance (q, q), lower triangle.
    void joint(ConstMatrix z, double* mean, Matrix covariance) const;

private:
    void times_alpha(ConstMatrix k, double* out) const;   // (q, n) -> (q,)
    struct Queries {
        std::vector<double> x, effects;   // (q, f) scaled, (q, g)
        std::vector<double> prior;        // (q,) variances
        Buffer k, slope;                  // (q, n) covariances with every point, and their derivatives by r^2 if wanted
    };
    // Of functions sum_a c_a r^2(z, z_a) / 2 of z (q, f), c (q, outs, n): their derivatives by z, (q, f) each.
    void gradients(const Queries& at, ConstMatrix z, const double* c, std::initializer_list<Matrix> outs) const;
    void moments(Queries& at, double* mean, double* variance, ConstMatrix inverse_factor) const;   // at.k becomes L^-1 k
    Queries queries(ConstMatrix z, bool with_slope, bool with_effects = true) const;   // (q, f)
    void covariances(const Queries& at, Matrix out) const;   // before any point is known, of queries with each other: (q, q), lower triangle
    void cross(ConstMatrix x, Matrix out) const;             // r^2 of (q, f) with every point: (q, n)
    void add_effects(ConstMatrix effects, Matrix k, std::size_t few) const;   // (q, g), to the first few columns of (q, n)

    const Features& features_;
    Smoothness smoothness_;
    Theta theta_;
    double signal_ = 1.0, noise_ = 1.0;
    Scaling scaling_;
    Effects effects_;
    std::vector<double> x_;        // (n, f) scaled points
    std::vector<double> norms_;    // (n,) their squared lengths
    std::vector<double> e_;        // (n, g) their effects
    std::vector<double> reach_;    // (n,) inverse deviations of observations before any is known
    std::vector<double> alpha_;
    std::vector<double> coefficients_;   // (g,) e_^T alpha
    Cholesky cholesky_;
};

}  // namespace hpo
