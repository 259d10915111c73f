"""HEBO (winner of NeurIPS 2020's black-box challenge) with its defaults. Flattened; see `flat`."""

from __future__ import annotations

from typing import Any

from ..space import Param, Space
from .flat import Flat, gridded, place

VARIANTS = ("",)
PACKAGES = ("HEBO",)


class Hebo(Flat):
    """``hebo.optimizers.hebo.HEBO``."""

    def __init__(self, space: Space, seed: int, options: dict) -> None:
        import numpy as np
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        super().__init__(space)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        native = DesignSpace().parse([{"name": n, **self.describe(p)} for n, p in space])
        self.optimizer = HEBO(native, scramble_seed=seed % 2**31, **options)

    @staticmethod
    def describe(param: Param) -> dict[str, Any]:
        if param.kind == "categorical":
            return {"type": "cat", "categories": [str(i) for i in range(param.size)]}
        if gridded(param):
            return {"type": "int", "lb": 0, "ub": param.size - 1}
        kind = {("int", False): "int", ("int", True): "pow_int", ("float", False): "num", ("float", True): "pow"}
        base = {"base": 10} if param.log else {}
        return {"type": kind[param.kind, param.log], "lb": param.low, "ub": param.high, **base}

    def propose(self) -> dict[str, Any]:
        self.point = self.optimizer.suggest(n_suggestions=1)
        row = self.point.iloc[0]
        out = {}
        for name, param in self.space:
            if param.kind == "categorical" or gridded(param):
                out[name] = place(param, row[name])
            else:
                clipped = min(max(float(row[name]), param.low), param.high)
                out[name] = round(clipped) if param.kind == "int" else clipped
        return out

    def report(self, value: float) -> None:
        import numpy as np

        self.optimizer.observe(self.point, np.array([[value]]))


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Hebo:
    import warnings

    warnings.filterwarnings("ignore")
    return Hebo(space, seed, options)
