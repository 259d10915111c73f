#include "space/native.h"

#include <algorithm>
#include <utility>

namespace hpo {

namespace {

constexpr std::size_t kBlock = 1024;   // rows decoded at a time: a few columns of them fit the cache

}  // namespace

Feasible native_feasible(const Box& box, std::vector<NativeKernel<std::uint8_t>> kernels, Feasible python) {
    return [&box, kernels = std::move(kernels), python = std::move(python)](ConstMatrix rows, std::uint8_t* ok) {
        const std::size_t d = box.dims(), block = std::min(kBlock, rows.rows);
        std::vector<double> columns(d * block);
        std::vector<std::uint8_t> truth(block);
        for (std::size_t first = 0; first < rows.rows; first += block) {
            const std::size_t n = std::min(block, rows.rows - first);
            for (std::size_t j = 0; j < d; ++j)
                for (std::size_t i = 0; i < n; ++i) columns[j * block + i] = box.decode(j, rows.row(first + i)[j]);
            std::fill_n(ok + first, n, std::uint8_t{1});
            for (const auto kernel : kernels) {
                const auto stride = static_cast<std::int64_t>(block), count = static_cast<std::int64_t>(n);
                if (kernel(columns.data(), stride, count, truth.data()) < count) {
                    python({rows.row(first), n, d}, ok + first);
                    break;
                }
                for (std::size_t i = 0; i < n; ++i) ok[first + i] &= truth[i];
            }
        }
    };
}

}  // namespace hpo
