#include "acquisition/functions.h"

#include <cmath>

#include "base/normal.h"

namespace hpo {

namespace {


double density(double z) { return std::exp(-0.5 * z * z - kHalfLog2Pi); }

// Q(x) / phi(x) and h(-x) / Q(x), x >= 3.
struct Ratios {
    double mills, next;
};

Ratios ratios(double x) {
    const int terms = 8 + static_cast<int>(400.0 / (x * x));
    double r = 0.0;
    for (int n = terms; n >= 1; --n) r = 1.0 / (x + static_cast<double>(n + 1) * r);
    return {1.0 / (x + r), r};
}

// log h(z), and its derivative Phi / h.
double log_h(double z, double* slope) {
    if (z > -3.0) {
        const double cdf = ndtr(z), h = density(z) + z * cdf;
        *slope = cdf / h;
        return std::log(h);
    }
    const Ratios r = ratios(-z);
    *slope = 1.0 / r.next;
    return -0.5 * z * z - kHalfLog2Pi + std::log(r.mills * r.next);
}

double log_cdf(double z, double* slope) {
    if (z > -3.0) {
        *slope = density(z) / ndtr(z);
        return log_ndtr(z);
    }
    const Ratios r = ratios(-z);
    *slope = 1.0 / r.mills;
    return -0.5 * z * z - kHalfLog2Pi + std::log(r.mills);
}

}  // namespace

void Acquisition::operator()(const double* mean, const double* variance, std::size_t q, double* out, double* by_mean, double* by_variance) const {
    for (std::size_t i = 0; i < q; ++i) {
        const double sigma = std::sqrt(variance[i]), z = (best - mean[i]) / sigma;
        double value, d_mean, d_sigma, slope;
        if (kind == Acquire::lcb || kind == Acquire::thompson) {
            value = beta * sigma - mean[i];
            d_mean = -1.0;
            d_sigma = beta;
        } else if (kind == Acquire::log_pi) {
            value = log_cdf(z, &slope);
            d_mean = -slope / sigma;
            d_sigma = -z * slope / sigma;
        } else {
            value = std::log(sigma) + log_h(z, &slope);
            d_mean = -slope / sigma;
            d_sigma = (1.0 - z * slope) / sigma;
        }
        if (by_mean) {
            by_mean[i] = d_mean;
            by_variance[i] = d_sigma / (2.0 * sigma);
        }
        out[i] = value;
    }
}

}  // namespace hpo
