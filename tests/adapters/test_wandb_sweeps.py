"""The W&B adapter against W&B's own package ``sweeps`` 0.3.0, which needs NumPy < 2: run by .ci/run where it is installed."""

from __future__ import annotations

import doctest
import inspect
import math
import warnings
from typing import Any

import numpy as np
import pytest
import yaml

from hpo_fast.adapters.wandb import _observations, next_run, space_from_sweep
from tests.adapters.test_wandb import CASES, DOCUMENTED, GRIDS, NESTED, WRONG, sweep_of, walk

with warnings.catch_warnings():
    warnings.simplefilter("ignore")   # of pydantic
    import sweeps
    from sweeps import bayes_search, grid_search, random_search
    from sweeps.config.schema import dereferenced_sweep_config_jsonschema
    from sweeps.params import HyperParameter


def refusal(config: Any) -> str:
    """What W&B says of a configuration that it does not run, "" if it does."""
    try:
        if violations := sweeps.schema_violations_from_proposed_config(config):
            return "; ".join(violations)
        sweeps.next_run(config, [])
    except Warning:
        raise
    except Exception as error:
        return repr(error)
    return ""


@pytest.mark.parametrize("name", CASES)
def test_distributions(name: str) -> None:
    """Random suggestions have the quantiles of theirs, and their types."""
    given, _ = CASES[name]
    space = space_from_sweep(sweep_of(x=given)).space
    ours = np.array(space.columns(space.sample(4000, seed=0))["x"], dtype=float)
    u = np.linspace(0.02, 0.98, 25)
    theirs = np.asarray(HyperParameter("x", given).ppf(u), dtype=float)
    # q_uniform gives its ends, which are half as likely there, the mass of the others.
    atol = 0.03 * np.ptp(theirs) + given.get("q", 0) * 1.01 + (name == "int_uniform")
    np.testing.assert_allclose(np.quantile(ours, u[2:-2]), theirs[2:-2], atol=atol)


def test_every_distribution_of_the_schema_is_read() -> None:
    entries = [entry for entry in dereferenced_sweep_config_jsonschema["definitions"].values() if "distribution" in entry.get("properties", {})]
    known = {name for entry in entries for name in entry["properties"]["distribution"]["enum"]}
    read = {given.get("distribution", name) for name, (given, _) in CASES.items()} | {"categorical", "categorical_w_probabilities", "constant"}
    assert len(known) >= 17 and known <= read


def test_what_they_refuse_is_refused_and_nothing_else() -> None:
    for name, (given, _) in CASES.items():
        config = sweep_of(x={"distribution": name} | given if name in ("int_uniform", "uniform") else given)
        refused = refusal(config)
        assert not refused or "where min/max specify base-e exponents" in refused, name   # deprecated there, and still drawn from
    for config in (DOCUMENTED, yaml.safe_load(NESTED), DOCUMENTED | {"early_terminate": {"type": "hyperband", "max_iter": 27, "s": 2}}):
        assert not refusal(config) and space_from_sweep(config).space
    alone = ("'a'.*use a q of 1", "'a.b' is there twice")   # too many values to be encoded; names that say where they are nested
    for config, _, says in WRONG:
        assert bool(refusal(config)) != (says in alone), (config, refusal(config))


def test_grids_are_walked_in_their_order() -> None:
    configs = [sweep_of("grid", v1=v1, v2=v2) for v1, v2, _ in GRIDS] + [yaml.safe_load(NESTED)]
    configs.append(sweep_of("grid", b={"parameters": {"z": {"values": [1, 2]}, "a": {"value": "c"}}}, a={"values": [True, None, "x"]}, n={"min": 1, "max": 3}))
    for config in configs:
        runs: list[Any] = []
        while (run := sweeps.next_run(config, runs)) is not None:
            runs.append(run)
        assert walk(config) == [{key: entry["value"] for key, entry in run.config.items()} for run in runs]


def test_their_docstrings() -> None:
    """The examples that they publish there, with our function in place of theirs."""
    names = {
        "next_runs": lambda config, runs: [next_run(config, runs)],
        "grid_search_next_runs": lambda runs, config: [next_run(config, runs)],
        "random_search_next_runs": lambda config: [next_run(config, [])],
        "bayes_search_next_run": lambda runs, config: next_run(config, runs),
    }
    for function in (sweeps.next_runs, grid_search.grid_search_next_runs, random_search.random_search_next_runs, bayes_search.bayes_search_next_run):
        (found,) = doctest.DocTestFinder(recurse=False).find(function, globs=names)
        assert found.examples and "next_run" in inspect.getsource(function)
        runner = doctest.DocTestRunner()
        runner.run(found)
        assert runner.tries == len(found.examples) and not runner.failures


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("impute", ["worst", "best", "latest"])
@pytest.mark.parametrize("while_running", ["best", "false"])
def test_runs_are_worth_what_they_are_there(goal: str, impute: str, while_running: str) -> None:
    metric = {"name": "loss", "goal": goal, "impute": impute, "impute_while_running": while_running}
    config = sweep_of("bayes", x={"min": 0.0, "max": 1.0}) | {"metric": metric}
    rng = np.random.default_rng(0)
    states = ["finished", "running", "failed", "crashed", "killed", "pending", "preempted", "preempting"]
    runs = []
    for k in range(40):
        history = [{"loss": value} if value > 0.3 else {"loss": math.nan} if value > 0.2 else {} for value in rng.uniform(0.21, 1, size=3).round(3)]
        history[-1] = {"loss": rng.uniform(0.3, 1)}
        runs.append(sweeps.SweepRun(name=str(k), config={"x": {"value": k / 40 + 0.001}}, state=states[k % 8], history=history, summary_metrics=history[1]))
    values, pending = _observations(space_from_sweep(config), runs)
    _, told, current, y, _ = bayes_search._construct_gp_data(runs, config)
    np.testing.assert_allclose([run.config["x"]["value"] for run, waits in zip(runs, pending, strict=True) if waits], np.ravel(current))
    np.testing.assert_allclose([run.config["x"]["value"] for run, waits in zip(runs, pending, strict=True) if not waits], np.ravel(told))
    lost = np.isnan(values[~pending])
    sign = 1 if goal == "minimize" else -1
    np.testing.assert_allclose(sign * values[~pending][~lost], y[~lost])
    assert impute == "worst" or not lost.any()
    assert not lost.any() or (y[lost] == y.max()).all()   # their stand-in for what is bad


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")   # of their process
def test_one_sweep_by_turns() -> None:
    """Either engine goes on with the other's runs."""
    config = DOCUMENTED | {"method": "bayes"}
    runs: list[Any] = []
    for k in range(10):
        run = (next_run if k % 2 else sweeps.next_run)(config, runs)
        assert run is not None
        params = {key: entry["value"] for key, entry in run.config.items()}
        value = params["learning_rate"] * params["epochs"] + (params["optimizer"] == "sgd")
        runs.append(sweeps.SweepRun(config=run.config, state="finished", summary_metrics={"validation_loss": value}))
    assert len({str(run.config) for run in runs[1::2]}) == 5
