#pragma once
// Positions in enumerations that may be longer than 2^64: unsigned integers of 128 bits, with wrap-around.

#include <cstdint>

#if defined(_MSC_VER)
#include <__msvc_int128.hpp>
#endif

namespace hpo {

#if defined(_MSC_VER)
using Index = std::_Unsigned128;
#else
__extension__ typedef unsigned __int128 Index;
#endif

inline Index make_index(std::uint64_t high, std::uint64_t low) { return (static_cast<Index>(high) << 64) | static_cast<Index>(low); }

// The high 64 bits of a product: floor(a b / 2^64).
inline std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::uint64_t>((static_cast<Index>(a) * static_cast<Index>(b)) >> 64);
}

}  // namespace hpo
