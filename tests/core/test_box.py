"""Encoding: columns of every kind, conditions, and rows as fixed points."""

import math

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import CATEGORICAL, ORDERED, REAL, Column

from hpo_fast import _core

from .spaces import any_column, box_of, conditional_spaces, level_tuples, log_ints, ordereds, reals

units = st.floats(0.0, 1.0)


def one(values) -> np.ndarray:
    return np.asarray(values, dtype=float)[:, None]


@given(reals, st.lists(units, min_size=1, max_size=20))
@settings(deadline=None)
def test_real_columns_decode_and_encode_as_the_oracle_to_rounding(column, u):
    box = box_of([column])
    raw = box.decode(one(u))[:, 0]
    scale = max(abs(column.low), abs(column.high), column.high - column.low)
    for value, at in zip(raw.tolist(), u, strict=True):
        expected = column.decode(at)
        assert column.low <= value <= column.high
        assert abs(value - expected) <= (1e-13 * expected if column.log else 9e-16 * scale)
    back = box.encode(one(raw))[:, 0]
    lower, upper = column.bounds
    rounding = 1e-15 + 2e-15 * max(abs(lower), abs(upper), 1.0) / (upper - lower)   # of the oracle: ours inverts decode
    np.testing.assert_allclose(back, [column.encode(v) for v in raw.tolist()], rtol=0, atol=rounding)
    np.testing.assert_allclose(back, u, rtol=0, atol=rounding)


@pytest.mark.parametrize(("low", "high", "log"), [(0.0, 1.0, False), (-3.0, 7e5, False), (2.0, 9e13, False), (1e-9, 1e4, True), (1e-9, 1e21, True)])
def test_decimals_come_back_as_written_at_any_place_of_a_block(low, high, log):
    """Decoding looks closely only at numbers near a decimal: none may be missed, and none be changed by its neighbours."""
    rng = np.random.default_rng(5)
    at = rng.uniform(size=20000)
    values = np.exp(np.log(low) + at * np.log(high / low)) if log else low + at * (high - low)
    values = np.array([float(f"{v:.{digits}g}") for v, digits in zip(values, rng.integers(1, 8 if log else 12, values.size), strict=True)])
    values = values[(values >= low) & (values <= high) & ((np.abs(values) > 1e-3 * high) | log)]   # others lose digits in u
    box = box_of([Column(REAL, log=log, low=low, high=high)])
    u = box.encode(one(values))
    u[rng.random(len(u)) < 0.3] = 0.4321   # among others
    back = box.decode(u)[:, 0]
    written = u[:, 0] != 0.4321
    assert back[written].tolist() == values[written].tolist()
    assert back.tolist() == [box.decode(one([x]))[0, 0] for x in u[:, 0]]


@given(reals)
@settings(deadline=None)
def test_both_bounds_of_a_real_column_come_back_exactly(column):
    box = box_of([column])
    assert box.decode(one([0.0, 1.0]))[:, 0].tolist() == [column.low, column.high]
    assert box.encode(one([column.low, column.high]))[:, 0].tolist() == pytest.approx([0.0, 1.0], abs=1e-15)


@pytest.mark.parametrize("value", [0.3, 0.1, 0.125, 1e-3, 0.7, 2.5])
def test_a_value_that_a_person_wrote_comes_back_as_written(value):
    for column in (Column(REAL, low=0.0, high=3.0), Column(REAL, log=True, low=1e-5, high=10.0)):
        box = box_of([column])
        assert box.decode(box.encode(one([value])))[0, 0] == value


@given(st.one_of(ordereds, log_ints), st.lists(units, min_size=1, max_size=20))
@settings(deadline=None)
def test_levels_decode_as_the_oracle(column, u):
    lower, upper = column.bounds
    if column.log:   # at an edge between two cells either is right
        edges = [(math.log(column.first + k - 0.5) - lower) / (upper - lower) for k in range(column.levels + 1)]
        u = [v for v in u if min(abs(v - e) for e in edges) > 1e-12] or [0.0]
    assert box_of([column]).decode(one(u))[:, 0].tolist() == [column.level(v) for v in u]


@given(st.one_of(ordereds, log_ints))
@settings(deadline=None)
def test_every_level_round_trips_in_ascending_order_inside_its_cell(column):
    box = box_of([column])
    levels = np.arange(column.levels)
    u = box.encode(one(levels))[:, 0]
    assert box.decode(one(u))[:, 0].tolist() == levels.tolist()
    np.testing.assert_allclose(u, [column.encode(k) for k in levels.tolist()], rtol=0, atol=1e-14)
    assert (np.diff(u) > 0).all() and u[0] > 0 and u[-1] < 1
    for v in u.tolist():
        lower, upper = column.cell(v)
        assert lower < v < upper


