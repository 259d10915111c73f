"""Whole runs of Ray Tune with our searcher, on a local runtime of two CPUs.

Runs of one trial at a time are the same each time. Of the others, only what does not depend on the order of the trials is tested.
"""

from __future__ import annotations

import gc
import math
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray import cloudpickle, train, tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import ConcurrencyLimiter, Repeater
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier

import hpo_fast as hf
from hpo_fast.adapters.ray_tune import Searcher

own = tune if hasattr(tune, "RunConfig") else train   # where Ray 2.7 has what belongs to Tune later
SPACE = {"x": tune.uniform(-1.0, 1.0), "opt": {"lr": tune.loguniform(1e-4, 1.0), "name": "sgd"}, "list": [1, 2, 3]}


@pytest.fixture(scope="module", autouse=True)
def runtime() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}   # Tune keeps them
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cloudpickle.register_pickle_by_value(sys.modules[__name__])   # which the workers cannot import
        ray.init(address="local", num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False, object_store_memory=100 * 2**20)
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)   # it does not wait for its processes to end
            ray.shutdown()
            gc.collect()
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    for number, handler in before.items():
        signal.signal(number, handler)


def loss(config: dict[str, Any]) -> float:
    assert config["list"] == [1, 2, 3] and config["opt"]["name"] == "sgd"   # constants
    return config["x"] ** 2 + math.log10(config["opt"]["lr"] * 100) ** 2


def objective(config: dict[str, Any]) -> dict[str, float]:
    return {"loss": loss(config)}


def driven(n: int) -> list[dict[str, Any]]:
    """The configurations of n trials one after the other, without Tune."""
    searcher = Searcher(SPACE, "loss", "min", seed=3)
    configs = []
    for i in range(n):
        configs.append(searcher.suggest(str(i)))
        searcher.on_trial_complete(str(i), objective(configs[-1]))
    return configs


def tuner_of(path: Path, trainable: Any, search_alg: Any, n: int, space: Any = SPACE, callbacks: Any = None, **options: Any) -> tune.Tuner:
    return tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(**{"metric": "loss", "mode": "min", "search_alg": search_alg, "num_samples": n, "reuse_actors": True} | options),
        run_config=own.RunConfig(name="run", storage_path=str(path), verbose=0, callbacks=callbacks),
    )


def saved(path: Path) -> Searcher:
    """The searcher as Tune has saved it at the end of the run."""
    searcher = Searcher()
    searcher.restore_from_dir(str(path / "run"))
    return searcher


def told(path: Path) -> list[float]:
    return saved(path)._optimizer.history.values.tolist()


def test_one_at_a_time_is_what_driving_the_searcher_gives(tmp_path: Path) -> None:
    results = tuner_of(tmp_path, objective, Searcher(seed=3), 12, max_concurrent_trials=1).fit()
    expected = driven(12)
    assert [result.config for result in results] == expected
    assert results.get_best_result().metrics["loss"] == min(told(tmp_path)) == min(map(loss, expected))
    assert not saved(tmp_path)._under_way


def test_invalid_values(tmp_path: Path) -> None:
    """At least one of each, at two trials at a time; the metric has no name."""

    def invalid(config: dict[str, Any]) -> None:
        value = config["report"]
        own.report({"_metric": math.inf if value > 4 else -math.inf if value > 3 else math.nan if value > 2 else value})

    searcher = Searcher(seed=0, points_to_evaluate=[{"report": value} for value in (4.5, 3.5, 2.5, 1.5)])
    space = {"report": tune.uniform(0.0, 5.0), "list": [1, 2, 3], "num": 4}
    results = tuner_of(tmp_path, invalid, searcher, 8, space, metric="_metric", mode="max").fit()
    assert results.num_errors == 0 and len(results) == 8
    assert {4.5, 3.5, 2.5, 1.5} <= {result.config["report"] for result in results}
    assert all(result.config["list"] == [1, 2, 3] and result.config["num"] == 4 for result in results)
    values = [result.metrics["_metric"] for result in results]
    learned = np.array(told(tmp_path))
    assert np.isnan(learned).sum() == sum(not math.isfinite(value) for value in values) >= 3
    assert sorted(learned[~np.isnan(learned)]) == sorted(value for value in values if math.isfinite(value))


