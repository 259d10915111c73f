"""Ask and tell: bookkeeping, failures, storage, threads, and that bad calls leave no trace."""

from __future__ import annotations

import math
import pickle
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import enumerate_space, key, small_spaces

import hpo_fast as hf

SAMPLERS = ["random", "sobol", "tpe", "gp", "auto"]


def mixed():
    return hf.Space(
        {
            "x": hf.Float(-1, 1),
            "lr": hf.Float(1e-5, 1e-1, log=True),
            "n": hf.Int(1, 50, log=True),
            "c": hf.Categorical(["a", "b", None]),
            "k": hf.Int(0, 4).when("c", ["b", None]),
        }
    )


def loss(params):
    return params["x"] ** 2 + abs(math.log10(params["lr"]) + 3) + params["n"] / 50 + params.get("k", 1)


def run(opt, n, batch=1):
    for _ in range(n):
        trials = opt.ask(batch)
        opt.tell(trials, [loss(t.params) if t.number % 7 else None for t in trials])
    return opt


def asked(trials):
    return [(t.number, t.params, t.info) for t in trials]


def odd(p):
    return p.a % 2 == 1


# -- telling ------------------------------------------------------------------------------------------------------------


def test_ask_and_tell_in_any_order_by_trial_and_by_number():
    opt = hf.Optimizer(mixed())
    trials = [opt.ask(), *opt.ask(5), opt.ask()]
    assert [t.number for t in trials] == list(range(7))
    assert {t.state for t in trials} == {"pending"}
    opt.tell(trials[3], 3.0)
    opt.tell(0, 0.5)
    opt.tell([trials[5], 1], [5, 1])
    opt.tell(np.int64(2), np.float32(2))
    opt.tell((trials[6],), np.array([6.0]))
    assert opt.history.numbers.tolist() == [3, 0, 5, 1, 2, 6]
    assert opt.history.values.tolist() == [3, 0.5, 5, 1, 2, 6]
    assert [t.number for t in opt.pending] == [4]
    assert [t.state for t in trials] == ["complete"] * 4 + ["pending"] + ["complete"] * 2
    assert trials[0].value == 0.5
    assert trials[4].value is None
    assert (opt.best_trial.number, opt.best_value, opt.best_params) == (0, 0.5, trials[0].params)
    assert opt.n_trials == 7
    opt.tell([], [])
    assert len(opt.history) == 6


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int16(1), Fraction(1), np.array(1.0), True, np.True_])
def test_values_of_any_real_type(value):
    opt = hf.Optimizer(mixed())
    opt.tell(opt.ask(), value)
    assert opt.best_value == 1.0
    assert type(opt.best_value) is float


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf"), 10**400, np.array(np.nan)])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_failures_are_kept_and_counted(value, direction):
    opt = hf.Optimizer(mixed(), direction=direction)
    trial = opt.ask()
    opt.tell(trial, value)
    assert (trial.state, trial.value) == ("failed", None)
    assert opt.n_failed == len(opt.history) == 1
    assert opt.history.failed.tolist() == [True]
    assert np.isnan(opt.history.values).all()
    with pytest.raises(ValueError, match="no trial has a value yet: 1 told, 1 of them failed"):
        _ = opt.best_trial
    opt.tell(opt.ask(), -5 if direction == "maximize" else 5)
    assert opt.n_failed == 1
    assert opt.best_trial.number == 1


@pytest.mark.parametrize(
    "space",
    [
        mixed().derive("z", lambda p: 2 * p.k),   # NaN while k is inactive
        mixed().derive("z", lambda p: np.array([p.x, 1.0])),
        hf.Space({"c": hf.Categorical([math.nan, 1.0])}),
    ],
    ids=["nan", "array", "choice"],
)
def test_a_copy_of_a_trial_is_told_and_forgotten(space):
    opt = hf.Optimizer(space, "random")
    trials = opt.ask(2)
    told, gone = pickle.loads(pickle.dumps(trials))
    opt.tell(told, 1.0)
    assert (told.state, told.value) == (trials[0].state, trials[0].value) == ("complete", 1.0)
    opt.forget(gone)
    assert gone.state == trials[1].state == "forgotten"
    assert opt.history.numbers.tolist() == [0] and opt.pending == []


