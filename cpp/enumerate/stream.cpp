#include "enumerate/stream.h"

#include <algorithm>

#include "base/parallel.h"

namespace hpo {

namespace {

// Configurations at a time: a power of two whose columns stay in the first cache.
std::size_t part_of(std::size_t dims) {
    std::size_t part = 1024;
    while (part > 64 && part * dims * sizeof(double) > 24 * 1024) part /= 2;
    return part;
}

}  // namespace

void ConfigStream::each(Index first, std::size_t n, Form form, int threads, const Use& use) const {
    const std::size_t part = part_of(dims()), stride = part + 8;   // no power of two: columns would share the places of a cache
    parallel_for(n, threads, kGrain, [&](std::size_t begin, std::size_t end) {
        std::vector<double> block(dims() * stride);
        for (std::size_t i = begin, count; i < end; i += count) {
            const auto at = first + static_cast<Index>(i);
            count = std::min(part - static_cast<std::size_t>(at % Index{part}), end - i);   // a Sobol sequence is fastest from such positions on
            range(at, count, form, block.data(), stride);
            use(i, count, block.data(), stride);
        }
    });
}

void ConfigStream::columns(Index first, Form form, int threads, Matrix out) const {
    each(first, out.cols, form, threads, [&](std::size_t i, std::size_t n, const double* block, std::size_t stride) {
        for (std::size_t j = 0; j < dims(); ++j) std::copy_n(block + j * stride, n, out.row(j) + i);
    });
}

void ConfigStream::rows(Index first, int threads, Matrix out) const {
    each(first, out.rows, Form::encoded, threads, [&](std::size_t i, std::size_t n, const double* block, std::size_t stride) {
        to_rows(block, stride, out.slice(i, n));
    });
}

void StreamView::range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const {
    if (is_part()) {
        base_->range(layers_[0].start + first, n, form, out, stride);
        return;
    }
    std::vector<Index> positions(n);
    for (std::size_t i = 0; i < n; ++i) positions[i] = first + static_cast<Index>(i);
    descend(positions.data(), n);
    base_->gather(positions.data(), n, form, out, stride);
}

void StreamView::rows(Index first, int threads, Matrix out) const {
    if (is_part()) base_->rows(layers_[0].start + first, threads, out);
    else ConfigStream::rows(first, threads, out);
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
