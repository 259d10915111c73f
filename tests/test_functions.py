"""User functions in Python: of columns and of single configurations with one result, truth values, errors, vectorized=True."""

from __future__ import annotations

import copy
import functools
import json
import math
import pickle
import statistics

import numpy as np
import pytest
from conditional_space import CONFIGS, ROWS, space

import hpo_fast as hf
from hpo_fast.functions import Config, Function, same

pytestmark = pytest.mark.filterwarnings("ignore:Bitwise inversion '~' on bool is deprecated:DeprecationWarning")   # of the functions below, from Python 3.12 on

# The same function of the plain configuration, for an independent answer.
FUNCTIONS = {
    "vectorised": (lambda p: p.rank * p.batch <= 64, lambda c: c["rank"] * c["batch"] <= 64),
    "items": (lambda p: p["rank"] + p["batch"] < 20, lambda c: c["rank"] + c["batch"] < 20),
    "if": (lambda p: p.rank < 3 if p.batch == 8 else True, lambda c: c["rank"] < 3 if c["batch"] == 8 else True),
    "and": (lambda p: p.rank > 2 and p.batch > 8, lambda c: c["rank"] > 2 and c["batch"] > 8),
    "chain": (lambda p: 1 < p.rank < 5, lambda c: 1 < c["rank"] < 5),
    "math": (lambda p: math.sqrt(p.rank) < 2, lambda c: math.sqrt(c["rank"]) < 2),
    "string": (lambda p: p.name == "sgd", lambda c: c["name"] == "sgd"),
    "is None": (lambda p: p.name is None, lambda c: c["name"] is None),
    "is not None": (lambda p: p.name is not None, lambda c: c["name"] is not None),
    "in": (lambda p: p.name in ("adam", None), lambda c: c["name"] in ("adam", None)),
    "len": (lambda p: len(p.layers) <= 2, lambda c: len(c["layers"]) <= 2),
    "sum": (lambda p: sum(p.layers) > 4, lambda c: sum(c["layers"]) > 4),
    "index": (lambda p: p.layers[0] > 1, lambda c: c["layers"][0] > 1),
    "isinstance": (lambda p: isinstance(p.rank, int), lambda c: True),
    "constant": (lambda p: True, lambda c: True),
    "never": (lambda p: False, lambda c: False),
    "numpy": (lambda p: np.log(p.rank) < 1, lambda c: math.log(c["rank"]) < 1),
    "max": (lambda p: max(p.rank, 4) == 4, lambda c: max(c["rank"], 4) == 4),
    "active": (lambda p: ~p.active("momentum") | (p.momentum < 0.5), lambda c: "momentum" not in c or c["momentum"] < 0.5),
    "active not": (lambda p: not p.active("momentum") or p.momentum < 0.5, lambda c: "momentum" not in c or c["momentum"] < 0.5),
    "absent number": (lambda p: p.momentum < 0.5, lambda c: c.get("momentum", math.nan) < 0.5),
    "absent int": (lambda p: p.warmup >= 2, lambda c: c.get("warmup", math.nan) >= 2),
    "absent choice": (lambda p: p.mode == "x", lambda c: c.get("mode") == "x"),
    "truthy": (lambda p: p.rank - 1, lambda c: c["rank"] != 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [1, 2, 3, 300])
def test_requirements_of_every_style(name, n):
    fn, oracle = FUNCTIONS[name]
    expected = [bool(oracle(c)) for c in CONFIGS[:n]]
    got = space().require(fn).feasible(ROWS[:n])
    assert got.dtype == bool
    assert got.tolist() == expected


def negated(x):
    return ~x


@pytest.mark.parametrize(
    ("fn", "oracle"),
    [
        (lambda p: ~(p.rank < 3), lambda c: c["rank"] >= 3),
        (lambda p: ~(p.rank < 3) & ~(p.batch == 8), lambda c: c["rank"] >= 3 and c["batch"] != 8),
        (lambda p: ~(p.rank < 3) | (p.batch == 8), lambda c: c["rank"] >= 3 or c["batch"] == 8),
        (lambda p: ~(p.rank < 3) ^ (p.batch == 8), lambda c: (c["rank"] >= 3) != (c["batch"] == 8)),
        (lambda p: ~(p.rank < 3) if p.batch == 8 else p.rank >= 3, lambda c: c["rank"] >= 3),
        (lambda p: negated(p.rank < 3), lambda c: c["rank"] >= 3),
        (lambda p: p.big, lambda c: c["rank"] >= 3),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_tilde_is_not_for_one_configuration_as_for_many(fn, oracle, compiled):
    s = space().derive("big", lambda p: ~(p.rank < 3)).require(fn)
    if compiled:
        s.compile()
    expected = [bool(oracle(c)) for c in CONFIGS]
    assert 0 < sum(expected) < len(expected)
    assert s.feasible(ROWS).tolist() == expected
    assert [bool(s.feasible(ROWS[i : i + 1])) for i in range(40)] == expected[:40]


MANY = [
    {"bias": bias, "norm": norm, "x": x}
    for bias in (True, False) for norm in ("batch", "none") for x in (0.2, 0.7, 0.4, 0.9)
]   # fmt: skip


@pytest.mark.parametrize("fn", [
    lambda p: p.bias == ~(p.norm == "batch"),
    lambda p: (~(p.x < 0.5)) * 2 > 0,
    lambda p: ~(p.x < 0.5) < -1,
    lambda p: (~(p.x < 0.5) & (p.norm == "batch")) == 1,
    lambda p: ~(p.x < 0.5) | 2,
    lambda p: -~(p.x < 0.5) - 1,
    lambda p: ~(p.x < 0.5) if p.bias else 1,
    lambda p: ~(p.x < 0.5) ^ p.bias,
])
def test_a_tilde_of_a_truth_value_is_a_number_within_a_function(fn):
    plain = hf.Space({"bias": hf.Categorical([True, False]), "norm": hf.Categorical(["batch", "none"]), "x": hf.Float(0, 1)})
    values = [fn(Config(c, {})) for c in MANY]
    rows, s, derived = plain.encode(MANY), plain.require(fn), plain.derive("d", fn)
    expected = [bool(value) and value != -2 for value in values]
    assert [bool(s.feasible(row[None])) for row in rows] == expected
    for n in (2, 3, 5, 16):
        assert [bool(ok) for i in range(0, 16, n) for ok in s.feasible(rows[i : i + n])] == expected
        assert [value for i in range(0, 16, n) for value in derived.columns(rows[i : i + n])["d"].tolist()] == values
    assert [c["d"] for c in derived.decode(rows)] == values
    try:
        s.compile()
    except hf.FunctionError:
        return
    assert s.feasible(rows).tolist() == expected


def test_a_tilde_of_columns_is_asked_of_columns(monkeypatch):
    asked = []
    monkeypatch.setattr(Function, "one", lambda self, config: asked.append(config) or self._call(config))
    for fn, oracle in (
        (lambda p: ~(p.rank < 3) | (p.batch == 8), lambda c: c["rank"] >= 3 or c["batch"] == 8),
        (lambda p: ~p.active("momentum") | (p.momentum < 0.5), lambda c: "momentum" not in c or c["momentum"] < 0.5),
    ):
        asked.clear()
        assert space().require(fn).feasible(ROWS).tolist() == [oracle(c) for c in CONFIGS]
        assert len(asked) == 2   # at both ends


def test_a_number_is_no_inverse_though_a_function_calls_another():
    s = hf.Space({"n": hf.Int(0, 5)}).derive("m", lambda p: abs(p.n) - 3)
    for fn in (lambda p: abs(p.n) - 3, lambda p: min(p.n, 5) - 3, lambda p: p.m, lambda p: math.floor(p.n) - 3):
        q = s.require(fn)
        assert [c["n"] for c in hf.Grid(q)] == [0, 1, 2, 4, 5]
        assert [c["n"] for c in hf.Grid(q.compile())] == [0, 1, 2, 4, 5]
        assert hf.count(hf.Grid(s), fn) == 5


@pytest.mark.parametrize("low", [-3, -3.0])
@pytest.mark.parametrize("vectorized", [False, True])
def test_every_number_but_zero_is_true(low, vectorized):
    s = hf.Space({"n": hf.Int(low, 3) if isinstance(low, int) else hf.Float(low, 3, step=1)}).require(lambda p: p.n, vectorized=vectorized)
    expected = [-3, -2, -1, 1, 2, 3]
    assert [c["n"] for c in hf.Grid(s)] == expected
    assert [t["n"] for t in hf.Optimizer(s, "grid").ask(9)] == expected
    if not vectorized:
        s.compile()
        assert [c["n"] for c in hf.Grid(s)] == expected


@pytest.mark.parametrize("fn", [lambda p: 12 / p.n > 3, lambda p: 12 // p.n > 3, lambda p: 12 % p.n > 3, lambda p: divmod(7.5, p.n)[0] > 3])
def test_a_division_by_zero_is_an_error_wherever_its_row_is(fn):
    s = hf.Space({"n": hf.Int(0, 5)}).require(fn)
    rows = hf.Space({"n": hf.Int(0, 5)}).encode([{"n": n} for n in (1, 2, 0, 3, 4)])
    for order in ([0, 1, 2, 3, 4], [2, 0, 1, 3, 4], [0, 1, 3, 4, 2]):
        with pytest.raises(ValueError, match="ZeroDivisionError"):
            s.feasible(rows[order])
    assert s.feasible(rows[[0, 1, 3, 4]]).tolist() == [bool(fn(Config({"n": n}, {}))) for n in (1, 2, 3, 4)]


def test_configurations_pickle():
    config = Config({"a": 1}, {"a": True})
    assert pickle.loads(pickle.dumps(config)).a == copy.deepcopy(config)["a"] == 1


@pytest.mark.parametrize("name", ["_active", "_values", "_kept", "__kept", "of", "careful", "column", "fn", "active"])
def test_a_parameter_may_have_any_name(name):
    s = hf.Space({name: hf.Int(0, 3)})
    assert name == "active" or [c[name] for c in hf.Grid(s.require(lambda p: getattr(p, name) > 1))] == [2, 3]
    assert [c[name] for c in hf.Grid(s.require(lambda c: c[name] > 1, vectorized=True))] == [2, 3]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derived_parameters_of_every_style(name):
    fn, oracle = FUNCTIONS[name]
    derived = space().derive("out", fn)
    expected = [oracle(c) if name != "truthy" else c["rank"] - 1 for c in CONFIGS]
    assert [c["out"] for c in derived.decode(ROWS)] == expected
    assert derived.columns(ROWS)["out"].tolist() == expected
    assert derived.columns(ROWS[:1])["out"].tolist() == expected[:1]
    assert len(derived.columns(ROWS[:0])["out"]) == 0


def test_the_columns_are_used_as_columns():
    calls = []

    def fn(p):
        calls.append(p)
        return p.rank > 2

    space().require(fn).feasible(ROWS)
    assert len(calls) == 3   # of the columns, and at both ends


@pytest.mark.parametrize("n", [1, 50])
def test_errors_name_the_function(n):
    def fn(p):
        return p.rank // (p.batch - p.batch) if isinstance(p.rank, int) else math.floor(p.rank)

    with pytest.raises(ValueError, match="requirement 2: the function failed with ZeroDivisionError"):
        space().require(lambda p: True).require(fn).feasible(ROWS[:n])
    with pytest.raises(ValueError, match="derived parameter 'alpha': the function failed with ZeroDivisionError"):
        space().derive("alpha", fn).decode(ROWS[:n])
    with pytest.raises(ValueError, match="derived parameter 'alpha': the function failed with ZeroDivisionError"):
        space().derive("alpha", fn).columns(ROWS[:n])
    with pytest.raises(ValueError, match=r"requirement 1: .*AttributeError.*no parameter 'rnk'; there are rank, batch"):
        space().require(lambda p: p.rnk > 1).feasible(ROWS[:n])
    with pytest.raises(ValueError, match=r"requirement 1: .*no parameter 'rnk'"):
        space().require(lambda p: p["rnk"] > 1).feasible(ROWS[:n])
    with pytest.raises(ValueError, match=r"requirement 1: .*no parameter 'rnk'"):
        space().require(lambda p: p.active("rnk")).feasible(ROWS[:n])
    with pytest.raises(ValueError, match="derived parameter 'alpha'"):
        space().derive("alpha", fn).require(lambda p: p.alpha > 1).feasible(ROWS[:n])


ARITHMETIC = {
    "power": lambda p: 10**p.k < 10**6,
    "product": lambda p: p.k * p.z * 10**17 < 10**18,
    "square": lambda p: p.big**2 > p.z,
    "sum": lambda p: p.big + p.big >= p.z,
    "difference": lambda p: -p.big - p.big < p.k,
    "shift": lambda p: (1 << p.k * 3) % 5 == 3,
    "after a comparison": lambda p: np.where(p.z > 5, p.k, 0) * 10**18 > -1,
    "bits": lambda p: (p.k & 1) + 10**p.k > 0,
    "truth values": lambda p: (p.k > 9) + (p.z > 4) + (p.name == "a") >= 2,
    "derived": lambda p: p.power < 10**6,
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_columns_of_ints_and_truth_values_count_as_in_python(name):
    parameters = {"k": hf.Int(1, 30), "z": hf.Int(0, 9), "big": hf.Int(2**62, 2**62 + 3), "name": hf.Categorical(["a", "b"])}
    plain = hf.Space(parameters).derive("power", lambda p: 10**p.k)
    rows = plain.sample(200, seed=1)
    expected = [bool(ARITHMETIC[name](Config(c, {}))) for c in plain.decode(rows)]
    order = np.argsort(plain.columns(rows)["k"] == 30, kind="stable")   # the ends alone tell nothing: rows are in any order
    for rotated in (order, np.roll(order, 1), np.roll(order, 77)):
        assert plain.require(ARITHMETIC[name]).feasible(rows[rotated]).tolist() == [expected[i] for i in rotated]
    configs = [{"k": k, "z": 0, "big": 2**62, "name": "a"} for k in (1, 25, 2)]
    assert plain.columns(plain.encode(configs))["power"].tolist() == [10, 10**25, 100]


EDGES = [-(2**63), -(2**63) + 1, -(2**53) - 1, -3, 0, 1, 2, 2**53 + 1, 2**60 + 1, 2**63 - 1]
AT_THE_EDGES = {
    "negative": lambda p: -p.n,
    "absolute": lambda p: abs(p.n),
    "of -1": lambda p: p.n // -1,
    "divmod": lambda p: divmod(p.n, -1)[0],
    "over 3": lambda p: p.n / 3,
    "left": lambda p: p.n << p.k if p.n else 0,
    "shifts": lambda p: p.k << 1,
    "less than a float": lambda p: p.n < 2.0**60,
    "a float": lambda p: p.n == p.x,
    "no float": lambda p: p.x != p.n,
    "sum": lambda p: p.n + p.n - p.k,
}


@pytest.mark.parametrize("name", AT_THE_EDGES)
def test_columns_of_large_ints_have_the_values_of_single_ones(name):
    fn = AT_THE_EDGES[name]
    s = hf.Space({"n": hf.Ordinal(EDGES), "k": hf.Int(0, 3), "x": hf.Ordinal([0.5, 2.0**53, 2.0**60, -(2.0**63)])}).derive("d", fn)
    configs = [{"n": n, "k": k, "x": x} for x in (2.0**60, 2.0**53, 0.5, -(2.0**63)) for n in EDGES for k in (1, 3)]
    for k in (0, 1, 7):
        rows = s.encode(configs[k:] + configs[:k])
        expected = [fn(Config(c, {})) for c in configs[k:] + configs[:k]]
        assert s.columns(rows)["d"].tolist() == expected == [c["d"] for c in s.decode(rows)]
        assert s.require(lambda p: p.d > 2**54).feasible(rows).tolist() == [v > 2**54 for v in expected]


@pytest.mark.parametrize("fn", [lambda p: p.n >> p.k, lambda p: p.n << p.k, lambda p: 1 << p.k, lambda p: p.n >> -1])
def test_a_shift_by_a_negative_number_is_an_error_wherever_its_row_is(fn):
    s = hf.Space({"n": hf.Int(0, 9), "k": hf.Int(-1, 3)})
    rows = s.encode([{"n": 8, "k": k} for k in (1, 2, -1, 3, 0)])
    for order in ([0, 1, 2, 3, 4], [2, 0, 1], [0, 1, 2]):
        for q in (s.require(fn), s.require(fn).compile()):
            with pytest.raises(ValueError, match="requirement 1: the function failed with ValueError: negative shift count"):
                q.feasible(rows[order])
        with pytest.raises(ValueError, match="derived parameter 'd': the function failed with ValueError: negative shift count"):
            s.derive("d", fn).columns(rows[order])


def is_absent(value):
    return value is None


class Absent:
    def __call__(self, value):
        return value is None


ABSENT = Absent()


def longer(p):
    try:
        return len(p.layers) * p.rank > 6
    except TypeError:
        return p.rank > 4


def ordered(p):
    try:
        return (p.name < "b") | (p.rank > 4)
    except TypeError:   # None
        return p.rank > 2


def matched(p):
    match p.layers:
        case (_,):
            return p.rank > 3
        case _:
            return p.rank > 1


# What a column could be taken for a value in: right at both ends of many a block, and wrong between.
UNLIKE = {
    "a tuple": lambda p: p.layers != (1,),
    "a tuple first": lambda p: ((1,) == p.layers) | (p.rank > 3),   # noqa: SIM300
    "a list": lambda p: (p.rank == [3]) | (p.rank > 4),
    "len": lambda p: len(p.layers) * p.rank > 6,
    "len, caught": longer,
    "order, caught": ordered,
    "first": lambda p: p.layers[0] * p.rank > 6,
    "last": lambda p: p.layers[-1] * p.rank > 6,
    "np.max": lambda p: p.batch * np.max([p.rank, 3]) > 60,
    "np.mean": lambda p: p.batch * np.mean([p.rank, p.batch]) > 200,
    "isinstance": lambda p: p.rank < (5 if isinstance(p.batch, int) else 2),
    "type": lambda p: p.rank < (5 if type(p.batch) is int else 2),
    "type ==": lambda p: p.rank < (5 if type(p.batch) == int else 2),   # noqa: E721
    "hasattr": lambda p: p.rank < (5 if hasattr(p.name, "upper") else 2),
    "callable": lambda p: p.rank < (5 if callable(p.name) else 2),
    "is None": lambda p: (p.name is None) | (p.rank > 3),
    "is not None": lambda p: p.rank > 3 if p.name is not None else p.rank > 1,
    "in": lambda p: (p.name in ("adam", None)) | (p.rank > 3),
    "f-string": lambda p: (f"{p.rank}" == "3") | (p.batch > 8),
    "a function": lambda p: is_absent(p.name) | (p.rank > 3),
    "a closure": (lambda absent: lambda p: absent(p.name) | (p.rank > 3))(lambda value: value is None),
    "a partial": functools.partial(lambda least, p: (p.name is None) | (p.rank > least), 3),
    "a default": lambda p, absent=is_absent: absent(p.name) | (p.rank > 3),
    "a keyword": lambda p, *, absent=is_absent: absent(p.name) | (p.rank > 3),
    "an argument": functools.partial(lambda absent, p: absent(p.name) | (p.rank > 3), is_absent),
    "an object": lambda p: ABSENT(p.name) | (p.rank > 3),
    "a module": lambda p: statistics.mean([p.rank, p.batch]) * p.rank > 40,
    "match": matched,
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_takes_a_column_for_a_value_is_asked_one_by_one(name):
    s, derived = space().require(UNLIKE[name]), space().derive("out", UNLIKE[name])
    expected = [bool(s.feasible(row[None])[0]) for row in ROWS]
    assert 0 < sum(expected) < len(expected)
    for k in (0, 1, 2, 77):
        rows, wanted = np.roll(ROWS, k, axis=0), np.roll(expected, k).tolist()
        assert s.feasible(rows).tolist() == wanted
        assert [bool(out) for out in derived.columns(rows)["out"]] == wanted
    sampled = s.decode(s.sample(100, seed=1))
    assert all(bool(UNLIKE[name](Config({**dict.fromkeys(("momentum", "warmup", "mode")), **c}, {}))) for c in sampled)


@pytest.mark.parametrize(
    "fn",
    [
        lambda p: 2 * p.rank + p.batch**2 - p.batch // p.rank % 3 > 70,
        lambda p: np.float64(2) * p.rank < np.sqrt(p.batch),
        lambda p: (p.name == "sgd") | (p.name != "adam") & ~p.active("mode"),
        lambda p: 3 < p.rank,   # noqa: SIM300
        lambda p: divmod(p.batch, p.rank)[1] == 0,
        lambda p: sum([p.rank, p.batch]) > 20,
        functools.partial(lambda least, p: p.rank > least, 3),
    ],
)
def test_operators_and_ufuncs_are_asked_of_columns(fn, monkeypatch):
    asked = []
    monkeypatch.setattr(Function, "one", lambda self, config: asked.append(config) or self._call(config))
    expected = [bool(fn(space().require(lambda p: True)._functions.config(c, row[None]))) for c, row in zip(CONFIGS, ROWS, strict=True)]
    assert space().require(fn).feasible(ROWS).tolist() == expected
    assert len(asked) == 2   # at both ends


def test_a_function_that_would_change_a_column_does_not():
    def twice(p):
        x = p.rank
        x *= 2
        return x < 7

    s = space().require(twice).require(lambda p: p.rank < 3)
    assert s.feasible(ROWS).tolist() == [c["rank"] < 3 for c in CONFIGS]


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize("answer", [np.array([True, False, True]), "yes", [], (True, False)])
def test_a_requirement_that_gives_no_truth_value_is_named(n, answer):
    with pytest.raises(ValueError, match=r"requirement 1: .*True or False"):
        space().require(lambda p: answer).feasible(ROWS[:n])


@pytest.mark.parametrize("thing", [None, 3, "p.rank > 1"])
def test_functions_must_be_callable(thing):
    with pytest.raises(TypeError, match=r"requirement 1: .* is not callable.*lambda"):
        space().require(thing)
    with pytest.raises(TypeError, match=r"derived parameter 'a': .* is not callable"):
        space().derive("a", thing)


def test_config_and_function_alone():
    config = Config({"a": 1}, {"a": np.True_})
    assert config.a == config["a"] == 1
    assert config.active("a")
    assert Config({"derived": 1}, {}).active("derived")
    with pytest.raises(KeyError, match="no parameter 'anything else'; there are a"):
        config.active("anything else")
    with pytest.raises(AttributeError, match="no parameter 'b'; there are a"):
        _ = config.b
    with pytest.raises(KeyError, match="no parameter 'b'; there are a"):
        config["b"]
    assert Function(lambda p: p.a + 1, "role").one(config) == 2


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (math.nan, math.nan), (0.1 + 0.2, 0.3), ("a", "a"), ((1,), (1,)), (None, None)])
def test_same(a, b):
    assert same(a, b)


@pytest.mark.parametrize(("a", "b"), [(1, 2), (math.nan, 1), ("a", "b"), (None, 0), ("1", 1), (1.0, 1.000001), (np.array([1, 2]), 1)])
def test_not_same(a, b):
    assert not same(a, b)


# -- vectorized=True --------------------------------------------------------------------------------------------------------

VECTORIZED = {
    "numbers": (lambda p: p.rank * p.batch <= 64, FUNCTIONS["vectorised"][1]),
    "where": (lambda p: np.where(p.batch == 8, p.rank < 3, True), FUNCTIONS["if"][1]),
    "strings": (lambda p: np.isin(p.name.astype(str), ["adam", "None"]), FUNCTIONS["in"][1]),
    "objects": (lambda p: np.array([len(layers) <= 2 for layers in p.layers]), FUNCTIONS["len"][1]),
    "active": (lambda p: ~p.active("momentum") | (p.momentum < 0.5), FUNCTIONS["active"][1]),
    "truth values as objects": (lambda p: (p.name == "sgd").astype(object), FUNCTIONS["string"][1]),
}


@pytest.mark.parametrize("name", VECTORIZED)
def test_vectorised_functions(name):
    fn, oracle = VECTORIZED[name]
    s = space().require(fn, vectorized=True).derive("out", fn, vectorized=True)
    expected = [bool(oracle(c)) for c in CONFIGS]
    assert s.feasible(ROWS).tolist() == expected
    assert [bool(s.feasible(ROWS[i : i + 1])) for i in range(20)] == expected[:20]
    assert s.columns(ROWS)["out"].tolist() == expected
    decoded = [c["out"] for c in s.decode(ROWS)]
    assert decoded == expected
    assert type(decoded[0]) is bool
    for row, holds in zip(ROWS[:20], expected, strict=False):
        if holds:
            s.check_feasible(row[None])
        else:
            with pytest.raises(ValueError, match="violates requirement 1"):
                s.check_feasible(row[None])


def test_vectorised_functions_get_columns_always():
    shapes = []

    def fn(p):
        shapes.append({np.shape(p[name]) for name in ("rank", "name", "momentum", "double")} | {p.active("mode").shape})
        assert isinstance(p.rank, np.ndarray)
        assert p.name.dtype == p.layers.dtype == object
        return p.double > 4

    s = space().derive("double", lambda p: 2 * p.rank if p.rank > 2 else 0).require(fn, vectorized=True)
    assert s.feasible(ROWS).tolist() == [c["rank"] > 2 for c in CONFIGS]
    assert shapes.pop() == {(300,)}
    s.feasible(ROWS[:1])
    assert shapes.pop() == {(1,)}
    assert all(c["double"] > 4 for c in s.decode(s.sample(50)))


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize(
    ("result", "got"),
    [
        (lambda n: True, "bool True"),
        (lambda n: [True] * n, "list"),
        (lambda n: np.ones(n + 1), r"an array \(\d+,\)"),
        (lambda n: np.ones((n, 1)), r"an array \(\d+, 1\)"),
    ],
)
def test_what_a_vectorised_function_must_return(n, result, got):
    message = rf"vectorized=True the function gets columns \({n},\) and must return an array \({n},\), got {got}"
    with pytest.raises(ValueError, match=f"requirement 1: with {message}"):
        space().require(lambda p: result(n), vectorized=True).feasible(ROWS[:n])
    with pytest.raises(ValueError, match=f"derived parameter 'a': with {message}"):
        space().derive("a", lambda p: result(n), vectorized=True).columns(ROWS[:n])


@pytest.mark.parametrize("n", [1, 50])
def test_other_errors_of_vectorised_functions(n):
    with pytest.raises(ValueError, match=r"requirement 1: the function must return True or False, got .*'yes'"):
        space().require(lambda p: np.full(n, "yes"), vectorized=True).feasible(ROWS[:n])
    if n > 1:   # a column of length one has a truth value
        with pytest.raises(ValueError, match="requirement 1: the function failed with ValueError: The truth value of an array"):
            space().require(lambda p: p.rank > 1 and p.batch > 8, vectorized=True).feasible(ROWS[:n])
    with pytest.raises(ValueError, match=r"requirement 1: the function failed with AttributeError: no parameter 'rnk'"):
        space().require(lambda p: p.rnk, vectorized=True).feasible(ROWS[:n])
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match=r"requirement 1: vectorized=.* must be True or False"):
            space().require(lambda p: True, vectorized=wrong)


def is_small(p):
    return p.rank < 3


def test_vectorised_functions_survive_storage():
    s = space().require(is_small).derive("a", is_small).derive("b", is_small, vectorized=True).require(is_small, vectorized=True)
    again = pickle.loads(pickle.dumps(s))
    assert again == s
    assert [f.vectorized for f in again.requirements] == [False, True]
    other = hf.Space.from_dict(json.loads(json.dumps(s.to_dict())), derived={"a": is_small, "b": is_small}, requirements=[is_small, is_small])
    assert other == s
    assert s != space().require(is_small).derive("a", is_small).derive("b", is_small).require(is_small)
    old = {**s.to_dict(), "derived": [], "requirements": 1}
    del old["vectorized"]
    assert hf.Space.from_dict(old, requirements=[is_small]) == space().require(is_small)


@pytest.mark.parametrize(("values", "kind"), [
    ([2**60 + 1, 0.5], "O"), ([2**63 + 1, 5], "O"), ([2**63, 5], "O"), ([np.int64(-(2**63)), 0.5], "O"), ([np.uint64(2**63), np.int64(5)], "O"),
    ([2**70, 0.5], "O"), ([True, 1], "O"), ([2**60 + 1, 5], "i"), ([2**63 + 1, 2**63], "u"), ([2**53, 0.5, -(2**53)], "f"), ([1, math.nan], "f"),
    ([1e300, 5], "f"), ([True, np.False_], "b"),
])
def test_columns_have_the_values_exactly(values, kind):
    for parts in ([values], [values[:1], values[1:]]):
        result = hf.functions.joined([hf.functions.column(part) for part in parts])
        assert result.dtype.kind == kind
        assert all(a == b or (a != a and b != b) for a, b in zip(result.tolist(), values, strict=True))
    assert hf.functions.joined([np.array(["a"]), np.array([1])]).tolist() == ["a", 1]


@pytest.mark.parametrize("low", [0.5, 5])
@pytest.mark.parametrize("base", [2**60, 2**63])
def test_requirements_of_large_ints_beside_other_numbers(base, low):
    s = hf.Space({"x": hf.Int(0, 8)}).derive("key", lambda p: base + p.x if p.x > 2 else low).require(lambda p: p.key % 2 != 1)
    expected = [x for x in range(9) if (base + x if x > 2 else low) % 2 != 1]
    assert [c["x"] for c in hf.Grid(s)] == expected
    assert hf.Grid(s).columns()["key"].tolist() == [base + x if x > 2 else low for x in expected]


@pytest.mark.parametrize("power", [2, 3, 0.5, -1.5, 7])
def test_powers_of_columns_have_the_bits_of_single_ones(power):
    s = hf.Space({"x": hf.Float(0.1, 3), "k": hf.Int(-3, 3)}).derive("y", lambda p: p.x**power).derive("z", lambda p: abs(power) ** p.x + p.x**p.k)
    rows = s.sample(5000, seed=3)
    columns, singles = s.columns(rows), s.decode(rows)
    assert columns["y"].tolist() == [c["y"] for c in singles]
    assert columns["z"].tolist() == [c["z"] for c in singles]


def test_a_power_that_is_complex_is_that_of_single_values():
    s = hf.Space({"x": hf.Float(-1, 1)}).derive("y", lambda p: p.x**0.5)
    rows = s.sample(50, seed=0)
    assert s.columns(rows)["y"].tolist() == [c["y"] for c in s.decode(rows)]
