#pragma once
// Numbers that are written before they are read: a std::vector would set them to zero first, which takes as long as many a use.

#include <cstddef>
#include <memory>

namespace hpo {

using Buffer = std::unique_ptr<double[]>;

inline Buffer buffer(std::size_t n) { return Buffer(new double[n]); }

}  // namespace hpo
