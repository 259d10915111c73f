#pragma once
// Candidates [first, first + size) as a struct of arrays: column j of candidate first + i at column(j)[i].

#include <cstddef>
#include <vector>

namespace hpo {

class Pool {
public:
    explicit Pool(std::size_t dims) : columns_(dims) {}

    std::size_t size() const { return size_; }
    std::size_t first() const { return first_; }
    std::size_t dims() const { return columns_.size(); }
    void resize(std::size_t n, std::size_t first = 0) {
        size_ = n;
        first_ = first;
        for (auto& c : columns_) c.resize(n);
    }
    double* column(std::size_t j) { return columns_[j].data(); }
    const double* column(std::size_t j) const { return columns_[j].data(); }

private:
    std::size_t size_ = 0, first_ = 0;
    std::vector<std::vector<double>> columns_;
};

}  // namespace hpo
