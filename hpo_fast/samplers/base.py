"""What a sampler is: options that make an engine, and an engine that turns history into suggestions.

An engine deals in encoded rows and targets that are to be minimised, and is a pure function of what it was told, in that
order. So history can be replayed into it: that is how an optimizer is restored.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import check_int
from hpo_fast.space import Space


class TrialInfo(NamedTuple):
    """How a suggestion came about.

    Attributes
    ----------
    model : str
        What proposed it: "gp", "tpe", "sobol", "uniform", "grid"; or "enqueued", "added" (a result from elsewhere), "history" (of
        `best_trial`).
    n_observations : int
        From how many told trials.
    acquisition : float or None
        The score that the model gave it, larger is better: log l(x) - log g(x) for TPE.
    reason : str
        Why this model, or why not the sampler's own: "start-up: 3 of 10 trials told", ...
    """

    model: str
    n_observations: int
    acquisition: float | None
    reason: str


def startup_info(told: int, n_startup: int, otherwise: str = "no trial has succeeded yet") -> TrialInfo:
    """Of a start-up point of a model that waits for `n_startup` trials, and for what `otherwise` says is missing."""
    reason = f"start-up: {told} of {n_startup} trials told" if told < n_startup else otherwise
    return TrialInfo("sobol", told, None, reason)


def uniform_info(told: int) -> TrialInfo:
    """Of a uniform draw in place of a model's suggestion."""
    return TrialInfo("uniform", told, None, "every candidate was infeasible or tried before")


def check_seed(seed: int | None) -> int:
    """`seed` as an int, drawn from the operating system if there is none."""
    return int.from_bytes(os.urandom(8), "little") >> 1 if seed is None else check_int("seed", seed, 0)


class Engine(Protocol):
    """A sampler at work on one space."""

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        """Learn new observations: rows (n, d) and targets (n,) to be minimised, +inf for failed."""

    def suggest(
        self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet
    ) -> tuple[np.ndarray, list[TrialInfo]]:
        """Rows for trials `number`, ..., `number` + n - 1 and how each came about: rows as ``space.box.recode`` leaves them.

        Parameters
        ----------
        n : int
            How many; fewer come back when fewer are left.
        number : int
            Number of the first trial.
        pending : array (p, d)
            Rows asked and not told, in the order of their numbers.
        seen : RowSet
            Rows that must not be suggested: the returned ones are added to it.

        Raises
        ------
        SpaceExhausted, Infeasible
            If there is none; `seen` is as before.
        """


class Sampler(Protocol):
    """A sampler and its options."""

    @property
    def name(self) -> str:
        """What it is called; a plain attribute or a class's will do."""

    def start(self, space: Space, seed: int, threads: int) -> Engine:
        """An engine without observations. Options that do not fit the space raise ValueError here."""

    def options(self) -> dict[str, Any]:
        """The arguments that make this sampler again, JSON-safe."""
