"""Told values to targets: everything below minimises, and a failure is +inf."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

DIRECTIONS = ("minimize", "maximize")
WARPS = ("half-rank", "rank", "standard")
_BUNCHED = 0.98   # of the distance from the median to the best


def check_direction(direction: str) -> str:
    """The direction itself, or a ValueError."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r} must be one of {', '.join(DIRECTIONS)}")
    return direction


def observed(value: Any) -> float:
    """A told value as a float; NaN if it stands for a failed trial (None, NaN or infinite).

    Raises
    ------
    TypeError
        If it is neither a real number nor None.
    """
    if value is None:
        return math.nan
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (str, bytes, complex, np.ndarray, list, tuple, dict)) or not hasattr(value, "__float__"):
        raise TypeError(f"value={value!r} must be one real number, or None for a failed trial")
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    except (TypeError, ValueError):
        raise TypeError(f"value={value!r} must be one real number, or None for a failed trial") from None
    return number if math.isfinite(number) else math.nan


def targets(values: np.ndarray, direction: str) -> np.ndarray:
    """Values (n,), NaN where failed, as targets (n,) to be minimised, +inf where failed."""
    signed = values if direction == "minimize" else -values
    return np.where(np.isnan(signed), np.inf, signed)


def warp(y: np.ndarray, how: str) -> np.ndarray:
    """Targets for a model that believes in normal errors: finite, of mean 0 and variance 1.

    Parameters
    ----------
    y : array (n,)
        To be minimised, finite.
    how : {"half-rank", "rank", "standard"}
        "rank" replaces values by the normal quantiles of their ranks, ties sharing theirs. "half-rank" does so for the half
        that is worse than the median and keeps the spacing of the better half, in units of its root mean square distance to
        the median: outliers cannot hide what distinguishes good values (Song et al., arXiv:2408.11527,
        appendix). Where half of the better half is nearer to the best than a fiftieth of the distance from the median to the best, as with
        losses over ten orders of magnitude, it is "rank". "standard" keeps all distances.

    Returns
    -------
    array (n,)
        All zero if all are equal.
    """
    from scipy.special import ndtri

    if len(y) == 0:
        return y
    z = 0.5 * y   # halved: differences must not overflow
    if how == "standard":
        z = _scaled(z - np.median(z))   # centred first: an offset must not hide what differs
    else:
        quantile = ndtri((_ranks(y) - 0.5) / len(y))
        if how == "rank":
            z = quantile
        else:
            good = z <= np.median(z)
            distance = _scaled(z[good] - np.median(z))
            z = np.maximum(quantile, 0.0)
            z[good] = distance / (np.sqrt(np.mean(distance**2)) or 1.0)
            if np.median(distance) < -_BUNCHED:   # the median is so far off that the better half looks all the same
                z = quantile
    z = z - z.mean()
    deviation = z.std()
    return z / deviation if deviation > 1e-12 else np.zeros(len(y))


def _scaled(z: np.ndarray) -> np.ndarray:
    """z over its largest size: squares of 1e300 overflow, and of 1e-300 vanish."""
    largest = np.abs(z).max()
    return z / largest if largest > 0 else z


def _ranks(y: np.ndarray) -> np.ndarray:
    """Ranks (n,) from 1, ties share their mean: scipy.stats.rankdata, whose import takes longer than a hundred suggestions."""
    _, group, count = np.unique(y, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - 0.5 * (count - 1))[group]
