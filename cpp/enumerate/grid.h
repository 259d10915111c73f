#pragma once
// A grid over a space as a sequence: index <-> configuration, without repeats (an inactive subtree contributes one state).
//
// The parameters form a forest. The number of configurations of a subtree is
//     count(j) = sum over levels k of j of the product of count(c) over the children c of j active at k,
// and of the space the product over the roots: mixed radix with conditions. The order is lexicographic in the order of the
// columns, the last one changing fastest, children faster than their parents. Levels that no condition mentions all weigh one,
// so they are kept as runs: a parameter with 2^52 levels costs no more than one with two.
//
// A block in order is filled in runs and then by copying, since the configurations of a subtree repeat with the period count(j)
// times the number of configurations of what changes faster: nothing is divided per element.

#include <cstdint>
#include <optional>
#include <vector>

#include "enumerate/stream.h"
#include "space/box.h"

namespace hpo {

class Grid final : public ConfigStream {
public:
    // Counts above this are reported as this: too many to enumerate.
    static constexpr Index kTooMany = Index{1} << 127;

    // levels (d,): how many values of each real column, equally spaced in the encoding with both ends; 0 is all of them. Other
    // columns have all their values. Empty: 0 for all.
    explicit Grid(const Box& box, std::vector<std::int64_t> levels = {});

    std::size_t dims() const override { return box_.dims(); }
    // Number of configurations: 0 when a real column makes it infinite (a real column of one value does not).
    Index size() const override { return size_; }

    // The row (d,) of configuration `index` in [0, size); needs 0 < size() < kTooMany. O(d log levels).
    void row(Index index, double* out) const { gather(&index, 1, Form::encoded, out, 1); }
    // The index of a row (d,), or the column whose value is not on the grid.
    struct Rank {
        Index index;
        std::optional<std::size_t> off_grid;
    };
    Rank rank(const double* row) const;

    void range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const override;
    void gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const override;

private:
    struct Run {   // consecutive levels with the same active children
        std::int64_t first;
        std::int64_t levels;
        Index weight;   // configurations of the children, per level
        Index before;   // configurations of the runs before this one
        std::vector<std::size_t> children;
    };
    struct Block {
        double* out;
        std::size_t stride;
        Form form;
        double* column(std::size_t j, std::size_t at) const { return out + j * stride + at; }
    };

    void values(std::size_t j, double* levels, std::size_t n, Form form) const;
    const Run& run_at(std::size_t j, Index index) const;
    template <class Integer>
    Integer place(std::size_t j, Integer index, double* levels, std::size_t stride) const;
    void fill_all(const std::vector<std::size_t>& trees, Index first, std::size_t n, Index repeat, const Block& block, std::size_t at) const;
    void fill(std::size_t j, Index first, std::size_t n, Index repeat, const Block& block, std::size_t at) const;
    void fill_levels(std::size_t j, std::int64_t level, Index skip, std::size_t n, Index repeat, const Block& block, std::size_t at) const;
    Index rank(const std::vector<std::size_t>& trees, const double* levels) const;

    Box box_;
    std::vector<std::int64_t> levels_;
    std::vector<std::vector<Run>> runs_;
    std::vector<std::vector<std::size_t>> subtrees_;   // j and its descendants
    std::vector<Index> counts_;
    std::vector<std::size_t> roots_;
    Index size_ = 1;
};

}  // namespace hpo
