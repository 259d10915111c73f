"""Ray Tune with our searcher and with Ray's own OptunaSearch and HyperOptSearch, side by side in one run.

    OMP_NUM_THREADS=1 taskset -c 0 pytest benchmarks/bench_ray_tune.py -s -W default -k searchers
    RAY_USAGE_STATS_ENABLED=0 pytest benchmarks/bench_ray_tune.py -s -W default -k runs

The first drives the searchers themselves, one trial after the other, on problems of benchmarks/quality: suggestions per second are
those of `suggest` and `on_trial_complete`, without the objective, in seconds of CPU, since machines are busy. Problems and seeds were
fixed before any result was seen. The second is whole runs of a Tuner on two CPUs, whose trainable costs nothing.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("ray.tune", reason="install the extra: pip install '.[bench]'")

import ray
from ray import cloudpickle, tune
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.hyperopt import HyperOptSearch
from ray.tune.search.optuna import OptunaSearch

from benchmarks.quality import problems, regret
from benchmarks.quality.space import Param
from hpo_fast.adapters.ray_tune import Searcher

PROBLEMS = ["synthetic/branin", "synthetic/hartmann6", "synthetic/rosenbrock8", "bbob-mixint/f3-10d"]
TRIALS, SEEDS = 100, 3
SEARCHERS: dict[str, Callable[[int], Any]] = {
    "hpo_fast auto": lambda seed: Searcher(seed=seed),
    "hpo_fast gp": lambda seed: Searcher(sampler="gp", seed=seed),
    "hpo_fast tpe": lambda seed: Searcher(sampler="tpe", seed=seed),
    "hpo_fast random": lambda seed: Searcher(sampler="random", seed=seed),
    "OptunaSearch": lambda seed: OptunaSearch(seed=seed),
    "HyperOptSearch": lambda seed: HyperOptSearch(random_state_seed=seed),
}
LINES: dict[str, list[str]] = {"searchers": [], "runs": []}
HEADS = {
    "searchers": ["searcher", *(f"{name.split('/')[1]}, regret" for name in PROBLEMS), "mean regret", "suggestions / s of CPU"],
    "runs": ["searcher", "trials", "run, s", "trials / s", "best value"],
}


def distribution(param: Param) -> Any:
    """A parameter of benchmarks/quality in Tune's words."""
    if param.kind == "float":
        return (tune.loguniform if param.log else tune.uniform)(param.low, param.high)
    if param.kind == "int":
        return (tune.lograndint if param.log else tune.randint)(param.low, param.high + 1)
    return tune.choice(list(param.choices))


def drive(searcher: Any, problem: problems.Problem, seed: int) -> tuple[list[float], float]:
    """The values of all trials, and the seconds of CPU that the searcher took."""
    searcher.set_search_properties("loss", "min", {name: distribution(param) for name, param in problem.space.params.items()})
    objective, values, seconds = problem.start(seed), [], 0.0
    for i in range(TRIALS):
        start = time.process_time()
        config = searcher.suggest(str(i))
        seconds += time.process_time() - start
        values.append(objective(config)[0])
        start = time.process_time()
        searcher.on_trial_complete(str(i), {"loss": values[-1], "training_iteration": 1})
        seconds += time.process_time() - start
    return values, seconds


@pytest.fixture(autouse=True)
def quiet() -> None:
    warnings.simplefilter("ignore")
    for name in ("optuna", "hyperopt", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)


@pytest.mark.parametrize("name", SEARCHERS)
def test_searchers(benchmark: Any, name: str) -> None:
    """Regret after all trials, and suggestions per second."""
    references, seconds, regrets = regret.load(), 0.0, []

    def run() -> None:
        nonlocal seconds
        for problem in map(problems.load, PROBLEMS):
            found = []
            for seed in range(SEEDS):
                values, took = drive(SEARCHERS[name](seed), problem, seed)
                seconds += took
                found.append(regret.normalised([min(values)], references[problem.name])[0])
            regrets.append(sum(found) / SEEDS)

    benchmark.pedantic(run, rounds=1)
    speed = len(PROBLEMS) * SEEDS * TRIALS / seconds
    cells = [name, *(f"{r:.4f}" for r in regrets), f"{sum(regrets) / len(regrets):.4f}", f"{speed:,.0f}"]
    LINES["searchers"].append(f"| {' | '.join(cells)} |")


@pytest.fixture(scope="module")
def runtime() -> Iterator[None]:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.parametrize("name", SEARCHERS)
def test_runs(benchmark: Any, runtime: None, tmp_path: Any, name: str) -> None:
    """Seconds of a whole run, two trials at a time."""
    space = {f"x{i}": tune.uniform(-1.0, 1.0) for i in range(5)} | {"act": tune.choice(["relu", "tanh", "gelu"]), "n": tune.randint(1, 9)}
    search_alg = ConcurrencyLimiter(SEARCHERS[name](0), 3)
    tuner = tune.Tuner(
        lambda config: {"loss": sum((config[f"x{i}"] - 0.3) ** 2 for i in range(5)) + (config["act"] != "tanh") + 0.1 * config["n"]},
        param_space=space,
        tune_config=tune.TuneConfig(metric="loss", mode="min", search_alg=search_alg, num_samples=TRIALS, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    results: list[Any] = []
    benchmark.pedantic(lambda: results.append(tuner.fit()), rounds=1)
    total = benchmark.stats.stats.median
    best = min(result.metrics["loss"] for result in results[0])
    LINES["runs"].append(f"| {name} | {TRIALS} | {total:.3g} | {TRIALS / total:.3g} | {best:.3g} |")


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    """Print the tables after the last test."""
    yield
    for kind, lines in LINES.items():
        if lines:
            print("\n| " + " | ".join(HEADS[kind]) + " |\n| --- |" + " ---: |" * (len(HEADS[kind]) - 1))
            print("\n".join(lines))
