"""exp and log over arrays."""

import math

import mpmath
import numpy as np
import pytest

from hpo_fast import _core

TINY, HUGE = np.finfo(float).tiny, np.finfo(float).max


def ulps(got: float, exact: mpmath.mpf) -> float:
    return float(abs(mpmath.mpf(got) - exact) / math.ulp(float(exact)))


def test_exp_is_within_two_ulps_over_its_whole_range():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-708, 709.78, 2000), rng.normal(size=1000), rng.uniform(-1, 1, 500) * 1e-8, [0.0, 1.0, -1.0, 709.78]])
    with mpmath.workdps(40):
        assert max(ulps(g, mpmath.exp(mpmath.mpf(v))) for v, g in zip(x.tolist(), _core.exp(x).tolist(), strict=True)) < 2


def test_log_is_within_two_ulps_of_every_magnitude_and_near_one():
    rng = np.random.default_rng(1)
    everywhere = 10.0 ** rng.uniform(-323, 308, 2000)
    x = np.concatenate([everywhere, 1 + rng.uniform(-0.3, 0.5, 1000), 1 + rng.uniform(-1, 1, 300) * 1e-9, [TINY, HUGE, 5e-324, 2.0]])
    with mpmath.workdps(40):
        assert max(ulps(g, mpmath.log(mpmath.mpf(v))) for v, g in zip(x.tolist(), _core.log(x).tolist(), strict=True)) < 2


def test_exp_at_its_edges():
    x = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0, 710.0, 1e308, -709.0, -1e308])
    np.testing.assert_array_equal(_core.exp(x), [0.0, np.inf, np.nan, 1.0, 1.0, np.inf, np.inf, 0.0, 0.0])


def test_log_at_its_edges():
    x = np.array([0.0, -0.0, 1.0, np.inf, np.nan, -1.0, -np.inf, -5e-324])
    np.testing.assert_array_equal(_core.log(x), [-np.inf, -np.inf, 0.0, np.inf, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("name", ["exp", "log", "ndtr", "log_ndtr", "ndtri"])
def test_the_bits_of_an_element_depend_on_neither_position_nor_length(name):
    function = getattr(_core, name)
    x = np.random.default_rng(2).uniform(0.001, 0.999, 67)
    alone = np.array([function(x[i : i + 1])[0] for i in range(len(x))])
    for start in (0, 1, 5, 16, 31):
        for stop in (start, start + 1, start + 15, start + 17, 67):
            assert function(x[start:stop]).tobytes() == alone[start:stop].tobytes()


@pytest.mark.parametrize("name", ["exp", "log", "ndtr", "log_ndtr", "ndtri"])
def test_only_one_dimensional_arrays_are_accepted(name):
    with pytest.raises(ValueError, match="shape"):
        getattr(_core, name)(np.zeros((2, 2)))
