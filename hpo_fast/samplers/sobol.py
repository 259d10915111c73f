"""Quasi-random search: the scrambled Sobol sequence (see ``cpp/enumerate/sobol.h`` for the sources)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from hpo_fast import _core
from hpo_fast.samplers.base import Engine, TrialInfo
from hpo_fast.space import Space


@dataclass(frozen=True)
class Sobol:
    """Points more evenly spread than random ones; trial t is point t of the sequence, item t of :class:`hpo_fast.Sobol`.

    Parameters beyond the 1,024th are independent uniforms. A point that is infeasible or was tried is taken with another
    random shift.
    """

    name: ClassVar[str] = "sobol"

    def start(self, space: Space, seed: int, threads: int) -> Engine:
        return _SobolEngine(space, seed)

    def options(self) -> dict[str, Any]:
        return asdict(self)


class _SobolEngine:
    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._sobol = _core.SobolRows(space.box, seed)
        self._told = 0

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self._told += len(rows)

    def suggest(self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet) -> tuple[np.ndarray, list[TrialInfo]]:
        rows = self._sobol.suggest(self._space.grid, number, n, self._space.constraint, seen)
        return rows, [TrialInfo("sobol", self._told, None, "quasi-random search")] * len(rows)
