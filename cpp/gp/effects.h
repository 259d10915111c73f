#pragma once
// Main effects: what each numeric column adds by itself, as a straight line and a parabola. As a prior over functions that is a
// linear model with independent normal coefficients (Rasmussen & Williams, eq. 2.10 and section 2.7), whose covariance is
//
//     k(x, x') = e(x)^T e(x'),   e = sqrt(variance v_j / d) (sqrt(6) z_j, sqrt(90) z_j^2) for each column j,
//
// d the number of columns that are active on average, z_j the column's feature, from -1/2 to 1/2: both parts have about
// the variance 1/2 over the range. v_j is the weight of the column over the mean weight, so that the columns that matter
// to distances matter here. A stationary kernel falls back to the mean where no observation is near; effects reach over
// the whole range, and a few observations are enough to learn them. They are what tuners assume of most hyperparameters:
// there is a good value, and the loss rises on both sides of it. Categorical columns have none: one bad trial would
// condemn a choice everywhere.

#include <cstddef>
#include <vector>

#include "gp/features.h"
#include "gp/scaling.h"

namespace hpo {

class Effects {
public:
    // theta[d + 2] is the logarithm of the variance; at kNone or below there are no effects.
    static constexpr double kNone = -600.0;

    Effects() = default;
    Effects(const Features& features, const Theta& theta);

    std::size_t size() const { return 2 * features_.size(); }   // g
    // The column of the k-th effect, and its share in the sum of the weights: d log v_j / d log w_i = (i == j) - share_i.
    std::size_t column(std::size_t k) const { return columns_[k / 2]; }
    double share(std::size_t k) const { return shares_[k / 2]; }

    void operator()(const double* z, double* e) const;   // (f,) -> (g,)
    // Adds to by_z (f,) what derivatives by e (g,) are by z.
    void add_gradient(const double* z, const double* by_e, double* by_z) const;

private:
    std::vector<std::size_t> features_, columns_;
    std::vector<double> lines_, parabolas_, shares_;   // factors of z and z^2
};

}  // namespace hpo