def test_failures_are_taken_for_bad():
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1)}), hf.samplers.TPE(n_startup=20), seed=3)
    for _ in range(80):
        trial = opt.ask()
        opt.tell(trial, None if trial["x"] < 0.6 else 1.0)
    late = opt.history["x"][30:]
    assert (late >= 0.6).mean() > 0.8


def test_only_failures_never_stop_the_search():
    for sampler in SAMPLERS:
        opt = hf.Optimizer(mixed(), sampler)
        for _ in range(30):
            opt.tell(opt.ask(), None)
        assert opt.n_failed == 30


def test_bad_calls_leave_no_trace():
    space = mixed().require(lambda p: p.n < 40)
    opt = run(hf.Optimizer(space, seed=4), 12)
    good = opt.ask(3)
    gone = opt.ask()
    opt.forget(gone)
    opt.enqueue({"c": "a"})
    other = hf.Optimizer(space, seed=5)
    strange = run(other, 12).ask(6)[2]
    params = {"x": 0.5, "lr": 1e-3, "n": 7, "c": "a"}
    calls = [
        (ValueError, "complete already|failed already", lambda: opt.tell(0, 1.0)),
        (ValueError, "forgotten already", lambda: opt.tell(gone, 1.0)),
        (ValueError, "forgotten already", lambda: opt.forget(gone)),
        (ValueError, "no trial 99", lambda: opt.tell(99, 1.0)),
        (ValueError, "no trial -1", lambda: opt.tell(-1, 1.0)),
        (ValueError, "no trial 1000", lambda: opt.tell(10**30, 1.0)),
        (ValueError, "not asked from this optimizer", lambda: opt.tell(strange, 1.0)),
        (ValueError, "appear twice", lambda: opt.tell([good[0], good[0].number], [1, 2])),
        (ValueError, "3 trials but 2 values", lambda: opt.tell(good, [1, 2])),
        (ValueError, "already", lambda: opt.tell([good[0], 0], [1, 2])),
        (TypeError, "one real number", lambda: opt.tell(good, [1, 2, "3"])),
        (TypeError, "one real number", lambda: opt.tell(good[0], "3")),
        (TypeError, "one real number", lambda: opt.tell(good[0], [3])),
        (TypeError, "one real number", lambda: opt.tell(good[0], 3j)),
        (TypeError, "one real number", lambda: opt.tell(good[0], np.array([3.0]))),
        (TypeError, "one real number", lambda: opt.tell(good[0], {"loss": 3})),
        (TypeError, "one real number", lambda: opt.tell(good[0], object())),
        (TypeError, "sequence", lambda: opt.tell(good, 1.0)),
        (TypeError, "sequence", lambda: opt.tell(good, "abc")),
        (TypeError, "sequence with one value for each of the 3 trials", lambda: opt.tell(good, {t.number: 1.0 for t in good})),
        (TypeError, "sequence with one value for each of the 3 trials", lambda: opt.tell(good, {3.0, 1.0, 2.0})),
        (TypeError, "sequence of them", lambda: opt.tell({t.number: 1.0 for t in good}, [1, 2, 3])),
        (TypeError, "sequence of them", lambda: opt.tell({t.number for t in good}, [1, 2, 3])),
        (TypeError, "trial", lambda: opt.tell("0", 1.0)),
        (TypeError, "trial", lambda: opt.tell(1.0, 1.0)),
        (TypeError, "trial", lambda: opt.tell(None, 1.0)),
        (TypeError, "trial", lambda: opt.tell([None], [1.0])),
        (TypeError, "trial", lambda: opt.tell(True, 1.0)),
        (TypeError, "trial", lambda: opt.forget("0")),
        (TypeError, "trial", lambda: opt.forget([good[0]])),
        (ValueError, "n=0", lambda: opt.ask(0)),
        (ValueError, "n=-3", lambda: opt.ask(-3)),
        (ValueError, "n=4611686018427387904", lambda: opt.ask(2**62)),
        (TypeError, "n=2.0", lambda: opt.ask(2.0)),
        (TypeError, "n='2'", lambda: opt.ask("2")),
        (TypeError, "n=True", lambda: opt.ask(True)),
        (ValueError, "'x'", lambda: opt.add({**params, "x": 7}, 1.0)),
        (ValueError, "'x'", lambda: opt.add({**params, "x": math.nan}, 1.0)),
        (ValueError, "missing", lambda: opt.add({"x": 0.5}, 1.0)),
        (ValueError, "'y'", lambda: opt.add({**params, "y": 7}, 1.0)),
        (TypeError, "one real number", lambda: opt.add(params, "1")),
        (TypeError, "configuration", lambda: opt.add(None, 1.0)),
        (TypeError, "configuration", lambda: opt.add([params], 1.0)),
        (ValueError, "'n'", lambda: opt.enqueue({"n": 51})),
        (TypeError, "'n'", lambda: opt.enqueue({"n": "51"})),
        (ValueError, "'m'", lambda: opt.enqueue({"m": 5})),
        (ValueError, "'k'", lambda: opt.enqueue({"c": "a", "k": 1})),
        (ValueError, "requirement 1", lambda: opt.enqueue({**params, "n": 45})),
        (hf.Infeasible, "satisf", lambda: opt.enqueue({"n": 45})),
        (TypeError, "configuration", lambda: opt.enqueue(None)),
        (TypeError, "configuration", lambda: opt.enqueue("x")),
    ]
    before = opt.to_bytes()
    for error, words, call in calls:
        with pytest.raises(error, match=words):
            call()
        assert opt.to_bytes() == before, words
    twin = hf.Optimizer.from_bytes(space, before)
    opt.tell(good, [1, 2, 3])
    twin.tell([t.number for t in good], [1, 2, 3])
    assert asked(opt.ask(4)) == asked(twin.ask(4))


