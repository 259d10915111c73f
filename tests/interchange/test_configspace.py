"""Spaces as ConfigSpace's, against what ConfigSpace itself samples and accepts."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import ConfigSpace as cs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import enumerate_space, key, small_spaces

import hpo_fast as hf

N = 1_000
FLOAT, INTEGER = cs.UniformFloatHyperparameter, cs.UniformIntegerHyperparameter


def space_of(*added: Any, seed: int = 0) -> cs.ConfigurationSpace:
    space = cs.ConfigurationSpace(seed=seed)
    for one in added:
        space.add(one)
    return space


def accepts(space: cs.ConfigurationSpace, params: dict) -> bool:
    """Whether ConfigSpace takes a configuration of ours; all it may say against one is that it is forbidden."""
    try:
        cs.Configuration(space, values=params)
    except cs.ForbiddenValueError:
        return False
    return True


def check_same_configurations(given: cs.ConfigurationSpace, space: hf.Space, n: int = 250) -> None:
    """Each one's samples are configurations of the other: names, values, what is active, what is forbidden."""
    accepted = [config for config in map(dict, given.sample_configuration(n)) if accepts(given, config)]
    assert len(accepted) == n or "<= 4" in str(given)   # the sampler of 1.2.2, and it only, takes a ForbiddenLessThanEqualsClause for >=
    for config in accepted:
        space.validate(config)
    for params in space.decode(space.sample(n, seed=1)):
        assert accepts(given, params), params
    everything = hf.Space(space.parameters)
    rows = everything.sample(n, seed=2)
    verdicts = [accepts(given, params) for params in everything.decode(rows)]
    assert space.feasible(rows).tolist() == verdicts
    assert [space.feasible(row[None])[0] for row in rows] == verdicts   # one at a time
    assert all(verdicts) == (not given.forbidden_clauses)


HYPERPARAMETERS = [
    (FLOAT("x", -1.5, 2), hf.Float(-1.5, 2.0, default=0.25)),
    (FLOAT("x", 1e-4, 1, log=True), hf.Float(1e-4, 1.0, log=True, default=0.01)),
    (FLOAT("x", 0, 1, default_value=0.3), hf.Float(0.0, 1.0, default=0.3)),
    (INTEGER("x", -3, 9), hf.Int(-3, 9, default=3)),
    (INTEGER("x", 1, 100, log=True, default_value=7), hf.Int(1, 100, log=True, default=7)),
    (cs.NormalFloatHyperparameter("x", 0.5, 2, -4, 9), hf.Float(-4.0, 9.0, default=0.5, prior=hf.Normal(0.5, 2.0))),
    (cs.NormalIntegerHyperparameter("x", 4, 2, 0, 9), hf.Int(0, 9, default=4, prior=hf.Normal(4.0, 2.0))),
    (cs.BetaFloatHyperparameter("x", 2, 3, 0, 6), hf.Float(0.0, 6.0, default=2.0, prior=hf.Beta(2.0, 3.0))),
    (cs.BetaFloatHyperparameter("x", 2, 3, 1e-3, 1, log=True), hf.Float(1e-3, 1.0, log=True, default=0.01, prior=hf.Beta(2.0, 3.0))),
    (cs.BetaIntegerHyperparameter("x", 3, 2, 1, 10), hf.Int(1, 10, default=7, prior=hf.Beta(3.0, 2.0))),
    (cs.CategoricalHyperparameter("x", ["a", "b", "c"]), hf.Categorical(["a", "b", "c"], default="a")),
    (cs.CategoricalHyperparameter("x", ["a", None], "a", weights=[1, 4]), hf.Categorical(["a", None], default="a", prior=[1, 4])),
    (cs.CategoricalHyperparameter("x", [True, False], False), hf.Categorical([True, False], default=False)),
    (cs.CategoricalHyperparameter("x", [(1, 2), (3, 4)]), hf.Categorical([(1, 2), (3, 4)], default=(1, 2))),
    (cs.OrdinalHyperparameter("x", [8, 16, 32], 16), hf.Ordinal([8, 16, 32], default=16)),
    (cs.OrdinalHyperparameter("x", ["low", "mid", "high"]), hf.Ordinal(["low", "mid", "high"], default="low")),
    (cs.Constant("x", 1.5), hf.Categorical([1.5], default=1.5)),
]


