#pragma once
// User functions compiled to native code (hpo_fast/native.py): loops over columns of raw values that need no GIL.

#include <cstdint>
#include <vector>

#include "space/box.h"

namespace hpo {

// out[i] for the configurations i < n with raw values columns[j * stride + i] (what Box::decode gives). Returns n, or the
// index of the configuration at which the function raised; out is filled up to there.
template <class T>
using NativeKernel = std::int64_t (*)(const double* columns, std::int64_t stride, std::int64_t n, T* out);

// The constraint that every kernel holds. Rows at which one raises are left to `python`, with those around them.
Feasible native_feasible(const Box& box, std::vector<NativeKernel<std::uint8_t>> kernels, Feasible python);

}  // namespace hpo
