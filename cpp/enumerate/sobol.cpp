#include "enumerate/sobol.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "base/random.h"
#include "base/simd.h"
#include "enumerate/sobol_directions.h"

namespace hpo {

namespace {

constexpr std::size_t kBits = 32;        // of an index
constexpr std::size_t kPiece = 1024;     // points of columns at a time
constexpr std::size_t kGathered = 256;   // the same of points in any order
constexpr std::size_t kTable = 4096;     // words of a table of rows, which stays in the first cache beside what is made of it
constexpr std::uint64_t kOne = 0x3FF0000000000000;   // the exponent of [1, 2): 52 digits below it

// 52 of the 53 random bits of a uniform.
HPO_INLINE std::uint64_t digits_of(double uniform) { return static_cast<std::uint64_t>(uniform * 0x1p52); }

// Of x > 0. Without a branch, which a random bit would mispredict.
HPO_INLINE std::size_t trailing_zeros(std::uint64_t x) {
#if defined(__GNUC__)
    return static_cast<std::size_t>(__builtin_ctzll(x));
#else
    std::size_t n = 0;
    for (; (x & 1) == 0; x >>= 1) ++n;
    return n;
#endif
}

HPO_INLINE double unit_of(std::uint64_t word) { return from_bits(word) - 1.0; }

// v (32,): the directions of dimension j, their first digit the highest bit; returns the place of the next dimension's initial numbers.
const std::uint16_t* plain_directions(std::size_t j, const std::uint16_t* initial, std::uint32_t* v) {
    if (j == 0) {
        for (std::size_t i = 0; i < kBits; ++i) v[i] = 1u << (31 - i);
        return initial;
    }
    const std::uint32_t polynomial = kSobolPolynomials[j];
    std::size_t degree = 0;
    while ((polynomial >> (degree + 1)) != 0) ++degree;
    for (std::size_t i = 0; i < degree; ++i) v[i] = std::uint32_t{initial[i]} << (31 - i);
    for (std::size_t i = degree; i < kBits; ++i) {   // Joe & Kuo 2008, eq. (2)
        v[i] = v[i - degree] ^ (v[i - degree] >> degree);
        for (std::size_t k = 1; k < degree; ++k)
            if ((polynomial >> (degree - k)) & 1u) v[i] ^= v[i - k];
    }
    return initial + degree;
}

// A matrix over GF(2) of which column b belongs to digit b, as the products of four digits each.
class Scramble {
public:
    // uniforms: two rows of 16, `stride` apart.
    Scramble(const double* uniforms, std::size_t stride) {
        for (std::size_t b = 0; b < kBits; ++b) {
            const std::uint64_t diagonal = std::uint64_t{1} << (51 - b);
            const std::uint64_t column = diagonal | (digits_of(uniforms[b % 2 * stride + b / 2]) & (diagonal - 1));
            products_[b / 4][std::size_t{8} >> b % 4] = column;
        }
        for (auto& products : products_) {
            products[0] = 0;
            for (std::size_t k = 1; k < 16; ++k) products[k] = products[k & (k - 1)] ^ products[k & (~k + 1)];
        }
    }

