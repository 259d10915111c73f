#pragma once
// Decode, filter, score and keep the best: a stream read once, block by block in cache, by all threads at a time.
//
// The best are those of the smallest (score, position): the same for any number of threads and any order of the parts. Memory
// is O(threads (k + block)). A score of NaN counts as feasible and is never kept.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/index.h"
#include "enumerate/stream.h"
#include "space/native.h"

namespace hpo {

struct Scored {
    double score;
    Index position;
    bool operator<(const Scored& other) const { return score < other.score || (score == other.score && position < other.position); }
};

// The k smallest of what is offered, a heap with the largest on top.
class Best {
public:
    explicit Best(std::size_t k) : k_(k) {}

    void offer(const Scored& s) {
        if (heap_.size() < k_ || (k_ > 0 && s < heap_.front())) insert(s);
    }
    // Scores above this need not be offered.
    double limit() const;
    void merge(const Best& other);
    std::vector<Scored> sorted() const;
    std::size_t k() const { return k_; }

private:
    void insert(const Scored& s);

    std::size_t k_;
    std::vector<Scored> heap_;
};

// What a scan has found so far.
struct Scan {
    explicit Scan(std::size_t k) : best(k) {}

    Best best;
    Index seen = 0, feasible = 0;

    void merge(const Scan& other);
};

// The value of function `which` (of `where`, then the score) at a position at which its kernel raised: that of the Python function,
// whose exception ends the scan.
using InPython = std::function<double(std::size_t which, Index position)>;

// Adds positions [first, first + n) of the stream to `result`: those at which every kernel of `where` holds, scored by `score`
// (null: counted only), negated if `maximize`. A kernel is asked only about positions at which those before it hold. Throws what
// `in_python` threw, at the first block of positions for any number of threads, with `result` as before.
void scan(const ConfigStream& stream, Index first, std::uint64_t n, const std::vector<NativeKernel<std::uint8_t>>& where,
          NativeKernel<double> score, bool maximize, int threads, const InPython& in_python, Scan* result);

}  // namespace hpo