@given(st.integers(1, 2**52).flatmap(lambda m: st.tuples(st.just(m), st.lists(st.integers(0, m - 1), min_size=1, max_size=20))))
@settings(deadline=None)
def test_levels_round_trip_up_to_two_to_the_52(case):
    m, levels = case
    box = box_of([Column(ORDERED, levels=m)])
    levels = [0, m - 1, m // 2, *levels]
    assert box.decode(box.encode(one(levels)))[:, 0].tolist() == levels


@given(st.integers(1, 2**52), st.lists(units, min_size=1, max_size=20))
@settings(deadline=None)
def test_the_level_of_u_is_the_floor_of_the_exact_product(m, u):
    column = Column(ORDERED, levels=m)
    assert box_of([column]).decode(one(u))[:, 0].tolist() == [column.level(v) for v in u]


@given(st.integers(1, 2**30), st.integers(1, 2**40), st.lists(units, min_size=1, max_size=20))
@settings(deadline=None)
def test_levels_of_long_log_columns_round_trip(first, m, u):
    box = box_of([Column(ORDERED, log=True, first=float(first), levels=m)])
    levels = np.unique(np.append(box.decode(one(u))[:, 0], [0, m - 1]))
    assert box.decode(box.encode(one(levels)))[:, 0].tolist() == levels.tolist()


@given(st.integers(2, 50))
@settings(deadline=None)
def test_cells_of_an_ordered_column_have_equal_measure(m):
    raw = box_of([Column(ORDERED, levels=m)]).decode(one((np.arange(m * 20) + 0.5) / (m * 20)))[:, 0]
    assert np.bincount(raw.astype(int), minlength=m).tolist() == [20] * m


@given(conditional_spaces(any_column), st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_from_unit_and_snap_and_active_equal_the_oracle(columns, seed):
    box = box_of(columns)
    points = np.random.default_rng(seed).uniform(size=(8, len(columns)))
    rows = box.from_unit(points)
    np.testing.assert_allclose(rows, [reference.from_unit(columns, p) for p in points], rtol=0, atol=1e-13)
    moved = np.where(np.isnan(rows), np.nan, rows * 1.3 - 0.1)
    np.testing.assert_allclose(box.snap(moved), [reference.snap_row(columns, r) for r in moved], rtol=0, atol=1e-13)
    active = np.array([[reference.active(columns, j, r) for j in range(len(columns))] for r in rows])
    np.testing.assert_array_equal(box.active(rows), active)
    np.testing.assert_array_equal(~np.isnan(rows), active)


@given(conditional_spaces(any_column), st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_every_row_handed_out_is_a_fixed_point_of_snap_and_of_the_round_trip(columns, seed):
    box = box_of(columns)
    grid, seen = _core.Grid(box), _core.RowSet(len(columns))
    n = 8 if not grid.size else min(8, grid.size)
    drawn = _core.uniform_rows(box, seed, 0, 20)
    handed = [box.recode(drawn)]
    handed.append(_core.SobolRows(box, seed).suggest(grid, 0, n, None, seen))
    handed.append(_core.suggest_uniform(box, grid, seed, 0, n, None, _core.RowSet(len(columns))))
    handed.append(_core.complete_row(box, np.full(len(columns), np.nan), np.full(len(columns), np.nan), seed, 0, None, _core.RowSet(len(columns))))
    assert box.snap(drawn).tobytes() == drawn.tobytes()
    for before, after, c in zip(box.decode(drawn).T, box.decode(handed[0]).T, columns, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-13, atol=1e-14 * max(abs(c.low), abs(c.high)))
    for rows in handed:
        assert box.snap(rows).tobytes() == rows.tobytes()
        assert box.recode(rows).tobytes() == box.encode(box.decode(rows)).tobytes() == rows.tobytes()


@pytest.mark.parametrize("column", [
    Column(REAL), Column(ORDERED, levels=3), Column(ORDERED, log=True, first=2.0, levels=5), Column(CATEGORICAL, levels=4),
])
def test_snap_clamps_what_lies_outside(column):
    box = box_of([column])
    top = column.levels - 1 if column.kind == CATEGORICAL else 1.0
    assert box.snap(one([-0.5, -1e300])).tolist() == box.snap(one([0.0, 0.0])).tolist()
    assert box.snap(one([top + 0.5, 1e300])).tolist() == box.snap(one([top, top])).tolist()


@pytest.mark.parametrize("kind", [REAL, ORDERED, CATEGORICAL])
def test_snap_leaves_no_negative_zero(kind):
    """The set of rows compares bits: -0.0 and 0.0 would be two rows."""
    box, seen = box_of([Column(kind, levels=0 if kind == REAL else 3)]), _core.RowSet(1)
    seen.insert(box.snap(one([0.0])))
    assert seen.contains(box.snap(one([-0.0]))).all()


def test_nan_stays_nan_and_takes_its_children_along():
    child, grandchild = Column(ORDERED, levels=3, parent=0, parent_levels=(1,)), Column(REAL, parent=1, parent_levels=(0,))
    columns = [Column(CATEGORICAL, levels=2), child, grandchild]
    box = box_of(columns)
    rows = box.snap(np.array([[np.nan, 0.1, 0.5], [0.0, 0.1, 0.5], [1.0, 0.9, 0.5], [1.0, 0.1, 0.5]]))
    assert np.isnan(rows).tolist() == [[True, True, True], [False, True, True], [False, False, True], [False, False, False]]
    assert level_tuples(box, rows) == [(None, None, None), (0.0, None, None), (1.0, 2.0, None), (1.0, 0.0, 0.5)]
    np.testing.assert_array_equal(box.encode(np.full((1, 3), np.nan)), np.full((1, 3), np.nan))


def test_threads_encode_and_decode_the_same_bits():
    columns = [Column(REAL, log=True, low=1e-5, high=1.0), Column(ORDERED, log=True, first=1.0, levels=1000)]
    box = box_of(columns)
    rows = box.from_unit(np.random.default_rng(0).uniform(size=(20000, 2)))
    raw = box.decode(rows)
    assert box.decode(rows, threads=3).tobytes() == raw.tobytes()
    assert box.encode(raw, threads=3).tobytes() == box.encode(raw).tobytes()


@pytest.mark.parametrize("bad", [
    {"kind": REAL, "low": 1.0, "high": 0.0}, {"kind": REAL, "low": float("nan")}, {"kind": REAL, "high": float("inf")},
    {"kind": REAL, "log": True, "low": 0.0}, {"kind": ORDERED, "levels": 0}, {"kind": CATEGORICAL, "levels": 0},
    {"kind": ORDERED, "levels": 2**52 + 1}, {"kind": ORDERED, "log": True, "levels": 3, "first": 0.5},
    {"kind": CATEGORICAL, "log": True, "levels": 3, "first": 1.0},
])
def test_impossible_columns_are_refused(bad):
    with pytest.raises(ValueError, match="column"):
        _core.Box([_core.Column(**bad)])


@pytest.mark.parametrize("columns", [
    [Column(ORDERED, levels=2, parent=0, parent_levels=(0,))],
    [Column(ORDERED, levels=2, parent=1, parent_levels=(0,)), Column(ORDERED, levels=2, parent=0, parent_levels=(0,))],
    [Column(ORDERED, levels=2, parent=5, parent_levels=(0,))],
    [Column(REAL), Column(REAL, parent=0, parent_levels=(0,))],
    [Column(ORDERED, levels=3), Column(REAL, parent=0, parent_levels=(2, 1))],
])
def test_impossible_conditions_are_refused(columns):
    with pytest.raises(ValueError, match=r"column|parent"):
        box_of(columns)


@pytest.mark.parametrize("method", ["encode", "decode", "snap", "from_unit"])
def test_wrong_shapes_are_refused(method):
    box = box_of([Column(REAL), Column(REAL)])
    for rows in (np.zeros(2), np.zeros((1, 3)), np.zeros((1, 2, 1))):
        with pytest.raises(ValueError, match=r"shape \(n, 2\)"):
            getattr(box, method)(rows)
    assert getattr(box, method)(np.zeros((0, 2))).shape == (0, 2)


@given(st.lists(st.sampled_from([0.25, 0.5, 1.0, np.nan]), max_size=12), st.lists(st.integers(0, 11), max_size=12))
@settings(deadline=None)
def test_a_row_set_counts_like_a_multiset(values, erased):
    rows = one(values) if values else np.empty((0, 1))
    rows_set, counts = _core.RowSet(1), {}
    rows_set.insert(rows)
    for v in values:
        counts[repr(v)] = counts.get(repr(v), 0) + 1
    for i in erased:
        if i < len(values):
            rows_set.erase(rows[i : i + 1])
            counts[repr(values[i])] = max(counts[repr(values[i])] - 1, 0)
    assert len(rows_set) == sum(c > 0 for c in counts.values())
    assert rows_set.contains(rows).tolist() == [counts[repr(v)] > 0 for v in values]
