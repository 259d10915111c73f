// Philox for many streams at once.

#include "base/random.h"

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(HPO_V3)
#include <immintrin.h>
#endif

namespace hpo {

namespace {

// Block i of n is that of purpose in the stream numbers[i] at index + i step.
struct Blocks {
    std::uint64_t key;
    std::uint32_t purpose;
    std::uint32_t index;
    std::uint32_t step;
};

// The two uniforms of each of the blocks: first (n,), second (n,).
HPO_DEFAULT void philox_units(const Blocks& blocks, const std::uint64_t* numbers, std::size_t n, double* first, double* second) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t index = blocks.index + static_cast<std::uint32_t>(i) * blocks.step;
        const Block b = philox({index, blocks.purpose, static_cast<std::uint32_t>(numbers[i]), static_cast<std::uint32_t>(numbers[i] >> 32)}, blocks.key);
        first[i] = to_unit(b[0], b[1]);
        second[i] = to_unit(b[2], b[3]);
    }
}

#if defined(HPO_V3)
// By hand, since GCC makes a whole 64-bit product of three instructions and as many shifts: vectors of 64-bit lanes of which the
// products read the low halves. That leaves the halves above undefined; to_unit in vectors ignores them.

using Eight = std::uint64_t __attribute__((vector_size(64)));

// The same for n < kLanes, too few for a vector: the first stream stands in for those that are missing.
template <std::size_t kLanes>
void few_units(const Blocks& blocks, const std::uint64_t* numbers, std::size_t n, double* first, double* second) {
    std::uint64_t padded[kLanes];
    double result[2 * kLanes];
    for (std::size_t l = 0; l < kLanes; ++l) padded[l] = numbers[l < n ? l : 0];
    philox_units(blocks, padded, kLanes, result, result + kLanes);
    std::copy_n(result, n, first);
    std::copy_n(result + kLanes, n, second);
}

HPO_V3 inline __m256d to_units(__m256i high, __m256i low) {   // unit_lane
    const __m256i exponent = _mm256_set1_epi64x(0x4330000000000000), half = _mm256_set1_epi64x(0xFFFFFFFF);
    const __m256d one = _mm256_set1_pd(0x1p52);
    const __m256d h = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(exponent, _mm256_and_si256(high, half))), one);
    const __m256d l = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(exponent, _mm256_srli_epi64(_mm256_and_si256(low, half), 11))), one);
    return _mm256_add_pd(_mm256_mul_pd(h, _mm256_set1_pd(0x1p-32)), _mm256_mul_pd(l, _mm256_set1_pd(0x1p-53)));
}

HPO_V3 void philox_units(const Blocks& blocks, const std::uint64_t* numbers, std::size_t n, double* first, double* second) {
    constexpr std::size_t kVectors = 2, kLanes = 4 * kVectors;
    if (n < kLanes) return few_units<kLanes>(blocks, numbers, n, first, second);
    const __m256i m0 = _mm256_set1_epi64x(0xD2511F53), m1 = _mm256_set1_epi64x(0xCD9E8D57);
    const __m256i steps = _mm256_mul_epu32(_mm256_set_epi64x(3, 2, 1, 0), _mm256_set1_epi64x(blocks.step));
    for (std::size_t start = 0; start < n; start += kLanes) {
        const std::size_t i = std::min(start, n - kLanes);   // the last vectors overlap those before them
        __m256i c0[kVectors], c1[kVectors], c2[kVectors], c3[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v) {
            c0[v] = _mm256_add_epi64(steps, _mm256_set1_epi64x(static_cast<long long>(blocks.index + (i + 4 * v) * blocks.step)));
            c1[v] = _mm256_set1_epi64x(blocks.purpose);
            c2[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers + i + 4 * v));
            c3[v] = _mm256_srli_epi64(c2[v], 32);
        }
        std::uint32_t k0 = static_cast<std::uint32_t>(blocks.key), k1 = static_cast<std::uint32_t>(blocks.key >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round, k0 += kPhiloxKeys[0], k1 += kPhiloxKeys[1]) {
            const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
            for (std::size_t v = 0; v < kVectors; ++v) {
                const __m256i p0 = _mm256_mul_epu32(c0[v], m0), p1 = _mm256_mul_epu32(c2[v], m1);
                c0[v] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c1[v]), key0);
                c1[v] = p1;
                c2[v] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c3[v]), key1);
                c3[v] = p0;
            }
        }
        for (std::size_t v = 0; v < kVectors; ++v) {
            _mm256_storeu_pd(first + i + 4 * v, to_units(c0[v], c1[v]));
            _mm256_storeu_pd(second + i + 4 * v, to_units(c2[v], c3[v]));
        }
    }
}

