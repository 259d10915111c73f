"""What an optimizer tries or knows because it was told to: added results, enqueued configurations, defaults."""

from __future__ import annotations

import numpy as np
import pytest
from searches import SAMPLERS, mixed

import hpo_fast as hf


def test_add():
    opt = hf.Optimizer(mixed().derive("d", lambda p: 2 * p.x).require(lambda p: p.n < 40))
    params = {"x": 0.5, "lr": 1e-3, "n": 45, "c": "a"}
    trial = opt.add(params, 0.25)
    assert (trial.number, trial.state, trial.value) == (0, "complete", 0.25)
    assert trial.params == {**params, "d": 1.0}
    assert trial.info.model == "added"
    assert opt.add(params, None).state == "failed"
    assert opt.ask().number == 2
    assert (len(opt.history), opt.n_failed, opt.best_value) == (2, 1, 0.25)
    assert opt.history["n"].tolist() == [45, 45]


def test_what_was_added_is_not_suggested():
    space = hf.Space({"a": hf.Int(0, 4)})
    for sampler in SAMPLERS:
        opt = hf.Optimizer(space, sampler)
        opt.add({"a": 2}, 1.0)
        assert sorted(t["a"] for t in opt.ask(9)) == [0, 1, 3, 4]


@pytest.mark.parametrize("sampler", [*SAMPLERS, hf.samplers.Grid(resolution=4)], ids=str)
def test_what_another_search_found_is_not_suggested(sampler):
    """The rows of its configurations are encoded here, and must be the very ones that would be suggested."""
    space = hf.Space({
        "lr": hf.Float(1e-5, 1e-1, log=True), "x": hf.Float(-3, 7), "c": hf.Categorical(["a", "b"]), "w": hf.Float(0.1, 0.9).when("c", "a"),
        "n": hf.Int(1, 10**6, log=True),
    })   # fmt: skip
    first, second = hf.Optimizer(space, sampler, seed=3), hf.Optimizer(space, sampler, seed=3)
    known = [trial.params for trial in first.ask(100)]
    for params in known[1::2]:
        second.add(params, 1.0)
    trials = second.ask(150)
    assert not any(trial.params in known[1::2] for trial in trials)
    assert not any(second.enqueue(params) for params in known[1::2])
    rows = space.encode(known)
    assert not any(row.tobytes() in {r.tobytes() for r in rows} for row in hf.suggest(space, rows, np.arange(100.0), n=100, sampler=sampler, seed=3))


@pytest.mark.parametrize("sampler", [*SAMPLERS, hf.samplers.Grid(resolution=7)], ids=str)
def test_the_row_of_a_trial_is_that_of_its_configuration(sampler):
    space = hf.Space({"x": hf.Float(1e-3, 9, log=True), "y": hf.Float(0.11, 0.42)})
    opt = hf.Optimizer(space, sampler)
    trials = opt.ask(49)
    assert not any(opt.enqueue(trial.params) for trial in trials)
    opt.tell(trials, range(49))
    np.testing.assert_array_equal(opt.history.rows, space.encode([trial.params for trial in trials]))


def test_what_enqueue_accepted_is_asked_though_completions_are_rare():
    space = hf.Space({name: hf.Float(0, 1) for name in "abc"}).require(lambda p: (p.b - 0.3) ** 2 + (p.c - 0.6) ** 2 < 1e-5)
    accepted = 0
    for seed in range(12):
        opt = hf.Optimizer(space, "random", seed=seed)
        opt.add({"a": 0.5, "b": 0.3, "c": 0.6}, 1.0)
        try:
            opt.enqueue({"a": 0.25})
        except ValueError:
            continue
        accepted += 1
        assert opt.ask()["a"] == 0.25
    assert accepted > 2


def test_the_last_completions_of_many_are_found():
    space = hf.Space({"n": hf.Int(1, 3000), "z": hf.Categorical(["a", "b"])})
    for seed in range(5):
        opt = hf.Optimizer(space, "random", seed=seed)
        for n in range(1, 3000):
            opt.add({"n": n, "z": "a"}, 1.0)
        opt.enqueue({"z": "a"})
        assert opt.ask().params == {"n": 3000, "z": "a"}


def test_floats_of_few_values_are_suggested_once_each():
    opt = hf.Optimizer(hf.Space({"x": hf.Float(1.0, 1.0 + 1e-15)}), "random")
    values = [trial["x"] for trial in opt.ask(10)]
    assert {1.0, 1.0 + 1e-15} <= set(values) and len(set(values)) == len(values) <= 6
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


def test_a_pending_configuration_that_was_added_stays_taken_when_forgotten():
    opt = hf.Optimizer(hf.Space({"a": hf.Int(0, 1)}))
    trial = opt.ask()
    opt.add(trial.params, 1.0)
    opt.forget(trial)
    assert opt.ask()["a"] != trial["a"]
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


