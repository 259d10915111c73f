"""User functions of a configuration: constraints and derived parameters.

A function sees one configuration ``p`` with its parameters as attributes or items (``p.rank``, ``p["rank"]``). It is
called with whole columns at once where it can (``p.rank * p.batch <= 2048`` works on numbers and arrays alike) and
configuration by configuration where it cannot (``if``, ``and``, ``math.log``). Compiling it to native code would be done
here and nowhere else.

An inactive parameter is NaN if it is a number, else None; ``p.active("momentum")`` says which it is. Comparisons with NaN
are False, so a constraint on a conditional parameter reads ``~p.active("momentum") | (p.momentum < 0.9)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class Config:
    """What a user function gets: the values of one configuration, or the columns (n,) of many."""

    __slots__ = ("_values", "_active")

    def __init__(self, values: Mapping[str, Any], active: Mapping[str, Any]) -> None:
        self._values = values
        self._active = active

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self._values)}") from None

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no parameter {name!r}; there are {', '.join(self._values)}") from None

    def active(self, name: str) -> Any:
        """Whether the parameter exists in this configuration (a NumPy bool, or an array of them)."""
        return self._active[name] if name in self._active else np.True_


class Function:
    """A user function with a role ("derived parameter 'alpha'", "requirement 2") for its errors.

    Parameters
    ----------
    fn : callable
        Takes a :class:`Config`.
    role : str
        Names the function in errors.
    """

    __slots__ = ("fn", "role")

    def __init__(self, fn: Callable[[Any], Any], role: str) -> None:
        if not callable(fn):
            raise TypeError(f"{role}: {fn!r} is not callable: give a function of one configuration, e.g. lambda p: 2 * p.rank")
        self.fn = fn
        self.role = role

    def one(self, config: Config) -> Any:
        """The result for one configuration of plain values."""
        try:
            return self.fn(config)
        except Exception as error:
            raise ValueError(f"{self.role}: the function failed with {type(error).__name__}: {error}") from error

    def many(self, columns: Config, n: int, rows: Callable[[], list[Config]]) -> np.ndarray:
        """The results (n,) for columns; `rows` gives the same configurations one by one, should that be needed."""
        try:
            # Only where the function took the columns as columns does its result have one entry a row, or is a constant.
            result = np.asarray(self.fn(columns))
        except Exception:
            result = None
        if result is None or result.shape not in ((), (n,)):
            result = np.array([self.one(row) for row in rows()])
            if result.shape != (n,):
                raise ValueError(f"{self.role}: the function must return one value for one configuration, got shape {result.shape[1:]}")
        return np.broadcast_to(result, (n,))
