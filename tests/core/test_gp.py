"""The Gaussian process against brute force in NumPy, scikit-learn and SciPy's optimizer."""

import math

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column
from scipy import optimize
from sklearn.gaussian_process import GaussianProcessRegressor, kernels

from hpo_fast import _core
from hpo_fast.samplers.gp import KERNELS, load_lapack

from .spaces import CONTINUOUS, any_column, box_of, conditional_spaces, none_pending, rows_of

load_lapack()
seeds = st.integers(0, 2**31)


OPTIONS = {
    "smoothness": KERNELS.index("matern52"), "length_prior": (-1.5, 1.7), "noise_prior": (-5.0, 1.0),
    "main_effects": True, "acquire": 1, "beta": 1.8, "beta_growth": 0.0, "prior_strength": 3.0,
}


def gp_of(columns, *, kernel="matern52", seed=0, box=None, **changes):
    box = box or box_of(columns)
    return _core.Gp(box, _core.Grid(box), _core.GpOptions(**{**OPTIONS, "smoothness": KERNELS.index(kernel), **changes}), seed, 1)


NO_EFFECTS = -700.0


def data(columns, n, seed, warped=False, effects=True):
    rng = np.random.default_rng(seed)
    rows = rows_of(columns, n, seed % 1000)
    y = np.nan_to_num(rows, nan=0.3).sum(axis=1) + 0.1 * rng.normal(size=n)
    theta = np.append(rng.normal(0, 1.5, size=len(columns)), [rng.normal(0, 0.5), rng.normal(-4, 1), rng.normal(-1, 1) if effects else NO_EFFECTS])
    if warped:
        theta = np.append(theta, rng.normal(0, 0.5, size=2 * len(columns)))
    return rows, (y - y.mean()) / (y.std() or 1.0), list(theta)


