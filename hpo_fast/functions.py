"""User functions of a configuration: constraints and derived parameters.

A function sees one configuration ``p`` with its parameters as attributes or items (``p.rank``, ``p["rank"]``). It is
called with whole columns at once where it can (``p.rank * p.batch <= 2048`` works on numbers and arrays alike) and
configuration by configuration where it cannot (``if``, ``and``, ``math.log``). Compiling it to native code would be done
here and nowhere else.

An inactive parameter is NaN if it is a number, else None; ``p.active("momentum")`` says which it is. Comparisons with NaN
are False, so a constraint on a conditional parameter reads ``~p.active("momentum") | (p.momentum < 0.9)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class Config:
    """What a user function gets: the values of one configuration, or the columns (n,) of many."""

    __slots__ = ("_active", "_values")

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
        return self._active.get(name, np.True_)


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

    def many(self, columns: Config, n: int, single: Callable[[int], Config]) -> np.ndarray:
        """The results (n,) for columns; `single(i)` is configuration i by itself.

        What takes a column for a value (``p.name[:2]``, ``p.name is None``, ``len(p.layers)``) can look as if it had computed
        with columns, so the result must have one entry a row and be right at both ends.
        """
        try:
            result = np.asarray(self.fn(columns))
        except Exception:
            result = None
        if result is not None and result.shape == (n,) and all(same(result[i], self.one(single(i))) for i in {0, n - 1} if n):
            return result
        values = [self.one(single(i)) for i in range(n)]
        numbers = all(isinstance(v, (bool, np.bool_)) for v in values) or all(
            isinstance(v, (int, float, np.integer, np.floating)) and not isinstance(v, bool) for v in values
        )
        if numbers and (result := np.array(values)).dtype != object:
            return result  # type: ignore[return-value]
        result = np.empty(n, dtype=object)
        result[:] = values
        return result

    def truth(self, results: np.ndarray | list[Any]) -> np.ndarray:
        """Results as bools (n,), or a ValueError if one has no clear truth value."""
        for value in results if not isinstance(results, np.ndarray) or results.dtype.kind not in "biuf" else ():
            if not isinstance(value, (bool, int, float, np.bool_, np.number)):
                raise ValueError(f"{self.role}: the function must return True or False, got {value!r}")
        return np.asarray(results).astype(bool)


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal up to rounding; NaN is equal to itself."""
    try:
        return bool(a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-9))
    except (TypeError, ValueError):
        return False
