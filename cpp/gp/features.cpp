#include "gp/features.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace hpo {

Features::Features(const Box& box) : box_(box) {
    for (std::size_t j = 0; j < box.dims(); ++j) {
        first_.push_back(column_of_.size());
        const Column& c = box.column(j);
        const std::size_t n = c.kind == Kind::categorical ? std::min<std::size_t>(static_cast<std::size_t>(c.levels), kMaxSimplex) : 1;
        column_of_.insert(column_of_.end(), n, j);
    }
    first_.push_back(column_of_.size());
    std::vector<double> active(box.dims(), 1.0);   // the probability
    for (const std::size_t j : box.parents_first()) {
        const Column& c = box.column(j);
        if (c.parent >= 0) {
            const auto parent = static_cast<std::size_t>(c.parent);
            double share = 0.0, lower = 0.0, upper = 1.0 / static_cast<double>(box.column(parent).levels);
            for (const std::int64_t level : c.parent_levels) {
                if (box.column(parent).kind == Kind::ordered) box.cell(parent, level, &lower, &upper);
                share += upper - lower;
            }
            active[j] = active[parent] * share;
        }
        active_dims_ += active[j];
    }
}

void Features::map(const double* row, double* out) const {
    std::fill_n(out, size(), 0.0);
    for (std::size_t j = 0; j < box_.dims(); ++j) {
        const Column& c = box_.column(j);
        if (std::isnan(row[j])) continue;
        double* z = out + first_[j];
        if (c.kind != Kind::categorical) {
            *z = row[j] - 0.5;
        } else if (static_cast<std::size_t>(c.levels) <= kMaxSimplex) {
            z[static_cast<std::size_t>(row[j])] = 0.70710678118654752440;
        } else {
            const Stream signs(0, static_cast<std::uint64_t>(row[j]), Purpose::signs);
            const std::uint64_t bits = signs.bits();
            for (std::size_t k = 0; k < kMaxSimplex; ++k) z[k] = (bits >> k & 1 ? 1.0 : -1.0) / std::sqrt(2.0 * kMaxSimplex);
        }
    }
}

void Features::map(ConstMatrix rows, Matrix out) const {
    for (std::size_t i = 0; i < rows.rows; ++i) map(rows.row(i), out.row(i));
}

}  // namespace hpo
