"""Lists of choices as hosts give them: unhashable ones too, and numbers whose order means something."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hpo_fast.choices import Categorical, Ordinal, identity
from hpo_fast.parameters import Parameter


class Wrapped:
    """A choice that is not hashable, such as a list or a dict: equal to another one with an equal value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)

    def __hash__(self) -> int:
        return hash(type(self.value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Wrapped):
            return NotImplemented
        try:
            return self.value is other.value or bool(self.value == other.value)
        except ValueError:   # arrays
            return False


def wrapped(value: Any) -> Any:
    """The value itself if it is hashable."""
    try:
        hash(value)
    except TypeError:
        return Wrapped(value)
    return value


def unwrapped(value: Any) -> Any:
    """What was given to :func:`wrapped`."""
    return value.value if isinstance(value, Wrapped) else value


def parameter_of(choices: Iterable[Any], prior: Any = None) -> Parameter:
    """An Ordinal of numbers that ascend, a Categorical of any other choices."""
    listed = choices.tolist() if isinstance(choices, np.ndarray) else list(choices)
    numeric = all(isinstance(c, numbers.Real) and not isinstance(c, (bool, np.bool_)) for c in listed)
    if numeric and len(listed) > 1 and all(a < b for a, b in itertools.pairwise(listed)):
        return Ordinal(listed, prior=prior)
    return Categorical([wrapped(c) for c in listed], prior=prior)


def weighted(choices: Sequence[Any], weights: Sequence[float] | None = None) -> tuple[list[Any], list[float] | None]:
    """Each choice once, with weights: one that is listed twice is twice as likely. None for the weights if none was given and none is needed."""
    merged: dict[Any, tuple[Any, float]] = {}
    for choice, weight in zip(choices, [1.0] * len(choices) if weights is None else weights, strict=True):
        key = identity(wrapped(choice))
        merged[key] = (choice, weight + merged.get(key, (choice, 0.0))[1])
    stated = weights is not None or len(merged) < len(choices)
    return [choice for choice, _ in merged.values()], [weight for _, weight in merged.values()] if stated else None
