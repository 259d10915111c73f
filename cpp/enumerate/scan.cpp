#include "enumerate/scan.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

#include "base/parallel.h"

namespace hpo {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 17;   // of columns: they stay in the second level of the cache

}  // namespace

double Best::limit() const {
    constexpr double inf = std::numeric_limits<double>::infinity();
    return k_ == 0 ? -inf : heap_.size() < k_ ? inf : heap_.front().score;
}

void Best::insert(const Scored& s) {
    if (heap_.size() == k_) {
        std::pop_heap(heap_.begin(), heap_.end());
        heap_.pop_back();
    }
    heap_.push_back(s);
    std::push_heap(heap_.begin(), heap_.end());
}

void Best::merge(const Best& other) {
    for (const Scored& s : other.heap_) offer(s);
}

std::vector<Scored> Best::sorted() const {
    std::vector<Scored> out = heap_;
    std::sort(out.begin(), out.end());
    return out;
}

void Scan::merge(const Scan& other) {
    best.merge(other.best);
    seen += other.seen;
    feasible += other.feasible;
}

std::optional<Raised> scan(const ConfigStream& stream, Index first, std::uint64_t n, const std::vector<NativeKernel<std::uint8_t>>& where,
                           NativeKernel<double> score, bool maximize, int threads, Scan* result) {
    const std::size_t d = stream.dims();
    const std::size_t block = std::clamp<std::size_t>(kBlockBytes / (sizeof(double) * std::max<std::size_t>(d, 1)), 256, 4096);
    const std::uint64_t blocks = (n + block - 1) / block;
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> stopped{false};
    std::mutex mutex;
    Scan total(result->best.k());
    std::optional<Raised> raised;
    const auto workers = static_cast<std::size_t>(std::max(1, threads));
    parallel_for(std::min<std::size_t>(workers, static_cast<std::size_t>(std::max<std::uint64_t>(blocks, 1))), threads, 1, [&](std::size_t, std::size_t) {
        std::vector<double> columns(d * block), scores(block);
        std::vector<std::uint8_t> ok(block), one(block);
        std::vector<std::size_t> kept;
        kept.reserve(block);
        Scan mine(result->best.k());
        while (!stopped) {
            const std::uint64_t b = next++;
            if (b >= blocks) break;
            const Index from = first + b * block;
            const auto m = static_cast<std::size_t>(std::min<std::uint64_t>(block, n - b * block));
            const auto fail = [&](std::size_t which, std::int64_t i) {
                const std::lock_guard<std::mutex> lock(mutex);
                const Index position = from + static_cast<std::uint64_t>(i);
                if (!raised || position < raised->position) raised = Raised{which, position};
                stopped = true;
            };
            stream.range(from, m, Form::raw, columns.data(), block);
            std::fill_n(ok.data(), m, std::uint8_t{1});
            const auto stride = static_cast<std::int64_t>(block), count = static_cast<std::int64_t>(m);
            bool failed = false;
            for (std::size_t w = 0; w < where.size() && !failed; ++w) {
                const std::int64_t done = where[w](columns.data(), stride, count, one.data());
                if (done < count && (failed = true)) fail(w, done);
                for (std::size_t i = 0; i < m; ++i) ok[i] &= one[i];
            }
            if (failed) break;
            kept.clear();
            for (std::size_t i = 0; i < m; ++i)
                if (ok[i]) kept.push_back(i);
            const std::size_t feasible = kept.size();
            if (score && feasible > 0) {
                // Side by side, so that only these are scored: position kept[r] moves to r.
                if (feasible < m)
                    for (std::size_t j = 0; j < d; ++j)
                        for (std::size_t r = 0; r < feasible; ++r) columns[j * block + r] = columns[j * block + kept[r]];
                const std::int64_t done = score(columns.data(), stride, static_cast<std::int64_t>(feasible), scores.data());
                if (done < static_cast<std::int64_t>(feasible)) {
                    fail(where.size(), static_cast<std::int64_t>(kept[static_cast<std::size_t>(done)]));
                    break;
                }
                const double limit = mine.best.limit(), sign = maximize ? -1.0 : 1.0;
                for (std::size_t r = 0; r < feasible; ++r)
                    if (sign * scores[r] <= limit) mine.best.offer({sign * scores[r], from + kept[r]});
            }
            mine.seen += m;
            mine.feasible += feasible;
        }
        const std::lock_guard<std::mutex> lock(mutex);
        total.merge(mine);
    });
    if (!raised) result->merge(total);
    return raised;
}

}  // namespace hpo
