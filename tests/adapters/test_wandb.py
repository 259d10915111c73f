"""The W&B adapter, by the documented schema and by what the tests of W&B's package ``sweeps`` 0.3.0 say of it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import hpo_fast as hf
from hpo_fast.adapters.wandb import SweepRun, next_run, space_from_sweep

NESTED = """
program: train-nested-cli.py
method: grid
metric:
  name: loss
  goal: minimize
parameters:
  batch_size:
    values: [32, 64]
  optimizer:
    parameters:
      lr:
        values: [0.001, 0.0001]
      nadam:
        parameters:
          beta:
            values: [0.9, 0.95]
"""
DOCUMENTED = {
    "program": "train.py",
    "name": "sweepdemo",
    "method": "bayes",
    "metric": {"goal": "minimize", "name": "validation_loss"},
    "parameters": {
        "learning_rate": {"min": 0.0001, "max": 0.1},
        "batch_size": {"values": [16, 32, 64]},
        "epochs": {"values": [5, 10, 15]},
        "optimizer": {"values": ["adam", "sgd"]},
    },
}


def sweep_of(method: str = "random", **parameters: Any) -> dict[str, Any]:
    return {"method": method, "metric": {"name": "loss"}, "parameters": parameters}


def walk(config: Any, runs: list[Any] | None = None, n: int = 1000) -> list[Any]:
    """The configurations of all runs until the sweep ends, those given included."""
    runs = [] if runs is None else runs
    for _ in range(n):
        if (run := next_run(config, runs)) is None:
            break
        assert run.state == "pending"
        runs.append(run)
    return [{key: entry["value"] for key, entry in run.config.items()} for run in runs]


# -- the configuration ------------------------------------------------------------------------------------------------


def test_the_documented_example() -> None:
    space, sampler, direction, metric, *_ = space_from_sweep(DOCUMENTED)
    assert space == hf.Space(
        {
            "batch_size": hf.Ordinal([16, 32, 64]),
            "epochs": hf.Ordinal([5, 10, 15]),
            "learning_rate": hf.Float(0.0001, 0.1),
            "optimizer": hf.Categorical(["adam", "sgd"]),
        }
    )
    assert (sampler, direction, metric) == ("auto", "minimize", "validation_loss")


def test_yaml_as_text_and_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(NESTED)
    sweeps = [space_from_sweep(source) for source in (NESTED, path, str(path))]
    assert sweeps[0] == sweeps[1] == sweeps[2]
    assert sweeps[0].space.names == ["batch_size", "optimizer.lr", "optimizer.nadam.beta"]


def quantized(distribution: Any, q: float) -> Any:
    return lambda u: np.round(distribution.ppf(u) / q) * q


E = math.e
CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "int_uniform": ({"min": -3, "max": 20}, stats.randint(-3, 21).ppf),
    "uniform": ({"min": 1, "max": 3.5}, stats.uniform(1, 2.5).ppf),
    "uniform of integers": ({"distribution": "uniform", "min": 1, "max": 3}, stats.uniform(1, 2).ppf),
    "q_uniform": ({"distribution": "q_uniform", "min": 0, "max": 2.0, "q": 0.1}, None),
    "q_uniform between halves": ({"distribution": "q_uniform", "min": 0.5, "max": 10.5, "q": 1}, stats.randint(1, 11).ppf),
    "log_uniform": ({"distribution": "log_uniform", "min": -3, "max": 2}, stats.loguniform(E**-3, E**2).ppf),
    "log_uniform_values": ({"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1}, stats.loguniform(1e-4, 0.1).ppf),
    "inv_log_uniform": ({"distribution": "inv_log_uniform", "min": 0, "max": 3}, stats.loguniform(E**-3, 1).ppf),
    "inv_log_uniform_values": ({"distribution": "inv_log_uniform_values", "min": 2, "max": 30}, stats.loguniform(2, 30).ppf),
    "q_log_uniform": ({"distribution": "q_log_uniform", "min": 1, "max": 5, "q": 2}, quantized(stats.loguniform(E, E**5), 2)),
    "q_log_uniform_values": ({"distribution": "q_log_uniform_values", "min": 0.2, "max": 9.0, "q": 0.5}, quantized(stats.loguniform(0.2, 9), 0.5)),
    "normal": ({"distribution": "normal", "mu": 3, "sigma": 2}, stats.norm(3, 2).ppf),
    "standard normal": ({"distribution": "normal"}, stats.norm(0, 1).ppf),
    "q_normal": ({"distribution": "q_normal", "mu": 100, "sigma": 20, "q": 5}, quantized(stats.norm(100, 20), 5)),
    "log_normal": ({"distribution": "log_normal", "mu": 1, "sigma": 0.5}, stats.lognorm(s=0.5, scale=E).ppf),
    "q_log_normal": ({"distribution": "q_log_normal", "mu": 4, "sigma": 0.3, "q": 2}, quantized(stats.lognorm(s=0.3, scale=E**4), 2)),
    "beta": ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5).ppf),
    "q_beta": ({"distribution": "q_beta", "a": 2, "b": 2, "q": 0.01}, quantized(stats.beta(2, 2), 0.01)),
}


@pytest.mark.parametrize("name", CASES)
def test_distributions(name: str) -> None:
    """Random suggestions have the quantiles of what W&B's package draws."""
    given, ppf = CASES[name]
    space = space_from_sweep(sweep_of(x=given)).space
    drawn = np.array(space.columns(space.sample(4000, seed=0))["x"], dtype=float)
    if ppf is None:   # W&B gives the two ends half of the mass of the others
        assert sorted(set(drawn)) == [k / 10 for k in range(21)]
        return
    u = np.linspace(0.1, 0.9, 9)
    expected, deviation = np.asarray(ppf(u), dtype=float), np.ptp(np.asarray(ppf(u), dtype=float))
    np.testing.assert_allclose(np.quantile(drawn, u), expected, atol=0.05 * deviation + given.get("q", 0) * 1.01 + (name == "int_uniform"))
    if "q" in given:
        np.testing.assert_allclose(drawn / given["q"], np.round(drawn / given["q"]), atol=1e-9)


