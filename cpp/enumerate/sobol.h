#pragma once
// The Sobol sequence, scrambled by random matrices and shifted, any point at once.
//
// Directions: Joe & Kuo 2008 (sobol_directions.h). Scrambling: J. Matousek, "On the L2-discrepancy for anchored boxes", J. Complexity
// 14 (1998): in each dimension a random matrix over GF(2), lower triangular with ones on the diagonal, maps the 32 digits of a point to
// 52, and 52 random digits are added. It keeps the net, makes every point uniform, and gives means over the points the variance of Owen's
// nested permutations: A. B. Owen, "Variance with alternative scramblings of digital nets", ACM TOMACS 13 (2003). The bits are
// Philox's. Dimensions beyond 1,024 are independent uniforms.
//
// The matrix is multiplied into the directions once, and the directions of neighbouring bits of the Gray code are combined, so that a
// point is the shift and, for each bit that is set in its index, one word: exclusive ors of words. A block of 2^b points from a multiple
// of 2^b on is its first point combined with a table, one exclusive or a coordinate.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/view.h"

namespace hpo {

class Sobol {
public:
    // A different seed is a different scrambling; `scramble` = false gives the plain sequence.
    Sobol(std::size_t dims, std::uint64_t seed, bool scramble = true);

    std::size_t dims() const { return dims_; }
    bool has_uniforms() const { return dims_ > sobol_dims_; }

    // In [0, 1)^d, indices below 2^32.
    // out (d,): one point, O(d popcount(index)).
    void point(std::uint64_t index, double* out) const { columns(index, 1, out, 1); }
    // out (n, d): one point with the shifts first, first + 1, ...; 0 is that of the sequence, the others are as random.
    void shifted(std::uint64_t index, std::uint32_t first, Matrix out) const;
    // out (d, n), dimension j at out + j stride: the points from `first` on.
    void columns(std::uint64_t first, std::size_t n, double* out, std::size_t stride) const;
    // The same of the points indices (n,).
    void gather(const std::uint64_t* indices, std::size_t n, double* out, std::size_t stride) const;
    // out (n, d): the points from `first` on, without a detour through columns; not if has_uniforms().
    void rows(std::uint64_t first, Matrix out) const;

private:
    void check(std::uint64_t first, std::size_t n) const;
    // (n, min(d, 1024)): the digits of the shifts first, first + 1, ..., below the exponent of [1, 2).
    std::vector<std::uint64_t> digits(std::uint32_t first, std::size_t n) const;
    // out (d - 1024, n), if there are any: the dimensions beyond.
    void uniforms(const std::uint64_t* indices, std::size_t n, std::uint32_t shift, double* out, std::size_t stride) const;

    std::size_t dims_, sobol_dims_;
    std::uint64_t seed_;
    std::vector<std::uint64_t> directions_;   // (32, min(d, 1024)): of each bit of an index, 52 digits
    std::vector<std::uint64_t> shift_;        // digits(0, 1); without scrambling, none but the exponent
};

}  // namespace hpo
