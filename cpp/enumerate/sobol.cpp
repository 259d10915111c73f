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

// gray (n,), their common bits and all of their bits.
struct Bits {
    std::uint32_t all = 0xFFFFFFFFu, any = 0;
    bool run = true;   // consecutive
};
HPO_CLONES void gray_codes(const std::uint64_t* indices, std::size_t n, std::uint32_t* gray, Bits& bits) {
    std::uint32_t all = 0xFFFFFFFFu, any = 0;
    std::uint64_t apart = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t index = indices[i];
        gray[i] = static_cast<std::uint32_t>(index ^ (index >> 1));
        all &= gray[i];
        any |= gray[i];
        apart |= index ^ (indices[0] + i);
    }
    bits = {all, any, apart == 0};
}

// In [0, 1): 32 bits, and 20 below them.
HPO_INLINE double to_unit(std::uint32_t high, std::uint32_t low) {
    return from_bits(0x3FF0000000000000 | (std::uint64_t{high} << 20) | (low >> 12)) - 1.0;
}

// out (n,) in [0, 1): x (n,), its bits reversed.
HPO_CLONES void finish(const std::uint32_t* x, std::size_t n, double* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = to_unit(reverse_bits(x[i]), 0);
}

// The same scrambled. The bits below the 32nd are a hash of those above, whose multipliers are those of Wellons' "lowbias32".
HPO_CLONES void finish_scrambled(const std::uint32_t* x, std::size_t n, std::uint32_t seed, double* out) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t y = owen(x[i], seed);
        std::uint32_t low = (y ^ seed) * 0x7FEB352Du;
        low = (low ^ (low >> 15)) * 0x846CA68Bu;
        out[i] = to_unit(reverse_bits(y), low);
    }
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
    Bits bits;
    for (std::size_t start = 0, count; start < n; start += count) {
        // Chunks of consecutive points start at multiples of kChunk.
        count = std::min(kChunk - indices[start] % kChunk, n - start);
        gray_codes(indices + start, count, gray, bits);
        if (!bits.run) {
            count = std::min(kChunk, n - start);
            gray_codes(indices + start, count, gray, bits);
        }
        // Within one, the part from the last multiple of a power of two that is not smaller.
        std::size_t aligned = 1;
        while (aligned < count) aligned *= 2;
        const bool run = bits.run && indices[start] % aligned == 0;
        for (std::size_t j = 0; j < dims_; ++j) {
            double* column = out + j * stride + start;
            if (j >= sobol_dims) {
                std::uint64_t numbers[kChunk];   // streams apart from those of the scrambles: 0, 1, ...
                for (std::size_t i = 0; i < count; ++i) numbers[i] = indices[start + i] | (std::uint64_t{1} << 32);
                uniform_columns(seed_, Purpose::scramble, numbers, count, static_cast<std::uint32_t>(j), 1, column, count);
                continue;
            }
            const std::uint32_t* v = directions_.data() + j * 32;
            const std::uint32_t shared = run ? gray[0] : bits.all;
            x[0] = 0;
            for (std::size_t bit = 0; bit < 32 && (shared >> bit) != 0; ++bit) x[0] ^= (0u - ((shared >> bit) & 1u)) & v[bit];
            if (run) {
                continue_run(x, count, v);
            } else {
                std::fill(x + 1, x + count, x[0]);
                for (int bit = 0; bit < 32; ++bit)
                    if (((bits.any ^ bits.all) >> bit) & 1u) add_direction(x, gray, count, bit, v[bit]);
            }
            if (scramble_) finish_scrambled(x, count, scrambles_[j], column);
            else finish(x, count, column);
        }
    }
}

}  // namespace hpo
