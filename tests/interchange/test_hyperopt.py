"""Spaces as hyperopt's, against what hyperopt itself samples and evaluates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hyperopt import STATUS_OK, Trials, fmin, hp, rand, space_eval, tpe
from hyperopt.pyll import scope
from hyperopt.pyll.stochastic import sample
from hypothesis import HealthCheck, given, settings
from strategies import enumerate_space, small_spaces

import hpo_fast as hf

# hyperopt 0.2.7 takes arrays of one number for numbers, which NumPy 2.4 refuses; 0.3 does not.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning:hyperopt.pyll"),
    pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array:DeprecationWarning:hyperopt"),
]

N = 1_000


def drawn(search: Any, n: int = N, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [sample(search, rng) for _ in range(n)]


DISTRIBUTIONS = {
    "uniform": (hp.uniform("x", -1, 2), hf.Float(-1.0, 2.0)),
    "quniform": (hp.quniform("x", 0.1, 0.9, 0.1), hf.Float(0.1, 0.9, step=0.1)),
    "quniform beside the grid": (hp.quniform("x", -5.5, 5.2, 2), hf.Int(-6, 6, step=2)),
    "quniform between halves": (hp.quniform("x", 0.5, 10.5, 1), hf.Int(1, 10)),
    "quniform between halves of fractions": (hp.quniform("x", 0.15, 0.75, 0.1), hf.Float(0.2, 0.7, step=0.1)),
    "uniformint": (hp.uniformint("x", 1, 9), hf.Int(1, 9)),
    "randint": (hp.randint("x", 5), hf.Int(0, 4)),
    "randint from": (hp.randint("x", 3, 9), hf.Int(3, 8)),
    "loguniform": (hp.loguniform("x", -5, 1), hf.Float(math.exp(-5), math.exp(1), log=True)),
    "qloguniform": (hp.qloguniform("x", 0, 5, 1), hf.Int(1, 148, log=True)),
    "qloguniform between halves": (hp.qloguniform("x", math.log(0.5), math.log(10.5), 1), hf.Int(1, 10, log=True)),
    "normal": (hp.normal("x", 2, 0.5), hf.Float(0.0, 4.0, prior=hf.Normal(2.0, 0.5))),
    "qnormal": (hp.qnormal("x", 2, 3, 0.5), hf.Float(-10.0, 14.0, step=0.5, prior=hf.Normal(2.0, 3.0))),
    "qnormal between halves": (hp.qnormal("x", 0.5, 1, 1), hf.Int(-3, 4, prior=hf.Normal(0.5, 1.0))),
    "qnormal of integers": (hp.qnormal("x", mu=2, sigma=10, q=1), hf.Int(-38, 42, prior=hf.Normal(2.0, 10.0))),
    "lognormal": (hp.lognormal("x", -1, 0.5), hf.Float(math.exp(-3), math.exp(1), log=True, prior=hf.LogNormal(math.exp(-1), 0.5))),
    "qlognormal": (hp.qlognormal("x", 3, 0.5, 1), hf.Int(3, 148, prior=hf.LogNormal(math.exp(3), 0.5))),
    "choice": (hp.choice("x", ["a", "b", "c"]), hf.Categorical(["a", "b", "c"])),
    "choice of an array": (hp.choice("x", np.arange(1, 4)), hf.Categorical([1, 2, 3])),
    "choice of all kinds": (hp.choice("x", [None, True, 2, 0.5, "a"]), hf.Categorical([None, True, 2, 0.5, "a"])),
    "choice of what is alike": (hp.choice("x", [1, True, 1.0]), hf.Categorical([0, 1, 2])),
    "choice of lists": (hp.choice("x", [[1], (2, 3), {"a": 4}]), hf.Categorical([0, 1, 2])),
    "choice of one": (hp.choice("x", ["a"]), hf.Categorical(["a"])),
    "pchoice": (hp.pchoice("x", [(0.2, "a"), (0.7, "b"), (0.1, 3)]), hf.Categorical(["a", "b", 3], prior=[0.2, 0.7, 0.1])),
}


POSITIONS = {"choice of what is alike": [1, True, 1.0], "choice of lists": [(1,), (2, 3), {"a": 4}]}   # hyperopt makes tuples of lists


@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_distributions(name: str) -> None:
    search, parameter = DISTRIBUTIONS[name]
    space = hf.Space.from_hyperopt({"x": search, "constant": 7})
    assert space == hf.Space({"x": parameter})
    theirs = drawn(search, 2 * N)
    if name in POSITIONS:
        theirs = [[str(option) for option in POSITIONS[name]].index(str(value)) for value in theirs]
    mine = space.sample(2 * N, seed=1)
    for params in space.decode(mine[:50]):
        found = space_eval({"x": search, "constant": 7}, space.to_hyperopt_point(params))
        assert found["constant"] == 7
        assert str(found["x"]) == str(POSITIONS[name][params["x"]]) if name in POSITIONS else found["x"] == pytest.approx(params["x"])
    samples = [np.sort(rows[:, 0]) for rows in (space.encode([{"x": value} for value in theirs]), mine)]
    if "uniform between" in name:
        assert set(samples[0].tolist()) == set(samples[1].tolist())
    if "q" in name or name == "uniformint":   # the first and the last multiple: what rounds to them there depends on the bounds
        ends = [rows[:, 0] for rows in (mine.min(keepdims=True), mine.max(keepdims=True))]
        samples = [rows[(rows > ends[0]) & (rows < ends[1])] for rows in samples]
    below = [np.searchsorted(rows, np.unique(np.concatenate(samples)), side="right") / len(rows) for rows in samples]
    assert np.abs(below[0] - below[1]).max() < 0.06   # Kolmogorov-Smirnov: exceeded once in 700 times by chance; the seeds are fixed


def nested() -> dict[str, Any]:
    """A tree as people write it: constants, lists, arithmetic, a label in two branches."""
    shared = hp.loguniform("c", -5, 5)
    return {
        "scale": 2 * hp.uniform("scale", 0, 1),
        "steps": [hp.choice("scaler", ["none", "robust"]), (hp.randint("seed", 100), "constant")],
        "model": hp.choice("model", [
            {"type": "bayes"},
            {"type": "svm", "C": shared, "kernel": hp.choice("kernel", ["linear", {"gamma": hp.lognormal("gamma", 0, 1)}])},
            {"type": "logistic", "C": shared, "penalty": hp.pchoice("penalty", [(0.3, "l1"), (0.7, "l2")])},
            {"type": "forest", "trees": scope.int(hp.qloguniform("trees", 1, 5, 1)), "depth": hp.choice("depth", [None, hp.uniformint("limit", 1, 8)])},
        ]),
    }  # fmt: skip


def flat(point: dict[str, Any]) -> dict[str, Any]:
    """A sample of `nested` as a configuration, by hand."""
    scaler, (seed, _) = point["steps"]
    model = point["model"]
    params = {"scale": point["scale"] / 2, "scaler": scaler, "seed": int(seed), "model": ["bayes", "svm", "logistic", "forest"].index(model["type"])}
    if "C" in model:
        params["c"] = model["C"]
    if "kernel" in model:
        params["kernel"] = int(model["kernel"] != "linear")
        if model["kernel"] != "linear":
            params["gamma"] = model["kernel"]["gamma"]
    if "penalty" in model:
        params["penalty"] = model["penalty"]
    if "trees" in model:
        params |= {"trees": model["trees"], "depth": int(model["depth"] is not None)}
        if model["depth"] is not None:
            params["limit"] = model["depth"]
    return params


def test_nested_choices() -> None:
    search = nested()
    space = hf.Space.from_hyperopt(search)
    conditions = {name: (p.condition.parent, p.condition.values) for name, p in space.parameters.items() if p.condition}
    assert conditions == {
        "c": ("model", (1, 2)), "kernel": ("model", (1,)), "gamma": ("kernel", (1,)), "penalty": ("model", (2,)), "trees": ("model", (3,)),
        "depth": ("model", (3,)), "limit": ("depth", (1,)),
    }  # fmt: skip
    inside = [flat(point) for point in drawn(search)]
    cut = [params for params in inside if not space["gamma"].low <= params.get("gamma", 1.0) <= space["gamma"].high]   # type: ignore[attr-defined]
    assert len(cut) <= 1   # beyond four standard deviations
    rows = space.encode([params for params in inside if params not in cut])
    assert {frozenset(params) for params in inside} == {frozenset(params) for params in space.decode(space.sample(N))}
    mine = space.decode(rows[:100]) + space.decode(space.sample(N))
    for params in mine:
        assert flat(space_eval(search, space.to_hyperopt_point(params))) == pytest.approx(params)


def test_points_are_what_hyperopt_tells() -> None:
    """The labels and positions of hyperopt's own trials."""
    search, trials = nested(), Trials()
    fmin(lambda point: {"loss": point["scale"], "status": STATUS_OK, "point": point}, search, rand.suggest, 100, trials=trials,
         rstate=np.random.default_rng(0), show_progressbar=False)  # fmt: skip
    space = hf.Space.from_hyperopt(search)
    for trial in trials.trials:
        told = {label: values[0] for label, values in trial["misc"]["vals"].items() if values}
        params = flat(trial["result"]["point"])
        assert space.to_hyperopt_point(params) == pytest.approx(told)
        space.encode([params])
    derived = space.derive("twice", lambda p: 2 * p.scale)
    params = derived.decode(derived.sample(1))[0]
    assert "twice" not in derived.to_hyperopt_point(params)


