"""Normalised regret: the one definition, and the reference values it needs.

For a problem with scale ``s`` (the identity, the logarithm, or log(1 + gap to the best)),

    regret(v) = (s(v) - s(best)) / (s(median) - s(best)),  clipped to [0, 1],

where ``best`` is the best value known and ``median`` the median value of random search's first
evaluation, that is of a uniformly drawn configuration (a failure counts as the worst).
So 0 is the best known value and 1 is what one random try gives in the median. Values past
either end are clipped: nothing is gained by beating a surrogate's best by a hair, and one
divergence (1e18 on some tables) must not outweigh everything else. Before the first
successful evaluation regret is 1.

The regret of a run after n evaluations is that of its incumbent: the true value of the
configuration whose *observed* value was the lowest among the first n. On problems without noise
that is the best value so far.

References are kept in references.json with the problem's version, so that reports need neither
data nor optional packages. They are computed by ``python -m benchmarks.quality references``:
exact where the problem states its optimum, else the best of a long search, of the values
already kept and of the results given.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

REFERENCES = Path(__file__).parent / "references.json"
FIRST_DRAWS = {False: 1001, True: 201}  # random draws of the median: cheap, costly problems
SEARCH = {False: 5_000, True: 300}  # evaluations of each search for the best value


def scaled(values: Any, score: str, best: float) -> np.ndarray:
    """Apply a problem's scale; NaN (failed) becomes infinite."""
    v = np.asarray(values, dtype=float)
    v = np.where(np.isnan(v), np.inf, v)
    with np.errstate(invalid="ignore", divide="ignore"):
        if score == "log":
            return np.log(v)
        if score == "log1p":
            return np.log1p(np.maximum(v - best, 0.0))
        return v


def incumbents(observed: Sequence[float | None], true: Sequence[float | None]) -> np.ndarray:
    """Return, after each evaluation, the true value of the best observed so far.

    Parameters
    ----------
    observed, true : sequences of float or None, length n
        None and NaN mean failed.

    Returns
    -------
    ndarray, shape (n,)
        NaN before the first success.
    """
    seen = np.array([math.nan if v is None else v for v in observed], dtype=float)
    truth = np.array([math.nan if v is None else v for v in true], dtype=float)
    order = np.where(np.isnan(seen), np.inf, seen)
    best = np.minimum.accumulate(order)
    fresh = np.concatenate([[True], order[1:] < best[:-1]]) & np.isfinite(order)
    place = np.maximum.accumulate(np.where(fresh, np.arange(len(seen)), -1))
    return np.where(place >= 0, truth[place], np.nan)


def normalised(values: Any, reference: dict[str, Any]) -> np.ndarray:
    """Return the regret of true values, as defined at the head of this module."""
    score, best, median = reference["score"], reference["best"], reference["median"]
    low, high = scaled([best, median], score, best)
    return np.clip((scaled(values, score, best) - low) / (high - low), 0.0, 1.0)


def curve(run: dict[str, Any], reference: dict[str, Any], length: int) -> np.ndarray:
    """Return a run's regret after 1, ..., ``length`` evaluations.

    A run that ended early (a time limit, an error, an exhausted space) keeps its last
    incumbent: its optimizer had nothing more to offer.
    """
    values = run["values"]
    if not values:
        return np.ones(length)
    regret = normalised(incumbents(values, run.get("true", values)), reference)[:length]
    return np.concatenate([regret, np.full(length - len(regret), regret[-1])])


def load() -> dict[str, dict[str, Any]]:
    """Return the references by problem name."""
    return json.loads(REFERENCES.read_text()) if REFERENCES.exists() else {}


def _evaluate(problem: Any, peer: Any, count: int, seed: int) -> list[float]:
    """Let a peer search in this process; return the true values."""
    out, objective = [], problem.start(seed)
    for _ in range(count):
        params = peer.ask()
        value, true = objective(params)
        out.append(true)
        peer.tell(params, value)
    return out


def compute(names: Iterable[str], results: Iterable[Path] = ()) -> None:
    """Compute the references of problems and keep them in `REFERENCES`."""
    from . import peers, problems
    from .results import gather

    kept = load()
    seen: dict[tuple[str, str], float] = {}
    for run in gather(results):
        found = [v for v in run.get("true", run["values"]) if v is not None]
        k = (run["problem"], run["problem_version"])
        seen[k] = min([seen.get(k, math.inf), *found])
    for name in names:
        try:
            problem = problems.load(name)
        except problems.Unavailable as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
            continue
        space, old = problem.space, kept.get(name, {})
        random = peers.make(peers.parse("random"), space, 0, 0)
        if old.get("version") == problem.version:
            median, found = old["median"], [old["best"]]
        else:
            # a fresh start for every draw: the first evaluation of as many runs
            draws = FIRST_DRAWS[problem.costly]
            first = [_evaluate(problem, random, 1, seed)[0] for seed in range(draws)]
            median = float(np.median(np.where(np.isnan(first), np.inf, first)))
            found = [v for v in first if not math.isnan(v)]
            if problem.best is None:
                for seed in range(3):
                    cma = peers.make(peers.parse("cmaes"), space, seed, 0)
                    found += _evaluate(problem, cma, SEARCH[problem.costly], seed)
        found.append(seen.get((name, problem.version), math.inf))
        best = problem.best if problem.best is not None else float(np.nanmin(found))
        kept[name] = {"version": problem.version, "score": problem.score, "best": best,
                      "median": median, "exact": problem.best is not None,
                      "max_budget": problem.max_budget}  # fmt: skip
        REFERENCES.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        print(f"{name}: best {best:.6g}, median {median:.6g}", file=sys.stderr)
