"""The Cholesky factor against SciPy, and LAPACK from its capsules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from hpo_fast import _core
from hpo_fast.samplers.gp import load_lapack

load_lapack()


def covariance(n, seed, rank=None):
    a = np.random.default_rng(seed).normal(size=(n, rank or n + 3))
    return a @ a.T


@given(st.integers(1, 60), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_factor_solves_log_determinant_and_inverse(n, seed):
    k = covariance(n, seed)
    b = np.random.default_rng(seed + 1).normal(size=(3, n))
    c = _core.Cholesky()
    c.factor(k)
    lower = linalg.cholesky(k, lower=True)
    assert len(c) == n and c.jitter == 0
    for rows in (b, b[:1]):
        np.testing.assert_allclose(c.solve_lower(rows), linalg.solve_triangular(lower, rows.T, lower=True).T, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(c.solve_upper(rows), linalg.solve_triangular(lower.T, rows.T).T, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(c.log_determinant, np.linalg.slogdet(k)[1], rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(np.tril(c.inverse()), np.tril(np.linalg.inv(k)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n", [1, 3, 4, 6, 33, 200])   # four rows at a time
def test_any_number_of_right_sides_is_solved_as_each_of_them(n):
    rng = np.random.default_rng(n)
    k = covariance(n, n) + n * np.eye(n)
    c = _core.Cholesky()
    c.factor(k)
    lower = linalg.cholesky(k, lower=True)
    for m in (1, 2, 4, 5, 8, 9, 12, 13, 16, 137, 700):   # four or eight at a time, 655 of 200 in cache
        b = rng.normal(size=(m, n))
        for solved, factor, is_lower in ((c.solve_lower, lower, True), (c.solve_upper, lower.T, False)):
            np.testing.assert_allclose(solved(b), linalg.solve_triangular(factor, b.T, lower=is_lower).T, rtol=1e-10, atol=1e-12)
            assert np.array_equal(solved(b), np.concatenate([solved(row[None]) for row in b]))   # the same bits
    assert c.solve_lower(np.empty((0, n))).shape == (0, n)


@pytest.mark.parametrize("n", [31, 32, 33, 64, 65, 130, 261])   # by halves down to blocks of 32
def test_the_inverse_of_any_size(n):
    k = covariance(n, n) + n * np.eye(n)
    c = _core.Cholesky()
    c.factor(k)
    np.testing.assert_allclose(c.inverse(), np.tril(np.linalg.inv(k)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("at_once", [False, True])
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_appending_rows_is_factoring_the_whole_and_truncating_takes_it_back(at_once, n, more, seed):
    k = covariance(n + more, seed)
    whole, grown = _core.Cholesky(), _core.Cholesky()
    whole.factor(k)
    grown.factor(k[:n, :n])
    if at_once:
        grown.append_block(k[n:], 1e-12)
    for i in range(len(grown), n + more):
        grown.append(k[i, :i], k[i, i], 1e-12)
    b = np.random.default_rng(seed).normal(size=(2, n + more))
    np.testing.assert_allclose(grown.solve_lower(b), whole.solve_lower(b), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(grown.log_determinant, whole.log_determinant, rtol=1e-9, atol=1e-9)
    grown.truncate(n)
    part = _core.Cholesky()
    part.factor(k[:n, :n])
    assert grown.log_determinant == part.log_determinant


def test_jitter_escalates_until_it_works_and_a_repeated_row_gets_the_floor():
    k = covariance(20, 0, rank=5)
    c = _core.Cholesky()
    c.factor(k)
    assert 0 < c.jitter < 1e-4 * k.diagonal().mean()
    k = np.ones((1, 1))
    c.factor(k)
    c.append(np.ones(1), 1.0, 1e-4)
    assert c.log_determinant == pytest.approx(np.log(1e-4))
    c.append_block(np.ones((2, 4)), 1e-4)
    assert len(c) == 4 and c.log_determinant == pytest.approx(3 * np.log(1e-4))
    with pytest.raises(ValueError, match="k must have shape"):
        c.append_block(np.ones((2, 5)), 1e-4)


def test_what_cannot_be_factored_is_an_error():
    c = _core.Cholesky()
    for bad in (-np.eye(3), np.full((2, 2), np.nan)):
        with pytest.raises(_core.NotPositiveDefinite, match="positive definite"):
            c.factor(bad)


def test_capsules_of_another_signature_are_refused():
    from scipy.linalg import cython_blas, cython_lapack

    wrong = {**cython_lapack.__pyx_capi__, "dpotrf": cython_lapack.__pyx_capi__["dpotrs"]}
    with pytest.raises(ImportError, match=r"dpotrf.*ILP64"):
        _core.load_lapack(wrong, cython_blas.__pyx_capi__, 0, 0)
    with pytest.raises(ImportError, match="dgemm was not found"):
        _core.load_lapack(cython_lapack.__pyx_capi__, {}, 0, 0)
    load_lapack()