def test_search_spaces_of_any_form() -> None:
    assert hf.Space.from_hyperopt(hp.uniform("x", 0, 1)) == hf.Space({"x": hf.Float(0, 1)})
    assert hf.Space.from_hyperopt([hp.uniform("x", 0, 1), (1, {"y": hp.randint("y", 3)})]) == hf.Space({"x": hf.Float(0, 1), "y": hf.Int(0, 2)})
    twice = hp.choice("x", [hp.uniform("y", 0, 1), hp.uniform("z", 0, 1)])
    assert hf.Space.from_hyperopt({"a": twice, "b": twice + 1}) == hf.Space.from_hyperopt(twice)
    y = hp.uniform("y", 0, 1)
    everywhere = hp.choice("x", [{"y": y}, {"y": y, "z": hp.uniform("z", 0, 1)}])
    assert hf.Space.from_hyperopt(everywhere)["y"].condition is None


OTHER = hp.choice("other", [0, hp.uniform("z", 0, 1)])


@pytest.mark.parametrize(
    ("search", "error", "says"),
    [
        ({"a": 1}, ValueError, "no label"),
        ({"a": hp.uniform("x", 0, 1), "b": hp.uniform("x", 0, 1)}, ValueError, "parameter 'x': the label is there twice"),
        (hp.uniform("x", 0, hp.uniform("y", 1, 2)), ValueError, "parameter 'x': the argument high of its distribution depends on another label"),
        (scope.hyperopt_param("x", scope.randint_via_categorical([0.5, 0.5])), TypeError, "parameter 'x': the distribution randint_via_categorical"),
        (scope.switch(scope.randint(2), 1, 2), ValueError, "a switch in the search space must be over a position"),
        (scope.switch(scope.int(hp.randint("x", 2)), 1, 2), ValueError, "a switch in the search space must be over a position"),
        (scope.switch(scope.hyperopt_param("x", scope.randint(2)), 1, 2, 3), ValueError, "parameter 'x': its switch has 3 options"),
        (hp.loguniform("x", 0, 1000), ValueError, "parameter 'x': .*are exponents"),
        (hp.normal("x", 0, 0), ValueError, "parameter 'x': .*std.* must be positive"),
        (
            {"x": hp.choice("x", [0, {"y": hp.choice("y", [0, 1])}]), "a": hp.choice("a", [0, hp.choice("b", [1, OTHER])]), "c": hp.choice("c", [OTHER, 0])},
            ValueError,
            r"parameter 'other': its condition a\[1\] and b\[1\] or c\[0\] has no equivalent",
        ),
    ],
)
def test_what_has_no_equivalent_here(search: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        hf.Space.from_hyperopt(search)


def test_points_are_checked() -> None:
    space = hf.Space.from_hyperopt(nested())
    with pytest.raises(ValueError, match="parameter 'y' is not in the space; there are"):
        space.to_hyperopt_point({"y": 1})
    with pytest.raises(ValueError, match="parameter 'penalty': 'l3' is none of the choices"):
        space.to_hyperopt_point({"penalty": "l3"})


SPACE = hf.Space({
    "float": hf.Float(-1, 2),
    "log": hf.Float(1e-5, 1, log=True).when("choice", ["b", "c"]),
    "step": hf.Float(-0.1, 0.3, step=0.1),
    "int": hf.Int(-3, 9),
    "even": hf.Int(2, 8, step=2).when("order", [2, 4]),
    "whole": hf.Int(1, 1000, log=True).when("inner", None),
    "one": hf.Int(3, 3),
    "normal": hf.Float(-3, 5, prior=hf.Normal(1, 1)),
    "qnormal": hf.Int(-39, 41, prior=hf.Normal(1, 10)),
    "lognormal": hf.Float(math.exp(-4), math.exp(4), log=True, prior=hf.LogNormal(1, 1)),
    "qlognormal": hf.Float(0, 60, step=0.5, prior=hf.LogNormal(1, 1)),
    "choice": hf.Categorical(["a", "b", "c"], prior=[1, 2, 1]),
    "inner": hf.Categorical([None, (1, 2)]).when("choice", "b"),
    "order": hf.Ordinal([1, 2, 4]),
})  # fmt: skip


def alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Equal up to rounding."""
    return a.keys() == b.keys() and all(v == b[name] or (isinstance(v, float) and math.isclose(v, b[name])) for name, v in a.items())


def test_to_hyperopt() -> None:
    search = SPACE.to_hyperopt()
    for params in SPACE.decode(SPACE.sample(N)):
        found = space_eval(search, SPACE.to_hyperopt_point(params))
        assert list(found) == sorted(SPACE.names)
        active = {name: found[name] for name in SPACE.names if name in params}
        assert alike(active, params) and [type(v) for v in active.values()] == [type(v) for v in params.values()]
        assert all(found[name] is None for name in found.keys() - params.keys())
    outside = 0
    for found in drawn(search):
        active = {name: v for name, v in found.items() if v is not None or (name == "inner" and found["choice"] == "b")}
        try:
            SPACE.encode([active])
        except ValueError as error:
            assert "normal" in str(error) and "is outside" in str(error)
            outside += 1
    assert outside <= 3   # beyond four standard deviations


def test_round_trip() -> None:
    back = hf.Space.from_hyperopt(SPACE.to_hyperopt())
    for name, p in SPACE.parameters.items():
        if name == "one":
            assert name not in back
        elif name in ("order", "choice"):
            assert list(back[name].choices) == list(p.choices)   # type: ignore[attr-defined]
        elif name == "inner":
            assert back[name] == hf.Categorical([0, 1]).when("choice", "b")   # a tuple is none of the plain options
        elif name == "whole":
            assert back[name] == hf.Int(1, 1000, log=True).when("inner", 0)
        elif p.prior is None and not p.log:   # type: ignore[attr-defined]
            assert back[name] == p
        else:
            assert (back[name].low, back[name].high) == pytest.approx((p.low, p.high), rel=0.1)   # type: ignore[attr-defined]
            assert back[name].condition == p.condition
            assert vars(back[name].prior or hf.Normal(0, 1)) == pytest.approx(vars(p.prior or hf.Normal(0, 1)))
    assert back["choice"].prior == pytest.approx((0.25, 0.5, 0.25))


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=60)
@given(small_spaces())
def test_every_configuration_can_be_had(space: hf.Space) -> None:
    try:
        search = space.to_hyperopt()
    except ValueError as error:
        name = str(error).split("'")[1]
        condition = space[name].condition
        assert condition is not None and not isinstance(space[condition.parent], (hf.Categorical, hf.Ordinal))
        return
    for params in enumerate_space(space)[:30]:
        assert space_eval(search, space.to_hyperopt_point(params)) == pytest.approx({name: params.get(name) for name in space.names})


def test_fmin_searches_what_to_hyperopt_gives() -> None:
    def objective(params: dict[str, Any]) -> float:
        return abs(params["float"]) + (params["even"] or 9) + (0 if params["choice"] == "a" else abs(math.log(params["log"])))

    search, trials = SPACE.to_hyperopt(), Trials()
    best = fmin(objective, search, tpe.suggest, 60, trials=trials, rstate=np.random.default_rng(0), show_progressbar=False)
    params = {name: v for name, v in space_eval(search, best).items() if v is not None}
    assert objective({**dict.fromkeys(SPACE.names), **params}) == min(trials.losses())
    assert min(trials.losses()) < 4   # 9 without "even"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"n": hf.Int(0, 3), "x": hf.Float(0, 1).when("n", 1)}, "parameter 'x' depends on the number 'n'"),
        ({"x": hf.Int(1, 9, step=2)}, "parameter 'x': its values from 1 on are no multiples of step=2"),
        ({"x": hf.Float(0.05, 0.95, step=0.1)}, "parameter 'x': its values from 0.05 on are no multiples of step=0.1"),
        ({"x": hf.Float(0, 1, prior=hf.Normal(0.5, 0.2))}, r"parameter 'x': prior=.* only normal ones with room for 4 deviations"),
        ({"x": hf.Float(0, 1, prior=hf.Beta(2, 2))}, r"parameter 'x': prior=.* only normal ones with room for 4 deviations"),
    ],
)
def test_what_hyperopt_cannot_say(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hf.Space(parameters).to_hyperopt()
    with pytest.raises(ValueError, match="derived parameters and requirements cannot be given to hyperopt"):
        hf.Space({"x": hf.Float(0, 1)}).require(lambda p: p.x > 0).to_hyperopt()
