"""Google Vizier's GP-UCB-PE designer, its default algorithm, used directly. Flattened; see `flat`.

Failures are completed as infeasible trials, which Vizier knows natively.
"""

from __future__ import annotations

import math
from typing import Any

from ..space import Space
from .flat import Flat, gridded, place

VARIANTS = ("",)
PACKAGES = ("google-vizier",)


class Vizier(Flat):
    """A designer's suggest-and-update loop."""

    def __init__(self, space: Space, seed: int) -> None:
        import jax
        from vizier import pyvizier as vz
        from vizier._src.algorithms.designers import gp_ucb_pe

        super().__init__(space)
        problem = vz.ProblemStatement()
        root = problem.search_space.root
        for name, param in space:
            scale = vz.ScaleType.LOG if param.log else vz.ScaleType.LINEAR
            if param.kind == "categorical":
                root.add_categorical_param(name, [str(i) for i in range(param.size)])
            elif gridded(param):
                root.add_int_param(name, 0, param.size - 1)
            elif param.kind == "int":
                root.add_int_param(name, param.low, param.high, scale_type=scale)
            else:
                root.add_float_param(name, param.low, param.high, scale_type=scale)
        goal = vz.ObjectiveMetricGoal.MINIMIZE
        problem.metric_information.append(vz.MetricInformation(name="value", goal=goal))
        self.designer = gp_ucb_pe.VizierGPUCBPEBandit(problem, rng=jax.random.PRNGKey(seed))
        self.count = 0

    def propose(self) -> dict[str, Any]:
        (self.suggestion,) = self.designer.suggest(1)
        given = self.suggestion.parameters.as_dict()
        out = {}
        for name, param in self.space:
            if param.kind == "categorical" or gridded(param):
                out[name] = place(param, given[name])
            else:
                clipped = min(max(float(given[name]), param.low), param.high)
                out[name] = round(clipped) if param.kind == "int" else clipped
        return out

    def tell(self, params: dict[str, Any], value: float) -> None:
        from vizier import algorithms as vza
        from vizier import pyvizier as vz

        self.count += 1
        trial = self.suggestion.to_trial(self.count)
        if math.isfinite(value):
            trial.complete(vz.Measurement({"value": value}))
        else:
            trial.complete(vz.Measurement(), infeasibility_reason="failed")
        self.designer.update(vza.CompletedTrials([trial]), vza.ActiveTrials())


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Vizier:
    import warnings

    warnings.filterwarnings("ignore")
    return Vizier(space, seed, **options)
