"""What TPE suggests: the same bits however it is asked, always new, feasible and snapped, and near what was good."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column
from scipy import stats

import hpo_fast as hf
from hpo_fast import _core

from .spaces import (
    CONDITIONAL,
    CONTINUOUS,
    MIXED,
    SPACES,
    any_column,
    box_of,
    conditional_spaces,
    level_tuples,
    none_pending,
    rows_of,
    small_discrete,
    tpe_of,
)

SOBOL, TPE, UNIFORM = 0, 1, 2
spaces = pytest.mark.parametrize("columns", SPACES.values(), ids=SPACES.keys())


def told(columns, n, seed=0, **options):
    """An engine that knows n random rows, and the set that holds them."""
    tpe, seen = tpe_of(columns, **options), _core.RowSet(len(columns))
    rows = rows_of(columns, n, seed)
    tpe.tell(rows, np.random.default_rng(seed).normal(size=n))
    seen.insert(rows)
    return tpe, seen


@spaces
@pytest.mark.parametrize("n", [20, 600])
def test_threads_suggest_the_same_bits(columns, n):
    (one, seen_one), (two, seen_two) = (told(columns, n, threads=threads) for threads in (1, 2))
    ours = one.suggest(n, 100, none_pending(columns), None, seen_one)
    theirs = two.suggest(n, 100, none_pending(columns), None, seen_two)
    assert ours[0].tobytes() == theirs[0].tobytes()
    assert ours[1] == theirs[1]


@spaces
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("n", [5, 60])
def test_a_batch_is_what_asking_one_by_one_with_the_earlier_ones_pending_gives(columns, n, exact):
    changes = {"exact": True, "candidates_per_pending": 0} if exact else {}
    (together, seen_together), (single, seen_single) = (told(columns, n, **changes) for _ in range(2))
    waiting = rows_of(columns, 2, 99)
    seen_together.insert(waiting)
    seen_single.insert(waiting)
    batch, how = together.suggest(n + 2, 30, waiting, None, seen_together)
    for i in range(30):
        row, why = single.suggest(n + 2 + i, 1, np.vstack([waiting, batch[:i]]), None, seen_single)
        assert row.tobytes() == batch[i].tobytes()
        assert why == how[i : i + 1]


def test_a_batch_beyond_the_growth_of_the_pool_equals_single_suggestions():
    (together, seen_together), (single, seen_single) = (told(CONTINUOUS, 30) for _ in range(2))
    batch, how = together.suggest(30, 160, none_pending(CONTINUOUS), None, seen_together)
    for i in (0, 100, 124, 125, 126, 127, 159):
        row, why = single.suggest(30 + i, 1, batch[:i], None, seen_single)
        assert row.tobytes() == batch[i].tobytes()
        assert why == how[i : i + 1]


@given(conditional_spaces(any_column), st.integers(0, 40), st.integers(0, 2**64 - 1))
@settings(deadline=None, max_examples=60)
def test_suggestions_are_snapped_distinct_and_new(columns, n, seed):
    box = box_of(columns)
    grid, seen = _core.Grid(box), _core.RowSet(len(columns))
    n = min(n, grid.size // 2) if grid.size else n
    rows = _core.suggest_uniform(box, grid, seed, 0, n, None, seen) if n else np.empty((0, len(columns)))
    tpe = tpe_of(columns, seed=seed)
    tpe.tell(rows, np.random.default_rng(seed % 1000).normal(size=len(rows)))
    batch, how = tpe.suggest(len(rows), 12, none_pending(columns), None, seen)
    assert len(batch) == len(how) == (min(12, grid.size - len(rows)) if grid.size else 12)
    assert box.snap(batch).tobytes() == batch.tobytes()
    everything = np.vstack([rows, batch])
    assert len({tuple(map(repr, row)) for row in everything.tolist()}) == len(everything) == len(seen)
    assert seen.contains(batch).all()
    for path, score in how:
        assert np.isfinite(score)
        assert path == SOBOL if len(rows) < 10 else path in (TPE, UNIFORM)


@given(conditional_spaces(small_discrete, max_size=4), st.integers(1, 6), st.integers(0, 2**64 - 1))
@settings(deadline=None, max_examples=40)
def test_a_finite_space_is_suggested_to_the_last_row_and_then_exhausted(columns, batch, seed):
    box = box_of(columns)
    size = _core.Grid(box).size
    tpe, seen, found = tpe_of(columns, seed=seed, n_startup=3), _core.RowSet(len(columns)), []
    while len(found) < size:
        rows, how = tpe.suggest(len(found), batch, none_pending(columns), None, seen)
        assert len(rows) == len(how) == min(batch, size - len(found))
        tpe.tell(rows, np.arange(len(rows), dtype=float))
        found += level_tuples(box, rows)
    assert len(set(found)) == size
    with pytest.raises(_core.SpaceExhausted):
        tpe.suggest(size, 1, none_pending(columns), None, seen)


@spaces
@pytest.mark.parametrize("n", [0, 50])
def test_constraints_are_honoured(columns, n):
    j = 1   # a numeric column that always exists
    tpe, seen = told(columns, n)
    calls = []

    def feasible(rows):
        calls.append(rows.shape)
        return (rows[:, j] > 0.4) & (rows[:, j] < 0.5)

    rows, _ = tpe.suggest(n, 25, none_pending(columns), feasible, seen)
    assert len(rows) == 25 and ((rows[:, j] > 0.4) & (rows[:, j] < 0.5)).all()
    assert all(shape[1] == len(columns) for shape in calls)


def test_a_requirement_that_never_holds_is_infeasible_and_leaves_nothing_behind():
    for n in (0, 30):
        tpe, seen = told(CONTINUOUS, n)
        with pytest.raises(_core.Infeasible):
            tpe.suggest(n, 3, none_pending(CONTINUOUS), lambda rows: np.zeros(len(rows), dtype=bool), seen)
        assert len(seen) == n


def test_an_error_in_a_constraint_comes_through_and_the_engine_goes_on_as_if_nothing_had_happened():
    (tpe, seen), (fresh, fresh_seen) = (told(MIXED, 30) for _ in range(2))
    calls = []

    def fails(rows):
        calls.append(1)
        if len(calls) > 4:
            raise KeyError("fifth")
        return np.ones(len(rows), dtype=bool)

    with pytest.raises(KeyError, match="fifth"):
        tpe.suggest(30, 10, none_pending(MIXED), fails, seen)
    assert len(seen) == 30
    after, _ = tpe.suggest(30, 5, none_pending(MIXED), None, seen)
    assert after.tobytes() == fresh.suggest(30, 5, none_pending(MIXED), None, fresh_seen)[0].tobytes()


@spaces
def test_a_suggestion_depends_on_seed_and_number_and_nothing_else(columns):
    tpe, seen = told(columns, 40)
    a, _ = tpe.suggest(40, 1, none_pending(columns), None, _core.RowSet(len(columns)))
    tpe.log_ratio(rows_of(columns, 50, 1), rows_of(columns, 5, 2))   # looking must not matter
    tpe.suggest(77, 3, rows_of(columns, 5, 2), None, seen)
    b, _ = tpe.suggest(40, 1, none_pending(columns), None, _core.RowSet(len(columns)))
    assert a.tobytes() == b.tobytes()
    c, _ = tpe.suggest(41, 1, none_pending(columns), None, _core.RowSet(len(columns)))
    d, _ = told(columns, 40, 0)[0].suggest(40, 1, none_pending(columns), None, _core.RowSet(len(columns)))
    other = tpe_of(columns, seed=1)
    other.tell(rows_of(columns, 40, 0), np.random.default_rng(0).normal(size=40))
    e, _ = other.suggest(40, 1, none_pending(columns), None, _core.RowSet(len(columns)))
    assert a.tobytes() == d.tobytes()
    assert a.tobytes() != c.tobytes() and a.tobytes() != e.tobytes()


@spaces
def test_the_reported_score_is_the_log_ratio_of_the_row_with_the_earlier_ones_pending(columns):
    tpe, seen = told(columns, 50)
    rows, how = tpe.suggest(50, 6, none_pending(columns), None, seen)
    for i, (path, score) in enumerate(how):
        assert path == TPE
        assert score == pytest.approx(tpe.log_ratio(rows[i : i + 1], rows[:i])[0], rel=1e-9, abs=1e-9)


def test_startup_points_are_those_of_the_sobol_sampler_until_enough_are_told_and_one_has_succeeded():
    box = box_of(CONDITIONAL)
    d = len(CONDITIONAL)
    tpe = tpe_of(CONDITIONAL, seed=5)
    expected = _core.SobolRows(box, 5).suggest(_core.Grid(box), 0, 12, None, _core.RowSet(d))
    got, how = tpe.suggest(0, 12, none_pending(CONDITIONAL), None, _core.RowSet(d))
    assert got.tobytes() == expected.tobytes() and how == [(SOBOL, 0.0)] * 12
    tpe.tell(expected[:11], np.full(11, np.inf))
    assert tpe.suggest(11, 1, none_pending(CONDITIONAL), None, _core.RowSet(d))[1] == [(SOBOL, 0.0)]
    tpe.tell(expected[11:], np.zeros(1))
    assert tpe.suggest(12, 1, none_pending(CONDITIONAL), None, _core.RowSet(d))[1][0][0] == TPE


@pytest.mark.parametrize("multivariate", [True, False])
def test_suggestions_concentrate_near_the_optimum(multivariate):
    columns = [Column(REAL), Column(REAL), Column(ORDERED, levels=50), Column(CATEGORICAL, levels=4)]
    tpe, seen = tpe_of(columns, multivariate=multivariate), _core.RowSet(4)

    def loss(rows):
        return (rows[:, 0] - 0.3) ** 2 + (rows[:, 1] - 0.8) ** 2 + (rows[:, 2] - 0.5) ** 2 + 0.2 * (rows[:, 3] != 2)

    rows = np.empty((0, 4))
    for number in range(150):
        row, _ = tpe.suggest(number, 1, none_pending(columns), None, seen)
        tpe.tell(row, loss(row))
        rows = np.vstack([rows, row])
    late, early = rows[-50:], rows_of(columns, 2000, 0)
    assert np.median(loss(late)) < np.quantile(loss(early), 0.05)
    assert np.mean(late[:, 3] == 2) > 0.6
    assert loss(rows).min() < 0.01
    assert ((rows[:, :3] >= 0) & (rows[:, :3] <= 1)).all()


def test_with_one_candidate_suggestions_follow_the_good_density():
    """One candidate is a draw from l: here kernels at 0.25 and 0.75 of equal weight, and a prior of small weight."""
    columns = [Column(REAL), Column(CATEGORICAL, levels=3)]
    rows = np.array([[0.25, 0.0], [0.75, 2.0], *([[0.5, 1.0]] * 18)])
    tpe = tpe_of(columns, n_candidates=1, prior_weight=1e-3, n_startup=1, keep=0.0, rank_weights=False)
    tpe.tell(rows, np.array([0.0, 0.0, *([1.0] * 18)]))
    draws = np.vstack([tpe.suggest(number, 1, none_pending(columns), None, _core.RowSet(2))[0] for number in range(4000)])

    bandwidth = 0.5   # the distance of the two

    def cdf(x):
        pieces = [stats.truncnorm((0 - mu) / bandwidth, (1 - mu) / bandwidth, loc=mu, scale=bandwidth).cdf(x) for mu in (0.25, 0.75)]
        return np.mean(pieces, axis=0)

    assert stats.kstest(draws[:, 0], cdf).pvalue > 1e-4
    counts = np.bincount(draws[:, 1].astype(int), minlength=3)
    assert counts[1] < 20 and abs(counts[0] - 2000) < 5 * np.sqrt(1000)
    assert np.mean(draws[draws[:, 1] == 0, 0]) < np.mean(draws[draws[:, 1] == 2, 0]) - 0.02


@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_mutations_keep_that_share_of_the_values_and_never_all(keep):
    columns = [Column(REAL)] * 5
    rows = rows_of(columns, 20, seed=3)
    tpe = tpe_of(columns, n_candidates=1, prior_weight=1e-6, n_startup=1, keep=keep)
    tpe.tell(rows, np.arange(20.0))
    draws = np.vstack([tpe.suggest(number, 1, none_pending(columns), None, _core.RowSet(5))[0] for number in range(4000)])
    kept = (draws[:, None] == rows[:2]).sum(axis=2).max(axis=1)   # of the better of the two good ones
    assert kept.max() == 4
    assert abs(kept.mean() - 4 * keep) < 0.1


def test_good_observations_weigh_by_rank():
    columns = [Column(REAL)]
    rows = np.linspace(0.05, 0.95, 20)[:, None]
    tpe = tpe_of(columns, n_candidates=1, prior_weight=1e-6, n_startup=1, keep=0.0, min_bandwidth=1e-3, good_fraction=0.1)
    tpe.tell(rows, np.r_[0.0, np.full(18, 5.0), 1.0])
    draws = np.array([tpe.suggest(number, 1, none_pending(columns), None, _core.RowSet(1))[0][0, 0] for number in range(4000)])
    weights = np.log(3 / np.array([1, 2]))
    bandwidth = 0.9   # the distance of the two
    cdf = [stats.truncnorm((0 - mu) / bandwidth, (1 - mu) / bandwidth, loc=mu, scale=bandwidth).cdf for mu in (0.05, 0.95)]
    assert stats.kstest(draws, lambda x: np.average([f(x) for f in cdf], axis=0, weights=weights)).pvalue > 1e-4
    assert stats.kstest(draws, lambda x: np.mean([f(x) for f in cdf], axis=0)).pvalue < 0.01


def test_candidates_of_conditional_columns_exist_exactly_where_their_condition_holds():
    box = box_of(CONDITIONAL)
    tpe, seen = told(CONDITIONAL, 80)
    rows, _ = tpe.suggest(80, 60, none_pending(CONDITIONAL), None, seen)
    np.testing.assert_array_equal(~np.isnan(rows), box.active(rows))


@spaces
def test_wrong_shapes_are_refused(columns):
    tpe, seen = told(columns, 20)
    for pending in (np.zeros(len(columns)), np.zeros((1, len(columns) + 1))):
        with pytest.raises(ValueError, match="pending must have shape"):
            tpe.suggest(20, 1, pending, None, seen)
    assert len(seen) == 20


def test_reading_a_handle_while_it_waits_for_a_constraint_does_not_deadlock():
    """A suggestion holds the handle's lock while it waits for the GIL: a reader must not hold the GIL while it waits for the lock."""
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}).require(lambda p: p.x + p.y < 1.2)
    engine = hf.samplers.TPE().start(space, 0, 1)
    engine.tell(space.sample(50, 0), np.arange(50.0))
    done = threading.Event()

    def suggest() -> None:
        seen = _core.RowSet(2)
        for number in range(50, 350):
            engine.suggest(1, number, np.empty((0, 2)), seen)
        done.set()

    threading.Thread(target=suggest, daemon=True).start()
    end = time.monotonic() + 60
    while not done.is_set() and time.monotonic() < end:
        assert engine._core.n_told == 50
    assert done.is_set()
