#pragma once
// Systems of equations with a Cholesky factor, some right sides at a time as the lanes of a vector, of which each entry of L serves all.
// OpenBLAS's dtrsm takes 1.3 to 3 times as long up to n = 1,000, most of all for the few right sides that a search of the acquisition has:
// it copies L first.
//
// Inverses from it, by halves down to blocks of 32, so that all but the blocks is products of matrices:
//
//     W = L^-1:        W11 = L11^-1,  W22 = L22^-1,  W21 = -W22 L21 W11
//     K^-1 = W^T W:    (11) = W11^T W11 + W21^T W21,  (21) = W22^T W21,  (22) = W22^T W22.
//
// OpenBLAS's dtrtri and dpotri do blocks of up to a quarter of n (up to 64) by vectors, and take twice the time at n = 200.
// n^3 / 3 multiplications each, in place. Row-major, lower, rows `stride` apart; what is above the diagonal is left alone.

#include <cstddef>

#include "base/view.h"

namespace hpo {

// The first n columns of each row of b: b <- L^-1 b, and b <- L^-T b. n^2 / 2 multiplications a row.
void solve_lower(const double* l, std::size_t n, std::size_t stride, Matrix b);
void solve_upper(const double* l, std::size_t n, std::size_t stride, Matrix b);

void invert_lower(double* l, std::size_t n, std::size_t stride);         // L -> L^-1
void inverse_of_factored(double* l, std::size_t n, std::size_t stride);  // L -> (L L^T)^-1

}  // namespace hpo
