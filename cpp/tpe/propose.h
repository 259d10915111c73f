#pragma once
// The tree-structured Parzen estimator: observations are split by value into good and bad ones, each part gets a Parzen
// estimator per group of parameters, candidates are drawn from the good one, l, and the one with the largest
// log l(x) - log g(x) is suggested (Bergstra et al. 2011; Watanabe, arXiv:2304.11127, for the parts and what they do).
//
// Groups are parameters with the same condition, so that all of a group are active or none is; with multivariate = false
// every parameter is its own group. The best candidate is chosen group by group, parents first.
//
// The good ones weigh log((m + 1) / rank), m of them, scaled to a mean of one: the weights of the parents in CMA-ES (Hansen,
// "The CMA evolution strategy: a tutorial", arXiv:1604.00772, eq. 49).
//
// Pending points count as bad. The candidates of a suggestion depend on (seed, trial number - number of pending trials),
// and there are `candidates_per_pending` more for each pending one, so a batch shares one pool whose densities are computed
// once, and every point of the batch is what asking for it alone would give. With
// more than 125 pending ones the pool stops growing: it is a window that moves on with their number.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/view.h"
#include "enumerate/distinct.h"
#include "enumerate/grid.h"
#include "space/box.h"
#include "space/row_set.h"
#include "tpe/parzen.h"
#include "tpe/pool.h"
#include "tpe/reservoir.h"

namespace hpo {

struct TpeOptions {
    std::size_t n_startup = 10;
    std::size_t n_candidates = 24;
    std::size_t candidates_per_pending = 4;
    bool multivariate = true;
    double good_fraction = 0.1;       // good: the best ceil(good_fraction n), at most good_max
    std::size_t good_max = 25;
    bool rank_weights = true;         // good ones weigh by rank, else by age
    std::size_t max_kernels = 2048;   // of a bad mixture
    ParzenOptions parzen;

    void check() const;
};

// How a row came about.
enum class Path : int { sobol = 0, tpe = 1, uniform = 2 };

struct Suggested {
    Path path = Path::sobol;
    double score = 0.0;   // log l - log g of the row, if path is tpe
};

class Tpe {
public:
    Tpe(const Box& box, const Grid& grid, const TpeOptions& options, std::uint64_t seed, int threads);

    std::size_t dims() const { return box_.dims(); }
    std::size_t n_told() const;

    // rows (n, d), y (n,) to be minimised, +inf for failed.
    void tell(ConstMatrix rows, const double* y);

    // Rows for trials number, number + 1, ...; returns how many (see distinct_rows). how (n,).
    std::size_t suggest(std::uint64_t number, ConstMatrix pending, const Feasible& feasible, RowSet& seen, Matrix out, Suggested* how);

    // out (n,): log l - log g of rows (n, d), summed over their active groups.
    void log_ratio(ConstMatrix rows, ConstMatrix pending, double* out);

private:
    struct Group {
        std::size_t condition_of;   // a column: the group is active where this is
        std::vector<std::size_t> columns;
        Reservoir bad_ids;
        Parzen good, bad;
        // Of the pool: densities, the pending points' share of the bad one, and log l - log g with it.
        std::vector<double> log_good, log_bad, pending, ratio;
    };

    const double* row(std::int64_t id) const { return rows_.data() + static_cast<std::size_t>(id) * box_.dims(); }
    bool active(const Group& group, std::int64_t id) const;
    void tell_one(const double* row, double y);
    void synchronise(ConstMatrix pending);
    void fill_pool(std::uint64_t key, std::size_t first, std::size_t end);
    void score();
    void add_pending(ConstMatrix rows);
    bool choose(std::size_t window, std::size_t end, const Feasible& feasible, const RowSet& seen, double* out, double* score) const;
    void copy_candidate(std::size_t i, double* out) const;

    const Box& box_;
    const Grid& grid_;
    TpeOptions options_;
    std::uint64_t seed_;
    int threads_;
    SobolRows startup_;
    std::vector<double> rows_;   // (n, d), as told
    std::size_t n_ = 0;
    std::vector<std::pair<double, std::int64_t>> top_;   // the best good_max finite ones: (y, id), ascending
    std::size_t n_good_ = 0;
    bool good_changed_ = true;
    std::vector<Group> groups_;   // parents first
    Pool pool_;
    mutable std::mutex mutex_;    // the GIL is released around every call
};

}  // namespace hpo
