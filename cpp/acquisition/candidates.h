#pragma once
// Where a search for the largest acquisition value may begin: rows from the whole box, half of them from its priors, and perturbations of the
// incumbents, from one column to all of them, at four scales.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.h"
#include "base/view.h"
#include "space/box.h"

namespace hpo {

// Takes out of rows (n, d) those that are infeasible or seen; empty if there are no constraints.
using Keep = std::function<void(std::vector<double>& rows)>;

// Rows (n, d): n_uniform from everywhere, n_local from around the incumbents (m, d), best first; if there are none, none. With constraints those
// that are kept, without repeats: at least a quarter as many as are drawn without, if that many are found among 65,536.
std::vector<double> candidates(const Box& box, ConstMatrix incumbents, std::size_t n_uniform, std::size_t n_local, const Stream& stream, const Keep& keep);

// So many blocks of the stream they take at most.
std::uint32_t candidate_blocks(std::size_t dims);

}  // namespace hpo