@pytest.mark.parametrize(
    ("error", "words", "arguments"),
    [
        (TypeError, "Space", {"space": {"x": hf.Float(0, 1)}}),
        (TypeError, "Space", {"space": None}),
        (ValueError, "sampler='cma'.*auto, gp, tpe, random, sobol", {"sampler": "cma"}),
        (TypeError, "sampler=3", {"sampler": 3}),
        (TypeError, "sampler=None", {"sampler": None}),
        (TypeError, "sampler=", {"sampler": hf.samplers.TPE}),
        (ValueError, "direction='up'.*minimize, maximize", {"direction": "up"}),
        (ValueError, "direction=None", {"direction": None}),
        (ValueError, "direction=\\['minimize'\\]", {"direction": ["minimize"]}),
        (ValueError, "seed=-1", {"seed": -1}),
        (ValueError, "seed=", {"seed": 2**63}),
        (TypeError, "seed=1.5", {"seed": 1.5}),
        (TypeError, "seed='1'", {"seed": "1"}),
        (ValueError, "threads=0", {"threads": 0}),
        (ValueError, "threads=", {"threads": 2**40}),
        (TypeError, "threads=None", {"threads": None}),
    ],
)
def test_construction_errors(error, words, arguments):
    with pytest.raises(error, match=words):
        hf.Optimizer(**{"space": mixed(), **arguments})


# -- add, enqueue, defaults ---------------------------------------------------------------------------------------------


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
    with pytest.raises(hf.Infeasible):
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
    with pytest.raises(hf.Infeasible, match="cannot exist together"):
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


