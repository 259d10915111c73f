"""Uniform rows by number, rows that are new, and completions of partial ones."""

import math

import numpy as np
import pytest
import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column

from hpo_fast import _core

from .spaces import CONDITIONAL, MIXED, any_column, box_of, conditional_spaces, level_tuples, small_discrete

seeds = st.integers(0, 2**64 - 1)


def suggest(columns, n, *, seed=0, number=0, feasible=None, seen=None):
    box = box_of(columns)
    return _core.suggest_uniform(box, _core.Grid(box), seed, number, n, feasible, _core.RowSet(len(columns)) if seen is None else seen)


@given(conditional_spaces(any_column), seeds, st.integers(0, 2**40))
@settings(deadline=None)
def test_rows_equal_the_oracle_and_are_a_pure_function_of_seed_and_index(columns, seed, first):
    box = box_of(columns)
    rows = _core.uniform_rows(box, seed, first, 6)
    np.testing.assert_allclose(rows, [reference.uniform_row(columns, seed, first + i) for i in range(6)], rtol=0, atol=1e-13)
    assert _core.uniform_rows(box, seed, first + 2, 3).tobytes() == rows[2:5].tobytes()


def left_half(rows):
    return rows[:, 0] < 0.5


@pytest.mark.parametrize("feasible", [None, left_half])
def test_threads_give_the_same_bits(feasible):
    box = box_of(MIXED)
    rows = _core.uniform_rows(box, 5, 0, 20000, feasible, 1)
    assert _core.uniform_rows(box, 5, 0, 20000, feasible, 3).tobytes() == rows.tobytes()


@pytest.mark.parametrize("share", [0.5, 0.1, 0.002])
def test_constraints_are_honoured_by_the_first_acceptable_draw_of_each_row(share):
    columns = [Column(REAL), Column(CATEGORICAL, levels=3), Column(ORDERED, levels=7)]
    rows = _core.uniform_rows(box_of(columns), 3, 10, 5, lambda rows: rows[:, 0] < share, 1)
    for i, row in enumerate(rows):
        attempts = (reference.uniform_row(columns, 3, 10 + i, attempt) for attempt in range(100000))
        assert row.tolist() == next(r for r in attempts if r[0] < share).tolist()


def test_constrained_rows_do_not_depend_on_what_they_are_drawn_with():
    box = box_of(MIXED)

    def rare(rows):
        return rows[:, 0] < 0.01

    rows = _core.uniform_rows(box, 1, 0, 300, rare)
    assert np.vstack([_core.uniform_rows(box, 1, i, 1, rare) for i in range(0, 300, 25)]).tobytes() == rows[::25].tobytes()


def test_a_requirement_that_never_holds_is_infeasible():
    columns = [Column(REAL), Column(ORDERED, levels=5)]
    box, seen = box_of(columns), _core.RowSet(2)
    def never(rows):
        return np.zeros(len(rows), dtype=bool)
    nan = np.full(2, np.nan)
    with pytest.raises(_core.Infeasible, match="requirement"):
        _core.uniform_rows(box, 0, 0, 2, never)
    with pytest.raises(_core.Infeasible, match="requirement"):
        suggest(columns, 2, feasible=never)
    with pytest.raises(_core.Infeasible, match="requirement"):
        suggest(columns[1:], 2, feasible=never)
    with pytest.raises(_core.Infeasible, match="requirement"):
        _core.complete_row(box, nan, nan, 0, 0, never, seen)
    with pytest.raises(_core.Infeasible, match="requirement"):
        _core.SobolRows(box, 0).suggest(_core.Grid(box), 0, 1, never, seen)
    assert len(seen) == 0


def test_an_error_in_a_constraint_comes_through_and_leaves_nothing_behind():
    columns, seen, calls = [Column(REAL)], _core.RowSet(1), []

    def fails(rows):
        calls.append(len(rows))
        if len(calls) == 3:
            raise KeyError("third")
        return np.ones(len(rows), dtype=bool)

    with pytest.raises(KeyError, match="third"):
        suggest(columns, 5, feasible=fails, seen=seen)
    assert len(seen) == 0
    with pytest.raises(ValueError, match="one truth value per row"):
        suggest(columns, 5, feasible=lambda rows: np.ones((len(rows), 2), dtype=bool), seen=seen)
    assert len(seen) == 0


@given(conditional_spaces(small_discrete, max_size=5), seeds, st.integers(1, 7))
@settings(deadline=None, max_examples=50)
def test_every_row_of_a_finite_space_is_found_before_it_is_exhausted(columns, seed, batch):
    expected = len(reference.all_configurations(columns))
    assume(expected <= 200)
    box, seen = box_of(columns), _core.RowSet(len(columns))
    found = []
    while len(found) < expected:
        rows = suggest(columns, batch, seed=seed, number=len(found), seen=seen)
        assert len(rows) == min(batch, expected - len(found))
        found += level_tuples(box, rows)
    assert len(set(found)) == expected
    with pytest.raises(_core.SpaceExhausted):
        suggest(columns, 1, seed=seed, number=expected, seen=seen)


