"""SMAC's hyperparameter-optimization facade (a random forest), with native conditions.

Variants: ``hpo`` (random forest, SMAC's default for this use), ``bb`` (a GP; flat spaces only).
Failures are told as crashed trials at the worst value so far.
"""

from __future__ import annotations

import tempfile
from typing import Any

from ..space import Param, Space
from .flat import Flat, gridded, place

VARIANTS = ("hpo", "bb")
PACKAGES = ("smac",)


class Smac(Flat):
    """Ask-and-tell use of a facade."""

    def __init__(self, space: Space, variant: str, seed: int, budget: int) -> None:
        import ConfigSpace as cs
        import smac

        super().__init__(space)
        native = cs.ConfigurationSpace(seed=seed % 2**31)
        nodes = {n: self.node(cs, n, p) for n, p in space}
        native.add(list(nodes.values()))
        for name, param in space:
            if param.parent is not None:
                labels = [str(space[param.parent].choices.index(v)) for v in param.values]
                native.add(cs.InCondition(nodes[name], nodes[param.parent], labels))
        self.folder = tempfile.TemporaryDirectory()
        scenario = smac.Scenario(native, deterministic=True, n_trials=max(budget, 1), seed=seed % 2**31, output_directory=self.folder.name)
        facade = smac.HyperparameterOptimizationFacade if variant == "hpo" else smac.BlackBoxFacade
        self.smac = facade(scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False)

    @staticmethod
    def node(cs: Any, name: str, param: Param) -> Any:
        if param.kind == "categorical":
            return cs.CategoricalHyperparameter(name, [str(i) for i in range(param.size)])
        if gridded(param):
            return cs.UniformIntegerHyperparameter(name, 0, param.size - 1)
        make_one = cs.UniformIntegerHyperparameter if param.kind == "int" else cs.UniformFloatHyperparameter
        return make_one(name, param.low, param.high, log=param.log)

    def ask(self) -> dict[str, Any]:
        self.info = self.smac.ask()
        given = dict(self.info.config)

        def draw(name: str, param: Param) -> Any:
            value = given[name]
            if param.kind == "categorical" or gridded(param):
                return place(param, value)
            return int(value) if param.kind == "int" else min(max(float(value), param.low), param.high)

        return self.space.build(draw)

    def report(self, value: float) -> None:
        from smac.runhistory import TrialValue

        self.smac.tell(self.info, TrialValue(cost=value))


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Smac:
    import warnings

    warnings.filterwarnings("ignore")
    return Smac(space, variant, seed, budget, **options)
