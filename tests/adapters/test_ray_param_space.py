"""Ray Tune's spaces as ours: against draws of Tune's own distributions, and there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray import tune

import hpo_fast as hf
from hpo_fast.adapters.ray_param_space import ParamSpace, is_searched

DISTRIBUTIONS = {
    "uniform": tune.uniform(-2.0, 3.0),
    "quniform": tune.quniform(0.3, 2.4, 0.3),
    "loguniform": tune.loguniform(1e-4, 1e-1),
    "qloguniform": tune.qloguniform(0.5, 40.0, 0.5),
    "randint": tune.randint(-3, 9),
    "qrandint": tune.qrandint(-9, 40, 5),
    "qrandint by 1": tune.qrandint(2, 9, 1),
    "lograndint": tune.lograndint(10, 500),
    "qlograndint": tune.qlograndint(10, 1000, 20),
    "qlograndint by 1": tune.qlograndint(10, 500, 1),
    "randn": tune.randn(3.0, 2.0),
    "qrandn": tune.qrandn(10.0, 3.0, 0.5),
    "choice": tune.choice([3, 1, 2]),
    "choice of numbers in order": tune.choice([8, 16, 64]),
    "choice with repetition": tune.choice([1, 1, 5, 1]),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions_are_those_of_tune(name: str) -> None:
    """Our random draws have the quantiles of Tune's, and are values that Tune allows, of its types."""
    domain = DISTRIBUTIONS[name]
    space = ParamSpace.of_dict("space", {"x": domain})
    ours = [space.config(params)["x"] for params in space.space.decode(space.space.sample(4000, seed=0))]
    theirs = domain.sample(size=4000, random_state=np.random.default_rng(0))
    assert all(domain.is_valid(value) for value in ours)
    assert {type(value) for value in ours} == {type(domain.sample())}
    levels = np.quantile(np.array(theirs, dtype=float), np.linspace(0.05, 0.95, 19))
    # The ends of a quantized range have half the mass of the others where Tune rounds its draws, integers in old versions only, but not here.
    tolerance = {"quniform": 0.08, "qrandint": 0.06, "qlograndint": 0.2}.get(name, 0.04)
    np.testing.assert_allclose([np.mean(np.array(ours) <= v) for v in levels + 1e-9], [np.mean(np.array(theirs) <= v) for v in levels + 1e-9], atol=tolerance)


def parameter_of(domain: Any) -> Any:
    return ParamSpace.of_dict("space", {"x": domain}).space["x"]


def test_ends_of_ranges() -> None:
    ends = {"randint": (-3, 8), "qrandint": (-5, 40), "qrandint by 1": (2, 8), "lograndint": (10, 499), "qlograndint by 1": (10, 499), "quniform": (0.3, 2.4)}
    for name, (low, high) in ends.items():
        parameter = parameter_of(DISTRIBUTIONS[name])
        assert (parameter.low, parameter.high) == (low, high), name
    assert parameter_of(DISTRIBUTIONS["qlograndint"]).choices == tuple(range(20, 1001, 20))


SPEC = {
    "lr": tune.loguniform(1e-4, 1e-1),
    "act": tune.choice(["relu", None, [1, 2]]),
    "deep": {"k": 3, "n": tune.qrandint(2, 20, 2)},
    "list": [8, (tune.uniform(2, 3), "x")],
    "data": [1, 2],
}


