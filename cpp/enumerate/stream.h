#pragma once
// Sequences of configurations of which any part is computed at once: what a scan reads.
//
// A block of n configurations is d columns of n doubles, column j at out + j stride: raw values (a real's value, the level of
// everything else) or what rows hold, NaN where inactive. Everything is a pure function of the positions, for any number of
// threads; nothing is allocated but scratch.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/index.h"
#include "base/view.h"
#include "enumerate/permutation.h"
#include "space/box.h"

namespace hpo {

class ConfigStream {
public:
    virtual ~ConfigStream() = default;

    virtual std::size_t dims() const = 0;
    virtual Index size() const = 0;

    // The configurations at [first, first + n), a part of [0, size()).
    virtual void range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const = 0;
    // Those at positions (n,), each below size().
    virtual void gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const = 0;

    // range() in parts that stay in cache, over threads: use(i, m, block, stride) for positions first + i on, a block (d, m) each.
    using Use = std::function<void(std::size_t i, std::size_t m, const double* block, std::size_t stride)>;
    void each(Index first, std::size_t n, Form form, int threads, const Use& use) const;
    // The same as columns, out (d, n), or as encoded rows, out (n, d).
    void columns(Index first, Form form, int threads, Matrix out) const;
    virtual void rows(Index first, int threads, Matrix out) const;

protected:
    static constexpr std::size_t kGrain = 8192;   // configurations that are worth a thread
};

// Another order or a part of a stream. Position p of a layer is position start + step p (modulo 2^128: steps may be negative), then
// permuted if it has an order, of the layer below; the last layer lies on the stream itself.
class StreamView final : public ConfigStream {
public:
    struct Layer {
        Index start, step, size;
        std::optional<Permutation> order;
    };
    // At least one layer.
    StreamView(std::shared_ptr<const ConfigStream> base, std::vector<Layer> layers) : base_(std::move(base)), layers_(std::move(layers)) {}

    std::size_t dims() const override { return base_->dims(); }
    Index size() const override { return layers_.front().size; }
    void range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const override;
    void gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const override;
    void rows(Index first, int threads, Matrix out) const override;

    // The position in the view of a position of the stream itself, if the view has it.
    std::optional<Index> find(Index position) const;

private:
    bool is_part() const { return layers_.size() == 1 && !layers_[0].order && layers_[0].step == Index{1}; }   // of the stream, in its order
    void descend(Index* positions, std::size_t n) const;   // (n,): of the view in, of the stream itself out

    std::shared_ptr<const ConfigStream> base_;
    std::vector<Layer> layers_;
};

}  // namespace hpo
