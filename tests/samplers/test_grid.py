"""Exhaustive search, and that "random" follows the stream of uniform configurations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hpo_fast as hf
from hpo_fast.samplers import Grid
from tests.strategies import enumerate_space, key, small_spaces


def small():
    return hf.Space({"a": hf.Int(0, 3), "x": hf.Float(0, 1), "c": hf.Categorical(["u", "v"]), "k": hf.Int(1, 2).when("c", "v")})


@pytest.mark.parametrize("shuffle", [False, True])
@given(space=small_spaces())
@settings(deadline=None, max_examples=25)
def test_every_configuration_once_in_the_order_of_the_stream(shuffle, space):
    opt = hf.Optimizer(space, Grid(shuffle=shuffle), seed=5)
    stream = hf.Grid(space).shuffled(5) if shuffle else hf.Grid(space)
    asked = [t.params for t in opt.ask(space.size)]
    assert asked == list(stream)
    assert {key(p) for p in asked} == {key(p) for p in enumerate_space(space)}
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


def test_the_info_says_the_position():
    trial = hf.Optimizer(small(), Grid(resolution=3)).ask(3)[2]
    assert trial.info[0] == "grid"
    assert trial.info.reason == "position 2 of 36"


def test_a_float_needs_a_resolution():
    with pytest.raises(ValueError, match=r"'x'.*resolution"):
        hf.Optimizer(small(), "grid")
    with pytest.raises(TypeError, match="resolution='7'"):
        Grid(resolution="7")
    with pytest.raises(TypeError, match="shuffle=1"):
        Grid(shuffle=1)


@pytest.mark.parametrize("sampler", [Grid(resolution=3), Grid(resolution={"x": 3}, shuffle=True)])
def test_what_is_known_is_skipped_what_is_infeasible_left_out_and_what_is_forgotten_comes_again(sampler):
    space = small().require(lambda p: p.a != 1)
    grid = hf.Grid(space, sampler.resolution)
    order = list(grid.shuffled(2) if sampler.shuffle else grid)
    assert len(order) == 27
    opt = hf.Optimizer(space, sampler, seed=2)
    opt.add(order[1], 0.0)
    opt.enqueue(order[3])
    trials = opt.ask(4)
    assert [t.params for t in trials] == [order[3], order[0], order[2], order[4]]
    opt.tell(trials[1], 1.0)
    opt.forget(trials[2])
    assert opt.ask().params == order[2]
    opt.enqueue({"a": 0})   # completed by what the sampler would suggest, which is not thereby tried
    completed = opt.ask().params
    rest = [t.params for t in opt.ask(100)]
    assert rest == [p for p in order[5:] if p != completed]
    with pytest.raises(hf.SpaceExhausted, match="grid"):
        opt.ask()
    opt.forget(trials[3])
    assert opt.ask().params == order[4]


@given(st.integers(0, 2**32), st.lists(st.sampled_from(["ask", "ask", "tell", "forget", "add", "save"]), max_size=30))
@settings(deadline=None, max_examples=40)
def test_the_next_is_always_the_first_that_is_neither_told_nor_pending_also_when_restored(seed, steps):
    space = small().require(lambda p: p.a + (p.x > 0.4) != 2)
    sampler = Grid(resolution=3, shuffle=True)
    order = list(hf.Grid(space, 3).shuffled(seed))
    opt, rng = hf.Optimizer(space, sampler, seed=seed), np.random.default_rng(seed)
    taken: list = []
    for step in steps:
        pending = opt.pending
        if step == "ask" and len(taken) < len(order):
            trial = opt.ask()
            assert trial.params == next(p for p in order if p not in taken)
            taken.append(trial.params)
        elif step in ("tell", "forget") and pending:
            trial = pending[rng.integers(len(pending))]
            if step == "tell":
                opt.tell(trial, 1.0)
            else:
                opt.forget(trial)
                taken.remove(trial.params)
        elif step == "add":
            params = order[rng.integers(len(order))]
            if params not in taken:
                opt.add(params, 0.5)
                taken.append(params)
        elif step == "save":
            opt = hf.Optimizer.from_bytes(space, opt.to_bytes())


def test_a_grid_that_is_mostly_infeasible_gives_up(monkeypatch):
    monkeypatch.setattr("hpo_fast.samplers.grid._MAX_BARREN", 5000)
    wide = hf.Space({"a": hf.Int(0, 10**6), "b": hf.Int(0, 10**6)})
    opt = hf.Optimizer(wide.require(lambda p: p.a > 2), "grid")
    for _ in range(2):
        with pytest.raises(hf.Infeasible, match="none of the 5000 configurations"):
            opt.ask()
    assert len(hf.Optimizer(wide.require(lambda p: p.a > 2), Grid(shuffle=True)).ask(3)) == 3
    near = hf.Optimizer(wide.require(lambda p: p.b < 3), "grid")
    assert [t["b"] for t in near.ask(10)] == [0, 1, 2]
    with pytest.raises(hf.Infeasible, match="shuffle"):
        near.ask()


def test_stateless_suggestions_skip_the_history():
    space = small()
    rows = hf.Grid(space, 2).rows()
    assert hf.suggest(space, rows[:5], np.zeros(5), rows[6:7], 2, Grid(resolution=2)).tobytes() == rows[[5, 7]].tobytes()


@pytest.mark.parametrize("constrained", [False, True])
def test_random_asks_what_the_uniform_stream_has(constrained):
    space = small().require(lambda p: p.x < 0.2) if constrained else small()
    asked = [t.params for t in hf.Optimizer(space, "random", seed=9).ask(50)]
    assert asked == list(hf.Uniform(space, 50, seed=9))


def test_sobol_asks_what_the_stream_has():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(1e-3, 1, log=True)})
    assert [t.params for t in hf.Optimizer(space, "sobol", seed=4).ask(50)] == list(hf.Sobol(space, 50, seed=4))
