"""From runs to the numbers of the report; everything starts from regret curves.

Comparisons are made on common ground: at n evaluations, over the problems on which every
compared peer (of those that were given n evaluations anywhere) has runs of that length.

Two kinds of 95 % intervals are used, both percentile bootstraps. An interval around one peer's
mean resamples seeds within problems: how well is the mean on *these* problems known. An interval
around a difference between two peers resamples problems too: would it hold on other problems of
this kind.
"""

from __future__ import annotations

import fnmatch
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import problems, regret

CHECKPOINTS = (25, 50, 100, 200)
RESAMPLES = 1000


@dataclass
class Matrix:
    """Regret curves of runs.

    Attributes
    ----------
    curves : dict
        peer -> problem -> array (seeds, evaluations): regret after each evaluation.
    seconds : dict
        peer -> array (runs, blocks): seconds of suggesting per block of evaluations, NaN-padded.
    notes : list of str
        What a reader must know: runs left out, failures, references beaten.
    """

    curves: dict[str, dict[str, np.ndarray]]
    seconds: dict[str, np.ndarray]
    notes: list[str]

    @property
    def peers(self) -> list[str]:
        return list(self.curves)

    def common(self, n: int) -> tuple[list[str], list[str]]:
        """Return the peers and problems that can be compared at ``n`` evaluations."""
        reach = {peer: [p for p, c in by.items() if c.shape[1] >= n] for peer, by in self.curves.items()}
        able = [peer for peer in self.peers if reach[peer]]
        shared = set.intersection(*(set(reach[p]) for p in able)) if able else set()
        return able, [p for p in problems.names() if p in shared]

    def at(self, peer: str, problem: str, n: int) -> np.ndarray:
        """Regret of each seed after ``n`` evaluations, shape (seeds,)."""
        return self.curves[peer][problem][:, n - 1]


def build(
    runs: list[dict[str, Any]],
    half: str | None = None,
    patterns: tuple[str, ...] | None = None,
    peers: tuple[str, ...] | None = None,
) -> Matrix:
    """Turn runs into regret curves.

    Parameters
    ----------
    runs : list of dict
        As read by `results.gather`.
    half : {"choose", "confirm"}, optional
    patterns, peers : tuple of str, optional
        Shell patterns over problem and peer names.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    references, known = regret.load(), set(problems.names())
    notes: list[str] = []
    unreferenced, failed, beaten = set(), defaultdict(int), set()
    kept = []
    for run in runs:
        name = run["problem"]
        if patterns and not any(fnmatch.fnmatchcase(name, p) for p in patterns):
            continue
        if name not in known or (half and problems.half(name) != half):
            continue
        if peers and not any(fnmatch.fnmatchcase(run["peer"], p) for p in peers):
            continue
        if references.get(name, {}).get("version") != run["problem_version"]:
            unreferenced.add(name)
            continue
        kept.append(run)
    if not kept:
        raise ValueError("no runs to report: nothing matches, or references.json is out of date")

    versions = defaultdict(set)
    for run in kept:
        versions[run["peer"]].add(run["version"])
    curves: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, list] = defaultdict(list)
    for run in kept:
        several = len(versions[run["peer"]]) > 1
        peer = f"{run['peer']} @{run['version']}" if several else run["peer"]
        reference = references[run["problem"]]
        if run["status"] in ("error", "timeout"):
            failed[f"{peer}: {run['status']}"] += 1
        found = [v for v in run.get("true", run["values"]) if v is not None]
        margin = 1e-5 * max(abs(reference["best"]), 1e-12)
        if found and min(found) < reference["best"] - margin:
            beaten.add(run["problem"])
        cap = reference.get("max_budget") or run["budget"]
        length = min(run["budget"], cap)
        curves[peer][run["problem"]].append(regret.curve(run, reference, length))
        if run["status"] == "ok":
            seconds[peer].append(run["seconds"])
    for what, why in (
        (unreferenced, "left out, no reference of their version (run `references`)"),
        (beaten, "better values than the best known were found (run `references --results`)"),
    ):
        if what:
            notes.append(f"{why}: {', '.join(sorted(what))}")
    notes += [f"runs that ended early, {what}: {count}" for what, count in sorted(failed.items())]
    return Matrix(
        {p: {q: _stack(c) for q, c in by.items()} for p, by in curves.items()},
        {p: _pad(s) for p, s in seconds.items()},
        notes,
    )


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    length = max(len(r) for r in rows)  # runs of a smaller budget than the others are left out
    return np.array([r for r in rows if len(r) == length])


def _pad(rows: list[list[float]]) -> np.ndarray:
    length = max(map(len, rows))
    return np.array([r + [math.nan] * (length - len(r)) for r in rows])


def resample(values: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Resample seeds within problems: list of (seeds,) or (seeds, n) -> (problems, RESAMPLES, ...)."""
    return np.array([v[rng.integers(len(v), size=(RESAMPLES, len(v)))].mean(axis=1) for v in values])


