#include "space/values.h"

#include <cstring>

namespace hpo {

namespace {

// In vectors: the C library's copy of some kilobytes is slower where they are not in cache yet.
HPO_CLONES void copy(const double* raw, std::size_t n, std::uint64_t* out) {
    std::size_t i = 0;
    for (; i + kBlock <= n; i += kBlock) std::memcpy(out + i, raw + i, kBlock * sizeof *out);
    for (; i < n; ++i) out[i] = to_bits(raw[i]);
}

HPO_CLONES void integers(const double* raw, std::size_t n, std::uint64_t first, std::uint64_t stride, std::uint64_t* out) {
    if (stride == 1)
        for (std::size_t i = 0; i < n; ++i) out[i] = first + level_bits(raw[i]);
    else
        for (std::size_t i = 0; i < n; ++i) out[i] = first + level_bits(raw[i]) * stride;
}

constexpr std::size_t kFew = 8;   // levels of which one after the other is faster than a table: vectors of comparisons

HPO_CLONES void pick(const double* raw, std::size_t n, const std::uint64_t* choices, std::size_t levels, std::uint64_t* out) {
    if (levels > kFew) {
        for (std::size_t i = 0; i < n; ++i) out[i] = choices[level_bits(raw[i])];
        return;
    }
    for (std::size_t i = 0; i < n; ++i) out[i] = choices[0];
    for (std::size_t k = 1; k < levels; ++k) {
        const double level = static_cast<double>(k);
        const std::uint64_t choice = choices[k];
        for (std::size_t i = 0; i < n; ++i) out[i] = raw[i] >= level ? choice : out[i];
    }
}

}  // namespace

void Values::column(const double* raw, std::size_t n, std::uint64_t* out) const {
    switch (what) {
        case What::real: copy(raw, n, out); break;
        case What::integer: integers(raw, n, static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(stride), out); break;
        case What::choice: pick(raw, n, choices.data(), choices.size(), out); break;
        case What::decimal:
            for (std::size_t i = 0; i < n; ++i) out[i] = to_bits(decimal(level_bits(raw[i])));
            break;
        case What::spread:   // without HPO_CLONES, whose fused multiply-adds would change the bits
            for (std::size_t i = 0; i < n; ++i) out[i] = to_bits(spread(raw[i]));
            break;
    }
}

HPO_CLONES void count_levels(const double* raw, std::size_t n, std::size_t levels, std::uint64_t* counts) {
    if (levels > kFew) {
        for (std::size_t i = 0; i < n; ++i) ++counts[level_bits(raw[i])];
        return;
    }
    for (std::size_t k = 0; k < levels; ++k) {
        const double level = static_cast<double>(k);
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < n; ++i) count += raw[i] == level;
        counts[k] += count;
    }
}

}  // namespace hpo
