#include "linalg/cholesky.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "linalg/lapack.h"
#include "linalg/triangular.h"

namespace hpo {

namespace {

char kUpper = 'U', kLeft = 'L', kNonUnit = 'N', kTransposed = 'T';
double kOne = 1.0;

}  // namespace

void Cholesky::reserve(std::size_t n) {
    if (n <= capacity_) return;
    const std::size_t stride = std::max(n, capacity_ + capacity_ / 2 + 8);
    std::vector<double> grown(stride * stride);
    for (std::size_t i = 0; i < n_; ++i) std::copy_n(l_.data() + i * capacity_, i + 1, grown.data() + i * stride);
    l_.swap(grown);
    capacity_ = stride;
}

void Cholesky::factor(ConstMatrix k) {
    n_ = 0;
    reserve(k.rows);
    const std::size_t n = k.rows;
    double mean = 0.0;
    for (std::size_t i = 0; i < n; ++i) mean += k.row(i)[i] / static_cast<double>(n);
    int size = static_cast<int>(n), stride = static_cast<int>(capacity_), info = 0;
    for (const double scale : {0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2}) {
        for (std::size_t i = 0; i < n; ++i) {
            std::copy_n(k.row(i), i + 1, l_.data() + i * capacity_);
            l_[i * capacity_ + i] += scale * mean;
        }
        if (n > 0) lapack().dpotrf(&kUpper, &size, l_.data(), &stride, &info);
        // dpotrf lets NaN through
        if (info == 0 && (n == 0 || std::isfinite(l_[(n - 1) * capacity_ + n - 1]))) {
            n_ = n;
            jitter_ = scale * mean;
            return;
        }
    }
    throw NotPositiveDefinite("the covariance matrix is not positive definite");
}

void Cholesky::append(const double* k, double variance, double floor) {
    reserve(n_ + 1);
    double* fresh = l_.data() + n_ * capacity_;
    std::copy_n(k, n_, fresh);
    solve_lower({fresh, 1, n_});
    double pivot = variance + jitter_;
    for (std::size_t i = 0; i < n_; ++i) pivot -= fresh[i] * fresh[i];
    fresh[n_] = std::sqrt(std::max(pivot, floor));
    ++n_;
}

void Cholesky::append(ConstMatrix k, double floor) {
    reserve(n_ + k.rows);
    double *fresh = l_.data() + n_ * capacity_, *corner = fresh + n_;
    for (std::size_t i = 0; i < k.rows; ++i) {
        std::copy_n(k.row(i), n_ + i + 1, fresh + i * capacity_);
        corner[i * (capacity_ + 1)] += jitter_;
    }
    solve_lower({fresh, k.rows, capacity_}, n_);
    int known = static_cast<int>(n_), size = static_cast<int>(k.rows), stride = static_cast<int>(capacity_), info = 0;
    double minus_one = -1.0;
    if (known > 0 && size > 0) lapack().dsyrk(&kUpper, &kTransposed, &size, &known, &minus_one, fresh, &stride, &kOne, corner, &stride);
    if (size > 0) lapack().dpotrf(&kUpper, &size, corner, &stride, &info);
    bool repeats = info != 0;
    for (std::size_t i = 0; i < k.rows && !repeats; ++i) repeats = !(corner[i * (capacity_ + 1)] * corner[i * (capacity_ + 1)] > floor);
    if (!repeats) n_ += k.rows;
    else
        for (std::size_t i = 0; i < k.rows; ++i) append(k.row(i), k.row(i)[n_], floor);
}

void Cholesky::inverse_factor(Matrix out) const {
    std::fill_n(out.data, out.rows * out.cols, 0.0);
    for (std::size_t i = 0; i < n_; ++i) std::copy_n(row(i), i + 1, out.row(i));
    invert_lower(out.data, n_, out.cols);
}

void multiply_lower(ConstMatrix l, Matrix b) {
    int n = static_cast<int>(l.rows), m = static_cast<int>(b.rows), ldl = static_cast<int>(l.cols), ldb = static_cast<int>(b.cols);
    char transposed = 'T';
    if (n > 0 && m > 0) lapack().dtrmm(&kLeft, &kUpper, &transposed, &kNonUnit, &n, &m, &kOne, const_cast<double*>(l.data), &ldl, b.data, &ldb);
}

double Cholesky::log_determinant() const {
    double sum = 0.0;
    for (std::size_t i = 0; i < n_; ++i) sum += std::log(row(i)[i]);
    return 2.0 * sum;
}

void Cholesky::inverse(Matrix out) const {
    for (std::size_t i = 0; i < n_; ++i) std::copy_n(row(i), i + 1, out.row(i));
    inverse_of_factored(out.data, n_, out.cols);
}

}  // namespace hpo
