"""Ask and tell: the optimizer over a space, a history and a sampler. In memory, no I/O, thread-safe."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from hpo_fast import _core, archive
from hpo_fast import samplers as _samplers
from hpo_fast.checks import MAX_BATCH, MAX_THREADS, check_int
from hpo_fast.history import History
from hpo_fast.queue import Queue
from hpo_fast.samplers.base import Sampler, TrialInfo, check_seed
from hpo_fast.space import Space, check_space
from hpo_fast.targets import check_direction, observed, targets
from hpo_fast.trial import COMPLETE, FAILED, FORGOTTEN, PENDING, STATES, Trial


class _Whole:
    """A change that is made as a whole, under the lock: an exception that may come anywhere, as Ctrl-C does, leaves none half made.

    If another one comes while that is mended, it is mended before the next change.
    """

    __slots__ = ("_optimizer",)

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def __enter__(self) -> None:
        if self._optimizer._is_broken:
            self._optimizer._mend()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._optimizer._broke()


class Optimizer:
    """Suggests what to try next.

    Parameters
    ----------
    space : Space
        What may be tried.
    sampler : str or Sampler, default "auto"
        "auto", "gp", "tpe", "random", "sobol", "grid", or an object such as ``hf.samplers.TPE(n_startup=20)``.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether small or large values are good.
    seed : int or None, default 0
        A suggestion is a pure function of (seed, trial number, history with its pending trials). None draws a seed.
    threads : int, default 1
        Threads that a suggestion may use; the same bits for any number.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, or if the defaults of the parameters violate a requirement.

    Notes
    -----
    If any parameter has a default, the first trial is the default configuration; the sampler fills in the parameters without
    one. Every method may be called from any thread.

    Examples
    --------
    >>> import hpo_fast as hf
    >>> opt = hf.Optimizer(hf.Space({"x": hf.Float(-1, 1)}), seed=1)
    >>> for _ in range(30):
    ...     trial = opt.ask()
    ...     opt.tell(trial, trial["x"] ** 2)
    >>> opt.best_value < 0.01
    True
    """

    def __init__(
        self,
        space: Space,
        sampler: str | Sampler = "auto",
        direction: str = "minimize",
        seed: int | None = 0,
        threads: int = 1,
    ) -> None:
        self._space = check_space(space)
        self._direction = check_direction(direction)
        self._sampler = _samplers.make(sampler)
        self._seed = check_seed(seed)
        self._threads = check_int("threads", threads, 1, MAX_THREADS)
        self._engine = self._sampler.start(space, self._seed, self._threads)
        self._lock = threading.RLock()
        self._is_broken = False   # by an exception in the middle of a change
        self._history = History(space)
        self._seen = _core.RowSet(len(space))
        self._states: list[str] = []
        self._pending: dict[int, Trial] = {}
        self._waiting = (0, np.empty((0, len(space))))
        self._queue = Queue(space, self._seed)
        self._best: int | None = None
        self._enqueue_defaults()

    # -- asking -----------------------------------------------------------------------------------------------------

    @overload
    def ask(self) -> Trial: ...
    @overload
    def ask(self, n: int) -> list[Trial]: ...
    def ask(self, n: int | None = None) -> Trial | list[Trial]:
        """The next configuration to try, or a batch of distinct ones, each aware of the pending ones.

        Parameters
        ----------
        n : int, optional
            Size of the batch. Without it a single trial is returned.

        Returns
        -------
        Trial or list of Trial
            The list is shorter than `n` when fewer are left. ``ask(n)`` gives what n calls of ``ask()`` would.

        Raises
        ------
        SpaceExhausted
            If every feasible configuration has been suggested or told.
        Infeasible
            If no configuration that satisfies the requirements could be found.
        TypeError, ValueError
            If `n` is not an integer of at least 1.
        ValueError
            If the function of a derived parameter raises. Nothing is asked then, and the next ask tries the same configuration
            again: require what the function needs.
        """
        wanted = 1 if n is None else check_int("n", n, 1, MAX_BATCH)
        with self._lock:
            if self._is_broken:
                self._mend()
            trials: list[Trial] = []
            try:
                while self._queue and len(trials) < wanted:
                    trials += self._ask_queued()
                if len(trials) < wanted:
                    trials += self._register(*self._suggest(wanted - len(trials)))
            except Exception:   # with some trials asked already they must not be lost: the next ask raises it again
                if not trials:
                    raise
            except BaseException:   # as _Whole does, which takes half a microsecond
                self._broke()
                raise
        return trials[0] if n is None else trials

    def _suggest(self, n: int) -> tuple[np.ndarray, list[TrialInfo]]:
        return self._engine.suggest(n, len(self._states), self._pending_rows(), self._seen)

    def _pending_rows(self) -> np.ndarray:
        """Rows of the pending trials (p, d), by number; kept until a trial ends, extended as trials are asked."""
        known, rows = self._waiting
        if known < len(self._pending):
            if len(self._pending) > len(rows):
                rows = np.concatenate([rows[:known], np.empty((max(8, len(self._pending)), len(self._space)))])
            for i, trial in enumerate(itertools.islice(self._pending.values(), known, None), known):
                rows[i] = trial._row
            self._waiting = (len(self._pending), rows)
        return rows[: len(self._pending)]

    def _register(self, rows: np.ndarray, infos: Sequence[TrialInfo]) -> list[Trial]:
        try:
            configs = self._space.params(rows)
        except BaseException:   # a derived parameter failed: nothing was handed out
            self._seen.erase(rows)
            raise
        trials = []
        for row, params, info in zip(rows, configs, infos, strict=True):
            trial = Trial(len(self._states), params, row, info)
            self._states.append(PENDING)
            self._pending[trial.number] = trial
            trials.append(trial)
        return trials

    def _ask_queued(self) -> list[Trial]:
        """The first of the queue as a trial; none if all it may be completed to is pending or told."""

        def suggest() -> np.ndarray:
            rows, _ = self._suggest(1)
            self._seen.erase(rows)
            return rows

        if (first := self._queue.first(len(self._states), suggest, self._seen)) is None:
            return []
        row, reason = first
        self._seen.insert(row)
        trials = self._register(row, [TrialInfo("enqueued", len(self._history), None, reason)])
        self._queue.become(trials[0].number)
        return trials

    # -- telling ----------------------------------------------------------------------------------------------------

    def tell(self, trial: Trial | int | Sequence[Trial | int], value: Any) -> None:
        """What came of a trial, or of several.

        Parameters
        ----------
        trial : Trial, int, or sequence of them
            The trials or their numbers, in any order.
        value : float or None, or a sequence of them
            The value of each. None, NaN and infinities mean that the trial failed: it is kept, counted, and learned
            from.

        Raises
        ------
        ValueError
            If a trial is unknown, was told or forgotten already, or appears twice; if the lengths differ. Nothing is told
            then.
        TypeError
            If a value is not a number or a trial is neither a Trial nor an int. Nothing is told then.
        """
        single = isinstance(trial, (Trial, int, np.integer))
        no_sequence = (str, bytes, Mapping, set, frozenset)   # iterable, but no sequence of trials or values
        if not single and (isinstance(trial, no_sequence) or not isinstance(trial, Iterable)):
            raise TypeError(f"trial={trial!r} must be a Trial, a trial's number, or a sequence of them")
        which = [trial] if single else list(trial)  # type: ignore[arg-type]
        if single:
            listed = [value]
        else:
            if isinstance(value, no_sequence) or not isinstance(value, Iterable):
                raise TypeError(f"value={value!r} must be a sequence with one value for each of the {len(which)} trials")
            listed = list(value)
            if len(listed) != len(which):
                raise ValueError(f"got {len(which)} trials but {len(listed)} values: give one value for each")
        values = [observed(v) for v in listed]
        with self._lock, _Whole(self):
            numbers = [self._pending_number(t) for t in which]
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"trials {sorted(n for n in set(numbers) if numbers.count(n) > 1)} appear twice in one tell")
            if numbers:
                told = [self._pending[n] for n in numbers]
                self._record(told, values)
                for copy, mine in zip(which, told, strict=True):
                    if isinstance(copy, Trial):
                        copy.state, copy.value = mine.state, mine.value

    def _record(self, trials: Sequence[Trial], values: Sequence[float]) -> None:
        rows = np.array([t._row for t in trials])
        told = np.array(values)
        self._engine.tell(rows, targets(told, self._direction))
        start = len(self._history)
        self._history.append(np.array([t.number for t in trials]), rows, told)
        for i, (trial, value) in enumerate(zip(trials, values, strict=True)):
            failed = value != value
            trial.value = None if failed else value
            trial.state = self._states[trial.number] = FAILED if failed else COMPLETE
            self._end(trial.number)
            if not failed and (self._best is None or self._better(value, float(self._history.values[self._best]))):
                self._best = start + i

    def _end(self, number: int) -> None:
        """No longer pending."""
        if self._pending.pop(number, None) is not None:
            self._waiting = (0, self._waiting[1])

    def _better(self, a: float, b: float) -> bool:
        return a < b if self._direction == "minimize" else a > b

    def _pending_number(self, trial: Any) -> int:
        """The number of a pending trial, or a ValueError that says what became of it."""
        if isinstance(trial, Trial):
            number = trial.number
            mine = self._pending.get(number)
            # By names and row, since a copy from another process has other objects in its params, and NaN and arrays do not compare.
            if mine is not None and list(mine.params) == list(trial.params) and mine._row.tobytes() == trial._row.tobytes():
                return number
            if number < len(self._states) and mine is None:
                raise ValueError(f"trial {number} is {self._states[number]} already: each trial is told or forgotten once")
            raise ValueError(f"trial {number} was not asked from this optimizer")
        if isinstance(trial, (bool, np.bool_)) or not isinstance(trial, (int, np.integer)):
            raise TypeError(f"trial={trial!r} must be a Trial or a trial's number")
        number = int(trial)
        if not 0 <= number < len(self._states):
            raise ValueError(f"there is no trial {number}: {len(self._states)} trials have been asked or added")
        if number not in self._pending:
            raise ValueError(f"trial {number} is {self._states[number]} already: each trial is told or forgotten once")
        return number

    def forget(self, trial: Trial | int) -> None:
        """Give up a pending trial: it will never be told, and its configuration may be suggested and enqueued again.

        Raises
        ------
        ValueError
            If the trial is unknown or not pending.
        """
        with self._lock, _Whole(self):
            number = self._pending_number(trial)
            mine = self._pending[number]
            self._end(number)
            mine.state = self._states[number] = FORGOTTEN
            if isinstance(trial, Trial):
                trial.state = FORGOTTEN
            self._seen.erase(mine._row[None])
            self._queue.forget(number)

    def add(self, params: Mapping[str, Any], value: Any) -> Trial:
        """A result from elsewhere: learned from as if it had been asked and told.

        Parameters
        ----------
        params : dict
            A complete configuration of the space. It may have been tried before, and may violate a requirement.
        value : float or None
            As in :meth:`tell`.

        Returns
        -------
        Trial

        Raises
        ------
        ValueError, TypeError
            If the configuration or the value is not valid; nothing is added then.
        """
        number = observed(value)
        row = self._space.encode([params])
        config = self._space.decode(row)[0]
        with self._lock, _Whole(self):
            trial = Trial(len(self._states), config, row[0], TrialInfo("added", len(self._history), None, "a result from elsewhere"))
            self._states.append(PENDING)
            self._record([trial], [number])
            self._seen.insert(row)
        return trial

    def enqueue(self, params: Mapping[str, Any]) -> bool:
        """Have a configuration tried next, after those enqueued before.

        Parameters
        ----------
        params : dict
            A configuration; parameters left out are completed by the sampler when its turn comes. If all it can be completed to is
            pending or told by then, it is passed over. Derived ones may be there if it is complete.

        Returns
        -------
        bool
            False if there was nothing to do: it has been enqueued before and not forgotten since, or this very configuration is
            pending or told.

        Raises
        ------
        ValueError, TypeError
            If a parameter is unknown or has no such value, if one is derived though searched ones were left out, no completion
            satisfies the requirements, or the function of a derived parameter raises for a complete configuration.
        """
        partial = self._space.encode_partial(params)
        try:
            with self._lock, _Whole(self):
                return self._queue.add(partial, "enqueued", self._seen)
        except _core.Infeasible as error:
            raise ValueError(f"{params!r} cannot be tried: {error}") from error

    def _enqueue_defaults(self) -> None:
        defaults = self._space.defaults
        try:
            if defaults:
                self._queue.add(self._space.encode_partial(defaults), "the default configuration", self._seen)
        except (ValueError, _core.Infeasible) as error:
            raise ValueError(f"the defaults {defaults!r} cannot be tried: {error}") from error

    # -- what is known ----------------------------------------------------------------------------------------------

    @property
    def space(self) -> Space:
        """What may be tried."""
        return self._space

    @property
    def sampler(self) -> Sampler:
        """The sampler and its options."""
        return self._sampler

    @property
    def direction(self) -> str:
        """"minimize" or "maximize"."""
        return self._direction

    @property
    def seed(self) -> int:
        """The seed, also where it was drawn."""
        return self._seed

    @property
    def n_trials(self) -> int:
        """Number of trials asked or added so far; the next trial's number."""
        return len(self._states)

    @property
    def n_failed(self) -> int:
        """Number of failed trials."""
        return int(self._history.failed.sum())

    @property
    def pending(self) -> list[Trial]:
        """Trials asked and neither told nor forgotten, by number."""
        with self._lock, _Whole(self):
            return list(self._pending.values())

    @property
    def history(self) -> History:
        """What was told, as columns."""
        return self._history

    @property
    def best_trial(self) -> Trial:
        """The told trial with the best value; the earliest told of several.

        Raises
        ------
        ValueError
            If no trial has succeeded yet.
        """
        with self._lock, _Whole(self):
            if self._best is None:
                raise ValueError(f"no trial has a value yet: {len(self._history)} told, {self.n_failed} of them failed")
            i = self._best
            row = self._history.rows[i].copy()
            params = self._space.params(row[None])[0]
            info = TrialInfo("history", i, None, "from the history")
            return Trial(int(self._history.numbers[i]), params, row, info, COMPLETE, float(self._history.values[i]))

    @property
    def best_params(self) -> dict[str, Any]:
        """Configuration of :attr:`best_trial`."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Value of :attr:`best_trial`."""
        best = self.best_trial.value
        assert best is not None
        return best

    def __repr__(self) -> str:
        told = len(self._history)
        return f"<Optimizer: {self._sampler!r}, {len(self._space)} parameters, {told} told, {len(self._pending)} pending, seed {self._seed}>"

    # -- storage ----------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Everything but the space's functions and the sampler's code, without pickle.

        Returns
        -------
        bytes
            For :meth:`from_bytes`. A NumPy ``.npz`` archive: about 8 (d + 2) bytes a trial.
        """
        with self._lock, _Whole(self):
            pending = list(self._pending.values())
            meta = {
                "sampler": [self._sampler.name, self._sampler.options()],
                "direction": self._direction,
                "seed": self._seed,
                "threads": self._threads,
                "infos": [t.info for t in pending],
                "reasons": self._queue.reasons,
            }
            arrays = {
                "states": np.array([STATES.index(s) for s in self._states], dtype=np.uint8),
                "numbers": self._history.numbers,
                "rows": self._history.rows,
                "values": self._history.values,
                "pending_numbers": np.array([t.number for t in pending], dtype=np.int64),
                "pending_rows": self._pending_rows(),
                **self._queue.arrays(),
            }
            return archive.write(self._space.fingerprint, meta, arrays)

    @classmethod
    def from_bytes(cls, space: Space, data: bytes, sampler: str | Sampler | None = None) -> Optimizer:
        """The optimizer that :meth:`to_bytes` saved; it continues bit for bit.

        Parameters
        ----------
        space : Space
            The same space.
        data : bytes
            From :meth:`to_bytes`.
        sampler : str or Sampler, optional
            Only to continue with another sampler, or if the saved one is not part of hpo_fast.

        Returns
        -------
        Optimizer

        Raises
        ------
        ValueError
            If `data` is damaged, of an unknown format, or of another space, or its sampler is not part of hpo_fast and not given.
        """
        meta, arrays = archive.read(data, check_space(space).fingerprint)
        with archive.damaged():
            name, options = meta["sampler"]
            is_ours = name in _samplers.names()
            chosen = _samplers.make(name, options) if is_ours and sampler is None else sampler
            direction, seed, threads = meta["direction"], meta["seed"], meta["threads"]
        if chosen is None:
            raise ValueError(f"the sampler {name!r} is not part of hpo_fast: give it again, from_bytes(space, data, sampler=...)")
        opt = cls(space, chosen, direction, seed, threads)
        with archive.damaged():
            opt._restore(meta, arrays)
        opt._replay()
        return opt

    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """All but what :meth:`_replay` makes of it."""
        checked = self._space._encoding.checked   # the core trusts rows
        self._states = [STATES[i] for i in arrays["states"].tolist()]
        numbers, waiting = arrays["numbers"].tolist(), arrays["pending_numbers"].tolist()
        if not {self._states[number] for number in waiting} <= {PENDING} or not {self._states[number] for number in numbers} <= {COMPLETE, FAILED}:
            raise ValueError("states of trials")
        self._history.append(np.array(numbers, dtype=np.int64), checked(arrays["rows"]), arrays["values"])
        rows = checked(arrays["pending_rows"])
        infos = [TrialInfo(*info) for info in meta["infos"]]
        for number, row, params, info in zip(waiting, rows, self._space.params(rows), infos, strict=True):
            self._pending[number] = Trial(number, params, row, info)
        self._queue.restore({**arrays, "queue": checked(arrays["queue"], partial=True)}, meta["reasons"])

    def _replay(self) -> None:
        """Engine, best value and seen rows from the history and the pending trials."""
        rows, values = self._history.rows, self._history.values
        engine = self._sampler.start(self._space, self._seed, self._threads)
        engine.tell(rows, targets(values, self._direction))
        signed = values if self._direction == "minimize" else -values
        self._waiting = (0, np.empty((0, len(self._space))))
        seen = _core.RowSet(len(self._space))
        seen.insert(self._space.box.recode(rows))   # a sampler of the user's may have left them as they were drawn
        seen.insert(self._pending_rows())
        self._best = None if np.isnan(values).all() else int(np.nanargmin(signed))
        self._engine, self._seen = engine, seen

    def _broke(self) -> None:
        """An exception came in the middle of a change."""
        self._is_broken = True
        self._mend()

    def _mend(self) -> None:
        """After an exception that came anywhere: what the history has was told, other trials are as they were, the rest follows from these."""
        for number, value in zip(self._history.numbers.tolist(), self._history.values.tolist(), strict=True):
            state = FAILED if value != value else COMPLETE
            self._states[number] = state
            if (trial := self._pending.get(number)) is not None:
                trial.value, trial.state = None if value != value else value, state
                del self._pending[number]
        for number, state in enumerate(self._states):
            if state == PENDING and number not in self._pending:
                self._states[number] = FORGOTTEN
        self._queue.mend({number for number, state in enumerate(self._states) if state == FORGOTTEN})
        self._replay()
        self._is_broken = False

    def __reduce__(self) -> Any:
        return (Optimizer.from_bytes, (self._space, self.to_bytes(), self._sampler))
