#include "enumerate/grid.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

namespace hpo {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kRounding = 16 * std::numeric_limits<double>::epsilon();   // of a row, and of a value on its way through a logarithm and back

// Products and sums that stop at kTooMany; 0 (infinite) is absorbing in a product.
Index times(Index a, Index b) {
    if (a == Index{0} || b == Index{0}) return 0;
    return a > Grid::kTooMany / b ? Grid::kTooMany : a * b;
}

Index plus(Index a, Index b) { return a >= Grid::kTooMany - b ? Grid::kTooMany : a + b; }

std::size_t at_most(Index x, std::size_t top) { return x < static_cast<Index>(top) ? static_cast<std::size_t>(x) : top; }

}  // namespace

Grid::Grid(const Box& box, std::vector<std::int64_t> levels)
    : box_(box), levels_(std::move(levels)), runs_(box.dims()), subtrees_(box.dims()), counts_(box.dims(), 0) {
    levels_.resize(levels_.empty() ? box.dims() : levels_.size());
    if (levels_.size() != box.dims()) throw std::invalid_argument("levels must have one entry per column");
    std::vector<std::vector<std::size_t>> children(box.dims());
    for (std::size_t j = 0; j < box.dims(); ++j) {
        const Column& c = box.column(j);
        if (c.parent < 0) roots_.push_back(j);
        else children[static_cast<std::size_t>(c.parent)].push_back(j);
        if (c.kind != Kind::real) levels_[j] = c.levels;
        else if (c.low == c.high) levels_[j] = 1;
        else if (levels_[j] < 0 || levels_[j] == 1 || levels_[j] > (std::int64_t{1} << 52))
            throw std::invalid_argument("levels of a real column must be 0 or in [2, 2^52]");
    }
    // Children before parents, so that their counts are known.
    const auto& order = box.parents_first();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        const std::size_t j = *it;
        subtrees_[j].push_back(j);
        for (const std::size_t child : children[j]) subtrees_[j].insert(subtrees_[j].end(), subtrees_[child].begin(), subtrees_[child].end());
        std::set<std::int64_t> starts{0};
        for (const std::size_t child : children[j])
            for (const std::int64_t k : box.column(child).parent_levels) {
                starts.insert(k);
                if (k + 1 < levels_[j]) starts.insert(k + 1);
            }
        bool finite = levels_[j] > 0;
        Index total = 0;
        for (auto start = starts.begin(); start != starts.end(); ++start) {
            const auto next = std::next(start);
            Run run{*start, (next == starts.end() ? levels_[j] : *next) - *start, 1, total, {}};
            for (const std::size_t child : children[j]) {
                const auto& when = box.column(child).parent_levels;
                if (!std::binary_search(when.begin(), when.end(), run.first)) continue;
                run.children.push_back(child);
                run.weight = times(run.weight, counts_[child]);
            }
            finite = finite && run.weight != Index{0};
            total = plus(total, times(static_cast<Index>(run.levels), run.weight));
            runs_[j].push_back(std::move(run));
        }
        counts_[j] = finite ? total : Index{0};
    }
    for (const std::size_t j : roots_) size_ = times(size_, counts_[j]);
}

// levels (n,) of column j to what a block holds, in place; NaN stays NaN.
void Grid::values(std::size_t j, double* levels, std::size_t n, Form form) const {
    if (box_.column(j).kind != Kind::real) {
        if (form == Form::encoded)
            for (std::size_t i = 0; i < n; ++i) levels[i] = box_.encode(j, levels[i]);
        return;
    }
    const double last = static_cast<double>(levels_[j] - 1);
    for (std::size_t i = 0; i < n; ++i) levels[i] = last > 0.0 ? levels[i] / last : levels[i] + 0.5;
    if (form == Form::raw) box_.decode(j, levels, levels, n);
}

const Grid::Run& Grid::run_at(std::size_t j, Index index) const {
    const auto& runs = runs_[j];
    if (runs.size() == 1) return runs[0];
    return *std::prev(std::upper_bound(runs.begin(), runs.end(), index, [](Index i, const Run& run) { return i < run.before; }));
}

// -- any order ------------------------------------------------------------------------------------------------------

// Writes the levels of the subtree of j for `index` modulo its count and returns the quotient.
template <class Integer>
Integer Grid::place(std::size_t j, Integer index, double* levels, std::size_t stride) const {
    const auto count = static_cast<Integer>(counts_[j]);
    const Integer quotient = index / count;
    Integer rest = index - quotient * count;
    const Run& run = run_at(j, rest);
    rest -= static_cast<Integer>(run.before);
    const auto weight = static_cast<Integer>(run.weight);
    const Integer level = run.children.empty() ? rest : rest / weight;
    levels[j * stride] = static_cast<double>(run.first + static_cast<std::int64_t>(level));
    rest -= level * weight;
    for (auto child = run.children.rbegin(); child != run.children.rend(); ++child) rest = place(*child, rest, levels, stride);
    return quotient;
}

void Grid::gather(const Index* positions, std::size_t n, Form form, double* out, std::size_t stride) const {
    for (std::size_t j = 0; j < dims(); ++j) std::fill_n(out + j * stride, n, kNaN);
    const bool narrow = (size_ >> 64) == Index{0};   // a division of 128 bits takes several times as long
    for (std::size_t i = 0; i < n; ++i) {
        auto index = static_cast<std::uint64_t>(positions[i]);
        Index wide = positions[i];
        for (auto root = roots_.rbegin(); root != roots_.rend(); ++root) {
            if (narrow) index = place(*root, index, out + i, stride);
            else wide = place(*root, wide, out + i, stride);
        }
    }
    for (std::size_t j = 0; j < dims(); ++j) values(j, out + j * stride, n, form);
}