@pytest.mark.parametrize(("hyperparameter", "parameter"), HYPERPARAMETERS, ids=lambda p: type(p).__name__)
def test_hyperparameters(hyperparameter: Any, parameter: Any) -> None:
    given = space_of(hyperparameter)
    space = hf.Space.from_configspace(given)
    assert space == hf.Space({"x": parameter})
    check_same_configurations(given, space)
    assert dict(space.to_configspace()) == dict(given)


@pytest.mark.parametrize(
    "hyperparameter",
    [
        *(hyperparameter for hyperparameter, _ in HYPERPARAMETERS if not isinstance(hyperparameter.default_value, tuple)),
        cs.NormalFloatHyperparameter("x", 0.01, 2.5, 1e-3, 1, log=True),
        cs.NormalFloatHyperparameter("x", 5, 0.6, 1, 100, log=True),
        cs.NormalIntegerHyperparameter("x", 5, 0.6, 1, 100, log=True),
        cs.BetaIntegerHyperparameter("x", 3, 2, 1, 100, log=True),
    ],
    ids=lambda p: type(p).__name__,
)
def test_priors_say_what_configspace_samples(hyperparameter: Any) -> None:
    n = 4_000
    space = hf.Space.from_configspace(space_of(hyperparameter))
    theirs = space.encode([{"x": dict(config)["x"]} for config in space_of(hyperparameter, seed=3).sample_configuration(n)])[:, 0]
    mine = space.sample(n, seed=4)[:, 0]
    at = np.unique(np.concatenate([theirs, mine]))
    below = [np.searchsorted(np.sort(rows), at, side="right") / n for rows in (theirs, mine)]
    # Kolmogorov-Smirnov: 0.04 is exceeded once in 300 times by chance, and the seeds are fixed. The first and the last integer have other
    # masses there than here: how far a range reaches beyond its ends is a convention.
    assert np.abs(below[0] - below[1]).max() < (0.08 if isinstance(space["x"], hf.Int) else 0.04)


def test_normal_on_a_log_scale() -> None:
    """ConfigSpace takes log(lower + sigma) for the deviation of the logarithm."""
    given = space_of(cs.NormalFloatHyperparameter("x", 0.02, 1.5, 1e-3, 1, log=True))
    prior = hf.LogNormal(0.02, np.log(1.501))
    space = hf.Space.from_configspace(given)
    assert space == hf.Space({"x": hf.Float(1e-3, 1.0, log=True, default=0.02, prior=prior)})
    assert dict(space.to_configspace()) == dict(given)


def tree() -> dict[str, Any]:
    """Hyperparameters in three generations."""
    return {
        "model": cs.CategoricalHyperparameter("model", ["svm", "forest", "net", "none"]),
        "kernel": cs.CategoricalHyperparameter("kernel", ["linear", "rbf", "poly"]),
        "gamma": FLOAT("gamma", 1e-4, 1, log=True),
        "degree": INTEGER("degree", 1, 5),
        "coef": FLOAT("coef", -1, 1),
        "trees": INTEGER("trees", 1, 10),
        "depth": cs.OrdinalHyperparameter("depth", ["low", "mid", "high"]),
        "lr": FLOAT("lr", 1e-5, 1e-1, log=True),
        "seed": cs.Constant("seed", 7),
    }


def conditional() -> cs.ConfigurationSpace:
    t = tree()
    return space_of(
        list(t.values()),
        cs.EqualsCondition(t["kernel"], t["model"], "svm"),
        cs.InCondition(t["gamma"], t["kernel"], ["rbf", "poly"]),
        cs.AndConjunction(cs.EqualsCondition(t["degree"], t["model"], "svm"), cs.EqualsCondition(t["degree"], t["kernel"], "poly")),
        cs.OrConjunction(   # while degree exists and is above 2
            cs.AndConjunction(cs.GreaterThanCondition(t["coef"], t["degree"], 2), cs.EqualsCondition(t["coef"], t["kernel"], "poly")),
            cs.EqualsCondition(t["coef"], t["degree"], 3),
        ),
        cs.OrConjunction(cs.EqualsCondition(t["trees"], t["model"], "forest"), cs.EqualsCondition(t["trees"], t["model"], "net")),
        cs.LessThanCondition(t["depth"], t["trees"], 6),
        cs.AndConjunction(cs.NotEqualsCondition(t["lr"], t["model"], "svm"), cs.NotEqualsCondition(t["lr"], t["model"], "none")),
    )


