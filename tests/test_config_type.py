"""Configurations as compiled functions see them: every parameter, operator and way to write it, against the same functions in Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from native_space import ROWS, SPACE, WEIGHTS, compiled, even, in_python, space
from strategies import choice_lists, float_ranges, int_ranges, small_spaces

import hpo_fast as hf
from hpo_fast import native
from hpo_fast.functions import Function

QUICK = settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])   # an example takes half a second
ALLOWED = {"adam", "lion"}
LIMIT = 40


def packed(sources, **names):
    """One function whose value has a bit for the truth of each source of an expression: compiled in one go."""
    bits = " + ".join(f"({2**k} if {source} else 0)" for k, source in enumerate(sources))
    return eval(f"lambda p: {bits}", names)


def unpacked(bits, k):
    return ((bits.astype(np.int64) >> k) & 1).astype(bool).tolist()


def helper(x, y=2):
    return even(x) and x > y


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
        lambda p: p.rate in (0.5, 2),
        lambda p: p.rank not in (0.5, 2, 3, "auto", None),
        lambda p: p.flag in (0.5, 1),
        lambda p: p.rank in (p.rate, 3, p.shift),
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


def test_layouts():
    one, same = native.Layout(SPACE.parameters, {}), native.Layout(space().parameters, {})
    assert one == same
    assert hash(one) == hash(same)
    assert one != native.Layout({"a": hf.Int(0, 1)}, {})
    assert one != "layout"