def test_what_was_enqueued_and_then_told_is_not_tried_again():
    space = hf.Space({"a": hf.Int(0, 4, default=2), "b": hf.Float(0, 1, default=0.5)})
    opt = hf.Optimizer(space)
    opt.enqueue({"a": 1, "b": 0.25})
    opt.enqueue({"a": 3})
    opt.add({"a": 2, "b": 0.5}, 1.0)   # the default configuration, which is the first of the queue
    opt = hf.Optimizer.from_bytes(space, opt.to_bytes())
    opt.add({"a": 1, "b": 0.25}, 1.0)
    first, second = opt.ask(2)
    assert first["a"] == 3 and first.info.model == "enqueued"
    assert second.info.model != "enqueued"
    opt = hf.Optimizer(hf.Space({"a": hf.Int(0, 4), "b": hf.Float(0, 1)}))
    opt.enqueue({"a": 1})
    partial = opt.ask()
    opt.enqueue({"a": 2, "b": 0.5})
    opt.add({"a": 2, "b": 0.5}, 1.0)
    opt.ask()
    assert not opt.enqueue({"a": 2, "b": 0.5})   # told
    opt.forget(partial)
    assert opt.enqueue(partial.params) and opt.ask().params == partial.params


def test_what_can_only_be_completed_to_known_configurations_is_passed_over():
    space = hf.Space({"a": hf.Int(0, 4), "b": hf.Int(0, 2)}).require(lambda p: p.a != 1 or p.b != 2)
    opt = hf.Optimizer(space, sampler="random", seed=0)
    for b in (0, 1):
        opt.add({"a": 1, "b": b}, 0.0)
    assert opt.enqueue({"a": 1})
    assert opt.enqueue({"a": 2})
    trials = opt.ask(2)
    assert trials[0]["a"] == 2 and [t.info.model for t in trials] == ["enqueued", "uniform"]
    assert len({(1, 0), (1, 1)} | {(t["a"], t["b"]) for t in trials}) == 4
    opt.forget(trials[0])
    assert opt.enqueue({"a": 2}) and opt.enqueue({"a": 1})   # nothing of them is in the way
    with pytest.raises(hf.SpaceExhausted):
        opt.ask(20) and opt.ask()


def test_enqueue_is_tried_first_in_order_and_idempotent():
    opt = hf.Optimizer(mixed(), seed=1)
    full = {"x": 0.5, "lr": 2e-4, "n": 45, "c": "b", "k": 3}
    assert opt.enqueue(full)
    assert opt.enqueue({"n": 3})
    assert not opt.enqueue(full)
    assert not opt.enqueue({"n": 3})
    assert opt.enqueue({"k": 2})
    first, second, third, fourth = opt.ask(4)
    assert first.params == full
    assert second["n"] == 3
    assert third["k"] == 2
    assert third["c"] in ("b", None)
    assert [t.info.model for t in (first, second, third)] == ["enqueued"] * 3
    assert fourth.info.model != "enqueued"
    for t in (first, second, third):
        assert mixed().validate(t.params) == t.params
    assert not opt.enqueue(full)
    opt.tell(first, 1.0)
    assert not opt.enqueue(full)
    assert not opt.enqueue(fourth.params)
    assert opt.enqueue({}) in (True, False)


@pytest.mark.parametrize("params", [{"a": 3, "b": 0.25}, {"a": 3}, {"a": 2, "b": 0.5}], ids=["complete", "partial", "default"])
@pytest.mark.parametrize("restored", [False, True])
def test_what_was_forgotten_can_be_enqueued_again(params, restored):
    space = hf.Space({"a": hf.Int(0, 4, default=2), "b": hf.Float(0, 1, default=0.5)})
    opt = hf.Optimizer(space)
    opt.enqueue({"a": 3, "b": 0.25})
    opt.enqueue({"a": 3})
    opt.enqueue({"a": 4})
    trials = opt.ask(3)
    if restored:
        opt = hf.Optimizer.from_bytes(space, opt.to_bytes())
    trial = next(t for t in trials if params.items() <= t.params.items() and (len(params) == 2 or t["b"] != 0.25))
    assert not opt.enqueue(params)
    opt.forget(trial.number)
    assert opt.enqueue(params) and not opt.enqueue(params)
    assert not opt.enqueue({"a": 4})   # waits still
    first, second = opt.ask(2)
    assert first["a"] == 4 and params.items() <= second.params.items() and second.info.model == "enqueued"
    opt.tell(second, 1.0)
    assert not opt.enqueue(params)


def test_enqueue_checks_derived_values_as_encode_does():
    opt = hf.Optimizer(hf.Space({"r": hf.Int(1, 8), "s": hf.Int(1, 8)}).derive("rb", lambda p: 2 * p.r), seed=0)
    with pytest.raises(ValueError, match="'rb' is 999 but its function gives 6"):
        opt.enqueue({"r": 3, "s": 1, "rb": 999})
    assert opt.enqueue({"r": 3, "s": 1, "rb": 6}) and opt.ask()["rb"] == 6
    for partial in ({"rb": 6}, {"rb": "nonsense"}, {"r": 3, "rb": 6}):
        with pytest.raises(ValueError, match="'rb' is computed: leave it out, and give the searched parameters"):
            opt.enqueue(partial)
    assert opt.ask().info.model != "enqueued"


