#pragma once
// Stationary kernels of the squared scaled distance r^2, and their derivatives by it (all finite at r = 0):
//
//     rbf       exp(-r^2 / 2)                                d/dr^2 = -k / 2
//     matern32  (1 + a) e^-a,            a = sqrt(3) r       d/dr^2 = -(3/2) e^-a
//     matern52  (1 + a + a^2/3) e^-a,    a = sqrt(5) r       d/dr^2 = -(5/6) (1 + a) e^-a
//
// Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), eq. 4.9 and 4.17.

#include <cstddef>

namespace hpo {

enum class Smoothness : int { matern52 = 0, matern32 = 1, rbf = 2 };

// k[i] = signal kernel(r2[i]); slope[i] = its derivative by r2, or not wanted if null. r2 below 0 counts as 0. k may be r2.
void kernel(Smoothness smoothness, const double* r2, std::size_t n, double signal, double* k, double* slope);   // (n,) each

}  // namespace hpo
