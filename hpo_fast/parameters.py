"""The parameters of a space: what they share, numbers in a range (Float, Int), and the conditions under which they exist.

A parameter knows how its values relate to *raw* numbers, the form that the compiled box encodes: a float is its own raw
number, everything else is the index of a level. Nothing here knows names; :mod:`hpo_fast.space` adds them. Parameters with
choices are in :mod:`hpo_fast.choices`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np

from hpo_fast.checks import check_flag, check_integer, check_number
from hpo_fast.priors import Prior

REAL, ORDERED, CATEGORICAL = 0, 1, 2
"""Kinds of column, as in ``cpp/space/box.h``."""

_PRIOR_PARTS = 1024   # of the range that a prior can tell apart

MAX_LEVELS = 2**52
"""The most levels that a double in [0, 1] can tell apart with room for rounding."""


class _NoDefault:
    """The type of :data:`NO_DEFAULT`: ``None`` may be a choice, so it cannot mean "no default"."""

    def __repr__(self) -> str:
        return "NO_DEFAULT"

    def __reduce__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT = _NoDefault()

_P = TypeVar("_P", bound="Parameter")


class Parameter:
    """What the four kinds of parameter share. Not to be created itself."""

    kind: ClassVar[int]
    default: Any
    prior: Any
    condition: Condition | None

    def when(self: _P, parent: str, values: Any) -> _P:
        """The same parameter, existing only while another one has certain values.

        Parameters
        ----------
        parent : str
            Name of a Categorical, Ordinal, Int or stepped Float of the same space. It may be conditional itself.
        values : value or list, set, range of values
            Where this parameter exists. A tuple counts as one value, since tuples can be choices.

        Returns
        -------
        Parameter
            A copy of the same type.

        Raises
        ------
        ValueError
            If the parameter has a condition already, or `values` is empty.
        TypeError
            If `parent` is not a string.
        """
        if not isinstance(parent, str):
            raise TypeError(f"when(parent={parent!r}): the parent is named by a string, e.g. .when('optimizer', 'sgd')")
        if self.condition is not None:
            raise ValueError(
                f"{self!r} already depends on {self.condition.parent!r}: let {parent!r} depend on it, or merge them into one parent"
            )
        values = values.tolist() if isinstance(values, np.ndarray) else values
        listed = list(values) if isinstance(values, (list, set, frozenset, range)) else [values]
        if not listed:
            raise ValueError(f"when({parent!r}, {values!r}): no value given, so the parameter could never exist")
        return replace(self, condition=Condition(parent, tuple(listed)))  # type: ignore[type-var]  # the four kinds are dataclasses

    @property
    def levels(self) -> int:
        """Number of distinct values; 0 for a continuous parameter."""
        raise TypeError("use Float, Int, Categorical or Ordinal")

    def raw(self, value: Any) -> float:
        """The raw number of `value`; ValueError or TypeError (without the parameter's name) if it is not a value."""
        raise TypeError("use Float, Int, Categorical or Ordinal")

    def values(self, raw: np.ndarray) -> np.ndarray:
        """The values of an array (n,) of raw numbers without NaN."""
        raise TypeError("use Float, Int, Categorical or Ordinal")

    @property
    def reader(self) -> Any:
        """How ``_core.Codec`` turns a raw number into its Python value: a line of numbers, a list of choices, or None if it is the value."""
        raise TypeError("use Float, Int, Categorical or Ordinal")

    @cached_property
    def masses(self) -> list[float]:
        """The prior's masses of equal parts of the unit interval, or of the choices; empty without a prior."""
        raise TypeError("use Float, Int, Categorical or Ordinal")

    def _check_default(self) -> None:
        if self.default is NO_DEFAULT:
            return
        try:
            self.raw(self.default)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{type(self).__name__}: default={self.default!r} is not one of its values: {error}") from None


@dataclass(frozen=True)
class Condition:
    """A parameter exists while `parent` has one of `values`."""

    parent: str
    values: tuple[Any, ...]


def _decimals(value: float) -> int:
    """Digits after the point of the shortest decimal that is this double."""
    return max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))


