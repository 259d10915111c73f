#pragma once
// The compiled space. A configuration is a row of d doubles:
//   real         u in [0, 1]; linear, or linear in the logarithm
//   ordered      a level k of m, widened by half a level so that every level has equal mass: u = (k + 1/2) / m, or
//                (log v - log(first - 1/2)) / (log(first + m - 1/2) - log(first - 1/2)) for v = first + k
//   categorical  the choice's index
//   inactive     NaN: its parent is inactive or has a level outside the condition
// Raw rows hold a real's value and the level index of everything else; names and objects live in Python.
//
// A column may have a prior, where its user expects good values: the masses of equal parts of the unit interval (of a
// categorical, of its choices).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/view.h"

namespace hpo {

// What a block of columns holds: raw values, or what rows hold.
enum class Form { raw, encoded };

enum class Kind : std::int8_t { real = 0, ordered = 1, categorical = 2 };

struct Column {
    Kind kind = Kind::real;
    bool log = false;
    double low = 0.0;   // real: bounds of the value
    double high = 1.0;
    std::int64_t levels = 0;   // ordered, categorical: how many; at most 2^52
    double first = 0.0;        // ordered with log: the value of level 0, above 1/2
    int parent = -1;
    std::vector<std::int64_t> parent_levels;   // ascending: the parent's levels under which this column is active
    std::vector<double> prior;                 // masses, sum 1; empty: uniform

    void check() const;
};

// ok[i] = 1 where rows i satisfies the known constraints. Called with whole batches; empty means no constraint.
using Feasible = std::function<void(ConstMatrix rows, std::uint8_t* ok)>;

class Box {
public:
    explicit Box(std::vector<Column> columns);

    std::size_t dims() const { return columns_.size(); }
    const Column& column(std::size_t j) const { return columns_[j]; }
    const std::vector<std::size_t>& parents_first() const { return order_; }
    // Whether from_prior() leaves every point of the unit cube as it is: reals without priors or conditions.
    bool is_unit() const;

    // Of a value that decode() gives, an encoded value of which it gives just that; of another one, that of what decode() gives nearby.
    double encode(std::size_t j, double raw) const;
    double decode(std::size_t j, double u) const;
    // Level index of an encoded value of an ordered or categorical column.
    std::int64_t level(std::size_t j, double u) const;
    // The part [lower, upper] of the unit interval that belongs to level k of an ordered column.
    void cell(std::size_t j, std::int64_t k, double* lower, double* upper) const;
    bool active(std::size_t j, const double* row) const;
    // The nearest encoded value of column j.
    double snap(std::size_t j, double u) const;

    // out (n,): the raw values of u (n,) of column j, bit by bit those of decode(j, u[i]); NaN stays NaN. out may be u.
    void decode(std::size_t j, const double* u, double* out, std::size_t n) const;
    void encode(ConstMatrix raw, Matrix out, int threads) const;    // (n, d) -> (n, d)
    void decode(ConstMatrix rows, Matrix out, int threads) const;   // (n, d) -> (n, d)
    // To the nearest row that encodes a configuration: clamped, on a level, inactive columns NaN.
    void snap(double* row) const;
    // To the row that its configuration is encoded to: rows of equal configurations become equal bits.
    void recode(double* row) const;
    // From a point of the unit cube [0, 1)^d, every column active, to a row; uniform points give uniform levels.
    void from_unit(double* row) const;
    // The same for n points at once, in place, column j at columns + j stride; in the form that is asked for.
    void from_unit(double* columns, std::size_t n, std::size_t stride, Form form) const;
    // The same with uniform points becoming rows distributed as the priors say.
    void from_prior(double* row) const;
    void from_prior(double* columns, std::size_t n, std::size_t stride, Form form) const;

    bool has_prior(std::size_t j) const { return !priors_[j].cumulative.empty(); }
    // Where in [0, 1] the prior of column j has the mass p below, p without a prior; a choice k of m is [k / m, (k + 1) / m].
    double prior_quantile(std::size_t j, double p) const;
    // Log density of the prior at an encoded value, relative to the uniform one and never below log(kDoubt): a prior is a
    // hint. 0 without a prior. Piecewise linear in a numeric column, with slope `by_u`.
    double log_prior(std::size_t j, double u, double* by_u = nullptr) const;
    static constexpr double kDoubt = 0.05;   // weight of the uniform density beside the prior

private:
    struct Scale {   // encode: u = (t - offset) / width with t = raw or log(raw)
        double offset;
        double width;
    };
    struct Prior {
        std::vector<double> cumulative;     // below part k; (parts + 1,)
        std::vector<double> log_density;    // at the middle of part k; (parts,)
    };
    struct Levels {   // first <= level <= last
        double first;
        double last;
    };
    void deactivate(double* row) const;
    // out (n,): level indices of encoded values u (n,) in [0, 1] of an ordered column. out may be u.
    void levels(std::size_t j, const double* u, double* out, std::size_t n) const;

    std::vector<Column> columns_;
    std::vector<Scale> scales_;
    std::vector<Prior> priors_;
    std::vector<std::size_t> order_;
    std::vector<std::vector<Levels>> active_;   // parent_levels as runs
};

}  // namespace hpo
