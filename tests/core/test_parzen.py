"""The score log l(x) - log g(x) against the NumPy oracle, and its upkeep observation by observation."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column

from hpo_fast import _core

from .spaces import CONDITIONAL, CONTINUOUS, MIXED, SPACES, any_column, conditional_spaces, none_pending, rows_of, tpe_of

WIDE = [Column(REAL), Column(ORDERED, levels=3), Column(ORDERED, log=True, first=1.0, levels=4), Column(CATEGORICAL, levels=3)]
NARROW = [Column(REAL), Column(ORDERED, levels=100_001)]
seeds = st.integers(0, 2**32 - 1)


def history(columns, n, seed):
    return rows_of(columns, n, seed), np.random.default_rng(seed).normal(size=n)


def ratio(columns, rows, y, x, pending=None, **options):
    tpe = tpe_of(columns, **options)
    tpe.tell(rows, y)
    return tpe.log_ratio(x, none_pending(columns) if pending is None else pending)


@given(st.integers(1, 90), st.integers(0, 3), seeds, st.booleans())
@settings(deadline=None, max_examples=30)
def test_log_ratio_equals_the_oracle_on_continuous_spaces(n, n_pending, seed, multivariate):
    rows, y = history(CONTINUOUS, n + n_pending, seed)
    x = rows_of(CONTINUOUS, 10, seed, first=10_000)
    told, pending, y = rows[:n], rows[n:], y[:n]
    got = ratio(CONTINUOUS, told, y, x, pending, multivariate=multivariate)
    expected = reference.tpe_log_ratio(CONTINUOUS, told, y, x, pending, multivariate=multivariate)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@given(conditional_spaces(any_column), st.integers(1, 70), st.integers(0, 3), seeds, st.booleans(), st.data())
@settings(deadline=None, max_examples=40)
def test_exact_log_ratio_equals_the_oracle_on_any_space_with_any_options(columns, n, n_pending, seed, multivariate, data):
    model = {
        "prior_weight": data.draw(st.floats(0.1, 5)), "min_bandwidth": data.draw(st.floats(0.005, 0.5)),
        "recency": data.draw(st.booleans()), "rank_weights": data.draw(st.booleans()),
        "good_fraction": data.draw(st.floats(0.05, 0.9)), "good_max": data.draw(st.integers(1, 30)), "multivariate": multivariate,
    }
    rows, y = history(columns, n + n_pending, seed)
    x = rows_of(columns, 8, seed, first=10_000)
    got = ratio(columns, rows[:n], y[:n], x, rows[n:], exact=True, candidates_per_pending=0, **model)
    expected = reference.tpe_log_ratio(columns, rows[:n], y[:n], x, rows[n:], pending_as_members=True, **model)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("multivariate", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_log_ratio_equals_the_oracle_where_the_cells_of_ordered_columns_are_wide(seed, multivariate):
    rows, y = history(WIDE, 90, seed)
    x = rows_of(WIDE, 30, seed, first=10_000)
    expected = reference.tpe_log_ratio(WIDE, rows, y, x, multivariate=multivariate)
    np.testing.assert_allclose(ratio(WIDE, rows, y, x, multivariate=multivariate), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_log_ratio_of_narrow_cells_is_the_density_at_the_centre_to_second_order(seed):
    """Width over bandwidth is below 1e-3 here, and its square over 24 times z^2 what the approximation leaves out."""
    rows, y = history(NARROW, 90, seed)
    x = rows_of(NARROW, 30, seed, first=10_000)
    np.testing.assert_allclose(ratio(NARROW, rows, y, x), reference.tpe_log_ratio(NARROW, rows, y, x), rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("columns", "tolerance"), [(MIXED, 0.03), (CONDITIONAL, 1e-7)], ids=["mixed", "conditional"])
def test_log_ratio_stays_near_the_oracle_on_mixed_and_conditional_spaces(columns, tolerance, seed):
    """Cells of up to half a bandwidth count as narrow: the mass of such a cell is off by w^2 (z^2 - 1) / 24, w = 1/2, at the most."""
    rows, y = history(columns, 123, seed)
    x, pending = rows[100:120], rows[120:]
    expected = reference.tpe_log_ratio(columns, rows[:100], y[:100], x, pending)
    np.testing.assert_allclose(ratio(columns, rows[:100], y[:100], x, pending), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("columns", SPACES.values(), ids=SPACES.keys())
@pytest.mark.parametrize("max_kernels", [64, 2048])
@pytest.mark.parametrize("exact", [False, True])
def test_telling_one_by_one_gives_the_bits_of_telling_all_at_once(columns, max_kernels, exact):
    rows, y = history(columns, 300, 1)
    y[::17] = np.inf
    x, pending = rows_of(columns, 20, 9), rows_of(columns, 3, 10)
    grown = tpe_of(columns, max_kernels=max_kernels, exact=exact)
    rng = np.random.default_rng(0)
    for i in range(300):
        grown.tell(rows[i : i + 1], y[i : i + 1])
        if rng.uniform() < 0.7:   # each look brings the mixtures up to date, from more or fewer changes
            grown.log_ratio(x[:2], none_pending(columns))
        if i in (0, 11, 64, 100, 299):
            whole = tpe_of(columns, max_kernels=max_kernels, exact=exact)
            whole.tell(rows[: i + 1], y[: i + 1])
            for waiting in (none_pending(columns), pending):
                assert grown.log_ratio(x, waiting).tobytes() == whole.log_ratio(x, waiting).tobytes()
            if i >= 9:
                ours, theirs = (t.suggest(i + 1, 5, none_pending(columns), None, _core.RowSet(len(columns))) for t in (grown, whole))
                assert ours[0].tobytes() == theirs[0].tobytes()
                assert ours[1] == theirs[1]


@pytest.mark.parametrize("trend", [-1.0, 1.0, 0.0])
def test_promotions_and_demotions_leave_the_bits_of_a_fresh_engine(trend):
    """Ever better observations demote a good one each time; ever worse ones promote old ones as the good share grows."""
    n = 200
    rows, noise = history(MIXED, n, 3)
    y = trend * np.arange(n) + noise
    x, grown = rows_of(MIXED, 10, 4), tpe_of(MIXED, max_kernels=64)
    for i in range(n):
        grown.tell(rows[i : i + 1], y[i : i + 1])
        got = grown.log_ratio(x, none_pending(MIXED))
        if i % 20 == 19:
            assert got.tobytes() == ratio(MIXED, rows[: i + 1], y[: i + 1], x, max_kernels=64).tobytes()


@pytest.mark.parametrize("trend", [-1.0, 0.0])
@pytest.mark.parametrize("columns", [
    CONTINUOUS, [Column(REAL), Column(CATEGORICAL, levels=3), Column(REAL, parent=1, parent_levels=(0, 2))],
], ids=["flat", "nested"])
def test_beyond_max_kernels_the_bad_ones_are_the_reservoir_of_the_oracle(columns, trend):
    rows, noise = history(columns, 150, 5)
    y = trend * np.arange(150) + noise
    x = rows_of(columns, 15, 6)
    expected = reference.tpe_log_ratio(columns, rows, y, x, max_kernels=30, seed=77)
    np.testing.assert_allclose(ratio(columns, rows, y, x, max_kernels=30, seed=77), expected, rtol=1e-9, atol=1e-9)


@given(st.floats(0.01, 0.99), st.integers(1, 40), st.integers(1, 60), seeds)
@settings(deadline=None, max_examples=30)
def test_the_good_ones_are_the_best_share_rounded_up_and_capped(good_fraction, good_max, n, seed):
    columns = [Column(REAL)]
    rows, y = history(columns, n, seed)
    y = np.round(y)   # with ties: the older is the better
    x = rows_of(columns, 5, seed, first=10_000)
    expected = reference.tpe_log_ratio(columns, rows, y, x, good_fraction=good_fraction, good_max=good_max)
    np.testing.assert_allclose(ratio(columns, rows, y, x, good_fraction=good_fraction, good_max=good_max), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("failure", [np.inf, np.nan])
def test_failed_observations_are_never_good(failure):
    rows, y = history(CONTINUOUS, 40, 2)
    y[3:] = failure
    x = rows_of(CONTINUOUS, 10, 3)
    got = ratio(CONTINUOUS, rows, y, x, good_fraction=0.5)
    np.testing.assert_allclose(got, reference.tpe_log_ratio(CONTINUOUS, rows, y, x, good_fraction=0.5), rtol=1e-9, atol=1e-9)
    worst = np.where(np.arange(40) < 3, y, 1e9)   # as good as the worst: what the first three are worth does not change
    assert got.tobytes() == ratio(CONTINUOUS, rows, worst, x, good_fraction=3 / 40 - 1e-9).tobytes()


def test_with_failures_alone_nothing_is_good_and_the_prior_stands_in():
    rows, _ = history(CONTINUOUS, 30, 2)
    y, x = np.full(30, np.inf), rows_of(CONTINUOUS, 10, 3)
    np.testing.assert_allclose(ratio(CONTINUOUS, rows, y, x), reference.tpe_log_ratio(CONTINUOUS, rows, y, x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("columns", SPACES.values(), ids=SPACES.keys())
@pytest.mark.parametrize("exact", [False, True])
def test_pending_rows_lower_the_ratio_where_they_are_and_are_forgotten_afterwards(columns, exact):
    rows, y = history(columns, 60, 4)
    tpe, pending = tpe_of(columns, exact=exact), rows_of(columns, 6, 8)
    tpe.tell(rows, y)
    without = tpe.log_ratio(pending, none_pending(columns))
    assert (tpe.log_ratio(pending, pending) < without).all()
    for i in range(6):
        assert tpe.log_ratio(pending[i : i + 1], pending[i : i + 1])[0] < without[i]
    assert tpe.log_ratio(pending, none_pending(columns)).tobytes() == without.tobytes()


@given(st.integers(1, 60), st.integers(0, 4), seeds)
@settings(deadline=None, max_examples=20)
def test_more_pending_rows_never_raise_the_ratio(n, n_pending, seed):
    rows, y = history(MIXED, n + n_pending + 1, seed)
    x = rows_of(MIXED, 10, seed, first=10_000)
    tpe = tpe_of(MIXED)
    tpe.tell(rows[:n], y[:n])
    assert (tpe.log_ratio(x, rows[n:]) <= tpe.log_ratio(x, rows[n:-1]) + 1e-9).all()


@pytest.mark.parametrize("columns", SPACES.values(), ids=SPACES.keys())
def test_the_bits_of_a_ratio_depend_on_neither_the_other_rows_nor_the_threads(columns):
    rows, y = history(columns, 400, 6)
    x, pending = rows_of(columns, 300, 7), rows_of(columns, 2, 8)
    one, two = (tpe_of(columns, threads=threads) for threads in (1, 2))
    one.tell(rows, y)
    two.tell(rows, y)
    whole = one.log_ratio(x, pending)
    assert two.log_ratio(x, pending).tobytes() == whole.tobytes()
    for start, stop in (*((i, i + 1) for i in range(30)), (5, 30), (31, 33), (250, 300)):
        assert one.log_ratio(x[start:stop], pending).tobytes() == whole[start:stop].tobytes()


def test_threads_that_share_few_candidates_give_the_same_bits():
    """With many kernels and columns each thread has some ten candidates, which may all lie in narrow cells, or not."""
    columns = [Column(REAL)] * 16 + [Column(ORDERED, log=True, first=1.0, levels=100_000)] * 4
    rows, y = history(columns, 2100, 0)
    one, two = (tpe_of(columns, threads=threads) for threads in (1, 2))
    one.tell(rows, y)
    two.tell(rows, y)
    for seed in range(20):
        x = rows_of(columns, 24, 100 + seed)
        assert two.log_ratio(x, none_pending(columns)).tobytes() == one.log_ratio(x, none_pending(columns)).tobytes()


def test_the_ratio_is_highest_near_the_good_observations():
    columns = [Column(REAL)]
    rows = np.linspace(0.02, 0.98, 49)[:, None]
    got = ratio(columns, rows, np.abs(rows[:, 0] - 0.3), np.linspace(0, 1, 101)[:, None])
    assert abs(np.argmax(got) / 100 - 0.3) < 0.03


def test_an_engine_that_was_told_nothing_is_indifferent():
    x = rows_of(MIXED, 10, 0)
    np.testing.assert_allclose(tpe_of(MIXED).log_ratio(x, none_pending(MIXED)), 0.0, atol=1e-12)


@pytest.mark.parametrize(("rows", "y"), [((2, 3), 3), ((3, 4), 3), ((3, 3), 2)])
def test_wrong_shapes_are_refused_and_nothing_is_told(rows, y):
    tpe = tpe_of(CONTINUOUS)
    with pytest.raises(ValueError, match="shape"):
        tpe.tell(np.full(rows, 0.5), np.zeros(y))
    assert tpe.n_told == 0
    for bad in (np.zeros(3), np.zeros((1, 2))):
        with pytest.raises(ValueError, match="shape"):
            tpe.log_ratio(bad, none_pending(CONTINUOUS))
        with pytest.raises(ValueError, match="shape"):
            tpe.log_ratio(np.full((1, 3), 0.5), bad)


@pytest.mark.parametrize("option", [
    {"n_candidates": 0}, {"good_fraction": 0.0}, {"good_fraction": 1.0}, {"good_max": 0}, {"max_kernels": 1}, {"prior_weight": 0.0},
    {"prior_weight": np.inf}, {"min_bandwidth": 0.0}, {"min_bandwidth": 1.5}, {"good_fraction": np.nan}, {"min_bandwidth": np.nan},
    {"keep": 1.0}, {"keep": -0.1},
])
def test_impossible_options_are_refused_by_name(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        tpe_of(CONTINUOUS, **option)
