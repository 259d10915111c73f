"""The sampler for who does not want to choose."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import check_int
from hpo_fast.samplers.base import TrialInfo
from hpo_fast.samplers.gp import GP
from hpo_fast.samplers.tpe import TPE
from hpo_fast.space import Space


@dataclass(frozen=True, kw_only=True)
class Auto:
    """The models in the order that the quality benchmark supports.

    =============================  ================================================================================
    trials told                    model
    =============================  ================================================================================
    fewer than `n_startup`         none: points of a scrambled Sobol sequence
    up to `gp_until`               :class:`GP`, which needs the fewest trials to find what matters; with more than 80
                                   parameters :class:`TPE` for every third trial, which changes few of them at a time
    more                           :class:`TPE`, whose cost does not grow with the history
    =============================  ================================================================================

    While all trials told are equally good, or none has succeeded, there is nothing to model: points of the sequence again.

    From ``max(1.5 * n_startup, 10)`` trials on TPE takes over while the GP has no skill: its leave-one-out R^2 is below 0.2, or its
    covariance cannot be factored. (On a plateau with rare good regions the GP would explore for ever.)

    Parameters
    ----------
    n_startup : int, default 10
        Trials told before a model is used.
    gp_until : int, default 1000
        Trials told up to which the Gaussian process is used: a suggestion costs O(n^2).

    Notes
    -----
    A finite space needs no rule of its own: no configuration is suggested twice, so a small one is searched exhaustively, best
    guesses first. R^2 is computed once per fit, so the rule depends on the history and the number of the trial alone.
    """

    name: ClassVar[str] = "auto"

    n_startup: int = 10
    gp_until: int = 1000

    def __post_init__(self) -> None:
        check_int("n_startup", self.n_startup, 0)
        check_int("gp_until", self.gp_until, 0)

    def start(self, space: Space, seed: int, threads: int) -> AutoEngine:
        return AutoEngine(self, space, seed, threads)

    def options(self) -> dict[str, Any]:
        return asdict(self)


_FEW = 10   # trials that say nothing yet of what the GP predicts
_SKILL = 0.2   # below which that is next to nothing
_WIDE = 80   # parameters


class AutoEngine:
    """GP and TPE on one space: see :class:`hpo_fast.samplers.Engine`."""

    def __init__(self, sampler: Auto, space: Space, seed: int, threads: int) -> None:
        self._sampler = sampler
        self._told = 0
        self._is_wide = len(space) > _WIDE
        self._gp = GP(n_startup=sampler.n_startup).start(space, seed, threads)
        self._tpe = TPE(n_startup=sampler.n_startup).start(space, seed, threads)

    def tell(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self._told += len(rows)
        self._gp.tell(rows, targets)
        self._tpe.tell(rows, targets)

    def suggest(self, n: int, number: int, pending: np.ndarray, seen: _core.RowSet) -> tuple[np.ndarray, list[TrialInfo]]:
        if self._gp.is_flat:   # nothing to model: points of the sequence
            return self._gp.suggest(n, number, pending, seen)
        if self._told > self._sampler.gp_until:
            return self._tpe.suggest(n, number, pending, seen)
        if why := self._why_not_gp():
            rows, infos = self._tpe.suggest(n, number, pending, seen)
            return rows, [info._replace(reason=f"{info.reason}; {why}") for info in infos]
        if not self._is_wide:
            return self._gp.suggest(n, number, pending, seen)
        # One by one, as a batch must be what single asks would give; runs of the same model go together.
        rows, infos = np.empty((0, pending.shape[1])), list[TrialInfo]()
        try:
            while len(rows) < n:
                at = number + len(rows)
                engine, run = (self._tpe, 1) if at % 3 == 2 else (self._gp, min(2 - at % 3, n - len(rows)))
                made, how = engine.suggest(run, at, np.concatenate([pending, rows]), seen)
                rows, infos = np.concatenate([rows, made]), infos + how
                if len(made) < run:
                    break
        except (_core.SpaceExhausted, _core.Infeasible):   # what was found before counts
            if not infos:
                raise
        except Exception:
            seen.erase(rows)
            raise
        return rows, infos

    def _why_not_gp(self) -> str:
        """Why TPE has all trials; empty if it has not."""
        if self._told < max(1.5 * self._sampler.n_startup, _FEW):
            return ""
        try:
            skill = self._gp.skill()
        except _core.NotPositiveDefinite as error:
            return f"no Gaussian process: {error}"
        return f"the Gaussian process predicts {max(skill, 0):.2f} of the variance" if skill < _SKILL else ""
