"""The whole loop: failures, stopping, workers, progress."""

from __future__ import annotations

import itertools
import math
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import hpo_fast as hf

SPACE = hf.Space({"x": hf.Float(-1, 1), "n": hf.Int(1, 9), "c": hf.Categorical(["a", "b"]), "y": hf.Float(0, 1).when("c", "b")})


def loss(params):
    return params["x"] ** 2 + params["n"] + params.get("y", 0)


def by_hand(n, direction="minimize", **options):
    opt = hf.Optimizer(SPACE, direction=direction, **options)
    for _ in range(n):
        trial = opt.ask()
        opt.tell(trial, loss(trial.params))
    return opt


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("sampler", [*(name for name in hf.samplers.names() if name != "grid"), hf.samplers.Grid(resolution=9)])
def test_it_is_the_loop_that_one_would_write(direction, sampler):
    result = hf.minimize(loss, SPACE, 25, sampler, 7, direction=direction)
    assert result.optimizer.to_bytes() == by_hand(25, direction, sampler=sampler, seed=7).to_bytes()
    assert (result.stopped, result.n_trials) == ("n_trials", 25)
    assert result.best_value == loss(result.best_params) == result.optimizer.best_value
    assert 0 < result.seconds_asking < result.seconds
    assert result.optimizer.ask().number == 25


def test_the_function_may_change_its_dict():
    def fn(params):
        return params.pop("x")

    result = hf.minimize(fn, SPACE, 5)
    assert all("x" in c for c in SPACE.decode(result.optimizer.history.rows))
    assert result.best_value == result.best_params["x"]


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_failed_trials(value):
    result = hf.minimize(lambda p: value if p["n"] % 2 else 1.0, SPACE, 30, "random")
    n = result.optimizer.history["n"]
    assert result.optimizer.n_failed == (n % 2 == 1).sum() > 0


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("catch", [KeyError, (ZeroDivisionError, KeyError), (LookupError,)])
def test_exceptions_that_are_caught_are_failed_trials(n_jobs, catch):
    def fn(params):
        if params["n"] < 5:
            raise KeyError("no")
        return 1.0

    result = hf.minimize(fn, SPACE, 30, "random", n_jobs=n_jobs, catch=catch)
    assert result.n_trials == 30
    assert (result.optimizer.history.failed == (result.optimizer.history["n"] < 5)).all()


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("catch", [(), ValueError])
def test_other_exceptions_propagate_with_the_history(n_jobs, catch):
    calls = []

    def fn(params):
        calls.append(params)
        if len(calls) == 12:
            raise KeyError("stop")
        return 1.0

    with pytest.raises(KeyError, match="stop") as caught:
        hf.minimize(fn, SPACE, 30, n_jobs=n_jobs, catch=catch)
    opt = caught.value.hpo_fast_optimizer
    assert 12 - n_jobs <= len(opt.history) < 30
    assert len(opt.history) + len(opt.pending) == opt.n_trials
    assert len(opt.pending) >= 1
    opt.tell(opt.pending[0], 1.0)


def test_values_are_kept_though_a_callback_forgot_a_trial_and_failed():
    together = threading.Barrier(4)

    def fn(params):
        together.wait()
        return params["n"]

    def callback(opt, trial):
        opt.forget(next(t for t in opt.pending if t.number != trial.number))
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk") as caught:
        hf.minimize(fn, SPACE, 4, "random", n_jobs=4, callbacks=[callback])
    opt = caught.value.hpo_fast_optimizer
    assert len(opt.history) == 3 and opt.pending == []


class Now(Executor):
    """Runs what is submitted at once: the results of all workers come together."""

    _max_workers = 4

    def submit(self, fn, *args):
        future = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("result", [KeyError("stop"), "not a number"])
def test_values_that_come_together_with_an_exception_are_told(result):
    calls = []

    def fn(params):
        calls.append(params)
        if len(calls) in (1, 3) and isinstance(result, Exception):
            raise result
        return result if len(calls) in (1, 3) else 1.0

    with pytest.raises((KeyError, TypeError), match=r"stop|not a number") as caught:
        hf.minimize(fn, SPACE, 8, n_jobs=Now())
    opt = caught.value.hpo_fast_optimizer
    assert opt.history.numbers.tolist() == [1, 3]
    assert [t.number for t in opt.pending] == [0, 2]


