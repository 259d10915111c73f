#pragma once
// The means of a column's kernels in ascending order, and how far each is from the farther of its two neighbours: its bandwidth before
// it is clipped (Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011). Kernels are named by slots; equal
// means are ordered by the age of their observations, ids (by slot). A change costs O(log n) and moves what is behind it.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpo {

class Neighbours {
public:
    void insert(std::uint32_t slot, double mean, const std::vector<std::int64_t>& ids);
    void erase(std::uint32_t slot, double mean, const std::vector<std::int64_t>& ids);
    // Of the slots, by age, with means by slot.
    void rebuild(std::vector<std::uint32_t> slots, const std::vector<double>& means);

    double gap(std::size_t slot) const { return gaps_[slot]; }
    // Of a kernel that is not among them.
    double gap_of(double mean) const;
    // Slots whose gaps changed since the last call or rebuild, ascending; those of erased ones may be among them.
    std::vector<std::size_t> take_changed();

    const std::vector<double>& means() const { return means_; }           // ascending
    const std::vector<std::uint32_t>& slots() const { return slots_; }    // in that order

private:
    std::size_t position(double mean, std::int64_t id, const std::vector<std::int64_t>& ids) const;
    double farther(double mean, std::size_t before, std::size_t after) const;
    void update(std::size_t i);

    std::vector<double> means_;
    std::vector<std::uint32_t> slots_;
    std::vector<double> gaps_;            // by slot
    std::vector<std::size_t> changed_;
};

}  // namespace hpo
