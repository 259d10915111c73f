#pragma once
// The row of a box with the largest acquisition value: many candidates, the best of them that are
// apart as starts, then in turn L-BFGS-B on the continuous columns (all starts in step, one batched evaluation a step) and the best single change
// of a discrete column, until neither helps. What comes out is a snapped row that satisfies the constraints and was not seen.
// Thompson sampling takes the candidate at which a function drawn from the joint posterior is lowest.
// The alternation is that of Optuna's optim_mixed and BoTorch's optimize_acqf_mixed_alternating; benchmarks/bench_acquisition.py
// compares what the three find.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "acquisition/functions.h"
#include "acquisition/success.h"
#include "base/random.h"
#include "base/view.h"
#include "gp/features.h"
#include "gp/process.h"
#include "space/box.h"
#include "space/row_set.h"

namespace hpo {

struct MaximizeOptions {
    std::size_t n_uniform = 512;     // candidates from the whole box
    std::size_t n_local = 512;       // perturbations of the incumbents
    std::size_t n_screened = 192;    // of them that are evaluated at most, by their bounds
    std::size_t n_starts = 10;
    std::size_t n_rounds = 20;       // alternations at most; a start that no discrete change improves has no more of them
    std::size_t n_evaluations = 40;  // of an L-BFGS-B search
};

constexpr MaximizeOptions kAlone;
// Beside pending trials, of which a batch needs many at once: what is assumed of the pending ones is a guess anyway, and regret is no larger
// (benchmarks/quality/results/choices.md).
constexpr MaximizeOptions kBesidePending{128, 128, 48, 3, 20, 40};

class Maximizer {
public:
    // under_way: features (f,) of the rows beside which one is wanted, that are to be kept away from.
    // success: its chance counts in the acquisition value; null if no trial has failed.
    // prior_weight: of the log density of the box's priors, which is added to the acquisition value.
    Maximizer(const Box& box, const Features& features, const Process& process, const Acquisition& acquisition, const Success* success,
              const std::vector<std::vector<double>>& under_way, double prior_weight, const MaximizeOptions& options);

    // incumbents (m, d): rows worth perturbing, best first. out (d,) and its value; false if every candidate is infeasible or
    // seen.
    bool run(ConstMatrix incumbents, const Feasible& feasible, const RowSet& seen, const Stream& stream, double* out, double* value) const;

private:
    struct Candidate {
        std::vector<double> row;
        double value;
    };
    struct Valued {
        double value;
        std::size_t index;   // of a row
    };

    void evaluate(ConstMatrix rows, double* out) const;
    void evaluate(ConstMatrix rows, double* out, Matrix gradient) const;   // by u of the numeric columns
    std::vector<double> bounds(ConstMatrix rows) const;
    std::vector<Valued> evaluate_best(ConstMatrix rows, const RowSet& seen) const;
    std::vector<Candidate> starts_among(ConstMatrix rows, const RowSet& seen) const;
    bool draw(ConstMatrix rows, const RowSet& seen, const Stream& stream, double* out, double* value) const;
    double distance(const std::vector<double>& za, const std::vector<double>& zb) const;   // features (f,)
    bool is_free(const double* row, const RowSet& seen) const;
    void continuous(std::vector<Candidate>& starts, const std::vector<std::size_t>& active, bool relaxed, const Feasible& feasible,
                    const RowSet& seen) const;
    void changes(const std::vector<double>& start, std::vector<double>* rows, std::vector<std::size_t>* columns) const;
    void discrete(std::vector<Candidate>& starts, std::vector<std::size_t>& active, const Feasible& feasible, const RowSet& seen) const;
    void merge(const std::vector<Candidate>& starts, std::vector<std::size_t>& active) const;
    std::vector<std::uint8_t> acceptable(ConstMatrix rows, const Feasible& feasible, const RowSet& seen) const;
    void keep_acceptable(std::vector<double>& rows, const Feasible& feasible, const RowSet& seen) const;
    double weighted_prior(const double* row, double* gradient) const;
    bool is_relaxed(std::size_t j) const;
    void complete(double* row) const;

    const Box& box_;
    const Features& features_;
    const Process& process_;
    const Acquisition& acquisition_;
    const Success* success_;
    const std::vector<std::vector<double>>& under_way_;
    double prior_weight_;   // 0 if no column has a prior
    const MaximizeOptions& options_;
    std::vector<double> scales_;   // (d,) inverse lengthscales
    double apart_ = 0.0;           // squared scaled distance between starts, at least
};

}  // namespace hpo