def test_no_value_is_lost_where_a_callback_raises():
    """Of those that came together, and of those that ran meanwhile."""
    calls = []

    def callback(optimizer, trial):
        calls.append(trial.number)
        raise RuntimeError("callback")

    for n_jobs in (Now(), 4):
        barrier = threading.Barrier(1 if isinstance(n_jobs, Now) else 4)

        def fn(params, barrier=barrier):
            barrier.wait(timeout=30)
            return loss(params)

        with pytest.raises(RuntimeError, match="callback") as caught:
            hf.minimize(fn, SPACE, 4, n_jobs=n_jobs, callbacks=[callback])
        opt = caught.value.hpo_fast_optimizer
        assert (len(opt.history), opt.pending) == (4, [])
    assert len(calls) == 2   # and no callback is called after one raised


@pytest.mark.parametrize("error", [KeyError("stop"), KeyboardInterrupt()], ids=repr)
def test_threads_that_run_when_the_search_ends_are_awaited_and_told(error):
    calls, barrier = itertools.count(), threading.Barrier(4)

    def fn(params):
        k = next(calls)
        barrier.wait(timeout=30)   # what has not begun would be cancelled
        if k > 0:
            time.sleep(0.1)   # until the first one has ended the search
        if k != 1:
            raise [error, None, ZeroDivisionError("caught"), OSError("not the first")][k]
        return 2.0

    try:
        opt = hf.minimize(fn, SPACE, 4, n_jobs=4, catch=ZeroDivisionError).optimizer
    except KeyError as raised:
        opt = raised.hpo_fast_optimizer
    assert (len(opt.history), opt.n_failed, opt.best_value) == (2, 1, 2.0)
    assert len(opt.pending) == 2   # those that raised


