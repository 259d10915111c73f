"""A mixed space and a loss over it, searches with every sampler, and what they asked: shared by the tests of the optimizer."""

from __future__ import annotations

import math

import hpo_fast as hf

SAMPLERS = ["random", "sobol", "tpe", "gp", "auto"]


def mixed() -> hf.Space:
    return hf.Space(
        {
            "x": hf.Float(-1, 1),
            "lr": hf.Float(1e-5, 1e-1, log=True),
            "n": hf.Int(1, 50, log=True),
            "c": hf.Categorical(["a", "b", None]),
            "k": hf.Int(0, 4).when("c", ["b", None]),
        }
    )


def loss(params: dict) -> float:
    return params["x"] ** 2 + abs(math.log10(params["lr"]) + 3) + params["n"] / 50 + params.get("k", 1)


def run(opt: hf.Optimizer, n: int, batch: int = 1) -> hf.Optimizer:
    """n rounds of asking and telling, in which every seventh trial fails."""
    for _ in range(n):
        trials = opt.ask(batch)
        opt.tell(trials, [loss(t.params) if t.number % 7 else None for t in trials])
    return opt


def asked(trials: list[hf.Trial]) -> list:
    """What tells two suggestions apart."""
    return [(t.number, t.params, t.info) for t in trials]
