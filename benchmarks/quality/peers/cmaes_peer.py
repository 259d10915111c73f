"""CMA-ES from the package `cmaes`.

Variants
--------
box : CMA-ES in the encoded unit box. Whole numbers, steps and ordinals are snapped; a
    categorical has one coordinate per choice and takes the largest; inactive conditional
    parameters are ignored. Restarts with a doubled population when CMA-ES stops (IPOP).
    Option ``sigma`` (0.3).
catcmawm : CatCMA with margin, which models continuous, discrete and categorical parameters each
    by their own distribution.

The first mean is the centre of the box. Failed evaluations rank behind all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..space import Space

VARIANTS = ("box", "catcmawm")
PACKAGES = ("cmaes",)


class Generations:
    """Feed a generational optimizer one evaluation at a time, and restart it when it stops."""

    def __init__(self, start: Callable[[int], Any], point: Callable, decode: Callable) -> None:
        self.start, self.point, self.decode = start, point, decode
        self.restarts, self.optimizer, self.told = 0, start(0), []

    def ask(self) -> dict[str, Any]:
        self.solution = self.optimizer.ask()
        return self.decode(self.point(self.solution))

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.told.append((self.solution, value if math.isfinite(value) else math.inf))
        if len(self.told) < self.optimizer.population_size:
            return
        finite = [v for _, v in self.told if math.isfinite(v)]
        worst = max(finite, default=0.0)
        worst += abs(worst) + 1.0  # a finite stand-in for failures: only ranks matter
        self.optimizer.tell([(s, v if math.isfinite(v) else worst) for s, v in self.told])
        self.told = []
        if self.optimizer.should_stop():
            self.restarts += 1
            self.optimizer = self.start(self.restarts)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Generations:
    make_one = catcmawm if variant == "catcmawm" else box
    return make_one(space, seed, **options)


def box(space: Space, seed: int, sigma: float = 0.3) -> Generations:
    """CMA-ES over one coordinate per numeric parameter and one per choice."""
    import numpy as np
    from cmaes import CMA

    widths = [len(p.choices) if p.kind == "categorical" else 1 for _, p in space]
    d = max(sum(widths), 2)  # the package needs two coordinates; a spare one is ignored

    def start(restart: int) -> CMA:
        population = (4 + int(3 * math.log(d))) * 2**restart
        return CMA(np.full(d, 0.5), sigma, np.tile([0.0, 1.0], (d, 1)), 100,
                   (seed + restart) % 2**32, population)  # fmt: skip

    def decode(x: Any) -> dict[str, Any]:
        row, at = [], 0
        for width in widths:
            part = x[at : at + width]
            row.append((int(np.argmax(part)) + 0.5) / width if width > 1 else part[0])
            at += width
        return space.decode(row)

    return Generations(start, lambda solution: solution, decode)


def catcmawm(space: Space, seed: int) -> Generations:
    """CatCMA with margin over the kinds of parameters it knows."""
    import numpy as np
    from cmaes import CatCMAwM

    real = [n for n, p in space if p.size is None]
    whole = [n for n, p in space if p.size and p.kind != "categorical" and p.size > 1]
    named = [n for n, p in space if p.kind == "categorical" and p.size > 1]
    single = {n: 0.5 for n, p in space if p.size == 1}

    def start(restart: int) -> CatCMAwM:
        grids = [[space[n].encode(space[n].value(i)) for i in range(space[n].size)] for n in whole]
        return CatCMAwM(
            x_space=[[0.0, 1.0]] * len(real) or None,
            z_space=grids or None,
            c_space=[space[n].size for n in named] or None,
            seed=(seed + restart) % 2**32,
        )

    def decode(solution: Any) -> dict[str, Any]:
        unit = dict(single)
        unit |= dict(zip(real, solution.x if real else (), strict=True))
        unit |= dict(zip(whole, solution.z if whole else (), strict=True))
        for n, one_hot in zip(named, solution.c if named else (), strict=True):
            unit[n] = (int(np.argmax(one_hot[: space[n].size])) + 0.5) / space[n].size
        return space.decode([unit[n] for n in space.params])

    return Generations(start, lambda solution: solution, decode)
