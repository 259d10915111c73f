#include "enumerate/grid.h"

#include <algorithm>
#include <limits>
#include <set>

namespace hpo {

namespace {

// Products and sums that stop at kTooMany; 0 (infinite) is absorbing in a product.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    if (a == 0 || b == 0) return 0;
    return a > Grid::kTooMany / b ? Grid::kTooMany : a * b;
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) { return std::min(a + b, Grid::kTooMany); }

}  // namespace

Grid::Grid(const Box& box) : box_(box), runs_(box.dims()), counts_(box.dims(), 0) {
    std::vector<std::vector<std::size_t>> children(box.dims());
    for (const std::size_t j : box.parents_first()) {
        const int parent = box.column(j).parent;
        if (parent < 0) roots_.push_back(j);
        else children[static_cast<std::size_t>(parent)].push_back(j);
    }
    // Children before parents, so that their counts are known.
    const auto& order = box.parents_first();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        const std::size_t j = *it;
        const Column& c = box.column(j);
        if (c.kind == Kind::real) {
            counts_[j] = c.low == c.high ? 1 : 0;
            continue;
        }
        std::set<std::int64_t> starts{0};
        for (const std::size_t child : children[j])
            for (const std::int64_t k : box.column(child).parent_levels) {
                starts.insert(k);
                if (k + 1 < c.levels) starts.insert(k + 1);
            }
        bool finite = true;
        std::uint64_t total = 0;
        for (auto start = starts.begin(); start != starts.end(); ++start) {
            const auto next = std::next(start);
            Run run{*start, (next == starts.end() ? c.levels : *next) - *start, 1, total, {}};
            for (const std::size_t child : children[j]) {
                const auto& when = box.column(child).parent_levels;
                if (!std::binary_search(when.begin(), when.end(), run.first)) continue;
                run.children.push_back(child);
                run.weight = times(run.weight, counts_[child]);
            }
            finite = finite && run.weight != 0;
            total = plus(total, times(static_cast<std::uint64_t>(run.levels), run.weight));
            runs_[j].push_back(std::move(run));
        }
        counts_[j] = finite ? total : 0;
    }
    for (const std::size_t j : roots_) size_ = times(size_, counts_[j]);
}

// Writes the subtree of j for `index` modulo its count and returns the quotient.
std::uint64_t Grid::place(std::size_t j, std::uint64_t index, double* out) const {
    const std::uint64_t quotient = index / counts_[j];
    std::uint64_t rest = index % counts_[j];
    if (box_.column(j).kind == Kind::real) {
        out[j] = box_.encode(j, box_.column(j).low);
        return quotient;
    }
    const auto& runs = runs_[j];
    const auto after = std::upper_bound(runs.begin(), runs.end(), rest, [](std::uint64_t i, const Run& run) { return i < run.before; });
    const Run& run = *std::prev(after);
    rest -= run.before;
    out[j] = box_.encode(j, static_cast<double>(run.first + static_cast<std::int64_t>(rest / run.weight)));
    rest %= run.weight;
    for (const std::size_t child : run.children) rest = place(child, rest, out);
    return quotient;
}

void Grid::row(std::uint64_t index, double* out) const {
    std::fill(out, out + box_.dims(), std::numeric_limits<double>::quiet_NaN());
    for (const std::size_t j : roots_) index = place(j, index, out);
}

}  // namespace hpo
