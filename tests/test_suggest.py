"""Stateless suggestions: what an optimizer of the same seed and history would ask."""

import numpy as np
import pytest

import hpo_fast as hf

SPACE = hf.Space({"x": hf.Float(0, 1), "n": hf.Int(1, 9), "c": hf.Categorical(["a", "b"]), "y": hf.Float(1, 9, log=True).when("c", "b")})


def history(n=30, seed=0):
    X = SPACE.sample(n, seed=seed)
    y = np.nan_to_num(X, nan=0.4).sum(axis=1)
    y[::7] = np.nan
    return X, y


@pytest.mark.parametrize("sampler", [*(name for name in hf.samplers.names() if name != "grid"), hf.samplers.Grid(resolution=5)])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_is_what_an_optimizer_with_that_history_asks(sampler, direction):
    X, y = history()
    opt = hf.Optimizer(SPACE, sampler, direction, seed=5)
    for params, value in zip(SPACE.decode(X), y, strict=True):
        opt.add(params, value)
    asked = SPACE.encode([t.params for t in opt.ask(3)])
    got = hf.suggest(SPACE, X, y, n=3, sampler=sampler, seed=5, direction=direction)
    np.testing.assert_allclose(got, asked, atol=1e-12)
    later = hf.suggest(SPACE, X, y, got[:2], n=1, sampler=sampler, seed=5, direction=direction)
    np.testing.assert_allclose(later[0], got[2], atol=1e-12)
    assert not (np.abs(np.nan_to_num(later - got[:2])) < 1e-12).all(axis=1).any()


def test_without_observations():
    assert hf.suggest(SPACE, np.empty((0, 4)), np.empty(0), n=5).shape == (5, 4)


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"X": np.zeros((30, 3))}, ValueError, r"X must have shape \(n, 4\)"),
    ({"y": np.zeros(3)}, ValueError, r"y must have shape \(30,\)"),
    ({"X": np.full((30, 4), 0.123)}, ValueError, r"X\[0, 1\]=.*'n'"),
    ({"X": np.full((30, 4), np.nan)}, ValueError, r"X\[0, 0\]=.*nan.*'x'"), ({"X": [["a"] * 4] * 30}, TypeError, "X must be an array of real numbers"),
    ({"y": [[1], [2, 3]]}, TypeError, "y must be an array of real numbers"), ({"pending": [[0.5, 0.5, np.nan, np.nan]]}, ValueError, r"pending\[0, 2\]"),
    ({"X": np.full((30, 4), np.inf)}, ValueError, r"X\[0, 0\]=.*'x'"),
    ({"pending": np.zeros(4)}, ValueError, "pending must have shape"),
    ({"n": 0}, ValueError, "n=0"), ({"seed": -1}, ValueError, "seed"), ({"threads": 0}, ValueError, "threads"),
    ({"sampler": "best"}, ValueError, "sampler='best'"), ({"direction": "up"}, ValueError, "direction='up'"),
    ({"space": {}}, TypeError, "space must be a Space"),
])  # fmt: skip
def test_wrong_input(changes, error, words):
    X, y = history()
    with pytest.raises(error, match=words):
        hf.suggest(**{"space": SPACE, "X": X, "y": y, **changes})


def test_empty_lists_are_no_observations():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    want = hf.suggest(space, np.empty((0, 2)), np.empty(0), seed=3)
    np.testing.assert_array_equal(hf.suggest(space, [], [], [], seed=3), want)
