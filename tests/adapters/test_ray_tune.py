"""The contract of Ray Tune's Searcher, without a runtime; whole runs are in test_ray_tune_runs.py.

The cases are those of Ray's own tests of its searchers (python/ray/tune/tests/test_searchers.py), and what these leave open.
"""

from __future__ import annotations

import copy
import math
import os.path
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.search import ConcurrencyLimiter, Repeater
from ray.tune.search.variant_generator import parse_spec_vars
from ray.tune.utils import merge_dicts

import hpo_fast as hf
from hpo_fast.adapters.ray_tune import Searcher

FINISHED = Searcher.FINISHED
SPACE = {"x": tune.uniform(-1.0, 1.0), "n": tune.randint(0, 10), "act": tune.choice(["relu", "tanh"])}


def loss(config: dict[str, Any]) -> float:
    return (config["x"] - 0.3) ** 2 + 0.1 * abs(config["n"] - 7) + (config["act"] != "tanh")


def searcher_of(space: Any = SPACE, mode: str = "min", **options: Any) -> Searcher:
    return Searcher(space, "loss", mode, **{"seed": 0, "sampler": "tpe"} | options)


def drive(searcher: Any, n: int, first: int = 0) -> list[dict[str, Any]]:
    """The configurations of n trials, one after the other."""
    configs = []
    for i in range(first, first + n):
        configs.append(searcher.suggest(f"trial_{i}"))
        searcher.on_trial_complete(f"trial_{i}", {"loss": loss(configs[-1])})
    return configs


def told(searcher: Searcher) -> list[float]:
    """What was learned from, in order; NaN for failures."""
    return searcher._optimizer.history.values.tolist()


def report(searcher: Any, trial_id: str, iteration: int, value: float, end: bool = False) -> None:
    """A result, as Tune passes it on: the one on which a trial is stopped only when it is complete."""
    result = {"loss": value, "training_iteration": iteration}
    if end:
        searcher.on_trial_complete(trial_id, result)
    else:
        searcher.on_trial_result(trial_id, result)


# -- spaces -----------------------------------------------------------------------------------------------------------

NESTED = {
    "lr": tune.loguniform(1e-4, 1e-1),
    "data": [1, 2, 3],
    "opt": {"name": "sgd", "momentum": tune.uniform(0.0, 1.0), "deep": {"steps": tune.choice([[1], [2, 3], {"a": 4}])}},
    "fixed": {"k": 1},
    "layers": [8, tune.randint(1, 5), (tune.uniform(2, 3), "x")],
}


def check_nested(config: dict[str, Any]) -> None:
    assert set(config) == set(NESTED) and config["data"] == [1, 2, 3] and config["fixed"] == {"k": 1}
    assert set(config["opt"]) == {"name", "momentum", "deep"} and config["opt"]["name"] == "sgd" and 0 <= config["opt"]["momentum"] <= 1
    assert config["opt"]["deep"]["steps"] in ([1], [2, 3], {"a": 4})
    assert config["layers"][0] == 8 and config["layers"][1] in range(1, 5) and 2 <= config["layers"][2][0] <= 3 and config["layers"][2][1] == "x"


def test_nested_spaces_and_constants() -> None:
    before = repr(parse_spec_vars(NESTED)[0])
    alone, within = searcher_of(NESTED), Searcher(seed=0, sampler="tpe")
    assert within.set_search_properties("loss", "min", NESTED, num_samples=3, stop={}) is True
    for i in range(5):
        config, part = alone.suggest(str(i)), within.suggest(str(i))
        check_nested(config)
        assert set(part) == {"lr", "opt", "layers"} and set(part["opt"]) == {"momentum", "deep"}   # what Tune shows in its tables
        merged = merge_dicts(NESTED, part)   # what Tune makes of it
        assert merged == config
        config["data"].append(4)   # which is the trial's own
        config["opt"].clear()
    assert repr(parse_spec_vars(NESTED)[0]) == before and len(parse_spec_vars(NESTED)[1]) == 5
    check_nested(alone.suggest("last"))


