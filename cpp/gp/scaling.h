#pragma once
// From features to the points between which distances are taken: over the lengthscales, and before that, if inputs are warped,
// through Kumaraswamy's distribution function, which stretches the range where the function changes fast:
//
//     F(u) = 1 - (1 - t^a)^b,   t = eps + (1 - 2 eps) u, so that slopes are finite at 0 and 1,
//
// nearly the identity for a = b = 1. Snoek, Swersky, Zemel, Adams, "Input warping for Bayesian optimization of non-stationary
// functions", ICML 2014, with the beta distribution; Kumaraswamy's has much the same shapes in closed form (BoTorch's `Warp`).

#include <vector>

#include "gp/features.h"

namespace hpo {

// theta = log of: the weight w_j (inverse squared lengthscale) of each of the d columns, the signal variance, the noise
// variance, the variance of main effects (see effects.h); (d + 3,). Where inputs are warped also of a and b of each column; (3 d + 3,).
using Theta = std::vector<double>;

class Scaling {
public:
    Scaling() = default;
    Scaling(const Features& features, const Theta& theta);

    void operator()(const double* z, double* x) const;   // (f,) -> (f,)
    // The same, with the derivatives of x by z, and by log a and log b of the feature's column; (f,) each.
    void operator()(const double* z, double* x, double* by_z, double* by_log_a, double* by_log_b) const;

private:
    std::vector<double> scales_;   // (f,) square roots of the weights
    std::vector<double> a_, b_;    // (f,) 0 for features that are not warped
    bool warps_ = false;
};

}  // namespace hpo
