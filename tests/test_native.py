"""Compiled functions against the same functions in Python, what cannot be compiled, and what calls them."""

from __future__ import annotations

import ctypes
import gc
import math
import pickle
import sys
import threading
import weakref
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numba.core.registry import cpu_target
from strategies import choice_lists, float_ranges, int_ranges, small_spaces

import hpo_fast as hf
from hpo_fast import native
from hpo_fast.evaluate import COMPILE_AFTER, Functions
from hpo_fast.functions import Function

QUICK = settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])   # an example takes half a second
WEIGHTS = np.array([0.5, -1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
ALLOWED = {"adam", "lion"}
LIMIT = 40


def space():
    return hf.Space(
        {
            "rank": hf.Int(1, 6),
            "shift": hf.Int(-7, 8, step=3),
            "wide": hf.Int(-(2**40), 2**40),
            "batch": hf.Ordinal([8, 16, 32]),
            "rate": hf.Ordinal([0.5, 0.25, 2.0]),
            "lr": hf.Float(1e-5, 1e-1, log=True),
            "decay": hf.Float(0, 0.3, step=0.1),
            "spread": hf.Float(0, 1, step=1 / 3),
            "name": hf.Categorical(["adam", "sgd", None, "lion"]),
            "other": hf.Categorical(["sgd", "rmsprop", "adam", None]),
            "layers": hf.Categorical([(1,), (2, 3), (4, 5, 6)]),
            "mixed": hf.Categorical(["auto", 1, 0.5, True]),
            "drop": hf.Categorical([None, 0.1, 0.5]),
            "flag": hf.Categorical([True, False]),
            "number": hf.Categorical([1, 0.5, True, 7]),
            "momentum": hf.Float(0.25, 0.75).when("name", "sgd"),
            "warmup": hf.Int(1, 3).when("name", "sgd"),
            "heads": hf.Ordinal([2, 4, 8]).when("rank", [3, 4, 5]),
            "mode": hf.Categorical(["x", "y"]).when("rank", [1, 2]),
            "nested": hf.Categorical([True, False]).when("mode", "x"),
            "stepped": hf.Float(0, 0.2, step=0.1).when("mode", "y"),
        }
    )


SPACE = space()
ROWS = SPACE.sample(400, seed=3)


def raw(s, rows):
    return np.ascontiguousarray(s.box.decode(rows).T)


def in_python(s, function, rows):
    """The oracle: the plain call, configuration by configuration."""
    functions = s._functions
    return [function.one(functions.config(functions.codec.params(rows[i : i + 1])[0], rows[i : i + 1])) for i in range(len(rows))]


def compiled(s, fn, rows, kind="truth"):
    return s.native(Function(fn, "function"), kind).blocks(raw(s, rows))


def packed(sources, **names):
    """One function whose value has a bit for the truth of each source of an expression: compiled in one go."""
    bits = " + ".join(f"({2**k} if {source} else 0)" for k, source in enumerate(sources))
    return eval(f"lambda p: {bits}", names)


def unpacked(bits, k):
    return ((bits.astype(np.int64) >> k) & 1).astype(bool).tolist()


def helper(x, y=2):
    return even(x) and x > y


def even(x):
    return x % 2 == 0


def text(x):
    return f"{x}"


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


def loop(p):
    total = 0
    for k in range(p.rank):
        if k == 3:
            continue
        total += k * p.batch
    return total < 100


def branches(p):
    if p.name == "sgd":
        x = p.momentum * 2
    elif p.name is None:
        x = 0.25
    else:
        x = p.lr
    return x > 0.2


def closure():
    names, table, factor = ("adam", "sgd"), np.array([3, 1, 4, 1, 5, 9, 2]), 3
    return lambda p: p.name in names or table[p.rank] * factor > 8


def defaults(p, names=("sgd", "adam"), limit=4, *, table=WEIGHTS, function=even, allowed=ALLOWED):
    for k in range(p.rank):
        if k == limit:
            return False
    if p.name in names or p.name in allowed:
        return table[p.rank] > 3
    return function(p.rank)


GROUPS = {
    "arithmetic": [
        lambda p: p.rank * p.batch <= 64,
        lambda p: p["rank"] + p["batch"] < 20,
        lambda p: p.shift // 4 + p.shift % 5 > p.rank - 2,
        lambda p: p.rank**2 / p.batch - p.lr * 10 > 1,
        lambda p: p.wide * 3 > p.rank,
        lambda p: -p.shift & 3 | p.rank << 1 > 4,
        lambda p: 0.15 < p.decay < p.spread,
        lambda p: p.rate * p.rank >= 2 == (p.rate != 0.5),
        lambda p: p.number + p.rank > 3,
        lambda p: p.wide % 7 < abs(p.shift),
    ],
    "logic": [
        lambda p: (p.rank > 2 and p.batch > 8) or not p.lr < 0.01,
        lambda p: p.rank < 3 if p.batch == 8 else True,
        lambda p: p.flag,
        lambda p: not p.flag and p.rank > 2,
        lambda p: p.flag == True,  # noqa: E712
        lambda p: p.flag is not False,
        lambda p: p.rank - 1,
        lambda p: p.decay,
        lambda p: p.momentum,
        lambda p: False,
        lambda p: p.rank is None,
    ],
    "functions": [
        lambda p: math.sqrt(p.rank) + math.log(p.lr) < -3,
        lambda p: max(p.rank, 4, p.shift) == 4 and min(p.lr, p.decay) < 0.1,
        lambda p: np.log2(p.batch) + math.ceil(p.lr * 100) > 4,
        lambda p: helper(p.rank) or helper(p.batch, y=20),
        lambda p: factorial(p.rank) > LIMIT,
        lambda p: WEIGHTS[p.rank] > 3 and WEIGHTS[:3].sum() > 1,
        lambda p: sum([p.rank, p.batch]) > 20 and int(p.lr * 1000) == 0,
        lambda p: round(p.spread) == 1,
        lambda p: f"{p.rank}/{p.flag}" == "3/True" or text(p.shift) == "-4",
        loop,
        branches,
        closure(),
    ],
    "strings": [
        lambda p: p.name == "sgd",
        lambda p: "sgd" != p.name,  # noqa: SIM300
        lambda p: p.name == "no such choice",
        lambda p: p.name in ("adam", None),
        lambda p: p.name not in {"adam", "lion"},
        lambda p: p.name in ALLOWED,
        lambda p: p.name == p.other,
        lambda p: p.name != p.mode,
        lambda p: p.name is None or p.mode is not None,
        lambda p: p.name == None,  # noqa: E711
        lambda p: not p.name,
        lambda p: 1 if p.name and p.rank > 1 else 0,
        lambda p: (p.name if p.rank > 3 else p["name"]) == "lion",
    ],
    "objects": [
        lambda p: p.layers == (2, 3),
        lambda p: p.layers == (1,) or p.layers != (4, 5, 6),
        lambda p: p.mixed == "auto",
        lambda p: p.mixed == 1,
        lambda p: p.mixed == 0.5,
        lambda p: p.mixed == p.number,
        lambda p: p.mixed in ("auto", 0.5),
        lambda p: p.drop is None or p.drop < 0.3,
        lambda p: p.drop == 0.5,
        lambda p: p.drop not in (None, 0.1),
        lambda p: p.drop is not None and 2 * p.drop + p.rank > 3,
    ],
    "inactive": [
        lambda p: ~p.active("momentum") | (p.momentum < 0.5),
        lambda p: not p.active("momentum") or p.momentum < 0.5,
        lambda p: p.momentum < 0.5,
        lambda p: p.warmup >= 2 or p.heads == 4,
        lambda p: p.warmup * p.rank > 4,
        lambda p: p.mode == "x",
        lambda p: p.mode is None and p.active("rank") and not p.active("nested"),
        lambda p: p.nested,
        lambda p: not p.nested,
        lambda p: not p.mode,
        lambda p: p.nested is False,
        lambda p: p.nested == True,  # noqa: E712
        lambda p: not p.active("nested") or p.nested,
        lambda p: p.stepped >= 0.1,
        lambda p: p.active("rank"),
    ],
}


@pytest.mark.parametrize("group", GROUPS)
def test_compiled_functions_are_what_python_says(group):
    functions = {f"f{k}": fn for k, fn in enumerate(GROUPS[group])}
    bits = compiled(SPACE, packed([f"{name}(p)" for name in functions], **functions), ROWS, "score")
    for k, fn in enumerate(GROUPS[group]):
        expected = [bool(value) for value in in_python(SPACE, Function(fn, "function"), ROWS)]
        assert unpacked(bits, k) == expected, f"number {k} of {group}"


@pytest.mark.parametrize(
    "fn", [*[lambda p, k=k: p.rank < k for k in (2, 5)], lambda p, *, name="sgd", given="warmup": p.name == name or p.active(given), defaults]
)
def test_defaults_of_further_arguments_are_constants(fn):
    expected = [bool(value) for value in in_python(SPACE, Function(fn, "function"), ROWS)]
    assert 0 < sum(expected) < len(ROWS)
    assert compiled(SPACE, fn, ROWS).tolist() == expected
    assert compiled(SPACE.derive("d", fn), lambda p: p.d, ROWS).tolist() == expected


@QUICK
@given(st.data())
def test_every_parameter_is_read_as_it_is(data):
    kinds = st.one_of(int_ranges(), float_ranges(), choice_lists().map(hf.Categorical), choice_lists().map(hf.Ordinal))
    parameters = {f"p{k}": data.draw(kinds) for k in range(3)} | {"parent": hf.Categorical(["a", "b"])}
    parameters |= {f"c{k}": data.draw(kinds).when("parent", "a") for k in range(2)}
    s = hf.Space(parameters)
    rows = s.sample(20, seed=data.draw(st.integers(0, 99)))
    columns = s.columns(rows)
    tests, expected = [], []
    for name, p in parameters.items():
        values = columns[name].tolist()
        if columns[name].dtype != object and (known := [v for v in values if math.isfinite(v)]):
            tests.append(f"p.{name} == {known[0]!r}")
            expected.append([v == known[0] for v in values])
        for choice in p.choices if hasattr(p, "choices") else ():
            if isinstance(choice, (str, bool, type(None))) or (type(choice) is int and abs(choice) < 2**53):
                tests.append(f"p.{name} == {choice!r}")
                expected.append([value == choice for value in values])
    bits = compiled(s, packed(tests), rows, "score")
    for k, column in enumerate(expected):
        assert unpacked(bits, k) == column, tests[k]


@st.composite
def expressions(draw, s, depth=2):
    """The source of a truth about configurations of a space of `small_spaces`."""

    def number(depth):
        names = [n for n, p in s.parameters.items() if not isinstance(p, hf.Categorical)]
        if depth == 0 or draw(st.integers(0, 3)) == 0:
            return f"p.{draw(st.sampled_from(names))}" if names and draw(st.booleans()) else repr(draw(st.sampled_from([-3, 0, 2, 0.5, 7])))
        a, b = number(depth - 1), number(depth - 1)
        shapes = ["({a} + {b})", "({a} - {b})", "({a} * {b})", "min({a}, {b})", "max({a}, {b})", "abs({a})", "({a} // 3)", "({a} % 5)", "({a} / 2)"]
        shapes += ["({a} ** 2)", f"({{a}} if {truth(depth - 1)} else {{b}})"]
        return draw(st.sampled_from(shapes)).format(a=a, b=b)

    def truth(depth):
        if depth > 0 and draw(st.booleans()):
            a, b = truth(depth - 1), truth(depth - 1)
            return draw(st.sampled_from(["({a} and {b})", "({a} or {b})", "(not {a})", "({a} == {b})"])).format(a=a, b=b)
        names = list(s.parameters)
        choices = [n for n, p in s.parameters.items() if isinstance(p, hf.Categorical)]
        shape = draw(st.sampled_from(["<", "chain", "active", "choice"]))
        if shape == "choice" and choices:
            test = draw(st.sampled_from(["== 'a'", "!= None", "is None", "in ('a', True)", "== True", f"== p.{draw(st.sampled_from(choices))}"]))
            return f"(p.{draw(st.sampled_from(choices))} {test})"
        if shape == "active":
            return f"p.active({draw(st.sampled_from(names))!r})"
        a, b = number(depth), number(depth)
        return f"({a} < {b} <= {number(0)})" if shape == "chain" else f"({a} {draw(st.sampled_from(['<', '>=', '==', '!=']))} {b})"

    return truth(depth)


@QUICK
@given(st.data())
def test_random_expressions_over_random_spaces(data):
    s = data.draw(small_spaces())
    sources = [data.draw(expressions(s)) for _ in range(3)]
    rows = s.sample(30, seed=1)
    bits = compiled(s, packed(sources), rows, "score")
    for k, source in enumerate(sources):
        assert unpacked(bits, k) == [bool(v) for v in in_python(s, Function(packed([source]), "f"), rows)], source


def test_scores():
    def score(p):
        return p.lr * p.rank if p.name == "sgd" else p.rank

    for fn in (score, lambda p: p.flag, lambda p: p.wide, lambda p: p.momentum):
        assert compiled(SPACE, fn, ROWS, "score").dtype == np.float64
        np.testing.assert_array_equal(compiled(SPACE, fn, ROWS, "score"), np.array(in_python(SPACE, Function(fn, "score"), ROWS), dtype=float))


def test_arithmetic_of_the_machine():
    s = hf.Space({"n": hf.Int(0, 3), "big": hf.Int(2**61, 2**61 + 3)})
    rows = s.sample(50, seed=0)
    n, big = s.columns(rows)["n"], s.columns(rows)["big"]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(compiled(s, lambda p: p.big * 4 + p.n, rows, "score"), (big * 4 + n).astype(float))
        np.testing.assert_array_equal(compiled(s, lambda p: p.n / (p.n - 1), rows, "score"), n / (n - 1))
        np.testing.assert_array_equal(compiled(s, lambda p: p.n // (p.n - 1) + p.n % (p.n - 1), rows, "score"), n // (n - 1) + n % (n - 1))


# -- the last bits --------------------------------------------------------------------------------------------------------


def differing(sources, choices=(1, 0.5, 7), n=4000, **names):
    """How many of n random configurations each expression differs at from Python, by its source: all are compiled in one go."""
    s = hf.Space(
        {
            "which": hf.Int(0, len(sources) - 1),
            "x": hf.Float(-3, 3),
            "y": hf.Float(0, 1),
            "z": hf.Float(1e-200, 1e200, log=True),
            "k": hf.Float(0, 1, step=0.001),
            "n": hf.Int(-20, 20),
            "choice": hf.Categorical(choices),
        }
    )
    rows = s.sample(n * len(sources), seed=0)
    names |= {f"f{i}": eval(f"lambda p: 1.0 * ({source})", {"math": math, **names}) for i, source in enumerate(sources)}
    chain = "".join(f"f{i}(p) if p.which == {i} else " for i in range(len(sources)))
    function = s.native(Function(eval(f"lambda p: {chain}0.0", names), "function"), "score")
    native_values = function.blocks(raw(s, rows), lambda i: math.nan)
    found = dict.fromkeys(sources, 0)
    for p, value in zip(s.decode(rows), native_values, strict=True):
        try:
            expected = names[f"f{p['which']}"](SimpleNamespace(**p))
        except (ArithmeticError, ValueError, TypeError):   # Python raises
            continue
        if not isinstance(expected, complex):
            found[sources[p["which"]]] += expected.hex() != float(value).hex()
    return {source: count for source, count in found.items() if count}


def math_calls():
    """Calls of functions of `math` that numba has and that return a number."""
    typing, calls = cpu_target.typing_context, []
    typing.refresh()
    kinds = {"p.x": numba.float64, "p.y": numba.float64, "p.n": numba.int64, "2": numba.int64}
    for name in dir(math):
        for args in [("p.x",), ("p.y",), ("p.n",), ("p.x", "p.y"), ("p.y", "p.n"), ("2", "p.y"), ("p.n", "2")]:
            try:
                sig = typing.resolve_value_type(getattr(math, name)).get_call_type(typing, [kinds[a] for a in args], {})
            except (AttributeError, ValueError, numba.core.errors.NumbaError):
                continue
            if isinstance(sig.return_type, (numba.types.Number, numba.types.Boolean)):
                calls.append(f"math.{name}({', '.join(args)})")
    return calls


def test_functions_of_math_have_the_bits_of_python():
    refused = ("math.hypot(", "math.gamma(", "math.lgamma(")
    calls = math_calls()
    assert len(calls) > 100
    assert differing([call for call in calls if not call.startswith(refused)], n=1000) == {}
    for call in (call for call in calls if call.startswith(refused)):
        with pytest.raises(hf.FunctionError, match=r"cannot be compiled.* math\.(hypot|gamma|lgamma) would differ from Python's in the last digits"):
            differing([call])


def test_operators_have_the_bits_of_python():
    pairs = [("p.x", "p.y"), ("p.x", "p.n"), ("p.n", "p.y"), ("p.n", "p.choice"), ("p.z", "p.x"), ("p.k", "0.1"), ("p.x", "3"), ("7", "p.x")]
    assert differing([f"{a} {op} {b}" for op in ("+", "-", "*", "/", "//", "%") for a, b in pairs], n=1000) == {}


def in_place(p):
    x = p.y
    x **= 3
    return x


def perhaps_none(p):
    x = None if p.n > 20 else p.y
    return x**3


def with_default(p, k=3):
    return p.y**k


def cube(x):
    return x**3


def test_powers_have_the_bits_of_python():
    exponents = ["2", "3", "4", "12", "-1", "-2", "0.5", "-0.5", "1.5", "2.0", "3.0", "-1.0", "p.n", "p.y", "True", "p.choice"]
    sources = [f"{base} ** {b}" for base in ("p.y", "p.x", "p.z") for b in exponents]
    sources += [f"{a} ** p.y" for a in ("2", "10", "2.0", "10.0", "p.n", "p.choice")] + ["(1 + p.k) ** 12", "p.choice ** 3", "p.n ** 2"]
    sources += ["pow(p.y, 2)", "pow(p.y, p.n)", "math.pow(p.y, 2)", "math.pow(2, p.y)", "mpow(p.y, 0.5)"]
    sources += ["in_place(p)", "perhaps_none(p)", "with_default(p)", "cube(p.y)", "max([v**3 for v in (p.y, p.x)])", "max(map(cube, [p.y, p.x]))"]
    sources += ["(lambda v: v**3)(p.y)", "ARRAY[p.n] ** 3"]
    names = {"mpow": math.pow, "in_place": in_place, "perhaps_none": perhaps_none, "with_default": with_default, "cube": cube}
    assert differing(sources, **names, ARRAY=np.random.default_rng(0).random(41)) == {}
    s = hf.Space({"y": hf.Float(0, 1)}).derive("d", with_default)
    rows = s.sample(4000, seed=0)
    for fn in (with_default, lambda p: p.d):
        assert compiled(s, fn, rows, "score").tolist() == [y**3 for y in s.columns(rows)["y"].tolist()]


def test_other_users_of_numba_keep_its_powers():
    assert compiled(SPACE, lambda p: p.lr**3, ROWS, "score").tolist() == [p["lr"] ** 3 for p in SPACE.decode(ROWS)]
    numbers = SPACE.columns(ROWS)["lr"].tolist()
    theirs = numba.njit(lambda x: x**3)
    assert [theirs(x) for x in numbers] == [x * x * x for x in numbers] != [x**3 for x in numbers]


def test_rounding():
    assert differing(["round(p.x)", "round(p.x * 2)", "round(p.n)", "round(p.x * 100) / 100", "round(p.k * 10 + 0.5)"]) == {}
    s = hf.Space({"x": hf.Float(0, 1, step=0.001), "y": hf.Float(0, 1)}).require(lambda p: round(p.x, 2) <= 0.5)
    opt = hf.Optimizer(s, "random", seed=0)
    opt.ask(COMPILE_AFTER + 1)   # goes on in Python
    assert all(round(t.params["x"], 2) <= 0.5 for t in opt.ask(2000))


# -- derived parameters ---------------------------------------------------------------------------------------------------


def test_derived_parameters_are_compiled_in():
    s = SPACE.derive("cost", lambda p: p.rank * p.batch).derive("double", lambda p: 2 * p.cost + even(p.rank))
    s = s.derive("kind", lambda p: p.name).derive("pair", lambda p: (p.rank, p.double))
    for fn in (lambda p: p.double <= 100 and p["cost"] > 8, lambda p: p.kind == "sgd", lambda p: p.pair[1] > 50 and p.active("cost")):
        assert compiled(s, fn, ROWS).tolist() == [bool(v) for v in in_python(s, Function(fn, "f"), ROWS)]


def test_a_derived_parameter_that_does_not_compile_is_the_one_named():
    s = hf.Space({"n": hf.Int(0, 3)}).derive("a", lambda p: p.n).derive("bad", lambda p: p.late + {"x": 1}["x"]).derive("late", lambda p: 1)
    with pytest.raises(hf.FunctionError, match=r"^derived parameter 'bad' cannot be compiled.*no parameter 'late'; there are n, a\n"):
        s.require(lambda p: p.bad > 1).compile()
    s.require(lambda p: p.late + p.a > 1).compile()
    v = hf.Space({"n": hf.Int(0, 3)}).derive("v", lambda p: p.n * 2, vectorized=True)
    with pytest.raises(hf.FunctionError, match=r"^derived parameter 'v' takes columns \(vectorized=True\)"):
        v.require(lambda p: p.v > 1).compile()


# -- what cannot be compiled ----------------------------------------------------------------------------------------------


def first_layer(p):
    x = p.rank
    return x > p.layers[0]


def of_pairs(p):
    return p.layers in ((1, 2), (2, 3))   # numba finds no == within the list that it makes of them


def size_of(value):
    return value.size


def by_a_helper(p):
    return size_of(p.rank) > 1


def of_two_types(p):
    if p.rank > 1:
        return "no"
    return 1


TABLE = {"adam": 1}
ERRORS = [
    (lambda p: p.rnk > 1, "no parameter 'rnk'; there are rank, shift"),
    (lambda p: p["rnk"] > 1, "no parameter 'rnk'; there are rank, shift"),
    (lambda p: p.active("rnk"), "no parameter 'rnk'; there are rank, shift"),
    (lambda p: TABLE["adam"] > p.rank, "'TABLE'.*dict"),
    (lambda p: not_defined(p), "name 'not_defined' is not defined"),  # noqa: F821
    (first_layer, r"numba has no getitem\(choice"),
    (lambda p: p.name < "a", "a choice that is not a number can be compared with"),
    (lambda p: str(p.lr) == "0.5", "text of ints, truth values and strings, not of float64"),
    (lambda p: text(p.name) == "sgd", "text of ints, truth values and strings, not of choice"),
    (lambda p: f"{p.rank}/{p.name}" == "1/sgd", "text of ints, truth values and strings, not of choice"),
    (lambda p: repr(p.warmup) == "1", "text of ints, truth values and strings, not of float64"),
    (of_pairs, "a choice can be compared to literals, numbers and other choices"),
    (by_a_helper, "Unknown attribute 'size' of type int64"),
    (of_two_types, "Can't unify return type"),
    (lambda p, rank: p.rank > rank, "function takes 2 arguments"),
    (lambda p: p.layers in ((1,), (2, 3)), "a choice can be compared to literals, numbers and other choices"),
    (lambda p: p.name is p.other, "`is` compares a choice to None, True and False only"),
    (lambda p: p.active(p.name), "p.active takes the name as a literal"),
    (lambda p: p.name, "it must return True or False, and returns choice"),
    (lambda p: (p.rank, 1), "it must return True or False, and returns"),
    (lambda p: p.rank * 1j, "it must return True or False, and returns complex128"),
    (lambda p: round(p.lr, 2) > 0.5, r"round\(x, 2\) would differ from Python's in the last digits: write round\(x \* 100\) / 100"),
    (lambda p: math.hypot(p.lr, 1) > 1, r"math\.hypot would differ .*: write math\.sqrt\(x \* x \+ y \* y\)"),
    (lambda p: math.lgamma(p.lr) > 1, r"math\.lgamma would differ"),
    *([(lambda p: sum([p.lr, p.decay]) > 1, "sum of floats would differ from Python's .*: write \\+")] if sys.version_info >= (3, 12) else []),
    (lambda p: max(map(math.gamma, [p.lr, p.decay])) > 1, "a built-in function cannot be passed on"),
    (lambda p: max(map(lambda x: x**3, [p.lr, p.decay])) > 1, "an inner function that is passed on must be a function of its own"),  # noqa: C417
    (print, "an object of type builtin_function_or_method is not a plain function"),
]


@pytest.mark.parametrize(("fn", "reason"), ERRORS)
def test_errors_say_which_where_why_and_what_to_do(fn, reason):
    with pytest.raises(hf.FunctionError, match=f"^requirement 2 cannot be compiled to native code: .*{reason}") as caught:
        SPACE.native(Function(fn, "requirement 2"), "truth")
    text = str(caught.value)
    assert len(text.splitlines()) <= 3
    assert text.endswith("or over columns (NumPy arrays) with vectorized=True.")
    if fn is not print:
        line = {
            first_layer: "return x > p.layers[0]",
            of_pairs: "return p.layers in",
            by_a_helper: "return value.size",
            of_two_types: "return ",   # either of them
        }.get(fn, "lambda p")
        line = 'return f"{x}"' if "text" in fn.__code__.co_names else line
        assert line in text.splitlines()[1]
        assert f"{__file__}:" in text


def test_errors_name_the_way_out_that_there_is():
    grid = hf.Grid(hf.Space({"n": hf.Int(0, 3)}))
    with pytest.raises(hf.FunctionError, match=r'(?s)^score cannot .* with on="columns" .*surrogate, with on="rows"'):
        hf.scan(grid, lambda p: {}[p.n])
    with pytest.raises(hf.FunctionError, match=r"(?s)^where cannot .*space\.require\(fn, vectorized=True\)"):
        hf.count(grid, lambda p: {}[p.n])


def test_a_function_that_may_return_none():
    def score(p):
        if p.rank > 2:
            return p.rank
        elif p.rank <= 2:   # to numba, None if not
            return 0.5

    def choice(p):
        return p.drop if p.flag or p.rank > 2 else None

    expected = np.where(SPACE.columns(ROWS)["rank"] > 2, SPACE.columns(ROWS)["rank"], 0.5)
    np.testing.assert_array_equal(compiled(SPACE, score, ROWS, "score"), expected)
    assert compiled(SPACE, score, ROWS).all()
    some = [c["drop"] is not None and (c["flag"] or c["rank"] > 2) for c in SPACE.decode(ROWS)]
    assert compiled(SPACE, choice, ROWS[some], "score").tolist() == [c["drop"] for c in SPACE.decode(ROWS[some])]
    for fn, fails in ((choice, some.index(False)), (lambda p: p.rank if p.rank > 2 else None, int(np.argmax(expected == 0.5)))):
        for kind in ("truth", "score"):
            with pytest.raises(ValueError, match=f"raised an exception, or returned None, at configuration {fails}$"):
                compiled(SPACE, fn, ROWS, kind)
    with pytest.raises(ValueError, match="requirement 1: the function must return True or False, got None"):
        SPACE.require(lambda p: p.rank > 3 if p.rank > 2 else None).compile().feasible(ROWS)


def test_texts_of_choices_stay_in_python():
    s = hf.Space({"x": hf.Int(0, COMPILE_AFTER), "opt": hf.Categorical(["adamw", "sgd"])}).derive("tag", lambda p: f"{p.opt}/{p.x}")
    grid = hf.Grid(s, where=lambda p: p.tag[:3] == f"{'sgd'}")
    assert sum(1 for _ in grid) == COMPILE_AFTER + 1
    with pytest.raises(hf.FunctionError, match=r"derived parameter 'tag' cannot be compiled.* not of choice"):
        hf.count(grid)


def test_a_vectorised_function_is_not_compiled():
    with pytest.raises(hf.FunctionError, match=r"requirement 1 takes columns \(vectorized=True\)"):
        SPACE.require(lambda p: p.rank > 1, vectorized=True).compile()


# -- kernels --------------------------------------------------------------------------------------------------------------


def test_the_kernel_by_its_address():
    f = SPACE.native(Function(lambda p: WEIGHTS[p.rank + p.shift] * p.lr, "score"), "score")
    index = SPACE.columns(ROWS)["rank"] + SPACE.columns(ROWS)["shift"]
    inside = (index < len(WEIGHTS)) & (index >= -len(WEIGHTS))
    rows = np.concatenate([ROWS[inside], ROWS[~inside], ROWS[inside]])
    fails, n, stride = int(inside.sum()), len(rows), len(rows) + 7
    columns = np.zeros((len(SPACE), stride))
    columns[:, 5 : 5 + n] = raw(SPACE, rows)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(f.address)
    out = np.full(n, -7.0)
    assert call(columns[:, 5:].ctypes.data, stride, n, out.ctypes.data) == fails
    np.testing.assert_array_equal(out[:fails], WEIGHTS[index[inside]] * SPACE.columns(ROWS[inside])["lr"])
    assert (out[fails:] == -7).all()
    assert call(columns[:, 5:].ctypes.data, stride, fails, out.ctypes.data) == fails
    with pytest.raises(ValueError, match=f"^score: the compiled function raised an exception, or returned None, at configuration {fails}"):
        f.blocks(raw(SPACE, rows))
    assert f.blocks(raw(SPACE, rows[:0])).shape == (0,)


def test_compiled_once_for_a_function_and_a_layout():
    def fn(p):
        return p.a == 1

    def address(*choices, kind="truth"):
        return hf.Space({"a": hf.Categorical(choices)}).native(Function(fn, "f"), kind).address

    assert address(1, 2) == address(1, 2)
    assert len({address(1, 2), address(1, 2, kind="score"), address(1.0, 2.0), address(True, 2), address(2, 1)}) == 5
    s = hf.Space({"a": hf.Int(0, 3)})
    derived = s.derive("b", fn)
    assert s.native(Function(fn, "f"), "truth").address != derived.native(Function(fn, "f"), "truth").address


def test_threads_compile_once():
    def fn(p):
        return p.rank > 3

    addresses, start = [], threading.Barrier(6)

    def work():
        start.wait()
        addresses.append(space().native(Function(fn, "f"), "truth").address)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(addresses) == 6
    assert len(set(addresses)) == 1


# -- constraints ----------------------------------------------------------------------------------------------------------


def required():
    return space().require(lambda p: p.rank * p.batch <= 64).require(lambda p: p.name != "sgd" or p.momentum < 0.5)


def test_compiled_requirements_give_the_same_suggestions():
    plain, fast = required(), required().compile()
    rows = plain.sample(3000, seed=1)
    assert fast.sample(3000, seed=1).tobytes() == rows.tobytes()
    assert (fast.feasible(ROWS) == plain.feasible(ROWS)).all()
    for name in hf.samplers.names():
        sampler = hf.samplers.Grid(resolution=5) if name == "grid" else name
        asked = []
        for s in (plain, fast):
            opt = hf.Optimizer(s, sampler, seed=2)
            opt.add(s.decode(rows[:1])[0], 0.0)
            for k in range(12):
                opt.tell(opt.ask(), k % 5)
            asked.append(opt.ask(4))
        assert [t.params for t in asked[0]] == [t.params for t in asked[1]]


def test_compiled_requirements_run_without_python(monkeypatch):
    s = required().compile()
    rows = SPACE.sample(3000, seed=9)   # three blocks
    expected = required().feasible(rows)
    monkeypatch.setattr(Functions, "_evaluate", None)
    assert (s.feasible(rows) == expected).all()
    assert (s.constraint(rows[:1]) == expected[:1]).all()
    assert s.constraint(rows[:0]).shape == (0,)
    with pytest.raises(ValueError, match=r"rows must have shape"):
        s.constraint(rows[:, 1:])


def test_a_compiled_requirement_that_raises_is_asked_again_in_python():
    s = space().require(lambda p: p.rank > 1).require(lambda p: WEIGHTS[p.rank + 2] > 0).compile()
    low = ROWS[SPACE.columns(ROWS)["rank"] <= 4]
    assert s.feasible(low).any()
    for rows in (ROWS, ROWS[SPACE.columns(ROWS)["rank"] == 5][:1]):
        with pytest.raises(ValueError, match="requirement 2: the function failed with IndexError"):
            s.feasible(rows)
    with pytest.raises(ValueError, match="requirement 2: the function failed with IndexError"):
        s.sample(2000)
    # Compiled code has no len of a choice that is None, Python has an answer.
    t = space().require(lambda p: p.drop > 0 if p.flag else True).compile()
    fine = ROWS[[not (f and d is None) for f, d in zip(*(SPACE.columns(ROWS)[n] for n in ("flag", "drop")), strict=True)]]
    assert t.feasible(fine).all()


def test_requirements_are_compiled_when_it_pays():
    asked = []

    class Fine:
        def __call__(self, p):
            asked.append(1)
            return p.rank > 1

    s = space().require(lambda p: p.rank > 1)
    rows = SPACE.sample(COMPILE_AFTER // 2, seed=0)
    expected = SPACE.columns(rows)["rank"] > 1
    for _ in range(2):
        assert (s.feasible(rows) == expected).all()
        assert s.constraint == s._functions._ask
    assert (s.feasible(rows[:1]) == expected[:1]).all()
    assert s.constraint != s._functions._ask
    assert (s.feasible(rows) == expected).all()

    s = space().require(Fine())   # no plain function: in Python for ever, and tried once
    for _ in range(4):
        assert (s.feasible(rows) == expected).all()
    assert s.constraint == s._functions._ask
    assert s._functions._asked == -math.inf
    with pytest.raises(hf.FunctionError, match="requirement 1 cannot be compiled"):
        s.compile()
    assert asked


def positive(p):
    return p.n > 1


def test_native_code_is_no_part_of_a_space():
    def make():
        return hf.Space({"n": hf.Int(0, 5)}).require(positive)

    s = make().compile()
    assert s == make()
    assert hash(s) == hash(make())
    again = pickle.loads(pickle.dumps(s))
    assert again == s
    assert again.constraint != s.constraint
    assert s.compile() is s
    assert hf.Space({"n": hf.Int(0, 5)}).compile().constraint is None
    assert s.require(lambda p: p.n < 3).feasible(s.sample(20)).tolist() == [n < 3 for n in s.columns(s.sample(20))["n"]]


def test_a_compiled_space_goes_when_it_is_no_longer_used():
    s = required().compile()
    constraint, alive = s.constraint, weakref.ref(s._functions)
    del s
    gc.collect()
    assert alive() is None
    assert constraint(ROWS).tolist() == required().feasible(ROWS).tolist()   # which keeps what it needs


def test_layouts():
    one, same = native.Layout(SPACE.parameters, {}), native.Layout(space().parameters, {})
    assert one == same
    assert hash(one) == hash(same)
    assert one != native.Layout({"a": hf.Int(0, 1)}, {})
    assert one != "layout"
