#include "gp/effects.h"

#include <cmath>

namespace hpo {

Effects::Effects(const Features& features, const Theta& theta) {
    const double log_variance = theta[features.dims() + 2];
    if (log_variance <= kNone) return;
    double total = 0.0;
    for (std::size_t f = 0; f < features.size(); ++f) {
        if (!features.is_numeric(f)) continue;
        features_.push_back(f);
        columns_.push_back(features.column(f));
        shares_.push_back(std::exp(theta[features.column(f)]));
        total += shares_.back();
    }
    for (double& share : shares_) {
        share /= total;
        const double variance = std::exp(log_variance) * share * static_cast<double>(shares_.size()) / features.active_dims();
        lines_.push_back(std::sqrt(6.0 * variance));
        parabolas_.push_back(std::sqrt(90.0 * variance));
    }
}

void Effects::operator()(const double* z, double* e) const {
    for (std::size_t i = 0; i < features_.size(); ++i) {
        const double v = z[features_[i]];
        e[2 * i] = lines_[i] * v;
        e[2 * i + 1] = parabolas_[i] * v * v;
    }
}

void Effects::add_gradient(const double* z, const double* by_e, double* by_z) const {
    for (std::size_t i = 0; i < features_.size(); ++i)
        by_z[features_[i]] += lines_[i] * by_e[2 * i] + 2.0 * parabolas_[i] * z[features_[i]] * by_e[2 * i + 1];
}

}  // namespace hpo