# -- best, history, pending, forget -------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_best_against_the_obvious(direction):
    rng = np.random.default_rng(0)
    opt = hf.Optimizer(mixed(), "random", direction)
    told = []
    for _ in range(60):
        trial = opt.ask()
        value = None if rng.random() < 0.3 else float(rng.integers(0, 8))
        opt.tell(trial, value)
        if value is not None:
            told.append((value if direction == "minimize" else -value, len(told), trial))
        if told:
            best = min(told, key=lambda t: t[:2])[2]
            assert (opt.best_trial.number, opt.best_value, opt.best_params) == (best.number, best.value, best.params)
    assert hf.Optimizer.from_bytes(mixed(), opt.to_bytes()).best_trial.number == opt.best_trial.number


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_maximize_mirrors_minimize(sampler):
    low, high = hf.Optimizer(mixed(), sampler, "minimize", seed=2), hf.Optimizer(mixed(), sampler, "maximize", seed=2)
    for i in range(40):
        a, b = low.ask(2), high.ask(2)
        assert asked(a) == asked(b)
        values = [None if t.number % 5 == 4 else loss(t.params) for t in a]
        low.tell(a, values)
        high.tell(b, [None if v is None else -v for v in values])
        assert low.best_value == -high.best_value, i


def test_history_columns():
    opt = run(hf.Optimizer(mixed().derive("two", lambda p: 2 * p.x)), 40)
    history = opt.history
    assert len(history) == 40
    assert history.numbers.tolist() == list(range(40))
    assert history.failed.tolist() == [n % 7 == 0 for n in range(40)]
    configs = opt.space.decode(history.rows)
    for name in ("x", "lr", "n", "c", "two"):
        assert history[name].tolist() == [c[name] for c in configs]
    np.testing.assert_array_equal(history["k"], [c.get("k", math.nan) for c in configs])
    with pytest.raises(KeyError, match="no parameter 'z'; there are x, lr"):
        history["z"]
    for array in (history.values, history.numbers, history.rows):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_forgotten_trials_are_gone_and_may_come_again():
    opt = hf.Optimizer(hf.Space({"a": hf.Int(0, 1)}))
    first, second = opt.ask(2)
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()
    opt.forget(first)
    assert first.state == "forgotten"
    assert opt.pending == [second]
    again = opt.ask()
    assert (again["a"], again.number) == (first["a"], 2)
    opt.forget(2)
    assert opt.ask()["a"] == first["a"]
    assert len(opt.history) == 0
    assert opt.n_trials == 4


def test_trials_are_readable():
    opt = hf.Optimizer(hf.Space({"a": hf.Int(3, 3)}))
    trial = opt.ask()
    assert repr(trial) == "Trial(0, {'a': 3}, pending)"
    opt.tell(trial, 1.5)
    assert repr(trial) == "Trial(0, {'a': 3}, value=1.5, complete)"
    with pytest.raises(KeyError, match="trial 0 has no parameter 'b'; it has a"):
        trial["b"]
    assert "1 told, 0 pending, seed 0" in repr(opt)


def test_a_changed_trial_does_not_change_the_optimizer():
    opt = hf.Optimizer(mixed())
    trial = opt.ask()
    row = trial._row[None].copy()
    trial.params["x"] = 99.0
    opt.tell(trial.number, 1.0)
    np.testing.assert_array_equal(opt.history.rows, row)


def test_info_says_the_truth():
    opt = hf.Optimizer(mixed(), hf.samplers.TPE(n_startup=5), seed=0)
    for told in range(12):
        trial = opt.ask()
        model, n, acquisition, reason = trial.info
        assert n == told
        if told < 5:
            assert (model, acquisition, reason) == ("sobol", None, f"start-up: {told} of 5 trials told")
        else:
            assert (model, reason) == ("tpe", "largest log l - log g of the candidates")
            engine = hf.samplers.TPE(n_startup=5).start(opt.space, 0, 1)
            engine.tell(opt.history.rows, opt.history.values)
            np.testing.assert_allclose(acquisition, engine.log_ratio(trial._row[None]), rtol=1e-9, atol=1e-9)
        opt.tell(trial, loss(trial.params))
    failing = hf.Optimizer(mixed(), hf.samplers.TPE(n_startup=2))
    for _ in range(3):
        failing.tell(failing.ask(), None)
    assert failing.ask().info == hf.TrialInfo("sobol", 3, None, "no trial has succeeded yet")
    assert hf.Optimizer(mixed(), "random").ask().info == hf.TrialInfo("uniform", 0, None, "random search")
    assert hf.Optimizer(mixed(), "sobol").ask().info == hf.TrialInfo("sobol", 0, None, "quasi-random search")
    tiny = hf.Optimizer(hf.Space({"a": hf.Int(0, 2)}), hf.samplers.TPE(n_startup=0, n_candidates=1))
    for _ in range(3):
        trial = tiny.ask()
        tiny.tell(trial, trial["a"])
    assert tiny.best_value == 0


