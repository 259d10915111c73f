"""The order, the number under way and the fate of calls on an executor, with executors that do what they are told."""

import itertools
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from hpo_fast.executors import AHEAD, in_order, workers


def fn(shared, k):
    return shared, k


class Held(Executor):
    """Answers nothing by itself."""

    def __init__(self):
        self.futures = []

    def submit(self, fn, /, *args):
        future = Future()
        future.call = args[1]
        self.futures.append(future)
        return future


class Now(Executor):
    """Answers at once, with what `answer` returns or raises for (call, attempt)."""

    def __init__(self, answer):
        self.answer, self.attempts = answer, {}

    def submit(self, fn, /, *args):
        future, call = Future(), args[1]
        attempt = self.attempts[call] = self.attempts.get(call, 0) + 1
        try:
            future.set_result(self.answer(call, attempt))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_results_come_in_the_order_of_the_calls():
    held = Held()
    results = in_order(held, fn, None, ((k,) for k in range(3)), 1)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(next, results)
        while len(held.futures) < 3:
            time.sleep(0.001)
        for k in (2, 1, 0):
            held.futures[k].set_result(10 * k)
        assert first.result(60) == 0
    assert list(results) == [10, 20]


def test_with_real_threads():
    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, fn, "s", ((k,) for k in range(500)), 1)) == [("s", k) for k in range(500)]


def test_a_million_calls_are_not_submitted_at_once():
    read, given = [], []

    def calls():
        for k in range(10**6):
            read.append(k)
            yield (k,)

    results = in_order(Now(lambda call, attempt: call), fn, None, calls(), 1)
    for k in itertools.islice(results, 5000):
        given.append(k)
        assert len(read) - len(given) < AHEAD
    assert given == list(range(5000))
    results.close()


def test_no_calls():
    assert list(in_order(Now(None), fn, None, (), 1)) == []


def test_failures_are_submitted_again_up_to_three_times():
    def answer(call, attempt):
        if call % 2 == 0 and attempt < 3:
            raise ConnectionError("gone")
        return call

    pool = Now(answer)
    assert list(in_order(pool, fn, None, ((k,) for k in range(6)), 1)) == list(range(6))
    assert pool.attempts == {k: 3 if k % 2 == 0 else 1 for k in range(6)}


@pytest.mark.parametrize(("error", "attempts"), [
    (ConnectionError("gone"), 3), (ValueError("wrong"), 1), (TypeError("wrong"), 1), (KeyboardInterrupt(), 1),
])
def test_the_last_failure_is_raised_and_the_others_are_cancelled(error, attempts):
    def answer(call, attempt):
        raise error

    now, held = Now(answer), Held()

    class Both(Executor):
        def submit(self, fn, /, *args):
            return (now if args[1] == 0 else held).submit(fn, *args)

    results = in_order(Both(), fn, None, ((k,) for k in range(4)), 1)
    with pytest.raises(type(error)) as caught:
        next(results)
    assert caught.value is error and now.attempts == {0: attempts}
    assert len(held.futures) == 3 and all(future.cancelled() for future in held.futures)


def test_closing_cancels_what_was_not_begun():
    held = Held()

    class First(Executor):
        def submit(self, fn, /, *args):
            future = held.submit(fn, *args)
            if args[1] == 0:
                future.set_result("done")
            return future

    results = in_order(First(), fn, None, ((k,) for k in range(4)), 1)
    assert next(results) == "done"
    held.futures[1].set_running_or_notify_cancel()   # begun: nothing can be done about it
    results.close()
    assert [future.cancelled() for future in held.futures] == [False, False, True, True]


def test_a_call_that_someone_else_cancels():
    class Cancels(Executor):
        def submit(self, fn, /, *args):
            future = Future()
            assert future.cancel()
            return future

    with pytest.raises(CancelledError):
        next(in_order(Cancels(), fn, None, [(0,)], 1))


class BrokenPool(BrokenExecutor):
    pass


@pytest.mark.parametrize("when", ["submitted", "answered"])
def test_a_broken_executor_says_what_to_do(when):
    def answer(call, attempt):
        raise BrokenPool("internals")

    class Broken(Executor):
        def submit(self, fn, /, *args):
            raise BrokenPool("internals")

    with pytest.raises(BrokenPool, match="takes no more work: use a new one"):
        list(in_order(Broken() if when == "submitted" else Now(answer), fn, None, [(0,)], 1))


def test_what_is_not_an_executor():
    with pytest.raises(TypeError, match=r"executor=3 must be a concurrent\.futures\.Executor, a dask\.distributed\.Client or the module ray"):
        next(in_order(3, fn, None, [(0,)], 1))


class ClientExecutor(Executor):
    """Has the attributes of distributed's that count here."""

    def __init__(self, threads):
        self._client = SimpleNamespace(nthreads=lambda: threads)


def stated(executor, n):
    executor.max_workers = n
    return executor


@pytest.mark.parametrize(("executor", "n"), [
    (ThreadPoolExecutor(3), 3),
    (ClientExecutor({"tcp://a": 8, "tcp://b": 4}), 12),
    (stated(Held(), 5), 5),
    (stated(ThreadPoolExecutor(3), 2), 2),
    (stated(ClientExecutor({}), 7), 7),
])
def test_workers_of_an_executor(executor, n):
    assert workers(executor) == n


@pytest.mark.parametrize("executor", [Held(), ClientExecutor({})])
def test_an_executor_that_does_not_say_how_many_workers_it_has(executor):
    with pytest.raises(ValueError, match=r"n_jobs=<.*> does not say how many workers it has.*executor\.max_workers = 8"):
        workers(executor)
    with pytest.raises(ValueError, match=r"n_jobs\.max_workers=0 must be at least 1"):
        workers(stated(executor, 0))


def test_dask_has_the_attributes_that_are_counted():
    cfexecutor = pytest.importorskip("distributed.cfexecutor")
    client = SimpleNamespace(nthreads=lambda: {"tcp://a": 2})
    assert workers(cfexecutor.ClientExecutor(client)) == 2
    assert callable(pytest.importorskip("distributed").Client.nthreads)
