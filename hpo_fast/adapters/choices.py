"""Lists of choices as hosts give them: unhashable ones too, and numbers whose order means something."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from hpo_fast.parameters import Categorical, Ordinal, Parameter


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
