"""Configurations as rows, and back: the parameters of a space compiled into ``_core.Box``, without its functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import check_config
from hpo_fast.parameters import CATEGORICAL, REAL, Float, Int, Parameter, condition_levels


class Encoding:
    """The encoding of parameters: a configuration is a row of d doubles, one column a parameter.

    Parameters
    ----------
    parameters : dict of str to Parameter
        In column order.

    Attributes
    ----------
    parameters : dict of str to Parameter
    names : list of str
    box : _core.Box
        The transform.
    grid : _core.Grid
        The configurations in order, if they are finitely many.
    codec : _core.Codec
        Rows to values.

    Raises
    ------
    ValueError
        If a condition names an unknown parent, a value that the parent cannot take, or itself in a circle.
    """

    def __init__(self, parameters: dict[str, Parameter]) -> None:
        self.parameters, self.names = parameters, list(parameters)
        columns = [self._column(name, p) for name, p in parameters.items()]
        self._check_no_cycle()
        self.box = _core.Box(columns)
        self.grid = _core.Grid(self.box)
        self.codec = _core.Codec(self.box, self.names, [p.reader for p in parameters.values()])
        # Of each column that of its parent, of one without condition its own.
        self._parents = [j if p.condition is None else self.names.index(p.condition.parent) for j, p in enumerate(parameters.values())]

    def _column(self, name: str, p: Parameter) -> _core.Column:
        condition: dict[str, Any] = {}
        if p.condition is not None:
            parent, values = p.condition.parent, p.condition.values
            if parent not in self.parameters:
                raise ValueError(f"parameter {name!r}: its parent {parent!r} is not in the space; there are {', '.join(self.names)}")
            try:
                condition["parent_levels"] = condition_levels(self.parameters[parent], values)
            except (TypeError, ValueError) as error:
                raise ValueError(f"parameter {name!r}: the condition {parent} in {list(values)!r} cannot hold: {parent!r}: {error}") from None
            condition["parent"] = self.names.index(parent)
        if p.kind == REAL and p.levels == 0:
            assert isinstance(p, Float)
            return _core.Column(kind=REAL, log=p.log, low=p.low, high=p.high, prior=p.masses, **condition)
        log = isinstance(p, Int) and p.log
        kind = CATEGORICAL if p.kind == CATEGORICAL else 1
        first = float(p.low) if isinstance(p, Int) and log else 0.0
        return _core.Column(kind=kind, log=log, levels=p.levels, first=first, prior=p.masses, **condition)

    def _check_no_cycle(self) -> None:
        for name in self.names:
            path = [name]
            while (condition := self.parameters[path[-1]].condition) is not None:
                if condition.parent in path:
                    circle = " -> ".join([*path, condition.parent])
                    raise ValueError(f"parameter {name!r}: its conditions form a circle ({circle}): one of them must be unconditional")
                path.append(condition.parent)

    def encode(self, configs: Sequence[Mapping[str, Any]], derived: Collection[str], complete: bool) -> tuple[np.ndarray, bool]:
        """Rows (n, d) of configurations, and whether a parameter is missing from one: an error if they must be `complete`.

        `derived` are names that may be there too and are not looked at.
        """
        raw = np.full((len(configs), len(self.names)), np.nan)
        for i, params in enumerate(configs):
            check_config(params)
            for name in params:
                if name not in self.parameters and name not in derived:
                    raise ValueError(f"parameter {name!r} is not in the space; there are {', '.join([*self.names, *derived])}")
            for j, (name, p) in enumerate(self.parameters.items()):
                if name in params:
                    try:
                        raw[i, j] = p.raw(params[name])
                    except (TypeError, ValueError) as error:
                        absent = p.condition is not None and isinstance(params[name], float) and np.isnan(params[name])
                        raise type(error)(f"parameter {name!r}: {error}{'; leave an inactive parameter out' if absent else ''}") from None
        rows = self.box.encode(raw)
        given, active = ~np.isnan(raw), self.box.active(rows)
        wrong = given & ~active
        if not complete:   # where the parent was left out it may still take the value that is needed
            wrong &= ~np.isnan(rows)[:, self._parents]
        missing = active & ~given
        if wrong.any():
            i, j = (int(k[0]) for k in np.nonzero(wrong))
            parent = self.names[self._parents[j]]
            raise ValueError(f"parameter {self.names[j]!r} does not exist while {parent!r} is {configs[i].get(parent, 'inactive itself')!r}: leave it out")
        if complete and missing.any():
            i, j = (int(k[0]) for k in np.nonzero(missing))
            raise ValueError(f"parameter {self.names[j]!r} is missing from configuration {i}: give it a value")
        return rows, bool(missing.any())

    def checked(self, rows: object, partial: bool = False) -> np.ndarray:
        """`rows` as an array (n, d), or an error that names the row and the column. If `partial`, any of their values may be missing (NaN)."""
        d = len(self.names)
        try:
            rows = np.asarray(rows)
            if rows.dtype.kind == "c":
                raise TypeError
            rows = rows.astype(np.float64, copy=False)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"rows must be an array of numbers (n, {d}), got {type(rows).__name__}") from None
        if rows.ndim != 2 or rows.shape[1] != d:
            raise ValueError(f"rows must have shape (n, {d}), got {rows.shape}")
        for j, (name, p) in enumerate(self.parameters.items()):
            top = p.levels - 1 if p.kind == CATEGORICAL else 1
            column = rows[:, j]
            if ((column < 0) | (column > top)).any():
                raise ValueError(f"rows: column {j} ({name!r}) must lie in [0, {top}], got {column[(column < 0) | (column > top)][0]!r}")
            if p.kind == CATEGORICAL and (part := column % 1 > 0).any():
                raise ValueError(f"rows: column {j} ({name!r}) holds the index of a choice, got {column[part][0]!r}")
        wrong = np.isnan(rows) == self.box.active(rows)
        if not partial and wrong.any():
            i, j = (int(k[0]) for k in np.nonzero(wrong))
            what = "NaN though it is active" if np.isnan(rows[i, j]) else f"{rows[i, j]!r} though it is inactive (NaN expected)"
            raise ValueError(f"rows: row {i}, column {j} ({self.names[j]!r}) is {what}")
        return rows
