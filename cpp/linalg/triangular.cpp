#include "linalg/triangular.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/simd.h"
#include "linalg/lapack.h"

namespace hpo {

namespace {

constexpr std::size_t kSmall = 32;
constexpr std::size_t kInCache = 1 << 17;   // numbers of right sides that stay there from one row of L to the next

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

#if defined(__GNUC__)
// Entry i of so many right sides. Vectors by name, since GCC keeps arrays of them in memory.
template <std::size_t kLanes>
struct RightSides {
    typedef double type __attribute__((vector_size(8 * kLanes), aligned(8), may_alias));
};

// Each of x (groups, n, kLanes) <- L^-1 x. Four rows of L, which stay in cache, serve all groups, in two sums each: one would wait for every addition.
template <std::size_t kLanes>
HPO_INLINE void forward(const double* l, std::size_t n, std::size_t stride, double* sides, std::size_t groups) {
    using Lanes = typename RightSides<kLanes>::type;
    const auto end = reinterpret_cast<Lanes*>(sides) + groups * n;
    std::size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const double *l0 = l + i * stride, *l1 = l0 + stride, *l2 = l1 + stride, *l3 = l2 + stride;
        for (Lanes* x = end - groups * n; x < end; x += n) {
            Lanes s0 = x[i], s1 = x[i + 1], s2 = x[i + 2], s3 = x[i + 3], t0{}, t1{}, t2{}, t3{};
            for (std::size_t j = 0; j < i; j += 2) {   // i is even
                const Lanes v = x[j], w = x[j + 1];
                s0 -= l0[j] * v, t0 -= l0[j + 1] * w;
                s1 -= l1[j] * v, t1 -= l1[j + 1] * w;
                s2 -= l2[j] * v, t2 -= l2[j + 1] * w;
                s3 -= l3[j] * v, t3 -= l3[j + 1] * w;
            }
            x[i] = s0 = (s0 + t0) / l0[i];
            x[i + 1] = s1 = (s1 + t1 - l1[i] * s0) / l1[i + 1];
            x[i + 2] = s2 = (s2 + t2 - l2[i] * s0 - l2[i + 1] * s1) / l2[i + 2];
            x[i + 3] = (s3 + t3 - l3[i] * s0 - l3[i + 1] * s1 - l3[i + 2] * s2) / l3[i + 3];
        }
    }
    for (; i < n; ++i)
        for (Lanes* x = end - groups * n; x < end; x += n) {
            Lanes s = x[i];
            for (std::size_t j = 0; j < i; ++j) s -= l[i * stride + j] * x[j];
            x[i] = s / l[i * stride + i];
        }
}

// Each of x (groups, n, kLanes) <- L^-T x, from the last rows of L up.
template <std::size_t kLanes>
HPO_INLINE void backward(const double* l, std::size_t n, std::size_t stride, double* sides, std::size_t groups) {
    using Lanes = typename RightSides<kLanes>::type;
    const auto end = reinterpret_cast<Lanes*>(sides) + groups * n;
    std::size_t i = n;
    for (; i % 4 > 0; --i)
        for (Lanes* x = end - groups * n; x < end; x += n) {
            const Lanes s = x[i - 1] / l[(i - 1) * stride + i - 1];
            x[i - 1] = s;
            for (std::size_t j = 0; j + 1 < i; ++j) x[j] -= l[(i - 1) * stride + j] * s;
        }
    while (i > 0) {
        i -= 4;
        const double *l0 = l + i * stride, *l1 = l0 + stride, *l2 = l1 + stride, *l3 = l2 + stride;
        for (Lanes* x = end - groups * n; x < end; x += n) {
            const Lanes s3 = x[i + 3] / l3[i + 3];
            const Lanes s2 = (x[i + 2] - l3[i + 2] * s3) / l2[i + 2];
            const Lanes s1 = (x[i + 1] - l3[i + 1] * s3 - l2[i + 1] * s2) / l1[i + 1];
            const Lanes s0 = (x[i] - l3[i] * s3 - l2[i] * s2 - l1[i] * s1) / l0[i];
            x[i] = s0, x[i + 1] = s1, x[i + 2] = s2, x[i + 3] = s3;
            for (std::size_t j = 0; j < i; ++j) x[j] -= (l0[j] * s0 + l1[j] * s1) + (l2[j] * s2 + l3[j] * s3);
        }
    }
}

// How many right sides fill a vector register of the machine.
#if defined(HPO_V4)
HPO_DEFAULT std::size_t widest() { return 4; }
HPO_V4 std::size_t widest() { return 8; }
#else
std::size_t widest() { return 4; }
#endif

using Solve = void(const double* l, std::size_t n, std::size_t stride, double* x, std::size_t groups);
HPO_CLONES void forward_four(const double* l, std::size_t n, std::size_t stride, double* x, std::size_t groups) { forward<4>(l, n, stride, x, groups); }
HPO_CLONES void forward_eight(const double* l, std::size_t n, std::size_t stride, double* x, std::size_t groups) { forward<8>(l, n, stride, x, groups); }
HPO_CLONES void backward_four(const double* l, std::size_t n, std::size_t stride, double* x, std::size_t groups) { backward<4>(l, n, stride, x, groups); }
HPO_CLONES void backward_eight(const double* l, std::size_t n, std::size_t stride, double* x, std::size_t groups) { backward<8>(l, n, stride, x, groups); }

// Eight right sides at a time where a register holds them, and four or fewer that are left by `four`.
void solve_in_lanes(const double* l, std::size_t n, std::size_t stride, Matrix b, Solve& four, Solve& eight) {
    const std::size_t at_once = 8 * std::max<std::size_t>(kInCache / (8 * std::max<std::size_t>(n, 1)), 1);
    const Buffer x = buffer(n * std::min(at_once, b.rows + 7));
    for (std::size_t first = 0, count; first < b.rows; first += count) {
        count = std::min(b.rows - first, at_once);
        const std::size_t lanes = count > 4 ? widest() : 4, left = count % lanes;
        if (lanes == 8 && left <= 4) count -= left;
        const std::size_t groups = (count + lanes - 1) / lanes;
        for (std::size_t g = 0; g < groups; ++g) {
            double* const out = x.get() + g * n * lanes;
            const double* sides[8];   // the last one stands in for those that are missing
            for (std::size_t w = 0; w < lanes; ++w) sides[w] = b.row(first + std::min(g * lanes + w, count - 1));
            for (std::size_t j = 0; j < n; ++j)
                for (std::size_t w = 0; w < lanes; ++w) out[j * lanes + w] = sides[w][j];
        }
        (lanes == 4 ? four : eight)(l, n, stride, x.get(), groups);
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t j = 0; j < n; ++j) b.row(first + i)[j] = x[(i / lanes * n + j) * lanes + i % lanes];
    }
}
#else
void solve_by_blas(const double* l, std::size_t n, std::size_t stride, Matrix b, char* trans) {
    int size = static_cast<int>(n), count = static_cast<int>(b.rows), ldl = static_cast<int>(stride), ldb = static_cast<int>(b.cols);
    if (n > 0 && b.rows > 0)
        lapack().dtrsm(&kLeft, &kUpper, trans, &kPlain, &size, &count, &kOne, const_cast<double*>(l), &ldl, b.data, &ldb);
}
#endif

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

#if defined(__GNUC__)
void solve_lower(const double* l, std::size_t n, std::size_t stride, Matrix b) { solve_in_lanes(l, n, stride, b, forward_four, forward_eight); }
void solve_upper(const double* l, std::size_t n, std::size_t stride, Matrix b) { solve_in_lanes(l, n, stride, b, backward_four, backward_eight); }
#else
void solve_lower(const double* l, std::size_t n, std::size_t stride, Matrix b) { solve_by_blas(l, n, stride, b, &kTransposed); }
void solve_upper(const double* l, std::size_t n, std::size_t stride, Matrix b) { solve_by_blas(l, n, stride, b, &kPlain); }
#endif

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
