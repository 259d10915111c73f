#pragma once
// Which observations are kernels of a mixture, and in which slot: all of them up to a capacity, beyond it a sample that
// favours recent ones (each newcomer replaces a random slot: Aggarwal, "On biased reservoir sampling", VLDB 2006). That
// bounds the cost of a suggestion however long the history is. The slots are a pure function of the sequence of calls, so
// an engine that replays a history arrives at the same bits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.h"

namespace hpo {

class Reservoir {
public:
    Reservoir(std::size_t capacity, std::uint64_t seed) : capacity_(capacity), seed_(seed) {}

    const std::vector<std::int64_t>& ids() const { return ids_; }   // by slot

    void insert(std::int64_t id) {
        if (ids_.size() < capacity_) {
            change(ids_.size());
            ids_.push_back(id);
        } else {
            const auto slot = static_cast<std::size_t>(Stream(seed_, static_cast<std::uint64_t>(id), Purpose::reservoir).bits() % capacity_);
            change(slot);
            ids_[slot] = id;
        }
    }

    void erase(std::int64_t id) {
        const auto found = std::find(ids_.begin(), ids_.end(), id);
        if (found == ids_.end()) return;   // replaced earlier
        change(static_cast<std::size_t>(found - ids_.begin()));
        change(ids_.size() - 1);
        *found = ids_.back();
        ids_.pop_back();
    }

    // Slots whose content may differ from what it was at the last call, ascending, each once.
    std::vector<std::size_t> take_changes() {
        std::sort(changed_.begin(), changed_.end());
        changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
        std::vector<std::size_t> taken;
        taken.swap(changed_);
        return taken;
    }

private:
    void change(std::size_t slot) {
        // A bulk load changes slots over and over: keep the list as short as the slots are.
        if (changed_.size() > 4 * capacity_) {
            std::sort(changed_.begin(), changed_.end());
            changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
        }
        changed_.push_back(slot);
    }

    std::size_t capacity_;
    std::uint64_t seed_;
    std::vector<std::int64_t> ids_;
    std::vector<std::size_t> changed_;
};

}  // namespace hpo
