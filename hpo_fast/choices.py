"""The parameters with choices, any hashable values: Categorical and Ordinal, and what tells one choice from another."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from hpo_fast.checks import check_number, plain
from hpo_fast.parameters import CATEGORICAL, NO_DEFAULT, ORDERED, Condition, Parameter

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")   # in a repr


def identity(value: Any) -> Hashable:
    """A key under which 1, 1.0 and True differ, inside tuples too, and NaN equals itself."""
    if isinstance(value, tuple):
        return (type(value), tuple(identity(v) for v in value))
    if isinstance(value, frozenset):
        return (type(value), frozenset(identity(v) for v in value))
    if isinstance(value, float) and math.isnan(value):
        return (type(value), "nan")
    return (type(value), value)


@dataclass(frozen=True)
class _Choices(Parameter):
    """What Categorical and Ordinal share: a list of choices, any hashable values."""

    choices: Sequence[Any]
    default: Any = field(default=NO_DEFAULT, kw_only=True)
    prior: Any = field(default=None, kw_only=True)
    condition: Condition | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        owner = type(self).__name__
        if isinstance(self.choices, (str, bytes)) or not isinstance(self.choices, Iterable):
            raise TypeError(f"{owner}: choices={self.choices!r} must be a list of choices, e.g. {owner}(['a', 'b'])")
        if isinstance(self.choices, (set, frozenset)):
            raise TypeError(f"{owner}: choices={self.choices!r} is a set, whose order changes from run to run: give a list")
        choices = tuple(map(plain, self.choices))   # NumPy's have no JSON form, and compiled functions do not know them
        object.__setattr__(self, "choices", choices)
        object.__setattr__(self, "default", plain(self.default))
        if not choices:
            raise ValueError(f"{owner}: choices is empty: give at least one choice")
        index: dict[Hashable, int] = {}
        for k, choice in enumerate(choices):
            try:
                first = index.setdefault(identity(choice), k)
            except TypeError:
                raise TypeError(f"{owner}: choice {choice!r} is not hashable: use a tuple, or a string that names it") from None
            if first != k:
                raise ValueError(f"{owner}: choice {choice!r} appears twice (positions {first} and {k}): leave one out")
        object.__setattr__(self, "_index", index)
        self._check_default()
        if self.prior is not None:
            object.__setattr__(self, "prior", self._weights())

    def _weights(self) -> tuple[float, ...]:
        """The prior's weights by choice, those of a dict for the choices it names and 1 for the others."""
        owner = type(self).__name__
        weights = [1.0] * self.levels
        if isinstance(self.prior, Mapping):
            for choice, weight in self.prior.items():
                try:
                    weights[int(self.raw(choice))] = weight
                except (TypeError, ValueError) as error:
                    raise type(error)(f"{owner}: prior: {error}") from None
        elif isinstance(self.prior, (str, bytes)) or not isinstance(self.prior, Iterable):
            raise TypeError(f"{owner}: prior={self.prior!r} must be a list with one weight for each choice, or a dict of weights by choice")
        else:
            weights = list(self.prior)
        if len(weights) != self.levels:
            raise ValueError(f"{owner}: prior has {len(weights)} weights for {self.levels} choices: give one for each")
        numbers = [check_number(owner, f"prior[{choice!r}]", w) for choice, w in zip(self.choices, weights, strict=True)]
        if min(numbers) < 0 or not sum(numbers) > 0:
            raise ValueError(f"{owner}: the weights of the prior must not be negative, and not all 0, got {weights!r}")
        return tuple(numbers)

    @cached_property
    def masses(self) -> list[float]:
        if self.prior is None:
            return []
        largest = max(self.prior)
        shares = [weight / largest for weight in self.prior]   # whose sum cannot overflow
        total = sum(shares)
        return [share / total for share in shares]

    @property
    def levels(self) -> int:
        return len(self.choices)

    def raw(self, value: Any) -> float:
        index: dict[Hashable, int] = self._index  # type: ignore[attr-defined]
        try:
            found = index.get(identity(value))
        except TypeError:
            if isinstance(value, list) and any(isinstance(choice, tuple) for choice in self.choices):   # one that went through JSON
                return self.raw(_tuples(value))
            raise TypeError(f"{value!r} is not hashable, so it is none of the choices {list(self.choices)!r}") from None
        if found is not None:
            return float(found)
        # A numpy scalar or a value that went through JSON: accept what equals exactly one choice, if need be up to rounding: 3 * 0.1.
        alike = [k for k, choice in enumerate(self.choices) if equal(choice, value)]
        if not alike and isinstance(value, float) and math.isfinite(value):
            alike = [k for k, choice in enumerate(self.choices) if isinstance(choice, float) and abs(choice - value) <= 4 * math.ulp(value)]
        if len(alike) == 1:
            return float(alike[0])
        problem = "is none of" if not alike else "equals several of"
        raise ValueError(f"{value!r} {problem} the choices {list(self.choices)!r}")

    def values(self, raw: np.ndarray) -> np.ndarray:
        return self._values[raw.astype(np.intp)]

    @property
    def reader(self) -> list[Any]:
        return list(self.choices)

    @cached_property
    def _values(self) -> np.ndarray:
        # Numbers stay numbers, so that functions can compute with them; anything else is an array of objects.
        if all(type(c) in (int, float) for c in self.choices) and len({type(c) for c in self.choices}) == 1:
            array = np.array(self.choices)
            if array.dtype in (np.int64, np.float64) and type(array[0].item()) is type(self.choices[0]):
                return array
        array = np.empty(len(self.choices), dtype=object)
        array[:] = self.choices
        return array

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The choices as an array of numbers if they all are, ints beside floats as floats; None if they are not, or not exactly."""
        if self._values.dtype != object:
            return self._values
        if not all(type(c) in (int, float) for c in self.choices):
            return None
        try:
            table = np.array(self.choices, dtype=np.float64)
        except OverflowError:
            return None
        return table if all(a == b or b != b for a, b in zip(table.tolist(), self.choices, strict=True)) else None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_index", "_values", "masses", "numbers")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        object.__setattr__(self, "_index", {identity(c): k for k, c in enumerate(self.choices)})


def _tuples(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def equal(a: Any, b: Any) -> bool:
    """a == b, where that is a truth value."""
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return False


@dataclass(frozen=True)
class Categorical(_Choices):
    """One of several choices without an order.

    Parameters
    ----------
    choices : sequence of hashable
        At least one; ``1``, ``1.0`` and ``True`` are three different choices. NumPy's scalars become Python's.
    default : optional
        A good known choice: tried first.
    prior : sequence or dict of float, optional
        How often each choice is expected to be good: a weight for each, or for those named in a dict (1 for the others).

    Raises
    ------
    ValueError
        If `choices` is empty or holds a choice twice, `default` is none of them, or the weights of `prior` do not fit.
    TypeError
        If `choices` is not a sequence or a choice is not hashable.
    """

    kind: ClassVar[int] = CATEGORICAL


@dataclass(frozen=True)
class Ordinal(_Choices):
    """One of several choices in a meaningful order, e.g. ``Ordinal([8, 16, 32, 64])`` or ``Ordinal(["low", "mid", "high"])``.

    Neighbours are taken to be alike, all at the same distance. Arguments and errors as for :class:`Categorical`.
    """

    kind: ClassVar[int] = ORDERED


def stable_repr(value: Any) -> str:
    """The repr of a parameter or a choice, the same in every process: sets are sorted, and there are no addresses."""
    if isinstance(value, _Choices):
        return f"{type(value).__name__}({[*map(stable_repr, value.choices)]!r}, {stable_repr(value.default)}, {value.prior!r})"
    if isinstance(value, tuple):
        return f"({', '.join(map(stable_repr, value))},)"
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(stable_repr, value))!r})"
    if hasattr(value, "__qualname__"):   # functions, classes and builtins
        return f"{getattr(value, '__module__', None)}.{value.__qualname__}"
    return repr(value) if isinstance(value, str) else _ADDRESS.sub("", repr(value))   # that of object is the type's module and name