def test_conditions() -> None:
    given = conditional()
    space = hf.Space.from_configspace(given)
    conditions = {name: (p.condition.parent, p.condition.values) for name, p in space.parameters.items() if p.condition}
    assert conditions == {
        "kernel": ("model", ("svm",)),
        "gamma": ("kernel", ("rbf", "poly")),
        "degree": ("kernel", ("poly",)),
        "coef": ("degree", (3, 4, 5)),
        "trees": ("model", ("forest", "net")),
        "depth": ("trees", (1, 2, 3, 4, 5)),
        "lr": ("model", ("forest", "net")),
    }
    assert space.names == list(given)
    check_same_configurations(given, space, N)
    back = space.to_configspace()
    assert dict(back) == dict(given)
    assert hf.Space.from_configspace(back) == space
    check_same_configurations(back, space, N)
    assert space.validate(dict(given.get_default_configuration())) == space.defaults   # a constant counts


def test_a_condition_that_always_holds() -> None:
    t = tree()
    given = space_of([t["model"], t["gamma"]], cs.InCondition(t["gamma"], t["model"], ["svm", "forest", "net", "none"]))
    assert hf.Space.from_configspace(given)["gamma"].condition is None


@pytest.mark.parametrize(
    ("child", "condition", "says"),
    [
        ("gamma", lambda t: cs.GreaterThanCondition(t["gamma"], t["lr"], 0.01), "gamma | lr > 0.01 is one on the continuous 'lr'"),
        ("gamma", lambda t: cs.NotEqualsCondition(t["gamma"], t["kernel"], "rbf"), "gamma | kernel != 'rbf' has no equivalent"),   # also without kernel
        (
            "gamma",
            lambda t: cs.AndConjunction(cs.EqualsCondition(t["gamma"], t["trees"], 1), cs.EqualsCondition(t["gamma"], t["depth"], "mid")),
            "(gamma | trees == 1 && gamma | depth == 'mid') has no equivalent: .when() says that one other parameter",
        ),
        (
            "gamma",
            lambda t: cs.AndConjunction(cs.EqualsCondition(t["gamma"], t["trees"], 1), cs.EqualsCondition(t["gamma"], t["trees"], 2)),
            "(gamma | trees == 1 && gamma | trees == 2) never holds",
        ),
        ("gamma", lambda t: cs.GreaterThanCondition(t["gamma"], t["big"], 5), "gamma | big > 5 lists the 1000001 values of 'big', more than 100000"),
    ],
)  # fmt: skip
def test_conditions_without_an_equivalent(child: str, condition: Any, says: str) -> None:
    t = {**tree(), "big": INTEGER("big", 0, 10**6)}
    given = space_of(list(t.values()), cs.EqualsCondition(t["kernel"], t["model"], "svm"), condition(t))
    with pytest.raises(ValueError) as error:
        hf.Space.from_configspace(given)
    assert str(error.value).startswith(f"parameter {child!r}: its condition {says}")


