"""Optuna, define-by-run: conditional parameters are suggested only when they exist.

An ordinal is suggested as the whole number of its place, which keeps its order. Failed
evaluations are told as ``TrialState.FAIL``, which is how Optuna models them.

Variants: ``tpe`` (Optuna 5's default: multivariate), ``tpe-group`` (the same with
``group=True``), ``tpe-univariate``, ``gp``.
"""

from __future__ import annotations

import math
from typing import Any

from ..space import Param, Space

VARIANTS = ("tpe", "tpe-group", "tpe-univariate", "gp")
PACKAGES = ("optuna",)


def suggest(trial: Any, space: Space) -> dict[str, Any]:
    """Ask a trial with Optuna's suggest interface for one configuration."""

    def draw(name: str, param: Param) -> Any:
        if param.kind == "categorical":
            return trial.suggest_categorical(name, list(param.choices))
        if param.kind == "ordinal":
            return param.choices[trial.suggest_int(name, 0, len(param.choices) - 1)]
        if param.kind == "int":
            return trial.suggest_int(name, param.low, param.high, log=param.log)
        return trial.suggest_float(name, param.low, param.high, step=param.step, log=param.log)

    return space.build(draw)


class Optuna:
    """An in-memory study."""

    def __init__(self, sampler: Any, space: Space) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.failed = optuna.trial.TrialState.FAIL
        self.space, self.study = space, optuna.create_study(sampler=sampler)

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask()
        return suggest(self.trial, self.space)

    def tell(self, params: dict[str, Any], value: float) -> None:
        if math.isfinite(value):
            self.study.tell(self.trial, value)
        else:
            self.study.tell(self.trial, state=self.failed)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Optuna:
    import warnings

    from optuna import samplers

    warnings.filterwarnings("ignore", module="optuna")
    warnings.filterwarnings("ignore", message=".*group.*|.*multivariate.*")
    seed %= 2**32
    if variant == "gp":
        return Optuna(samplers.GPSampler(seed=seed, **options), space)
    multivariate = variant != "tpe-univariate"
    if variant == "tpe-group":
        options = {"group": True, **options}
    return Optuna(samplers.TPESampler(seed=seed, multivariate=multivariate, **options), space)
