// The loops over the formulas of vmath.h. O(n), nothing allocated.

#include "base/vmath.h"

#include <cmath>

namespace hpo {
namespace {

// Adds (or compares) lane j with lane j + kBlock/2 and so on: a fixed tree.
HPO_INLINE double fold_sum(double* lanes) {
    for (std::size_t half = kBlock / 2; half > 0; half /= 2)
        for (std::size_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
    return lanes[0];
}

HPO_CLONES double max_of(const double* x, std::size_t n) {
    double top[kBlock], block[kBlock];
    for (double& t : top) t = -lane::kInf;
    for (std::size_t i = 0; i < n; i += kBlock) {
        load_block(block, x + i, n - i < kBlock ? n - i : kBlock, -lane::kInf);
        for (std::size_t j = 0; j < kBlock; ++j) top[j] = block[j] > top[j] ? block[j] : top[j];
    }
    double result = top[0];
    for (double t : top) result = t > result ? t : result;
    return result;
}

}  // namespace

HPO_CLONES void exp(const double* x, double* out, std::size_t n) { map_blocks<lane::exp>(x, out, n); }

HPO_CLONES void log(const double* x, double* out, std::size_t n) { map_blocks<lane::log>(x, out, n); }

HPO_CLONES double sum_exp(const double* x, std::size_t n, double shift) {
    double sum[kBlock] = {}, block[kBlock];
    for (std::size_t i = 0; i < n; i += kBlock) {
        load_block(block, x + i, n - i < kBlock ? n - i : kBlock, -lane::kInf);  // the padding adds e^-inf = 0 exactly
        for (std::size_t j = 0; j < kBlock; ++j) sum[j] += lane::exp(block[j] - shift);
    }
    return fold_sum(sum);
}

double log_sum_exp(const double* x, std::size_t n) {
    const double top = max_of(x, n);
    const double shift = std::isfinite(top) ? top : 0.0;  // +-inf go through exp unshifted: no inf - inf
    return shift + std::log(sum_exp(x, n, shift));
}

}  // namespace hpo
