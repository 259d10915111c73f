"""Uniform random search (Bergstra & Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from hpo_fast import _core
from hpo_fast.samplers.base import Engine, TrialInfo
from hpo_fast.space import Space


@dataclass(frozen=True)
class Random:
    """Independent configurations, none twice: uniform (in the logarithm with ``log=True``), or as the parameters' priors say.

    Trial i is item i of :class:`hpo_fast.Uniform` with the optimizer's seed, or another draw where that was tried.
    """

    name: ClassVar[str] = "random"

    def start(self, space: Space, seed: int, threads: int) -> Engine:
        return _RandomEngine(space, seed)

    def options(self) -> dict[str, Any]:
        return asdict(self)


class _RandomEngine:
    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._told = 0

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self._told += len(rows)

    def suggest(self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet) -> tuple[np.ndarray, list[TrialInfo]]:
        space = self._space
        rows = _core.suggest_uniform(space.box, space.grid, self._seed, number, n, space.constraint, seen)
        return rows, [TrialInfo("uniform", self._told, None, "random search")] * len(rows)