def test_what_runs_on_an_executor_of_ones_own_is_not_awaited():
    def callback(optimizer, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback") as caught:
        hf.minimize(loss, SPACE, 9, n_jobs=Later(3), callbacks=[callback])
    opt = caught.value.hpo_fast_optimizer
    assert [trial.number for trial in opt.pending] == [0, 1]


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_catch_is_for_exceptions_of_the_function(n_jobs):
    with pytest.raises(TypeError, match=r"value=\(1.0, 2.0\) must be one real number"):
        hf.minimize(lambda p: (1.0, 2.0), SPACE, 5, n_jobs=n_jobs, catch=Exception)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_value_that_is_no_number_propagates(n_jobs):
    with pytest.raises(TypeError, match=r"value='abc' must be one real number") as caught:
        hf.minimize(lambda p: "abc", SPACE, 5, n_jobs=n_jobs)
    assert len(caught.value.hpo_fast_optimizer.history) == 0


def test_a_failing_callback_propagates_after_the_trial_was_told():
    def callback(optimizer, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback") as caught:
        hf.minimize(loss, SPACE, 5, callbacks=[callback])
    assert len(caught.value.hpo_fast_optimizer.history) == 1


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_keyboard_interrupt_returns_what_there_is(n_jobs):
    told = []

    def callback(optimizer, trial):
        told.append(trial)
        if len(told) == 6:
            raise KeyboardInterrupt

    result = hf.minimize(loss, SPACE, 30, n_jobs=n_jobs, callbacks=[callback])
    assert (result.stopped, len(told)) == ("interrupted", 6)
    assert 6 <= result.n_trials <= 5 + n_jobs   # what the other threads have begun has values too, which would be lost
    assert result.best_value == min(result.optimizer.history.values)


def test_keyboard_interrupt_in_the_function():
    calls = []

    def fn(params):
        calls.append(params)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return 1.0

    result = hf.minimize(fn, SPACE, 30)
    assert (result.stopped, result.n_trials, len(result.optimizer.pending)) == ("interrupted", 3, 1)


def test_nothing_told_has_no_best():
    def fn(params):
        raise KeyboardInterrupt

    result = hf.minimize(fn, SPACE)
    assert result.n_trials == 0
    with pytest.raises(ValueError, match="no trial has a value yet"):
        _ = result.best_value
    with pytest.raises(ValueError, match="no trial has a value yet"):
        _ = result.best_params


# -- workers ------------------------------------------------------------------------------------------------------------


def test_threads_run_at_the_same_time():
    barrier = threading.Barrier(4)

    def fn(params):
        barrier.wait(timeout=30)  # broken unless four run at once
        return loss(params)

    result = hf.minimize(fn, SPACE, 20, n_jobs=4)
    history = result.optimizer.history
    assert sorted(history.numbers) == list(range(20))
    assert len({row.tobytes() for row in history.rows}) == 20
    for config, value in zip(SPACE.decode(history.rows), history.values, strict=True):
        assert loss(config) == value


class Later(Executor):
    """Runs what was submitted when the newest of `workers` jobs is there: results come in a known order."""

    def __init__(self, workers):
        self._max_workers = workers
        self.waiting = []

    def submit(self, fn, *args):
        future = Future()
        self.waiting.append((future, fn, args))
        if len(self.waiting) == self._max_workers:
            newest, fn, args = self.waiting.pop()
            newest.set_result(fn(*args))
        return future


def test_an_executor_may_be_told_how_many_workers_it_has():
    class Delegate(Executor):
        def __init__(self, pool):
            self.submit = pool.submit

    barrier = threading.Barrier(3)

    def fn(params):
        barrier.wait(timeout=30)   # broken unless three run at once
        return loss(params)

    with ThreadPoolExecutor(3) as pool:
        executor = Delegate(pool)
        executor.max_workers = 3
        assert hf.minimize(fn, SPACE, 6, n_jobs=executor).n_trials == 6


def test_what_is_asked_depends_on_the_order_of_results_alone():
    first = hf.minimize(loss, hf.Space({"a": hf.Int(0, 10**6)}).derive("x", lambda p: p.a).derive("n", lambda p: 1), 1, n_jobs=Later(1))
    assert first.n_trials == 1

    def searched(workers):
        executor = Later(workers)

        def stop(optimizer, trial):
            if len(optimizer.history) == 20:
                raise KeyboardInterrupt

        return hf.minimize(loss, SPACE, 50, n_jobs=executor, callbacks=[stop]).optimizer

    a, b = searched(3), searched(3)
    assert a.to_bytes() == b.to_bytes()
    assert a.history.numbers.tolist() != list(range(20))
    # The same results told by hand in the same order give the same trials.
    opt = hf.Optimizer(SPACE)
    trials = {t.number: t for t in (opt.ask() for _ in range(3))}
    for number, value in zip(a.history.numbers.tolist(), a.history.values.tolist(), strict=True):
        if number not in trials:
            trials |= {t.number: t for t in [opt.ask()]}
        assert loss(trials[number].params) == value
        opt.tell(number, value)
    assert (opt.history.rows[:, 0] == a.history.rows[:, 0]).all()


def test_a_thread_pool_of_ones_own_is_left_open():
    with ThreadPoolExecutor(2) as pool:
        result = hf.minimize(loss, SPACE, 12, n_jobs=pool)
        assert pool.submit(abs, -3).result() == 3
    assert sorted(result.optimizer.history.numbers) == list(range(12))


def test_processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        result = hf.minimize(math_loss, SPACE, 10, n_jobs=pool, catch=ValueError)
    history = result.optimizer.history
    assert sorted(history.numbers) == list(range(10))
    assert (history.failed == (history["x"] < 0)).all()
    for config, value in zip(SPACE.decode(history.rows), history.values, strict=True):
        assert math.isnan(value) or math.isclose(value, math.sqrt(config["x"]))


def math_loss(params):
    """At the top level, so that it pickles; ValueError where x < 0."""
    return math.sqrt(params["x"])


# -- stopping -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_timeout(n_jobs):
    def fn(params):
        time.sleep(0.02)
        return 1.0

    result = hf.minimize(fn, SPACE, 10**6, "random", timeout=0.15, n_jobs=n_jobs)
    assert result.stopped == "timeout"
    assert 1 <= result.n_trials < 10**6
    assert result.seconds >= 0.15
    assert result.optimizer.pending == []


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_callbacks(n_jobs):
    seen = []

    def stop(optimizer, trial):
        assert trial.state == "complete"
        seen.append((optimizer, trial, len(optimizer.history)))
        return len(seen) == 8

    truthy = []
    result = hf.minimize(loss, SPACE, 30, n_jobs=n_jobs, callbacks=(c for c in (stop, lambda o, t: truthy.append(t) or 1)))
    assert result.stopped == "callback"
    assert 8 <= result.n_trials < 8 + n_jobs
    assert len(seen) == len(truthy) == result.n_trials
    assert [n for *_, n in seen] == list(range(1, result.n_trials + 1))
    assert all(o is result.optimizer for o, *_ in seen)
    assert result.optimizer.pending == []


def test_a_callback_may_compare_numpy_numbers():
    result = hf.minimize(loss, SPACE, 30, callbacks=[lambda o, t: np.float64(t.number) >= 8])
    assert (result.stopped, result.n_trials) == ("callback", 9)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_an_exhausted_space_ends_the_search(n_jobs):
    result = hf.minimize(lambda p: p["a"], hf.Space({"a": hf.Int(0, 6)}), 100, n_jobs=n_jobs)
    assert (result.stopped, result.n_trials) == ("exhausted", 7)
    assert sorted(result.optimizer.history["a"]) == list(range(7))
    assert result.best_params == {"a": 0}


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_an_infeasible_space_is_an_error(n_jobs):
    with pytest.raises(hf.Infeasible):
        hf.minimize(loss, hf.Space({"a": hf.Int(0, 6)}).require(lambda p: p.a > 6), n_jobs=n_jobs)


def test_progress_goes_to_stderr(capsys):
    hf.minimize(loss, SPACE, 5, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
    assert "best" in err
    hf.minimize(lambda p: None, SPACE, 5, progress=True)
    assert "best" not in capsys.readouterr().err
    hf.minimize(loss, SPACE, 5)
    assert capsys.readouterr() == ("", "")


# -- arguments ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words", "arguments"),
    [
        (TypeError, "fn=3", {"fn": 3}),
        (TypeError, "fn=None", {"fn": None}),
        (TypeError, "space", {"space": {"x": 1}}),
        (ValueError, "n_trials=0", {"n_trials": 0}),
        (TypeError, "n_trials=2.5", {"n_trials": 2.5}),
        (TypeError, "n_trials=None", {"n_trials": None}),
        (ValueError, "sampler='no'", {"sampler": "no"}),
        (ValueError, "seed=-1", {"seed": -1}),
        (ValueError, "direction='up'", {"direction": "up"}),
        (ValueError, "n_jobs=0", {"n_jobs": 0}),
        (ValueError, "n_jobs=-1", {"n_jobs": -1}),
        (TypeError, "n_jobs='2'", {"n_jobs": "2"}),
        (TypeError, "n_jobs=None", {"n_jobs": None}),
        (ValueError, r"n_jobs=<.*> does not say how many workers it has.*: set it, as in executor\.max_workers = 8", {"n_jobs": Executor()}),
        (ValueError, "timeout=0", {"timeout": 0}),
        (ValueError, "timeout=-1", {"timeout": -1}),
        (ValueError, "timeout=nan", {"timeout": math.nan}),
        ((ValueError, TypeError), "timeout='1'", {"timeout": "1"}),
        ((ValueError, TypeError), "timeout=True", {"timeout": True}),
        ((ValueError, TypeError), r"timeout=\[1\]", {"timeout": [1]}),
        (TypeError, "catch=3", {"catch": 3}),
        (TypeError, "catch=", {"catch": (ValueError, 3)}),
        (TypeError, "catch=", {"catch": [ValueError]}),
        (TypeError, "catch=None", {"catch": None}),
        (TypeError, "callbacks: 3", {"callbacks": [3]}),
        (TypeError, "callbacks", {"callbacks": print}),
        (TypeError, "callbacks", {"callbacks": None}),
    ],
)
def test_wrong_arguments(error, words, arguments):
    called = []
    with pytest.raises(error, match=words):
        hf.minimize(**{"fn": called.append, "space": SPACE, "n_trials": 3, **arguments})
    assert called == []


def test_a_callback_may_forget_what_runs():
    def fn(params):
        time.sleep(0.002)
        return params["x"]

    result = hf.minimize(fn, hf.Space({"x": hf.Float(0, 1)}), 20, n_jobs=3, callbacks=[lambda opt, trial: [opt.forget(t) for t in opt.pending[:1]] and None])
    assert result.stopped == "n_trials" and 1 <= result.n_trials < 20 and result.optimizer.pending == []


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_value_that_is_being_told_is_not_lost(n_jobs, monkeypatch):
    record, calls = hf.Optimizer._record, [0]

    def interrupted(self, trials, values):
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        record(self, trials, values)

    monkeypatch.setattr(hf.Optimizer, "_record", interrupted)
    returned = []

    def fn(params):
        returned.append(params["x"])
        return params["x"]

    result = hf.minimize(fn, hf.Space({"x": hf.Float(0, 1)}), 20, n_jobs=n_jobs)
    assert result.stopped == "interrupted" and sorted(result.optimizer.history.values.tolist()) == sorted(returned)