@given(conditional_spaces(any_column), st.integers(1, 40), seeds, st.sampled_from(KERNELS), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_posterior_equals_brute_force_on_any_space(columns, n, seed, kernel, warped, effects):
    rows, y, theta = data(columns, n + 5, seed, warped, effects)
    gp, told = gp_of(columns, kernel=kernel), (rows[:n], y[:n], theta, n // 2, rows[n:])
    mean, variance = gp.posterior(*told)
    want_mean, want_cov = reference.gp_posterior(columns, kernel, theta, rows[:n], y[:n], rows[n:])
    np.testing.assert_allclose(mean, want_mean, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(variance, np.diag(want_cov), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(gp.mean(*told), mean, rtol=1e-9, atol=1e-9)


@given(conditional_spaces(any_column), st.integers(1, 25), seeds, st.sampled_from(KERNELS), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_log_posterior_equals_brute_force_and_its_gradient_equals_differences(columns, n, seed, kernel, warped, effects):
    rows, y, theta = data(columns, n, seed, warped, effects)
    gp = gp_of(columns, kernel=kernel, main_effects=effects)
    value, gradient = gp.log_posterior(rows, y, theta)
    want = reference.gp_log_posterior(columns, kernel, theta, rows, y)
    np.testing.assert_allclose(value, want, rtol=1e-9, atol=1e-9)

    def of(t):
        return gp.log_posterior(rows, y, list(t))[0]

    h = 1e-5
    steps = np.eye(len(theta)) * h
    numeric = [(of(theta + s) - of(theta - s)) / (2 * h) for s in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)


@given(conditional_spaces(any_column), seeds)
@settings(deadline=None, max_examples=20)
def test_lengthscales_are_expected_to_grow_with_the_columns_that_are_active(columns, seed):
    active = (~np.isnan(rows_of(columns, 20_000, seed))).sum(axis=1)
    modes = np.array(gp_of(columns).prior_mode(False)[: len(columns)])
    lengths = -modes / 2 + 1.5
    np.testing.assert_allclose(np.exp(2 * lengths), active.mean(), atol=6 * active.std() / math.sqrt(20_000) + 1e-9)


@given(conditional_spaces(any_column), seeds, st.sampled_from(KERNELS))
@settings(deadline=None, max_examples=40)
def test_covariances_of_conditional_and_mixed_rows_are_positive_definite(columns, seed, kernel):
    rows, _, theta = data(columns, 40, seed)
    k = reference.gp_covariance(columns, kernel, theta, rows, rows)
    assert np.linalg.eigvalsh(k).min() > -1e-9 * k[0, 0]


def test_the_posterior_equals_scikit_learns():
    rows, y, theta = data(CONTINUOUS, 40, 1, effects=False)
    d = len(CONTINUOUS)
    kernel = kernels.ConstantKernel(np.exp(theta[d])) * kernels.Matern(np.exp(-0.5 * np.array(theta[:d])), nu=2.5)
    other = GaussianProcessRegressor(kernel, alpha=np.exp(theta[d + 1]), optimizer=None).fit(rows, y)
    queries = rows_of(CONTINUOUS, 30, 5)
    want, deviation = other.predict(queries, return_std=True)
    mean, variance = gp_of(CONTINUOUS).posterior(rows, y, theta, 40, queries)
    np.testing.assert_allclose(mean, want, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(np.sqrt(variance), deviation, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", [1, 12, 60, 130])
def test_many_queries_have_the_posterior_of_few(n):
    rows, y, theta = data(CONTINUOUS, n, 3)
    gp, queries = gp_of(CONTINUOUS), rows_of(CONTINUOUS, 400, 5)
    single = [gp.posterior(rows, y, theta, n, queries[i : i + 1]) for i in range(400)]   # the factor solved; of many, its inverse multiplied
    np.testing.assert_allclose(gp.posterior(rows, y, theta, n, queries), np.array(single)[:, :, 0].T, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [30, 31, 100])
def test_the_bits_of_many_queries_do_not_depend_on_how_they_are_split(n):
    rows, y, theta = data(CONTINUOUS, n, 3)
    gp, queries = gp_of(CONTINUOUS), rows_of(CONTINUOUS, 2000, 5)
    parts = [gp.posterior(rows, y, theta, n, queries[i : i + 500]) for i in range(0, 2000, 500)]
    np.testing.assert_array_equal(gp.posterior(rows, y, theta, n, queries), np.concatenate(parts, axis=1))


@pytest.mark.parametrize("n_factored", [1, 7, 20])
def test_appended_rows_give_the_posterior_of_the_whole(n_factored):
    rows, y, theta = data(CONTINUOUS, 30, 3)
    queries, gp = rows_of(CONTINUOUS, 10, 5), gp_of(CONTINUOUS)
    whole = gp.posterior(rows, y, theta, 30, queries)
    for m in (n_factored, n_factored + 3, 30):   # growing, as a tuner does
        gp.posterior(rows[:m], y[:m], theta, n_factored, queries)
    grown = gp.posterior(rows, y, theta, n_factored, queries)
    np.testing.assert_allclose(grown, whole, rtol=1e-9, atol=1e-10)
    fresh = gp_of(CONTINUOUS).posterior(rows, y, theta, n_factored, queries)
    assert np.array_equal(grown, fresh)   # bits do not depend on the calls before


@pytest.mark.parametrize("seed", range(50))
def test_the_fit_is_no_worse_than_scipys_from_twenty_starts(seed):
    columns = [Column(REAL)] * (1 + seed % 4) + [Column(CATEGORICAL, levels=3)] * (seed % 2)
    rows, y, _ = data(columns, 12 + 4 * (seed % 10), seed)
    gp = gp_of(columns)
    d = len(columns)
    rng = np.random.default_rng(seed)
    starts = [list(np.append(rng.normal(2, 2, size=d), [0.0, rng.uniform(-9, 0), rng.uniform(-5, 2)])) for _ in range(20)]
    theta, value, _ = gp.fit(rows, y, starts)
    assert value == pytest.approx(gp.log_posterior(rows, y, theta)[0], rel=1e-12)

    def fn(t):
        v, g = gp.log_posterior(rows, y, list(t))
        return -v, -g

    bounds = [(-18, 9.2)] * d + [(np.log(1e-3), np.log(1e3)), (np.log(1e-6), np.log(10)), (np.log(1e-6), np.log(1e3))]
    best = min(optimize.minimize(fn, s, jac=True, bounds=bounds, method="L-BFGS-B").fun for s in starts)
    assert -value <= best + 1e-3


def test_suggestions_are_distinct_snapped_feasible_and_apart():
    columns = [Column(REAL), Column(REAL), Column(ORDERED, levels=5), Column(CATEGORICAL, levels=3)]
    rows, y, theta = data(columns, 40, 2)
    seen = _core.RowSet(4)
    seen.insert(rows)
    box = box_of(columns)
    made, how = gp_of(columns).suggest(40, 8, rows, y, theta, 40, none_pending(columns), lambda r: r[:, 0] + r[:, 1] < 1.2, seen)
    assert len(made) == 8 and all(is_gp for is_gp, *_ in how)
    assert len(np.unique(made, axis=0)) == 8
    assert (made[:, 0] + made[:, 1] < 1.2).all()
    np.testing.assert_array_equal(made, box.snap(made))
    gaps = np.abs(made[:, None] - made[None]).max(axis=2)[~np.eye(8, dtype=bool)]
    assert gaps.min() > 1e-3


def test_a_batch_is_what_asking_one_by_one_with_pending_gives():
    rows, y, theta = data(CONTINUOUS, 30, 2)
    batch, _ = gp_of(CONTINUOUS).suggest(30, 4, rows, y, theta, 25, none_pending(CONTINUOUS), None, _core.RowSet(len(CONTINUOUS)))
    gp, seen, pending = gp_of(CONTINUOUS), _core.RowSet(len(CONTINUOUS)), none_pending(CONTINUOUS)
    for i in range(4):
        row, _ = gp.suggest(30 + i, 1, rows, y, theta, 25, pending, None, seen)
        np.testing.assert_array_equal(row[0], batch[i])
        pending = np.vstack([pending, row])


def test_the_acquisition_value_reported_is_that_of_the_row():
    rows, y, theta = data(CONTINUOUS, 30, 4)
    gp = gp_of(CONTINUOUS)
    row, how = gp.suggest(30, 1, rows, y, theta, 30, none_pending(CONTINUOUS), None, _core.RowSet(len(CONTINUOUS)))
    best = gp.posterior(rows, y, theta, 30, rows)[0].min()
    value = _core.acquisition(1, *gp.posterior(rows, y, theta, 30, row), best, 1.8)[0][0]
    assert how[0][1] == pytest.approx(value, rel=1e-9)
    # No random point or neighbour of it does better.
    near = np.clip(row + np.random.default_rng(0).normal(0, 0.02, size=(2000, len(CONTINUOUS))), 0, 1)
    many = np.vstack([rows_of(CONTINUOUS, 5000, 9), near])
    assert _core.acquisition(1, *gp.posterior(rows, y, theta, 30, many), best, 1.8)[0].max() <= value + 1e-6


def test_a_suggestion_beside_pending_ones_has_nearly_the_largest_value_of_the_posterior_that_knows_them():
    rows, y, theta = data(CONTINUOUS, 30, 4)
    theta[: len(CONTINUOUS)] = [1.0] * len(CONTINUOUS)   # smooth: few hills
    gp = gp_of(CONTINUOUS, acquire=0)
    batch, how = gp.suggest(30, 4, rows, y, theta, 30, none_pending(CONTINUOUS), None, _core.RowSet(len(CONTINUOUS)))
    for i, row in enumerate(batch):   # pending ones count as observed at their posterior mean
        known, targets = np.vstack([rows, batch[:i]]), np.append(y, gp.posterior(rows, y, theta, 30, batch[:i])[0])
        near = np.clip(row + np.random.default_rng(i).normal(0, 0.02, size=(2000, len(CONTINUOUS))), 0, 1)
        many = np.vstack([row[None], rows_of(CONTINUOUS, 5000, 9), near])
        values = _core.acquisition(0, *gp.posterior(known, targets, theta, 30, many), 0.0, 1.8)[0]
        assert how[i][1] == pytest.approx(values[0], rel=1e-7)
        assert values.max() <= values[0] + 0.1   # its search is a smaller one


@pytest.mark.parametrize(("n", "beta"), [(5, 1.8), (10, 1.8), (40, 1.8 + 0.5 * np.log(4))])
def test_the_optimistic_bound_widens_with_the_logarithm_of_the_observations(n, beta):
    rows, y, theta = data(CONTINUOUS, n, 4)
    gp = gp_of(CONTINUOUS, acquire=0, beta_growth=0.5)
    row, how = gp.suggest(n, 1, rows, y, theta, n, none_pending(CONTINUOUS), None, _core.RowSet(len(CONTINUOUS)))
    mean, variance = gp.posterior(rows, y, theta, n, row)
    assert how[0][1] == pytest.approx(beta * np.sqrt(variance[0]) - mean[0], rel=1e-9)


def test_thompson_sampling_chooses_a_row_as_often_as_it_is_the_best_of_the_posterior():
    columns = [Column(ORDERED, levels=5), Column(CATEGORICAL, levels=3)]
    every = np.array([[(i + 0.5) / 5, k] for i in range(5) for k in range(3)])
    rows, y, theta = every[[1, 7, 12]], np.array([0.2, -0.3, 0.1]), [1.0, 0.5, 0.0, -2.0, -1.0]
    gp = gp_of(columns, acquire=3, beta=1.8)
    chosen = np.array([
        gp.suggest(number, 1, rows, y, theta, 3, none_pending(columns), None, _core.RowSet(2))[0][0] for number in range(1500)
    ])  # fmt: skip
    share = (chosen[:, None] == every[None]).all(axis=2).mean(axis=0)
    mean, covariance = reference.gp_posterior(columns, "matern52", theta, rows, y, every)
    drawn = np.random.default_rng(0).multivariate_normal(mean, covariance, size=200_000, method="eigh")
    want = np.bincount(drawn.argmin(axis=1), minlength=15) / 200_000
    assert (abs(share - want) < 5 * np.sqrt(want / 1500) + 1e-3).all()


@pytest.mark.parametrize("warped", [False, True])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("acquire", [0, 1])
@pytest.mark.parametrize("seed", range(10))
def test_no_small_change_of_a_suggestion_has_a_larger_acquisition_value(seed, acquire, fails, warped):
    columns = [Column(REAL), Column(REAL), Column(ORDERED, levels=30), Column(ORDERED, levels=6), Column(CATEGORICAL, levels=4)]
    rows, y, theta = data(columns, 10 + 5 * seed, seed, warped)
    box = box_of(columns)
    gp = gp_of(columns, box=box, acquire=acquire)
    outcomes, known, targets = None, rows, y
    if fails:   # where the first column is large, and sometimes elsewhere
        every, _, by = data(columns, 2 * len(rows), seed + 50, warped)
        succeeded = (every[:, 0] < 0.6) & (every[:, 2] < 0.9)
        rates = succeeded.mean(), succeeded.std()
        labels = (succeeded - rates[0]) / rates[1]
        outcomes = gp_of(columns, box=box), every, labels, by, len(rows), *rates
        # A failure counts as seen at its posterior mean.
        known, targets = np.vstack([rows, every[~succeeded]]), np.append(y, gp.mean(rows, y, theta, len(rows), every[~succeeded]))
    made, how = gp.suggest(0, 1, rows, y, theta, len(rows), none_pending(columns), None, _core.RowSet(len(columns)), outcomes=outcomes)
    best = gp.posterior(rows, y, theta, len(rows), rows)[0].min()

    def values_of(rows_):
        values = _core.acquisition(acquire, *gp.posterior(known, targets, theta, len(rows), rows_), best, 1.8)[0]
        if not fails:
            return values
        chances = [rates[0] + rates[1] * reference.gp_posterior(columns, "matern52", by, every, labels, r)[0] for r in (rows_, every[succeeded])]
        return values + reference.success_value(chances[0], max(chances[1].mean(), rates[0]))

    assert how[0][1] == pytest.approx(values_of(made)[0], rel=1e-7)
    changes = np.repeat(made, 2000, axis=0)   # of both real columns, then of one discrete column
    changes[:, :2] += np.random.default_rng(seed).normal(0, 0.003, size=(2000, 2))
    levels = [(2, made[0, 2] + 1 / 30), (2, made[0, 2] - 1 / 30), *((3, (k + 0.5) / 6) for k in range(6)), *((4, k) for k in range(4))]
    for j, value in levels:
        changes = np.vstack([changes, made])
        changes[-1, j] = value
    assert values_of(box.snap(changes)).max() <= how[0][1] + (1e-5 if fails else 1e-6) * max(1.0, abs(how[0][1]))


@pytest.mark.parametrize(("wrong", "words"), [
    ({"theta": [0.0]}, "theta must have"), ({"n_factored": 31}, "n_factored"), ({"queries": np.zeros((1, 99))}, "queries must have shape"),
    ({"y": np.zeros(3)}, "y must have shape"),
])
def test_wrong_shapes_are_refused(wrong, words):
    rows, y, theta = data(CONTINUOUS, 30, 4)
    given_ = {"rows": rows, "y": y, "theta": theta, "n_factored": 30, "queries": rows, **wrong}
    with pytest.raises(ValueError, match=words):
        gp_of(CONTINUOUS).posterior(**given_)


def test_starts_are_of_one_kind():
    rows, y, theta = data(CONTINUOUS, 30, 4)
    gp, d = gp_of(CONTINUOUS), len(CONTINUOUS)
    for starts, words in (
        ([], "starts must not be empty"),
        ([theta, gp.prior_mode(True)], "starts must be of one size"),
        ([theta[:-1]], f"theta must have {d + 3} entries, or {3 * d + 3} with warped inputs, got {d + 2}"),
    ):
        with pytest.raises(ValueError, match=words):
            gp.fit(rows, y, starts)


def test_outcomes_that_do_not_belong_to_the_process_are_refused():
    rows, y, theta = data(CONTINUOUS, 30, 4)
    box = box_of(CONTINUOUS)
    gp, other = gp_of(CONTINUOUS, box=box), gp_of(CONTINUOUS, box=box)
    for outcomes, words in (
        ((None, rows, y, theta, 30, 0.5, 0.5), "another process on the same box"),
        ((gp, rows, y, theta, 30, 0.5, 0.5), "another process on the same box"),
        ((gp_of(CONTINUOUS), rows, y, theta, 30, 0.5, 0.5), "another process on the same box"),
        ((other, rows, y, theta, 30, -0.5, 0.5), "mean between 0 and 1"),
        ((other, rows, y, theta, 31, 0.5, 0.5), "n_factored"),
    ):
        with pytest.raises(ValueError, match=words):
            gp.suggest(0, 1, rows, y, theta, 30, none_pending(CONTINUOUS), None, _core.RowSet(len(CONTINUOUS)), outcomes=outcomes)
