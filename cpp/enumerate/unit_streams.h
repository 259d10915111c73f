#pragma once
// Streams of numbered points of the unit cube taken into a box: uniform ones and the scrambled Sobol sequence.

#include <cstddef>
#include <cstdint>

#include "enumerate/sobol.h"
#include "enumerate/stream.h"
#include "space/box.h"

namespace hpo {

class UnitStream : public ConfigStream {
public:
    std::size_t dims() const override { return box_.dims(); }
    Index size() const override { return size_; }

protected:
    UnitStream(const Box& box, std::uint64_t size) : box_(box), size_(size) {}

    Box box_;

private:
    std::uint64_t size_;
};

// Position i is row i of uniform_rows(): feasible, drawn again until it is.
class UniformStream final : public UnitStream {
public:
    UniformStream(const Box& box, std::uint64_t size, std::uint64_t seed, Feasible feasible);

    void range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const override;
    void gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const override;

private:
    void fill(const std::uint64_t* numbers, std::size_t n, Form form, double* out, std::size_t stride) const;

    std::uint64_t seed_;
    Feasible feasible_;
};

// Position i is point i of the sequence, feasible or not; size <= 2^32.
class SobolStream final : public UnitStream {
public:
    SobolStream(const Box& box, std::uint64_t size, std::uint64_t seed);

    void range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const override;
    void gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const override;
    void rows(Index first, int threads, Matrix out) const override;

private:
    Sobol sobol_;
};

}  // namespace hpo
