#pragma once
// Rows for trials number, number + 1, ...: feasible, and never one that was seen. What the history-free samplers are, and
// what the others start from and fall back to.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "enumerate/grid.h"
#include "enumerate/sobol.h"
#include "enumerate/uniform.h"
#include "space/box.h"
#include "space/row_set.h"

namespace hpo {

// Calls pick(i, out.row(i)) for each row and adds the result to `seen`. Returns how many rows there were: fewer than asked
// when the space runs out, or no more are found. Throws SpaceExhausted or Infeasible if there was none; on any other error `seen` is as
// before.
template <class Pick>
std::size_t distinct_rows(Matrix out, RowSet& seen, const Pick& pick) {
    std::size_t done = 0;
    try {
        for (; done < out.rows; ++done) {
            pick(done, out.row(done));
            seen.insert(out.row(done));
        }
    } catch (const NoConfiguration&) {
        if (done == 0) throw;
    } catch (...) {
        while (done > 0) seen.erase(out.row(--done));
        throw;
    }
    return done;
}

// The scrambled Sobol sequence over a box: trial t gets point t of the first shift of it in which that is acceptable, so that
// the accepted points of each shift stay evenly spread.
class SobolRows {
public:
    SobolRows(const Box& box, std::uint64_t seed);
    void row(std::uint64_t number, const Grid& grid, const Feasible& feasible, const RowSet& seen, double* out) const;

private:
    static constexpr std::size_t kShifts = 16;

    const Box& box_;
    std::uint64_t seed_;
    Sobol sobol_;
};

}  // namespace hpo
