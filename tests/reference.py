"""Slow and obvious oracles for the compiled core: what the fast code must agree with, written to be read.

Nothing here is clever: pure Python integers, NumPy one formula at a time, SciPy for the normal distribution.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import log_ndtr, logsumexp
from scipy.stats import multivariate_normal, norm

REAL, ORDERED, CATEGORICAL = 0, 1, 2
NAN = float("nan")


# -- columns ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column of a box, with the meaning and the defaults of ``_core.Column``."""

    kind: int
    log: bool = False
    low: float = 0.0
    high: float = 1.0
    levels: int = 0
    first: float = 0.0
    parent: int = -1
    parent_levels: tuple[int, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """Where u = 0 and u = 1 lie on the scale on which the column is uniform."""
        if self.kind == REAL:
            return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        if self.log:
            return math.log(self.first - 0.5), math.log(self.first + self.levels - 0.5)
        return 0.0, float(self.levels)

    def encode(self, raw: float) -> float:
        """u of a raw value: a real number, or the index of a level."""
        if self.kind == CATEGORICAL:
            return float(raw)
        if self.levels == 1 or (self.kind == REAL and self.low == self.high):
            return 0.5
        lower, upper = self.bounds
        at = raw + (self.first if self.log else 0.5) if self.kind == ORDERED else raw
        if self.log:
            at = math.log(at)
        return min(max((at - lower) / (upper - lower), 0.0), 1.0)

    def level(self, u: float) -> int:
        """The level whose cell holds u."""
        if self.kind == CATEGORICAL:
            return min(max(math.floor(u), 0), self.levels - 1)
        u = min(max(u, 0.0), 1.0)
        if self.log:
            lower, upper = self.bounds
            k = math.floor(math.exp(lower + u * (upper - lower)) - self.first + 0.5)
        else:
            k = math.floor(Fraction(u) * self.levels)
        return min(max(k, 0), self.levels - 1)

    def decode(self, u: float) -> float:
        """The raw value of u."""
        if self.kind != REAL:
            return float(self.level(u))
        lower, upper = self.bounds
        at = (1.0 - u) * lower + u * upper
        return min(max(math.exp(at) if self.log else at, self.low), self.high)

    def snap(self, u: float) -> float:
        """The u that stands for the value that u decodes to."""
        if self.kind == REAL:
            return 0.5 if self.low == self.high else min(max(u, 0.0), 1.0)
        return self.encode(self.level(u))

    def cell(self, u: float) -> tuple[float, float]:
        """The interval of u that decodes to the same level."""
        k = self.level(u)
        if not self.log:
            return k / self.levels, (k + 1) / self.levels
        lower, upper = self.bounds
        return (math.log(self.first + k - 0.5) - lower) / (upper - lower), (math.log(self.first + k + 0.5) - lower) / (upper - lower)


def active(columns: list[Column], j: int, row: np.ndarray) -> bool:
    """Whether column j exists in the row, seen from its parents' values alone."""
    c = columns[j]
    if c.parent < 0:
        return True
    if not active(columns, c.parent, row):
        return False
    return columns[c.parent].level(row[c.parent]) in c.parent_levels


def snap_row(columns: list[Column], row: np.ndarray) -> np.ndarray:
    """Every value at its level, what does not exist NaN. NaN stays NaN, and so do its children."""
    out = np.array([NAN if math.isnan(u) else c.snap(u) for c, u in zip(columns, row, strict=True)])
    for _ in columns:   # once per generation is enough
        for j, c in enumerate(columns):
            if c.parent >= 0 and (math.isnan(out[c.parent]) or columns[c.parent].level(out[c.parent]) not in c.parent_levels):
                out[j] = NAN
    return out


def from_unit(columns: list[Column], point: np.ndarray) -> np.ndarray:
    """A point of the unit cube as a row."""
    return snap_row(columns, np.array([u * c.levels if c.kind == CATEGORICAL else u for c, u in zip(columns, point, strict=True)]))


def grid_in_order(columns: list[Column], levels: list[int]) -> list[tuple[int | None, ...]]:
    """Every configuration of a grid as levels in the order of nested loops, children within their parent's, the last one fastest.

    `levels` says how many a real column has.
    """
    def forest(roots: list[int]) -> list[dict[int, int]]:
        return [{j: k for part in parts for j, k in part.items()} for parts in itertools.product(*map(tree, roots))]

    def tree(j: int) -> list[dict[int, int]]:
        count = levels[j] if columns[j].kind == REAL else columns[j].levels
        children = [c for c, column in enumerate(columns) if column.parent == j]
        return [{j: k, **below} for k in range(count) for below in forest([c for c in children if k in columns[c].parent_levels])]

    return [tuple(map(config.get, range(len(columns)))) for config in forest([j for j, c in enumerate(columns) if c.parent < 0])]


def all_configurations(columns: list[Column]) -> set[tuple[int | None, ...]]:
    """Every configuration of a finite space as levels (0 for a real column of one value), None where inactive.

    By brute force: every combination of levels of every column, with what does not exist taken out.
    """
    found = set()
    for levels in itertools.product(*(range(max(c.levels, 1)) for c in columns)):
        kept: list[int | None] = list(levels)
        for _ in columns:
            for j, c in enumerate(columns):
                if c.parent >= 0 and kept[c.parent] not in c.parent_levels:
                    kept[j] = None
        found.add(tuple(kept))
    return found


# -- random numbers -----------------------------------------------------------------------------------------------------

UNIFORM, SOBOL, SCRAMBLE, FALLBACK, TPE, RESERVOIR, COMPLETE = range(7)
MASK = 0xFFFFFFFF


def philox(counter: tuple[int, ...], key: int) -> tuple[int, ...]:
    """Philox4x32-10 (Salmon et al., SC 2011)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & MASK, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def stream_block(seed: int, number: int, purpose: int, index: int) -> tuple[int, ...]:
    return philox((index, purpose, number & MASK, number >> 32), seed)


def stream_uniform(seed: int, number: int, purpose: int, n: int, first: int = 0) -> list[float]:
    """n numbers in [0, 1) of 53 bits, two to a block."""
    out: list[float] = []
    for index in range(first, first + (n + 1) // 2):
        a, b, c, d = stream_block(seed, number, purpose, index)
        out += [((a << 32 | b) >> 11) / 2**53, ((c << 32 | d) >> 11) / 2**53]
    return out[:n]


def uniform_row(columns: list[Column], seed: int, number: int, attempt: int = 0) -> np.ndarray:
    blocks = (len(columns) + 1) // 2
    return from_unit(columns, np.array(stream_uniform(seed, number, UNIFORM, len(columns), attempt * blocks)))


# -- the Parzen estimator -----------------------------------------------------------------------------------------------


def log_mass(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log(Phi(b) - Phi(a)), in the tail where nothing cancels."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    a, b = np.where(a > 0, -b, a), np.where(a > 0, -a, b)
    upper, lower = log_ndtr(b), log_ndtr(a)
    return upper + np.log1p(-np.exp(lower - upper))


def recency_weights(n: int) -> np.ndarray:
    """One for the newest 25, a ramp from 1 / n for those before."""
    if n < 25:
        return np.ones(n)
    return np.concatenate([np.linspace(1.0 / n, 1.0, n - 25), np.ones(25)])


def bandwidths(mu: np.ndarray, minimum: float) -> np.ndarray:
    """Distance to the farther neighbour in the sorted column (equal ones by age), clipped to [minimum, 1]."""
    n = len(mu)
    if n == 1:
        return np.clip(np.maximum(mu, 1.0 - mu), minimum, 1.0)
    order = np.argsort(mu, kind="stable")
    step = np.diff(mu[order])
    sigma = np.empty(n)
    sigma[order] = np.maximum(np.append(0.0, step), np.append(step, 0.0))
    return np.clip(sigma, minimum, 1.0)


class Parzen:
    """A Parzen estimator over the rows of one group, oldest first."""

    def __init__(
        self, columns: list[Column], rows: np.ndarray, prior_weight: float = 1.0, min_bandwidth: float = 0.01, recency: bool = True,
        weights: np.ndarray | None = None,
    ) -> None:
        n = len(rows)
        self.columns, self.rows = columns, rows
        self.minimum = 1.0 / min(1.0 / min_bandwidth, n + 2.0)
        if weights is None:
            weights = recency_weights(n) if recency else np.ones(n)
        self.weights = np.append(weights, prior_weight if n else 1.0)
        self.smoothing = prior_weight / (n + 1.0)
        self.mu = np.vstack([rows, np.full(len(columns), 0.5)])   # the prior is the last kernel
        self.sigma = np.ones_like(self.mu)
        for j, c in enumerate(columns):
            if c.kind != CATEGORICAL and n:
                self.sigma[:n, j] = bandwidths(rows[:, j], self.minimum)

    def _log_kernels(self, x: np.ndarray, mu: np.ndarray, sigma: np.ndarray, prior: np.ndarray) -> np.ndarray:
        """Log density of each kernel (k,) at one row x (d,)."""
        out = np.zeros(len(mu))
        for j, c in enumerate(self.columns):
            if c.kind == CATEGORICAL:
                hit = np.where(mu[:, j] == x[j], 1.0, 0.0)
                out += np.log(np.where(prior, 1.0 / c.levels, (hit + self.smoothing) / (1.0 + c.levels * self.smoothing)))
                continue
            m, s = mu[:, j], sigma[:, j]
            out -= log_mass(-m / s, (1.0 - m) / s)
            if c.kind == REAL:
                out += -0.5 * ((x[j] - m) / s) ** 2 - np.log(s) - 0.5 * math.log(2 * math.pi)
            else:
                lower, upper = c.cell(x[j])
                out += log_mass((lower - m) / s, (upper - m) / s)
        return out

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """(q, d) -> (q,)."""
        prior = np.arange(len(self.mu)) == len(self.mu) - 1
        log_weights = np.log(self.weights) - math.log(self.weights.sum())
        return np.array([logsumexp(log_weights + self._log_kernels(row, self.mu, self.sigma, prior)) for row in x])

    def log_pending(self, x: np.ndarray, pending: np.ndarray) -> np.ndarray:
        """Log of pending kernels added to the density as they are: nothing else moves, weight one before normalising."""
        out = np.full((len(pending), len(x)), -np.inf)
        for p, row in enumerate(pending):
            sigma = np.ones((1, len(self.columns)))
            for j, c in enumerate(self.columns):
                if c.kind == CATEGORICAL:
                    continue
                extended = np.append(self.rows[:, j], row[j])   # the newest goes behind its equals
                sigma[0, j] = bandwidths(extended, self.minimum)[-1]
            for i, candidate in enumerate(x):
                out[p, i] = self._log_kernels(candidate, row[None], sigma, np.array([False]))[0] - math.log(self.weights.sum())
        return logsumexp(out, axis=0) if len(pending) else np.full(len(x), -np.inf)


# -- TPE ----------------------------------------------------------------------------------------------------------------


def split(y: np.ndarray, good_fraction: float = 0.1, good_max: int = 25) -> tuple[list[int], list[int]]:
    """Numbers of the good and of the bad observations, each by age. A failed one (inf or NaN) is never good."""
    finite = [i for i in sorted(range(len(y)), key=lambda i: (y[i], i)) if y[i] < math.inf]
    good = finite[: min(math.ceil(good_fraction * len(y)), good_max)]
    return sorted(good), sorted(set(range(len(y))) - set(good))


class Reservoir:
    """Which observations are kernels: all up to the capacity, beyond it each newcomer replaces one slot."""

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.seed = capacity, seed
        self.slots: list[int] = []

    def insert(self, number: int) -> None:
        if len(self.slots) < self.capacity:
            self.slots.append(number)
        else:
            a, b, _, _ = stream_block(self.seed, number, RESERVOIR, 0)
            self.slots[(a << 32 | b) % self.capacity] = number

    def erase(self, number: int) -> None:
        if number in self.slots:
            self.slots[self.slots.index(number)] = self.slots[-1]
            self.slots.pop()


def groups_of(columns: list[Column], multivariate: bool) -> list[list[int]]:
    """Columns that are active together, or each column alone."""
    groups: dict[object, list[int]] = {}
    for j, c in enumerate(columns):
        groups.setdefault((c.parent, c.parent_levels) if multivariate else j, []).append(j)
    return list(groups.values())


def tpe_log_ratio(
    columns: list[Column],
    told: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    pending: np.ndarray | None = None,
    *,
    multivariate: bool = True,
    good_fraction: float = 0.1,
    good_max: int = 25,
    max_kernels: int = 2048,
    seed: int = 0,
    pending_as_members: bool = False,
    rank_weights: bool = True,
    **parzen: float,
) -> np.ndarray:
    """log l(x) - log g(x), summed over the groups that are active in x.

    With `pending_as_members` pending rows are observations of the bad estimator, else kernels added to it as it is.
    """
    pending = np.empty((0, len(columns))) if pending is None else pending
    ratio = np.zeros(len(x))
    for group in groups_of(columns, multivariate):
        part = [columns[j] for j in group]
        has = ~np.isnan(told[:, group[0]])
        bad_ids = Reservoir(max_kernels, seed ^ (group[0] * 0x9E3779B97F4A7C15) % 2**64)
        if len(y) <= max_kernels:
            good, bad_ids.slots = split(y, good_fraction, good_max)
        else:   # what is kept depends on the order of events: replay them
            good = []
            for i in range(len(y)):
                before, (good, _) = good, split(y[: i + 1], good_fraction, good_max)
                for k in good:
                    if k not in before and k != i and has[k]:
                        bad_ids.erase(k)
                by_value = sorted(before, key=lambda k: (y[k], k))
                for k in [*(k for k in by_value if k not in good), *([] if i in good else [i])]:
                    if has[k]:
                        bad_ids.insert(k)
        bad = sorted(k for k in bad_ids.slots if has[k])
        by_rank = sorted(good, key=lambda k: (y[k], k))
        good = [k for k in good if has[k]]
        weights = None
        if rank_weights:   # log((m + 1) / rank) over all good ones, then a mean of one over those that have the group
            weights = np.array([math.log((len(by_rank) + 1) / (by_rank.index(k) + 1)) for k in good])
            weights /= weights.mean() if len(good) else 1.0
        waiting = pending[~np.isnan(pending[:, group[0]])][:, group]
        rows = np.vstack([told[bad][:, group], waiting]) if pending_as_members else told[bad][:, group]
        here = ~np.isnan(x[:, group[0]])
        at = x[here][:, group]
        log_l = Parzen(part, told[good][:, group], weights=weights, **parzen).log_density(at)
        g = Parzen(part, rows, **parzen)
        log_g = g.log_density(at)
        if not pending_as_members and len(waiting):
            log_g = np.logaddexp(log_g, g.log_pending(at, waiting))
        ratio[here] += log_l - log_g
    return ratio


# -- Gaussian process ---------------------------------------------------------------------------------------------------


def active_dims(columns: list[Column]) -> float:
    """How many columns are active on average."""

    def chance(j: int) -> float:
        if (p := columns[j].parent) < 0:
            return 1.0
        parent = columns[p]
        if parent.kind == CATEGORICAL:
            return chance(p) * len(columns[j].parent_levels) / parent.levels
        cells = [parent.cell(parent.encode(level)) for level in columns[j].parent_levels]
        return chance(p) * sum(upper - lower for lower, upper in cells)

    return sum(chance(j) for j in range(len(columns)))


def gp_covariance(columns: list[Column], kernel: str, theta: Sequence[float], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Covariances of rows a (n, d) with rows b (m, d), column by column: the squared distance of two values of a numeric column,
    1 between two choices; an inactive column is at the centre, half way to every choice; and beside the kernel a line and a parabola
    of each numeric column. A theta of 3 d + 3 warps numeric columns."""
    r2 = np.zeros((len(a), len(b)))
    d = len(columns)

    def warped(u: np.ndarray, j: int) -> np.ndarray:
        if len(theta) == d + 3:
            return u
        return 1 - (1 - (1e-6 + (1 - 2e-6) * u) ** math.exp(theta[d + 3 + j])) ** math.exp(theta[2 * d + 3 + j])

    for j, c in enumerate(columns):
        x, y = a[:, j, None], b[None, :, j]
        if c.kind == CATEGORICAL:
            both, one = ~np.isnan(x) & ~np.isnan(y), np.isnan(x) != np.isnan(y)
            r2_j = np.where(both, (x != y) * 1.0, np.where(one, 0.5, 0.0))
        else:
            r2_j = (warped(np.nan_to_num(x, nan=0.5), j) - warped(np.nan_to_num(y, nan=0.5), j)) ** 2
        r2 += math.exp(theta[j]) * r2_j
    effects = np.zeros((len(a), len(b)))
    numeric = [j for j, c in enumerate(columns) if c.kind != CATEGORICAL]
    for j in numeric if theta[d + 2] > -600 else ():
        x, y = (np.nan_to_num(m[:, j], nan=0.5) - 0.5 for m in (a, b))
        share = math.exp(theta[j]) / np.mean([math.exp(theta[i]) for i in numeric])
        effects += math.exp(theta[d + 2]) / active_dims(columns) * share * (6 * np.outer(x, y) + 90 * np.outer(x**2, y**2))
    signal = math.exp(theta[d])
    if kernel == "rbf":
        return signal * np.exp(-0.5 * r2) + effects
    t = np.sqrt((3 if kernel == "matern32" else 5) * r2)
    return signal * (1 + t + (t**2 / 3 if kernel == "matern52" else 0)) * np.exp(-t) + effects


def gp_posterior(
    columns: list[Column], kernel: str, theta: Sequence[float], rows: np.ndarray, y: np.ndarray, queries: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (q,) and covariance (q, q), without noise."""
    k = gp_covariance(columns, kernel, theta, rows, rows) + math.exp(theta[len(columns) + 1]) * np.eye(len(rows))
    cross = gp_covariance(columns, kernel, theta, queries, rows)
    return cross @ np.linalg.solve(k, y), gp_covariance(columns, kernel, theta, queries, queries) - cross @ np.linalg.solve(k, cross.T)


def gp_log_posterior(
    columns: list[Column], kernel: str, theta: Sequence[float], rows: np.ndarray, y: np.ndarray, length_offset: float = -1.5,
    length_deviation: float = 1.7, noise_mean: float = -5.0,
) -> float:
    """log p(y | theta) + log p(theta), that of shapes over the density at their mode."""
    k = gp_covariance(columns, kernel, theta, rows, rows) + math.exp(theta[len(columns) + 1]) * np.eye(len(rows))
    d = len(columns)
    value = multivariate_normal(np.zeros(len(y)), k).logpdf(y)
    mean = -2 * (length_offset + 0.5 * math.log(max(active_dims(columns), 1)))
    value -= 0.5 * (np.square(theta[d + 3 :]) / 0.9**2).sum()
    if theta[d + 2] > -600:
        value += norm(-1, 1.5).logpdf(theta[d + 2])
    return value + norm(mean, 2 * length_deviation).logpdf(theta[:d]).sum() + norm(0, 1).logpdf(theta[d]) + norm(noise_mean, 1).logpdf(theta[d + 1])


def success_value(chance: np.ndarray, usual: float) -> np.ndarray:
    """What estimated chances of success (q,) add to acquisition values, where the trials that succeeded have `usual` on average."""
    p = (chance + np.sqrt(chance**2 + 4 * 0.02**2)) / 2
    t = np.log(p / (0.8 * usual))
    return 3 * np.where(t < -0.1, t, np.where(t < 0.1, -((t - 0.1) ** 2) / 0.4, 0))
