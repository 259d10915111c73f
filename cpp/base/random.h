#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). A draw is a pure function of (seed, number, purpose, position), which is what makes a suggestion a pure
// function of its trial number, whatever was drawn before and on whichever thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/simd.h"

namespace hpo {

// What a stream is used for: streams with different purposes never share a number.
enum class Purpose : std::uint32_t { uniform = 0, sobol = 1, scramble = 2, fallback = 3, tpe = 4, reservoir = 5, complete = 6, gp = 7, permutation = 8, signs = 9 };

using Block = std::array<std::uint32_t, 4>;

constexpr std::uint32_t kPhiloxKeys[2] = {0x9E3779B9, 0xBB67AE85};   // what a round adds to the key

// One block of 128 random bits.
inline Block philox(Block counter, std::uint64_t key) {
    std::uint32_t k0 = static_cast<std::uint32_t>(key);
    std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
                   static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
        k0 += kPhiloxKeys[0];
        k1 += kPhiloxKeys[1];
    }
    return counter;
}

// 53 random bits to a double in [0, 1).
inline double to_unit(std::uint32_t high, std::uint32_t low) {
    return static_cast<double>(((std::uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}

// The stream of (seed, number, purpose): an endless sequence of which any position can be reached at once.
class Stream {
public:
    Stream(std::uint64_t seed, std::uint64_t number, Purpose purpose)
        : seed_(seed), number_(number), purpose_(static_cast<std::uint32_t>(purpose)) {}

    Block block(std::uint32_t index) const {
        return philox({index, purpose_, static_cast<std::uint32_t>(number_), static_cast<std::uint32_t>(number_ >> 32)}, seed_);
    }

    // out[0..n): uniforms in [0, 1), two to a block, starting at block `first`.
    void uniform(double* out, std::size_t n, std::uint32_t first = 0) const {
        for (std::size_t i = 0; i < n; i += 2) {
            const Block b = block(first + static_cast<std::uint32_t>(i / 2));
            out[i] = to_unit(b[0], b[1]);
            if (i + 1 < n) out[i + 1] = to_unit(b[2], b[3]);
        }
    }

    // out (d, n), column j at out + j stride: in row i the bits of uniform(row, d, first + i blocks).
    void uniform_columns(std::uint32_t first, std::uint32_t blocks, std::size_t n, std::size_t d, double* out, std::size_t stride) const;

    std::uint64_t bits(std::uint32_t index = 0) const {
        const Block b = block(index);
        return (std::uint64_t{b[0]} << 32) | b[1];
    }

private:
    std::uint64_t seed_;
    std::uint64_t number_;
    std::uint32_t purpose_;
};

// out (d, n), column j at out + j stride: the first d uniforms of those streams from block `first` on, the very bits of Stream::uniform.
void uniform_columns(std::uint64_t seed, Purpose purpose, const std::uint64_t* numbers, std::size_t n, std::uint32_t first, std::size_t d,
                     double* out, std::size_t stride);

}  // namespace hpo
