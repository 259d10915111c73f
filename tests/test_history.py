"""The history: a struct of arrays that grows."""

from __future__ import annotations

import numpy as np
import pytest

import hpo_fast as hf


def test_growth_keeps_everything():
    space = hf.Space({"x": hf.Float(0, 1), "n": hf.Int(1, 9)}).derive("two", lambda p: 2 * p.n)
    history = hf.History(space)
    assert len(history) == 0
    assert history["x"].shape == history["two"].shape == history.values.shape == (0,)
    rows = space.sample(500, seed=0)
    values = np.where(np.arange(500) % 3 == 0, np.nan, np.arange(500.0))
    start = 0
    for size in (0, 1, 15, 1, 0, 40, 443):
        history.append(np.arange(start, start + size) * 2, rows[start : start + size], values[start : start + size])
        start += size
        assert len(history) == start
        np.testing.assert_array_equal(history.rows, rows[:start])
        np.testing.assert_array_equal(history.values, values[:start])
        np.testing.assert_array_equal(history.numbers, 2 * np.arange(start))
    assert history.failed.sum() == 167
    assert history["n"].dtype == np.int64
    np.testing.assert_array_equal(history["two"], 2 * history["n"])
    assert repr(history) == "<History: 500 trials, 167 failed>"


def test_views_are_read_only_and_no_copies():
    space = hf.Space({"x": hf.Float(0, 1)})
    history = hf.History(space)
    history.append(np.array([0]), np.array([[0.5]]), np.array([1.0]))
    for name in ("rows", "values", "numbers"):
        assert np.shares_memory(getattr(history, name), getattr(history, name))
        assert not getattr(history, name).flags.writeable
    old = history.values
    history.append(np.array([1]), np.array([[0.25]]), np.array([2.0]))
    assert old.tolist() == [1.0]


@pytest.mark.parametrize("name", ["y", "", 0, None])
def test_unknown_columns(name):
    with pytest.raises(KeyError, match=r"no parameter .*; there are x"):
        hf.History(hf.Space({"x": hf.Float(0, 1)}))[name]


def test_a_column_needs_only_what_it_is_made_of():
    asked = []
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}).derive("a", lambda p: p.x).derive("b", lambda p: asked.append(p) or 2 * p.a)
    history = hf.History(space)
    history.append(np.arange(2), space.sample(2, seed=0), np.zeros(2))
    np.testing.assert_array_equal(history["x"], space.sample(2, seed=0)[:, 0])
    np.testing.assert_array_equal(history["a"], history["x"])
    assert not asked
    np.testing.assert_array_equal(history["b"], 2 * history["x"])
    with pytest.raises(KeyError, match="no parameter 'c'; there are x, y, a, b"):
        history["c"]
