"""Ranges as hosts give them that no parameter says by itself: quantized ones, and those without an end."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from hpo_fast.parameters import Float, Int, Ordinal, Parameter
from hpo_fast.priors import Prior

_TAIL = 4.0   # standard deviations at which a normal distribution is cut off
_MANY = 10_000   # the most values of a quantized logarithmic range


def tails(mean: float, std: float) -> tuple[float, float]:
    """Where a normal distribution, which has no bounds, is cut off."""
    return mean - _TAIL * std, mean + _TAIL * std


def multiples(low: float, high: float, q: float, prior: Prior | None = None) -> Parameter:
    """The multiples of q that are nearest to the bounds, and those between: integers if q is one."""
    if q <= 0:
        raise ValueError(f"q={q!r} must be positive")
    first, last = round(low / q), round(high / q)
    if isinstance(q, int):
        return Int(first * q, last * q, step=q, prior=prior)
    return Float(_times(first, q), _times(last, q), step=q, prior=prior)


def log_multiples(low: float, high: float, q: float) -> Parameter:
    """The same multiples, drawn as a loguniform that is rounded to them: an Int if q is 1, otherwise an Ordinal with a prior."""
    if not (0 < low <= high and q > 0):
        raise ValueError(f"the bounds and q of a logarithmic range must be positive and in order, got {low!r}, {high!r} and q={q!r}")
    first, last = round(low / q), round(high / q)
    if q == 1 and first > 0:
        return Int(first, last, log=True)
    if last - first >= _MANY:
        raise ValueError(f"q={q!r} makes {last - first + 1} values, more than {_MANY}: use a q of 1, a larger one or none")
    levels = [k * q if isinstance(q, int) else _times(k, q) for k in range(first, last + 1)]
    edges = np.log(np.clip((np.arange(first, last + 2) - 0.5) * q, low, high))   # that round to each level
    return Ordinal(levels, prior=np.diff(edges).tolist() if low < high else None)


def _times(k: int, q: float) -> float:
    return float(k * Decimal(repr(q)))   # 0.3, not 3 * 0.1
