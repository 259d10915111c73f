"""Host tuners with their own samplers and with ours: regret after 100 trials and suggestions per second of CPU, side by side in one run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 python -m benchmarks.bench_hosts
    # pip install . sweeps "optuna==5.*" "ray[tune]" "pyarrow<20" "hyperopt>=0.3" torch "scikit-learn>=1.4" pytest   (sweeps: NumPy < 2)

Problems of benchmarks/quality and seeds were fixed before any result was seen. Seconds are those of a CPU in a whole run less the
objective's: a host's own bookkeeping is in them, and all that is left with a sampler that costs nothing. Regret: 0 is the best known value, 1 the
median random configuration. Hosts that are not installed are left out. Optuna's study is asked for the whole space at once and is in
memory; Ray Tune's searchers are driven without its runtime (bench_ray_tune.py has whole runs); scikit-learn's searches fit an estimator
that does nothing, one split each; W&B is its package `sweeps`, whose Gaussian process takes a minute a run: `--seeds` counts for all.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import hpo_fast as hf
from benchmarks.quality import problems, regret
from benchmarks.quality.peers.hpo_fast_peer import native
from benchmarks.quality.problems.problem import run_seed

PROBLEMS = ["synthetic/branin", "synthetic/hartmann6", "synthetic/rosenbrock8", "bbob-mixint/f3-10d"]
TRIALS = 100
Objective = Callable[[dict[str, Any]], float]


def optuna_study(sampler: str, space: hf.Space, objective: Objective, seed: int) -> None:
    import optuna

    from hpo_fast.adapters.optuna import Sampler

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = {"TPESampler": optuna.samplers.TPESampler, "GPSampler": optuna.samplers.GPSampler, "RandomSampler": optuna.samplers.RandomSampler}
    study = optuna.create_study(sampler=theirs[sampler](seed=seed) if sampler in theirs else Sampler(sampler, seed=seed))
    distributions = space.to_optuna()
    for _ in range(TRIALS):
        trial = study.ask(distributions)
        study.tell(trial, objective(trial.params))


def ray_tune(sampler: str, space: hf.Space, objective: Objective, seed: int) -> None:
    from ray import tune
    from ray.tune.search.hyperopt import HyperOptSearch
    from ray.tune.search.optuna import OptunaSearch

    from hpo_fast.adapters.ray_tune import Searcher

    for name in ("optuna", "hyperopt", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)

    def domain(parameter: hf.Float | hf.Int | hf.Categorical | hf.Ordinal) -> Any:
        if isinstance(parameter, hf.Float):
            return (tune.loguniform if parameter.log else tune.uniform)(parameter.low, parameter.high)
        if isinstance(parameter, hf.Int):
            return (tune.lograndint if parameter.log else tune.randint)(parameter.low, parameter.high + 1)
        return tune.choice(list(parameter.choices))

    searcher: Any
    if sampler == "HyperOptSearch":
        searcher = HyperOptSearch(random_state_seed=seed % 2**32)
    else:
        searcher = OptunaSearch(seed=seed) if sampler == "OptunaSearch" else Searcher(sampler=sampler, seed=seed)
    searcher.set_search_properties("loss", "min", {name: domain(parameter) for name, parameter in space.parameters.items()})
    for i in range(TRIALS):
        searcher.on_trial_complete(str(i), {"loss": objective(searcher.suggest(str(i))), "training_iteration": 1})


def scikit_learn(sampler: str, space: hf.Space, objective: Objective, seed: int) -> None:
    from scipy import stats
    from sklearn.base import BaseEstimator
    from sklearn.model_selection import RandomizedSearchCV

    from hpo_fast.adapters.sklearn import SearchCV

    class Nothing(BaseEstimator):
        """Its score is that of its parameters."""

        def __init__(self, **config: Any) -> None:
            self.config = config

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return self.config

        def set_params(self, **config: Any) -> Nothing:
            self.config = {**self.config, **config}
            return self

        def fit(self, X: Any, y: Any) -> Nothing:
            return self

        def score(self, X: Any, y: Any) -> float:
            return -objective(self.config)

    def distribution(parameter: hf.Float | hf.Int | hf.Categorical | hf.Ordinal) -> Any:
        if isinstance(parameter, hf.Float):
            low, high = parameter.low, parameter.high
            return stats.loguniform(low, high) if parameter.log else stats.uniform(low, high - low)
        return stats.randint(parameter.low, parameter.high + 1) if isinstance(parameter, hf.Int) else list(parameter.choices)

    options: dict[str, Any] = {"n_iter": TRIALS, "cv": [([0], [0])], "refit": False, "random_state": seed % 2**32}
    search: Any
    if sampler == "RandomizedSearchCV":
        search = RandomizedSearchCV(Nothing(), {name: distribution(p) for name, p in space.parameters.items()}, **options)
    else:
        search = SearchCV(Nothing(), space, sampler=sampler, **options)
    search.fit([[0.0]], [0.0])


def wandb_sweep(sampler: str, space: hf.Space, objective: Objective, seed: int) -> None:
    import sweeps

    from hpo_fast.adapters import wandb

    def entry(parameter: hf.Float | hf.Int | hf.Categorical | hf.Ordinal) -> dict[str, Any]:
        if isinstance(parameter, (hf.Float, hf.Int)):
            kind = ("log_" if parameter.log else "") + ("uniform_values" if parameter.log else "uniform")
            kind = kind if isinstance(parameter, hf.Float) else "int_uniform"
            return {"distribution": kind, "min": parameter.low, "max": parameter.high}
        return {"values": list(parameter.choices)}

    parameters = {name: entry(parameter) for name, parameter in space.parameters.items()}
    config = {"method": "bayes", "metric": {"name": "loss", "goal": "minimize"}, "parameters": parameters}
    sweep = wandb.space_from_sweep(config)
    np.random.seed(seed % 2**32)   # sweeps has no seed
    runs: list[Any] = []
    for _ in range(TRIALS):
        run = sweeps.next_run(config, runs) if sampler == "sweeps bayes" else wandb.next_run(sweep, runs, seed=seed)
        value = objective({name: field["value"] for name, field in run.config.items()})
        runs.append(sweeps.SweepRun(config=run.config, state="finished", summary_metrics={"loss": value}, history=[{"loss": value}]))


HOSTS: dict[str, tuple[Callable[[str, hf.Space, Objective, int], None], list[str]]] = {
    "Optuna": (optuna_study, ["auto", "gp", "tpe", "random", "TPESampler", "GPSampler", "RandomSampler"]),
    "Ray Tune": (ray_tune, ["auto", "gp", "tpe", "random", "OptunaSearch", "HyperOptSearch"]),
    "scikit-learn": (scikit_learn, ["auto", "gp", "tpe", "random", "RandomizedSearchCV"]),
    "W&B sweeps": (wandb_sweep, ["auto", "sweeps bayes"]),
}


def run(drive: Callable[[str, hf.Space, Objective, int], None], sampler: str, name: str, seed: int, references: Mapping[str, Any]) -> tuple[float, float]:
    """Regret after all trials, and the CPU seconds of the host and its sampler."""
    problem = problems.load(name)
    evaluate, values, spent = problem.start(seed), list[float](), 0.0

    def objective(config: dict[str, Any]) -> float:
        nonlocal spent
        start = time.process_time()
        values.append(float(evaluate(config)[0]))
        spent += time.process_time() - start
        return values[-1]

    space = native(problem.space)
    start = time.process_time()
    drive(sampler, space, objective, run_seed(name, seed))
    seconds = time.process_time() - start - spent
    assert len(values) == TRIALS
    return float(regret.normalised([min(values)], references[name])[0]), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hosts", default=",".join(HOSTS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    references = regret.load()
    print("| host | sampler | regret after 100 trials | suggestions / CPU s |\n| --- | --- | ---: | ---: |")
    for host in arguments.hosts.split(","):
        drive, samplers = HOSTS[host]
        for sampler in samplers:
            try:
                runs = [run(drive, sampler, name, seed, references) for name in PROBLEMS for seed in range(arguments.seeds)]
            except ImportError as error:
                print(f"| {host} | {sampler} | left out: {error} | |")
                continue
            regrets, seconds = np.mean(runs, axis=0)
            label = f"hpo_fast {sampler}" if sampler in ("auto", "gp", "tpe", "random") else sampler
            print(f"| {host} | {label} | {regrets:.4f} | {TRIALS / seconds:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
