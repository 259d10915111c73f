#include "linalg/triangular.h"

#include <algorithm>

#include "base/simd.h"
#include "linalg/lapack.h"

namespace hpo {

namespace {

constexpr std::size_t kSmall = 32;

char kUpper = 'U', kLeft = 'L', kRight = 'R', kPlain = 'N', kTransposed = 'T';
double kOne = 1.0, kMinusOne = -1.0;

// A lower triangle in whole rows, with zeros above: every loop has the same length.
struct Block {
    double rows[kSmall][kSmall];

    HPO_INLINE void load(const double* l, std::size_t n, std::size_t stride) {
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < kSmall; ++j) rows[i][j] = j <= i ? l[i * stride + j] : 0.0;
    }
    HPO_INLINE void store(double* l, std::size_t n, std::size_t stride) const {
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j <= i; ++j) l[i * stride + j] = rows[i][j];
    }
};

// Row i of W is (e_i - sum_{k < i} l_ik W_k) / l_ii.
HPO_CLONES void invert_small(double* l, std::size_t n, std::size_t stride) {
    Block w;
    w.load(l, n, stride);
    for (std::size_t i = 0; i < n; ++i) {
        double sum[kSmall] = {};
        for (std::size_t k = 0; k < i; ++k)
            for (std::size_t j = 0; j < kSmall; ++j) sum[j] -= w.rows[i][k] * w.rows[k][j];
        const double inverse = 1.0 / w.rows[i][i];
        sum[i] = 1.0;
        for (std::size_t j = 0; j < kSmall; ++j) w.rows[i][j] = sum[j] * inverse;
    }
    w.store(l, n, stride);
}

// Row i of W^T W is sum_{k >= i} w_ki W_k.
HPO_CLONES void square_small(double* l, std::size_t n, std::size_t stride) {
    Block w;
    w.load(l, n, stride);
    for (std::size_t i = 0; i < n; ++i) {
        double sum[kSmall] = {};
        for (std::size_t k = i; k < n; ++k)
            for (std::size_t j = 0; j < kSmall; ++j) sum[j] += w.rows[k][i] * w.rows[k][j];
        for (std::size_t j = 0; j < kSmall; ++j) w.rows[i][j] = sum[j];   // no later row needs this one
    }
    w.store(l, n, stride);
}

// Fortran sees the transposes: a lower triangle as an upper one, and of the factors of a product each on the other side.
struct Halves {
    Halves(double* l, std::size_t n, std::size_t stride)
        : n1(static_cast<int>(n / 2)), n2(static_cast<int>(n - n / 2)), ld(static_cast<int>(stride)), l11(l), l21(l + n / 2 * stride), l22(l21 + n / 2) {}
    int n1, n2, ld;
    double *l11, *l21, *l22;
};

// W -> the lower triangle of W^T W.
void square_lower(double* w, std::size_t n, std::size_t stride) {
    if (n <= kSmall) return square_small(w, n, stride);
    Halves h(w, n, stride);
    square_lower(h.l11, n / 2, stride);
    lapack().dsyrk(&kUpper, &kPlain, &h.n1, &h.n2, &kOne, h.l21, &h.ld, &kOne, h.l11, &h.ld);
    lapack().dtrmm(&kRight, &kUpper, &kTransposed, &kPlain, &h.n1, &h.n2, &kOne, h.l22, &h.ld, h.l21, &h.ld);
    square_lower(h.l22, n - n / 2, stride);
}

}  // namespace

void invert_lower(double* l, std::size_t n, std::size_t stride) {
    if (n <= kSmall) return invert_small(l, n, stride);
    Halves h(l, n, stride);
    invert_lower(h.l11, n / 2, stride);
    invert_lower(h.l22, n - n / 2, stride);
    lapack().dtrmm(&kLeft, &kUpper, &kPlain, &kPlain, &h.n1, &h.n2, &kMinusOne, h.l11, &h.ld, h.l21, &h.ld);
    lapack().dtrmm(&kRight, &kUpper, &kPlain, &kPlain, &h.n1, &h.n2, &kOne, h.l22, &h.ld, h.l21, &h.ld);
}

void inverse_of_factored(double* l, std::size_t n, std::size_t stride) {
    invert_lower(l, n, stride);
    square_lower(l, n, stride);
}

}  // namespace hpo
