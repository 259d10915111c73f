#pragma once
// A row-major matrix somebody else owns. Every array parameter in cpp/ is one of these or a pointer whose shape is
// written beside it.

#include <cstddef>

namespace hpo {

template <class T>
struct View {
    T* data = nullptr;
    std::size_t rows = 0;
    std::size_t cols = 0;

    T* row(std::size_t i) const { return data + i * cols; }
    View slice(std::size_t first, std::size_t count) const { return {row(first), count, cols}; }
    operator View<const T>() const { return {data, rows, cols}; }
};

using Matrix = View<double>;
using ConstMatrix = View<const double>;

// rows (n, d) of n values each of d columns, column j at columns + j stride.
inline void to_rows(const double* columns, std::size_t stride, Matrix rows) {
    for (std::size_t i = 0; i < rows.rows; ++i)
        for (std::size_t j = 0; j < rows.cols; ++j) rows.row(i)[j] = columns[j * stride + i];
}

}  // namespace hpo
