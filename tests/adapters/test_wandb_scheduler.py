"""The Optuna engine of ``wandb sweep-scheduler`` with our sampler: W&B's own code asks and is told, without its server."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import optuna
import pytest
from wandb.errors import Error as WandbError
from wandb.sdk.sweeps.run_state import RunState
from wandb.sdk.sweeps.scheduler.optimizer import Run, RunConfig, RunWithMetrics, make_optimizer
from wandb.sdk.sweeps.sweep_info import SweepInfo

from hpo_fast.adapters import wandb
from hpo_fast.adapters.optuna import Sampler

SOURCE = textwrap.dedent((wandb.__doc__ or "").split("::\n\n", 1)[1].split("\n\nThe Optuna scheduler", 1)[0])   # as documented
SEARCH = """
def search(trial):
    params = {"opt": trial.suggest_categorical("opt", ["adam", "sgd"]), "lr": trial.suggest_float("lr", 1e-4, 1.0, log=True)}
    if params["opt"] == "sgd":
        params["momentum"] = trial.suggest_float("momentum", 0.0, 0.99)
    return params
"""
PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
    "n": {"min": 1, "max": 9},
    "opt": {"values": ["adam", "sgd"]},
    "epochs": {"value": 5},
}
DISTRIBUTIONS = {
    "lr": optuna.distributions.FloatDistribution(1e-4, 1.0, log=True),
    "n": optuna.distributions.IntDistribution(1, 9),
    "opt": optuna.distributions.CategoricalDistribution(["adam", "sgd"]),
    "epochs": optuna.distributions.CategoricalDistribution([5]),
}

pytestmark = pytest.mark.usefixtures("quiet_optuna")


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "search.py"
    path.write_text(SOURCE + SEARCH)
    return str(path)


def optimizer_of(source: str, goal: str = "minimize", **scheduler: str) -> Any:
    config: dict[str, Any] = {
        "method": "custom",
        "metric": {"name": "loss", "goal": goal},
        "scheduler": {"engine": "optuna", "source": source, "optimizer": "study"} | scheduler,
    }
    if "search_space" not in scheduler:
        config["parameters"] = PARAMETERS
    return make_optimizer(SweepInfo("s", "sweep", "entity", "project", config, "controller"))


def ended(config: dict[str, Any], value: float | None, state: RunState = RunState.FINISHED) -> RunWithMetrics:
    metrics = {} if value is None else {"loss": value}
    return RunWithMetrics(RunConfig.from_values(config), state, "run", metrics, [{"_step": 0} | metrics])


def loss(config: dict[str, Any]) -> float:
    return abs(config["lr"] - 0.1) + abs(config.get("n", 3) - 3) + (config["opt"] == "sgd") * (1 - config.get("momentum", 0))


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_suggestions_are_those_of_a_study(source: str, goal: str) -> None:
    sign = 1 if goal == "minimize" else -1
    ours, study = optimizer_of(source, goal), optuna.create_study(direction=goal, sampler=Sampler(seed=0))
    for _ in range(40):
        (suggestion,) = ours.ask_n_runs(1)
        trial, config = study.ask(DISTRIBUTIONS), suggestion.config.flat_dict()
        assert config == trial.params
        ours.tell_run(suggestion.run_id, ended(config, sign * loss(config)))
        study.tell(trial, sign * loss(config))
    assert sign * ours.study.best_value < 0.1


def test_runs_side_by_side_and_lost_ones(source: str) -> None:
    ours = optimizer_of(source)
    waiting: list[Any] = []
    configs: list[str] = []
    for k in range(40):
        waiting += ours.ask_n_runs(4 - len(waiting))
        suggestion = waiting.pop(k % len(waiting))
        config = suggestion.config.flat_dict()
        configs.append(str(config))
        if k % 5 == 4:
            ours.forget_run(suggestion.run_id)
        elif k % 5 == 3:
            ours.tell_run(suggestion.run_id, ended(config, None, RunState.CRASHED))
        else:
            ours.tell_run(suggestion.run_id, ended(config, loss(config), RunState.RUNNING))
            ours.prune_runs([suggestion.run_id], [ended(config, loss(config), RunState.RUNNING)])   # as Optuna's median rule says
            ours.tell_run(suggestion.run_id, ended(config, loss(config)))
    states = [trial.state.name for trial in ours.study.trials]
    assert len(set(configs)) == 40
    assert states.count("FAIL") == 16 and states.count("PRUNED") > 0 and states.count("RUNNING") == 3


def test_conditional_parameters_of_a_search_space(source: str) -> None:
    ours = optimizer_of(source, search_space="search")
    for _ in range(40):
        (suggestion,) = ours.ask_n_runs(1)
        config = suggestion.config.flat_dict()
        assert ("momentum" in config) == (config["opt"] == "sgd")
        ours.tell_run(suggestion.run_id, ended(config, loss(config)))
    assert ours.study.best_value < 0.05


@pytest.mark.parametrize("scheduler", [{}, {"search_space": "search"}])
def test_started_again_it_knows_the_runs_of_the_sweep(source: str, scheduler: dict[str, str]) -> None:
    first, again = optimizer_of(source, **scheduler), optimizer_of(source, **scheduler)
    for _ in range(15):
        (suggestion,) = first.ask_n_runs(1)
        config = suggestion.config.flat_dict()
        first.tell_run(suggestion.run_id, ended(config, loss(config)))
        again.tell_existing_finished_run(ended(config, loss(config)))
    (running,) = first.ask_n_runs(1)
    again.tell_existing_active_run(Run(running.config, RunState.RUNNING, "run"))
    assert [trial.params for trial in again.study.trials] == [trial.params for trial in first.study.trials]
    (one,), (other,) = first.ask_n_runs(1), again.ask_n_runs(1)
    assert one.config == other.config


def test_a_source_without_the_function_is_an_error_of_theirs(source: str) -> None:
    with pytest.raises(WandbError, match="has no attribute 'nothing'"):
        optimizer_of(source, optimizer="nothing")
