#include "enumerate/sobol.h"

#include <algorithm>
#include <stdexcept>

#include "base/random.h"
#include "enumerate/sobol_directions.h"

namespace hpo {

namespace {

std::uint32_t reverse_bits(std::uint32_t x) {
    x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
    x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
    x = ((x >> 4) & 0x0F0F0F0Fu) | ((x & 0x0F0F0F0Fu) << 4);
    x = ((x >> 8) & 0x00FF00FFu) | ((x & 0x00FF00FFu) << 8);
    return (x >> 16) | (x << 16);
}

// Vegdahl 2021: multiplications carry only upwards, so on reversed bits this is a nested permutation.
std::uint32_t owen(std::uint32_t x, std::uint32_t seed) {
    x = reverse_bits(x);
    x ^= x * 0x3D20ADEAu;
    x += seed;
    x *= (seed >> 16) | 1u;
    x ^= x * 0x05526C56u;
    x ^= x * 0x53A22864u;
    return reverse_bits(x);
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
    for (std::size_t j = 0; j < dims; ++j) scrambles_[j] = static_cast<std::uint32_t>(Stream(seed, j, Purpose::scramble).bits());
}

void Sobol::point(std::uint64_t index, double* out) const {
    if (index >> 32) throw std::invalid_argument("a Sobol sequence has 2^32 points: use another seed beyond that");
    const Stream tail(seed_, index, Purpose::scramble);
    const std::size_t sobol_dims = std::min(dims_, kSobolDims);
    for (std::size_t j = 0; j < dims_; ++j) {
        const Block random = (scramble_ || j >= sobol_dims) ? tail.block(static_cast<std::uint32_t>(j)) : Block{};
        if (j >= sobol_dims) {
            out[j] = to_unit(random[0], random[1]);
            continue;
        }
        const std::uint32_t* v = directions_.data() + j * 32;
        std::uint32_t x = 0;
        auto gray = static_cast<std::uint32_t>(index ^ (index >> 1));
        for (int i = 0; gray != 0; ++i, gray >>= 1)
            if (gray & 1u) x ^= v[i];
        out[j] = to_unit(scramble_ ? owen(x, scrambles_[j]) : x, random[1]);
    }
}

}  // namespace hpo