def test_quantized_values_have_the_type_of_q_and_few_digits() -> None:
    space = space_from_sweep(sweep_of(i={"distribution": "q_uniform", "min": 1, "max": 9, "q": 2}, f={"distribution": "q_normal", "q": 0.1})).space
    params = space.decode(space.sample(50, seed=0))
    assert all(type(p["i"]) is int and p["i"] % 2 == 0 for p in params)
    assert all(p["f"] == round(p["f"], 1) for p in params)
    assert space_from_sweep(sweep_of(x={"distribution": "q_log_uniform_values", "min": 1, "max": 10**6, "q": 1})).space["x"] == hf.Int(1, 10**6, log=True)
    assert space_from_sweep(sweep_of(x={"distribution": "q_uniform", "min": 0.5, "max": 10.5, "q": 1})).space["x"] == hf.Int(1, 10)


@pytest.mark.parametrize("key", ["categorical", "categorical_w_probabilities", None])
def test_probabilities(key: str | None) -> None:
    given = {"values": ["a", "b", "c"], "probabilities": [0.1, 0.7, 0.2]} | ({"distribution": key} if key else {})
    assert space_from_sweep(sweep_of(x=given)).space["x"] == hf.Categorical(["a", "b", "c"], prior=[0.1, 0.7, 0.2])


def test_what_surrounds_the_parameters() -> None:
    terminate = {"type": "hyperband", "max_iter": 10, "s": 2, "eta": 3}
    config = {**DOCUMENTED, "early_terminate": terminate, "run_cap": 7, "metric": {"name": "m", "goal": "maximize", "target": 0.9}}
    sweep = space_from_sweep(config)
    assert (sweep.early_terminate, sweep.run_cap, sweep.direction, sweep.metric, sweep.target) == (terminate, 7, "maximize", "m", 0.9)


