"""egobox's Egor with its defaults, after a Latin hypercube of d + 1 points. Flattened; see `flat`.

Log-scaled numbers are passed as logarithms, ordinals and steps as whole numbers.
"""

from __future__ import annotations

import math
from typing import Any

from ..space import Param, Space
from .flat import Flat, gridded, place

VARIANTS = ("",)
PACKAGES = ("egobox",)


class Egobox(Flat):
    """``egobox.Egor.suggest``, which is stateless: the history is kept here."""

    def __init__(self, space: Space, seed: int, n_startup: int = 10) -> None:
        import egobox as egx
        import numpy as np

        super().__init__(space)
        self.seed = seed % 2**31
        specs = [self.spec(egx, p) for _, p in space]
        self.egor = egx.Egor(specs, seed=self.seed)
        self.start = list(np.atleast_2d(egx.lhs(specs, max(n_startup, len(space) + 1), seed=self.seed)))
        self.x: list[Any] = []
        self.y: list[float] = []

    @staticmethod
    def spec(egx: Any, param: Param) -> Any:
        if param.kind == "categorical":
            return egx.XSpec(egx.XType.ENUM, [param.size])
        if gridded(param):
            return egx.XSpec(egx.XType.INT, [0, param.size - 1])
        if param.log:
            return egx.XSpec(egx.XType.FLOAT, [0.0, 1.0])
        return egx.XSpec(egx.XType.INT if param.kind == "int" else egx.XType.FLOAT, [param.low, param.high])

    def propose(self) -> dict[str, Any]:
        import numpy as np

        if self.start:
            self.point = self.start.pop(0)
        else:
            # a seed per suggestion: with one seed for all, the multistart would repeat itself
            suggested = self.egor.suggest(np.array(self.x), np.array(self.y)[:, None], seed=self.seed + len(self.y))
            self.point = np.ravel(suggested)
        out = {}
        for (name, param), value in zip(self.space, self.point, strict=True):
            if param.kind == "categorical" or gridded(param):
                out[name] = place(param, value)
            elif param.log:
                out[name] = param.decode(value)
            else:
                clipped = min(max(float(value), param.low), param.high)
                out[name] = round(clipped) if param.kind == "int" else clipped
        return out

    def report(self, value: float) -> None:
        if math.isfinite(value):
            self.x.append(self.point)
            self.y.append(value)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Egobox:
    return Egobox(space, seed, **options)
