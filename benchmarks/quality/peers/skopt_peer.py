"""scikit-optimize: a GP (default) or a forest, with its defaults. Flattened; see `flat`."""

from __future__ import annotations

from typing import Any

from ..space import Param, Space
from .flat import Flat, gridded, place

VARIANTS = ("gp", "rf")
PACKAGES = ("scikit-optimize",)


class Skopt(Flat):
    """``skopt.Optimizer``."""

    def __init__(self, space: Space, variant: str, seed: int, options: dict) -> None:
        import skopt

        super().__init__(space)
        dimensions = [self.dimension(p) for _, p in space]
        self.optimizer = skopt.Optimizer(dimensions, variant.upper(), random_state=seed % 2**31, **options)

    @staticmethod
    def dimension(param: Param) -> Any:
        from skopt.space import Categorical, Integer, Real

        prior = "log-uniform" if param.log else "uniform"
        if param.kind == "categorical":
            return Categorical(list(range(param.size)))
        if gridded(param):
            return Integer(0, param.size - 1)
        return (Integer if param.kind == "int" else Real)(param.low, param.high, prior=prior)

    def propose(self) -> dict[str, Any]:
        self.point = self.optimizer.ask()
        out = {}
        for (name, param), value in zip(self.space, self.point, strict=True):
            if param.kind == "categorical" or gridded(param):
                out[name] = place(param, value)
            elif param.kind == "int":
                out[name] = int(value)
            else:
                out[name] = min(max(float(value), param.low), param.high)
        return out

    def report(self, value: float) -> None:
        self.optimizer.tell(self.point, value)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Skopt:
    import warnings

    warnings.filterwarnings("ignore")
    return Skopt(space, variant, seed, options)
