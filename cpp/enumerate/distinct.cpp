#include "enumerate/distinct.h"

#include <algorithm>

namespace hpo {

SobolRows::SobolRows(const Box& box, std::uint64_t seed) : box_(box), seed_(seed), sobol_(box.dims(), seed) {}

void SobolRows::row(std::uint64_t number, const Grid& grid, const Feasible& feasible, const RowSet& seen, double* out) const {
    // One shift first: nearly always that is it. The others in one call of the constraint.
    std::vector<double> buffer(kShifts * box_.dims());
    for (std::size_t first = 0, count = 1; first < kShifts; first += count, count = kShifts - first) {
        const Matrix rows{buffer.data(), count, box_.dims()};
        if (first == 0) sobol_.point(number, rows.row(0));
        else sobol_.shifted(number, static_cast<std::uint32_t>(first), rows);
        for (std::size_t k = 0; k < count; ++k) box_.from_prior(rows.row(k));
        std::vector<std::uint8_t> ok(count, 1);
        if (feasible) feasible(rows, ok.data());
        for (std::size_t k = 0; k < count; ++k) {
            if (!ok[k] || seen.contains(rows.row(k))) continue;
            std::copy_n(rows.row(k), box_.dims(), out);
            if (settle(box_, feasible, seen, out)) return;
        }
    }
    unseen_row(box_, grid, seed_, number, Purpose::sobol, feasible, seen, out);
}

}  // namespace hpo
