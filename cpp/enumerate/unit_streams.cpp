#include "enumerate/unit_streams.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/random.h"
#include "enumerate/uniform.h"

namespace hpo {

namespace {

std::vector<std::uint64_t> numbers_of(const Index* positions, std::size_t n) {
    std::vector<std::uint64_t> numbers(n);
    std::transform(positions, positions + n, numbers.begin(), [](Index i) { return static_cast<std::uint64_t>(i); });
    return numbers;
}

}  // namespace

UniformStream::UniformStream(const Box& box, std::uint64_t size, std::uint64_t seed, Feasible feasible)
    : UnitStream(box, size), seed_(seed), feasible_(std::move(feasible)) {}

void UniformStream::range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const {
    std::vector<std::uint64_t> numbers(n);
    std::iota(numbers.begin(), numbers.end(), static_cast<std::uint64_t>(first));
    fill(numbers.data(), n, form, out, stride);
}

void UniformStream::gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const {
    fill(numbers_of(positions, n).data(), n, form, out, stride);
}

void UniformStream::fill(const std::uint64_t* numbers, std::size_t n, Form form, double* out, std::size_t stride) const {
    if (!feasible_) {
        uniform_columns(seed_, Purpose::uniform, numbers, n, 0, dims(), out, stride);
        box_.from_prior(out, n, stride, form);
        return;
    }
    std::vector<double> buffer(n * dims());
    const Matrix rows{buffer.data(), n, dims()};
    uniform_rows(box_, seed_, numbers, feasible_, 1, rows);
    for (std::size_t j = 0; j < dims(); ++j) {
        double* column = out + j * stride;
        for (std::size_t i = 0; i < n; ++i) column[i] = rows.row(i)[j];
        if (form == Form::raw) box_.decode(j, column, column, n);
    }
}

SobolStream::SobolStream(const Box& box, std::uint64_t size, std::uint64_t seed) : UnitStream(box, size), sobol_(box.dims(), seed) {
    if (size > (std::uint64_t{1} << 32)) throw std::invalid_argument("a Sobol sequence has 2^32 points: use another seed beyond that");
}

void SobolStream::range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const {
    sobol_.columns(static_cast<std::uint64_t>(first), n, out, stride);
    box_.from_prior(out, n, stride, form);
}

void SobolStream::gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const {
    sobol_.gather(numbers_of(positions, n).data(), n, out, stride);
    box_.from_prior(out, n, stride, form);
}

void SobolStream::rows(Index first, int threads, Matrix out) const {
    if (!box_.is_unit() || sobol_.has_uniforms()) return ConfigStream::rows(first, threads, out);
    parallel_for(out.rows, threads, kGrain, [&](std::size_t begin, std::size_t end) {
        sobol_.rows(static_cast<std::uint64_t>(first) + begin, out.slice(begin, end - begin));
    });
}

}  // namespace hpo