class _Range(Parameter):
    """What Float and Int share: numbers in [low, high], and a prior over them."""

    low: float
    high: float
    log: bool

    def unit_values(self, u: np.ndarray) -> np.ndarray:
        """The values, between levels too, at places u (n,) of the unit interval that encodes a number."""
        raise TypeError("use Float or Int")

    @cached_property
    def masses(self) -> list[float]:
        if self.prior is None or self.low == self.high:
            return []
        below = self.prior.cdf(self.unit_values(np.linspace(0.0, 1.0, _PRIOR_PARTS + 1)), self.low, self.high, self.log)
        mass = np.diff(below)
        return list((mass / mass.sum()).tolist())

    def _check_prior(self) -> None:
        owner = type(self).__name__
        if self.prior is None:
            return
        if not isinstance(self.prior, Prior):
            raise TypeError(f"{owner}: prior={self.prior!r} must be a Normal, LogNormal or Beta")
        if self.low < self.high:
            below = self.prior.cdf(np.array([self.low, self.high], dtype=float), self.low, self.high, self.log)
            if not min(below[1], 1.0 - below[0]) > 1e-6:
                raise ValueError(f"{owner}: prior={self.prior!r} has no mass in [{self.low!r}, {self.high!r}]: move it, or widen it")
            if not below[1] - below[0] > 1e-10:
                raise ValueError(f"{owner}: prior={self.prior!r} makes no difference in [{self.low!r}, {self.high!r}]: narrow it, or leave it out")


