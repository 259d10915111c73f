"""Ask and tell: bookkeeping, failures, determinism, threads, and that bad calls leave no trace. The queue is in test_queue.py."""

from __future__ import annotations

import math
import pickle
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from searches import SAMPLERS, asked, loss, mixed, run
from strategies import enumerate_space, key, small_spaces

import hpo_fast as hf

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
        (ValueError, "'n': 45.*satisf", lambda: opt.enqueue({"n": 45})),
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


# -- determinism --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_batch_is_many_asks_for_any_number_of_threads(sampler):
    optimizers = [hf.Optimizer(mixed(), sampler, seed=9, threads=t) for t in (1, 1, 2, 3)]
    for n in (1, 4, 12, 3, 8):
        batches = [optimizers[0].ask(n), [optimizers[1].ask() for _ in range(n)], *(o.ask(n) for o in optimizers[2:])]
        for batch in batches[1:]:
            assert asked(batch) == asked(batches[0])
        for opt, batch in zip(optimizers, batches, strict=True):
            opt.tell(batch[::2], [loss(t.params) for t in batch[::2]])


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
def test_an_infinite_space_of_which_few_configurations_are_feasible_is_exhausted(sampler):
    space = hf.Space({"c": hf.Categorical(["a", "b", "c", "d"]), "x": hf.Float(0, 1).when("c", "d")}).require(lambda p: p.c != "d")
    opt = hf.Optimizer(space, sampler)
    assert sorted(trial["c"] for trial in opt.ask(5)) == ["a", "b", "c"]
    with pytest.raises(hf.SpaceExhausted, match="tries found"):
        opt.ask()
    result = hf.minimize(lambda p: 1.0, space, n_trials=5, sampler=sampler)
    assert result.n_trials == 3 and result.stopped == "exhausted"


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


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_derived_parameter_that_fails_loses_nothing(sampler):
    fails = [False]

    def derived(p):
        if fails[0]:
            raise OSError("for now")
        return 2 * p.a

    space = hf.Space({"a": hf.Int(0, 5, default=4), "x": hf.Float(0, 1, default=0.5)}).derive("b", derived)
    opt, twin = hf.Optimizer(space, sampler), hf.Optimizer(space, sampler)
    for search in (opt, twin):
        search.enqueue({"a": 2})
    fails[0] = True
    for n in (1, 4):
        with pytest.raises(ValueError, match="for now"):
            opt.ask(n)
    assert opt.n_trials == 0 and opt.pending == [] and not opt.enqueue({"a": 2})   # it waits still
    fails[0] = False
    assert asked(opt.ask(4)) == asked(twin.ask(4))
    fails[0] = True
    for _ in range(3):
        with pytest.raises(ValueError, match="for now"):
            opt.ask(2)
    fails[0] = False
    assert asked(opt.ask(4)) == asked(twin.ask(4))


def test_a_trial_of_another_space_is_refused_though_its_row_is_the_same():
    mine, other = (hf.Optimizer(hf.Space({name: hf.Float(0, 1)}), "random") for name in "xy")
    trial = other.ask()
    assert mine.ask()["x"] == trial["y"]
    with pytest.raises(ValueError, match="asked"):
        mine.tell(trial, 1.0)
    assert len(mine.pending) == 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_finite_space_without_a_feasible_configuration_was_walked(sampler):
    space = hf.Space({"a": hf.Int(1, 10), "b": hf.Int(1, 10)}).require(lambda p: p.a * p.b > 100)
    with pytest.raises(hf.Infeasible, match="none of the 100 configurations of the space satisfies the requirements"):
        hf.Optimizer(space, sampler).ask()
