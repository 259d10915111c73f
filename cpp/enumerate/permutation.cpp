#include "enumerate/permutation.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace hpo {

namespace {

std::uint64_t hash(std::uint64_t x, std::uint64_t key) {
    x ^= key;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

// x + y and x - y modulo m, for x, y < m; without branches, which would be taken at random.
std::uint64_t add(std::uint64_t x, std::uint64_t y, std::uint64_t m) {
    const std::uint64_t sum = x + y;
    return sum - (m & -static_cast<std::uint64_t>((sum < x) | (sum >= m)));
}
std::uint64_t subtract(std::uint64_t x, std::uint64_t y, std::uint64_t m) { return x - y + (m & -static_cast<std::uint64_t>(x < y)); }

std::uint64_t square_root_up(Index n) {   // the smallest r with r r >= n
    auto r = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(static_cast<std::uint64_t>(n >> 64)) * 0x1p64 +
                                                  static_cast<double>(static_cast<std::uint64_t>(n))));
    while (static_cast<Index>(r) * static_cast<Index>(r) < n) ++r;
    while (r > 1 && static_cast<Index>(r - 1) * static_cast<Index>(r - 1) >= n) --r;
    return r;
}

// l and r of x = l b + r; in 64 bits where that is enough, as a division of 128 takes several times as long.
struct Halves {
    std::uint64_t l, r;
};
Halves split(Index x, std::uint64_t b) {
    if ((x >> 64) == 0) return {static_cast<std::uint64_t>(x) / b, static_cast<std::uint64_t>(x) % b};
    const Index l = x / b;
    return {static_cast<std::uint64_t>(l), static_cast<std::uint64_t>(x - l * static_cast<Index>(b))};
}

Index join(Halves h, std::uint64_t b) { return static_cast<Index>(h.l) * static_cast<Index>(b) + static_cast<Index>(h.r); }

}  // namespace

Permutation::Permutation(Index n, std::uint64_t seed) : n_(n), a_(square_root_up(n)) {
    b_ = static_cast<std::uint64_t>((n + static_cast<Index>(a_ - 1)) / static_cast<Index>(a_));
    const Stream stream(seed, 0, Purpose::permutation);
    for (std::size_t round = 0; round < kRounds; ++round) keys_[round] = stream.bits(static_cast<std::uint32_t>(round));
}

void Permutation::apply(Index* places, std::size_t n) const {
    constexpr std::size_t kLanes = 8;   // side by side, as a round waits for the one before it
    Halves h[kLanes];
    for (std::size_t start = 0; start < n; start += kLanes) {
        const std::size_t lanes = std::min(kLanes, n - start);
        for (std::size_t l = 0; l < lanes; ++l) h[l] = split(places[start + l], b_);
        for (std::size_t round = 0; round < kRounds; round += 2)
            for (std::size_t l = 0; l < lanes; ++l) {
                h[l].l = add(h[l].l, multiply_high(hash(h[l].r, keys_[round]), a_), a_);
                h[l].r = add(h[l].r, multiply_high(hash(h[l].l, keys_[round + 1]), b_), b_);
            }
        for (std::size_t l = 0; l < lanes; ++l) {
            places[start + l] = join(h[l], b_);
            if (places[start + l] >= n_) apply(places + start + l, 1);
        }
    }
}

Index Permutation::inverse(Index element) const {
    do {
        Halves h = split(element, b_);
        for (std::size_t round = kRounds; round > 0; round -= 2) {
            h.r = subtract(h.r, multiply_high(hash(h.l, keys_[round - 1]), b_), b_);
            h.l = subtract(h.l, multiply_high(hash(h.r, keys_[round - 2]), a_), a_);
        }
        element = join(h, b_);
    } while (element >= n_);
    return element;
}

}  // namespace hpo
