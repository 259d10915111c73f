"""Help for libraries that know neither conditions nor failures.

Conditions: such a library always proposes every parameter; those that do not exist in a
configuration are dropped on the way out. Failures: it is told the worst value seen so far.
"""

from __future__ import annotations

import math
from typing import Any

from ..space import Space


class Flat:
    """Base of adapters over a flattened space.

    A subclass implements ``propose() -> {name: value}`` with every parameter, remembers what its
    library needs, and implements ``report(value)`` for a finite value.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.worst = -math.inf
        self.waiting = 0  # failures before the first success have no stand-in yet

    def propose(self) -> dict[str, Any]:
        raise NotImplementedError

    def report(self, value: float) -> None:
        raise NotImplementedError

    def ask(self) -> dict[str, Any]:
        return self.space.active(self.propose())

    def tell(self, params: dict[str, Any], value: float) -> None:
        if math.isfinite(value):
            self.worst = max(self.worst, value)
            self.report(value)
        elif math.isfinite(self.worst):
            self.report(self.worst)
        else:
            self.waiting += 1  # nothing is known yet: the library does not hear of it


def place(param: Any, value: Any) -> Any:
    """Turn a library's whole number (a place) into the value of an ordinal or stepped parameter."""
    return param.value(round(float(value)))


def gridded(param: Any) -> bool:
    """Whether a parameter is passed as its place: ordinals and stepped floats."""
    return param.kind == "ordinal" or (param.kind == "float" and param.step is not None)
