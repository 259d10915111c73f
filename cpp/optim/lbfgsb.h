#pragma once
// Minimisation of a smooth function in a box by limited-memory BFGS: the two-loop recursion on the free variables (those
// not held at a bound by the gradient) and a projected backtracking line search (Bertsekas, "Projected Newton methods for
// optimization problems with simple constraints", SIAM J. Control Optim. 1982; Nocedal & Wright, algorithms 7.4 and 3.1).
//
// The function is not called: the caller evaluates x() and reports back, so that many searches can run in step and share
// batched evaluations.

#include <cstddef>
#include <vector>

namespace hpo {

struct LbfgsbOptions {
    std::size_t memory = 10;
    std::size_t max_evaluations = 200;
    double gradient_tolerance = 1e-6;   // largest component of the projected gradient
    double value_tolerance = 1e-10;     // relative decrease of an iteration
};

class Lbfgsb {
public:
    // x0, lower, upper (d,).
    Lbfgsb(std::vector<double> x0, std::vector<double> lower, std::vector<double> upper, const LbfgsbOptions& options = {});

    // Where the function is wanted next (d,).
    const std::vector<double>& x() const { return trial_; }
    // The value and gradient (d,) at x(). A value that is not finite counts as too large. Returns whether to go on.
    bool report(double value, const double* gradient);

    bool done() const { return done_; }
    const std::vector<double>& best_x() const { return x_; }
    double best_value() const { return value_; }
    std::size_t evaluations() const { return evaluations_; }

private:
    void direct();
    void propose();
    void forget();   // the curvature
    bool stop();     // false, for report() to return
    double projected(std::size_t i, const std::vector<double>& gradient) const;

    LbfgsbOptions options_;
    std::size_t d_;
    std::vector<double> lower_, upper_;
    std::vector<double> x_, gradient_, trial_, direction_;
    double value_ = 0.0;
    double step_ = 1.0;
    bool started_ = false;
    bool done_ = false;
    bool steepest_ = true;   // the direction is the projected gradient's
    std::size_t evaluations_ = 0;
    std::size_t shrinks_ = 0;
    std::vector<std::vector<double>> s_, y_;   // newest last
    std::vector<double> rho_;
};

}  // namespace hpo
