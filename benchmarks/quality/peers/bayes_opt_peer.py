"""bayesian-optimization: numbers in the encoded unit box, choices natively. Flattened; see `flat`.

The package has no start-up of its own in ask-and-tell use: ten random points, as in its
``maximize`` loop's spirit (its default there is five).
"""

from __future__ import annotations

from typing import Any

from ..space import Space
from .flat import Flat

VARIANTS = ("",)
PACKAGES = ("bayesian-optimization",)


class BayesOpt(Flat):
    """``bayes_opt.BayesianOptimization``, which maximizes."""

    def __init__(self, space: Space, seed: int, n_startup: int = 10) -> None:
        from bayes_opt import BayesianOptimization

        super().__init__(space)
        bounds = {n: tuple(map(str, range(p.size))) if p.kind == "categorical" else (0.0, 1.0) for n, p in space}
        self.optimizer = BayesianOptimization(None, bounds, random_state=seed % 2**31, verbose=0, allow_duplicate_points=True)
        self.left = n_startup

    def propose(self) -> dict[str, Any]:
        if self.left > 0:
            self.left -= 1
            space = self.optimizer.space
            self.point = space.array_to_params(space.random_sample())
        else:
            self.point = self.optimizer.suggest()
        return {n: p.value(int(self.point[n])) if p.kind == "categorical" else p.decode(self.point[n]) for n, p in self.space}

    def report(self, value: float) -> None:
        self.optimizer.register(self.point, -value)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> BayesOpt:
    import warnings

    warnings.filterwarnings("ignore")
    return BayesOpt(space, seed, **options)
