"""Search spaces that belong to no optimizer.

A problem states its parameters once, here; every peer's adapter translates them
into what the peer natively understands. The module needs nothing but the standard
library, because it is also imported inside the peers' own environments.

Encoding used where numbers are needed (CMA-ES, pools, reference designs): one value
in [0, 1] per parameter, log-scaled first where ``log`` is set; integers, steps and
ordinals are widened by half a step so that every value has equal mass; a
categorical's choice ``i`` of ``n`` sits at ``(i + 0.5) / n``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

KINDS = ("float", "int", "ordinal", "categorical")


@dataclass(frozen=True)
class Param:
    """One parameter; build it with `Float`, `Int`, `Ordinal` or `Categorical`.

    Attributes
    ----------
    kind : {"float", "int", "ordinal", "categorical"}
    low, high : number, optional
        Inclusive bounds of a float or an int.
    log : bool
        Whether the natural scale is logarithmic.
    step : float, optional
        Grid of a float, starting at ``low``.
    choices : tuple
        Values of an ordinal (in order) or a categorical (without order).
    parent, values : str, tuple
        The parameter exists only while ``parent`` is one of ``values``.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple = ()
    parent: str | None = None
    values: tuple = ()

    def when(self, parent: str, *values: Any) -> Param:
        """Return this parameter made conditional on ``parent`` being one of ``values``."""
        return replace(self, parent=parent, values=values)

    @property
    def size(self) -> int | None:
        """Number of distinct values, or None for a continuous parameter."""
        if self.kind in ("ordinal", "categorical"):
            return len(self.choices)
        if self.kind == "int":
            return int(self.high - self.low) + 1
        if self.step is not None:
            return round((self.high - self.low) / self.step) + 1
        return None

    def value(self, index: int) -> Any:
        """Return the value number ``index`` of a parameter with a finite `size`."""
        if self.kind in ("ordinal", "categorical"):
            return self.choices[index]
        if self.kind == "int":
            return int(self.low) + index
        return min(self.low + index * self.step, self.high)

    def index(self, value: Any) -> int:
        """Return the number of ``value``: the inverse of `value`."""
        if self.kind in ("ordinal", "categorical"):
            return self.choices.index(value)
        return round((value - self.low) / (self.step or 1))

    def encode(self, value: Any) -> float:
        """Map a value to [0, 1]."""
        if self.kind in ("ordinal", "categorical"):
            return (self.index(value) + 0.5) / self.size
        low, high = self._widened()
        if self.log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)

    def decode(self, unit: float) -> Any:
        """Map a number in [0, 1] to the nearest value of the parameter."""
        unit = min(max(float(unit), 0.0), 1.0)
        if self.kind in ("ordinal", "categorical"):
            return self.choices[min(int(unit * self.size), self.size - 1)]
        low, high = self._widened()
        value = low * (high / low) ** unit if self.log else low + unit * (high - low)
        if self.size is None:
            return min(max(value, self.low), self.high)
        nearest = math.floor((value - self.low) / (self.step or 1) + 0.5)
        return self.value(min(max(nearest, 0), self.size - 1))

    def _widened(self) -> tuple[float, float]:
        half = 0.5 * (self.step or 1) if self.size else 0.0
        return self.low - half, self.high + half


def Float(low: float, high: float, *, log: bool = False, step: float | None = None) -> Param:
    """A real number in [low, high]."""
    return Param("float", float(low), float(high), log, step)


def Int(low: int, high: int, *, log: bool = False) -> Param:
    """A whole number in [low, high]."""
    return Param("int", int(low), int(high), log)


def Ordinal(choices: Any) -> Param:
    """One of the ``choices``, whose order carries meaning."""
    return Param("ordinal", choices=tuple(choices))


def Categorical(choices: Any) -> Param:
    """One of the ``choices``, in no particular order."""
    return Param("categorical", choices=tuple(choices))


class Space:
    """An ordered set of parameters, parents before their children.

    Parameters
    ----------
    params : dict of str to Param

    Raises
    ------
    ValueError
        If a parameter's parent is unknown, stands later, or has no such value.
    """

    def __init__(self, params: dict[str, Param]) -> None:
        seen: dict[str, Param] = {}
        for name, param in params.items():
            if param.parent is not None:
                parent = seen.get(param.parent)
                if parent is None:
                    raise ValueError(f"parameter {name!r}: its parent {param.parent!r} must be defined before it")
                unknown = [v for v in param.values if v not in parent.choices]
                if unknown:
                    raise ValueError(f"parameter {name!r}: {param.parent!r} has no value {unknown[0]!r}")
            seen[name] = param
        self.params = seen

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[tuple[str, Param]]:
        return iter(self.params.items())

    def __getitem__(self, name: str) -> Param:
        return self.params[name]

    @property
    def conditional(self) -> bool:
        """Whether any parameter depends on another."""
        return any(p.parent is not None for p in self.params.values())

    def children(self, parent: str, value: Any) -> list[str]:
        """Names of the parameters that exist while ``parent`` is ``value``."""
        return [n for n, p in self if p.parent == parent and value in p.values]

    def build(self, draw: Any) -> dict[str, Any]:
        """Return a configuration of active parameters, asking ``draw(name, param)`` for each."""
        out: dict[str, Any] = {}
        for name, param in self:
            if param.parent is None or (param.parent in out and out[param.parent] in param.values):
                out[name] = draw(name, param)
        return out

    def active(self, params: dict[str, Any]) -> dict[str, Any]:
        """Keep the parameters that exist, given the values of their parents."""

        def take(name: str, param: Param) -> Any:
            if name not in params:
                raise ValueError(f"parameter {name!r} is missing in {params}")
            return params[name]

        return self.build(take)

    def check(self, params: dict[str, Any]) -> None:
        """Raise `ValueError` unless ``params`` is exactly a configuration of this space."""
        expected = set(self.active(params))
        if expected != set(params):
            extra = sorted(set(params) - expected)
            raise ValueError(f"parameters {extra} do not exist in this configuration: {params}")
        for name, value in params.items():
            param = self.params[name]
            inside = value in param.choices if param.choices else param.low <= value <= param.high
            if not inside:
                raise ValueError(f"parameter {name!r}: {value!r} is outside its range")

    def decode(self, row: Any) -> dict[str, Any]:
        """Turn one number in [0, 1] per parameter into a configuration."""
        unit = dict(zip(self.params, row, strict=True))
        return self.build(lambda name, param: param.decode(unit[name]))

    def encode(self, params: dict[str, Any]) -> list[float]:
        """Inverse of `decode`; inactive parameters are NaN."""
        return [p.encode(params[n]) if n in params else math.nan for n, p in self]

    def sample(self, rng: Any) -> dict[str, Any]:
        """Draw a configuration uniformly; ``rng.random()`` gives numbers in [0, 1)."""
        return self.build(lambda _, param: param.decode(rng.random()))

    def to_json(self) -> list:
        """Describe the space in JSON types, for `from_json` in another process."""
        return [[name, asdict(param)] for name, param in self]

    @classmethod
    def from_json(cls, data: list) -> Space:
        """Rebuild a space described by `to_json`."""
        fix = {"choices": tuple, "values": tuple}
        return cls({name: Param(**{k: fix.get(k, lambda v: v)(v) for k, v in p.items()}) for name, p in data})