@dataclass(frozen=True)
class Float(_Range):
    """A real number in [low, high].

    Parameters
    ----------
    low, high : float
        Bounds, both included.
    log : bool, default False
        Search the logarithm. Needs ``low > 0``; not together with `step`.
    step : float, optional
        Only ``low, low + step, ..., high``. The values are the decimals a person would write (0.3, never
        0.30000000000000004) whenever low, high and step are short decimals.
    default : float, optional
        A good known value: tried first.
    prior : Normal, LogNormal or Beta, optional
        Where good values are expected (:mod:`hpo_fast.priors`).

    Raises
    ------
    ValueError
        If the bounds are not finite, out of order, or their distance over- or underflows a double; if `log` has a bound
        that is not positive; if `step` does not divide the range or makes more than 2^52 values.
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)
    default: Any = field(default=NO_DEFAULT, kw_only=True)
    prior: Prior | None = field(default=None, kw_only=True)
    condition: Condition | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        low, high = check_number("Float", "low", self.low), check_number("Float", "high", self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "log", check_flag("Float", "log", self.log))
        if low > high:
            raise ValueError(f"Float: low={low!r} is above high={high!r}: swap them")
        if self.log and low <= 0:
            raise ValueError(f"Float: log=True needs low > 0, got low={low!r}: raise low, or search the value without log")
        width = high - low
        if not math.isfinite(width):
            raise ValueError(f"Float: high - low overflows a double for low={low!r}, high={high!r}: narrow the range or use log=True")
        if low < high and width < np.finfo(float).tiny:
            raise ValueError(f"Float: high - low underflows for low={low!r}, high={high!r}: rescale the parameter")
        if self.step is not None:
            self._check_step(check_number("Float", "step", self.step))
        if self.default is None:
            object.__setattr__(self, "default", NO_DEFAULT)
        elif self.default is not NO_DEFAULT:
            object.__setattr__(self, "default", check_number("Float", "default", self.default))
        self._check_default()
        self._check_prior()

    def _check_step(self, step: float) -> None:
        object.__setattr__(self, "step", step)
        if self.log:
            raise ValueError(f"Float: log=True and step={step!r} do not go together: leave one out")
        if step <= 0:
            raise ValueError(f"Float: step={step!r} must be positive")
        count = (self.high - self.low) / step
        if count >= MAX_LEVELS:
            raise ValueError(f"Float: step={step!r} makes about {count:.3g} values, more than 2^52: use a larger step or none")
        largest = max(abs(self.low), abs(self.high))
        if step < np.spacing(largest) and self.low < self.high:
            raise ValueError(f"Float: step={step!r} is lost in the rounding of {largest!r}: use a larger step or none")
        # The rounding of the bounds and of the step, counted in steps.
        rounding = 4 * np.finfo(float).eps * max(largest, self.high - self.low) / step
        if abs(count - round(count)) > 1e-9 + rounding:
            fitting = self.low + math.floor(count) * step
            raise ValueError(f"Float: step={step!r} does not fit [{self.low!r}, {self.high!r}]: the last value would be {fitting:.12g}; set high to it")

    kind: ClassVar[int] = REAL

    @property
    def levels(self) -> int:
        return 0 if self.step is None else round((self.high - self.low) / self.step) + 1

    @cached_property
    def decimal(self) -> tuple[int, int, int] | None:
        """(first, stride, scale) with value k = (first + k stride) / scale exactly, if the step is a short decimal."""
        if self.step is None:
            return None
        digits = max(_decimals(self.low), _decimals(self.step), _decimals(self.high))
        scale = 10**digits
        first, stride, last = (int(Decimal(repr(v)).scaleb(digits)) for v in (self.low, self.step, self.high))
        exact = digits <= 22 and max(abs(first), abs(last), stride) <= 2**53 and first + stride * (self.levels - 1) == last
        return (first, stride, scale) if exact else None

    def raw(self, value: Any) -> float:
        number = check_number("", "value", value) if not isinstance(value, float) else value
        tolerance = 0.0 if self.step is None or math.isinf(number) else 1e-9 * self.step + 4 * math.ulp(number)   # 0.1 + 0.2 is in [0, 0.3]
        if not self.low - tolerance <= number <= self.high + tolerance:
            raise ValueError(f"{value!r} is outside [{self.low!r}, {self.high!r}]")
        if self.step is None:
            return number
        level = float(min(max(round((number - self.low) / self.step), 0), self.levels - 1))
        nearest = float(self.values(np.array([level]))[0])
        if abs(nearest - number) > tolerance:   # on long ranges the quotient is off by a few levels
            levels = np.clip(level + np.arange(-4.0, 5.0), 0, self.levels - 1)
            values = self.values(levels)
            closest = int(np.argmin(np.abs(values - number)))
            level, nearest = float(levels[closest]), float(values[closest])
        if abs(nearest - number) > tolerance:
            raise ValueError(f"{value!r} is not on the grid {self.low!r} + k * {self.step!r}; the nearest value is {nearest!r}")
        return level

    def unit_values(self, u: np.ndarray) -> np.ndarray:
        if self.step is not None:
            return np.asarray(self.low + (u * self.levels - 0.5) * self.step)
        # Not through high / low, which may overflow.
        return np.asarray(self.low ** (1.0 - u) * self.high**u if self.log else self.low + u * (self.high - self.low))

    def values(self, raw: np.ndarray) -> np.ndarray:
        if self.step is None:
            return raw
        if (line := self.decimal) is not None:
            return (line[0] + raw.astype(np.int64) * line[1]) / float(line[2])
        last = self.levels - 1
        return np.where(raw == last, self.high, self.low + (self.high - self.low) * (raw / max(last, 1)))

    @property
    def reader(self) -> tuple[float, float] | tuple[int, int, int] | None:
        return None if self.step is None else self.decimal or (self.low, self.high)


@dataclass(frozen=True)
class Int(_Range):
    """An integer in [low, high].

    Parameters
    ----------
    low, high : int
        Bounds, both included.
    log : bool, default False
        Search the logarithm. Needs ``low >= 1``; not together with a step.
    step : int, default 1
        Only ``low, low + step, ..., high``.
    default : int, optional
        A good known value: tried first.
    prior : Normal, LogNormal or Beta, optional
        Where good values are expected (:mod:`hpo_fast.priors`).

    Raises
    ------
    TypeError
        If a bound or the step is not an integer.
    ValueError
        If the bounds are out of order or beyond 64 bits; if `step` does not divide the range; if there are more values
        than the encoding can tell apart (2^52, with `log` about 2^45).
    """

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int = field(default=1, kw_only=True)
    default: Any = field(default=NO_DEFAULT, kw_only=True)
    prior: Prior | None = field(default=None, kw_only=True)
    condition: Condition | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        low, high, step = (check_integer("Int", name, getattr(self, name)) for name in ("low", "high", "step"))
        for name, value in (("low", low), ("high", high), ("step", step), ("log", check_flag("Int", "log", self.log))):
            object.__setattr__(self, name, value)
        if low > high:
            raise ValueError(f"Int: low={low} is above high={high}: swap them")
        if not (low >= -(2**63) and high < 2**63):
            raise ValueError(f"Int: [{low}, {high}] does not fit 64-bit integers: use a Float, with log=True for many decades")
        if step < 1:
            raise ValueError(f"Int: step={step} must be at least 1")
        if step >= 2**63:
            raise ValueError(f"Int: step={step} does not fit 64-bit integers: use an Ordinal of the few values")
        if (high - low) % step:
            raise ValueError(f"Int: step={step} does not fit [{low}, {high}]: the last value would be {high - (high - low) % step}; set high to it")
        if self.log:
            if low < 1:
                raise ValueError(f"Int: log=True needs low >= 1, got low={low}: raise low, or search the value without log")
            if step != 1:
                raise ValueError(f"Int: log=True and step={step} do not go together: leave one out")
        # On a log scale neighbours at the top are 1 / high apart in the logarithm, of which the width is spread over [0, 1].
        too_fine = self.log and high * math.log((high + 0.5) / (low - 0.5)) > 2**50
        if self.levels > MAX_LEVELS or too_fine:
            limit = "about 2^45 on a log scale" if self.log else "2^52"
            raise ValueError(f"Int: [{low}, {high}] has {self.levels} values, more than the encoding can tell apart ({limit}): use a larger step or a Float")
        if self.default is None:
            object.__setattr__(self, "default", NO_DEFAULT)
        elif self.default is not NO_DEFAULT:
            object.__setattr__(self, "default", check_integer("Int", "default", self.default))
        self._check_default()
        self._check_prior()

    kind: ClassVar[int] = ORDERED

    @property
    def levels(self) -> int:
        return (self.high - self.low) // self.step + 1

    def raw(self, value: Any) -> float:
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            value = int(value)   # what a JSON file or a data frame makes of an int
        number = value if type(value) is int else check_integer("", "value", value)
        if not self.low <= number <= self.high:
            raise ValueError(f"{value!r} is outside [{self.low}, {self.high}]")
        level, rest = divmod(number - self.low, self.step)
        if rest:
            raise ValueError(f"{value!r} is not on the grid {self.low} + k * {self.step}; the nearest below is {number - rest}")
        return float(level)

    def unit_values(self, u: np.ndarray) -> np.ndarray:
        if self.log:
            return np.asarray((self.low - 0.5) * ((self.high + 0.5) / (self.low - 0.5)) ** u)
        return np.asarray(self.low + (u * self.levels - 0.5) * self.step)

    def values(self, raw: np.ndarray) -> np.ndarray:
        values = raw.astype(np.int64)
        values *= self.step
        values += self.low
        return values

    @property
    def reader(self) -> tuple[int, int]:
        return (self.low, self.step)


def condition_levels(parent: Parameter, values: Sequence[Any]) -> list[int]:
    """The parent's levels, ascending, at which a condition holds; ValueError for a value it cannot take."""
    if parent.levels == 0:
        raise ValueError("it is continuous: a condition needs a Categorical, Ordinal, Int or stepped Float")
    return sorted({int(parent.raw(value)) for value in values})