def test_every_feasible_row_of_a_finite_space_is_found():
    columns, seen = [Column(ORDERED, levels=40), Column(ORDERED, levels=50)], _core.RowSet(2)
    box = box_of(columns)
    def few(rows):
        return (box.decode(rows)[:, 0] == 3) & (box.decode(rows)[:, 1] % 5 == 1)
    rows = suggest(columns, 100, feasible=few, seen=seen)
    assert sorted(level_tuples(box, rows)) == [(3.0, float(k)) for k in range(1, 50, 5)]
    with pytest.raises(_core.SpaceExhausted):
        suggest(columns, 1, number=10, feasible=few, seen=seen)


@given(conditional_spaces(any_column), seeds)
@settings(deadline=None)
def test_a_batch_equals_single_suggestions_and_the_uniform_rows_where_those_are_new(columns, seed):
    box = box_of(columns)
    size = _core.Grid(box).size
    n = min(12, size) if size else 12
    together, alone = _core.RowSet(len(columns)), _core.RowSet(len(columns))
    batch = suggest(columns, n, seed=seed, seen=together)
    singles = np.vstack([suggest(columns, 1, seed=seed, number=i, seen=alone) for i in range(n)])
    assert batch.tobytes() == singles.tobytes()
    assert len(together) == n
    plain = box.recode(_core.uniform_rows(box, seed, 0, n))
    kept = set()
    for row, draw in zip(level_tuples(box, batch), level_tuples(box, plain), strict=True):
        assert row == draw or draw in kept
        kept.add(row)


def complete(columns, partial, base=None, *, seed=0, number=0, feasible=None, seen=None):
    d = len(columns)
    base = np.full(d, np.nan) if base is None else base
    return _core.complete_row(box_of(columns), partial, base, seed, number, feasible, _core.RowSet(d) if seen is None else seen)[0]


@given(conditional_spaces(any_column, max_size=6), seeds, st.data())
@settings(deadline=None)
def test_a_completion_keeps_what_is_given_and_makes_given_children_exist(columns, seed, data):
    """What is given is part of some row, so that it can exist."""
    whole = box_of(columns).recode(_core.uniform_rows(box_of(columns), seed, 0, 1))[0]
    given_columns = data.draw(st.sets(st.integers(0, len(columns) - 1)))
    partial = np.array([u if j in given_columns else np.nan for j, u in enumerate(whole)])
    row = complete(columns, partial, seed=seed)
    kept = ~np.isnan(partial)
    assert row[kept].tobytes() == partial[kept].tobytes()
    assert box_of(columns).snap(row[None]).tobytes() == row.tobytes()
    assert [not math.isnan(u) for u in row] == [reference.active(columns, j, row) for j in range(len(columns))]


@given(conditional_spaces(any_column, max_size=6), seeds)
@settings(deadline=None)
def test_a_completion_takes_the_base_where_nothing_is_given(columns, seed):
    base = box_of(columns).recode(_core.uniform_rows(box_of(columns), seed, 0, 1))[0]
    assert complete(columns, np.full(len(columns), np.nan), base, seed=seed).tobytes() == base.tobytes()


def test_a_completion_is_new_and_feasible():
    columns, seen = [Column(ORDERED, levels=3), Column(ORDERED, levels=4)], _core.RowSet(2)
    box = box_of(columns)
    partial = np.array([box.encode(np.array([[1.0, 0.0]]))[0, 0], np.nan])
    found = []
    for number in range(3):
        row = complete(columns, partial, number=number, seen=seen, feasible=lambda rows: rows[:, 1] < 0.75)
        seen.insert(row[None])
        found.append(level_tuples(box, row[None])[0])
    assert sorted(found) == [(1.0, 0.0), (1.0, 1.0), (1.0, 2.0)]
    with pytest.raises(_core.SpaceExhausted, match="tries found"):
        complete(columns, partial, number=3, seen=seen, feasible=lambda rows: rows[:, 1] < 0.75)


def test_children_that_exclude_each_other_are_infeasible():
    columns = [Column(CATEGORICAL, levels=3), Column(REAL, parent=0, parent_levels=(0, 1)), Column(REAL, parent=0, parent_levels=(1, 2))]
    assert complete(columns, np.array([np.nan, 0.25, 0.5]))[0] == 1.0
    exclusive = [columns[0], columns[1], Column(REAL, parent=0, parent_levels=(2,))]
    with pytest.raises(_core.Infeasible, match="exclude each other"):
        complete(exclusive, np.array([np.nan, 0.25, 0.5]))


def test_a_given_ancestor_that_excludes_a_given_descendant_is_infeasible():
    child, grandchild = Column(CATEGORICAL, levels=2, parent=0, parent_levels=(1,)), Column(REAL, parent=1, parent_levels=(0,))
    columns = [Column(CATEGORICAL, levels=2), child, grandchild]
    with pytest.raises(_core.Infeasible, match="exclude each other"):
        complete(columns, np.array([0.0, np.nan, 0.25]))


def test_completions_draw_parents_among_all_levels_that_let_the_children_exist():
    rows = [complete(CONDITIONAL, np.array([np.nan, np.nan, np.nan, np.nan, 0.3, np.nan]), number=i) for i in range(60)]
    assert {row[2] for row in rows} == {1.0, 2.0}
    assert len({row[3] for row in rows}) == 2
    assert len({row[1] for row in rows}) == 60