def interval(samples: np.ndarray) -> tuple[float, float]:
    """The central 95 % of bootstrap samples."""
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    return low, high


def means(matrix: Matrix, n: int) -> dict[str, tuple[float, float, float]]:
    """Mean regret after ``n`` evaluations and its interval, by peer."""
    peers, names = matrix.common(n)
    rng = np.random.default_rng(0)
    out = {}
    for peer in peers if names else []:
        values = [matrix.at(peer, q, n) for q in names]
        mean = float(np.mean([v.mean() for v in values]))
        out[peer] = (mean, *map(float, interval(resample(values, rng).mean(axis=0))))
    return out


def differences(matrix: Matrix, n: int, baseline: str) -> dict[str, tuple[float, float, float]]:
    """Mean over problems of regret minus the baseline's, with intervals over problems and seeds."""
    peers, names = matrix.common(n)
    rng = np.random.default_rng(1)
    if baseline not in peers or not names:
        return {}
    pick = rng.integers(len(names), size=(RESAMPLES, len(names)))
    columns = np.arange(RESAMPLES)[:, None]

    def samples(peer: str) -> tuple[float, np.ndarray]:
        values = [matrix.at(peer, q, n) for q in names]
        mean = float(np.mean([v.mean() for v in values]))
        return mean, resample(values, rng)[pick, columns].mean(axis=1)

    base, base_samples = samples(baseline)
    out = {}
    for peer in peers:
        if peer != baseline:
            mean, drawn = samples(peer)
            out[peer] = (mean - base, *map(float, interval(drawn - base_samples)))
    return out


def ranks(matrix: Matrix, n: int) -> dict[str, float]:
    """Mean over problems of the rank of a peer's mean regret; ties share their mean rank."""
    from scipy.stats import rankdata

    peers, names = matrix.common(n)
    if not names:
        return {}
    table = np.array([[matrix.at(p, q, n).mean() for p in peers] for q in names])
    return dict(zip(peers, rankdata(table.round(12), axis=1).mean(axis=0).tolist(), strict=True))


def critical_difference(count: int, over: int, level: float = 0.05) -> float:
    """Nemenyi's critical difference of mean ranks of ``count`` peers over ``over`` problems."""
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - level, count, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(count * (count + 1) / (6 * over)))


def family_means(matrix: Matrix, n: int) -> dict[str, dict[str, float]]:
    """Mean regret after ``n`` evaluations: family -> peer -> mean."""
    peers, names = matrix.common(n)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[name.split("/")[0]].append(name)
    return {
        f"{family} ({len(g)})": {p: float(np.mean([matrix.at(p, q, n).mean() for q in g])) for p in peers} for family, g in groups.items()
    }


def factors(matrix: Matrix, n: int = 200, yardstick: str = "random") -> dict[str, tuple[float, int, int]]:
    """How many times fewer evaluations than the yardstick's ``n`` each peer needs.

    Per problem, the target is the median regret of the yardstick's runs after ``n`` evaluations,
    and a peer needs the first number of evaluations at which the median of its runs is at or below
    it. A peer that never gets there is counted as needing twice what it was given.

    Returns
    -------
    dict
        peer -> (geometric mean of n / needed, problems where it got there, problems)
    """
    out = {}
    goals = {q: float(np.median(c[:, n - 1])) for q, c in matrix.curves.get(yardstick, {}).items() if c.shape[1] >= n}
    for peer, by in matrix.curves.items():
        logs, reached = [], 0
        for q, goal in goals.items():
            if q in by:
                there = np.flatnonzero(np.median(by[q], axis=0) <= goal + 1e-12)
                reached += bool(len(there))
                logs.append(math.log(n / (there[0] + 1 if len(there) else 2 * by[q].shape[1])))
        if logs:
            out[peer] = (math.exp(np.mean(logs)), reached, len(logs))
    return out


def suggestion_seconds(matrix: Matrix) -> dict[str, tuple[float, float]]:
    """Median over runs of the seconds per suggestion: over the whole run, and in its last tenth."""
    out = {}
    for peer, rows in matrix.seconds.items():
        blocks = np.sum(np.isfinite(rows), axis=1)
        whole = np.nansum(rows, axis=1) / (blocks * 10)
        last = [r[b - 1] / 10 for r, b in zip(rows, blocks, strict=True) if b]
        out[peer] = (float(np.median(whole)), float(np.median(last)))
    return out
