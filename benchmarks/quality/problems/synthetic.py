"""Test functions with known optima, shifted and rotated: nothing sits at a centre or corner.

The box is [-1, 1]^d. With an optimum placed at ``o`` (each coordinate in +-[0.15, 0.7], fixed
per problem) and a random rotation ``R``, the textbook function is evaluated at
``z = z* + scale * R (x - o)``, so its value at ``o`` is the textbook optimum, which for all of
these is a minimum over the whole of R^d. Functions that span decades are scored on
log(1 + gap to the optimum).

Sources: Surjanovic and Bingham's library of test functions; the formulas are textbook
knowledge. ``mixed`` problems put whole numbers, ordinals, choices and conditions around them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..space import Categorical, Float, Int, Ordinal, Space
from .problem import Loader, Problem, deterministic

SOURCE, LICENCE = "textbook formula", "none needed"


def branin(z: np.ndarray) -> float:
    """Optimum 0.397887 at (pi, 2.275)."""
    a, b = z
    bend = b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


HARTMANN_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
                       [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])  # fmt: skip
HARTMANN_P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                              [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])  # fmt: skip
HARTMANN_OPT = np.array([0.20168951, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730053])


def hartmann6(z: np.ndarray) -> float:
    """Optimum -3.322368."""
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-(HARTMANN_A * (z - HARTMANN_P) ** 2).sum(1)))


def ackley(z: np.ndarray) -> float:
    """Optimum 0 at 0."""
    return float(
        -20 * np.exp(-0.2 * np.sqrt(np.mean(z**2))) - np.exp(np.mean(np.cos(2 * np.pi * z)))
        + 20 + math.e
    )  # fmt: skip


def levy(z: np.ndarray) -> float:
    """Optimum 0 at 1."""
    w = 1 + (z - 1) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle.sum() + last)


def rosenbrock(z: np.ndarray) -> float:
    """Optimum 0 at 1."""
    return float((100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum())


def rastrigin(z: np.ndarray) -> float:
    """Optimum 0 at 0."""
    return float(10 * len(z) + (z**2 - 10 * np.cos(2 * np.pi * z)).sum())


def placed(seed: str, function: Callable, at: np.ndarray, scale: float) -> tuple[Callable[[np.ndarray], float], np.ndarray]:
    """Shift and rotate ``function``, whose optimum is ``at``; return it and its new optimum."""
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    d = len(at)
    optimum = rng.choice([-1.0, 1.0], d) * rng.uniform(0.15, 0.7, d)
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    rotation = q * np.sign(np.diag(r))
    return lambda x: function(at + scale * (rotation @ (x - optimum))), optimum


def continuous(name: str, function: Callable, at: np.ndarray, scale: float, score: str) -> Problem:
    """A shifted and rotated function of floats in [-1, 1]."""
    moved, optimum = placed(name, function, at, scale)
    space = Space({f"x{i}": Float(-1.0, 1.0) for i in range(len(at))})
    start = deterministic(lambda p: moved(np.array(list(p.values()))))
    return Problem(name, space, start, SOURCE, LICENCE, score, best=moved(optimum))


def mixed(name: str, function: Callable, at: np.ndarray, scale: float) -> Problem:
    """A function of 5 variables seen through a mixed, partly conditional space.

    A choice adds a small penalty and rotates the meaning of the others; two variables are
    whole numbers or ordinals, one is a log-scaled float, and one exists for two of four choices.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    sizes = (8, 16, 32, 64, 128, 256)
    space = Space(
        {
            "method": Categorical(("a", "b", "c", "d")),
            "size": Ordinal(sizes),
            "depth": Int(1, 12),
            "rate": Float(1e-5, 1.0, log=True),
            "width": Int(4, 512, log=True),
            "flag": Categorical((False, True)),
            "mix": Float(0.0, 1.0).when("method", "b", "c"),
        }
    )
    moved = {m: placed(f"{name}/{m}", function, at, scale)[0] for m in "abcd"}
    penalty = dict(zip("abcd", rng.permutation([0.0, 0.15, 0.4, 1.0]), strict=True))
    unit = function(at + scale * 0.35)  # a typical rise away from the optimum

    def value(params: dict[str, Any]) -> float:
        x = [2 * space[n].encode(params[n]) - 1 for n in ("size", "depth", "rate", "width")]
        x.append(2 * params["mix"] - 1 if "mix" in params else 0.5)
        rise = penalty[params["method"]] + 0.2 * params["flag"]
        return moved[params["method"]](np.array(x)) + unit * rise

    return Problem(name, space, deterministic(value), SOURCE, LICENCE)


PROBLEMS: dict[str, Loader] = {
    name: partial(continuous, name, function, np.asarray(at, float), scale, score)
    for name, function, at, scale, score in (
        ("synthetic/branin", branin, (math.pi, 2.275), 7.0, "linear"),
        ("synthetic/hartmann6", hartmann6, HARTMANN_OPT, 0.6, "linear"),
        ("synthetic/ackley10", ackley, np.zeros(10), 5.0, "linear"),
        ("synthetic/levy10", levy, np.ones(10), 8.0, "log1p"),
        ("synthetic/rosenbrock8", rosenbrock, np.ones(8), 2.5, "log1p"),
        ("synthetic/rastrigin5", rastrigin, np.zeros(5), 4.0, "linear"),
    )
}
PROBLEMS["synthetic/mixed-levy"] = partial(mixed, "synthetic/mixed-levy", levy, np.ones(5), 6.0)
PROBLEMS["synthetic/mixed-rastrigin"] = partial(mixed, "synthetic/mixed-rastrigin", rastrigin, np.zeros(5), 1.5)
