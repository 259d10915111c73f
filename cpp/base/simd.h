#pragma once
// How a leaf loop becomes SIMD code: plain C++ that the compiler vectorises, compiled once per instruction set.
//
// HPO_CLONES before a function definition makes GCC emit it for x86-64-v4 (AVX-512), v3 (AVX2 + FMA) and the baseline;
// the dynamic linker picks one when the library loads (an ifunc), so one portable wheel runs at full width. It needs
// glibc's ifunc and GCC >= 12; clang's target_clones follows other rules. Elsewhere, or with -DHPO_NO_CLONES (CI,
// sanitizers), it is empty and the compiler's baseline is used.
//
// HPO_DEFAULT, HPO_V3 and HPO_V4, the latter two defined only where this works, are for the one case in which the compiler does
// not find the instruction that matters (random.cpp): functions of one signature, of which the linker picks in the same way.
//
// HPO_INLINE marks the per-element functions such a loop calls. It must be always_inline: GCC otherwise refuses to
// inline a function of another `arch` into a clone, and the loop stays scalar (std::min is such a function: use ?:).
//
// HPO_IVDEP before a loop says that what its iterations write no other one reads.
//
// Determinism. v3 and v4 contract a * b + c into one FMA and the baseline does not, so the last bits may differ between
// CPUs; the design accepts that. On one machine the bits of an element depend on its inputs alone, never on its
// position or on n: a scalar remainder loop could contract differently from the vector body, so there is none.
// map_blocks pads the tail and runs it through the very code of a full block.

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && defined(__x86_64__) && defined(__GLIBC__) && \
    !defined(HPO_NO_CLONES)
#define HPO_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define HPO_DEFAULT __attribute__((target("default")))
#define HPO_V3 __attribute__((target("arch=x86-64-v3")))
#define HPO_V4 __attribute__((target("arch=x86-64-v4")))
#else
#define HPO_CLONES
#define HPO_DEFAULT
#endif

#if defined(_MSC_VER)
#define HPO_INLINE __forceinline
#define HPO_IVDEP __pragma(loop(ivdep))
#else
#define HPO_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define HPO_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define HPO_IVDEP _Pragma("GCC ivdep")
#endif
#endif

namespace hpo {

constexpr std::size_t kBlock = 16;  // elements per block: two AVX-512 vectors or four AVX2 ones

HPO_INLINE std::uint64_t to_bits(double x) {
    std::uint64_t u;
    std::memcpy(&u, &x, sizeof u);
    return u;
}

HPO_INLINE double from_bits(std::uint64_t u) {
    double x;
    std::memcpy(&x, &u, sizeof x);
    return x;
}

// c0 + c1 t + c2 t^2 + ... as Horner's rule in t2 = t^2 over the pairs c0 + c1 t: the same number of multiply-adds in
// half the latency, which is what bounds these loops.
template <class... C>
HPO_INLINE double polynomial(double t, double t2, double c0, double c1, C... rest) {
    if constexpr (sizeof...(rest) == 0) {
        (void)t2;
        return c0 + c1 * t;
    } else if constexpr (sizeof...(rest) == 1) {
        return (c0 + c1 * t) + t2 * (rest + ...);
    } else {
        return (c0 + c1 * t) + t2 * polynomial(t, t2, rest...);
    }
}

// block[0:kBlock] = x[0:n], n <= kBlock, completed with `pad`. A full block is a copy of constant size: no library
// call.
HPO_INLINE void load_block(double* block, const double* x, std::size_t n, double pad) {
    if (n == kBlock) {
        std::memcpy(block, x, kBlock * sizeof(double));
    } else {
        for (std::size_t j = 0; j < kBlock; ++j) block[j] = pad;
        std::memcpy(block, x, n * sizeof(double));
    }
}

// As a loop, since GCC makes one copy of two memcpys, and "rep movs" of that: it takes longer than the formulas of a block.
HPO_INLINE void store_block(double* out, const double* block, std::size_t n) {
    if (n == kBlock) {
        for (std::size_t j = 0; j < kBlock; ++j) out[j] = block[j];
    } else {
        std::memcpy(out, block, n * sizeof(double));
    }
}

// out[i] = F(x[i]). Call it from an HPO_CLONES function, with F an HPO_INLINE function without branches. The block
// lives on the stack, so nothing aliases and out == x is fine.
template <double (*F)(double)>
HPO_INLINE void map_blocks(const double* x, double* out, std::size_t n) {
    double block[kBlock];
    for (std::size_t i = 0; i < n; i += kBlock) {
        const std::size_t m = n - i < kBlock ? n - i : kBlock;
        load_block(block, x + i, m, 0.5);
        for (std::size_t j = 0; j < kBlock; ++j) block[j] = F(block[j]);
        store_block(out + i, block, m);
    }
}

// out[i] = F(a[i], b[i]).
template <double (*F)(double, double)>
HPO_INLINE void map_blocks(const double* a, const double* b, double* out, std::size_t n) {
    double block[kBlock], other[kBlock];
    for (std::size_t i = 0; i < n; i += kBlock) {
        const std::size_t m = n - i < kBlock ? n - i : kBlock;
        load_block(block, a + i, m, 0.5);
        load_block(other, b + i, m, 0.5);
        for (std::size_t j = 0; j < kBlock; ++j) block[j] = F(block[j], other[j]);
        store_block(out + i, block, m);
    }
}

}  // namespace hpo
