#pragma once
// The chance that a trial succeeds, where some have failed. The posterior mean m(x) of a Gaussian process on labels, 1 for success and 0 for
// failure, estimates it. Its logarithm, with what most of the space has taken as certain, is added to acquisition values:
//
//     weight min(t, 0),   t = log(p / (share usual)),   p = (m + sqrt(m^2 + 4 eps^2)) / 2 > 0,
//
// with a parabola from t = -round to round in place of the corner, which would stop a search; `usual` being the mean of m at the trials that
// succeeded, near 1 where failures are a region and near their rate where nothing predicts them. For log EI and weight 1, without the
// minimum, that is the expected improvement times the chance (Gelbart, Snoek, Adams, "Bayesian optimization with unknown constraints", UAI
// 2014, section 3). The minimum keeps small differences of an estimate from moving the optimum, and failures by accident from being
// avoided; benchmarks/quality/results/choices.md compares.

#include "base/view.h"
#include "gp/process.h"

namespace hpo {

class Success {
public:
    // The process is that of labels (n,) from which `mean` was taken, over `deviation`, with no fantasies. It must outlive this.
    Success(const Process& process, double mean, double deviation, const double* labels);

    // Adds what z (q, f) has to out (q,).
    void add_to(ConstMatrix z, double* out) const;
    // And its derivatives by z to by_z (q, f).
    void add_to(ConstMatrix z, double* out, Matrix by_z) const;

private:
    struct Weighted {
        double value, slope;   // its derivative by the process's mean
    };
    Weighted weighted(double scaled) const;

    const Process& process_;
    double mean_, deviation_, certain_;   // certain_: the chance that is taken as 1
};

}  // namespace hpo
