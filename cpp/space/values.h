#pragma once
// What the raw numbers of a column are as values: floats, ints, or entries of a table, each in 8 bytes.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/simd.h"

namespace hpo {

struct Values {
    enum class What { real, integer, decimal, spread, choice };
    What what = What::real;
    std::int64_t first = 0, stride = 1;   // integer: first + k stride; decimal: that by scale
    double scale = 1.0;
    double low = 0.0, high = 0.0, last = 0.0;   // spread: levels 0 .. last evenly from low to high
    std::vector<std::uint64_t> choices;         // the bits of entry k

    // Of level k. In unsigned arithmetic, which wraps: the sum fits 64 bits, the product may not.
    std::int64_t integer(std::uint64_t k) const {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + k * static_cast<std::uint64_t>(stride));
    }
    double decimal(std::uint64_t k) const { return static_cast<double>(integer(k)) / scale; }
    double spread(double k) const { return k == last ? high : low + (high - low) * (k / last); }

    // out (n,): the bits of the values of raw (n,), none of them NaN unless they are floats themselves.
    void column(const double* raw, std::size_t n, std::uint64_t* out) const;
};

// A level as an integer, in the form that vectorises: the low bits of 2^52 + k.
HPO_INLINE std::uint64_t level_bits(double k) { return to_bits(k + 0x1p52) & 0xFFFFFFFFFFFFF; }

// counts (levels,) += how often each level is in raw (n,).
void count_levels(const double* raw, std::size_t n, std::size_t levels, std::uint64_t* counts);

}  // namespace hpo