def test_seeds():
    assert asked(hf.Optimizer(mixed(), seed=1).ask(3)) == asked(hf.Optimizer(mixed(), seed=np.int64(1)).ask(3))
    assert asked(hf.Optimizer(mixed(), seed=1).ask(3)) != asked(hf.Optimizer(mixed(), seed=2).ask(3))
    drawn = hf.Optimizer(mixed(), seed=None)
    assert drawn.seed != hf.Optimizer(mixed(), seed=None).seed
    assert asked(hf.Optimizer(mixed(), seed=drawn.seed).ask(3)) == asked(drawn.ask(3))


# -- determinism and storage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_batch_is_many_asks_for_any_number_of_threads(sampler):
    optimizers = [hf.Optimizer(mixed(), sampler, seed=9, threads=t) for t in (1, 1, 2, 3)]
    for n in (1, 4, 12, 3, 8):
        batches = [optimizers[0].ask(n), [optimizers[1].ask() for _ in range(n)], *(o.ask(n) for o in optimizers[2:])]
        for batch in batches[1:]:
            assert asked(batch) == asked(batches[0])
        for opt, batch in zip(optimizers, batches, strict=True):
            opt.tell(batch[::2], [loss(t.params) for t in batch[::2]])


@pytest.mark.parametrize(
    "restore", [lambda o: hf.Optimizer.from_bytes(o.space, o.to_bytes()), lambda o: pickle.loads(pickle.dumps(o))], ids=["bytes", "pickle"]
)
@pytest.mark.parametrize("sampler", [*SAMPLERS, hf.samplers.TPE(multivariate=False, n_startup=3)], ids=[*SAMPLERS, "independent"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_restored_optimizers_continue_bit_for_bit(restore, sampler, direction):
    space = hf.Space({**mixed().parameters, "a": hf.Int(0, 9, default=3)}).require(odd)
    opt = hf.Optimizer(space, sampler, direction, seed=11)
    rng = np.random.default_rng(0)
    for step in range(40):
        if step % 3 == 0:
            twin = restore(opt)
            assert twin.to_bytes() == opt.to_bytes()
            assert asked(twin.pending) == asked(opt.pending)
            assert (twin.n_trials, twin.n_failed, twin.seed, twin.direction) == (opt.n_trials, opt.n_failed, opt.seed, opt.direction)
            assert asked(twin.ask(3)) == asked(opt.ask(3))
            opt = restore(opt) if step % 2 else opt
        if step % 7 == 0:
            opt.enqueue({"n": 1 + step})
        if step % 9 == 0:
            opt.add({"x": 0.1, "lr": 1e-3, "n": 7, "c": "a", "a": 2}, float(step))
        pending = opt.pending
        if step % 5 == 0 and pending:
            opt.forget(pending[-1])
        for trial in pending[: rng.integers(0, 3)]:
            opt.tell(trial, None if rng.random() < 0.2 else loss(trial.params))
        opt.ask()
    assert len(opt.history) > 20


def test_restored_optimizers_keep_enqueued_configurations():
    opt = hf.Optimizer(mixed())
    opt.enqueue({"n": 3})
    opt.enqueue({"n": 4})
    opt.ask()
    twin = hf.Optimizer.from_bytes(mixed(), opt.to_bytes())
    assert not twin.enqueue({"n": 3})
    assert not twin.enqueue({"n": 4})
    assert twin.ask()["n"] == 4


def test_restore_with_another_sampler():
    opt = run(hf.Optimizer(mixed(), "random"), 12)
    assert hf.Optimizer.from_bytes(mixed(), opt.to_bytes(), sampler="tpe").ask().info.model == "tpe"
    assert hf.Optimizer.from_bytes(mixed(), bytearray(opt.to_bytes())).sampler == hf.samplers.Random()


def test_bytes_of_other_spaces():
    data = run(hf.Optimizer(mixed()), 3).to_bytes()
    parameters = dict(mixed().parameters)
    for change in (
        {"x": hf.Float(-1, 2)},
        {"c": hf.Categorical(["a", None, "b"])},
        {"z": hf.Int(0, 1)},
        {"k": hf.Int(0, 4).when("c", "b")},
    ):
        with pytest.raises(ValueError, match="another space"):
            hf.Optimizer.from_bytes(hf.Space({**parameters, **change}), data)
    with pytest.raises(ValueError, match="another space"):
        hf.Optimizer.from_bytes(hf.Space(dict(reversed(parameters.items()))), data)


def test_damaged_bytes_are_a_value_error_or_harmless():
    opt = run(hf.Optimizer(mixed(), seed=5), 12)
    opt.ask(2)
    opt.enqueue({"n": 4})
    data = opt.to_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"", b"x", b"PK", data[:100], data[:-1], data[: len(data) // 2], data[100:], pickle.dumps(3)]
    for position in rng.integers(0, len(data), 400):
        flipped = bytearray(data)
        flipped[position] ^= 1 << rng.integers(0, 8)
        damaged.append(bytes(flipped))
    refused = 0
    for d in damaged:
        try:
            twin = hf.Optimizer.from_bytes(mixed(), d)
        except ValueError:
            refused += 1
        else:  # a bit that means nothing, such as a date in the archive
            assert twin.to_bytes() == data
    assert refused > len(damaged) / 2


@pytest.mark.parametrize(
    "missing", ["meta", "states", "numbers", "rows", "values", "pending_numbers", "pending_rows", "queue", "enqueued", "enqueued_numbers"]
)
def test_bytes_without_an_array(missing, tmp_path):
    data = run(hf.Optimizer(mixed()), 3).to_bytes()
    path = tmp_path / "saved.npz"
    path.write_bytes(data)
    with np.load(path) as archive:
        np.savez(path.with_name("less.npz"), **{name: archive[name] for name in archive.files if name != missing})
    with pytest.raises(ValueError, match="to_bytes"):
        hf.Optimizer.from_bytes(mixed(), path.with_name("less.npz").read_bytes())


@pytest.mark.parametrize("data", [None, 3, "text", [1, 2]])
def test_bytes_of_wrong_types(data):
    with pytest.raises(TypeError, match="bytes"):
        hf.Optimizer.from_bytes(mixed(), data)
    with pytest.raises(TypeError, match="Space"):
        hf.Optimizer.from_bytes(None, b"")


# -- threads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sixteen_threads_lose_and_double_nothing(sampler):
    space = hf.Space({"a": hf.Int(0, 19), "b": hf.Categorical(list("abcdefghij")), "c": hf.Int(0, 2).when("b", "c")})
    opt = hf.Optimizer(space, sampler, seed=3)
    trials, errors = [], []
    start = threading.Barrier(16)

    def work(worker):
        try:
            start.wait()
            for i in range(6):
                mine = opt.ask(2) if i % 2 else [opt.ask()]
                trials.extend(mine)
                if i == 3:
                    opt.add({"a": worker, "b": "a"}, 100.0)
                if i == 4:
                    opt.to_bytes()
                    assert len(opt.pending) >= 1
                opt.tell(mine, [float(t["a"]) if t.number % 6 else None for t in mine])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert len(trials) == 16 * 9
    assert len({t.number for t in trials}) == len(trials)
    assert len({key(t.params) for t in trials}) == len(trials)
    assert opt.n_trials == len(opt.history) == 16 * 10
    assert sorted(opt.history.numbers) == list(range(160))
    by_number = dict(
        zip(opt.history.numbers.tolist(), zip(opt.history.values, opt.space.decode(opt.history.rows), strict=True), strict=True)
    )
    for t in trials:
        value, params = by_number[t.number]
        assert params == t.params
        assert math.isnan(value) if t.number % 6 == 0 else value == t["a"]
    assert opt.pending == []


# -- discrete spaces, requirements --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(small_spaces(max_parameters=4), st.sampled_from(SAMPLERS), st.integers(1, 5), st.integers(0, 100), st.booleans())
def test_every_configuration_once_then_exhausted(space, sampler, batch, seed, required):
    everything = {key(c) for c in enumerate_space(space)}
    name = space.names[0]
    if required:
        space = space.require(lambda p: p[name] != -1)  # true where inactive too
        everything = {k for k in everything if dict(k).get(name, (None, None))[1] != -1}
    if not everything:
        with pytest.raises(hf.Infeasible):
            hf.Optimizer(space, sampler).ask()
        return
    opt = hf.Optimizer(space, sampler, seed=seed)
    found = []
    while len(found) < len(everything):
        trials = opt.ask(batch)
        assert len(trials) == min(batch, len(everything) - len(found))
        opt.tell(trials[1:], [float(len(t.params)) for t in trials[1:]])
        found += [key(t.params) for t in trials]
    assert len(set(found)) == len(found)
    assert set(found) == everything
    before = opt.to_bytes()
    for n in (None, 1, 3):
        with pytest.raises(hf.SpaceExhausted, match="every feasible configuration"):
            opt.ask(n)
    assert opt.to_bytes() == before


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_continuous_spaces_never_repeat_and_obey_requirements(sampler):
    space = mixed().require(lambda p: p.x + p.n / 50 < 0.2)
    opt = hf.Optimizer(space, sampler)
    run(opt, 20, batch=4)
    assert all(c["x"] + c["n"] / 50 < 0.2 for c in space.decode(opt.history.rows))
    assert len({row.tobytes() for row in opt.history.rows}) == 80


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_rare_configurations_of_a_finite_space_are_found(sampler):
    space = hf.Space({"a": hf.Int(0, 999), "b": hf.Int(0, 99)}).require(lambda p: p.a * 100 + p.b >= 99_998)
    opt = hf.Optimizer(space, sampler)
    assert sorted(t["b"] for t in opt.ask(5)) == [98, 99]
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("parameter", [hf.Int(0, 9), hf.Int(0, 10**5), hf.Float(0, 1)], ids=["small", "large", "continuous"])
def test_impossible_requirements_are_an_error_and_no_hang(sampler, parameter):
    opt = hf.Optimizer(hf.Space({"x": parameter}).require(lambda p: p.x < 0), sampler)
    before = opt.to_bytes()
    for n in (None, 4):
        with pytest.raises(hf.Infeasible, match="loosen a requirement"):
            opt.ask(n)
    assert opt.to_bytes() == before


def test_a_batch_that_fails_midway_keeps_the_trials_it_asked():
    space = hf.Space({"x": hf.Float(0, 1)})
    ok = [True]
    opt = hf.Optimizer(space.require(lambda p: ok[0] or p.x == 0.75 or 1 / 0))
    opt.enqueue({"x": 0.5})
    full = opt.ask()
    opt.enqueue({"x": 0.75})
    ok[0] = False
    trials = opt.ask(3)
    assert [t["x"] for t in trials] == [0.75]
    assert opt.pending == [full, *trials]
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        opt.ask()


def test_a_trial_of_another_space_is_refused_though_its_row_is_the_same():
    mine, other = (hf.Optimizer(hf.Space({name: hf.Float(0, 1)}), "random") for name in "xy")
    trial = other.ask()
    assert mine.ask()["x"] == trial["y"]
    with pytest.raises(ValueError, match="asked"):
        mine.tell(trial, 1.0)
    assert len(mine.pending) == 1


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
