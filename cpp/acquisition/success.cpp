#include "acquisition/success.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hpo {

namespace {

constexpr double kWeight = 3.0;   // what a chance of 1 / e costs: for lcb in deviations of the targets
constexpr double kShare = 0.8;   // of the usual chance, which is taken as certain
constexpr double kRound = 0.1;
constexpr double kLeast = 0.02;   // eps

}  // namespace

Success::Success(const Process& process, double mean, double deviation, const double* labels)
    : process_(process), mean_(mean), deviation_(deviation) {
    std::vector<double> m(process.size());
    process.mean_at_points(labels, m.size(), m.data());
    double sum = 0.0, succeeded = 0.0;
    for (std::size_t i = 0; i < m.size(); ++i) {
        if (labels[i] < 0.0) continue;
        sum += m[i];
        succeeded += 1.0;
    }
    certain_ = kShare * std::max(mean + deviation * sum / std::max(succeeded, 1.0), mean);
}

Success::Weighted Success::weighted(double scaled) const {
    const double m = mean_ + deviation_ * scaled, root = std::sqrt(m * m + 4.0 * kLeast * kLeast), p = 0.5 * (m + root);
    const double t = std::log(p / certain_), by_t = std::clamp(0.5 - 0.5 * t / kRound, 0.0, 1.0);
    return {kWeight * (t <= -kRound ? t : -kRound * by_t * by_t), kWeight * by_t * deviation_ / root};   // d log p / dm = 1 / root
}

void Success::add_to(ConstMatrix z, double* out) const {
    std::vector<double> mean(z.rows);
    process_.mean(z, mean.data());
    for (std::size_t i = 0; i < z.rows; ++i) out[i] += weighted(mean[i]).value;
}

void Success::add_to(ConstMatrix z, double* out, Matrix by_z) const {
    const std::size_t q = z.rows, f = z.cols;
    std::vector<double> mean(q), d_mean(q * f);
    process_.mean(z, mean.data(), {d_mean.data(), q, f});
    for (std::size_t i = 0; i < q; ++i) {
        const Weighted w = weighted(mean[i]);
        out[i] += w.value;
        for (std::size_t k = 0; k < f; ++k) by_z.row(i)[k] += w.slope * d_mean[i * f + k];
    }
}

}  // namespace hpo