def test_a_model_with_asha(tmp_path: Path) -> None:
    """Trials that ASHA stops are learned from as no better than the median of those that it has let finish."""

    class Model(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.reset_config(config)

        def reset_config(self, config: dict[str, Any]) -> bool:
            self.data = load_iris(return_X_y=True)
            self.model = SGDClassifier(alpha=config["alpha"], eta0=config["eta0"], learning_rate=config["rate"], random_state=0)
            return True

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Needed, and not used."""

        def step(self) -> dict[str, float]:
            X, y = self.data
            self.model.partial_fit(X[::2], y[::2], classes=[0, 1, 2])
            return {"accuracy": self.model.score(X[1::2], y[1::2])}

    space = hf.Space(
        {
            "alpha": hf.Float(1e-6, 1e1, log=True),
            "rate": hf.Categorical(["optimal", "constant"]),
            "eta0": hf.Float(1e-4, 1e1, log=True, default=0.1),
        }
    )
    searcher = Searcher(space, "accuracy", "max", seed=1)
    scheduler = ASHAScheduler(max_t=4, grace_period=1, reduction_factor=2)
    results = tuner_of(tmp_path, Model, searcher, 16, {}, metric="accuracy", mode="max", scheduler=scheduler, max_concurrent_trials=1).fit()
    assert results.num_errors == 0 and results[0].config["eta0"] == 0.1
    ends = [(result.metrics["training_iteration"], result.metrics["accuracy"]) for result in results]
    assert {iteration for iteration, _ in ends} >= {1, 4}
    complete: list[float] = []
    for (iteration, accuracy), learned in zip(ends, told(tmp_path), strict=True):
        assert learned == (accuracy if iteration == 4 or not complete else min(accuracy, sorted(complete, reverse=True)[len(complete) // 2]))
        complete += [accuracy] if iteration == 4 else []
    assert results.get_best_result().metrics["accuracy"] >= max(complete) > 0.9


def test_a_finite_space_ends_the_run(tmp_path: Path) -> None:
    results = tuner_of(tmp_path, lambda config: {"loss": config["n"]}, Searcher(seed=0), 20, {"n": tune.randint(0, 4)}).fit()
    assert sorted(result.config["n"] for result in results) == [0, 1, 2, 3]


def test_repeated_and_limited(tmp_path: Path) -> None:
    search_alg = ConcurrencyLimiter(Repeater(Searcher(seed=0), repeat=2), max_concurrent=2)
    results = tuner_of(tmp_path, lambda config: {"loss": loss(config) + config["__trial_index__"]}, search_alg, 6).fit()
    groups: dict[float, list[float]] = {}
    for result in results:
        groups.setdefault(result.config["x"], []).append(result.metrics["loss"])
    assert [len(group) for group in groups.values()] == [2, 2, 2]
    np.testing.assert_allclose(sorted(told(tmp_path)), sorted(np.mean(group) for group in groups.values()))


class Interrupt(tune.Callback):
    """Ends the run, as Ctrl-C does, after five trials; only once."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if sum(trial.status == "TERMINATED" for trial in trials) >= 5 and not self.marker.exists():
            self.marker.touch()
            signal.raise_signal(signal.SIGUSR1)


def test_an_interrupted_experiment_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    options: dict[str, Any] = {"callbacks": [Interrupt(tmp_path / "interrupted")], "max_concurrent_trials": 1}
    first = tuner_of(tmp_path, objective, Searcher(seed=3), 9, **options).fit()
    assert 5 <= len(first) < 9 and len(told(tmp_path)) == 5
    results = tune.Tuner.restore(str(tmp_path / "run"), objective).fit()
    expected = driven(9)
    assert sorted(result.config["x"] for result in results) == sorted(config["x"] for config in expected)
    assert told(tmp_path) == [loss(config) for config in expected]


@pytest.mark.parametrize("how", ["resume_errored", "restart_errored"])
def test_a_failed_trial_that_runs_again_is_learned_from(tmp_path: Path, how: str) -> None:
    """The first trial fails, the run is interrupted, and restored; without a ConcurrencyLimiter, which hides such trials from the searcher."""
    failed = tmp_path / "failed"

    def fails(config: dict[str, Any]) -> dict[str, float]:
        if config["x"] == 0.5 and not failed.exists():
            failed.touch()
            raise RuntimeError("out of memory")
        return {"loss": loss(config)}

    searcher = Searcher(seed=0, points_to_evaluate=[{"x": 0.5}])
    trainable = tune.with_resources(fails, {"cpu": 2})
    first = tuner_of(tmp_path, trainable, searcher, 9, callbacks=[Interrupt(tmp_path / "interrupted")]).fit()
    assert first.num_errors == 1 and len(first) < 9
    before = told(tmp_path)
    assert np.isnan(before).tolist() == [True] + [False] * 5
    results = tune.Tuner.restore(str(tmp_path / "run"), trainable, **{how: True}).fit()
    assert results.num_errors == 0 and len(results) == 9 == len({result.config["x"] for result in results})
    learned = told(tmp_path)
    np.testing.assert_equal(learned[:6], before)
    assert sorted(value for value in learned if not math.isnan(value)) == sorted(result.metrics["loss"] for result in results)


def test_trials_of_another_experiment(tmp_path: Path) -> None:
    results = tuner_of(tmp_path, objective, None, 4).fit()
    trials = tune.ExperimentAnalysis(results.experiment_path).trials
    for given, n in ((tune.ExperimentAnalysis(results.experiment_path), 4), (trials, 4), (trials[0], 1)):
        searcher = Searcher(SPACE, "loss", "min", seed=0)
        searcher.add_evaluated_trials(given, "loss")
        values = searcher._optimizer.history.values
        assert sorted(values) == sorted(result.metrics["loss"] for result in results)[:n] if n == 4 else values == [trials[0].last_result["loss"]]
        assert searcher.suggest("1")["x"] not in {trial.config["x"] for trial in trials}


def test_what_the_tuner_refuses(tmp_path: Path) -> None:
    for space, says in (({"n": tune.grid_search([1, 2])}, "grid_search is for Tune's own"), ({"n": 1}, "nothing to search")):
        with pytest.raises(ValueError, match=says):
            tuner_of(tmp_path, loss, Searcher(), 1, space).fit()
    with pytest.raises(ValueError, match="already"):
        tuner_of(tmp_path, loss, Searcher(SPACE, "loss", "min"), 1).fit()
