#include "acquisition/candidates.h"

#include <algorithm>
#include <cmath>

#include "base/vmath.h"
#include "space/row_set.h"

namespace hpo {

namespace {

constexpr std::size_t kDrawn = 64;           // perturbations drawn together: their uniforms stay in cache
constexpr std::size_t kMostDrawn = 1 << 16;  // candidates drawn at most, where constraints leave few of them

std::size_t blocks_of_one(std::size_t dims) { return dims + 2; }

// out (n,): quantiles of the standard logistic distribution, normal-like with heavier tails.
HPO_CLONES void logistic(const double* u, std::size_t n, double* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = lane::log(std::max(u[i], 1e-12) / (1.0 - u[i]));
}

// Rows from everywhere: half of them from the priors, half uniform, since a prior may be wrong. Row i takes the blocks of the stream from
// (drawn + i) blocks on, as do the perturbations.
void draw_everywhere(const Box& box, const Stream& stream, std::size_t blocks, std::size_t drawn, Matrix out) {
    std::vector<double> columns(out.rows * out.cols);
    for (const bool from_prior : {true, false}) {
        const std::size_t first = from_prior ? 0 : out.rows / 2, n = from_prior ? out.rows / 2 : out.rows - first;
        stream.uniform_columns(static_cast<std::uint32_t>((drawn + first) * blocks), static_cast<std::uint32_t>(blocks), n, out.cols, columns.data(), n);
        if (from_prior) box.from_prior(columns.data(), n, n, Form::encoded);
        else box.from_unit(columns.data(), n, n, Form::encoded);
        to_rows(columns.data(), n, out.slice(first, n));
    }
}

// Perturbations of the incumbents: from one column to all of them, at four scales.
void draw_around(const Box& box, ConstMatrix incumbents, const Stream& stream, std::size_t blocks, std::size_t drawn, Matrix out) {
    constexpr double kScales[] = {0.11, 0.0275, 0.006875, 0.00171875};
    const std::size_t d = box.dims();
    // Of column j, 2j whether it moves and 2j + 1 how far; then which incumbent, how many columns, and which one in any case.
    std::vector<double> uniform(2 * blocks * kDrawn), steps(d * kDrawn);
    for (std::size_t begin = 0; begin < out.rows; begin += kDrawn) {
        const std::size_t n = std::min(kDrawn, out.rows - begin);
        const auto u = [&](std::size_t i, std::size_t j) { return uniform[j * n + i]; };
        stream.uniform_columns(static_cast<std::uint32_t>((drawn + begin) * blocks), static_cast<std::uint32_t>(blocks), n, 2 * blocks, uniform.data(), n);
        for (std::size_t j = 0; j < d; ++j) logistic(uniform.data() + (2 * j + 1) * n, n, steps.data() + j * n);
        for (std::size_t i = 0; i < n; ++i) {
            double* row = out.row(begin + i);
            // The best incumbent gets half of the perturbations, the next a quarter, ...: a geometric choice.
            const auto which = static_cast<std::size_t>(-std::log2(1.0 - u(i, 2 * d)));
            std::copy_n(incumbents.row(which % incumbents.rows), d, row);
            const double share = std::max(1.0 / static_cast<double>(d), u(i, 2 * d + 1));
            const auto forced = static_cast<std::size_t>(u(i, 2 * d + 2) * static_cast<double>(d));
            for (const std::size_t j : box.parents_first()) {
                const bool fresh = std::isnan(row[j]);
                if (fresh && !box.active(j, row)) continue;
                if (!fresh && j != forced && u(i, 2 * j) >= share) continue;
                const Column& c = box.column(j);
                if (c.kind == Kind::categorical) row[j] = std::floor(u(i, 2 * j + 1) * static_cast<double>(c.levels));
                else if (fresh) row[j] = u(i, 2 * j + 1);
                else {
                    double step = kScales[i % 4] * steps[j * n + i];
                    if (c.kind == Kind::ordered) {   // at least one level up or down
                        const double level = 1.01 / static_cast<double>(c.levels);
                        if (!c.log && std::abs(step) < level) step = step < 0.0 ? -level : level;
                    }
                    row[j] = std::clamp(row[j] + step, 0.0, 1.0);
                }
            }
            box.snap(row);
        }
    }
}

}  // namespace

std::vector<double> candidates(const Box& box, ConstMatrix incumbents, std::size_t n_uniform, std::size_t n_local, const Stream& stream, const Keep& keep) {
    const std::size_t d = box.dims(), blocks = blocks_of_one(d), around = incumbents.rows > 0 ? n_local : 0, n = n_uniform + around;
    std::vector<double> found;
    RowSet taken(d);
    for (std::size_t drawn = 0; drawn < kMostDrawn && found.size() < n * d / 4; drawn += n) {
        std::vector<double> rows(n * d);
        const Matrix all{rows.data(), n, d};
        draw_everywhere(box, stream, blocks, drawn, all.slice(0, n_uniform));
        draw_around(box, incumbents, stream, blocks, drawn + n_uniform, all.slice(n_uniform, around));
        if (!keep) return rows;
        keep(rows);
        for (auto row = rows.cbegin(); row != rows.cend(); row += static_cast<std::ptrdiff_t>(d)) {
            if (taken.contains(&*row)) continue;
            taken.insert(&*row);
            found.insert(found.end(), row, row + static_cast<std::ptrdiff_t>(d));
        }
    }
    return found;
}

std::uint32_t candidate_blocks(std::size_t dims) { return static_cast<std::uint32_t>(2 * kMostDrawn * blocks_of_one(dims)); }

}  // namespace hpo
