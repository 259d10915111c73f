"""The whole loop: ask, evaluate, tell, until trials or time run out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from hpo_fast._core import SpaceExhausted
from hpo_fast.checks import check_int
from hpo_fast.optimizer import Optimizer
from hpo_fast.samplers import Sampler
from hpo_fast.space import Space
from hpo_fast.targets import observed
from hpo_fast.trial import PENDING, Trial

if TYPE_CHECKING:   # imported where it is used: it would be a third of the import time
    from concurrent.futures import Executor, Future


@dataclass(frozen=True)
class Result:
    """What :func:`minimize` found.

    Attributes
    ----------
    optimizer : Optimizer
        With the whole history; it can be asked for more.
    stopped : str
        Why it ended: "n_trials", "timeout", "exhausted", "callback" or "interrupted".
    seconds : float
        Wall time.
    seconds_asking : float
        The part of `seconds` that suggestions took.
    """

    optimizer: Optimizer
    stopped: str
    seconds: float
    seconds_asking: float

    @property
    def best_params(self) -> dict[str, Any]:
        """The best configuration; ValueError if no trial succeeded."""
        return self.optimizer.best_params

    @property
    def best_value(self) -> float:
        """The best value; ValueError if no trial succeeded."""
        return self.optimizer.best_value

    @property
    def n_trials(self) -> int:
        """Number of trials told."""
        return len(self.optimizer.history)


def minimize(
    fn: Callable[[dict[str, Any]], float | None],
    space: Space,
    n_trials: int = 100,
    sampler: str | Sampler = "auto",
    seed: int | None = 0,
    *,
    direction: str = "minimize",
    n_jobs: int | Executor = 1,
    timeout: float | None = None,
    progress: bool = False,
    callbacks: Iterable[Callable[[Optimizer, Trial], Any]] = (),
    catch: type[BaseException] | tuple[type[BaseException], ...] = (),
) -> Result:
    """Find the configuration for which `fn` is smallest (or largest).

    Parameters
    ----------
    fn : callable
        Takes a configuration as a dict, returns its value; None, NaN and infinities mean that it failed.
    space : Space
        What may be tried.
    n_trials : int, default 100
        Trials at most.
    sampler, seed, direction
        As for :class:`Optimizer`.
    n_jobs : int or concurrent.futures.Executor, default 1
        Trials at a time: the number of threads, or an executor, which gets one trial per worker (for processes, `fn` must
        pickle). The number of its workers is its ``max_workers`` (set it if there is none), or what the pools of
        ``concurrent.futures`` and Dask's ``client.get_executor()`` say. The next trial is asked as soon as one ends, so which
        configuration a trial number gets depends only on the seed and the order of the results.
    timeout : float, optional
        No trial is started after this many seconds; running ones are waited for.
    progress : bool, default False
        Show a progress bar (needs tqdm: ``pip install "hpo-fast[progress]"``).
    callbacks : iterable of callables
        Each called as ``callback(optimizer, trial)`` after a trial was told; one that returns True ends the search.
    catch : exception type or tuple of them
        Exceptions of `fn` that make the trial a failed one. Any other exception (of `fn`, of a callback, or the TypeError for a
        value that is not a number) ends the search; its attribute ``hpo_fast_optimizer`` is the optimizer.

    Returns
    -------
    Result
        Also after KeyboardInterrupt, with the trials told until then.

    Notes
    -----
    No value is lost when an exception or KeyboardInterrupt ends the search: what other trials have returned by then is told, without
    callbacks. Threads are awaited for it; what still runs on an executor of yours, or has no value, stays pending.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments.
    Infeasible
        If no configuration satisfies the space's requirements.
    """
    from concurrent.futures import Executor, ThreadPoolExecutor

    from hpo_fast.executors import workers

    if not callable(fn):
        raise TypeError(f"fn={fn!r} must be callable with a dict of parameters")
    n_trials = check_int("n_trials", n_trials, 1)
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, Real) or not timeout > 0):
        raise ValueError(f"timeout={timeout!r} must be a positive number of seconds, or None")
    caught = catch if isinstance(catch, tuple) else (catch,)
    for kind in caught:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"catch={catch!r} must be an exception type or a tuple of them")
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks={callbacks!r} must be a list of functions of (optimizer, trial)")
    callbacks = list(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks: {callback!r} is not callable")
    executor, at_once = (n_jobs, workers(n_jobs)) if isinstance(n_jobs, Executor) else (None, check_int("n_jobs", n_jobs, 1))
    optimizer = Optimizer(space, sampler, direction, seed)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(_bar(n_trials)) if progress else None
        loop = _Loop(fn, optimizer, n_trials, timeout, caught, callbacks, bar)
        stack.callback(loop.tell_what_ended)   # after the threads, which are awaited
        if executor is None and at_once > 1:
            executor = ThreadPoolExecutor(at_once, thread_name_prefix="hpo_fast")
            stack.callback(executor.shutdown, wait=True, cancel_futures=True)
        try:
            stopped = loop.serial() if executor is None else loop.parallel(executor, at_once)
        except KeyboardInterrupt:
            stopped = "interrupted"
        except BaseException as error:
            error.hpo_fast_optimizer = optimizer  # type: ignore[attr-defined]
            raise
    return Result(optimizer, stopped, time.perf_counter() - loop.started, loop.asking)


class _Loop:
    """One call of :func:`minimize` under way."""

    def __init__(
        self,
        fn: Callable[[dict[str, Any]], Any],
        optimizer: Optimizer,
        n_trials: int,
        timeout: float | None,
        catch: tuple[type[BaseException], ...],
        callbacks: list[Callable[[Optimizer, Trial], Any]],
        bar: Any,
    ) -> None:
        self.fn = fn
        self.optimizer = optimizer
        self.n_trials = n_trials
        self.timeout = timeout
        self.catch = catch
        self.callbacks = callbacks
        self.bar = bar
        self.started = time.perf_counter()
        self.asking = 0.0
        self.asked = 0
        self.stop: str | None = None
        self.running: dict[Future[Any], Trial] = {}
        self.untold: tuple[Trial, float | None] | None = None   # what is being told

    def ask(self) -> Trial | None:
        """The next trial, or None with the reason in `stop`."""
        if self.stop is None and self.asked >= self.n_trials:
            self.stop = "n_trials"
        if self.stop is None and self.timeout is not None and time.perf_counter() - self.started >= self.timeout:
            self.stop = "timeout"
        if self.stop is not None:
            return None
        start = time.perf_counter()
        try:
            trial = self.optimizer.ask()
        except SpaceExhausted:
            self.stop = "exhausted"
            return None
        finally:
            self.asking += time.perf_counter() - start
        self.asked += 1
        return trial

    def value(self, result: Callable[[], Any]) -> float | None:
        """What `result` returns, None if it raises what is to be caught; TypeError if it is no number."""
        try:
            returned = result()
        except self.catch:
            return None
        return observed(returned)

    def tell(self, trial: Trial, value: float | None) -> None:
        self.untold = trial, value
        self.optimizer.tell(trial, value)
        self.untold = None
        if self.bar is not None:
            with contextlib.suppress(ValueError):   # until a trial succeeds
                self.bar.set_postfix_str(f"best {self.optimizer.best_value:.6g}", refresh=False)
            self.bar.update()

    def call(self, trial: Trial) -> None:
        """The callbacks of a trial that was told."""
        for callback in self.callbacks:
            answer = callback(self.optimizer, trial)
            if isinstance(answer, (bool, np.bool_)) and answer and self.stop is None:
                self.stop = "callback"

    def serial(self) -> str:
        while (trial := self.ask()) is not None:
            params = dict(trial.params)
            self.tell(trial, self.value(lambda params=params: self.fn(params)))  # type: ignore[misc]
            self.call(trial)
        assert self.stop is not None
        return self.stop

    def parallel(self, executor: Executor, at_once: int) -> str:
        from concurrent.futures import FIRST_COMPLETED, wait

        running = self.running
        try:
            while True:
                while len(running) < at_once and (trial := self.ask()) is not None:
                    running[executor.submit(self.fn, dict(trial.params))] = trial
                if not running:
                    assert self.stop is not None
                    return self.stop
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda f: running[f].number):
                    trial = running.pop(future)
                    value = self.value(future.result)
                    if trial.state == PENDING:   # no callback has told or forgotten it meanwhile
                        self.tell(trial, value)
                        self.call(trial)
        finally:
            for future in running:
                future.cancel()

    def tell_what_ended(self) -> None:
        """After an exception: the values that there are. The first one is raised, so that others leave their trials pending."""
        if self.untold is not None and self.untold[0].state == PENDING:
            self.optimizer.tell(*self.untold)
        for future, trial in self.running.items():
            if future.done() and not future.cancelled():
                with contextlib.suppress(BaseException):   # of fn, and where a callback told or forgot the trial
                    self.tell(trial, self.value(future.result))


def _bar(total: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError('progress=True needs tqdm: pip install "hpo-fast[progress]"') from None
    return tqdm(total=total, unit="trial", dynamic_ncols=True)
