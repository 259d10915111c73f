#include "space/values.h"

#include <cstring>

namespace hpo {

namespace {

HPO_CLONES void integers(const double* raw, std::size_t n, std::uint64_t first, std::uint64_t stride, std::uint64_t* out) {
    if (stride == 1)
        for (std::size_t i = 0; i < n; ++i) out[i] = first + level_bits(raw[i]);
    else
        for (std::size_t i = 0; i < n; ++i) out[i] = first + level_bits(raw[i]) * stride;
}

HPO_CLONES void pick(const double* raw, std::size_t n, const std::uint64_t* choices, std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = choices[level_bits(raw[i])];
}

}  // namespace

void Values::column(const double* raw, std::size_t n, std::uint64_t* out) const {
    switch (what) {
        case What::real: std::memcpy(out, raw, n * sizeof *out); break;
        case What::integer: integers(raw, n, static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(stride), out); break;
        case What::choice: pick(raw, n, choices.data(), out); break;
        case What::decimal:
            for (std::size_t i = 0; i < n; ++i) out[i] = to_bits(decimal(level_bits(raw[i])));
            break;
        case What::spread:   // without HPO_CLONES, whose fused multiply-adds would change the bits
            for (std::size_t i = 0; i < n; ++i) out[i] = to_bits(spread(raw[i]));
            break;
    }
}

}  // namespace hpo
