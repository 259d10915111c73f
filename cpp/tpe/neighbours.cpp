#include "tpe/neighbours.h"

#include <algorithm>
#include <utility>

namespace hpo {

// Where (mean, id) is, or belongs.
std::size_t Neighbours::position(double mean, std::int64_t id, const std::vector<std::int64_t>& ids) const {
    std::size_t first = 0, last = slots_.size();
    while (first < last) {
        const std::size_t middle = (first + last) / 2;
        const double other = means_[middle];
        if (other < mean || (other == mean && ids[slots_[middle]] < id)) first = middle + 1;
        else last = middle;
    }
    return first;
}

// From the neighbours at `before` - 1 and `after`. The ends of the range are no neighbours, but a kernel that is alone reaches the farther end.
double Neighbours::farther(double mean, std::size_t before, std::size_t after) const {
    const double left = before == 0 ? -1.0 : mean - means_[before - 1];
    const double right = after == means_.size() ? -1.0 : means_[after] - mean;
    return left < 0.0 && right < 0.0 ? std::max(mean, 1.0 - mean) : std::max(left, right);
}

double Neighbours::gap_of(double mean) const {
    const auto after = static_cast<std::size_t>(std::upper_bound(means_.begin(), means_.end(), mean) - means_.begin());
    return farther(mean, after, after);
}

void Neighbours::update(std::size_t i) {
    if (i >= slots_.size()) return;
    gaps_[slots_[i]] = farther(means_[i], i, i + 1);
    changed_.push_back(slots_[i]);
}

void Neighbours::insert(std::uint32_t slot, double mean, const std::vector<std::int64_t>& ids) {
    const std::size_t i = position(mean, ids[slot], ids);
    means_.insert(means_.begin() + static_cast<std::ptrdiff_t>(i), mean);
    slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(i), slot);
    if (slot >= gaps_.size()) gaps_.resize(slot + 1);
    if (i > 0) update(i - 1);
    update(i);
    update(i + 1);
}

void Neighbours::erase(std::uint32_t slot, double mean, const std::vector<std::int64_t>& ids) {
    const std::size_t i = position(mean, ids[slot], ids);
    means_.erase(means_.begin() + static_cast<std::ptrdiff_t>(i));
    slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
    if (i > 0) update(i - 1);
    update(i);
}

void Neighbours::rebuild(std::vector<std::uint32_t> slots, const std::vector<double>& means) {
    slots_ = std::move(slots);
    std::stable_sort(slots_.begin(), slots_.end(), [&](std::uint32_t a, std::uint32_t b) { return means[a] < means[b]; });
    means_.clear();
    gaps_.resize(means.size());
    for (const std::uint32_t slot : slots_) means_.push_back(means[slot]);
    for (std::size_t i = 0; i < slots_.size(); ++i) gaps_[slots_[i]] = farther(means_[i], i, i + 1);
    changed_.clear();
}

std::vector<std::size_t> Neighbours::take_changed() {
    std::sort(changed_.begin(), changed_.end());
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    return std::exchange(changed_, {});
}

}  // namespace hpo
