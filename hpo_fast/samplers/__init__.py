"""The samplers: ``auto``, ``gp``, ``tpe``, ``random``, ``sobol``, ``grid``; by name, or as objects with their options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpo_fast.samplers.auto import Auto
from hpo_fast.samplers.base import Engine, Sampler, TrialInfo
from hpo_fast.samplers.gp import GP
from hpo_fast.samplers.grid import Grid
from hpo_fast.samplers.random import Random
from hpo_fast.samplers.sobol import Sobol
from hpo_fast.samplers.tpe import TPE

__all__ = ["GP", "TPE", "Auto", "Engine", "Grid", "Random", "Sampler", "Sobol", "TrialInfo", "make", "names"]

_BY_NAME: dict[str, Any] = {sampler.name: sampler for sampler in (Auto, GP, TPE, Random, Sobol, Grid)}


def names() -> list[str]:
    """Names of the samplers that :func:`make` knows."""
    return list(_BY_NAME)


def make(sampler: str | Sampler, options: Mapping[str, Any] | None = None) -> Sampler:
    """A sampler from its name and options, or the sampler itself.

    Raises
    ------
    ValueError
        If there is no sampler of that name.
    TypeError
        If `sampler` is neither a name nor a sampler, or an option is unknown.
    """
    if isinstance(sampler, str):
        if sampler not in _BY_NAME:
            raise ValueError(f"sampler={sampler!r} is unknown: choose one of {', '.join(_BY_NAME)}")
        made: Sampler = _BY_NAME[sampler](**(options or {}))
        return made
    if isinstance(sampler, type) or not (hasattr(sampler, "start") and hasattr(sampler, "options")):
        raise TypeError(f"sampler={sampler!r} must be one of {', '.join(map(repr, _BY_NAME))}, or an object such as hf.samplers.TPE()")
    return sampler
