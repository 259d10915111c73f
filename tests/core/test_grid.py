"""The finite space as a sequence."""

import numpy as np
import pytest
import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column

from hpo_fast import _core

from .spaces import any_column, box_of, conditional_spaces, grid_of, level_tuples, small_discrete


def as_levels(columns, box, rows):
    """Decoded rows with the value of a fixed real column as level 0."""
    fixed = [c.kind == REAL for c in columns]
    return [tuple(0 if f and v is not None else v for f, v in zip(fixed, row, strict=True)) for row in level_tuples(box, rows)]


@given(conditional_spaces(small_discrete, max_size=6))
@settings(deadline=None)
def test_rows_are_every_configuration_exactly_once(columns):
    expected = reference.all_configurations(columns)
    box = box_of(columns)
    grid = _core.Grid(box)
    assert grid.size == len(expected)
    rows = grid.rows(0, grid.size)
    configurations = as_levels(columns, box, rows)
    assert len(set(configurations)) == len(configurations)
    assert set(configurations) == expected
    assert box.snap(rows).tobytes() == rows.tobytes()


@given(conditional_spaces(small_discrete, max_size=6), st.data())
@settings(deadline=None)
def test_a_row_depends_on_its_index_alone(columns, data):
    grid = grid_of(columns)
    rows = grid.rows(0, grid.size)
    first = data.draw(st.integers(0, grid.size))
    n = data.draw(st.integers(0, grid.size - first))
    assert grid.rows(first, n).tobytes() == rows[first : first + n].tobytes()


def test_level_counts_up_to_two_to_the_52_are_indexed_directly():
    m = 2**52
    box = box_of([Column(ORDERED, levels=m), Column(CATEGORICAL, levels=3, parent=0, parent_levels=(0, 7, m - 1))])
    grid = _core.Grid(box)
    assert grid.size == m - 3 + 3 * 3
    assert level_tuples(box, grid.rows(0, 4)) == [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, None)]
    assert level_tuples(box, grid.rows(grid.size - 4, 4)) == [(m - 2.0, None), (m - 1.0, 0.0), (m - 1.0, 1.0), (m - 1.0, 2.0)]
    assert level_tuples(box, grid.rows(8, 4)) == [(6.0, None), (7.0, 0.0), (7.0, 1.0), (7.0, 2.0)]


@given(st.integers(1, 2**40), st.integers(1, 2**21), st.data())
@settings(deadline=None)
def test_rows_of_a_huge_grid_are_distinct(a, b, data):
    box = box_of([Column(ORDERED, levels=a), Column(ORDERED, levels=b)])
    grid = _core.Grid(box)
    assert grid.size == a * b
    indices = data.draw(st.sets(st.integers(0, a * b - 1), min_size=1, max_size=10))
    assert len({level_tuples(box, grid.rows(i, 1))[0] for i in indices}) == len(indices)


@pytest.mark.parametrize("columns", [
    [Column(ORDERED, levels=2**52), Column(ORDERED, levels=2**52)],
    [Column(ORDERED, levels=2**52) for _ in range(8)],
    [Column(CATEGORICAL, levels=2), *(Column(ORDERED, levels=2**52, parent=0, parent_levels=when) for when in ((0, 1), (1,)))],
])
def test_too_many_rows_saturate_and_cannot_be_indexed(columns):
    grid = grid_of(columns)
    assert grid.size == _core.Grid.too_many == 2**62
    with pytest.raises(ValueError, match="grid"):
        grid.rows(0, 1)


def test_sizes_just_below_too_many_are_exact():
    assert grid_of([Column(ORDERED, levels=2**52), Column(ORDERED, levels=1023)]).size == 2**52 * 1023


@given(conditional_spaces(any_column))
@settings(deadline=None)
def test_a_real_column_makes_the_space_infinite_and_a_single_value_does_not(columns):
    assume(any(c.kind == REAL and c.low < c.high for c in columns))
    grid = grid_of(columns)
    assert grid.size == 0
    with pytest.raises(ValueError, match="grid"):
        grid.rows(0, 1)


def test_a_fixed_real_column_counts_one():
    assert grid_of([Column(REAL, low=2.0, high=2.0), Column(ORDERED, levels=5)]).size == 5


@pytest.mark.parametrize(("first", "n"), [(7, 1), (0, 7), (6, 1), (5, 2)])
def test_rows_outside_the_grid_are_refused(first, n):
    with pytest.raises(ValueError, match="grid"):
        grid_of([Column(ORDERED, levels=6)]).rows(first, n)


def test_no_rows_may_be_asked_at_the_end():
    assert grid_of([Column(ORDERED, levels=6)]).rows(6, 0).shape == (0, 1)
    assert np.isfinite(grid_of([Column(ORDERED, levels=6)]).rows(5, 1)).all()
