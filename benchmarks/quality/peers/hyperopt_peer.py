"""Hyperopt's TPE over a native space: conditional parameters sit inside ``hp.choice`` branches.

Whole numbers, steps and ordinals are quantized uniforms over their places, widened by half a
step so that every value has equal mass. Options go to ``hyperopt.tpe.suggest``.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ..space import Param, Space

VARIANTS = ("tpe",)
PACKAGES = ("hyperopt",)


def native(space: Space) -> dict[str, Any]:
    """Translate the space; a parameter shared by several branches is one node in all of them."""
    from hyperopt import hp

    nodes: dict[str, Any] = {}

    def node(name: str, param: Param) -> Any:
        if name not in nodes:
            nodes[name] = new(name, param)
        return nodes[name]

    def new(name: str, param: Param) -> Any:
        if param.kind == "categorical":
            branches = []
            for value in param.choices:
                inner = {child: node(child, space[child]) for child in space.children(name, value)}
                branches.append({"value": value, "children": inner})
            return hp.choice(name, branches)
        if param.kind == "int" and param.log:
            return hp.qloguniform(name, math.log(param.low - 0.5), math.log(param.high + 0.5), 1)
        if param.size is not None:
            return hp.quniform(name, -0.5, param.size - 0.5, 1)
        if param.log:
            return hp.loguniform(name, math.log(param.low), math.log(param.high))
        return hp.uniform(name, param.low, param.high)

    return {name: node(name, param) for name, param in space if param.parent is None}


def plain(space: Space, point: dict[str, Any]) -> dict[str, Any]:
    """Translate an evaluated native point back to a configuration."""
    flat: dict[str, Any] = {}

    def unfold(branch: dict[str, Any]) -> None:
        for name, value in branch.items():
            if isinstance(value, dict):
                flat[name] = value["value"]
                unfold(value["children"])
            else:
                flat[name] = value

    unfold(point)

    def draw(name: str, param: Param) -> Any:
        value = flat[name]
        if param.kind == "categorical":
            return value
        if param.kind == "int" and param.log:
            return int(min(max(round(value), param.low), param.high))
        if param.size is not None:
            return param.value(int(min(max(round(value), 0), param.size - 1)))
        return min(max(float(value), param.low), param.high)

    return space.build(draw)


class Hyperopt:
    """The loop of ``fmin``, turned inside out."""

    def __init__(self, space: Space, seed: int, options: dict) -> None:
        import numpy as np
        from hyperopt import Trials, tpe
        from hyperopt.base import Domain

        self.space, self.native = space, native(space)
        self.domain = Domain(lambda point: 0.0, self.native)
        self.trials = Trials()
        self.suggest = partial(tpe.suggest, verbose=False, **options)
        self.rng = np.random.default_rng(seed)

    def ask(self) -> dict[str, Any]:
        from hyperopt import space_eval

        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        seed = int(self.rng.integers(2**31 - 1))
        docs = self.suggest(ids, self.domain, self.trials, seed)
        self.trials.insert_trial_docs(docs)
        self.trials.refresh()
        drawn = {k: v[0] for k, v in docs[0]["misc"]["vals"].items() if v}
        return plain(self.space, space_eval(self.native, drawn))

    def tell(self, params: dict[str, Any], value: float) -> None:
        from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK

        trial = self.trials._dynamic_trials[-1]
        failed = not math.isfinite(value)
        trial["result"] = {"status": STATUS_FAIL} if failed else {"status": STATUS_OK, "loss": value}
        trial["state"] = JOB_STATE_DONE
        self.trials.refresh()


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Hyperopt:
    return Hyperopt(space, seed, options)
