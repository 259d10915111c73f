#pragma once
// Hyperparameters of a process: the mode of
//
//     log p(theta | y) = -1/2 y^T K^-1 y - 1/2 log |K| - n/2 log 2 pi + log p(theta),
//     d/dtheta = 1/2 tr((alpha alpha^T - K^-1) dK/dtheta) + d log p / dtheta   (Rasmussen & Williams, eq. 5.8 and 5.9)
//
// over theta = logarithms (see process.h), with independent normal priors. The logarithm of a lengthscale is centred at
// log(d) / 2 + a constant, d the number of columns that are active on average, so that distances keep their size as dimensions are
// added (Hvarfner, Hellsten, Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024; their density is
// that of the lengthscale itself, whose mode is where ours is by default). An evaluation costs dpotrf, the inverse from it and four
// products of n^2 f.

#include <vector>

#include "base/view.h"
#include "gp/process.h"
#include "optim/lbfgsb.h"

namespace hpo {

struct Normal {
    double mean;
    double deviation;
};

struct Priors {
    Normal length{-1.5857864376269049, 1.0};                  // of log lengthscale - log(d) / 2
    Normal signal{0.0, 1.0};                                  // of log signal variance
    Normal noise{-5.0, 1.0};                                  // of log noise variance
    bool effects = true;
    Normal effects_variance{-1.0, 1.5};                       // of its logarithm, if there are main effects
    Normal shapes{0.0, 0.9};                                  // of log a and log b of each column, where inputs are warped
};

// Of theta (d + 3,), or (3 d + 3,) where inputs are warped. The log prior of the shapes is 0 at its mode, where
// inputs are not warped, so that what is found with and without them can be compared.
class LogPosterior {
public:
    // z (n, f) and y (n,) must outlive it.
    LogPosterior(const Features& features, Smoothness smoothness, const Priors& priors, ConstMatrix z, const double* y);

    // The value at theta, and its gradient, of the size of theta, if wanted; -inf where the covariance cannot be factored.
    double operator()(const Theta& theta, double* gradient);
    // The mode of the prior: where a search without a better idea starts.
    Theta prior_mode(bool warped) const;
    bool is_warped(const Theta& theta) const { return theta.size() > features_.dims() + 3; }
    // The box of the search.
    void bounds(bool warped, Theta* lower, Theta* upper) const;

private:
    double prior(const Theta& theta, double* gradient) const;

    const Features& features_;
    Smoothness smoothness_;
    Priors priors_;
    ConstMatrix z_;
    const double* y_;
    std::vector<double> x_, slope_, inverse_, alpha_, padded_, product_, e_, inverse_e_;
};

struct Fit {
    Theta theta;
    double value = 0.0;
    std::size_t evaluations = 0;
};

// The best of the searches from the given starts, at least one and all of one size, one after the other; one that comes near the best so far is not
// finished.
Fit fit(LogPosterior& posterior, const std::vector<Theta>& starts, const LbfgsbOptions& options);

}  // namespace hpo
