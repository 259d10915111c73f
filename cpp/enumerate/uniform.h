#pragma once
// Uniform rows by number: row t of a seed is a pure function of (seed, t). With constraints, or where rows must be new,
// row t is the first of its own endless sequence of draws that is acceptable.

#include <cstdint>

#include "base/random.h"
#include "enumerate/grid.h"
#include "space/box.h"
#include "space/row_set.h"

namespace hpo {

// A constraint that fewer than one in this many uniform draws satisfies is reported as infeasible.
constexpr std::uint32_t kMaxDraws = 1u << 20;

// Draw `attempt` of stream `number` as a row (d,) of the box.
void uniform_row(const Box& box, std::uint64_t seed, std::uint64_t number, Purpose purpose, std::uint32_t attempt, double* out);

// out (n, d): the rows numbers (n,) of the seed, each feasible. Throws Infeasible after kMaxDraws draws for one row,
// or for all of them if none was.
void uniform_rows(const Box& box, std::uint64_t seed, const std::uint64_t* numbers, const Feasible& feasible, int threads, Matrix out);

// Makes of a row (d,) that is about to be handed out, feasible and not seen, the one that its configuration is encoded to: whoever tells
// that configuration elsewhere tells these bits. Where a requirement fails between the two it stays as it is. False if `seen` holds it.
bool settle(const Box& box, const Feasible& feasible, const RowSet& seen, double* row);

// out (d,): a feasible row that `seen` does not hold, settled. Draws first; in a finite space whose rows are nearly all taken it
// walks the grid from a random place, so it finds a row if one is left (spaces up to 2^24 rows; larger ones give up
// after that many). Throws SpaceExhausted or Infeasible.
void unseen_row(const Box& box, const Grid& grid, std::uint64_t seed, std::uint64_t number, Purpose purpose, const Feasible& feasible,
                const RowSet& seen, double* out);

// out (d,): the configuration `partial` (d,), in which NaN is "not given", with the rest taken from `base` (d,) where that
// fits and drawn uniformly where not. Parents that are not given are drawn so that the given children exist. Feasible, and not
// in `seen`: throws SpaceExhausted if all that 65,536 draws find are, Infeasible if they find none.
void complete_row(const Box& box, const double* partial, const double* base, std::uint64_t seed, std::uint64_t number,
                  const Feasible& feasible, const RowSet& seen, double* out);

}  // namespace hpo
