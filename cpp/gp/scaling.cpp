#include "gp/scaling.h"

#include <cmath>

#include "base/simd.h"
#include "base/vmath.h"

namespace hpo {

namespace {

struct Warped {
    double value;
    double by_u, by_log_a, by_log_b;   // derivatives
};

HPO_INLINE Warped kumaraswamy(double u, double a, double b) {
    constexpr double eps = 1e-6;
    const double t = eps + (1.0 - 2.0 * eps) * u;
    const double log_t = lane::log_normal(t), power = lane::exp_negative(a * log_t);   // t^a
    const double log_rest = lane::log_normal(1.0 - power);
    const double rest = lane::exp_negative(b * log_rest);                              // (1 - t^a)^b
    const double slope = b * rest / (1.0 - power) * a * power;                         // dF / d log t
    return {1.0 - rest, slope / t * (1.0 - 2.0 * eps), slope * log_t, -b * rest * log_rest};
}

// Shapes of 0 leave a feature as it is.
HPO_CLONES void warp(const double* z, const double* scales, const double* a, const double* b, std::size_t f, double* x) {
    HPO_IVDEP
    for (std::size_t k = 0; k < f; ++k) {
        const double warped = kumaraswamy(z[k] + 0.5, a[k], b[k]).value - 0.5;
        x[k] = scales[k] * (a[k] > 0.0 ? warped : z[k]);
    }
}

HPO_CLONES void warp(const double* z, const double* scales, const double* a, const double* b, std::size_t f, double* x, double* by_z, double* by_log_a,
                     double* by_log_b) {
    HPO_IVDEP
    for (std::size_t k = 0; k < f; ++k) {
        const Warped w = kumaraswamy(z[k] + 0.5, a[k], b[k]);
        const bool is_warped = a[k] > 0.0;
        x[k] = scales[k] * (is_warped ? w.value - 0.5 : z[k]);
        by_z[k] = scales[k] * (is_warped ? w.by_u : 1.0);
        by_log_a[k] = scales[k] * (is_warped ? w.by_log_a : 0.0);
        by_log_b[k] = scales[k] * (is_warped ? w.by_log_b : 0.0);
    }
}

}  // namespace

Scaling::Scaling(const Features& features, const Theta& theta)
    : scales_(features.size()), a_(features.size()), b_(features.size()), warps_(theta.size() > features.dims() + 3) {
    const std::size_t d = features.dims();
    for (std::size_t f = 0; f < features.size(); ++f) {
        const std::size_t j = features.column(f);
        scales_[f] = std::exp(0.5 * theta[j]);
        if (!warps_ || !features.is_numeric(f)) continue;
        a_[f] = std::exp(theta[d + 3 + j]);
        b_[f] = std::exp(theta[2 * d + 3 + j]);
    }
}

void Scaling::operator()(const double* z, double* x) const {
    if (warps_) return warp(z, scales_.data(), a_.data(), b_.data(), scales_.size(), x);
    for (std::size_t f = 0; f < scales_.size(); ++f) x[f] = scales_[f] * z[f];
}

void Scaling::operator()(const double* z, double* x, double* by_z, double* by_log_a, double* by_log_b) const {
    if (warps_) return warp(z, scales_.data(), a_.data(), b_.data(), scales_.size(), x, by_z, by_log_a, by_log_b);
    for (std::size_t f = 0; f < scales_.size(); ++f) {
        x[f] = scales_[f] * z[f];
        by_z[f] = scales_[f];
        by_log_a[f] = by_log_b[f] = 0.0;
    }
}

}  // namespace hpo
