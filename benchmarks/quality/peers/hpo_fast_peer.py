"""hpo_fast's own samplers; options go to the sampler's class.

``hpo_fast:tpe?n_startup=20`` is ``hpo_fast.samplers.TPE(n_startup=20)``; without options the
sampler is given by its name, as a user would.
"""

from __future__ import annotations

from typing import Any

from ..space import Param, Space

VARIANTS = ("auto", "tpe", "gp", "random", "sobol", "grid")
PACKAGES = ("hpo-fast",)
CLASSES = {"auto": "Auto", "tpe": "TPE", "gp": "GP", "random": "Random", "sobol": "Sobol",
           "grid": "Grid"}  # fmt: skip


def native(space: Space) -> Any:
    """Translate the space."""
    import hpo_fast as hf

    def one(param: Param) -> Any:
        if param.kind == "float":
            out = hf.Float(param.low, param.high, log=param.log, step=param.step)
        elif param.kind == "int":
            out = hf.Int(param.low, param.high, log=param.log)
        else:
            out = {"ordinal": hf.Ordinal, "categorical": hf.Categorical}[param.kind](list(param.choices))
        return out if param.parent is None else out.when(param.parent, list(param.values))

    return hf.Space({name: one(param) for name, param in space})


class HpoFast:
    """An optimizer over the translated space."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def ask(self) -> dict[str, Any]:
        self.trial = self.optimizer.ask()
        return self.trial.params

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.optimizer.tell(self.trial, value)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> HpoFast:
    import hpo_fast as hf

    sampler = getattr(hf.samplers, CLASSES[variant])(**options) if options else variant
    return HpoFast(hf.Optimizer(native(space), sampler=sampler, direction="minimize", seed=seed))


def version() -> str:
    """Return the package's version; the runner adds what identifies the code (``--label``)."""
    import hpo_fast as hf

    return hf.__version__