// -- in order -------------------------------------------------------------------------------------------------------

void Grid::range(Index first, std::size_t n, Form form, double* out, std::size_t stride) const {
    const Block block{out, stride, form};
    for (std::size_t j = 0; j < dims(); ++j)
        if (box_.column(j).parent >= 0) std::fill_n(block.column(j, 0), n, kNaN);
    fill_all(roots_, first, n, 1, block, 0);
}

// The columns of a product of trees, from `at` on, for the positions [first, first + n) of a sequence in which its
// configuration is position / repeat modulo the number of them.
void Grid::fill_all(const std::vector<std::size_t>& trees, Index first, std::size_t n, Index repeat, const Block& block, std::size_t at) const {
    for (auto tree = trees.rbegin(); tree != trees.rend(); ++tree) {
        fill(*tree, first, n, repeat, block, at);
        repeat *= counts_[*tree];
    }
}

// The same for the subtree of j.
void Grid::fill(std::size_t j, Index first, std::size_t n, Index repeat, const Block& block, std::size_t at) const {
    const Index period = counts_[j] * repeat;
    const std::size_t once = at_most(period, n);
    Index t = first % period;
    for (std::size_t done = 0, m = 0; done < once; done += m) {
        const Index index = t / repeat;
        const Run& run = run_at(j, index);
        if (run.children.empty()) {
            m = at_most((run.before + static_cast<Index>(run.levels)) * repeat - t, once - done);
            fill_levels(j, run.first + static_cast<std::int64_t>(index - run.before), t - index * repeat, m, repeat, block, at + done);
        } else {
            const Index level = (index - run.before) / run.weight;
            const Index begin = (run.before + level * run.weight) * repeat;
            m = at_most(begin + run.weight * repeat - t, once - done);
            fill_levels(j, run.first + static_cast<std::int64_t>(level), 0, m, static_cast<Index>(m), block, at + done);
            fill_all(run.children, t - begin, m, repeat, block, at + done);
        }
        t += static_cast<Index>(m);
        if (t == period) t = 0;
    }
    for (const std::size_t c : subtrees_[j])
        for (std::size_t filled = once; filled < n; filled *= 2)
            std::memcpy(block.column(c, at + filled), block.column(c, at), std::min(filled, n - filled) * sizeof(double));
}

// n values of column j: `level`, of whose `repeat` places `skip` are past, and the levels after it.
void Grid::fill_levels(std::size_t j, std::int64_t level, Index skip, std::size_t n, Index repeat, const Block& block, std::size_t at) const {
    constexpr std::size_t kChunk = 256;
    double buffer[kChunk];
    double* out = block.column(j, at);
    double* const end = out + n;
    const std::size_t each = at_most(repeat, n);
    std::size_t now = at_most(repeat - skip, n);
    while (out < end) {
        const std::size_t after = static_cast<std::size_t>(end - out) - now;
        const std::size_t count = std::min(kChunk, 1 + (after + each - 1) / each);
        for (std::size_t k = 0; k < count; ++k) buffer[k] = static_cast<double>(level + static_cast<std::int64_t>(k));
        values(j, buffer, count, block.form);
        if (each == 1) {
            std::memcpy(out, buffer, count * sizeof(double));
            out += count;
            now = std::min<std::size_t>(1, static_cast<std::size_t>(end - out));
        } else {
            for (std::size_t k = 0; k < count; ++k) {
                std::fill_n(out, now, buffer[k]);
                out += now;
                now = std::min(each, static_cast<std::size_t>(end - out));
            }
        }
        level += static_cast<std::int64_t>(count);
    }
}

// -- back -----------------------------------------------------------------------------------------------------------

Grid::Rank Grid::rank(const double* row) const {
    std::vector<double> levels(row, row + dims());
    for (std::size_t j = 0; j < dims(); ++j) {
        if (std::isnan(row[j])) continue;
        if (box_.column(j).kind != Kind::real) {
            levels[j] = static_cast<double>(box_.level(j, row[j]));
        } else if (levels_[j] == 1) {
            levels[j] = 0.0;
        } else {
            const double last = static_cast<double>(levels_[j] - 1), at = row[j] * last;
            levels[j] = std::rint(at);
            // Up to rounding of the row, or of the number that the level decodes to.
            const double value = box_.decode(j, row[j]), exact = box_.decode(j, levels[j] / last);
            if (std::abs(at - levels[j]) > 1e-9 + kRounding * last && std::abs(value - exact) > kRounding * std::max(std::abs(value), std::abs(exact))) return {0, j};
        }
    }
    return {rank(roots_, levels.data()), std::nullopt};
}

Index Grid::rank(const std::vector<std::size_t>& trees, const double* levels) const {
    Index index = 0;
    for (const std::size_t j : trees) {
        const auto level = static_cast<std::int64_t>(levels[j]);
        const auto& runs = runs_[j];
        const Run& run = *std::prev(std::upper_bound(runs.begin(), runs.end(), level, [](std::int64_t k, const Run& r) { return k < r.first; }));
        index = index * counts_[j] + run.before + static_cast<Index>(level - run.first) * run.weight + rank(run.children, levels);
    }
    return index;
}

}  // namespace hpo
