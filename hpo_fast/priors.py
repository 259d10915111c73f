"""Where a user expects the good values of a parameter: ``prior=`` of Float and Int.

A prior is a distribution over the parameter's values, cut off at its range. Start-up points and random suggestions follow it;
the models take it as a hint that fades as results come in, so that a wrong one costs time but not the result.

A prior is known by its mass in each of 1,024 equal parts of the range (of the logarithm, on a log scale): one that is narrower than a
part acts as if it were that wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpo_fast.checks import check_number

__all__ = ["Beta", "LogNormal", "Normal", "Prior"]


def _positive(owner: str, name: str, value: Any) -> float:
    number = check_number(owner, name, value)
    if number <= 0:
        raise ValueError(f"{owner}: {name}={value!r} must be positive")
    return number


class Prior:
    """What the three distributions share. Not to be created itself."""

    def cdf(self, values: np.ndarray, low: float, high: float, log: bool) -> np.ndarray:
        """Mass at or below each of `values` (n,), ascending, of a parameter with the range [low, high]."""
        raise TypeError("use Normal, LogNormal or Beta")

    def __init_subclass__(cls) -> None:
        _TYPES[cls.__name__.lower()] = cls


_TYPES: dict[str, type[Prior]] = {}


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z.tolist()])


@dataclass(frozen=True)
class Normal(Prior):
    """Around `mean`, with the standard deviation `std`, both in the parameter's own units.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a finite number, or `std` is not positive.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", check_number("Normal", "mean", self.mean))
        object.__setattr__(self, "std", _positive("Normal", "std", self.std))

    def cdf(self, values: np.ndarray, low: float, high: float, log: bool) -> np.ndarray:
        return _normal_cdf((values - self.mean) / self.std)


@dataclass(frozen=True)
class LogNormal(Prior):
    """Around `median`, within a factor of ``exp(sigma)`` about two thirds of the time: the logarithm is normal.

    Parameters
    ----------
    median : float
        In the parameter's own units; positive.
    sigma : float
        Standard deviation of the natural logarithm: ``log(3)`` for "give or take a factor of three".

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive finite number.
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "median", _positive("LogNormal", "median", self.median))
        object.__setattr__(self, "sigma", _positive("LogNormal", "sigma", self.sigma))

    def cdf(self, values: np.ndarray, low: float, high: float, log: bool) -> np.ndarray:
        below = np.zeros(len(values))
        above = values > 0
        below[above] = _normal_cdf((np.log(values[above]) - math.log(self.median)) / self.sigma)
        return below


@dataclass(frozen=True)
class Beta(Prior):
    """The beta distribution over the parameter's range, over that of its logarithm with ``log=True``.

    Parameters
    ----------
    alpha, beta : float
        Shapes: (2, 2) prefers the middle, (2, 5) the lower part with the mode at 1/5 of the range.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive finite number.
    """

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _positive("Beta", "alpha", self.alpha))
        object.__setattr__(self, "beta", _positive("Beta", "beta", self.beta))

    def cdf(self, values: np.ndarray, low: float, high: float, log: bool) -> np.ndarray:
        from scipy.special import betainc

        # Differences of logarithms, as in the core: high / low may overflow.
        t = (np.log(values) - math.log(low)) / (math.log(high) - math.log(low)) if log else (values - low) / (high - low)
        return np.asarray(betainc(self.alpha, self.beta, np.clip(t, 0.0, 1.0)))


def prior_to_dict(prior: Prior) -> dict[str, Any]:
    """A JSON-safe description of a prior."""
    return {"type": type(prior).__name__.lower(), **vars(prior)}


def prior_from_dict(data: dict[str, Any]) -> Prior:
    """The prior of :func:`prior_to_dict`; KeyError or TypeError for anything else."""
    rest = dict(data)
    return _TYPES[rest.pop("type")](**rest)
