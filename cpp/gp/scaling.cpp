#include "gp/scaling.h"

#include <cmath>

namespace hpo {

namespace {

struct Warped {
    double value;
    double by_u, by_log_a, by_log_b;   // derivatives
};

Warped kumaraswamy(double u, double a, double b) {
    constexpr double eps = 1e-6;
    const double t = eps + (1.0 - 2.0 * eps) * u;
    const double log_t = std::log(t), power = std::exp(a * log_t);   // t^a
    const double log_rest = std::log1p(-power);
    const double rest = std::exp(b * log_rest);                      // (1 - t^a)^b
    const double slope = b * rest / (1.0 - power) * a * power;       // dF / d log t
    return {1.0 - rest, slope / t * (1.0 - 2.0 * eps), slope * log_t, -b * rest * log_rest};
}

}  // namespace

Scaling::Scaling(const Features& features, const Theta& theta) : scales_(features.size()), a_(features.size()), b_(features.size()) {
    const std::size_t d = features.dims();
    for (std::size_t f = 0; f < features.size(); ++f) {
        const std::size_t j = features.column(f);
        scales_[f] = std::exp(0.5 * theta[j]);
        if (theta.size() == d + 3 || !features.is_numeric(f)) continue;
        a_[f] = std::exp(theta[d + 3 + j]);
        b_[f] = std::exp(theta[2 * d + 3 + j]);
    }
}

void Scaling::operator()(const double* z, double* x) const {
    for (std::size_t f = 0; f < scales_.size(); ++f) x[f] = scales_[f] * (a_[f] > 0.0 ? kumaraswamy(z[f] + 0.5, a_[f], b_[f]).value - 0.5 : z[f]);
}

void Scaling::operator()(const double* z, double* x, double* by_z, double* by_log_a, double* by_log_b) const {
    for (std::size_t f = 0; f < scales_.size(); ++f) {
        if (a_[f] > 0.0) {
            const Warped w = kumaraswamy(z[f] + 0.5, a_[f], b_[f]);
            x[f] = scales_[f] * (w.value - 0.5);
            by_z[f] = scales_[f] * w.by_u;
            by_log_a[f] = scales_[f] * w.by_log_a;
            by_log_b[f] = scales_[f] * w.by_log_b;
        } else {
            x[f] = scales_[f] * z[f];
            by_z[f] = scales_[f];
            by_log_a[f] = by_log_b[f] = 0.0;
        }
    }
}

}  // namespace hpo
