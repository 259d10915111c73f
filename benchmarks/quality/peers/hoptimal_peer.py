"""hoptimal's GP sampler, define-by-run: it only offers a loop, which is run in a thread here.

Failures are pruned trials as far as the package is concerned: it knows no failed state from
inside an objective, so it is told the worst value seen so far. Choices are strings.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

from ..space import Param, Space
from .flat import Flat

VARIANTS = ("gp",)
PACKAGES = ("hoptimal",)


class Hoptimal(Flat):
    """``Study.optimize``, turned inside out with two queues."""

    def __init__(self, space: Space, seed: int, budget: int, options: dict) -> None:
        import hoptimal

        super().__init__(space)
        self.asked: queue.Queue[Any] = queue.Queue()
        self.told: queue.Queue[float] = queue.Queue()
        study = hoptimal.create_study(direction="minimize", sampler=hoptimal.GPSampler(seed=seed % 2**31, **options))

        def loop() -> None:
            try:
                study.optimize(self.objective, max(budget, 1) + 1)
            except BaseException as error:
                self.asked.put(error)

        threading.Thread(target=loop, daemon=True).start()

    def objective(self, trial: Any) -> float:
        def draw(name: str, param: Param) -> Any:
            if param.kind == "categorical":
                labels = [str(i) for i in range(param.size)]
                return param.choices[labels.index(trial.suggest_categorical(name, labels))]
            if param.kind == "int":
                return trial.suggest_int(name, param.low, param.high, log=param.log)
            if param.size is not None:
                return param.value(trial.suggest_int(name, 0, param.size - 1))
            value = trial.suggest_float(name, param.low, param.high, log=param.log)
            return min(max(value, param.low), param.high)

        self.asked.put(self.space.build(draw))
        return self.told.get()

    def ask(self) -> dict[str, Any]:
        answer = self.asked.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def tell(self, params: dict[str, Any], value: float) -> None:
        before = self.waiting
        super().tell(params, value)
        if self.waiting > before:  # the loop needs a value for every trial
            self.told.put(1e10)

    def report(self, value: float) -> None:
        self.told.put(value)


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Hoptimal:
    return Hoptimal(space, seed, budget, options)