@pytest.mark.parametrize("constants", [True, False])
def test_configurations_there_and_back(constants: bool) -> None:
    space = ParamSpace.of_dict("space", SPEC, constants)
    assert space.space.names == ["lr", "act", "deep/n", "list/1/0"]
    for params in space.space.decode(space.space.sample(20, seed=0)):
        config = space.config(params)
        assert space.params(config, strict=True) == params
        assert set(config) == (set(SPEC) if constants else {"lr", "act", "deep", "list"})
        assert set(config["deep"]) == ({"k", "n"} if constants else {"n"})
        assert config["act"] in ("relu", None, [1, 2]) and config["list"][0] == 8 and config["list"][1][1] == "x"
        assert space.params({"deep/n": config["deep"]["n"], "else": 1}) == {"deep/n": params["deep/n"]}
    with pytest.raises(ValueError, match="'else' is not in the space; there are lr, act, deep/n, list/1/0"):
        space.params({"else": 1}, strict=True)
    with pytest.raises(TypeError, match="a configuration is a dict of values by name, got int: 3"):
        space.params(3)   # type: ignore[arg-type]


def test_a_space_of_ours_is_nested_by_its_slashes() -> None:
    ours = hf.Space({"opt/lr": hf.Float(0, 1), "n": hf.Int(0, 3)}).derive("opt/twice", lambda p: 2 * p["n"])
    space = ParamSpace.of_space(ours)
    params = {"opt/lr": 0.5, "n": 3, "opt/twice": 6}
    assert space.config(params) == {"opt": {"lr": 0.5, "twice": 6}, "n": 3}
    assert space.params(space.config(params), strict=True) == {"opt/lr": 0.5, "n": 3}
    with pytest.raises(ValueError, match="slashes"):
        ParamSpace.of_space(hf.Space({"a": hf.Int(0, 1), "a/b": hf.Int(0, 1)}))


def test_what_is_searched() -> None:
    assert is_searched({"a": {"b": [1, tune.uniform(0, 1)]}}) and is_searched({"a": tune.grid_search([1])})
    assert not is_searched({"a": {"b": [1, 2]}, "c": None})


@pytest.mark.parametrize(
    ("space", "error", "says"),
    [
        ({"a": {"b": tune.grid_search([1, 2])}}, ValueError, "'a/b': grid_search.*sampler='grid'"),
        ({"a": tune.sample_from(lambda: 1)}, ValueError, "'a': sample_from has no equivalent"),
        ({"a": {"eval": "1 + 1"}}, ValueError, "'a': sample_from has no equivalent"),
        ({"a": tune.choice([{"b": tune.uniform(0, 1)}, 2])}, ValueError, "'a': ranges within a choice.*when"),
        ({"a": tune.choice([])}, ValueError, "'a'.*choices is empty"),
        ({"a": tune.uniform(1, 0)}, ValueError, "'a'.*low=1.0 is above high=0.0"),
        ({"a": tune.randint(3, 3)}, ValueError, "'a'.*low=3 is above high=2"),
        ({"a": tune.qrandint(6, 9, 5)}, ValueError, "'a'.*no multiple of q=5 between 6 and 9"),
        ({"a": tune.qrandint(6, 9, 0)}, ValueError, "'a'.*q=0 must be positive"),
        ({"a": tune.qlograndint(1, 10**9, 2)}, ValueError, "'a'.*more than 10000"),
        ({"a": {"b": tune.uniform(0, 1)}, "a/b": tune.uniform(0, 1)}, ValueError, "'a/b' is there twice"),
        ({"a": 1}, ValueError, "param_space has nothing to search"),
        ({}, ValueError, "param_space has nothing to search"),
        ([1], TypeError, "param_space must be a Space or a dict"),
    ],
)
def test_errors_name_the_parameter(space: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ParamSpace.of_dict("param_space", space)


def test_parameters_of_ours_among_those_of_tune_are_refused() -> None:
    with pytest.raises(TypeError, match=r"parameter 'a/x': Float\(.* is one of hpo_fast among Tune's"):
        ParamSpace.of_dict("space", {"a": {"x": hf.Float(0, 1)}, "y": tune.uniform(0, 1)})


@pytest.mark.parametrize("names", [("o", "o/lr"), ("o/lr", "o"), ("b", "a/b/c", "a/b")])
def test_names_that_cannot_be_nested(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be nested by their slashes"):
        ParamSpace.of_space(hf.Space({name: hf.Float(0, 1) for name in names}))
