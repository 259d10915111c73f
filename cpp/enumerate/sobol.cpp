#include "enumerate/sobol.h"

#include <algorithm>
#include <stdexcept>

#include "base/random.h"
#include "base/simd.h"
#include "enumerate/sobol_directions.h"

namespace hpo {

namespace {

constexpr std::size_t kChunk = 256;

HPO_INLINE std::uint32_t reverse_bits(std::uint32_t x) {
    x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
    x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
    x = ((x >> 4) & 0x0F0F0F0Fu) | ((x & 0x0F0F0F0Fu) << 4);
    x = ((x >> 8) & 0x00FF00FFu) | ((x & 0x00FF00FFu) << 8);
    return (x >> 16) | (x << 16);
}

// Vegdahl 2021, of reversed bits: multiplications carry only upwards, so this is a nested permutation.
HPO_INLINE std::uint32_t owen(std::uint32_t x, std::uint32_t seed) {
    x ^= x * 0x3D20ADEAu;
    x += seed;
    x *= (seed >> 16) | 1u;
    x ^= x * 0x05526C56u;
    x ^= x * 0x53A22864u;
    return x;
}

// x (n,) ^= direction where bit `bit` of gray (n,) is set.
HPO_CLONES void add_direction(std::uint32_t* x, const std::uint32_t* gray, std::size_t n, int bit, std::uint32_t direction) {
    for (std::size_t i = 0; i < n; ++i) x[i] ^= (0u - ((gray[i] >> bit) & 1u)) & direction;
}

// out[i] in [0, 1): 32 bits of x (n,), reversed, scrambled or not, and below them those of tail (n,).
HPO_CLONES void finish(const std::uint32_t* x, const std::uint64_t* tail, std::size_t n, bool scramble, std::uint32_t seed, double* out) {
    if (scramble)
        for (std::size_t i = 0; i < n; ++i) out[i] = unit_lane(reverse_bits(owen(x[i], seed)), tail[i]);
    else
        for (std::size_t i = 0; i < n; ++i) out[i] = unit_lane(reverse_bits(x[i]), tail[i]);
}

}  // namespace

Sobol::Sobol(std::size_t dims, std::uint64_t seed, bool scramble)
    : dims_(dims), seed_(seed), scramble_(scramble), directions_(std::min(dims, kSobolDims) * 32), scrambles_(dims) {
    const std::uint16_t* initial = kSobolInitial;
    for (std::size_t j = 0; j < std::min(dims, kSobolDims); ++j) {
        std::uint32_t* v = directions_.data() + j * 32;
        if (j == 0) {
            for (int i = 0; i < 32; ++i) v[i] = 1u << (31 - i);
            continue;
        }
        const std::uint32_t polynomial = kSobolPolynomials[j];
        int degree = 0;
        while ((polynomial >> (degree + 1)) != 0) ++degree;
        for (int i = 0; i < std::min(degree, 32); ++i) v[i] = std::uint32_t{initial[i]} << (31 - i);
        for (int i = degree; i < 32; ++i) {   // Joe & Kuo 2008, eq. (2)
            v[i] = v[i - degree] ^ (v[i - degree] >> degree);
            for (int k = 1; k < degree; ++k)
                if ((polynomial >> (degree - k)) & 1u) v[i] ^= v[i - k];
        }
        initial += degree;
    }
    for (std::uint32_t& v : directions_) v = reverse_bits(v);
    for (std::size_t j = 0; j < dims; ++j) scrambles_[j] = static_cast<std::uint32_t>(Stream(seed, j, Purpose::scramble).bits());
}

void Sobol::points(const std::uint64_t* indices, std::size_t n, double* out, std::size_t stride) const {
    const std::size_t sobol_dims = std::min(dims_, kSobolDims);
    std::uint32_t gray[kChunk], x[kChunk];
    std::uint64_t numbers[kChunk], words[4 * kChunk];
    if (!scramble_) std::fill_n(words, 4 * kChunk, 0);
    for (std::size_t start = 0; start < n; start += kChunk) {
        const std::size_t count = std::min(kChunk, n - start);
        std::uint32_t any = 0, all = 0xFFFFFFFFu;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t index = indices[start + i];
            if (index >> 32) throw std::invalid_argument("a Sobol sequence has 2^32 points: use another seed beyond that");
            gray[i] = static_cast<std::uint32_t>(index ^ (index >> 1));
            any |= gray[i];
            all &= gray[i];
            numbers[i] = index | (std::uint64_t{1} << 32);   // 0, 1, ... are the streams of the scrambles
        }
        for (std::size_t j = 0; j < dims_; ++j) {
            double* column = out + j * stride + start;
            if (j >= sobol_dims) {
                uniform_columns(seed_, Purpose::scramble, numbers, count, static_cast<std::uint32_t>(j), 1, column, count);
                continue;
            }
            if (scramble_ && j % 4 == 0) random_words(seed_, Purpose::scramble, numbers, count, static_cast<std::uint32_t>(j), words);
            const std::uint32_t* v = directions_.data() + j * 32;
            std::uint32_t shared = 0;
            for (int bit = 0; bit < 32; ++bit)
                if ((all >> bit) & 1u) shared ^= v[bit];
            std::fill_n(x, count, shared);
            for (int bit = 0; bit < 32; ++bit)
                if (((any ^ all) >> bit) & 1u) add_direction(x, gray, count, bit, v[bit]);
            finish(x, words + (j % 4) * count, count, scramble_, scrambles_[j], column);
        }
    }
}

}  // namespace hpo
