#pragma once
// The Sobol sequence with nested uniform (Owen) scrambling, any point at once.
//
// Directions: Joe & Kuo 2008 (sobol_directions.h). Scrambling by hashing the reversed bits, so that a bit depends only on
// the bits above it: Burley, "Practical hash-based Owen scrambling", JCGT 9(4), 2020, with the hash of Vegdahl, "Building a
// better LK hash" (2021), which mixes better. The seed of each dimension comes from Philox, and the 20 bits below the 32nd are a
// hash of those above them. Dimensions beyond 1,024 are independent uniforms.
//
// Point i is the exclusive or of the directions of the bits of i's Gray code. The points of a block share most of these bits, so
// that a coordinate costs a few operations for each bit in which they differ; of consecutive ones it costs one, since the second
// half of 2^b points differs from the first in two bits alone.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpo {

class Sobol {
public:
    // A different seed is a different scrambling; `scramble` = false gives the plain sequence.
    Sobol(std::size_t dims, std::uint64_t seed, bool scramble = true);

    std::size_t dims() const { return dims_; }

    // out (d,): point `index` of [0, 1)^d; index < 2^32. O(d popcount(index)).
    void point(std::uint64_t index, double* out) const { points(&index, 1, out, 1); }
    // out (d, n), dimension j at out + j stride: the points indices (n,), each < 2^32.
    void points(const std::uint64_t* indices, std::size_t n, double* out, std::size_t stride) const;

private:
    std::size_t dims_;
    std::uint64_t seed_;
    bool scramble_;
    std::vector<std::uint32_t> directions_;   // (min(d, 1024), 32), each with its bits reversed
    std::vector<std::uint32_t> scrambles_;    // (d,)
};

}  // namespace hpo
