#pragma once
// Rows of a box as points of a Euclidean space, so that one squared distance serves every kind of column:
//
//     r^2(x, x') = sum_j w_j |z_j(x) - z_j(x')|^2,
//
// z_j = u - 1/2 for a numeric column, and for a categorical one the corners of a simplex with edges of length 1 (more than
// kMaxSimplex choices: random signs of that many coordinates, whose distances are 1 on average). An inactive column is at
// the centre, z_j = 0. A kernel that is positive definite over Euclidean space is so over the rows (the parent of the
// column differs too, so that its weight sets how far apart configurations with and without the column are).

#include <cstddef>
#include <vector>

#include "base/view.h"
#include "space/box.h"

namespace hpo {

class Features {
public:
    static constexpr std::size_t kMaxSimplex = 64;

    explicit Features(const Box& box);

    std::size_t size() const { return column_of_.size(); }
    std::size_t dims() const { return box_.dims(); }
    // How many columns are active in a uniform configuration on average: the dimensions that distances add up over.
    double active_dims() const { return active_dims_; }
    // The column that feature f belongs to.
    std::size_t column(std::size_t f) const { return column_of_[f]; }
    // Whether feature f is u - 1/2 of a numeric column.
    bool is_numeric(std::size_t f) const { return box_.column(column_of_[f]).kind != Kind::categorical; }
    // The first feature of column j.
    std::size_t first(std::size_t j) const { return first_[j]; }

    void map(const double* row, double* out) const;   // (d,) -> (f,)
    void map(ConstMatrix rows, Matrix out) const;     // (n, d) -> (n, f)

private:
    const Box& box_;
    double active_dims_ = 0.0;
    std::vector<std::size_t> column_of_, first_;
};

}  // namespace hpo
