"""The normal distribution, in both tails and where differences cancel."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo_fast import _core

DIGITS = 60


def phi_mp(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def mass_mp(a: float, b: float) -> mpmath.mpf:
    """Phi(b) - Phi(a) with digits to spare: far out the difference is taken in the tail where it lies."""
    if a + b > 0:
        a, b = -b, -a
    return phi_mp(mpmath.mpf(b)) - phi_mp(mpmath.mpf(a))


def relative(got: np.ndarray, exact: list) -> float:
    return max(float(abs(mpmath.mpf(g) - e) / abs(e)) for g, e in zip(got.tolist(), exact, strict=True))


def test_ndtr_is_accurate_in_both_tails():
    x = np.concatenate([np.linspace(-37.5, 8.2, 900), np.random.default_rng(0).normal(size=300), [0.0, -1e-300, 1e-9]])
    with mpmath.workdps(DIGITS):
        assert relative(_core.ndtr(x), [phi_mp(mpmath.mpf(v)) for v in x.tolist()]) < 2e-15


def test_log_ndtr_is_accurate_from_the_far_left_to_the_far_right():
    x = np.concatenate([-np.logspace(-8, 4, 300), np.linspace(-40, 37, 600), np.logspace(-8, 1.5, 200)])
    with mpmath.workdps(2 * DIGITS):
        exact = [mpmath.log1p(-phi_mp(-mpmath.mpf(v))) if v > 0 else mpmath.log(phi_mp(mpmath.mpf(v))) for v in x.tolist()]
        assert relative(_core.log_ndtr(x), exact) < 2e-15


def test_ndtri_inverts_ndtr_over_all_magnitudes_of_p():
    p = np.concatenate([np.logspace(-307, -1, 300), np.linspace(0.001, 0.999, 500), 1.0 - np.logspace(-15, -2, 100)])
    x = _core.ndtri(p)
    with mpmath.workdps(DIGITS):
        for value, q in zip(x.tolist(), p.tolist(), strict=True):   # one Newton step from the answer must not move it
            v = mpmath.mpf(value)
            step = (phi_mp(v) - mpmath.mpf(q)) / mpmath.npdf(v)
            assert abs(step) <= 2e-15 * abs(v) + 2e-16


def test_ndtri_is_monotone_and_odd():
    p = np.sort(np.random.default_rng(1).uniform(size=2000))
    assert (np.diff(_core.ndtri(p)) >= -1e-15).all()
    q = np.linspace(0.0, 0.5, 257)   # exact complements
    np.testing.assert_allclose(_core.ndtri(1.0 - q)[1:], -_core.ndtri(q)[1:], rtol=1e-14, atol=1e-15)


def test_functions_at_their_edges():
    inf, nan = np.inf, np.nan
    np.testing.assert_array_equal(_core.ndtr(np.array([-inf, inf, nan, -1e300, 1e300, -40.0])), [0.0, 1.0, nan, 0.0, 1.0, 0.0])
    assert abs(_core.ndtr(np.zeros(1))[0] - 0.5) <= math.ulp(0.5)
    np.testing.assert_array_equal(_core.log_ndtr(np.array([-inf, inf, nan])), [-inf, 0.0, nan])
    np.testing.assert_array_equal(_core.ndtri(np.array([0.0, 1.0, nan, -0.1, 1.1, 0.5])), [-inf, inf, nan, nan, nan, 0.0])
    a = np.array([-inf, -inf, 0.0, 1.0, 2.0, inf, -inf, nan, 0.0, -inf])
    b = np.array([inf, 0.0, inf, 1.0, 1.0, inf, -inf, 0.0, nan, nan])
    got = _core.log_interval_mass(a, b)
    np.testing.assert_allclose(got, [0.0, -math.log(2), -math.log(2), -inf, nan, -inf, -inf, nan, nan, nan], atol=1e-15)


def interval_cases() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    start = np.concatenate([rng.uniform(-38, 38, 500), rng.normal(size=500), np.repeat([0.0, -0.015, 0.01, -30.0, 30.0, -5.0, 5.0], 20)])
    width = 10.0 ** rng.uniform(-14, 1.5, len(start))
    end = start + width
    keep = end > start
    return start[keep], end[keep]


def test_log_interval_mass_is_accurate_for_wide_and_narrow_intervals_in_both_tails():
    a, b = interval_cases()
    got = _core.log_interval_mass(a, b)
    with mpmath.workdps(80):
        exact = [mpmath.log(mass_mp(x, y)) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
        for g, e in zip(got.tolist(), exact, strict=True):
            assert abs(mpmath.mpf(g) - e) < 5e-14 + 4e-16 * abs(e)


def test_log_interval_mass_is_symmetric():
    a, b = interval_cases()
    np.testing.assert_array_equal(_core.log_interval_mass(a, b), _core.log_interval_mass(-b, -a))


@given(st.floats(-30, 30), st.floats(1e-6, 10), st.floats(1e-6, 10))
@settings(deadline=None)
def test_masses_of_adjacent_intervals_add_up(a, first, second):
    m, b = a + first, a + first + second
    left, right, whole = _core.log_interval_mass(np.array([a, m, a]), np.array([m, b, b]))
    assert np.logaddexp(left, right) == pytest.approx(whole, rel=1e-9, abs=1e-9)


@given(st.floats(-1e4, 1e4))
@settings(deadline=None)
def test_half_lines_agree_with_log_ndtr(x):
    below, above = _core.log_interval_mass(np.array([-np.inf, x]), np.array([x, np.inf]))
    assert below == pytest.approx(_core.log_ndtr(np.array([x]))[0], rel=1e-13, abs=1e-300)
    assert above == pytest.approx(_core.log_ndtr(np.array([-x]))[0], rel=1e-13, abs=1e-300)


def test_log_interval_mass_does_not_depend_on_position():
    a, b = interval_cases()
    whole = _core.log_interval_mass(a, b)
    for start, stop in ((1, 18), (7, 8), (16, 33), (3, len(a))):
        assert _core.log_interval_mass(a[start:stop], b[start:stop]).tobytes() == whole[start:stop].tobytes()


def test_log_interval_mass_needs_arrays_of_one_length():
    with pytest.raises(ValueError, match="shape"):
        _core.log_interval_mass(np.zeros(2), np.zeros(3))
