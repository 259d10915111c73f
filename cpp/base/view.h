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

// rows (n, d) of n values each of d columns, column j at columns + j stride. In squares, so that both are read and written in
// whole vectors.
inline void to_rows(const double* columns, std::size_t stride, Matrix rows) {
    constexpr std::size_t kSide = 4;
    const std::size_t whole_rows = rows.rows - rows.rows % kSide, whole_cols = rows.cols - rows.cols % kSide;
    for (std::size_t i = 0; i < whole_rows; i += kSide) {
        for (std::size_t j = 0; j < whole_cols; j += kSide)
            for (std::size_t a = 0; a < kSide; ++a)
                for (std::size_t b = 0; b < kSide; ++b) rows.row(i + a)[j + b] = columns[(j + b) * stride + i + a];
        for (std::size_t a = 0; a < kSide; ++a)
            for (std::size_t j = whole_cols; j < rows.cols; ++j) rows.row(i + a)[j] = columns[j * stride + i + a];
    }
    for (std::size_t i = whole_rows; i < rows.rows; ++i)
        for (std::size_t j = 0; j < rows.cols; ++j) rows.row(i)[j] = columns[j * stride + i];
}

}  // namespace hpo
