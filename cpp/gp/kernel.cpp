#include "gp/kernel.h"

#include <cmath>

#include "base/simd.h"
#include "base/vmath.h"

namespace hpo {

namespace {

// Value and slope (by r^2) of one element.
template <Smoothness S>
HPO_INLINE void element(double r2, double* k, double* slope) {
    const double s = r2 > 0.0 ? r2 : 0.0;
    if constexpr (S == Smoothness::rbf) {
        *k = lane::exp_negative(-0.5 * s);
        *slope = -0.5 * *k;
    } else if constexpr (S == Smoothness::matern32) {
        const double a = std::sqrt(3.0 * s), e = lane::exp_negative(-a);
        *k = (1.0 + a) * e;
        *slope = -1.5 * e;
    } else {
        const double a = std::sqrt(5.0 * s), e = lane::exp_negative(-a);
        *k = (1.0 + a + a * a * (1.0 / 3.0)) * e;
        *slope = (-5.0 / 6.0) * (1.0 + a) * e;
    }
}

template <Smoothness S>
HPO_INLINE void blocks(const double* r2, std::size_t n, double signal, double* k, double* slope) {
    double block[kBlock], value[kBlock], change[kBlock];
    for (std::size_t i = 0; i < n; i += kBlock) {
        const std::size_t m = n - i < kBlock ? n - i : kBlock;
        load_block(block, r2 + i, m, 1.0);
        for (std::size_t j = 0; j < kBlock; ++j) {
            element<S>(block[j], &value[j], &change[j]);
            value[j] *= signal;
            change[j] *= signal;
        }
        store_block(k + i, value, m);
        if (slope) store_block(slope + i, change, m);
    }
}

HPO_CLONES void matern52(const double* r2, std::size_t n, double signal, double* k, double* slope) { blocks<Smoothness::matern52>(r2, n, signal, k, slope); }
HPO_CLONES void matern32(const double* r2, std::size_t n, double signal, double* k, double* slope) { blocks<Smoothness::matern32>(r2, n, signal, k, slope); }
HPO_CLONES void rbf(const double* r2, std::size_t n, double signal, double* k, double* slope) { blocks<Smoothness::rbf>(r2, n, signal, k, slope); }

}  // namespace

void kernel(Smoothness smoothness, const double* r2, std::size_t n, double signal, double* k, double* slope) {
    if (smoothness == Smoothness::rbf) rbf(r2, n, signal, k, slope);
    else if (smoothness == Smoothness::matern32) matern32(r2, n, signal, k, slope);
    else matern52(r2, n, signal, k, slope);
}

}  // namespace hpo