HPO_V4 inline __m512d to_units(Eight high, Eight low) {
    return __builtin_convertvector(((high << 32) | (low & 0xFFFFFFFF)) >> 11, __m512d) * 0x1p-53;
}

HPO_V4 void philox_units(const Blocks& blocks, const std::uint64_t* numbers, std::size_t n, double* first, double* second) {
    constexpr std::size_t kVectors = 4, kLanes = 8 * kVectors;
    if (n < kLanes) return few_units<kLanes>(blocks, numbers, n, first, second);
    const __m512i m0 = _mm512_set1_epi64(0xD2511F53), m1 = _mm512_set1_epi64(0xCD9E8D57);
    const Eight none{}, lanes{0, 1, 2, 3, 4, 5, 6, 7}, steps = lanes * blocks.step;
    for (std::size_t start = 0; start < n; start += kLanes) {
        const std::size_t i = std::min(start, n - kLanes);
        Eight c0[kVectors], c1[kVectors], c2[kVectors], c3[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v) {
            c0[v] = steps + (blocks.index + (i + 8 * v) * blocks.step);
            c1[v] = none + blocks.purpose;
            std::memcpy(&c2[v], numbers + i + 8 * v, sizeof c2[v]);
            c3[v] = c2[v] >> 32;
        }
        std::uint32_t k0 = static_cast<std::uint32_t>(blocks.key), k1 = static_cast<std::uint32_t>(blocks.key >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round, k0 += kPhiloxKeys[0], k1 += kPhiloxKeys[1])
            for (std::size_t v = 0; v < kVectors; ++v) {
                // With a mask, all of it: GCC 12 warns of the form without, whose lanes outside a mask are undefined.
                const auto p0 = reinterpret_cast<Eight>(_mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(c0[v]), m0));
                const auto p1 = reinterpret_cast<Eight>(_mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(c2[v]), m1));
                c0[v] = (p1 >> 32) ^ c1[v] ^ k0;
                c1[v] = p1;
                c2[v] = (p0 >> 32) ^ c3[v] ^ k1;
                c3[v] = p0;
            }
        for (std::size_t v = 0; v < kVectors; ++v) {
            _mm512_storeu_pd(first + i + 8 * v, to_units(c0[v], c1[v]));
            _mm512_storeu_pd(second + i + 8 * v, to_units(c2[v], c3[v]));
        }
    }
}
#endif

// out (d, n) of the streams numbers (n,): two columns to a block.
void unit_columns(Blocks blocks, const std::uint64_t* numbers, std::size_t n, std::size_t d, double* out, std::size_t stride) {
    std::vector<double> unused(d % 2 == 1 ? n : 0);
    for (std::size_t j = 0; n > 0 && j < d; j += 2, ++blocks.index)
        philox_units(blocks, numbers, n, out + j * stride, j + 1 < d ? out + (j + 1) * stride : unused.data());
}

}  // namespace

void uniform_columns(std::uint64_t seed, Purpose purpose, const std::uint64_t* numbers, std::size_t n, std::uint32_t first, std::size_t d,
                     double* out, std::size_t stride) {
    unit_columns({seed, static_cast<std::uint32_t>(purpose), first, 0}, numbers, n, d, out, stride);
}

void Stream::uniform_columns(std::uint32_t first, std::uint32_t blocks, std::size_t n, std::size_t d, double* out, std::size_t stride) const {
    const std::vector<std::uint64_t> numbers(n, number_);
    unit_columns({seed_, purpose_, first, blocks}, numbers.data(), n, d, out, stride);
}

}  // namespace hpo
