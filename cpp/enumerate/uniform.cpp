#include "enumerate/uniform.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"

namespace hpo {

namespace {

constexpr std::uint64_t kMaxWalk = std::uint64_t{1} << 24;
constexpr std::size_t kChunk = 1024;
constexpr std::uint32_t kMaxCompletions = 1 << 16;
constexpr const char* kExclusive = "the given parameters cannot exist together: their conditions exclude each other";

[[noreturn]] void throw_infeasible(std::uint64_t tried) {
    throw Infeasible("no configuration satisfies the requirements in " + std::to_string(tried) +
                     " tries: loosen a requirement, narrow the ranges to where it holds, or derive one parameter from the others");
}

[[noreturn]] void throw_none(std::uint64_t tried, bool any_feasible) {
    if (!any_feasible) throw_infeasible(tried);
    throw SpaceExhausted("every feasible configuration that " + std::to_string(tried) + " tries found has been suggested or told");
}

std::vector<std::uint8_t> check(const Feasible& feasible, ConstMatrix rows) {
    std::vector<std::uint8_t> ok(rows.rows, 1);
    if (feasible && rows.rows > 0) feasible(rows, ok.data());
    return ok;
}

}  // namespace

void uniform_row(const Box& box, std::uint64_t seed, std::uint64_t number, Purpose purpose, std::uint32_t attempt, double* out) {
    const auto blocks = static_cast<std::uint32_t>((box.dims() + 1) / 2);
    Stream(seed, number, purpose).uniform(out, box.dims(), attempt * blocks);
    box.from_prior(out);
}

void uniform_rows(const Box& box, std::uint64_t seed, const std::uint64_t* numbers, const Feasible& feasible, int threads, Matrix out) {
    parallel_for(out.rows, threads, 8 * kChunk, [&](std::size_t begin, std::size_t end) {
        std::vector<double> columns(box.dims() * std::min(kChunk, end - begin));
        for (std::size_t i = begin; i < end; i += kChunk) {
            const std::size_t n = std::min(kChunk, end - i);
            uniform_columns(seed, Purpose::uniform, numbers + i, n, 0, box.dims(), columns.data(), n);
            box.from_prior(columns.data(), n, n, Form::encoded);
            to_rows(columns.data(), n, out.slice(i, n));
        }
    });
    if (!feasible) return;
    std::vector<std::size_t> left(out.rows);
    std::iota(left.begin(), left.end(), std::size_t{0});
    const auto keep_failed = [&](const std::vector<std::uint8_t>& done) {
        std::size_t kept = 0;
        for (std::size_t r = 0; r < left.size(); ++r)
            if (!done[r]) left[kept++] = left[r];
        left.resize(kept);
    };
    keep_failed(check(feasible, out));
    std::vector<double> buffer;
    // The constraint is a call into Python: the fewer rows are left, the more draws of each go into one call.
    std::uint64_t drawn = out.rows;   // of all rows while none was feasible, which is as good as that many of one
    for (std::uint32_t attempt = 1; !left.empty();) {
        if (attempt >= kMaxDraws || (left.size() == out.rows && drawn >= kMaxDraws)) throw_infeasible(kMaxDraws);
        const std::size_t draws = std::min<std::size_t>(std::max<std::size_t>(4 * kChunk / left.size(), 1), attempt * 4);
        buffer.resize(left.size() * draws * box.dims());
        const Matrix rows{buffer.data(), left.size() * draws, box.dims()};
        for (std::size_t r = 0; r < rows.rows; ++r)
            uniform_row(box, seed, numbers[left[r / draws]], Purpose::uniform, attempt + static_cast<std::uint32_t>(r % draws), rows.row(r));
        const auto ok = check(feasible, rows);
        std::vector<std::uint8_t> done(left.size(), 0);
        for (std::size_t r = 0; r < rows.rows; ++r) {
            if (!ok[r] || done[r / draws]) continue;
            done[r / draws] = 1;
            std::copy_n(rows.row(r), box.dims(), out.row(left[r / draws]));
        }
        keep_failed(done);
        attempt += static_cast<std::uint32_t>(draws);
        drawn += rows.rows;
    }
}

bool settle(const Box& box, const Feasible& feasible, const RowSet& seen, double* row) {
    std::vector<double> told(row, row + box.dims());
    box.recode(told.data());
    if (std::memcmp(told.data(), row, told.size() * sizeof(double)) == 0) return true;
    if (seen.contains(told.data())) return false;
    if (check(feasible, {told.data(), 1, told.size()})[0]) std::copy(told.begin(), told.end(), row);
    return true;
}

void unseen_row(const Box& box, const Grid& grid, std::uint64_t seed, std::uint64_t number, Purpose purpose, const Feasible& feasible,
                const RowSet& seen, double* out) {
    // The first draw is nearly always the answer: no more than that is set up for it.
    std::vector<double> buffer(box.dims());
    bool any_feasible = false;
    const auto take_first = [&](std::size_t count) {
        const ConstMatrix rows{buffer.data(), count, box.dims()};
        const auto ok = check(feasible, rows);
        for (std::size_t i = 0; i < count; ++i) {
            any_feasible = any_feasible || ok[i];
            if (!ok[i] || seen.contains(rows.row(i))) continue;
            std::copy_n(rows.row(i), box.dims(), out);
            if (settle(box, feasible, seen, out)) return true;
        }
        return false;
    };
    // In a finite space draws stop once they have become worse than walking it.
    const std::uint64_t size = grid.size() >> 62 ? 0 : static_cast<std::uint64_t>(grid.size());   // 0: infinite, or as good as
    const std::uint64_t draws = size > 0 ? std::min<std::uint64_t>(64 + size / 16, kMaxDraws) : kMaxDraws;
    for (std::uint64_t attempt = 0; attempt < draws;) {
        const std::size_t count = std::min<std::uint64_t>(attempt == 0 ? 1 : std::min<std::uint64_t>(attempt * 4, kChunk), draws - attempt);
        buffer.resize(std::max(buffer.size(), count * box.dims()));
        for (std::size_t i = 0; i < count; ++i)
            uniform_row(box, seed, number, purpose, static_cast<std::uint32_t>(attempt + i), buffer.data() + i * box.dims());
        if (take_first(count)) return;
        attempt += count;
    }
    if (size == 0) throw_none(draws, any_feasible);
    const std::uint64_t walk = std::min(size, kMaxWalk);
    const std::uint64_t start = Stream(seed, number, Purpose::fallback).bits() % size;
    buffer.resize(kChunk * box.dims());
    for (std::uint64_t step = 0; step < walk; step += kChunk) {
        const std::size_t count = std::min<std::uint64_t>(kChunk, walk - step);
        for (std::size_t i = 0; i < count; ++i) grid.row((start + step + i) % size, buffer.data() + i * box.dims());
        if (take_first(count)) return;
    }
    if (walk < size) throw_none(draws + walk, any_feasible);
    if (!any_feasible)
        throw Infeasible("none of the " + std::to_string(size) + " configurations of the space satisfies the requirements: loosen a requirement, or widen the ranges");
    throw SpaceExhausted("every feasible configuration of the space has been suggested or told");
}

void complete_row(const Box& box, const double* partial, const double* base, std::uint64_t seed, std::uint64_t number,
                  const Feasible& feasible, const RowSet& seen, double* out) {
    const std::size_t d = box.dims();
    // Levels that a parent may take for its given descendants to exist; empty: any.
    std::vector<std::vector<std::int64_t>> allowed(d);
    std::vector<char> needed(d, 0);
    const auto& order = box.parents_first();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        const Column& c = box.column(*it);
        needed[*it] = needed[*it] || !std::isnan(partial[*it]);
        if (!std::isnan(partial[*it]) && !allowed[*it].empty() &&
            !std::binary_search(allowed[*it].begin(), allowed[*it].end(), box.level(*it, partial[*it])))
            throw Infeasible(kExclusive);
        if (!needed[*it] || c.parent < 0) continue;
        const auto p = static_cast<std::size_t>(c.parent);
        std::vector<std::int64_t> both;
        if (!needed[p] || allowed[p].empty()) both = c.parent_levels;
        else std::set_intersection(allowed[p].begin(), allowed[p].end(), c.parent_levels.begin(), c.parent_levels.end(), std::back_inserter(both));
        if (both.empty()) throw Infeasible(kExclusive);
        allowed[p] = std::move(both);
        needed[p] = 1;
    }
    std::vector<double> unit(d);
    const Stream stream(seed, number, Purpose::complete);
    const auto blocks = static_cast<std::uint32_t>((d + 1) / 2);
    const auto fill = [&](std::uint32_t attempt, double* row) {
        stream.uniform(unit.data(), d, attempt * blocks);
        for (const std::size_t j : order) {
            const Column& c = box.column(j);
            const auto allows = [&](double u) {
                return allowed[j].empty() || std::binary_search(allowed[j].begin(), allowed[j].end(), box.level(j, u));
            };
            if (!box.active(j, row)) row[j] = std::numeric_limits<double>::quiet_NaN();
            else if (!std::isnan(partial[j])) row[j] = partial[j];
            else if (attempt == 0 && !std::isnan(base[j]) && allows(base[j])) row[j] = base[j];
            else if (!allowed[j].empty())
                row[j] = box.encode(j, static_cast<double>(allowed[j][static_cast<std::size_t>(unit[j] * static_cast<double>(allowed[j].size()))]));
            else row[j] = box.snap(j, c.kind == Kind::categorical ? unit[j] * static_cast<double>(c.levels) : unit[j]);
        }
    };
    std::vector<double> buffer(kChunk * d);
    bool any_feasible = false;
    for (std::uint32_t attempt = 0; attempt < kMaxCompletions;) {
        const std::size_t count = attempt == 0 ? 1 : kChunk;
        for (std::size_t i = 0; i < count; ++i) fill(attempt + static_cast<std::uint32_t>(i), buffer.data() + i * d);
        const ConstMatrix rows{buffer.data(), count, d};
        const auto ok = check(feasible, rows);
        for (std::size_t i = 0; i < count; ++i) {
            if (!ok[i]) continue;
            any_feasible = true;
            if (seen.contains(rows.row(i))) continue;
            std::copy_n(rows.row(i), d, out);
            if (settle(box, feasible, seen, out)) return;
        }
        attempt += static_cast<std::uint32_t>(count);
    }
    throw_none(kMaxCompletions, any_feasible);
}

}  // namespace hpo
