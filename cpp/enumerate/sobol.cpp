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

// x (n,), x[0] given: the points after it, where index 0 is a multiple of n's next power of two.
HPO_CLONES void continue_run(std::uint32_t* x, std::size_t n, const std::uint32_t* v) {
    std::uint32_t above = 0;
    for (std::size_t half = 1; half < n; half *= 2, ++v) {
        const std::uint32_t flip = *v ^ above;
        above = *v;
        const std::size_t count = half < n - half ? half : n - half;
        for (std::size_t i = 0; i < count; ++i) x[half + i] = x[i] ^ flip;
    }
}

// gray (n,), their common bits and all of their bits; numbers (n,) of the streams of the bits below the 32nd: 0, 1, ... are those
// of the scrambles.
struct Bits {
    std::uint32_t all = 0xFFFFFFFFu, any = 0;
    bool run = true;   // consecutive
};
HPO_CLONES void gray_codes(const std::uint64_t* indices, std::size_t n, std::uint32_t* gray, std::uint64_t* numbers, Bits& bits) {
    std::uint32_t all = 0xFFFFFFFFu, any = 0;
    std::uint64_t apart = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t index = indices[i];
        gray[i] = static_cast<std::uint32_t>(index ^ (index >> 1));
        all &= gray[i];
        any |= gray[i];
        apart |= index ^ (indices[0] + i);
        numbers[i] = index | (std::uint64_t{1} << 32);
    }
    bits = {all, any, apart == 0};
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
    if (std::any_of(indices, indices + n, [](std::uint64_t index) { return (index >> 32) != 0; }))
        throw std::invalid_argument("a Sobol sequence has 2^32 points: use another seed beyond that");
    const std::size_t sobol_dims = std::min(dims_, kSobolDims);
    std::uint32_t gray[kChunk], x[kChunk];
    std::uint64_t numbers[kChunk], words[4 * kChunk];
    if (!scramble_) std::fill_n(words, 4 * kChunk, 0);
    Bits bits;
    for (std::size_t start = 0, count; start < n; start += count) {
        // Chunks of consecutive points start at multiples of kChunk.
        count = std::min(kChunk - indices[start] % kChunk, n - start);
        gray_codes(indices + start, count, gray, numbers, bits);
        if (!bits.run) {
            count = std::min(kChunk, n - start);
            gray_codes(indices + start, count, gray, numbers, bits);
        }
        const bool run = bits.run && indices[start] % kChunk == 0;
        for (std::size_t j = 0; j < dims_; ++j) {
            double* column = out + j * stride + start;
            if (j >= sobol_dims) {
                uniform_columns(seed_, Purpose::scramble, numbers, count, static_cast<std::uint32_t>(j), 1, column, count);
                continue;
            }
            if (scramble_ && j % 4 == 0) random_words(seed_, Purpose::scramble, numbers, count, static_cast<std::uint32_t>(j), words);
            const std::uint32_t* v = directions_.data() + j * 32;
            const std::uint32_t shared = run ? gray[0] : bits.all;
            x[0] = 0;
            for (int bit = 0; bit < 32 && (shared >> bit) != 0; ++bit)
                if ((shared >> bit) & 1u) x[0] ^= v[bit];
            if (run) {
                continue_run(x, count, v);
            } else {
                std::fill(x + 1, x + count, x[0]);
                for (int bit = 0; bit < 32; ++bit)
                    if (((bits.any ^ bits.all) >> bit) & 1u) add_direction(x, gray, count, bit, v[bit]);
            }
            finish(x, words + (j % 4) * count, count, scramble_, scrambles_[j], column);
        }
    }
}

}  // namespace hpo