def forbidding() -> dict[str, Any]:
    t = tree()
    model, kernel, trees, depth, lr, coef = (t[name] for name in ("model", "kernel", "trees", "depth", "lr", "coef"))
    clauses = {
        "equals": cs.ForbiddenEqualsClause(model, "net"),
        "equals a number": cs.ForbiddenEqualsClause(trees, 3),
        "in": cs.ForbiddenInClause(kernel, ["rbf", "poly"]),
        "in numbers": cs.ForbiddenInClause(trees, [3, 4, 9]),
        "and": cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(kernel, "rbf"), cs.ForbiddenInClause(trees, [1, 2, 3, 4, 5])),
        "less": cs.ForbiddenLessThanRelation(trees, t["degree"]),
        "greater": cs.ForbiddenGreaterThanRelation(lr, coef),
        "equal": cs.ForbiddenEqualsRelation(trees, t["degree"]),
        "and with a relation": cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(depth, "low"), cs.ForbiddenLessThanRelation(trees, t["degree"])),
    }
    if version("ConfigSpace") not in ("1.2.0", "1.2.1"):   # one has them not, the other gets the numbers among them wrong
        clauses |= {
            "less equals": cs.ForbiddenLessThanEqualsRelation(trees, t["degree"]),
            "greater equals": cs.ForbiddenGreaterThanEqualsRelation(trees, t["degree"]),
            "less than": cs.ForbiddenLessThanClause(coef, 0.5),
            "less than equals": cs.ForbiddenLessThanEqualsClause(trees, 4),
            "greater than": cs.ForbiddenGreaterThanClause(trees, 8),
            "greater than equals": cs.ForbiddenGreaterThanEqualsClause(coef, 0.5),
            "an ordinal's order": cs.ForbiddenLessThanClause(depth, "high"),   # and "low" < "mid" by it alone
            "or": cs.ForbiddenAndConjunction(
                cs.ForbiddenEqualsClause(kernel, "rbf"),
                cs.ForbiddenOrConjunction(cs.ForbiddenEqualsClause(depth, "low"), cs.ForbiddenGreaterThanClause(trees, 4)),
            ),
        }
    return {name: (t, clause) for name, clause in clauses.items()}


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning:ConfigSpace.hyperparameters")   # 1.2.0, of inactive integers
@pytest.mark.parametrize("kind", list(forbidding()))
def test_forbidden_clauses(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    t, clause = forbidding()[kind]
    conditions = [
        cs.EqualsCondition(t["kernel"], t["model"], "svm"), cs.EqualsCondition(t["degree"], t["kernel"], "poly"),
        cs.InCondition(t["coef"], t["model"], ["svm", "net"]), cs.EqualsCondition(t["depth"], t["model"], "svm"),
    ]  # fmt: skip
    defaults = {"trees": 7, "model": "none", "coef": 0.0}   # ConfigSpace insists on a default that is not forbidden
    t = {name: replace_default(hyperparameter, defaults.get(name)) for name, hyperparameter in t.items()}
    given = space_of(list(t.values()), conditions, clause)
    space = hf.Space.from_configspace(given)
    assert len(space.requirements) == 1 and space.requirements[0].vectorized
    check_same_configurations(given, space, n=600)
    with pytest.raises(ValueError, match="violates requirement 1"):
        rows = hf.Space(space.parameters).sample(N)
        space.validate(space.decode(rows[~space.feasible(rows)][:1])[0])
    capsys.readouterr()   # ConfigSpace 1.2.2 prints while it checks "greater than equals"


def replace_default(hyperparameter: Any, default: Any) -> Any:
    if default is None:
        return hyperparameter
    if isinstance(hyperparameter, cs.CategoricalHyperparameter):
        return cs.CategoricalHyperparameter(hyperparameter.name, hyperparameter.choices, default)
    return type(hyperparameter)(hyperparameter.name, hyperparameter.lower, hyperparameter.upper, default)


@pytest.mark.parametrize("kind", ["and", "less", "in numbers"])
def test_requirements_are_plain_data(kind: str) -> None:
    """They are equal, picklable and independent of ConfigSpace, and a space without them takes them back."""
    t, clause = forbidding()[kind]
    given = space_of([replace_default(h, 7 if name == "trees" else None) for name, h in t.items()], clause)
    space = hf.Space.from_configspace(given)
    assert hf.Space.from_configspace(given) == space
    copy = pickle.loads(pickle.dumps(space))
    rows = hf.Space(space.parameters).sample(N)
    assert copy == space and (copy.feasible(rows) == space.feasible(rows)).all()
    assert 0 < space.feasible(rows).sum() < N
    data = json.loads(json.dumps(space.to_dict()))
    assert hf.Space.from_dict(data, requirements=[f.fn for f in space.requirements]) == space
    assert repr(space.requirements[0].fn) == str(clause)
    assert b"ConfigSpace" not in pickle.dumps(space)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(small_spaces())
def test_round_trip(space: hf.Space) -> None:
    """Every configuration, and no other: a step becomes an Ordinal, what has one value a constant."""
    given = space.to_configspace()
    configs = enumerate_space(space)
    for params in configs[:50]:
        assert accepts(given, params)
    back = hf.Space.from_configspace(given)
    assert {key(params) for params in enumerate_space(back)} == {key(params) for params in configs}
    for config in given.sample_configuration(5):
        space.validate(dict(config))


def test_what_becomes_what() -> None:
    space = hf.Space({
        "float": hf.Float(-1, 2, default=0.5),
        "log": hf.Float(1e-5, 1, log=True),
        "step": hf.Float(-0.1, 0.3, step=0.1, default=0.2),
        "int": hf.Int(0, 9),
        "whole": hf.Float(0, 3, step=1),
        "even": hf.Int(2, 8, step=2).when("int", range(5, 10)),
        "one": hf.Int(3, 3),
        "same": hf.Float(0.5, 0.5),
        "normal": hf.Float(0, 1, prior=hf.Normal(0.5, 0.1)),
        "lognormal": hf.Int(1, 99, log=True, prior=hf.LogNormal(20, 1.5)),
        "beta": hf.Int(0, 9, prior=hf.Beta(2, 3)),
        "choice": hf.Categorical(["a", "b"], prior={"a": 3}, default="b"),
    })  # fmt: skip
    made = space.to_configspace()
    back = hf.Space.from_configspace(made)
    defaults = {name: p.default for name, p in back.parameters.items()}
    same = [name for name in space.names if name not in ("step", "whole", "even", "one", "same")]
    for name in same:
        assert back[name] == replace(space[name], default=defaults[name])
    assert {name: defaults[name] for name in ("float", "step", "choice")} == {"float": 0.5, "step": 0.2, "choice": "b"}
    assert back["step"] == hf.Ordinal([-0.1, 0.0, 0.1, 0.2, 0.3], default=0.2)
    assert back["whole"] == hf.Ordinal([0.0, 1.0, 2.0, 3.0], default=0.0)
    assert back["even"] == hf.Ordinal([2, 4, 6, 8], default=2).when("int", [5, 6, 7, 8, 9])
    assert made["one"] == cs.Constant("one", 3) and made["same"] == cs.Constant("same", 0.5)
    check_same_configurations(made, space)


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        (hf.Int(0, 10**6, step=2), "parameter 'x': step=2 makes 500001 values, more than 1000"),
        (hf.Int(0, 10, step=2, prior=hf.Normal(5, 1)), "parameter 'x': prior=.* an OrdinalHyperparameter has no weights"),
        (hf.Ordinal([1, 2], prior=[1, 2]), "parameter 'x': prior=.* an OrdinalHyperparameter has no weights"),
        (hf.Float(0.1, 1, log=True, prior=hf.Normal(0.5, 1)), "parameter 'x': prior=.* no equivalent with log=True"),
        (hf.Float(0.1, 1, prior=hf.LogNormal(0.5, 1)), "parameter 'x': prior=.* no equivalent with log=False"),
        (hf.Float(5, 100, log=True, prior=hf.LogNormal(10, 1)), "parameter 'x': prior=.* and low=5.0: leave it out"),
        (hf.Float(0, 1, prior=hf.Beta(0.5, 1)), "parameter 'x': .*alpha and beta larger than"),
        (hf.Categorical([1, 1.0]), "parameter 'x': .* 2 times"),
        (hf.Float(1.26e-13, 1, log=True), "parameter 'x': ConfigSpace rounds its bound 1.26e-13 to 13 decimals"),
        (hf.Float(0, 1e-20), "parameter 'x': ConfigSpace rounds its bound 1e-20 to 13 decimals"),
        (hf.Float(1, 1e300, log=True), "parameter 'x': ConfigSpace rounds its bound 1e.300 to 13 decimals, and is off by inf"),
    ],
)
def test_what_configspace_cannot_say(parameter: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hf.Space({"x": parameter}).to_configspace()


def test_what_has_no_equivalent_here() -> None:
    with pytest.raises(TypeError, match="must be a ConfigurationSpace of ConfigSpace"):
        hf.Space.from_configspace({"x": (0, 1)})
    with pytest.raises(TypeError, match=r"parameter 'x': Categorical: choice \[1\] is not hashable"):
        hf.Space.from_configspace(space_of(cs.CategoricalHyperparameter("x", [[1], [2]])))
    space = hf.Space({"x": hf.Float(0, 1)})
    for other in (space.derive("y", lambda p: p.x), space.require(lambda p: p.x > 0)):
        with pytest.raises(ValueError, match="derived parameters and requirements cannot be given to ConfigSpace"):
            other.to_configspace()

    class Odd(cs.ForbiddenEqualsClause):
        pass

    hyperparameter = INTEGER("x", 0, 9)
    with pytest.raises(TypeError, match="the clause Forbidden: x == 1 is a Odd, which has no equivalent"):
        hf.Space.from_configspace(space_of(hyperparameter, Odd(hyperparameter, 1)))


def test_conditions_on_integers_on_a_log_scale() -> None:
    conditions = range(2, 101), range(1, 60), range(2, 60), 14, [14, 15, 17, 80]
    space = hf.Space({"n": hf.Int(1, 100, log=True)} | {f"x{i}": hf.Float(0, 1).when("n", values) for i, values in enumerate(conditions)})
    theirs = space.to_configspace()
    theirs.seed(1)
    for sample in theirs.sample_configuration(1000):
        space.validate(dict(sample))
    assert all(again.condition == space[name].condition for name, again in hf.Space.from_configspace(theirs).parameters.items())


def test_a_choice_that_is_nan_has_no_equivalent() -> None:
    with pytest.raises(ValueError, match="parameter 'c': ConfigSpace refuses configurations with NaN"):
        hf.Space({"c": hf.Categorical([1.0, float("nan")])}).to_configspace()
