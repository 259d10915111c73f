"""Distributions that other libraries know, as parameters: normal ones, which have no bounds, and quantised ones."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from hpo_fast.choices import Ordinal
from hpo_fast.parameters import Float, Int, Parameter
from hpo_fast.priors import LogNormal, Normal, Prior

TAIL = 4.0   # standard deviations at which a normal distribution is cut off
MANY = 10_000   # the most values of a quantised logarithmic range


def log_uniform(low: float, high: float, q: float | None = None) -> Parameter:
    """``exp(u)`` with u uniform between `low` and `high`; with `q`, to the nearest multiple of it."""
    bounds = _exp(low), _exp(high)
    return Float(*bounds, log=True) if q is None else log_multiples(*bounds, q)


def normal(mu: float, sigma: float, q: float | None = None) -> Parameter:
    """The normal distribution, cut off at :data:`TAIL` standard deviations; with `q`, its multiples."""
    low, high, prior = mu - TAIL * sigma, mu + TAIL * sigma, Normal(mu, sigma)
    return Float(low, high, prior=prior) if q is None else multiples(low, high, q, prior)


def log_normal(mu: float, sigma: float, q: float | None = None) -> Parameter:
    """``exp`` of :func:`normal`; with `q`, its multiples, at equal distances."""
    low, high, prior = _exp(mu - TAIL * sigma), _exp(mu + TAIL * sigma), LogNormal(_exp(mu), sigma)
    return Float(low, high, log=True, prior=prior) if q is None else multiples(low, high, q, prior)


def multiples(low: float, high: float, q: float, prior: Prior | None = None) -> Parameter:
    """What the numbers between the bounds are when rounded to multiples of `q`: an Int if `q` is one."""
    first, last = _multiples(low, high, q)
    if isinstance(q, int):
        return Int(first * q, last * q, step=q, prior=prior)
    return Float(_times(first, q), _times(last, q), step=q, prior=prior)


def log_multiples(low: float, high: float, q: float) -> Parameter:
    """:func:`multiples` on a log scale: an Int with ``log=True`` if `q` is 1, else an Ordinal whose prior says how likely each is."""
    if not 0 < low <= high:
        raise ValueError(f"the bounds {low!r} and {high!r} of a logarithmic range must be positive, and in order")
    first, last = _multiples(low, high, q)
    if q == 1 and first > 0:
        return Int(first, last, log=True)
    if last - first >= MANY:
        raise ValueError(f"q={q!r} makes {last - first + 1} values, more than {MANY}: use a q of 1, or no q")
    levels = [k * q if isinstance(q, int) else _times(k, q) for k in range(first, last + 1)]
    edges = np.log(np.clip((np.arange(first, last + 2) - 0.5) * q, low, high))   # that round to each level
    return Ordinal(levels, prior=np.diff(edges).tolist() if first < last else None)


def _multiples(low: float, high: float, q: float) -> tuple[int, int]:
    """The first and the last k for which a number between the bounds rounds to ``k * q``.

    People write 0.5 to 10.5 for the integers 1 to 10, each as likely as the others. A bound halfway between two multiples rounds to the
    one inside: the one outside is hit by the bound alone. So the bounds move inwards, by their rounding errors in steps but never by as
    much as makes an integer another one, nor past each other.
    """
    if q <= 0:
        raise ValueError(f"q={q!r} must be positive")
    a, b = low / q, high / q
    inwards = min(1e-9 + 4 * math.ulp(max(abs(a), abs(b))), 0.1, abs(b - a) / 2)
    return round(a + inwards), round(b - inwards)


def _times(k: int, q: float) -> float:
    return float(k * Decimal(repr(q)))   # 0.3, not 3 * 0.1


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        raise ValueError(f"exp({value!r}) overflows: the bounds of a logarithmic distribution are exponents: give their logarithms") from None
