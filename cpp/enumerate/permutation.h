#pragma once
// A random order of [0, n) without a table: the position of an element and the element of a position in O(1).
//
// A Feistel network over a x b >= n with a, b near sqrt(n) (Black & Rogaway, "Ciphers with arbitrary finite domains", CT-RSA
// 2002): x = l b + r, and the rounds add to l modulo a a hash of r, to r modulo b a hash of l, in turn. Each round can be
// undone, so it is a bijection of [0, a b). What leaves [0, n) is sent through again (cycle walking) until it is back; as
// a b - n < sqrt(n) + 1 this is rare. Keys come from Philox, the hash is the finalizer of splitmix64 (Steele, Lea, Flood 2014).

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/index.h"

namespace hpo {

class Permutation {
public:
    // 1 <= n <= 2^127; a different seed is a different order.
    Permutation(Index n, std::uint64_t seed);

    void apply(Index* places, std::size_t n) const;   // (n,): places in, elements out
    Index inverse(Index element) const;               // the place of an element

private:
    static constexpr std::size_t kRounds = 12;

    Index n_;
    std::uint64_t a_, b_;
    std::array<std::uint64_t, kRounds> keys_;
};

}  // namespace hpo
