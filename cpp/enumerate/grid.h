#pragma once
// A finite space as a sequence: index -> row, without repeats (an inactive subtree contributes one state).
//
// The parameters form a forest. The number of configurations of a subtree is
//     count(j) = sum over levels k of j of the product of count(c) over the children c of j active at k,
// and of the space the product over the roots: mixed radix with conditions. Levels that no condition mentions all weigh
// one, so they are kept as runs: a parameter with 2^52 levels costs no more than one with two.

#include <cstdint>
#include <vector>

#include "space/box.h"

namespace hpo {

class Grid {
public:
    // Counts above this are reported as this: too many to enumerate.
    static constexpr std::uint64_t kTooMany = std::uint64_t{1} << 62;

    explicit Grid(const Box& box);

    std::size_t dims() const { return box_.dims(); }

    // Number of configurations: 0 when a real column makes it infinite (a real column of one value does not).
    std::uint64_t size() const { return size_; }
    bool finite() const { return size_ != 0; }
    // The row (d,) of configuration `index` in [0, size); needs size() < kTooMany. O(d log levels).
    void row(std::uint64_t index, double* out) const;

private:
    struct Run {   // consecutive levels with the same active children
        std::int64_t first;
        std::int64_t levels;
        std::uint64_t weight;   // configurations of the children, per level
        std::uint64_t before;   // configurations of the runs before this one
        std::vector<std::size_t> children;
    };
    std::uint64_t place(std::size_t j, std::uint64_t index, double* out) const;

    const Box& box_;
    std::vector<std::vector<Run>> runs_;
    std::vector<std::uint64_t> counts_;
    std::vector<std::size_t> roots_;
    std::uint64_t size_ = 1;
};

}  // namespace hpo