def test_a_space_of_hpo_fast_with_conditions_and_functions() -> None:
    space = hf.Space(
        {
            "opt/name": hf.Categorical(["adam", "sgd"]),
            "opt/momentum": hf.Float(0.1, 0.9).when("opt/name", "sgd"),
            "width": hf.Int(1, 64, default=32),
        }
    )
    space = space.derive("opt/double", lambda p: 2 * p["width"]).require(lambda p: p["width"] != 7)
    searcher = searcher_of(space)
    configs = [searcher.suggest(str(i)) for i in range(60)]
    assert configs[0]["width"] == 32
    for config in configs:
        assert set(config) == {"opt", "width"} and config["width"] != 7 and config["opt"]["double"] == 2 * config["width"]
        assert ("momentum" in config["opt"]) == (config["opt"]["name"] == "sgd")
    searcher.add_evaluated_point(configs[0], 1.0)   # with its derived parameter
    assert told(searcher) == [1.0]
    with pytest.raises(ValueError, match="slashes"):
        Searcher(hf.Space({"a": hf.Int(0, 1), "a/b": hf.Int(0, 1)}))


@pytest.mark.parametrize(("space", "says"), [({"a": tune.sample_from(lambda: 1)}, "'a': sample_from"), ({"a": 1}, "space has nothing to search")])
def test_a_space_that_is_refused_changes_nothing(space: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Searcher(space)
    searcher = Searcher(metric="loss", mode="min")
    with pytest.raises(ValueError, match=says):
        searcher.set_search_properties(None, None, space)
    assert searcher.set_search_properties(None, None, SPACE) is True   # as if nothing had been


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"metric": ["a", "b"], "mode": ["min", "max"]}, ValueError, "models one objective"),
        ({"metric": "a", "mode": "maximize"}, ValueError, "mode='maximize' must be 'min' or 'max'"),
        ({"metric": 3}, TypeError, "metric=3"),
        ({"sampler": "nope"}, ValueError, "nope"),
        ({"seed": -1}, ValueError, "seed"),
        ({"threads": 0}, ValueError, "threads"),
        ({"points_to_evaluate": {"x": 1}}, TypeError, "points_to_evaluate=.*must be a list"),
        ({"points_to_evaluate": [{"x": 0}], "evaluated_rewards": [1, 2]}, ValueError, "1 points_to_evaluate but 2 evaluated_rewards"),
        ({"space": SPACE, "mode": "min", "points_to_evaluate": [{}, {"y": 0}]}, ValueError, r"points_to_evaluate\[1\]: parameter 'y' is not in the space"),
        ({"space": SPACE, "mode": "min", "points_to_evaluate": [{"x": 2.0}]}, ValueError, r"points_to_evaluate\[0\]: parameter 'x'.*outside"),
        ({"space": SPACE, "mode": "min", "points_to_evaluate": [{"act": "no"}]}, ValueError, r"points_to_evaluate\[0\]: parameter 'act'.*none of"),
        ({"space": SPACE, "mode": "min", "points_to_evaluate": [3]}, TypeError, r"points_to_evaluate\[0\]: a configuration is a dict"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Searcher(**arguments)


# -- metric, mode and space from the Tuner ----------------------------------------------------------------------------


def test_what_the_tuner_says_completes_what_the_searcher_knows() -> None:
    searcher = Searcher(metric="loss", seed=0)
    with pytest.raises(ValueError, match="mode is missing"):
        searcher.set_search_properties(None, None, SPACE)
    with pytest.raises(RuntimeError, match="space of the search is missing"):
        searcher.suggest("1")
    with pytest.raises(ValueError, match="one objective"):
        searcher.set_search_properties(["a", "b"], ["min", "max"], SPACE)
    assert searcher.set_search_properties(None, "max", SPACE) is True
    assert (searcher.metric, searcher.mode) == ("loss", "max")
    assert searcher.set_search_properties("loss", "max", SPACE) is False   # Tune says then that there are two spaces
    with_space = Searcher(SPACE, seed=0)
    with pytest.raises(RuntimeError, match="mode of the search is missing"):
        with_space.suggest("1")
    assert with_space.set_search_properties("m", "min", SPACE) is False
    assert with_space.set_search_properties("m", "min", {"constant": 1}) is True
    assert (with_space.metric, with_space.mode) == ("m", "min") and set(with_space.suggest("1")) == set(SPACE)


def test_the_anonymous_metric() -> None:
    searcher = Searcher(SPACE, mode="max")
    assert searcher.metric == "_metric"
    searcher.suggest("1")
    searcher.on_trial_complete("1", {"_metric": 3.0})
    assert told(searcher) == [3.0]


# -- suggestions and results ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
def test_suggestions_are_those_of_the_optimizer(mode: str, sampler: str) -> None:
    space = {"x": tune.uniform(-1.0, 1.0), "n": tune.randint(0, 10), "k": tune.choice([1, 2, 4])}
    same = hf.Space({"x": hf.Float(-1, 1), "n": hf.Int(0, 9), "k": hf.Ordinal([1, 2, 4])})
    searcher = searcher_of(space, mode, sampler=sampler)
    optimizer = hf.Optimizer(same, sampler, "minimize" if mode == "min" else "maximize", 0)
    for i in range(25):
        config, trial = searcher.suggest(str(i)), optimizer.ask()
        assert config == trial.params
        value = None if i % 7 == 3 else config["x"] * config["n"] - config["k"]
        if value is None:
            searcher.on_trial_complete(str(i), error=True)
        else:
            searcher.on_trial_complete(str(i), {"loss": value, "training_iteration": 1})
        optimizer.tell(trial, value)
    np.testing.assert_equal(told(searcher), optimizer.history.values)


def test_a_trial_under_way_gets_what_it_got_and_no_other_gets_the_same() -> None:
    searcher = searcher_of({"n": tune.randint(0, 4)})
    configs = [searcher.suggest(str(i)) for i in range(4)]
    assert sorted(config["n"] for config in configs) == [0, 1, 2, 3]
    assert [searcher.suggest(str(i)) for i in range(4)] == configs
    assert searcher.suggest("4") == FINISHED == searcher.suggest("4")
    searcher.on_trial_complete("2", error=True)   # which is no reason to try it again
    assert searcher.suggest("5") == FINISHED


def test_a_grid_is_walked_to_its_end() -> None:
    searcher = searcher_of({"a": tune.choice(["p", "q"]), "b": {"c": tune.choice([1, 2, 3])}}, sampler="grid")
    configs = []
    while (config := searcher.suggest(str(len(configs)))) != FINISHED:
        configs.append(config)
    assert configs == [{"a": a, "b": {"c": c}} for a in "pq" for c in (1, 2, 3)]


@pytest.mark.parametrize(
    "result",
    [{"loss": math.nan}, {"loss": math.inf}, {"loss": -math.inf}, {"loss": None}, {"other": 1.0}, {"loss": np.float32("nan"), "training_iteration": 1}],
)
def test_invalid_values_are_failures(result: dict[str, Any]) -> None:
    searcher = searcher_of()
    drive(searcher, 12)
    searcher.suggest("bad")
    searcher.on_trial_result("bad", result)
    searcher.on_trial_complete("bad", result)
    assert math.isnan(told(searcher)[-1]) and len(told(searcher)) == 13
    drive(searcher, 3, first=12)


def test_a_metric_that_is_no_number_is_an_error_of_its_trial() -> None:
    searcher = searcher_of()
    searcher.suggest("1")
    for call in (searcher.on_trial_result, searcher.on_trial_complete):
        with pytest.raises(TypeError, match="trial 1: metric 'loss': value='low' must be one real number"):
            call("1", {"loss": "low"})
    searcher.on_trial_complete("1", error=True)   # what Tune does then
    assert math.isnan(told(searcher)[0])


def test_an_error_is_a_failure_whatever_was_reported() -> None:
    searcher = searcher_of()
    for trial_id, result in (("1", None), ("2", {"loss": 0.0})):
        searcher.suggest(trial_id)
        report(searcher, trial_id, 1, -5.0)
        searcher.on_trial_complete(trial_id, result, error=True)
    assert np.isnan(told(searcher)).all()


@pytest.mark.parametrize("result", [None, {}])
def test_a_trial_that_never_reported_is_forgotten(result: Any) -> None:
    searcher = searcher_of({"n": tune.randint(0, 2)})
    first, second = searcher.suggest("1"), searcher.suggest("2")
    searcher.on_trial_complete("1", result)
    assert told(searcher) == []
    assert searcher.suggest("3") == first != second


def test_reports_after_the_end_and_of_unknown_trials_change_nothing() -> None:
    searcher = searcher_of()
    drive(searcher, 3)
    twin = copy.deepcopy(searcher)
    config = {f"config/{name}": value for name, value in twin.suggest("twin").items()}
    for trial_id in ("trial_0", "nobody"):
        searcher.on_trial_result(trial_id, {"loss": 1.0, "training_iteration": 9})
        searcher.on_trial_complete(trial_id, {"loss": 1.0, "training_iteration": 9})
        searcher.on_trial_complete(trial_id, error=True)
        searcher.on_trial_complete(trial_id)
    searcher.on_trial_complete("trial_0", {"loss": 1.0} | config)
    searcher.on_trial_complete("elsewhere", {"loss": 1.0, "config/x": 5.0, "config/n": 1, "config/act": "relu"})   # of another space
    assert len(told(searcher)) == 3 and searcher.suggest("next") == {key.removeprefix("config/"): value for key, value in config.items()}


def test_trials_that_were_started_elsewhere_are_learned_from_by_their_config() -> None:
    searcher = searcher_of(NESTED)
    first = searcher.suggest("1")
    searcher.on_trial_complete("1", error=True)
    result = {f"config/{name}": value for name, value in _flat(first).items()} | {"config/extra": 1, "loss": 2.5}
    searcher.on_trial_complete("1", result)   # resumed after its error
    searcher.on_trial_complete("1", result)
    searcher.on_trial_complete("again", {"config": first, "loss": 3.5})   # started anew
    np.testing.assert_equal(told(searcher), [math.nan, 2.5, 3.5])
    rows = searcher._optimizer.history.rows
    np.testing.assert_allclose(rows[1:], rows[[0, 0]], rtol=1e-14)


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    """As Tune flattens results: dicts, and not lists."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= {f"{key}/{k}": v for k, v in _flat(value).items()} if isinstance(value, dict) and key != "steps" else {key: value}
    return flat


# -- early stopping ---------------------------------------------------------------------------------------------------


def test_what_is_stopped_early_is_no_better_than_the_median() -> None:
    searcher = searcher_of()
    for i, final in enumerate([3.0, 1.0, 2.0]):   # complete: a function that returns, after results that go on
        searcher.suggest(str(i))
        report(searcher, str(i), 1, 0.5 + 0.1 * i)
        report(searcher, str(i), 2, final)
        report(searcher, str(i), 2, final, end=True)
    for trial_id, value in (("low", 0.6), ("high", 9.0)):
        searcher.suggest(trial_id)
        report(searcher, trial_id, 1, value, end=True)
    assert told(searcher) == [3.0, 1.0, 2.0, 2.0, 9.0]


def test_what_reaches_a_target_early_is_complete() -> None:
    searcher = searcher_of(mode="max")
    for i in range(3):
        searcher.suggest(str(i))
        report(searcher, str(i), 1, 0.5)
        report(searcher, str(i), 2, 0.6, end=True)   # the last iteration: nothing goes on from it
    searcher.suggest("target")
    report(searcher, "target", 1, 0.99, end=True)
    searcher.suggest("shorter")   # a function that returns by itself
    report(searcher, "shorter", 1, 0.4)
    report(searcher, "shorter", 1, 0.4, end=True)
    searcher.suggest("stopped")
    report(searcher, "stopped", 1, 0.45, end=True)
    assert told(searcher) == [0.6, 0.6, 0.6, 0.99, 0.4, 0.45]
    searcher.suggest("worst")
    report(searcher, "worst", 1, -1.0, end=True)
    assert told(searcher)[-1] == -1.0


def test_what_ends_while_paused_is_stopped_early_unless_it_is_as_long_as_any() -> None:
    searcher = searcher_of()
    iterations = {"a": [3.0, 2.0, 1.5], "b": [4.0, 3.5, 3.2], "c": [5.0, 4.5, 4.4], "early": [3.1], "late": [9.0], "best": [0.5], "nan": [math.nan]}
    for trial_id, values in iterations.items():
        searcher.suggest(trial_id)
        for iteration, value in enumerate(values, 1):
            report(searcher, trial_id, iteration, value)
    for trial_id in ("a", "b", "c", "early", "late", "best", "nan"):
        searcher.on_trial_complete(trial_id)
    # "early" would be better than the median; "best" went on when all others had worse values, so it was not stopped for its own.
    np.testing.assert_equal(told(searcher), [1.5, 3.2, 4.4, 3.2, 9.0, 0.5, math.nan])


# -- points -----------------------------------------------------------------------------------------------------------


def test_points_to_evaluate_come_first_and_are_completed() -> None:
    points = [{"x": 0.5, "n": 3, "act": "tanh"}, {"act": "relu"}, {"x": 0.5, "n": 3, "act": "tanh"}]
    searcher = searcher_of(points_to_evaluate=points)
    configs = drive(searcher, 4)
    assert configs[0] == points[0] and configs[1]["act"] == "relu" and set(configs[1]) == set(SPACE)
    assert points[0] not in configs[1:]
    nested = searcher_of(NESTED, points_to_evaluate=[{"lr": 0.01, "opt": {"momentum": 0.25, "deep": {"steps": [2, 3]}}}, {"opt/momentum": 0.75, "data": [1]}])
    first, second = nested.suggest("1"), nested.suggest("2")
    assert first["lr"] == 0.01 and first["opt"] == {"name": "sgd", "momentum": 0.25, "deep": {"steps": [2, 3]}}
    assert second["opt"]["momentum"] == 0.75 and second["data"] == [1, 2, 3]


def test_evaluated_rewards() -> None:
    points = [{"x": 0.5, "n": 3, "act": "tanh"}, {"x": 0.6, "n": 3, "act": "tanh"}]
    searcher = searcher_of(points_to_evaluate=points, evaluated_rewards=[1.0, math.nan])
    np.testing.assert_equal(told(searcher), [1.0, math.nan])
    assert searcher.suggest("1") not in points


def test_add_evaluated_point() -> None:
    with pytest.raises(RuntimeError, match="space of the search is missing"):
        Searcher(mode="min").add_evaluated_point({"x": 1.0}, 1.0)
    searcher, point = searcher_of(), {"x": 0.5, "n": 3, "act": "tanh", "constant": 1}
    searcher.add_evaluated_point(point, 1.0, intermediate_values=[0.8, 0.9])
    searcher.add_evaluated_point(point, 3.0)
    searcher.add_evaluated_point(point, 4.0, error=True)
    searcher.add_evaluated_point(point, 0.5, pruned=True)   # the median is 3
    searcher.add_evaluated_point(point, None, pruned=True, intermediate_values=[7.0, 8.0])
    searcher.add_evaluated_point(point, None)
    np.testing.assert_equal(told(searcher), [1.0, 3.0, math.nan, 3.0, 8.0, math.nan])
    for bad, says in (({"x": 0.5}, "'n' is missing"), (point | {"x": 7.0}, "'x'.*outside"), (point | {"act": "no"}, "'act'.*none of")):
        with pytest.raises(ValueError, match=says):
            searcher.add_evaluated_point(bad, 1.0)
    with pytest.raises(TypeError, match="real number"):
        searcher.add_evaluated_point(point, "1")
    assert len(told(searcher)) == 6 and searcher._complete == [1.0, 3.0]
    assert searcher.suggest("1") != {name: point[name] for name in SPACE}


# -- saving -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["auto", "tpe"])
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: ConcurrencyLimiter(s, 4)], ids=["alone", "limited"])
def test_saved_and_restored_with_trials_under_way(tmp_path: Path, sampler: str, wrap: Any) -> None:
    """The same suggestions as without the interruption."""
    path = tmp_path / "searcher.pkl"

    def half(searcher: Any) -> None:
        drive(searcher, 12)
        for trial_id in ("1", "2", "not_completed"):
            searcher.suggest(trial_id)
        report(searcher, "1", 1, 1.0)
        report(searcher, "2", 1, 3.0)
        report(searcher, "1", 1, 1.0, end=True)

    def rest(searcher: Any) -> list[Any]:
        report(searcher, "2", 1, 3.0, end=True)
        return [searcher.searcher.suggest("not_completed") if hasattr(searcher, "searcher") else searcher.suggest("not_completed"), *drive(searcher, 12, 12)]

    searcher = wrap(Searcher(seed=0, sampler=sampler))
    searcher.set_search_properties("loss", "min", SPACE)
    half(searcher)
    searcher.save(str(path))
    state = searcher.get_state()
    twin = copy.deepcopy(searcher)
    expected = rest(searcher)
    fresh = wrap(Searcher(seed=5))   # needs no other call than this
    fresh.restore(str(path))
    if hasattr(fresh, "searcher"):
        fresh.set_state(state)
    inner = getattr(fresh, "searcher", fresh)
    assert inner.metric == "loss" and inner.mode == "min" and set(inner._under_way) == {"2", "not_completed"}
    assert rest(fresh) == rest(twin) == expected
    np.testing.assert_array_equal(told(inner), told(getattr(searcher, "searcher", searcher)))


def test_restored_in_another_process(tmp_path: Path) -> None:
    """Also with choices whose repr is an address, and a space with functions."""
    path = tmp_path / "searcher.pkl"
    expected = []
    spaces = [{"f": tune.choice([os.path.join, os.path.split]), "x": tune.uniform(0, 1)}, hf.Space({"x": hf.Float(0, 1)}).require(lambda p: p.x < 0.5)]
    for i, space in enumerate(spaces):
        searcher = searcher_of(space)
        searcher.suggest("0")
        searcher.on_trial_complete("0", {"loss": 1.0})
        searcher.save(path.with_suffix(f".{i}"))
        expected.append(str(searcher.suggest("1")["x"]))
    code = f"""
from hpo_fast.adapters.ray_tune import Searcher
for i in range(2):
    searcher = Searcher()
    searcher.restore({str(path)!r}[:-3] + str(i))
    print(searcher.suggest("1")["x"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == expected, done.stderr


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "searcher.pkl"
    searcher = searcher_of()
    for data in (b"", b"nonsense"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"searcher.pkl is not what save\(\) wrote"):
            searcher.restore(path)
    with pytest.raises(ValueError, match="not that of a Searcher"):
        searcher.set_state({"seed": 1})
    assert searcher.suggest("1") == searcher_of().suggest("1")


# -- wrappers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [False, True])
def test_concurrency_limiter(batch: bool) -> None:
    inner = searcher_of()
    limited = ConcurrencyLimiter(inner, 2, batch=batch)
    assert inner.set_max_concurrency(2) is False   # the limiter counts
    configs = [limited.suggest(trial_id) for trial_id in "ab"]
    assert None not in configs and limited.suggest("c") is None
    limited.on_trial_complete("a", {"loss": 1.0})
    assert told(inner) == ([] if batch else [1.0])
    assert (limited.suggest("c") is None) == batch
    limited.on_trial_complete("b", {"loss": 2.0})
    assert told(inner) == [1.0, 2.0]
    few = ConcurrencyLimiter(searcher_of({"n": tune.randint(0, 2)}), 3)
    assert [few.suggest(trial_id) != FINISHED for trial_id in "abc"] == [True, True, False]


def test_repeater() -> None:
    inner = searcher_of()
    repeater = Repeater(inner, repeat=3)
    configs = [repeater.suggest(str(i)) for i in range(6)]
    assert [config.pop("__trial_index__") for config in configs] == [0, 1, 2, 0, 1, 2]
    assert configs[0] == configs[1] == configs[2] != configs[3] == configs[4] == configs[5]
    for i, value in enumerate([1.0, 2.0, math.nan, 5.0, 5.0, 5.0]):
        repeater.on_trial_result(str(i), {"loss": value, "training_iteration": 1})
        repeater.on_trial_complete(str(i), {"loss": value, "training_iteration": 1})
    assert told(inner) == [1.5, 5.0]


def test_it_searches() -> None:
    searcher = Searcher(SPACE, "loss", "min", seed=0)
    best = min(drive(searcher, 40), key=loss)
    assert loss(best) < 0.05


def test_a_choice_may_be_a_dict_in_results_of_others() -> None:
    searcher = Searcher({"d": tune.choice([{"a": 1}, {"a": 2, "b": {"c": 3}}]), "x": tune.uniform(0, 1)}, "l", "min", seed=0)
    searcher.on_trial_complete("other", {"l": 0.5, "config/d/a": 2, "config/d/b/c": 3, "config/x": 0.25})
    assert searcher._optimizer.best_params == {"d": 1, "x": 0.25}


def test_results_of_multiples_on_a_log_scale_are_learned_from() -> None:
    searcher = Searcher({"x": tune.qloguniform(0.1, 1, 0.1)}, "l", "min", seed=0)
    for k in range(1, 11):
        searcher.on_trial_complete(f"other{k}", {"l": k, "config/x": k * 0.1})
    assert len(searcher._optimizer.history) == 10


def test_intermediate_values_may_be_an_array() -> None:
    searcher = Searcher({"x": tune.uniform(0, 1)}, "l", "min", seed=0)
    searcher.add_evaluated_point({"x": 0.5}, None, pruned=True, intermediate_values=np.array([3.0, 2.0]))
    assert searcher._optimizer.best_value == 2.0
