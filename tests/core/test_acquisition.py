"""Acquisition functions against mpmath, their derivatives against differences."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo_fast import _core
from hpo_fast.samplers.gp import ACQUISITIONS

mpmath.mp.dps = 60


def value(kind, mean, variance, best=0.0, beta=1.8):
    return _core.acquisition(ACQUISITIONS.index(kind), np.atleast_1d(mean).astype(float), np.atleast_1d(variance).astype(float), best, beta)


def exact(kind, z):
    z = mpmath.mpf(z)
    cdf = mpmath.erfc(-z / mpmath.sqrt(2)) / 2
    return mpmath.log(cdf if kind == "log_pi" else mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi) + z * cdf)


@pytest.mark.parametrize("kind", ["log_ei", "log_pi"])
@pytest.mark.parametrize("z", [-1e4, -1e3, -100.0, -38.0, -10.0, -5.0, -3.001, -3.0, -2.999, -1.0, -1e-3, 0.0, 1e-3, 1.0, 5.0, 30.0])
def test_to_the_last_digits_from_minus_10000_sigma(kind, z):
    got = value(kind, -z, 1.0)[0][0]
    assert got == pytest.approx(float(exact(kind, z)), rel=1e-13, abs=1e-13)


@given(st.sampled_from(ACQUISITIONS), st.floats(-20, 20), st.floats(0.01, 10), st.floats(-3, 3))
def test_derivatives(kind, mean, variance, best):
    _, by_mean, by_variance = value(kind, mean, variance, best)
    h = 1e-5
    sigma = variance**0.5
    up = value(kind, [mean + h * sigma, mean], [variance, variance * (1 + h)], best)[0]
    down = value(kind, [mean - h * sigma, mean], [variance, variance * (1 - h)], best)[0]
    np.testing.assert_allclose(by_mean[0], (up[0] - down[0]) / (2 * h * sigma), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_variance[0], (up[1] - down[1]) / (2 * h * variance), rtol=1e-4, atol=1e-4)


def test_lcb_and_scale():
    assert value("lcb", 2.0, 9.0, beta=1.5)[0][0] == -(2.0 - 1.5 * 3.0)
    np.testing.assert_allclose(value("log_ei", 5.0, 4.0, best=3.0)[0], value("log_ei", 1.0, 1.0)[0] + np.log(2), rtol=1e-14)
