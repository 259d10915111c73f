#pragma once
// The Cholesky factor L of a symmetric positive definite matrix, K = L L^T: row-major, lower, in a buffer with room to grow.

#include <cstddef>
#include <vector>

#include "base/view.h"
#include "linalg/triangular.h"

namespace hpo {

class Cholesky {
public:
    std::size_t size() const { return n_; }
    // What had to be added to the diagonal to factor; 0 as a rule.
    double jitter() const { return jitter_; }

    // Factors the lower triangle of k (n, n). If that fails, jitter of 1e-10, 1e-8, ..., 1e-2 of the mean diagonal is added.
    // Throws NotPositiveDefinite if even that fails (or k is not finite). O(n^3 / 3).
    void factor(ConstMatrix k);

    // Appends one row: k (n,) the covariances with the rows before it, and its own variance. If the new pivot would be below
    // `floor`, it is `floor`: the row repeats what is known. O(n^2).
    void append(const double* k, double variance, double floor);
    // Appends m rows at once: k (m, n + m), their covariances with the rows before them and, lower triangle, with each other. The pivots are
    // as above. O(m (n + m)^2), as products of matrices.
    void append(ConstMatrix k, double floor);
    // Keeps the leading n rows.
    void truncate(std::size_t n) { n_ = n; }

    // Each row of b (m, n): b <- L^-1 b, and b <- L^-T b. O(m n^2).
    void solve_lower(Matrix b) const { solve_lower(b, n_); }
    void solve_upper(Matrix b) const { solve_upper(b, n_); }
    // The same with the factor of the leading k rows and columns of K, of the first k columns of b (m, >= k). O(m k^2).
    void solve_lower(Matrix b, std::size_t k) const { hpo::solve_lower(l_.data(), k, capacity_, b); }
    void solve_upper(Matrix b, std::size_t k) const { hpo::solve_upper(l_.data(), k, capacity_, b); }

    // L^-1 (n, n), lower; zeros above. O(n^3 / 3). For many rows of b, multiply_lower takes half the time of solve_lower.
    void inverse_factor(Matrix out) const;
    double log_determinant() const;   // of K
    // out (n, n): the lower triangle of K^-1. O(2 n^3 / 3).
    void inverse(Matrix out) const;

    const double* row(std::size_t i) const { return l_.data() + i * capacity_; }

private:
    void reserve(std::size_t n);

    std::size_t n_ = 0;
    std::size_t capacity_ = 0;   // the stride
    double jitter_ = 0.0;
    std::vector<double> l_;
};

// Each row of b (m, n): b <- l b, l (n, n) lower.
void multiply_lower(ConstMatrix l, Matrix b);

}  // namespace hpo
