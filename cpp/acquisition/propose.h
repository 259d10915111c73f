#pragma once
// The Gaussian-process engine: from observations to rows to try next.
//
// The factor is that of the first `n_factored` observations, with the rows since then and the pending ones appended: that is
// O(n^2) a row and makes the bits depend on the history alone. Consecutive calls share what they have in common.
//
// Pending points, and those of the same batch, are fantasies at their posterior mean (the "believer" of Ginsbourger, Le
// Riche, Carraro, "Kriging is well-suited to parallelize optimization", 2010): the mean stays and the variance shrinks.
//
// Priors that the user stated raise the acquisition by strength / n times their log density, as Hvarfner et al., "piBO:
// augmenting acquisition functions with user beliefs for Bayesian optimization", ICLR 2022, raise log EI (eq. 6).

#include <cstdint>
#include <mutex>
#include <vector>

#include "acquisition/maximize.h"
#include "base/view.h"
#include "enumerate/grid.h"
#include "gp/features.h"
#include "gp/fit.h"
#include "gp/process.h"
#include "space/box.h"
#include "space/row_set.h"

namespace hpo {

struct GpOptions {
    Smoothness smoothness = Smoothness::matern52;
    Priors priors;
    Acquire acquire = Acquire::lcb;
    double beta = 1.8;              // with up to kFewObservations
    double beta_growth = 0.5;       // for each factor e of them beyond
    double prior_strength = 3.0;    // weight of the box's priors, divided by the number of observations

    void check() const;
};

constexpr double kFewObservations = 10.0;

struct GpSuggested {
    bool is_gp = true;    // false: a uniform draw, every candidate was infeasible or seen
    double value = 0.0;   // of the acquisition function
    bool is_daring = false;   // proposed as if no trial had failed
    bool is_wider = false;    // by a bound with kWider times the deviations
};

// What is known; the arrays must outlive it.
struct Observations {
    ConstMatrix rows;                  // (n, d)
    const double* y;                   // (n,) targets
};

class Gp;

// What is known of which trials succeed: the process of labels from which `mean` was taken, over `deviation`.
struct Outcomes {
    Gp& model;
    Observations told;
    const Theta& theta;
    std::size_t n_factored;
    double mean, deviation;
};

class Gp {
public:
    Gp(const Box& box, const Grid& grid, const GpOptions& options, std::uint64_t seed, int threads);

    const Box& box() const { return box_; }
    std::size_t dims() const { return box_.dims(); }

    // Of inputs that are warped or are not.
    Theta prior_mode(bool warped) const;
    // The mode of the hyperparameters, the best of searches from `starts` (see fit.h).
    Fit fit(const Observations& told, const std::vector<Theta>& starts) const;
    // log p(y, theta) and its gradient, of the size of theta.
    double log_posterior(const Observations& told, const Theta& theta, double* gradient) const;

    // Rows for trials number, number + 1, ...; returns how many (see distinct_rows). how (m,). A search that stalls has kWider times as wide a
    // bound for its even trials. outcomes: null if no trial has failed.
    std::size_t suggest(std::uint64_t number, const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix pending, bool stalls,
                        const Outcomes* outcomes, const Feasible& feasible, RowSet& seen, Matrix out, GpSuggested* how);

    // The posterior at queries (q, d): mean and variance (q,).
    void posterior(const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix queries, double* mean, double* variance);
    // The mean (q,) alone: O(n) a query.
    void mean(const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix queries, double* mean);
    // Their joint posterior: the lower triangle of the covariance (q, q).
    void joint(const Observations& told, const Theta& theta, std::size_t n_factored, ConstMatrix queries, double* mean, Matrix covariance);
    double jitter() const;

private:
    LogPosterior log_posterior_of(const Observations& told, std::vector<double>* z) const;   // z: storage that must outlive it
    // of(z, first, q): the features z (kBatch, f) of queries first to first + q, the rest of the batch being of others.
    template <class Fn> void in_batches(ConstMatrix queries, Fn&& of) const;
    void condition(const Observations& told, const Theta& theta, std::size_t n_factored);

    const Box& box_;
    const Grid& grid_;
    GpOptions options_;
    std::uint64_t seed_;
    int threads_;
    Features features_;
    Process process_;
    std::size_t n_factored_ = 0;
    std::vector<double> rows_;   // (n, d): those in process_
    mutable std::mutex mutex_;   // the GIL is released around every call
};

}  // namespace hpo
