#pragma once
// The leaf loops of a mixture's density: kTile kernels at a time, whose columns and accumulators stay in L1, against up to
// kQueries candidates. A kernel's log density at a candidate is what does not depend on the candidate, minus
//
//     sum_j z_j^2,   z_j = x_j inverse_j - scaled_mu_j,   inverse = 1 / (sigma sqrt 2), scaled_mu = mu / (sigma sqrt 2),
//
// plus terms by level and choice; a tile of them is folded into the candidate's log-sum-exp. So each pair of kernel and
// candidate costs two multiply-adds a column and at most one exp. Overwrites the accumulators only: acc, out, top and sum.

#include <cstddef>

namespace hpo {

constexpr std::size_t kTile = 32;      // kernels at a time
constexpr std::size_t kQueries = 24;   // candidates at a time

// acc (queries, kTile) -= sum over columns of (x_qj inverse_j - scaled_mu_j)^2: the hot loop. scaled_mu and inverse point at
// (columns) arrays (kTile,), x is (columns, kQueries). `columns` is even and `queries` a multiple of four: the caller pads with
// zero inverses and with repeated candidates.
void subtract_squares(const double* const* scaled_mu, const double* const* inverse, const double* x, std::size_t columns, std::size_t queries,
                      double* acc);

// acc (kTile,) -= (x inverse - scaled_mu)^2: one column, one candidate.
void subtract_square(const double* scaled_mu, const double* inverse, double x, double* acc);

// out (n,) -= (x inverse - scaled_mu)^2: one column, one kernel, many candidates x (n,).
void subtract_kernel(const double* x, double inverse, double scaled_mu, std::size_t n, double* out);

// acc (kTile,) += delta where choice (kTile,) == x.
void add_where_equal(const double* choice, double x, double delta, double* acc);

// Adds a tile to a running log-sum-exp: sum of e^(acc - top). Both start at nothing: top = -inf, sum = 0.
void fold_tile(const double* acc, double* top, double* sum);

}  // namespace hpo
