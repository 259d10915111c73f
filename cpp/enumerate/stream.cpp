#include "enumerate/stream.h"

#include <algorithm>

#include "base/parallel.h"

namespace hpo {

namespace {

constexpr std::size_t kPart = 2048;   // configurations: a column is 16 KiB
constexpr std::size_t kGrain = 8192;  // that are worth a thread

}  // namespace

void ConfigStream::columns(Index first, Form form, int threads, Matrix out) const {
    parallel_for(out.cols, threads, kGrain, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; i += kPart)
            range(first + static_cast<Index>(i), std::min(kPart, end - i), form, out.data + i, out.cols);
    });
}

void ConfigStream::rows(Index first, int threads, Matrix out) const {
    parallel_for(out.rows, threads, kGrain, [&](std::size_t begin, std::size_t end) {
        std::vector<double> block(out.cols * std::min(kPart, end - begin));
        for (std::size_t i = begin; i < end; i += kPart) {
            const std::size_t n = std::min(kPart, end - i);
            range(first + static_cast<Index>(i), n, Form::encoded, block.data(), n);
            to_rows(block.data(), n, out.slice(i, n));
        }
    });
}

void StreamView::range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const {
    if (layers_.size() == 1 && !layers_[0].order && layers_[0].step == Index{1}) {
        base_->range(layers_[0].start + first, n, form, out, stride);
        return;
    }
    std::vector<Index> positions(n);
    for (std::size_t i = 0; i < n; ++i) positions[i] = first + static_cast<Index>(i);
    descend(positions.data(), n);
    base_->gather(positions.data(), n, form, out, stride);
}

void StreamView::gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const {
    std::vector<Index> below(positions, positions + n);
    descend(below.data(), n);
    base_->gather(below.data(), n, form, out, stride);
}

void StreamView::descend(Index* positions, std::size_t n) const {
    for (const Layer& layer : layers_) {
        for (std::size_t i = 0; i < n; ++i) positions[i] = layer.start + layer.step * positions[i];
        if (layer.order) layer.order->apply(positions, n);
    }
}

std::optional<Index> StreamView::find(Index position) const {
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
        if (layer->order) position = layer->order->inverse(position);
        const bool back = (layer->step >> 127) != Index{0};
        const Index distance = back ? layer->start - position : position - layer->start;
        const Index step = back ? Index{0} - layer->step : layer->step;
        if (distance % step != Index{0} || distance / step >= layer->size) return std::nullopt;
        position = distance / step;
    }
    return position;
}

}  // namespace hpo
