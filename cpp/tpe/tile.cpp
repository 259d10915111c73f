#include "tpe/tile.h"

#include "base/simd.h"
#include "base/vmath.h"

namespace hpo {

// Two columns and four candidates at a time, so that the accumulators are loaded and stored once for every 16 operations.
HPO_CLONES void subtract_squares(const double* const* scaled_mu, const double* const* inverse, const double* x, std::size_t columns,
                                 std::size_t queries, double* acc) {
    for (std::size_t q = 0; q < queries; q += 4) {
        double* a0 = acc + q * kTile;
        double* a1 = a0 + kTile;
        double* a2 = a1 + kTile;
        double* a3 = a2 + kTile;
        for (std::size_t j = 0; j < columns; j += 2) {
            const double *m = scaled_mu[j], *s = inverse[j], *n = scaled_mu[j + 1], *r = inverse[j + 1];
            const double *x0 = x + j * kQueries + q, *y0 = x0 + kQueries;
            const double xa = x0[0], xb = x0[1], xc = x0[2], xd = x0[3];
            const double ya = y0[0], yb = y0[1], yc = y0[2], yd = y0[3];
            HPO_IVDEP
            for (std::size_t t = 0; t < kTile; ++t) {
                const double za = xa * s[t] - m[t], zb = xb * s[t] - m[t], zc = xc * s[t] - m[t], zd = xd * s[t] - m[t];
                const double wa = ya * r[t] - n[t], wb = yb * r[t] - n[t], wc = yc * r[t] - n[t], wd = yd * r[t] - n[t];
                a0[t] = a0[t] - za * za - wa * wa;
                a1[t] = a1[t] - zb * zb - wb * wb;
                a2[t] = a2[t] - zc * zc - wc * wc;
                a3[t] = a3[t] - zd * zd - wd * wd;
            }
        }
    }
}

HPO_CLONES void subtract_square(const double* scaled_mu, const double* inverse, double x, double* acc) {
    for (std::size_t t = 0; t < kTile; ++t) {
        const double z = x * inverse[t] - scaled_mu[t];
        acc[t] -= z * z;
    }
}

HPO_CLONES void subtract_kernel(const double* x, double inverse, double scaled_mu, std::size_t n, double* out) {
    for (std::size_t i = 0; i < n; ++i) {
        const double z = x[i] * inverse - scaled_mu;
        out[i] -= z * z;
    }
}

HPO_CLONES void add_where_equal(const double* choice, double x, double delta, double* acc) {
    for (std::size_t t = 0; t < kTile; ++t) acc[t] += choice[t] == x ? delta : 0.0;
}

// Blocks that lie 40 below the top add less than the last bit of the sum, and far kernels are the rule, so most exps are saved.
HPO_CLONES void fold_tile(const double* acc, double* top, double* sum) {
    for (std::size_t t = 0; t < kTile; t += kBlock) {
        const double* x = acc + t;
        double m[8];
        for (std::size_t l = 0; l < 8; ++l) m[l] = x[l] > x[l + 8] ? x[l] : x[l + 8];
        for (std::size_t l = 0; l < 4; ++l) m[l] = m[l] > m[l + 4] ? m[l] : m[l + 4];
        for (std::size_t l = 0; l < 2; ++l) m[l] = m[l] > m[l + 2] ? m[l] : m[l + 2];
        const double highest = m[0] > m[1] ? m[0] : m[1];
        if (!(highest > *top - 40.0)) continue;
        if (highest > *top) {
            *sum *= lane::exp(*top - highest);
            *top = highest;
        }
        double e[kBlock];
        for (std::size_t l = 0; l < kBlock; ++l) e[l] = lane::exp(x[l] - *top);
        for (std::size_t l = 0; l < 8; ++l) e[l] += e[l + 8];
        for (std::size_t l = 0; l < 4; ++l) e[l] += e[l + 4];
        *sum += (e[0] + e[2]) + (e[1] + e[3]);
    }
}

}  // namespace hpo