WRONG = [
    ([], TypeError, "is a dict"),
    ({"parameters": {"a": {"value": 1}}}, ValueError, "method=None must be one of grid, random, bayes"),
    ({"method": "custom"}, ValueError, "hpo_fast.adapters.optuna.Sampler"),
    ({"method": "random"}, ValueError, "parameters=None must be a dict"),
    ({"method": "bayes", "parameters": {"a": {"value": 1}}}, ValueError, "metric=None must be a dict with the name"),
    (DOCUMENTED | {"metric": {"name": "m", "goal": "up"}}, ValueError, "goal='up' must be one of minimize, maximize"),
    (DOCUMENTED | {"early_terminate": {"type": "envelope"}}, ValueError, "hyperband"),
    (DOCUMENTED | {"early_terminate": {"type": "hyperband", "max_iter": 3}}, ValueError, "needs min_iter, or max_iter and s"),
    (DOCUMENTED | {"early_terminate": {"type": "hyperband", "min_iter": 3, "eat": 2}}, ValueError, "early_terminate has no key 'eat'"),
    (DOCUMENTED | {"early_termination": {"type": "hyperband"}}, ValueError, "a sweep has no key 'early_termination'"),
    (DOCUMENTED | {"metric": {"name": "m", "mode": "min"}}, ValueError, "metric has no key 'mode'"),
    (DOCUMENTED | {"metric": {"name": "m", "impute": "mean"}}, ValueError, "impute='mean' must be one of worst, best, latest"),
    (DOCUMENTED | {"metric": {"name": "m", "impute_while_running": True}}, ValueError, "impute_while_running=True must be one of"),
    (DOCUMENTED | {"metric": {"name": "m", "target": "low"}}, TypeError, "target='low' must be a finite number"),
    (DOCUMENTED | {"run_cap": 0}, ValueError, "run_cap=0 must be at least 1"),
    (sweep_of(a=3), TypeError, "'a'.*must be a dict such as"),
    (sweep_of(a={}), ValueError, "'a'.*says no value"),
    (sweep_of(a={"min": 1}), ValueError, "'a'.*says no value"),
    (sweep_of(a={"distribution": "cauchy"}), ValueError, "'a'.*distribution='cauchy' must be one of constant"),
    (sweep_of(a={"distribution": "uniform", "min": 1}), ValueError, "'a'.*needs max"),
    (sweep_of(a={"distribution": "normal", "mean": 1}), ValueError, "'a'.*knows no mean"),
    (sweep_of(a={"distribution": "log_uniform", "min": 1, "max": 1000}), ValueError, "'a'.*are exponents: give their logarithms"),
    (sweep_of(a={"distribution": "log_uniform_values", "min": "1e-4", "max": 1}), TypeError, "'a'.*needs a point"),
    (sweep_of(a={"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}), ValueError, "'a'.*q=0 must be positive"),
    (sweep_of(a={"distribution": "q_log_uniform_values", "min": 1, "max": 1e9, "q": 2}), ValueError, "'a'.*use a q of 1"),
    (sweep_of(a={"values": [1, 2], "probabilities": [1]}), ValueError, "'a'.*one for each of the 2 values"),
    (sweep_of(a={"parameters": {"b": {"values": []}}}), ValueError, "'a.b'.*choices is empty"),
    (sweep_of(**{"a": {"parameters": {"b": {"value": 1}}}, "a.b": {"value": 1}}), ValueError, "'a.b' is there twice"),
    (sweep_of("grid", a={"min": 0.0, "max": 1.0}), ValueError, "'a': method grid needs values"),
]


@pytest.mark.parametrize(("config", "error", "says"), WRONG)
def test_errors_name_the_key(config: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        space_from_sweep(config)


@pytest.mark.parametrize(("config", "error", "says"), [
    ({"method": "random", "parameters": {"a": {"value": 1}, 1: {"value": 1}}}, TypeError, "the sweep: the name 1 of a parameter must be a string.*quotes"),
    ({"method": "random", "parameters": {1: {"value": 1}}}, TypeError, "the name 1 of a parameter"),
    (sweep_of(a={"parameters": {True: {"value": 1}, "b": {"value": 1}}}), TypeError, "a: the name True of a parameter"),
    ("method: random\nparameters: {x: {value: 1}, on: {value: 2}}", TypeError, "the name True of a parameter"),
    (sweep_of(a={"min": 1, "max": 2, 3: 4, "step": 1}), ValueError, "'a'.*knows no 3, step"),
])
def test_names_are_strings(config: Any, error: type[Exception], says: str) -> None:
    """W&B's schema, that of JSON, has no others; YAML has."""
    with pytest.raises(error, match=says):
        space_from_sweep(config)


# -- the next run: grid, as published ---------------------------------------------------------------------------------


def test_grid_in_order_and_from_runs_in_progress() -> None:
    config = sweep_of("grid", v1={"values": [1, 2, 3]}, v2={"values": [4, 5]})
    every = [{"v1": a, "v2": b} for a, b in itertools.product([1, 2, 3], [4, 5])]
    assert walk(config) == every
    begun = walk(config, [SweepRun({"v1": {"value": 2}, "v2": {"value": 4}}), SweepRun({"v1": {"value": 1}, "v2": {"value": 5}})])
    assert begun == [every[2], every[1], every[0], *every[3:]]


GRIDS = [
    ({"values": ["", [9, 5]]}, {"values": [256, 512]}, [("", 256), ("", 512), ([9, 5], 256), ([9, 5], 512)]),
    ({"values": ["a", "b", "c", "a"]}, {"values": [1, 2, 3]}, list(itertools.product("abc", [1, 2, 3]))),
    ({"value": "a"}, {"value": "b"}, [("a", "b")]),
    ({"distribution": "int_uniform", "min": -52, "max": 10}, {"value": "test"}, [(v, "test") for v in range(-52, 11)]),
    (
        {"distribution": "q_uniform", "min": -9.211, "max": 23.23, "q": 2.341},
        {"value": "test"},
        [(v, "test") for v in np.arange(-9.211, 23.23, 2.341).tolist()],
    ),
    (
        {"values": ["a", "b"]},
        {"values": [{"a": "b"}, {"c": "d", "b": "g"}, {"e": {"f": "g"}}, {"a": "b"}, {"b": "g", "c": "d"}]},
        list(itertools.product("ab", [{"a": "b"}, {"c": "d", "b": "g"}, {"e": {"f": "g"}}])),
    ),
    ({"values": [None, 2, 3, "a", (2, 3), 3]}, {"values": ["a", "b"]}, list(itertools.product([None, 2, 3, "a", (2, 3)], "ab"))),
]


@pytest.mark.parametrize(("v1", "v2", "expected"), GRIDS)
def test_published_grids(v1: Any, v2: Any, expected: list[tuple[Any, Any]]) -> None:
    assert [(config["v1"], config["v2"]) for config in walk(sweep_of("grid", v1=v1, v2=v2))] == expected


@pytest.mark.parametrize(
    ("values", "run", "left"),
    [
        ([True, 1], True, 1),
        ([3000000, "next"], 3000000.0, "next"),
        ([math.nan, 1], math.nan, 1),
        ([[2, 3], (2, 3)], [2, 3], (2, 3)),
        ([{"a": 1, "b": 2}, {"a": 3, "b": 4}], {"b": 2, "a": 1}, {"a": 3, "b": 4}),
        ([{1, 2}, frozenset({1, 2})], {1, 2}, frozenset({1, 2})),
        ([{"id": "v0"}, {"id": "v1"}], {"id": "v0", "added": "by the run"}, {"id": "v1"}),
    ],
)
def test_published_matching_of_values(values: list[Any], run: Any, left: Any) -> None:
    suggestion = next_run(sweep_of("grid", v1={"values": values}), [SweepRun({"v1": {"value": run}})])
    assert suggestion is not None and suggestion.config == {"v1": {"value": left}} and suggestion.search_info is None


def test_nested_runs_with_what_wandb_adds() -> None:
    configs = walk(NESTED)
    assert configs[0] == {"batch_size": 32, "optimizer": {"lr": 0.001, "nadam": {"beta": 0.9}}}
    assert len(configs) == 8
    run = {"batch_size": {"desc": None, "value": 32}, "optimizer": {"desc": None, "value": configs[0]["optimizer"]}, "_wandb": {"value": {"t": 1}}}
    second = next_run(NESTED, [SimpleNamespace(name="x", config=run, state="finished", summary_metrics=None, history=[])])
    assert second is not None and second.config["optimizer"]["value"] == configs[1]["optimizer"]


# -- the next run: random and bayes -----------------------------------------------------------------------------------


def test_random_visits_a_finite_space_once() -> None:
    configs = walk(sweep_of("random", a={"values": [1, 2, 3]}, b={"min": 0, "max": 4}))
    assert len({tuple(sorted(c.items())) for c in configs}) == len(configs) == 15


def finished(run: SweepRun, loss: Any, state: str = "finished") -> SweepRun:
    return SweepRun(run.config, state, history=[{"loss": loss + 1}] if state == "finished" else [], summary_metrics={"loss": loss})


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_bayes_finds_the_optimum(goal: str) -> None:
    config = {"method": "bayes", "metric": {"name": "loss", "goal": goal}, "parameters": {"x": {"min": -5.0, "max": 5.0}}}
    sign, runs = (1 if goal == "minimize" else -1), list[SweepRun]()
    for _ in range(25):
        run = next_run(config, runs)
        assert run is not None
        value = sign * (run.config["x"]["value"] - 1) ** 2
        runs.append(SweepRun(run.config, "finished", summary_metrics={"loss": value}))
    assert min((r.config["x"]["value"] - 1) ** 2 for r in runs) < 1e-3


def test_bayes_is_suggest_on_the_encoded_runs() -> None:
    sweep = space_from_sweep(sweep_of("bayes", x={"min": 0.0, "max": 1.0}))
    rows = np.linspace(0, 1, 12)[:, None]
    runs = [SweepRun({"x": {"value": float(x)}}, "finished", history=[{"loss": x}, {"loss": (x - 0.3) ** 2}, {"loss": "?"}]) for x in rows[:8, 0]]
    runs += [SweepRun({"x": {"value": float(x)}}, state) for x, state in zip(rows[8:, 0], ["failed", "crashed", "running", "pending"], strict=True)]
    values = np.r_[np.minimum(rows[:8, 0], (rows[:8, 0] - 0.3) ** 2), np.nan, np.nan]
    run, again = next_run(sweep, runs, seed=3), next_run(sweep, runs, seed=3)
    assert run is not None and run == again
    expected = hf.suggest(sweep.space, rows[:10], values, rows[10:], seed=3)
    assert run.config["x"]["value"] == sweep.space.decode(expected)[0]["x"]   # decoded values are rounded


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("impute", ["worst", "best", "latest", None])
@pytest.mark.parametrize("while_running", ["best", "latest", "worst", "false", False, None])
def test_what_a_run_is_worth(goal: str, impute: str | None, while_running: Any) -> None:
    metric = {"name": "loss", "goal": goal, "impute": impute, "impute_while_running": while_running}
    config = sweep_of("bayes", x={"min": 0.0, "max": 1.0}) | {"metric": {key: value for key, value in metric.items() if value is not None}}
    sign = 1 if goal == "minimize" else -1
    x = {"x": {"value": 0.0}}
    runs = [SweepRun({"x": {"value": k / 20}}, "finished", {"loss": sign * k}) for k in range(1, 13)]
    logged = [{"loss": sign * 2.5}, {"loss": sign * 1.5}, {"loss": math.nan}, {"loss": sign * 3.5}, {"other": 0}]
    told = [run.summary_metrics["loss"] for run in runs]
    worth = {"best": sign * 1.5, "latest": sign * 3.5, "worst": math.nan, None: math.nan}[impute]
    for state in ("killed", "crashed", "failed"):
        runs.append(SweepRun({"x": {"value": 0.9}}, state, history=logged))
        told.append(worth)
    runs.append(SweepRun(x, "failed"))   # that never logged
    told.append(math.nan)
    waiting = [SweepRun({"x": {"value": 0.7}}, state, history=logged) for state in ("pending", "preempting", "preempted")]
    waiting.append(SweepRun({"x": {"value": 0.8}}, "running"))
    running = SweepRun({"x": {"value": 0.85}}, "running", history=logged)
    if while_running in ("best", "latest", "worst"):
        runs.append(running)
        told.append(sign * 1.5)
    else:
        waiting.append(running)
    sweep = space_from_sweep(config)
    rows = [[run.config["x"]["value"]] for run in (*runs, *waiting)]
    expected = hf.suggest(sweep.space, np.array(rows[: len(runs)]), np.array(told), np.array(rows[len(runs) :]), direction=goal)
    run = next_run(sweep, runs + waiting)
    assert run is not None and run.config["x"]["value"] == sweep.space.decode(expected)[0]["x"]   # decoded values are rounded


def test_the_ends_of_a_sweep() -> None:
    config = sweep_of("bayes", x={"min": 0.0, "max": 1.0})
    run = SweepRun({"x": {"value": 0.5}}, "finished", summary_metrics={"loss": 0.1})
    assert next_run(config | {"run_cap": 1}, [run]) is None
    assert next_run(config | {"run_cap": 2}, [run]) is not None
    assert next_run(config | {"metric": {"name": "loss", "target": 0.1}}, [run]) is None
    assert next_run(config | {"metric": {"name": "loss", "target": 0.01}}, [run]) is not None


def test_runs_of_another_sweep() -> None:
    config = sweep_of("random", x={"min": 0.0, "max": 1.0})
    with pytest.raises(ValueError, match="run 0 has no parameter 'x'"):
        next_run(config, [SweepRun({"y": {"value": 1}})])
    with pytest.raises(ValueError, match=r"run late: .*'x'.*outside"):
        next_run(config, [SweepRun({"x": {"value": 0.5}}), SweepRun({"x": {"value": 5}}, name="late")])
    with pytest.raises(ValueError, match=r"run 0: .*'x'.*\{'start': 0.1\}.*leave the run out"):
        next_run(config, [SweepRun({"x": {"value": {"start": 0.1}}})])
    with pytest.raises(ValueError, match=r"run 0: .*'x'.*\{'start': 0.1\} is none of the choices \[1, 2\]"):
        next_run(sweep_of("random", x={"values": [1, 2]}), [SweepRun({"x": {"value": {"start": 0.1}}})])
    with pytest.raises(ValueError, match=r"run 0: .*'x'.*\{'start': 0.1\} is none of the choices \['a', 'b'\]"):
        next_run(sweep_of("random", x={"values": ["a", "b"]}), [SweepRun({"x": {"value": {"start": 0.1}}})])
    with pytest.raises(ValueError, match="run 0 has no parameter 'x'"):
        next_run(config, [SweepRun(None)])   # type: ignore[arg-type]


def test_runs_that_logged_nothing() -> None:
    """What W&B has for nothing is None."""
    config = sweep_of("bayes", x={"min": 0.0, "max": 1.0})
    runs = [[SweepRun({"x": {"value": 0.5}}, state, *nothing) for state in ("finished", "failed", "running")] for nothing in ((), (None, None))]   # type: ignore[arg-type]
    assert next_run(config, runs[0]) == next_run(config, runs[1])


def test_multiples_on_a_log_scale_are_learned_from() -> None:
    sweep = {"method": "bayes", "metric": {"name": "l"}, "parameters": {"x": {"distribution": "q_log_uniform_values", "min": 0.1, "max": 1.0, "q": 0.1}}}
    runs = [SweepRun({"x": {"value": k * 0.1}}, state="finished", summary_metrics={"l": float(k)}) for k in range(1, 11)]
    assert next_run(sweep, runs[:9]).config["x"]["value"] == 1.0
