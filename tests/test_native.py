"""Functions as native code: scores, derived parameters, what cannot be compiled, and kernels."""

from __future__ import annotations

import ctypes
import math
import operator
import sys
import threading

import numpy as np
import pytest
from native_space import ROWS, SPACE, WEIGHTS, compiled, even, in_python, raw, space

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


def guarded(p):
    try:
        return p.rank**99 > 5
    except Exception:
        return False


UNSIGNED = np.array([2, 1, 0, 3, 5, 4, 7], dtype=np.uint64)
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
    (guarded, "compiled code has no try"),
    (lambda p: math.sqrt(p.lr) if hasattr(math, "sqrt") else 1, "compiled code has no hasattr"),
    (lambda p: isinstance(p.flag, int), "compiled code has no isinstance"),
    (lambda p: np.power(2, p.shift) > 1, r"np.power of ints is not compiled: write \*\*"),
    (lambda p: p.rank - UNSIGNED[p.rank] > 1, "ints without a sign, and those beyond 64 bits, are not compiled"),
    (lambda p: p.rank + 2**63 > 1, "ints without a sign, and those beyond 64 bits, are not compiled"),
    (lambda p: 1 if ~(p.rank < 3) else 0, "what ~ makes of a truth value can be combined by &, | and ^ and returned, and nothing else: write not"),
    (lambda p: p.flag == ~(p.rank < 3), "what ~ makes of a truth value"),
    (lambda p: (~(p.rank < 3)) * 2 > 0, "what ~ makes of a truth value"),
    (lambda p: ~(p.rank < 3) & p.rank, "what ~ makes of a truth value"),
    (lambda p: operator.invert(p.rank < 3), "operator.invert of a truth value is a number in Python"),
    (lambda p: p.active("mode") is True, "p.active gives a truth value of NumPy"),
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
            guarded: "try:" if sys.version_info < (3, 11) else "return p.rank**99",
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
