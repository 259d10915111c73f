#pragma once
// A Parzen estimator over the columns of one group (parameters that are always active together): a mixture of products
//
//     p(x) = sum_k w_k prod_j p_kj(x_j)
//
// with one kernel an observation and a prior kernel in slot 0. Over an encoded numeric column p_kj is a normal with mean
// mu_kj, truncated to [0, 1]; an ordered column has the mass that this gives to the level's cell; a categorical column
// puts weight 1 on the observed choice and prior_weight / n_kernels on every choice. Bandwidths are the distance to the
// farther neighbour (neighbours.h), clipped from below by max(min_bandwidth, 1 / (1 + n_kernels)) of the range ("magic clip"). Weights are given, or ramp up
// with recency beyond 25 observations. With exact = true this is the estimator of Optuna 5's multivariate TPE.
//
// Kernels are a struct of arrays, and sorted columns are kept up to date kernel by kernel: a change costs O(d log k), and a
// density one exp a kernel: sum_j z_kj^2 first, then log-sum-exp.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/view.h"
#include "space/box.h"
#include "tpe/neighbours.h"
#include "tpe/pool.h"

namespace hpo {

struct ParzenOptions {
    double prior_weight = 1.0;
    double min_bandwidth = 0.01;   // of the range, once there are enough kernels
    bool recency = true;           // weights ramp from 1 / n to 1, the newest 25 at 1
    double keep = 0.7;             // share of its kernel's values that a candidate keeps
    bool exact = false;            // interval masses for every ordered column, also where the cells are narrow
    bool box_priors = false;       // the prior kernel is what the box's columns have as priors, where they have any

    void check() const;
};

class Parzen {
public:
    Parzen(const Box& box, std::vector<std::size_t> columns, const ParzenOptions& options);

    std::size_t size() const { return members_.size(); }   // kernels without the prior
    const std::vector<std::size_t>& columns() const { return columns_; }

    // Slot s holds observation ids[s], whose row is told + ids[s] d; `changed` are the slots that may differ from the last
    // call. Many changes, or `all`, rebuild everything; the bits are the same. `weights`, by slot, replace those by age.
    void update(const std::vector<std::int64_t>& ids, const double* told, const std::vector<std::size_t>& changed, bool all,
                const std::vector<double>* weights = nullptr);

    // out[i] = log p of candidates first .. first + n of the pool.
    void log_density(const Pool& pool, std::size_t first, std::size_t n, double* out) const;

    // The kernel that `row` (d,), which must outlive it, would be as the newest member, without moving the others: how
    // pending points are added.
    struct Kernel {
        const double* row;
        std::vector<double> sigma;   // by numeric column
        double constant;             // log of its weight and norm
    };
    Kernel kernel(const double* row) const;
    // out[i] = log of the weighted kernel at candidate i of the pool.
    void log_kernel(const Kernel& kernel, const Pool& pool, double* out) const;

    // Draws the candidates of the pool: candidate i from blocks i * blocks .. of the stream, whose uniform
    // number j is used for column j and number dims + `salt` for the choice of the kernel. A candidate is a mutation of its
    // kernel's observation: each column but one keeps the observed value with probability `keep`.
    void sample(const Stream& stream, std::uint32_t blocks, std::size_t salt, Pool& pool) const;

private:
    struct Numeric {   // one numeric column, by slot
        std::size_t j;
        bool ordered;
        std::vector<double> mu, sigma;
        std::vector<double> inverse, scaled_mu;   // 1 / (sigma sqrt 2), mu / (sigma sqrt 2)
        std::vector<double> below;                // Phi at the lower end
        std::vector<double> mass;                 // of the untruncated normal inside [0, 1]
        std::vector<double> log_norm;             // of the truncated density at its mode
        Neighbours neighbours;
    };
    struct Categorical {
        std::size_t j;
        double choices;
        std::vector<double> choice;   // by slot; -1 for the prior
        double log_hit, log_miss;     // log probability of the observed and of any other choice
    };
    struct Table;   // log masses of the cells of one ordered column

    void unlink(std::size_t slot);
    void link(std::size_t slot, std::int64_t id, const double* row);
    void rebuild(const std::vector<std::int64_t>& ids, const double* told);
    void resize(std::size_t slots);
    void finish(const std::vector<double>* weights);
    void set_bandwidths(Numeric& c, const std::vector<std::size_t>& slots);
    bool is_narrow(double lower, double upper) const;
    bool is_smooth(const Numeric& c) const;
    // Log of the weighted prior kernel at candidate i, without the widths of narrow cells.
    double log_box_prior(const Pool& pool, std::size_t i) const;
    // The table for candidates x (n,); log_width (n,) += the log width of the narrow cells, which are not in it.
    Table make_table(const Numeric& c, const double* x, std::size_t n, double* log_width) const;

    const Box& box_;
    std::vector<std::size_t> columns_;
    ParzenOptions options_;
    std::vector<Numeric> numeric_;
    std::vector<Categorical> categorical_;
    std::vector<std::int64_t> ids_;                                   // by slot; slot 0 is the prior's (-1)
    std::vector<std::pair<std::int64_t, std::size_t>> members_;       // (id, slot), by age
    std::vector<double> norm_;      // by slot: sum of log_norm over the columns
    std::vector<double> base_;      // by slot: log weight + everything that does not depend on x; padded with -inf
    std::vector<double> cumulative_;   // weights, for sampling
    double log_total_ = 0.0;
    bool has_box_prior_ = false;    // the density of slot 0 is that of the box: it is added apart
    double log_prior_weight_ = 0.0;
    double min_sigma_ = -1.0;
};

}  // namespace hpo
