"""The table of Auto: which model when."""

import numpy as np
import pytest

import hpo_fast as hf
from hpo_fast.samplers import GP, TPE, Auto

SPACE = hf.Space({"x": hf.Float(-1, 1), "c": hf.Categorical(["a", "b"])})


def fn(p):
    return p["x"] ** 2 + (p["c"] == "a")


def run(n, sampler, batch=1):
    opt = hf.Optimizer(SPACE, sampler, seed=2)
    while len(opt.history) < n:
        trials = opt.ask(batch)
        opt.tell(trials, [fn(t.params) for t in trials])
    return opt


def test_the_table():
    opt = hf.Optimizer(SPACE, Auto(n_startup=5, gp_until=40), seed=0)
    models = []
    for _ in range(60):
        t = opt.ask()
        models.append(t.info.model)
        opt.tell(t, fn(t.params))
    assert models[:5] == ["sobol"] * 5
    assert models[5:25] == ["gp"] * 20
    assert models[25:41] == ["tpe" if i % 3 == 2 else "gp" for i in range(25, 41)]
    assert models[41:] == ["tpe"] * 19


def test_it_asks_what_its_models_would():
    for n, other in ((20, GP()), (1005, TPE())):
        X = SPACE.sample(n, seed=1)
        y = X[:, 0]
        np.testing.assert_array_equal(hf.suggest(SPACE, X, y, sampler="auto"), hf.suggest(SPACE, X, y, sampler=other))


@pytest.mark.parametrize("batch", [2, 5])
def test_a_batch_is_what_single_asks_give(batch):
    opt, other = run(60, "auto"), run(60, "auto")
    together = opt.ask(batch)
    single = [other.ask() for _ in range(batch)]
    assert [t.params for t in together] == [t.params for t in single]
    assert [t.info for t in together] == [t.info for t in single]


def test_a_batch_beyond_the_end_of_the_space_gives_what_is_left():
    space = hf.Space({"n": hf.Int(0, 35)})
    opt = hf.Optimizer(space, Auto(n_startup=5), seed=0)
    for _ in range(33):
        t = opt.ask()
        opt.tell(t, t["n"])
    assert len(opt.ask(10)) == 3
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


def test_wrong_options():
    with pytest.raises(ValueError, match="gp_until=-1"):
        Auto(gp_until=-1)
    with pytest.raises(TypeError, match="n_startup='a'"):
        Auto(n_startup="a")