    std::uint64_t operator()(std::uint32_t v) const {
        std::uint64_t product = 0;
        for (std::size_t part = 0; part < 8; ++part) product ^= products_[part][(v >> (28 - 4 * part)) & 15];
        return product;
    }

private:
    std::uint64_t products_[8][16];
};

// x (d,) ^= the rows of directions (32, d) at the bits of index.
HPO_CLONES void combine(const std::uint64_t* directions, std::size_t d, std::uint64_t index, std::uint64_t* x) {
    for (; index != 0; index &= index - 1) {
        const std::uint64_t* word = directions + trailing_zeros(index) * d;
        for (std::size_t j = 0; j < d; ++j) x[j] ^= word[j];
    }
}

// table (size,), size a power of two: of each index, the exclusive or of the words at its bits, word b at words + b stride.
HPO_INLINE void tabulate(const std::uint64_t* words, std::size_t stride, std::size_t size, std::uint64_t* table) {
    table[0] = 0;
    for (std::size_t half = 1; half < size; half *= 2, words += stride)
        for (std::size_t i = 0; i < half; ++i) table[half + i] = table[i] ^ *words;
}

// out (d, n), n <= kPiece a power of two: the points whose first is x (d,), its index a multiple of n.
HPO_CLONES void fill_columns(const std::uint64_t* x, const std::uint64_t* directions, std::size_t d, std::size_t n, double* out, std::size_t stride) {
    constexpr std::size_t kLow = 32;
    if (n < kLow) {
        std::uint64_t low[kLow];
        for (std::size_t j = 0; j < d; ++j) {
            tabulate(directions + j, d, n, low);
            for (std::size_t i = 0; i < n; ++i) out[j * stride + i] = unit_of(x[j] ^ low[i]);
        }
        return;
    }
    std::uint64_t low[kLow], high[kPiece / kLow];
    for (std::size_t j = 0; j < d; ++j) {
        tabulate(directions + j, d, kLow, low);
        tabulate(directions + j + 5 * d, d, n / kLow, high);
        double* column = out + j * stride;
        for (std::size_t k = 0; k < n / kLow; ++k, column += kLow) {
            const std::uint64_t first = x[j] ^ high[k];
            for (std::size_t i = 0; i < kLow; ++i) column[i] = unit_of(first ^ low[i]);
        }
    }
}

// out (d, n), n <= kGathered: the points indices (n,), where x (d,) has the bits of the indices but for those in `differing`.
HPO_CLONES void fill_gathered(const std::uint64_t* x, const std::uint64_t* directions, std::size_t d, const std::uint64_t* indices, std::size_t n,
                              std::uint64_t differing, double* out, std::size_t stride) {
    std::uint64_t words[kGathered];
    for (std::size_t j = 0; j < d; ++j) {
        for (std::size_t i = 0; i < n; ++i) words[i] = x[j];
        for (std::uint64_t left = differing; left != 0; left &= left - 1) {
            const std::uint64_t bit = left & (~left + 1), word = directions[trailing_zeros(left) * d + j];
            for (std::size_t i = 0; i < n; ++i) words[i] ^= (indices[i] & bit) != 0 ? word : 0;
        }
        for (std::size_t i = 0; i < n; ++i) out[j * stride + i] = unit_of(words[i]);
    }
}

// table (size, d): the same of the rows of directions (32, d).
HPO_CLONES void tabulate_rows(const std::uint64_t* directions, std::size_t d, std::size_t size, std::uint64_t* table) {
    for (std::size_t j = 0; j < d; ++j) table[j] = 0;
    for (std::size_t half = 1; half < size; half *= 2, directions += d)
        for (std::size_t i = 0; i < half; ++i)
            for (std::size_t j = 0; j < d; ++j) table[(half + i) * d + j] = table[i * d + j] ^ directions[j];
}

// out (n,) of table (n,) and first, whose `period` words repeat.
HPO_CLONES void fill_row(const std::uint64_t* table, const std::uint64_t* first, std::size_t period, std::size_t n, double* out) {
    for (std::size_t start = 0; start < n; start += period) {
        const std::size_t count = period < n - start ? period : n - start;
        for (std::size_t i = 0; i < count; ++i) out[start + i] = unit_of(table[start + i] ^ first[i]);
    }
}

}  // namespace

Sobol::Sobol(std::size_t dims, std::uint64_t seed, bool scramble)
    : dims_(dims), sobol_dims_(std::min(dims, kSobolDims)), seed_(seed), directions_(kBits * sobol_dims_), shift_(sobol_dims_, kOne) {
    const std::size_t d = sobol_dims_;
    std::vector<double> matrices;   // (2, d, 16)
    if (scramble) {
        matrices.resize(kBits * d);
        std::vector<std::uint64_t> numbers(kBits / 2 * d);
        std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
        uniform_columns(seed, Purpose::scramble, numbers.data(), numbers.size(), 0, 2, matrices.data(), numbers.size());
        shift_ = digits(0, 1);
    }
    const std::uint16_t* initial = kSobolInitial;
    for (std::size_t j = 0; j < d; ++j) {
        std::uint32_t v[kBits];
        initial = plain_directions(j, initial, v);
        std::uint64_t words[kBits];
        if (scramble) {
            const Scramble matrix(matrices.data() + j * kBits / 2, kBits / 2 * d);
            std::transform(v, v + kBits, words, matrix);
        } else {
            std::transform(v, v + kBits, words, [](std::uint32_t digits) { return std::uint64_t{digits} << 20; });
        }
        // Bit b of the Gray code is that of the index and the one above it.
        for (std::size_t b = 0; b < kBits; ++b) directions_[b * d + j] = words[b] ^ (b > 0 ? words[b - 1] : 0);
    }
}

std::vector<std::uint64_t> Sobol::digits(std::uint32_t first, std::size_t n) const {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t shift = first; shift < first + n; ++shift)
        for (std::size_t j = 0; j < sobol_dims_; ++j) numbers.push_back(shift * kSobolDims + j);
    std::vector<double> uniforms(numbers.size());
    uniform_columns(seed_, Purpose::scramble, numbers.data(), numbers.size(), 1, 1, uniforms.data(), numbers.size());
    std::transform(uniforms.begin(), uniforms.end(), numbers.begin(), [](double u) { return kOne | digits_of(u); });
    return numbers;
}

