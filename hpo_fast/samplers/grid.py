"""Exhaustive search in the order of a grid (see :class:`hpo_fast.Grid`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from hpo_fast import _core, streams
from hpo_fast.checks import check_flag, check_int
from hpo_fast.samplers.base import Engine, TrialInfo
from hpo_fast.space import Space

_MAX_BARREN = 2**24
"""Infeasible positions in a row after which a suggestion gives up."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every configuration of a grid: the next one is the first that is feasible and neither told nor pending.

    Parameters
    ----------
    resolution : int or dict of str to int, optional
        Number of values of the Floats without step: see :class:`hpo_fast.Grid`.
    shuffle : bool, default False
        Try them in a random order, which depends on the optimizer's seed, and not in the order of nested loops.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments; that a Float has no resolution is a ValueError when an optimizer is made.

    Notes
    -----
    When nothing is left, asking raises SpaceExhausted; Infeasible if no configuration is feasible, or none of 2^24 in a row.
    """

    name: ClassVar[str] = "grid"

    resolution: int | Mapping[str, int] | None = None
    shuffle: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shuffle", check_flag("Grid", "shuffle", self.shuffle))
        if isinstance(self.resolution, Mapping):
            object.__setattr__(self, "resolution", dict(self.resolution))
        elif self.resolution is not None:
            object.__setattr__(self, "resolution", check_int("resolution", self.resolution, 2))

    def start(self, space: Space, seed: int, threads: int) -> Engine:
        grid = streams.Grid(space, self.resolution)
        return _GridEngine(grid.shuffled(seed) if self.shuffle else grid)

    def options(self) -> dict[str, Any]:
        return asdict(self)


class _GridEngine:
    """Walks the grid from a cursor before which everything is infeasible or seen: what `seen` says, and not a state of its own."""

    def __init__(self, grid: streams.Grid) -> None:
        self._grid = grid
        self._told = 0
        self._cursor = 0
        self._walked: tuple[_core.RowSet | None, int] = (None, 0)   # what the cursor is true of

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self._told += len(rows)

    def suggest(self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet) -> tuple[np.ndarray, list[TrialInfo]]:
        grid = self._grid
        known = self._walked[0] is seen and self._walked[1] == seen.erasures
        at = self._cursor if known else 0
        any_feasible, barren_end = known, at + _MAX_BARREN
        found, positions = np.empty((0, len(grid.space))), list[int]()
        block = max(16, min(n, 2**14))
        while len(positions) < n and at < min(grid.size, barren_end):
            rows = grid.space.box.recode(grid.core.rows(at, min(block, grid.size - at, barren_end - at)))
            feasible = np.ones(len(rows), dtype=bool) if grid.constraint is None else grid.constraint(rows)
            new = np.flatnonzero(feasible & ~seen.contains(rows))[: n - len(positions)]
            found = np.concatenate([found, rows[new]])
            positions += [at + int(i) for i in new]
            if feasible.any():
                any_feasible, barren_end = True, at + int(np.flatnonzero(feasible)[-1]) + _MAX_BARREN
            at, block = at + len(rows), min(4 * block, 2**14)
        if not positions:
            if at == grid.size and any_feasible:
                raise _core.SpaceExhausted(f"every feasible one of the {grid.size} configurations of the grid has been suggested or told")
            raise _core.Infeasible(
                f"none of the {min(at, _MAX_BARREN)} configurations of the grid up to position {at} of {grid.size} satisfies the requirements: "
                "loosen one, or use shuffle=True to look everywhere at once"
            )
        # What is suggested need not come to be tried: the next walk starts there, and sees.
        self._cursor, self._walked = positions[0], (seen, seen.erasures)
        seen.insert(found)
        return found, [TrialInfo("grid", self._told, None, f"position {i} of {grid.size}") for i in positions]
