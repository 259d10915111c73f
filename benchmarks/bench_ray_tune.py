"""Whole runs of Ray Tune on two CPUs, with our searcher and with Ray's own OptunaSearch and HyperOptSearch, side by side in one run.

    RAY_USAGE_STATS_ENABLED=0 pytest benchmarks/bench_ray_tune.py -s -W default

The trainable costs nothing: what is measured is Ray, nearly all of it. bench_hosts.py drives the searchers themselves.
"""

from __future__ import annotations

import logging
import sys
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

from hpo_fast.adapters.ray_tune import Searcher

TRIALS = 100
SEARCHERS: dict[str, Callable[[int], Any]] = {
    "hpo_fast auto": lambda seed: Searcher(seed=seed),
    "hpo_fast gp": lambda seed: Searcher(sampler="gp", seed=seed),
    "hpo_fast tpe": lambda seed: Searcher(sampler="tpe", seed=seed),
    "hpo_fast random": lambda seed: Searcher(sampler="random", seed=seed),
    "OptunaSearch": lambda seed: OptunaSearch(seed=seed),
    "HyperOptSearch": lambda seed: HyperOptSearch(random_state_seed=seed),
}
LINES: list[str] = []


@pytest.fixture(autouse=True)
def quiet() -> None:
    warnings.simplefilter("ignore")
    for name in ("optuna", "hyperopt", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)


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
    LINES.append(f"| {name} | {TRIALS} | {total:.3g} | {TRIALS / total:.3g} | {best:.3g} |")


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print the table after the last test."""
    yield
    print("\n| searcher | trials | run, s | trials / s | best value |\n| --- | ---: | ---: | ---: | ---: |")
    print("\n".join(LINES))
