"""Numbers in compiled code are those of Python: ints to any size, floats to the last bit, and ~ of truth values."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from native_space import ROWS, SPACE, compiled, raw
from numba.core.registry import cpu_target

import hpo_fast as hf
from hpo_fast.evaluate import COMPILE_AFTER
from hpo_fast.functions import Function

pytestmark = pytest.mark.filterwarnings("ignore:Bitwise inversion '~' on bool is deprecated:DeprecationWarning")   # of the functions below, from Python 3.12 on

# -- ints -----------------------------------------------------------------------------------------------------------------

EDGES = [-(2**63), -(2**63) + 1, -(2**53) - 1, -(2**53), -64, -3, -1, 0, 1, 2, 5, 63, 64, 2**31, 2**53, 2**53 + 1, 2**61 + 1, 2**62, 2**63 - 1]
"""Beside these, sums and products are on either side of what fits 64 bits."""


def in_place(p):
    x = p.a
    x *= p.b
    x -= p.a
    x <<= 1
    return x


def looped(p):
    total = 1
    for k in range(9):
        total = total * p.a + k
    return total


def squared(x):
    return x * x


INTS = {
    "a + b": lambda p: p.a + p.b,
    "a - b": lambda p: p.a - p.b,
    "a * b": lambda p: p.a * p.b,
    "-a": lambda p: -p.a,
    "abs(a)": lambda p: abs(p.a),
    "a // b": lambda p: p.a // p.b if p.b else 0,
    "a % b": lambda p: p.a % p.b if p.b else 0,
    "divmod": lambda p: divmod(p.a, p.b)[0] if p.b else 0,
    "gcd": lambda p: math.gcd(p.a, p.b),
    "a << k": lambda p: p.a << p.k,
    "a >> k": lambda p: p.a >> p.k,
    "a ** k": lambda p: p.a**p.k if p.a else 0,
    "a ** 2": lambda p: p.a**2,
    "pow": lambda p: pow(p.a, p.k) if p.a else 0,
    "2 ** k": lambda p: 2**p.k,
    "sum of a list": lambda p: sum([p.a, p.b, 1]),
    "sum of a tuple": lambda p: sum((p.a, p.b, True)),
    "sum from a start": lambda p: sum((p.a, p.k), p.b),
    "in place": in_place,
    "a loop": looped,
    "a helper": lambda p: squared(p.a) - squared(p.b),
    "a default": lambda p, factor=2**40: p.k * p.a * factor,
    "inner functions": lambda p: (lambda x: x * 3)(p.a) + sum([x * x for x in (p.k, p.b)]),
    "a choice or none": lambda p: p.choice * p.a if p.choice is not None else 0,
    "truth values": lambda p: (p.a > 0) + (p.b > 0) + p.a,
    "a / b": lambda p: p.a / p.b if p.b else 0,
    "a < x": lambda p: p.a < p.x,
    "x <= a": lambda p: p.x <= p.a,
    "a == x": lambda p: (p.a == p.x) + 2 * (p.x != p.a),
    "int": lambda p: int(p.x),
    "floor": lambda p: math.floor(p.x) - math.ceil(p.x / 3) + math.trunc(p.x * 2.5),
    "round": lambda p: round(p.x) + round(p.a),
}


def test_ints_are_those_of_python_or_left_to_it():
    floats = dict.fromkeys([float(v) for v in EDGES] + [1.5, -1e300])
    kinds = {"a": hf.Ordinal(EDGES), "b": hf.Ordinal(EDGES), "k": hf.Int(-3, 70), "x": hf.Ordinal(list(floats)), "choice": hf.Categorical([None, 3, 2**40])}
    s = hf.Space({**kinds, "which": hf.Int(0, len(INTS) - 1)})
    rows = s.sample(1000 * len(INTS), seed=0)
    chain = "".join(f"1.0 * f{k}(p) if p.which == {k} else " for k in range(len(INTS)))   # compiled in one go
    function = eval(f"lambda p: {chain}0.0", {f"f{k}": fn for k, fn in enumerate(INTS.values())})
    left: set[int] = set()
    got = s.native(Function(function, "score"), "score").blocks(raw(s, rows), lambda i: left.add(i) or math.nan)
    names, wrong, there = list(INTS), set(), dict.fromkeys(INTS, 0)
    for i, config in enumerate(s.decode(rows)):
        if i not in left:
            name = names[config["which"]]
            there[name] += 1
            if got[i] != float(INTS[name](SimpleNamespace(**config))):
                wrong.add(name)
    assert wrong == set()
    assert min(there.values()) > 30, there


@pytest.mark.parametrize("fn", [
    lambda p: p.n * 2**p.k <= 8,
    lambda p: p.n**p.m <= 10**12,
    lambda p: p.n**p.m * p.n >= 10**12,
    lambda p: sum([p.big, p.big, p.n]) > 2**62,
    lambda p: p.n * p.m < 10**6 and -p.big * p.n < 0,
    lambda p: p.product <= 10**12,
    lambda p: p.big * 2 / 3 > p.n,
])
def test_a_requirement_is_the_same_whether_it_is_compiled_or_not(fn):
    kinds = {"n": hf.Int(1, 4096, log=True), "k": hf.Int(-4, 4), "m": hf.Int(1, 12), "big": hf.Int(2**62 - 3, 2**62 + 3)}
    s = hf.Space(kinds).derive("product", lambda p: p.n**p.m)
    rows = s.sample(600, seed=1)
    expected = [bool(fn(SimpleNamespace(**c))) for c in s.decode(rows)]
    assert s.require(fn).feasible(rows).tolist() == expected
    fast = s.require(fn).compile()
    assert fast.feasible(rows).tolist() == expected
    assert [bool(fast.feasible(row[None])) for row in rows[:50]] == expected[:50]
    stream = hf.Uniform(s, 600, seed=5)
    truths = [bool(fn(SimpleNamespace(**c))) for c in stream]
    assert hf.count(stream, fn) == sum(truths)


def test_a_sample_is_the_same_before_and_after_the_requirements_are_compiled():
    s = hf.Space({"n": hf.Int(1, 64), "k": hf.Int(-4, 4)}).require(lambda p: p.n * 2**p.k <= 8)
    before = s.sample(100, seed=0)
    s.sample(COMPILE_AFTER + 1)
    assert s.constraint != s._functions._ask
    assert s.sample(100, seed=0).tobytes() == before.tobytes()
    assert all(c["n"] * 2 ** c["k"] <= 8 for c in s.decode(before))


def test_divisions_by_zero_are_those_of_numpy():
    s = hf.Space({"n": hf.Int(0, 3)})
    rows = s.sample(50, seed=0)
    n = s.columns(rows)["n"]
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(compiled(s, lambda p: p.n / (p.n - 1), rows, "score"), n / (n - 1))
        np.testing.assert_array_equal(compiled(s, lambda p: p.n // (p.n - 1) + p.n % (p.n - 1), rows, "score"), n // (n - 1) + n % (n - 1))


# -- truth values ---------------------------------------------------------------------------------------------------------


def negated(x):
    return ~x


@pytest.mark.parametrize("fn", [
    lambda p: ~(p.rank > 3),
    lambda p: ~~(p.rank > 3),
    lambda p: ~(p.rank > 3) & p.flag | ~(p.shift > 2) ^ (p.lr < 0.01),
    lambda p: ~(p.rank > 3) if p.flag else p.shift > 2,
    lambda p: negated(negated(p.rank > 3) & p.flag),
    lambda p: ~p.active("mode") == p.flag,
    lambda p: (~p.active("mode") | (p.rank < 2)) and p.shift > 0,
    lambda p: p.active("mode") + p.active("momentum") + p.active("rank") <= 1,
    lambda p: (~(p.active("mode") and p.flag)) | (p.rank > 3),
    lambda p: ~p.rank + 4,
    lambda p: p.rank - 5,
    lambda p: abs(p.rank) - 5,
    lambda p: p.odd,
    lambda p: p.odd | (p.rank > 3),
])
def test_truth_values_are_those_of_python_compiled_or_not(fn):
    s = SPACE.derive("odd", lambda p: negated(p.rank % 2 == 0)).require(fn)
    expected = [bool(s.feasible(row[None])) for row in ROWS]
    assert any(expected)
    assert s.feasible(ROWS).tolist() == expected
    assert s.compile().feasible(ROWS).tolist() == expected


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


def cubed_in_place(p):
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
    sources += ["cubed_in_place(p)", "perhaps_none(p)", "with_default(p)", "cube(p.y)", "max([v**3 for v in (p.y, p.x)])", "max(map(cube, [p.y, p.x]))"]
    sources += ["(lambda v: v**3)(p.y)", "ARRAY[p.n] ** 3"]
    names = {"mpow": math.pow, "cubed_in_place": cubed_in_place, "perhaps_none": perhaps_none, "with_default": with_default, "cube": cube}
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
