"""Blocks of uniform and Sobol points against the same ones row by row, and views of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo_fast import _core

from .spaces import CONTINUOUS, SPACES, any_column, box_of, conditional_spaces

seeds = st.integers(0, 2**64 - 1)


def streams_of(box, size, seed):
    return [_core.UniformStream(box, size, seed), _core.SobolStream(box, min(size, 2**32), seed)]


@given(conditional_spaces(any_column, max_size=6), seeds, st.integers(0, 2**31), st.integers(0, 40))
@settings(deadline=None)
def test_columns_are_the_rows_decoded_bit_by_bit(columns, seed, first, n):
    """The rows are made one by one here, the columns in vectors: decoding must not depend on which."""
    box = box_of(columns)
    point_rows = box.from_unit(_core.Sobol(len(columns), seed).points(first, n))
    uniform_rows = np.vstack([np.empty((0, len(columns))), *(_core.uniform_rows(box, seed, first + i, 1) for i in range(n))])
    for stream, rows in zip(streams_of(box, 2**40, seed), [uniform_rows, point_rows], strict=True):
        assert stream.rows(first, n).tobytes() == rows.tobytes()
        np.testing.assert_array_equal(stream.columns(first, n, True), rows.T)
        one_by_one = np.array([box.decode(row[None])[0] for row in rows]).reshape(n, len(columns))
        np.testing.assert_array_equal(stream.columns(first, n), one_by_one.T)


@given(conditional_spaces(any_column), seeds)
@settings(deadline=None)
def test_a_draw_is_the_same_alone_and_in_a_block(columns, seed):
    """suggest_uniform draws row by row with the scalar generator."""
    box = box_of(columns)
    size = _core.Grid(box).size
    if 0 < size < 100:
        return
    suggested = _core.suggest_uniform(box, _core.Grid(box), seed, 0, 3, None, _core.RowSet(len(columns)))
    assert suggested[0].tobytes() == box.recode(_core.UniformStream(box, 3, seed).rows(0, 3))[0].tobytes()


@pytest.mark.parametrize("columns", SPACES.values(), ids=SPACES)
def test_blocks_do_not_depend_on_threads_order_or_neighbours(columns):
    for stream in streams_of(box_of(columns), 10**6, 3):
        whole = stream.columns(700, 30000)
        assert stream.columns(700, 30000, threads=3).tobytes() == whole.tobytes()
        assert stream.rows(700, 30000, threads=3).tobytes() == stream.rows(700, 30000).tobytes()
        np.testing.assert_array_equal(stream.columns(5000, 333), whole[:, 4300:4633])
        backwards = _core.StreamView(stream, [(700 + 29999, -3, 10000, None, 0)])
        np.testing.assert_array_equal(backwards.columns(0, 10000), whole[:, ::-3])
        shuffled = _core.StreamView(stream, [(0, 1, 10**6, 5, 10**6)])
        order = _core.Permutation(10**6, 5)
        np.testing.assert_array_equal(shuffled.columns(3, 50), np.hstack([stream.columns(order(i), 1) for i in range(3, 53)]))


@pytest.mark.parametrize("dims", [1, 3, 10, 50, 1024, 1030])
@pytest.mark.parametrize("first", [0, 1, 2**31 - 1500])
def test_blocks_of_sobol_points_are_the_points(dims, first):
    """Longer than what is made at a time, from anywhere; where all columns are real, rows are made without columns."""
    n = 3000 if dims < 1000 else 300
    stream = _core.SobolStream(box_of([CONTINUOUS[0]] * dims), 2**32, 6)
    points = _core.Sobol(dims, 6).points(first, n)
    assert stream.rows(first, n).tobytes() == points.tobytes()
    assert _core.StreamView(stream, [(first, 1, n, None, 0)]).rows(0, n).tobytes() == points.tobytes()
    np.testing.assert_array_equal(stream.columns(first, n, True), points.T)
    np.testing.assert_array_equal(_core.StreamView(stream, [(first, 3, n // 3, None, 0)]).columns(0, n // 3, True), points[::3].T)


def test_a_constraint_is_honoured_by_drawing_again():
    columns = SPACES["mixed"]
    box = box_of(columns)

    def few(rows):
        return rows[:, 0] < 0.05

    stream = _core.UniformStream(box, 10**9, 8, few)
    rows = _core.uniform_rows(box, 8, 40, 2500, few)
    assert stream.rows(40, 2500).tobytes() == rows.tobytes()
    np.testing.assert_array_equal(stream.columns(40, 2500, threads=2), box.decode(rows).T)
    view = _core.StreamView(stream, [(60, 5, 10, None, 0)])
    del stream
    np.testing.assert_array_equal(view.columns(0, 10), box.decode(rows[20:70:5]).T)


def test_an_error_in_a_constraint_comes_through_from_any_thread():
    def fails(rows):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        _core.UniformStream(box_of(SPACES["mixed"]), 10**6, 0, fails).columns(0, 40000, threads=2)


@pytest.mark.parametrize(("first", "n"), [(10, 1), (0, 11), (-1, 1), (2**64, 1), (2**128, 1)])
def test_positions_outside_are_refused(first, n):
    for stream in streams_of(box_of(SPACES["mixed"]), 10, 0):
        with pytest.raises(ValueError, match="positions"):
            stream.rows(first, n)


def test_a_view_needs_a_layer_and_a_sobol_sequence_has_an_end():
    box = box_of(SPACES["mixed"])
    with pytest.raises(ValueError, match="layer"):
        _core.StreamView(_core.UniformStream(box, 1, 0), [])
    with pytest.raises(ValueError, match="2\\^32"):
        _core.SobolStream(box, 2**32 + 1, 0)
    assert _core.SobolStream(box, 2**32, 0).rows(2**32 - 1, 1).shape == (1, len(SPACES["mixed"]))
