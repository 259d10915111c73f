"""A trial, and the states it goes through."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpo_fast.samplers.base import TrialInfo

STATES = PENDING, COMPLETE, FAILED, FORGOTTEN = "pending", "complete", "failed", "forgotten"


class Trial:
    """A configuration to be tried, or one that was.

    Attributes
    ----------
    number : int
        0, 1, 2, ... in the order of asking and adding.
    params : dict
        The configuration: Python values by name, derived parameters included, inactive ones absent.
    value : float or None
        What was told; None while pending or if the trial failed.
    state : str
        "pending", "complete", "failed" or "forgotten".
    info : TrialInfo
        Which model proposed it, from how many observations, its acquisition value, and why.
    """

    __slots__ = ("_row", "info", "number", "params", "state", "value")

    def __init__(self, number: int, params: dict[str, Any], row: np.ndarray, info: TrialInfo, state: str = PENDING, value: float | None = None) -> None:
        self.number = number
        self.params = params
        self.value = value
        self.state = state
        self.info = info
        self._row = row

    def __getitem__(self, name: str) -> Any:
        try:
            return self.params[name]
        except KeyError:
            raise KeyError(f"trial {self.number} has no parameter {name!r}; it has {', '.join(self.params)}") from None

    def __repr__(self) -> str:
        value = "" if self.value is None else f", value={self.value!r}"
        return f"Trial({self.number}, {self.params!r}{value}, {self.state})"
