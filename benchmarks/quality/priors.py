"""What a stated prior is worth, and what a wrong one costs.

    python -m benchmarks.quality.priors [--problems PATTERN ...] [--samplers NAME ...] [--seeds N] [--budget N]

The prior of each parameter is centred on what a TPE run with another seed found best (``good``) or worst (``wrong``), with a
tenth of the range as its deviation; on a choice it is ten times the weight of the others. Mean normalised regret over problems
and seeds, without a prior, with the good one and with the wrong one.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

import hpo_fast as hf

from . import problems, regret
from .peers.hpo_fast_peer import native
from .problems.problem import Problem, run_seed

WIDTH = 0.1  # deviation of a prior, as a share of the range
WEIGHT = 10.0  # of the expected choice
EXPERT_SEED, EXPERT_BUDGET = 900, 150


def run(problem: Problem, space: Any, sampler: str, seed: int, budget: int) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Return the configurations tried, what was observed and the true values."""
    objective = problem.start(seed)
    optimizer = hf.Optimizer(space, sampler=sampler, seed=run_seed(problem.name, seed))
    tried, observed, true = [], [], []
    for _ in range(budget):
        trial = optimizer.ask()
        seen, value = objective(trial.params)
        optimizer.tell(trial, seen)
        tried.append(trial.params)
        observed.append(seen)
        true.append(value)
    return tried, np.array(observed), np.array(true)


def around(space: Any, centre: dict[str, Any]) -> Any:
    """Return the space with priors around one configuration; parameters inactive there keep none."""
    parameters = {}
    for name, p in space.parameters.items():
        if name not in centre:
            parameters[name] = p
            continue
        value = centre[name]
        arguments = {key: v for key, v in vars(p).items() if key in ("low", "high", "log", "step", "choices", "condition")}
        if isinstance(p, (hf.Float, hf.Int)):
            width = WIDTH * (math.log(p.high / p.low) if p.log else p.high - p.low)
            if width > 0:
                arguments["prior"] = hf.LogNormal(value, width) if p.log else hf.Normal(value, width)
        elif isinstance(p, hf.Ordinal):
            own = p.raw(value)
            arguments["prior"] = [math.exp(-0.5 * ((k - own) / max(WIDTH * p.levels, 0.5)) ** 2) for k in range(p.levels)]
        else:
            arguments["prior"] = [WEIGHT if k == p.raw(value) else 1.0 for k in range(p.levels)]
        parameters[name] = type(p)(**arguments)
    return hf.Space(parameters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=["bbob/*", "bbob-mixint/*", "synthetic/*", "yahpo-svm/*", "yahpo-xgboost/*", "mlp/*"])
    parser.add_argument("--samplers", nargs="+", default=["random", "tpe", "gp", "auto"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=100)
    arguments = parser.parse_args()
    references = regret.load()
    rows: dict[tuple[str, str], list[np.ndarray]] = {}
    names = [name for name in problems.select(arguments.problems) if (problems.load(name).max_budget or math.inf) >= arguments.budget]
    for name in names:
        problem = problems.load(name)
        plain = native(problem.space)
        tried, observed, _ = run(problem, plain, "tpe", EXPERT_SEED, EXPERT_BUDGET)
        order = np.argsort(np.where(np.isnan(observed), np.inf, observed))
        spaces = {"none": plain, "good": around(plain, tried[order[0]]), "wrong": around(plain, tried[order[-1]])}
        for sampler in arguments.samplers:
            for kind, space in spaces.items():
                for seed in range(arguments.seeds):
                    _, observed, true = run(problem, space, sampler, seed, arguments.budget)
                    record = {"values": observed.tolist(), "true": true.tolist()}
                    rows.setdefault((sampler, kind), []).append(regret.curve(record, references[name], arguments.budget))
    at = [n for n in (10, 25, 50, 100, 200) if n <= arguments.budget]
    print(f"{len(names)} problems, {arguments.seeds} seeds; mean regret after", *at, "evaluations")
    for (sampler, kind), curves in rows.items():
        print(f"{sampler:8s} {kind:6s}", *(f"{np.mean([c[n - 1] for c in curves]):.3f}" for n in at))


if __name__ == "__main__":
    main()
