"""Ax, which generates with BoTorch (Sobol start, then its default model). Flattened; see `flat`.

Failures are marked as failed trials, which Ax knows natively.
"""

from __future__ import annotations

import math
from typing import Any

from ..space import Param, Space
from .flat import Flat, gridded, place

VARIANTS = ("",)
PACKAGES = ("ax-platform", "botorch")


class Ax(Flat):
    """``ax.Client``."""

    def __init__(self, space: Space, seed: int) -> None:
        import torch
        from ax import Client

        super().__init__(space)
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.client = Client(random_seed=seed % 2**31)
        self.client.configure_experiment(parameters=[self.describe(n, p) for n, p in space])
        self.client.configure_optimization(objective="-value")

    @staticmethod
    def describe(name: str, param: Param) -> Any:
        from ax import ChoiceParameterConfig, RangeParameterConfig

        if param.kind == "categorical":
            labels = [str(i) for i in range(param.size)]
            return ChoiceParameterConfig(name=name, values=labels, parameter_type="str", is_ordered=False)
        if gridded(param):
            return ChoiceParameterConfig(name=name, values=list(range(param.size)), parameter_type="int", is_ordered=True)
        return RangeParameterConfig(
            name=name, bounds=(param.low, param.high), parameter_type=param.kind, scaling="log" if param.log else "linear"
        )

    def propose(self) -> dict[str, Any]:
        ((self.index, given),) = self.client.get_next_trials(max_trials=1).items()
        out = {}
        for name, param in self.space:
            value = given[name]
            if param.kind == "categorical" or gridded(param):
                out[name] = place(param, value)
            else:
                out[name] = int(value) if param.kind == "int" else min(max(float(value), param.low), param.high)
        return out

    def tell(self, params: dict[str, Any], value: float) -> None:
        if math.isfinite(value):
            self.client.complete_trial(trial_index=self.index, raw_data={"value": value})
        else:
            self.client.mark_trial_failed(trial_index=self.index)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Ax:
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    return Ax(space, seed, **options)
