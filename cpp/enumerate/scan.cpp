#include "enumerate/scan.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <numeric>

#include "base/parallel.h"

namespace hpo {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 17;   // of columns: they stay in the second level of the cache

// One thread's buffers, and what it found.
struct Worker {
    Worker(std::size_t d, std::size_t block, const std::vector<NativeKernel<std::uint8_t>>& where, NativeKernel<double> score, bool maximize,
           const InPython& in_python, std::size_t k)
        : found(k), d(d), block(block), where(where), score(score), sign(maximize ? -1.0 : 1.0), in_python(in_python), columns(d * block),
          ok(block), scores(block), kept(block), place(block) {}

    // Adds positions [from, from + m), m <= block.
    void read(const ConfigStream& stream, Index from, std::size_t m) {
        stream.range(from, m, Form::raw, columns.data(), block);
        std::iota(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(m), std::uint32_t{0});
        std::size_t feasible = m;
        for (std::size_t w = 0; w < where.size(); ++w) {
            ask(w, where[w], from, feasible, ok.data());
            feasible = keep(feasible, w + 1 < where.size() || score);
        }
        if (score) {
            ask(where.size(), score, from, feasible, scores.data());
            const double limit = found.best.limit();
            for (std::size_t r = 0; r < feasible; ++r)
                if (sign * scores[r] <= limit) found.best.offer({sign * scores[r], from + kept[r]});
        }
        found.seen += m;
        found.feasible += feasible;
    }

    // out (n,) of a kernel at the n positions that are kept, in Python where it raises.
    template <class T>
    void ask(std::size_t which, NativeKernel<T> kernel, Index from, std::size_t n, T* out) {
        for (std::size_t r = 0; r < n; ++r) {
            r += static_cast<std::size_t>(kernel(columns.data() + r, static_cast<std::int64_t>(block), static_cast<std::int64_t>(n - r), out + r));
            if (r < n) out[r] = static_cast<T>(in_python(which, from + kept[r]));
        }
    }

    // Of n positions that are kept, keeps those that are ok, with their columns side by side if these are read again. Returns how many.
    std::size_t keep(std::size_t n, bool again) {
        std::size_t left = 0;
        for (std::size_t r = 0; r < n; ++r) {
            place[left] = static_cast<std::uint32_t>(r);
            left += ok[r];
        }
        if (left == n || !again) return left;
        for (std::size_t r = 0; r < left; ++r) kept[r] = kept[place[r]];
        for (std::size_t j = 0; j < d; ++j)
            for (std::size_t r = 0; r < left; ++r) columns[j * block + r] = columns[j * block + place[r]];
        return left;
    }

    Scan found;
    const std::size_t d, block;
    const std::vector<NativeKernel<std::uint8_t>>& where;
    const NativeKernel<double> score;
    const double sign;
    const InPython& in_python;
    std::vector<double> columns;   // (d, block): configuration r is that at position from + kept[r]
    std::vector<std::uint8_t> ok;
    std::vector<double> scores;
    std::vector<std::uint32_t> kept, place;
};

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

void scan(const ConfigStream& stream, Index first, std::uint64_t n, const std::vector<NativeKernel<std::uint8_t>>& where,
          NativeKernel<double> score, bool maximize, int threads, const InPython& in_python, Scan* result) {
    const std::size_t d = stream.dims();
    const std::size_t block = std::clamp<std::size_t>(kBlockBytes / (sizeof(double) * std::max<std::size_t>(d, 1)), 256, 4096);
    const std::uint64_t blocks = (n + block - 1) / block;
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> stopped{false};
    std::mutex mutex;
    Scan total(result->best.k());
    std::exception_ptr error;
    Index error_from{0};
    const auto workers = static_cast<std::size_t>(std::max(1, threads));
    parallel_for(std::min<std::size_t>(workers, static_cast<std::size_t>(std::max<std::uint64_t>(blocks, 1))), threads, 1, [&](std::size_t, std::size_t) {
        Worker worker(d, block, where, score, maximize, in_python, result->best.k());
        while (!stopped) {
            const std::uint64_t b = next++;
            if (b >= blocks) break;
            const Index from = first + b * block;
            try {
                worker.read(stream, from, static_cast<std::size_t>(std::min<std::uint64_t>(block, n - b * block)));
            } catch (...) {
                const std::lock_guard<std::mutex> lock(mutex);
                if (!error || from < error_from) error = std::current_exception(), error_from = from;
                stopped = true;   // blocks before it are under way, and are read to their end
            }
        }
        const std::lock_guard<std::mutex> lock(mutex);
        total.merge(worker.found);
    });
    if (error) std::rethrow_exception(error);
    result->merge(total);
}

}  // namespace hpo
