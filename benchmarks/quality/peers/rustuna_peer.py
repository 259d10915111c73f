"""Rustuna, with Optuna's define-by-run interface. Variants: ``tpe``, ``tpe-univariate``."""

from __future__ import annotations

import math
from typing import Any

from ..space import Space
from .optuna_peer import suggest

VARIANTS = ("tpe", "tpe-univariate")
PACKAGES = ("rustuna",)


class Rustuna:
    """An in-memory study."""

    def __init__(self, sampler: Any, space: Space) -> None:
        import rustuna

        self.failed = rustuna.trial.TrialState.FAIL
        self.space, self.study = space, rustuna.create_study(sampler=sampler)

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask()
        return suggest(self.trial, self.space)

    def tell(self, params: dict[str, Any], value: float) -> None:
        if math.isfinite(value):
            self.study.tell(self.trial.number, value)
        else:
            self.study.tell(self.trial.number, state=self.failed)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Rustuna:
    from rustuna.samplers import TPESampler

    multivariate = False if variant == "tpe-univariate" else None  # None: rustuna's default
    return Rustuna(TPESampler(seed=seed, multivariate=multivariate, **options), space)
