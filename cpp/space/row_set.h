#pragma once
// The rows that must not be suggested again: told, pending and earlier ones of the same batch. A multiset of 64-bit row
// hashes, about 40 bytes a row. A false hit has probability n / 2^64 and only costs a candidate.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unordered_map>

namespace hpo {

class RowSet {
public:
    explicit RowSet(std::size_t dims) : dims_(dims) {}

    std::size_t dims() const { return dims_; }
    std::size_t size() const { return counts_.size(); }
    bool contains(const double* row) const { return counts_.find(hash(row)) != counts_.end(); }
    void insert(const double* row) { ++counts_[hash(row)]; }
    void erase(const double* row) {
        const auto found = counts_.find(hash(row));
        if (found == counts_.end() || --found->second > 0) return;
        counts_.erase(found);
        ++erasures_;
    }
    // How often a row has left: while this stays, what was there still is.
    std::uint64_t erasures() const { return erasures_; }

private:
    struct Identity {   // the keys are hashes already
        std::size_t operator()(std::uint64_t key) const { return static_cast<std::size_t>(key); }
    };

    std::uint64_t hash(const double* row) const {
        std::uint64_t h = 0x9E3779B97F4A7C15u;
        for (std::size_t j = 0; j < dims_; ++j) {
            std::uint64_t bits = 0x7FF8000000000000u;   // one NaN for all
            if (row[j] == row[j]) std::memcpy(&bits, row + j, sizeof bits);
            // splitmix64's finalizer (Steele, Lea, Flood 2014) chained over the columns
            h = (h ^ bits) + 0x9E3779B97F4A7C15u;
            h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
            h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
            h ^= h >> 31;
        }
        return h;
    }

    std::size_t dims_;
    std::unordered_map<std::uint64_t, std::uint32_t, Identity> counts_;
    std::uint64_t erasures_ = 0;
};

}  // namespace hpo
