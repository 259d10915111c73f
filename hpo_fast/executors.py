"""Calls on an executor: any ``concurrent.futures.Executor``, a Dask client, or Ray.

Dask and Ray run what a dead worker had again by themselves, and are left to it. On other executors a call that failed is
submitted again.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

from hpo_fast.checks import check_int

AHEAD = 1024      # calls submitted and not yet answered: enough for so many workers
_ATTEMPTS = 3     # at a call that fails

_R = TypeVar("_R")


def in_order(executor: Any, fn: Callable[..., _R], shared: Any, calls: Iterable[tuple[Any, ...]], cpus: int) -> Generator[_R, None, None]:
    """The results of ``fn(shared, *call)``, in the order of the calls; constant memory for any number of them.

    Parameters
    ----------
    executor : concurrent.futures.Executor, dask.distributed.Client or the module ray
        Anything else is a TypeError.
    fn : callable
        A function of a module. It may run more than once; one result counts.
    shared : object
        The first argument of all calls; Dask and Ray get it once.
    calls : iterable of tuples
        The other arguments; read as workers get free.
    cpus : int
        That a call keeps busy: what Ray reserves.

    Yields
    ------
    result
        Closing the iterator cancels what was not begun.

    Raises
    ------
    BrokenExecutor
        If the executor broke down: a ProcessPoolExecutor one of whose processes died takes no more calls.
    Exception
        Of a call; a ValueError or TypeError at once, since it would happen again.
    """
    submit, attempts = _engine(executor, fn, shared, cpus)
    answered: SimpleQueue[Future[_R]] = SimpleQueue()
    waiting: dict[Future[_R], tuple[int, tuple[Any, ...], int]] = {}
    results: dict[int, _R] = {}

    def start(k: int, call: tuple[Any, ...], attempt: int) -> None:
        future = submit(*call)
        waiting[future] = k, call, attempt
        future.add_done_callback(answered.put)

    numbered = enumerate(calls)
    try:
        for due in itertools.count():
            for k, call in itertools.islice(numbered, 1 if due else AHEAD):
                start(k, call, 1)
            if not waiting and not results:
                return
            while due not in results:
                future = answered.get()
                k, call, attempt = waiting.pop(future)
                error = future.exception()
                if error is None:
                    results[k] = future.result()
                elif attempt == attempts or isinstance(error, (ValueError, TypeError, BrokenExecutor)) or not isinstance(error, Exception):
                    raise error
                else:
                    start(k, call, attempt + 1)
            yield results.pop(due)
    except BrokenExecutor as error:
        raise type(error)(f"a worker of {executor!r} died, killed or out of memory, and it takes no more work: use a new one") from error
    finally:
        for future in waiting:
            future.cancel()


def _engine(executor: Any, fn: Callable[..., _R], shared: Any, cpus: int) -> tuple[Callable[..., Future[_R]], int]:
    """How a call is submitted, and how often it is if it fails."""
    if executor is sys.modules.get("ray"):
        return _ray(executor, fn, shared, cpus), 1
    if hasattr(executor, "get_executor"):
        # Not scattered: what a task returned is made again if the workers that hold it die. Not pure: no call stands for another.
        return functools.partial(executor.get_executor(pure=False).submit, fn, executor.submit(_itself, shared, pure=False)), 1
    if not hasattr(executor, "submit"):
        raise TypeError(f"executor={executor!r} must be a concurrent.futures.Executor, a dask.distributed.Client or the module ray")
    return functools.partial(executor.submit, fn, shared), _ATTEMPTS


@functools.lru_cache(maxsize=8)
def _remote(ray: Any, fn: Callable[..., Any]) -> Any:
    return ray.remote(fn)   # once: Ray warns of functions that are exported again and again


def _ray(ray: Any, fn: Callable[..., _R], shared: Any, cpus: int) -> Callable[..., Future[_R]]:
    task, stored = _remote(ray, fn).options(num_cpus=cpus), ray.put(shared)

    def submit(*call: Any) -> Future[_R]:
        reference = task.remote(stored, *call)
        future: Future[_R] = reference.future()
        future.add_done_callback(lambda f: ray.cancel(reference) if f.cancelled() else None)
        return future

    return submit


def _itself(value: Any) -> Any:
    return value


def workers(executor: Executor) -> int:
    """How many calls the executor `n_jobs` runs at a time; ValueError if it does not say so.

    Executors have no public name for it: the pools of the standard library keep it in ``_max_workers``, Dask's can ask its client. On any
    other one a user sets ``max_workers``.
    """
    found = getattr(executor, "max_workers", getattr(executor, "_max_workers", None))
    threads = getattr(getattr(executor, "_client", None), "nthreads", None)
    if found is None and threads is not None:
        found = sum(threads().values()) or None   # an error while there is none, rather than one at a time for ever
    if found is None:
        raise ValueError(f"n_jobs={executor!r} does not say how many workers it has, or has none yet: set it, as in executor.max_workers = 8")
    return check_int("n_jobs.max_workers", found, 1)