def test_enqueue_completes_from_the_sampler_and_within_requirements():
    space = hf.Space({"a": hf.Int(0, 9), "b": hf.Int(0, 9), "c": hf.Int(0, 9)}).require(lambda p: p.a + p.b == 9)
    for sampler in SAMPLERS:
        opt = hf.Optimizer(space, sampler)
        for a in range(10):
            opt.enqueue({"a": a})
        trials = opt.ask(10)
        assert [t["a"] for t in trials] == list(range(10))
        assert [t["b"] for t in trials] == list(range(9, -1, -1))
        assert len({t["c"] for t in trials}) > 2
    with pytest.raises(ValueError, match=r"'b': 1.*satisf"):
        hf.Optimizer(space).enqueue({"a": 1, "b": 1})


def test_what_is_enqueued_does_not_need_the_sampler_to_find_something_feasible():
    space = hf.Space({"a": hf.Categorical(["s", "t"]), "m": hf.Float(0, 1).when("a", "s"), "x": hf.Float(0, 1)}).require(lambda p: p.x == 0.25)
    for sampler in SAMPLERS:
        for config in ({"a": "s", "m": 0.5, "x": 0.25}, {"a": "t", "x": 0.25}):   # complete
            opt = hf.Optimizer(space, sampler)
            opt.enqueue(config)
            assert opt.ask().params == config
    opt = hf.Optimizer(space, "random")
    opt.enqueue({"a": "s", "x": 0.25})
    trial = opt.ask()
    assert trial["x"] == 0.25 and trial.params.keys() == {"a", "m", "x"}
    with pytest.raises(hf.Infeasible):
        opt.ask()


def test_enqueued_children_choose_their_parents():
    space = hf.Space({"c": hf.Int(0, 1).when("b", 2), "b": hf.Int(0, 5).when("a", [3, 4]), "a": hf.Int(0, 99)})
    opt = hf.Optimizer(space)
    opt.enqueue({"c": 1})
    trial = opt.ask()
    assert (trial["c"], trial["b"]) == (1, 2)
    assert trial["a"] in (3, 4)
    two = hf.Space({"a": hf.Int(0, 2), "b": hf.Int(0, 1).when("a", 1), "c": hf.Int(0, 1).when("a", 2)})
    with pytest.raises(ValueError, match="cannot exist together"):
        hf.Optimizer(two).enqueue({"b": 0, "c": 0})


def test_a_full_ask_of_queued_and_new_trials():
    opt = hf.Optimizer(hf.Space({"a": hf.Int(0, 3)}))
    opt.enqueue({"a": 2})
    trials = opt.ask(10)
    assert trials[0]["a"] == 2
    assert sorted(t["a"] for t in trials) == [0, 1, 2, 3]


def test_defaults_come_first():
    space = hf.Space(
        {
            "x": hf.Float(0, 1, default=0.25),
            "c": hf.Categorical(["a", "b"], default="b"),
            "k": hf.Int(0, 3, default=2).when("c", "b"),
            "free": hf.Int(0, 9),
        }
    )
    for sampler in SAMPLERS:
        opt = hf.Optimizer(space, sampler)
        opt.enqueue({"x": 0.5})
        first, second, third = opt.ask(3)
        assert {**first.params, "free": 0} == {"x": 0.25, "c": "b", "k": 2, "free": 0}
        assert first.info.model == "enqueued"
        assert "default" in first.info.reason
        assert second["x"] == 0.5
        assert third.info.model != "enqueued"


def test_defaults_that_violate_a_requirement():
    space = hf.Space({"x": hf.Int(0, 9, default=3)}).require(lambda p: p.x > 5)
    with pytest.raises(ValueError, match=r"defaults \{'x': 3\} cannot be tried"):
        hf.Optimizer(space)

@pytest.mark.parametrize("parameter", [hf.Float(1e-5, 5e-4, log=True), hf.Float(0.5, 0.99), hf.Float(-5, 10)])
def test_a_configuration_that_is_pending_or_told_is_not_enqueued(parameter):
    opt = hf.Optimizer(hf.Space({"x": parameter, "c": hf.Categorical(["a", "b"]), "y": hf.Float(0, 1).when("c", "a")}), "random")
    trials = opt.ask(100)
    opt.tell(trials[:50], range(50))
    assert not any(opt.enqueue(t.params) for t in trials)
    opt.forget(trials[99])
    assert opt.enqueue(trials[99].params)


def test_minus_zero_is_zero():
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1)}), hf.samplers.Grid(resolution=3))
    opt.add({"x": -0.0}, 1.0)
    assert [t["x"] for t in opt.ask(2)] == [0.5, 1.0]


def test_what_is_enqueued_must_have_its_derived_parameters():
    opt = hf.Optimizer(hf.Space({"x": hf.Int(0, 9)}).derive("inverse", lambda p: 1 / (p.x - 3)).require(lambda p: p.x >= 0), "sobol")
    with pytest.raises(ValueError, match=r"'inverse'.*ZeroDivisionError"):
        opt.enqueue({"x": 3})
    assert opt.enqueue({"x": 5}) and opt.ask().params == {"x": 5, "inverse": 0.5}
