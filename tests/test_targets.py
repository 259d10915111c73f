"""Told values, and targets to be minimised."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import rankdata

from hpo_fast.targets import WARPS, _ranks, observed, targets, warp


@pytest.mark.parametrize("value", [1, 1.0, True, np.float32(1), np.int8(1), np.array(1), Fraction(1), Decimal(1), np.True_])
def test_real_numbers(value):
    assert observed(value) == 1.0
    assert type(observed(value)) is float


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, 10**400, np.float32("nan"), Decimal("NaN"), np.array(np.inf)])
def test_failures(value):
    assert math.isnan(observed(value))


class Broken:
    def __float__(self):
        raise ValueError("no")


@pytest.mark.parametrize("value", ["1", b"1", 1j, np.array([1.0]), [1], (1,), {}, object(), Broken(), np.complex128(1), np.array("a")])
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match="must be one real number, or None"):
        observed(value)


def test_targets():
    values = np.array([1.0, np.nan, -2.0])
    assert targets(values, "minimize").tolist() == [1, math.inf, -2]
    assert targets(values, "maximize").tolist() == [-1, math.inf, 2]
    assert targets(np.empty(0), "maximize").shape == (0,)
    assert values[0] == 1.0


finite = st.floats(-1e300, 1e300)


@given(st.lists(finite, max_size=60), st.sampled_from(WARPS))
def test_warped_targets_are_finite_standardised_and_keep_the_order(y, how):
    z = warp(np.array(y), how)
    assert np.isfinite(z).all()
    if z.any():
        assert abs(z.mean()) < 1e-9 and abs(z.std() - 1) < 1e-9
    assert (np.diff(z[np.argsort(y, kind="stable")]) >= -1e-12).all()


def test_half_rank_keeps_the_spacing_of_the_better_half_and_tames_the_worse():
    y = np.array([0.0, 1.0, 3.0, 4.0, 10.0, 1e9, 1e300])
    z = warp(y, "half-rank")
    np.testing.assert_allclose(np.diff(z[:4]) / (z[1] - z[0]), [1, 2, 1], rtol=1e-12)
    assert z.max() - z[3] < 3 * (z[3] - z[0])
    np.testing.assert_allclose(warp(10 * y - 5, "half-rank"), z, rtol=1e-12)


def test_half_rank_is_rank_where_the_better_half_would_look_the_same():
    y = 10.0 ** np.arange(-6, 7)   # median 1
    np.testing.assert_array_equal(warp(y, "half-rank"), warp(y, "rank"))
    for better in ([0.0, 0.3, 0.9, 1.0], [0.0, 0.01, 0.5, 0.6]):   # of a median of 1: half of them far from the best
        z = warp(np.array([*better, 1.0, 5.0, 6.0, 7.0, 8.0]), "half-rank")
        assert (z[1] - z[0]) / (z[3] - z[0]) == pytest.approx(better[1] / better[3])


def test_rank_warping_gives_normal_quantiles_and_ties_share_theirs():
    z = warp(np.array([5.0, 1.0, 7.0, 1.0, 7.0]), "rank")
    q = ndtri((np.array([3.0, 1.5, 4.5, 1.5, 4.5]) - 0.5) / 5)
    np.testing.assert_allclose(z, (q - q.mean()) / q.std(), rtol=1e-12)


def test_an_offset_does_not_hide_what_differs():
    y = np.rint(100 * np.sin(np.arange(20.0)))
    for how in WARPS:
        np.testing.assert_allclose(warp(2.0**45 + y, how), warp(y, how), atol=1e-12)


def test_standard_is_affine_and_equal_targets_are_zero():
    y = np.array([1.0, 2.0, 7.0, 7.0])
    np.testing.assert_allclose(warp(y, "standard"), (y - 4.25) / np.std(y), rtol=1e-12)
    assert not warp(np.full(3, 4.0), "standard").any() and not warp(np.full(3, 4.0), "half-rank").any()


@given(st.lists(st.one_of(finite, st.integers(0, 3).map(float), st.just(np.inf)), min_size=1, max_size=40))
def test_ranks_are_scipys(y):
    np.testing.assert_array_equal(_ranks(np.array(y)), rankdata(y))
