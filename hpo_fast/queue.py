"""Configurations that are to be tried before the sampler is asked: enqueued ones and defaults, perhaps only parts of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from hpo_fast import _core
from hpo_fast.space import Space


class Queue:
    """The entries, first come, first served; each is the row of a configuration with NaN where it leaves a parameter open.

    Parameters
    ----------
    space : Space
        Of the configurations.
    seed : int
        Of the draws that complete them.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._seed = space, seed
        self._waiting: dict[bytes, tuple[np.ndarray, str]] = {}   # entries and their reasons, by the bytes of the entry
        self._numbers: dict[bytes, int] = {}   # of the trials that others became

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, partial: np.ndarray, reason: str, seen: _core.RowSet) -> bool:
        """Put an entry (1, d) behind the others, to be tried for a `reason`.

        Returns
        -------
        bool
            False if there is nothing to do: it was added before and not forgotten since, or it is complete and in `seen`.

        Raises
        ------
        ValueError, Infeasible
            If it has no completion that satisfies the requirements, or is complete and a derived parameter's function raises.
        """
        space = self._space
        # Completed without the sampler, to see that it can be: errors belong here and not into a later ask.
        nothing = np.full(len(space), np.nan)
        completed = _core.complete_row(space.box, partial[0], nothing, self._seed, 0, None, _core.RowSet(len(space)))
        complete = bool((np.isnan(completed) == np.isnan(partial)).all())
        if complete:
            space.check_feasible(partial)
            space.params(partial)
        elif space.constraint is not None:
            _core.complete_row(space.box, partial[0], nothing, self._seed, 0, space.constraint, _core.RowSet(len(space)))
        key = partial.tobytes()
        if key in self._waiting or key in self._numbers or (complete and seen.contains(partial)[0]):
            return False
        self._waiting[key] = partial[0], reason
        return True

    def first(self, number: int, suggest: Callable[[], np.ndarray], seen: _core.RowSet) -> tuple[np.ndarray, str] | None:
        """The first entry completed for trial `number`, not in `seen`, and its reason.

        Parameters
        ----------
        number : int
            Of the trial that it may become.
        suggest : callable
            Gives a row (1, d) of the sampler, from which open parameters are taken where that goes.
        seen : RowSet
            Pending and told rows.

        Returns
        -------
        (array (1, d), str) or None
            None if all that the entry can be completed to has been seen: then it is gone. Else it waits until :meth:`become`.
        """
        key, (partial, reason) = next(iter(self._waiting.items()))
        try:
            return self._complete(partial, number, suggest, seen), reason
        except _core.SpaceExhausted:
            del self._waiting[key]
            return None

    def _complete(self, partial: np.ndarray, number: int, suggest: Callable[[], np.ndarray], seen: _core.RowSet) -> np.ndarray:
        space = self._space
        nothing = np.full(len(space), np.nan)
        base = nothing
        if (np.isnan(partial) & space.box.active(partial[None])[0]).any():
            # What is given may leave completions that the sampler did not find.
            with contextlib.suppress(_core.SpaceExhausted, _core.Infeasible):
                base = suggest()[0]
        try:
            return _core.complete_row(space.box, partial, base, self._seed, number, space.constraint, seen)
        except _core.Infeasible:   # where completions are rare: with the draws that found one when it was added
            return _core.complete_row(space.box, partial, nothing, self._seed, 0, space.constraint, seen)

    def become(self, number: int) -> None:
        """The first entry is trial `number` now."""
        key = next(iter(self._waiting))
        self._numbers[key] = number
        del self._waiting[key]

    def forget(self, number: int) -> None:
        """The entry that became trial `number`, if one did, may be added again."""
        self.mend({number})

    def mend(self, forgotten: Set[int]) -> None:
        """After an exception that came anywhere: what became a trial waits no longer, unless that is `forgotten`."""
        self._numbers = {key: number for key, number in self._numbers.items() if number not in forgotten}
        self._waiting = {key: entry for key, entry in self._waiting.items() if key not in self._numbers}

    # -- storage ----------------------------------------------------------------------------------------------------

    @property
    def reasons(self) -> list[str]:
        """Of the entries that wait."""
        return [reason for _, reason in self._waiting.values()]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but the reasons, for :meth:`restore`."""
        keys, d = sorted(self._numbers), len(self._space)
        return {
            "queue": np.array([row for row, _ in self._waiting.values()]).reshape(-1, d),
            "enqueued": np.array([np.frombuffer(key) for key in keys]).reshape(-1, d),
            "enqueued_numbers": np.array([self._numbers[key] for key in keys], dtype=np.int64),
        }

    def restore(self, arrays: Mapping[str, Any], reasons: Sequence[str]) -> None:
        """Become the queue whose `arrays` and `reasons` these are."""
        self._waiting = {row.tobytes(): (row, reason) for row, reason in zip(arrays["queue"], reasons, strict=True)}
        numbers = zip(arrays["enqueued"], arrays["enqueued_numbers"].tolist(), strict=True)
        self._numbers = {row.tobytes(): number for row, number in numbers if number >= 0}   # -1: it waits, to an earlier version
