// The loops over the formulas of vmath.h. O(n), nothing allocated.

#include "base/vmath.h"

namespace hpo {

HPO_CLONES void exp(const double* x, double* out, std::size_t n) { map_blocks<lane::exp>(x, out, n); }

HPO_CLONES void log(const double* x, double* out, std::size_t n) { map_blocks<lane::log>(x, out, n); }

}  // namespace hpo
