"""Parameters that were declared on another scale than their natural one, as people do who leave ``log=True`` out, or put it where it does not belong.

Each problem is a bowl in the natural units, its optimum at a place of its own; parameters that are declared as they should be stand beside the
others. They are no part of the suite "standard": input warping is there for such problems, and they say how much it helps.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..space import Categorical, Float, Int, Param, Space
from .problem import Loader, Problem, deterministic

SOURCE, LICENCE = "formula", "none needed"

Natural = Callable[[float], float]
"""The place of a value in [0, 1], in natural units."""


def logarithmic(low: float, high: float) -> Natural:
    return lambda x: math.log(max(x, low) / low) / math.log(high / low)


def near_one(x: float) -> float:
    """Of a momentum or a discount: what matters is how far it is from 1."""
    return math.log(1.0001 - x) / math.log(1e-4)


def bowl(name: str, wrong: Mapping[str, tuple[Param, Natural]], right: int, weight: float, decay: float = 1.0) -> Problem:
    """The squared distance to the optimum, the k-th parameter of either kind weighing ``decay**k``, `weight` times that if it is a wrong one."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    at = dict(zip(wrong, rng.uniform(0.35, 0.65, len(wrong)), strict=True))
    others = rng.uniform(0.2, 0.8, right)
    space = Space({n: p for n, (p, _) in wrong.items()} | {f"x{i}": Float(0.0, 1.0) for i in range(right)})

    def value(params: dict[str, Any]) -> float:
        by_wrong = sum(decay**k * (natural(params[n]) - at[n]) ** 2 for k, (n, (_, natural)) in enumerate(wrong.items()))
        return weight * by_wrong + sum(decay**k * (params[f"x{k}"] - others[k]) ** 2 for k in range(right))

    best = {n: min(range(p.low, p.high + 1), key=lambda x: abs(natural(x) - at[n])) for n, (p, natural) in wrong.items() if p.kind == "int"}
    off = sum(decay**k * (natural(best[n]) - at[n]) ** 2 for k, (n, (_, natural)) in enumerate(wrong.items()) if n in best)
    return Problem(name, space, deterministic(value), SOURCE, LICENCE, best=weight * off)


def svm(name: str) -> Problem:
    """Of a support vector machine C and, for two of three kernels, gamma, both declared linear."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    at_c, at_gamma = rng.uniform(0.4, 0.7), rng.uniform(0.3, 0.6)
    best = str(rng.choice(["rbf", "poly"]))
    space = Space({"kernel": Categorical(("rbf", "poly", "linear")), "C": Float(1e-3, 1e3), "gamma": Float(1e-4, 10.0).when("kernel", "rbf", "poly")})
    of_c, of_gamma = logarithmic(1e-3, 1e3), logarithmic(1e-4, 10.0)

    def value(params: dict[str, Any]) -> float:
        gamma = 8 * (of_gamma(params["gamma"]) - at_gamma) ** 2 if "gamma" in params else 0.1
        return 0.05 * (params["kernel"] != best) + 0.6 * (1 - math.exp(-12 * (of_c(params["C"]) - at_c) ** 2 - gamma))

    return Problem(name, space, deterministic(value), SOURCE, LICENCE, best=0.0)


RATE = (Float(1e-6, 1.0), logarithmic(1e-6, 1.0))
COUNT = (Int(1, 10_000), logarithmic(1, 10_000))

PROBLEMS: dict[str, Loader] = {
    "scales/rate": partial(bowl, "scales/rate", {"rate": RATE}, 4, 4.0),
    "scales/rates": partial(bowl, "scales/rates", {f"rate{i}": RATE for i in range(3)}, 2, 1.0),
    "scales/momentum": partial(bowl, "scales/momentum", {f"momentum{i}": (Float(0.0, 0.9999), near_one) for i in range(2)}, 3, 3.0),
    "scales/counts": partial(bowl, "scales/counts", {f"count{i}": COUNT for i in range(2)}, 3, 3.0),
    "scales/shares": partial(bowl, "scales/shares", {f"share{i}": (Float(1e-4, 1.0, log=True), float) for i in range(4)}, 0, 1.0),
    "scales/many": partial(bowl, "scales/many", {f"rate{i}": (Float(1e-4, 1.0), logarithmic(1e-4, 1.0)) for i in range(6)}, 6, 2.0, 0.6),
    "scales/svm": partial(svm, "scales/svm"),
}
