"""Functions as native code: scores, arithmetic to the last bit, what cannot be compiled, and kernels."""

from __future__ import annotations

import ctypes
import math
import sys
import threading
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from native_space import ROWS, SPACE, WEIGHTS, compiled, even, in_python, raw, space
from numba.core.registry import cpu_target

import hpo_fast as hf
from hpo_fast.evaluate import COMPILE_AFTER
from hpo_fast.functions import Function


def text(x):
    return f"{x}"


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
