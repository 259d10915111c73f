// Philox for many streams at once.

#include "base/random.h"

#include <algorithm>

#if defined(HPO_V3)
#include <immintrin.h>
#endif

namespace hpo {

namespace {

// words (4, n): the blocks of `counter` with its last two words replaced by the halves of numbers[i].
HPO_DEFAULT void philox_lanes(std::uint64_t key, Block counter, const std::uint64_t* numbers, std::size_t n, std::uint64_t* words) {
    for (std::size_t i = 0; i < n; ++i) {
        const Block b = philox({counter[0], counter[1], static_cast<std::uint32_t>(numbers[i]), static_cast<std::uint32_t>(numbers[i] >> 32)}, key);
        for (std::size_t w = 0; w < 4; ++w) words[w * n + i] = b[w];
    }
}

#if defined(HPO_V3)
// Two vectors of four lanes of 64 bits each, of which the products read the low halves. Written by hand: GCC makes a whole
// 64-bit product of three instructions and as many shifts.
HPO_V3 void philox_lanes(std::uint64_t key, Block counter, const std::uint64_t* numbers, std::size_t n, std::uint64_t* words) {
    constexpr std::size_t kLanes = 8;
    if (n < kLanes) {   // too few for a vector: the first stream stands in for those that are missing
        std::uint64_t padded[kLanes], result[4 * kLanes];
        for (std::size_t l = 0; l < kLanes; ++l) padded[l] = numbers[l < n ? l : 0];
        philox_lanes(key, counter, padded, kLanes, result);
        for (std::size_t w = 0; w < 4; ++w) std::copy_n(result + w * kLanes, n, words + w * n);
        return;
    }
    const __m256i low = _mm256_set1_epi64x(0xFFFFFFFF), m0 = _mm256_set1_epi64x(0xD2511F53), m1 = _mm256_set1_epi64x(0xCD9E8D57);
    for (std::size_t start = 0; start < n; start += kLanes) {
        const std::size_t i = std::min(start, n - kLanes);   // the last vectors overlap those before them
        __m256i c0[2], c1[2], c2[2], c3[2];
        for (int v = 0; v < 2; ++v) {
            c0[v] = _mm256_set1_epi64x(counter[0]);
            c1[v] = _mm256_set1_epi64x(counter[1]);
            c2[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers + i + 4 * v));
            c3[v] = _mm256_srli_epi64(c2[v], 32);
        }
        std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round) {
            const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
            for (int v = 0; v < 2; ++v) {
                const __m256i p0 = _mm256_mul_epu32(c0[v], m0), p1 = _mm256_mul_epu32(c2[v], m1);
                c0[v] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c1[v]), key0);
                c1[v] = p1;
                c2[v] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c3[v]), key1);
                c3[v] = p0;
            }
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        const __m256i* all[4] = {c0, c1, c2, c3};
        for (std::size_t w = 0; w < 4; ++w)
            for (int v = 0; v < 2; ++v)
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(words + w * n + i + 4 * v), _mm256_and_si256(all[w][v], low));
    }
}
#endif

// out[i] in [0, 1) of words (2, n).
HPO_CLONES void to_units(const std::uint64_t* high, const std::uint64_t* low, std::size_t n, double* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = unit_lane(high[i], low[i]);
}

}  // namespace

void random_words(std::uint64_t seed, Purpose purpose, const std::uint64_t* numbers, std::size_t n, std::uint32_t index, std::uint64_t* words) {
    if (n > 0) philox_lanes(seed, {index, static_cast<std::uint32_t>(purpose), 0, 0}, numbers, n, words);
}

void uniform_columns(std::uint64_t seed, Purpose purpose, const std::uint64_t* numbers, std::size_t n, std::uint32_t first, std::size_t d,
                     double* out, std::size_t stride) {
    constexpr std::size_t kChunk = 256;   // words stay in the first cache
    std::uint64_t words[4 * kChunk];
    for (std::size_t i = 0; i < n; i += kChunk) {
        const std::size_t m = std::min(kChunk, n - i);
        for (std::size_t j = 0; j < d; j += 2) {
            random_words(seed, purpose, numbers + i, m, first + static_cast<std::uint32_t>(j / 2), words);
            to_units(words, words + m, m, out + j * stride + i);
            if (j + 1 < d) to_units(words + 2 * m, words + 3 * m, m, out + (j + 1) * stride + i);
        }
    }
}

}  // namespace hpo
