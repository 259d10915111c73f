"""Quantized ranges and those without an end, against draws of their definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import hpo_fast as hf
from hpo_fast.interchange.distributions import log_multiples, multiples, normal


@pytest.mark.parametrize(
    ("low", "high", "q", "expected"),
    [
        (0, 10, 2, hf.Int(0, 10, step=2)),
        (-7, 7, 5, hf.Int(-5, 5, step=5)),
        (0.0, 0.9, 0.3, hf.Float(0.0, 0.9, step=0.3)),
        (0.1, 0.3, 0.1, hf.Float(0.1, 0.3, step=0.1)),
        # Halfway bounds round inwards, whichever side of the half their rounding errors put them.
        (0.5, 10.5, 1, hf.Int(1, 10)),
        (0.5, 3.5, 1, hf.Int(1, 3)),
        (-10.5, -0.5, 1, hf.Int(-10, -1)),
        (-0.5, 0.5, 1, hf.Int(0, 0)),
        (1, 7, 2, hf.Int(2, 6, step=2)),
        (0.05, 0.95, 0.1, hf.Float(0.1, 0.9, step=0.1)),
        (0.15, 0.35, 0.1, hf.Float(0.2, 0.3, step=0.1)),
        (1e8 + 0.05, 1e8 + 0.35, 0.1, hf.Float(1e8 + 0.1, 1e8 + 0.3, step=0.1)),
        # One value at least, and never another integer.
        (0.5, 0.5, 1, hf.Int(0, 0)),
        (1.5, 1.5, 1, hf.Int(2, 2)),
        (1.5, np.nextafter(1.5, 2), 1, hf.Int(2, 2)),
        (0.4, 0.45, 1, hf.Int(0, 0)),
        (2**51 + 1, 2**52 - 1, 1, hf.Int(2**51 + 1, 2**52 - 1)),
    ],
)
def test_multiples(low: float, high: float, q: float, expected: hf.Float | hf.Int) -> None:
    assert multiples(low, high, q) == expected
    assert multiples(low, high, q, hf.Normal(low, 1)).prior == hf.Normal(low, 1)


@pytest.mark.parametrize(("low", "high", "q"), [(1, 64, 4), (0.5, 20.0, 0.5), (2, 6, 4), (1.25, 3.75, 0.5)])
def test_log_multiples_are_a_rounded_loguniform(low: float, high: float, q: float) -> None:
    parameter = log_multiples(low, high, q)
    drawn = np.round(stats.loguniform(low, high).rvs(20_000, random_state=0) / q) * q
    space = hf.Space({"x": parameter})
    ours = space.columns(space.sample(20_000, seed=0))["x"]
    levels = np.linspace(low, high, 30)
    np.testing.assert_allclose([np.mean(ours <= x) for x in levels], [np.mean(drawn <= x) for x in levels], atol=0.02)
    assert all(type(v) is type(q) for v in space.decode(space.sample(3))[0].values())
    assert set(ours) == set(drawn)


def test_log_multiples_of_one_are_integers() -> None:
    assert log_multiples(3, 1000, 1) == log_multiples(3.0, 1000.0, 1.0) == hf.Int(3, 1000, log=True)
    assert log_multiples(0.5, 10.5, 1) == hf.Int(1, 10, log=True)


def test_log_multiples_of_which_there_is_one() -> None:
    assert log_multiples(7.5, np.nextafter(7.5, 8), 5) == hf.Ordinal([10])
    assert log_multiples(7.0, 7.0, 5) == hf.Ordinal([5])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: multiples(0, 1, 0), "q=0 must be positive"),
        (lambda: multiples(3.5, 0.5, 1), "low=4 is above high=0"),
        (lambda: log_multiples(0, 1, 0.1), "bounds 0 and 1 of a logarithmic range must be positive, and in order"),
        (lambda: log_multiples(2, 1, 0.1), "in order"),
        (lambda: log_multiples(1, 1e9, 2), "500000000 values, more than 10000"),
    ],
)
def test_errors(call: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def test_tails() -> None:
    cut = normal(3, 2)
    assert cut == hf.Float(cut.low, cut.high, prior=hf.Normal(3, 2))
    assert stats.norm(3, 2).cdf(cut.low) == pytest.approx(3.2e-5, abs=1e-6) == stats.norm(3, 2).sf(cut.high)
