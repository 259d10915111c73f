"""What a tuning problem is, and how one is stated when its data are missing."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..space import Space

Objective = Callable[[dict[str, Any]], tuple[float, float]]


class Unavailable(Exception):
    """A problem or a peer cannot be used here; the message says why and what would help."""


@dataclass(frozen=True)
class Problem:
    """A function to minimize over a mixed space.

    Attributes
    ----------
    name : str
        ``family/instance``.
    space : Space
    start : callable
        ``start(seed)`` begins one run and returns its objective: a callable that maps a
        configuration to ``(observed, true)``. The optimizer is told ``observed``; regret is
        computed from ``true`` of the configuration that was best by ``observed``. NaN means
        the evaluation failed. Randomness depends on (problem, seed, evaluation index) only.
    score : {"linear", "log", "log1p"}
        Scale on which regret is measured (log1p: of the gap to the best known value); the
        optimizer always sees the raw value.
    best : float, optional
        The exact optimum where one is known, else found and kept in ``references.json``.
    max_budget : int, optional
        Evaluations after which the problem stops being informative.
    costly : bool
        Whether an evaluation takes long enough for references to use fewer draws.
    version : str
        Changes whenever values change; results of other versions are not mixed.
    source, licence : str
    """

    name: str
    space: Space
    start: Callable[[int], Objective]
    source: str
    licence: str
    score: str = "linear"
    best: float | None = None
    max_budget: int | None = None
    costly: bool = False
    version: str = "1"

    @property
    def family(self) -> str:
        """The part of the name before the slash."""
        return self.name.split("/")[0]


Loader = Callable[[], Problem]


def run_seed(problem: str, seed: int) -> int:
    """Return the seed of one run, the same for every peer."""
    return int(np.random.SeedSequence([zlib.crc32(problem.encode()), seed]).generate_state(1)[0] >> 1)


def noise(problem: str, seed: int, index: int) -> np.random.Generator:
    """Return the generator of the noise of one evaluation, the same for every peer."""
    return np.random.default_rng([zlib.crc32(problem.encode()), seed, index, 0x6E6F])


def deterministic(function: Callable[[dict[str, Any]], float]) -> Callable[[int], Objective]:
    """Make ``start`` of a function without noise or state."""

    def objective(params: dict[str, Any]) -> tuple[float, float]:
        value = float(function(params))
        return value, value

    return lambda seed: objective


def pool(space: Space, configurations: Sequence[dict[str, Any]], values: np.ndarray) -> Callable[[int], Objective]:
    """Make ``start`` of a list of evaluated configurations.

    A suggestion is answered by the nearest listed point in the unit cube (a categorical
    that differs counts 1) that this run has not used yet: every listed point is used once,
    so that "nearest" cannot be gamed. Ties go to the earlier point.

    Parameters
    ----------
    space : Space
        Without conditions.
    configurations : sequence of dict
        The listed points.
    values : ndarray, shape (n,)
        Their values; NaN where the run failed.
    """
    points = np.array([space.encode(c) for c in configurations])  # (n, d)
    nominal = np.array([p.kind == "categorical" for _, p in space])
    values = np.asarray(values, dtype=float)

    def start(seed: int) -> Objective:
        used = np.zeros(len(points))

        def objective(params: dict[str, Any]) -> tuple[float, float]:
            gap = points - np.array(space.encode(params))
            gap[:, nominal] = gap[:, nominal] != 0
            i = int(np.argmin(np.einsum("ij,ij->i", gap, gap) + used))
            used[i] = math.inf
            return float(values[i]), float(values[i])

        return objective

    return start


def data_folder(name: str) -> Path:
    """Return a folder of measured data, or raise `Unavailable`.

    The root is the environment variable HPO_FAST_BENCH_DATA, else ``../shared/data``
    beside the repository.
    """
    root = os.environ.get("HPO_FAST_BENCH_DATA")
    base = Path(root) if root else Path(__file__).resolve().parents[4] / "shared" / "data"
    folder = base / name
    if not folder.is_dir():
        raise Unavailable(f"no folder {folder}: set HPO_FAST_BENCH_DATA to the folder that holds {name!r}")
    return folder