void Sobol::check(std::uint64_t first, std::size_t n) const {
    constexpr std::uint64_t size = std::uint64_t{1} << kBits;
    if (first > size || n > size - first) throw std::invalid_argument("a Sobol sequence has 2^32 points: use another seed beyond that");
}

void Sobol::uniforms(const std::uint64_t* indices, std::size_t n, std::uint32_t shift, double* out, std::size_t stride) const {
    if (!has_uniforms()) return;
    std::vector<std::uint64_t> numbers(indices, indices + n);
    for (std::uint64_t& number : numbers) number |= (std::uint64_t{shift} + 1) << kBits;   // the numbers below are those of the matrices
    uniform_columns(seed_, Purpose::scramble, numbers.data(), n, 0, dims_ - sobol_dims_, out, stride);
}

void Sobol::shifted(std::uint64_t index, std::uint32_t first, Matrix out) const {
    check(index, 1);
    std::vector<std::uint64_t> x(sobol_dims_, 0);
    combine(directions_.data(), sobol_dims_, index, x.data());
    const std::vector<std::uint64_t> shifts = digits(first, out.rows);
    for (std::size_t k = 0; k < out.rows; ++k) {
        for (std::size_t j = 0; j < sobol_dims_; ++j) out.row(k)[j] = unit_of(x[j] ^ shifts[k * sobol_dims_ + j]);
        uniforms(&index, 1, first + static_cast<std::uint32_t>(k), out.row(k) + sobol_dims_, 1);
    }
}

void Sobol::columns(std::uint64_t first, std::size_t n, double* out, std::size_t stride) const {
    check(first, n);
    std::uint64_t x[kSobolDims];
    for (std::size_t i = 0, count; i < n; i += count) {
        // As many as a power of two divides where they begin.
        count = kPiece;
        while (((first + i) & (count - 1)) != 0 || count > n - i) count /= 2;
        std::copy(shift_.begin(), shift_.end(), x);
        combine(directions_.data(), sobol_dims_, first + i, x);
        fill_columns(x, directions_.data(), sobol_dims_, count, out + i, stride);
    }
    if (!has_uniforms()) return;
    std::vector<std::uint64_t> indices(n);
    std::iota(indices.begin(), indices.end(), first);
    uniforms(indices.data(), n, 0, out + sobol_dims_ * stride, stride);
}

void Sobol::gather(const std::uint64_t* indices, std::size_t n, double* out, std::size_t stride) const {
    std::uint64_t x[kSobolDims];
    for (std::size_t start = 0, count; start < n; start += count) {
        count = std::min(kGathered, n - start);
        std::uint64_t all = ~std::uint64_t{0}, any = 0;
        for (std::size_t i = start; i < start + count; ++i) {
            all &= indices[i];
            any |= indices[i];
        }
        check(any, 1);
        std::copy(shift_.begin(), shift_.end(), x);
        combine(directions_.data(), sobol_dims_, all, x);
        fill_gathered(x, directions_.data(), sobol_dims_, indices + start, count, any ^ all, out + start, stride);
    }
    uniforms(indices, n, 0, out + sobol_dims_ * stride, stride);
}

void Sobol::rows(std::uint64_t first, Matrix out) const {
    check(first, out.rows);
    const std::size_t d = dims_;
    std::size_t size = 1;   // of the table
    while (size < out.rows && 2 * size * d <= kTable) size *= 2;
    const std::size_t repeats = std::max<std::size_t>(size / 16, 1);
    std::vector<std::uint64_t> table(size * d), x(repeats * d);
    tabulate_rows(directions_.data(), d, size, table.data());
    for (std::size_t i = 0, count; i < out.rows; i += count) {
        const std::size_t at = (first + i) % size;
        count = std::min(size - at, out.rows - i);
        std::copy(shift_.begin(), shift_.end(), x.begin());
        combine(directions_.data(), d, first + i - at, x.data());
        for (std::size_t k = 1; k < repeats; ++k) std::copy_n(x.data(), d, x.data() + k * d);
        fill_row(table.data() + at * d, x.data(), repeats * d, count * d, out.row(i));
    }
}

}  // namespace hpo
