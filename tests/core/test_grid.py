"""The finite space as a sequence."""

import numpy as np
import pytest
import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column

from hpo_fast import _core

from .spaces import CONDITIONAL, any_column, box_of, conditional_spaces, grid_of, level_tuples, reals, small_discrete

small_column = st.one_of(small_discrete, reals)


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
    [Column(ORDERED, levels=2**52) for _ in range(3)],
    [Column(ORDERED, levels=2**52) for _ in range(8)],
    [Column(CATEGORICAL, levels=2), *(Column(ORDERED, levels=2**52, parent=0, parent_levels=when) for when in ((0, 1), (1,), (1,)))],
    [Column(CATEGORICAL, levels=2), *(Column(ORDERED, levels=2**52, parent=0, parent_levels=(0, 1)) for _ in range(3))],
])
def test_too_many_rows_saturate_and_cannot_be_indexed(columns):
    grid = grid_of(columns)
    assert grid.size == _core.Grid.too_many == 2**127
    with pytest.raises(ValueError, match="grid"):
        grid.rows(0, 1)


def test_sizes_just_below_too_many_are_exact():
    assert grid_of([*(Column(ORDERED, levels=2**52) for _ in range(2)), Column(ORDERED, levels=2**23 - 1)]).size == 2**104 * (2**23 - 1)


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


# -- order, resolution, blocks ------------------------------------------------------------------------------------------


@st.composite
def grids(draw, max_size=5):
    """Columns, how many values their real ones have, and the raw values of every configuration in order."""
    columns = draw(conditional_spaces(small_column, max_size=max_size))
    levels = [1 if c.kind == REAL and c.low == c.high else draw(st.integers(2, 4)) if c.kind == REAL else 0 for c in columns]
    box = box_of(columns)
    tables = []
    for j, c in enumerate(columns):
        rows = np.full((max(levels[j], 1), len(columns)), np.nan)
        rows[:, j] = np.arange(levels[j]) / (levels[j] - 1) if levels[j] > 1 else 0.5
        tables.append(box.decode(rows)[:, j] if c.kind == REAL else np.arange(c.levels))
    expected = reference.grid_in_order(columns, levels)
    raw = np.array([[np.nan if k is None else tables[j][k] for j, k in enumerate(config)] for config in expected])
    return columns, levels, raw


@given(grids())
@settings(deadline=None, max_examples=200)
def test_the_order_is_that_of_nested_loops_in_both_forms(grid):
    columns, levels, raw = grid
    box = box_of(columns)
    grid = _core.Grid(box, levels)
    assert grid.size == len(raw)
    np.testing.assert_array_equal(grid.columns(0, len(raw)), raw.T)
    np.testing.assert_array_equal(box.decode(grid.rows(0, len(raw))), raw)
    np.testing.assert_array_equal(grid.columns(0, len(raw), True), grid.rows(0, len(raw)).T)
    discrete = [j for j, c in enumerate(columns) if c.kind != REAL]
    np.testing.assert_array_equal(box.encode(raw)[:, discrete], grid.rows(0, len(raw))[:, discrete])


@given(grids(), st.data())
@settings(deadline=None)
def test_any_block_and_any_order_is_a_part_of_the_whole(grid, data):
    columns, levels, raw = grid
    grid = _core.Grid(box_of(columns), levels)
    first = data.draw(st.integers(0, len(raw)))
    n = data.draw(st.integers(0, len(raw) - first))
    np.testing.assert_array_equal(grid.columns(first, n), raw[first : first + n].T)
    if n:
        backwards = _core.StreamView(grid, [(first + n - 1, -1, n, None, 0)])
        np.testing.assert_array_equal(backwards.columns(0, n), raw[first : first + n][::-1].T)
        assert backwards.rows(0, n).tobytes() == grid.rows(first, n)[::-1].tobytes()


@given(grids())
@settings(deadline=None)
def test_the_rank_of_every_row_is_its_index(grid):
    columns, levels, raw = grid
    grid = _core.Grid(box_of(columns), levels)
    assert [grid.rank(row) for row in grid.rows(0, len(raw))] == [(i, None) for i in range(len(raw))]


def test_values_of_a_real_column_are_equally_spaced_in_the_encoding_with_both_ends():
    box = box_of([Column(REAL, low=-1.0, high=3.0), Column(REAL, log=True, low=1e-4, high=1.0)])
    grid = _core.Grid(box, [3, 5])
    assert sorted(set(grid.columns(0, 15)[0])) == [-1.0, 1.0, 3.0]
    assert sorted(set(grid.columns(0, 15)[1])) == [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert grid.rank(box.encode([[1.0, 0.02]])[0])[1] == 1
    assert grid.rank(box.encode([[1.5, 0.01]])[0])[1] == 0


WIDE = [Column(ORDERED, levels=77), *CONDITIONAL, Column(ORDERED, log=True, first=3.0, levels=5000), Column(CATEGORICAL, levels=2)]


@pytest.mark.parametrize("first", [0, 12345, 10**7 - 17])
def test_long_blocks_equal_short_ones_on_any_number_of_threads(first):
    """Blocks are filled by copying what repeats: here the repeats are shorter and longer than a block."""
    columns = [Column(**{**vars(c), "parent": c.parent + 1 if c.parent >= 0 else -1}) for c in WIDE]
    levels = [0] + [600 if c.kind == REAL else 0 for c in columns[1:]]
    grid = _core.Grid(box_of(columns), levels)
    whole = grid.columns(first, 40000)
    singles = _core.StreamView(grid, [(first, 8, 5000, None, 0)]).columns(0, 5000)   # each by itself
    np.testing.assert_array_equal(whole[:, ::8], singles)
    assert grid.columns(first, 40000, threads=3).tobytes() == whole.tobytes()
    assert grid.rows(first, 40000, threads=3).tobytes() == grid.rows(first, 40000).tobytes()


@given(st.data())
@settings(deadline=None)
def test_grids_beyond_64_bits_are_ranked_and_unranked_exactly(data):
    columns = [Column(CATEGORICAL, levels=3), *(Column(ORDERED, levels=2**20, parent=0, parent_levels=(1,)) for _ in range(3))]
    columns += [Column(ORDERED, levels=97), *(Column(ORDERED, levels=10, parent=4, parent_levels=(0, 50)) for _ in range(4)), Column(REAL)]
    levels = [0] * 9 + [1001]
    grid = _core.Grid(box_of(columns), levels)
    assert grid.size == (2 + 2**60) * (95 + 2 * 10**4) * 1001
    i = data.draw(st.integers(0, grid.size - 1))
    n = min(5, grid.size - i)
    rows = grid.rows(i, n)
    assert [grid.rank(row) for row in rows] == [(i + k, None) for k in range(n)]
    assert _core.StreamView(grid, [(i + n - 1, -1, n, None, 0)]).rows(0, n).tobytes() == rows[::-1].tobytes()


@pytest.mark.parametrize("levels", [[1], [-1], [2**53], [3, 3]])
def test_impossible_levels_are_refused(levels):
    with pytest.raises(ValueError, match="levels"):
        _core.Grid(box_of([Column(REAL)]), levels)
