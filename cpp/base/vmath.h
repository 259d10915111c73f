#pragma once
// exp and log over arrays, without branches, so that the compiler vectorises them: a third of the time of
// std::exp with AVX2. `lane::` holds the same formulas for one element, to be fused into other HPO_CLONES loops (see
// simd.h).
//
//   exp(x) = 2^k e^r, k = round(x / ln 2), |r| <= ln(2)/2 by Cody and Waite's two-part reduction, then a polynomial;
//   log(x) = k ln 2 + log m, m in [sqrt(1/2), sqrt(2)), log m = 2 atanh(s), s = (m - 1)/(m + 1).
//
// Errors below 1.1 ulp and 0.9 ulp. References: Muller, Elementary Functions (3rd ed.), ch. 11; fdlibm's e_log.c for
// the order of the last additions. Coefficients: mpmath, interpolation at Chebyshev nodes of (e^r - 1 - r)/r^2 on
// [-ln(2)/2, ln(2)/2] (degree 9, error of exp 1.6e-17) and of (2 atanh(s)/s - 2)/s^2 in s^2 on [0, (3 - 2 sqrt 2)^2]
// (degree 6, 4.6e-18).

#include <cstddef>
#include <limits>

#include "base/simd.h"

#ifdef __FAST_MATH__
#error "-ffast-math breaks the rounding by addition below"
#endif

namespace hpo {
namespace lane {

// ln 2 in two parts; the first has 33 bits, so k * kLn2Hi is exact for the k that occur, with or without FMA.
constexpr double kLn2Hi = 6.93147180369123816490e-01, kLn2Lo = 1.90821492927058770002e-10;
constexpr double kInf = std::numeric_limits<double>::infinity();

// e^(x + dx) for x <= 0, where |dx| << 1 carries what rounding took from x. Flushed to 0 below -708. It lacks the
// checks of exp: above 0 it is right to 709, and a NaN may be lost.
HPO_INLINE double exp_negative(double x, double dx = 0.0) {
    // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits, without the conversion AVX2 lacks. It
    // relies on strict arithmetic: -ffast-math would cancel the two additions.
    constexpr double magic = 6755399441055744.0;
    const double shifted = x * 1.4426950408889634 + magic;
    const double k = shifted - magic;
    const double r = (x - k * kLn2Hi) - (k * kLn2Lo - dx), r2 = r * r;
    const double q = polynomial(r, r2, 0.5000000000000001, 0.16666666666666667, 0.041666666666624128,
                                0.0083333333333300618, 0.0013888888917213717, 0.00019841269863053617,
                                2.4801521295954375e-5, 2.7557268459997065e-6, 2.7620088445409748e-7,
                                2.5100385495510319e-8);
    const double p = 1.0 + (r + r2 * q);
    // p 2^k through the exponent field; at k = 1024 p < 1, so even the largest results stay in range.
    return x < -708.0 ? 0.0 : from_bits(to_bits(p) + (to_bits(shifted) << 52));
}

HPO_INLINE double exp(double x) {
    return x <= 709.782712893384 ? exp_negative(x) : x + kInf;  // inf above, and NaN stays NaN
}

// ln(x) + shift ln 2 for a positive normal x.
HPO_INLINE double log_normal(double x, double shift = 0.0) {
    constexpr std::uint64_t one = 0x3ff0000000000000, sqrt_half = 0x3fe6a09e667f3bcd, exponent = 0xfff0000000000000;
    const std::uint64_t u = to_bits(x);
    const std::uint64_t v = u + (one - sqrt_half);  // its exponent field is that of x when m is in [sqrt(1/2), sqrt(2))
    // The exponent as a double: put into the mantissa of 2^52, again without a conversion.
    const double k = from_bits((v >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0) + shift;
    const double f = from_bits(u - (v & exponent) + one) - 1.0;
    const double s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
    const double series = z * polynomial(z, z * z, 0.66666666666666697, 0.39999999999899443, 0.28571428626003269,
                                         0.22222211130259877, 0.18182889455674946, 0.15331710618210772,
                                         0.14616585424888622);
    return k * kLn2Hi - ((half_square - (s * (half_square + series) + k * kLn2Lo)) - f);
}

HPO_INLINE double log(double x) {
    const bool subnormal = x < std::numeric_limits<double>::min();
    const double y = log_normal(x * (subnormal ? 18014398509481984.0 : 1.0), subnormal ? -54.0 : 0.0);  // 2^54
    const double special = x == 0.0 ? -kInf : (x > 0.0 ? x : std::numeric_limits<double>::quiet_NaN());
    return x > 0.0 && x < kInf ? y : special;
}

}  // namespace lane

// out[i] = e^x[i]: 1.1 ulp; 0 below -708 (subnormal results are flushed), inf above 709.78, NaN propagates. out may be
// x.
void exp(const double* x, double* out, std::size_t n);  // (n,), (n,)

// out[i] = ln x[i]: 1 ulp, subnormals included; 0 -> -inf, negative or NaN -> NaN, inf -> inf. out may be x.
void log(const double* x, double* out, std::size_t n);  // (n,), (n,)

}  // namespace hpo
