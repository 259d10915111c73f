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
    ],
)
def test_multiples(low: float, high: float, q: float, expected: hf.Float | hf.Int) -> None:
    assert multiples(low, high, q) == expected
    assert multiples(low, high, q, hf.Normal(0, 1)).prior == hf.Normal(0, 1)


@pytest.mark.parametrize(("low", "high", "q"), [(1, 64, 4), (0.5, 20.0, 0.5)])
def test_log_multiples_are_a_rounded_loguniform(low: float, high: float, q: float) -> None:
    parameter = log_multiples(low, high, q)
    drawn = np.round(stats.loguniform(low, high).rvs(20_000, random_state=0) / q) * q
    space = hf.Space({"x": parameter})
    ours = space.columns(space.sample(20_000, seed=0))["x"]
    levels = np.linspace(low, high, 30)
    np.testing.assert_allclose([np.mean(ours <= x) for x in levels], [np.mean(drawn <= x) for x in levels], atol=0.02)
    assert all(type(v) is type(q) for v in space.decode(space.sample(3))[0].values())


def test_log_multiples_of_one_are_integers() -> None:
    assert log_multiples(3, 1000, 1) == log_multiples(3.0, 1000.0, 1.0) == hf.Int(3, 1000, log=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: multiples(0, 1, 0), "q=0 must be positive"),
        (lambda: log_multiples(0, 1, 0.1), "bounds 0 and 1 of a logarithmic range must be positive, and in order"),
        (lambda: log_multiples(2, 1, 0.1), "in order"),
        (lambda: log_multiples(1, 1e9, 2), "500000001 values, more than 10000"),
    ],
)
def test_errors(call: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def test_tails() -> None:
    cut = normal(3, 2)
    assert cut == hf.Float(cut.low, cut.high, prior=hf.Normal(3, 2))
    assert stats.norm(3, 2).cdf(cut.low) == pytest.approx(3.2e-5, abs=1e-6) == stats.norm(3, 2).sf(cut.high)
