#pragma once
// The standard normal distribution over arrays: Phi, log Phi, log(Phi(b) - Phi(a)) and the inverse of Phi, accurate in
// both tails and without branches (see simd.h); NaN propagates, out may be an input. Formulas, costs and references
// are in normal.cpp; the accuracies below are measured against mpmath.

#include <cstddef>

namespace hpo {

constexpr double kHalfLog2Pi = 0.91893853320467274178;

// out[i] = Phi(x[i]). Relative error 1.2e-15, also in the left tail; flushed to 0 below -37.6, where it is subnormal.
void ndtr(const double* x, double* out, std::size_t n);  // (n,), (n,)

// out[i] = log Phi(x[i]). Relative error 1.2e-15 everywhere (-x^2/2 far left, -Phi(-x) far right).
void log_ndtr(const double* x, double* out, std::size_t n);  // (n,), (n,)

// out[i] = log(Phi(b[i]) - Phi(a[i])), a <= b, infinite ends allowed; a == b -> -inf, a > b -> NaN. The relative error
// of the mass is below 4e-14, plus what rounding the result itself costs (|log mass| * 1e-16).
void log_interval_mass(const double* a, const double* b, double* out, std::size_t n);  // (n,), (n,), (n,)

// out[i] = Phi^-1(p[i]). Relative error 1e-15; 0 -> -inf, 1 -> inf, outside [0, 1] -> NaN.
void ndtri(const double* p, double* out, std::size_t n);  // (n,), (n,)

// The same for one number, with the same bits; each costs one block (kBlock elements) of the array form.
double ndtr(double x);
double log_ndtr(double x);
double log_interval_mass(double a, double b);
double ndtri(double p);

}  // namespace hpo
