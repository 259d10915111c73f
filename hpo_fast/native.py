"""User functions as native code: a Python function of one configuration, compiled by numba into a loop over raw columns.

The loop is called by address and needs no GIL::

    int64_t kernel(const double* columns, int64_t stride, int64_t n, T* out);

Configuration i has the raw number ``columns[j * stride + i]`` of parameter j, as ``Box.decode`` gives it (a real's value, the
level index of anything else, NaN if inactive). T is uint8 for a truth and double for a score. The kernel returns n, or the
index i < n at which the function raised or returned None; results before i are there. Everything is compiled into one loop,
the function, the derived parameters that it reads and the helpers that it calls, and vectorised where it is arithmetic.

How a configuration looks to compiled code is in :mod:`hpo_fast.config_type`, what a user should know in
:mod:`hpo_fast.functions`. This module imports numba: import it where it is needed.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import inspect
import linecache
import math
import operator
import os
import re
import sys
import threading
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any, Literal

import numba
import numpy as np
from numba import types
from numba.core import errors, ir
from numba.core.unsafe.eh import mark_try_block
from numba.extending import register_jitable

from hpo_fast.arithmetic import INVERTED, REFUSED, Compiler, Inverted, NumpyTruth, called, inverted_truth
from hpo_fast.config_type import ConfigType, Layout, as_number, new_config, plain_value
from hpo_fast.functions import Function, FunctionError, codes

__all__ = ["Layout", "NativeFunction", "compile"]


_OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": True}
_INNER: dict[str, Any] = {   # only ever called by a kernel
    **_OPTIONS,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": Compiler,
}
_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_LOCK = threading.RLock()


class NativeFunction:
    """A compiled function; it must outlive the use of its address.

    Attributes
    ----------
    address : int
        Of the kernel (see the module).
    role : str
        Names the function in errors.
    dtype : dtype
        Of what it writes: uint8 for a truth, float64 for a score.
    """

    def __init__(self, compiled: Any, role: str, dtype: np.dtype[Any]) -> None:
        self._compiled = compiled
        self.address: int = compiled.address
        self.role = role
        self.dtype = dtype

    def blocks(self, columns: np.ndarray, in_python: Callable[[int], float] | None = None) -> np.ndarray:
        """Results of raw columns, without the GIL.

        Parameters
        ----------
        columns : array (d, n) of float64
            Raw numbers.
        in_python : callable, optional
            Gives the result of a configuration at which the function raised or returned None, by its index.

        Returns
        -------
        array (n,) of bool or float64

        Raises
        ------
        ValueError
            If the function raised, or returned None, at a configuration, without `in_python`.
        """
        columns = np.ascontiguousarray(columns, dtype=np.float64)
        n = columns.shape[1]
        out = np.empty(n, self.dtype)
        kernel, done = _SIGNATURE(self.address), 0
        while (done := done + kernel(columns[:, done:].ctypes.data, n, n - done, out[done:].ctypes.data)) < n:
            if in_python is None:
                raise ValueError(f"{self.role}: the compiled function raised an exception, or returned None, at configuration {done}")
            out[done] = in_python(done)
            done += 1
        return out.view(bool) if self.dtype == np.uint8 else out


def compile(layout: Layout, function: Function, kind: Literal["truth", "score"]) -> NativeFunction:
    """A user function as native code: compiled once for a layout and kept, by whichever thread comes first.

    Parameters
    ----------
    layout : Layout
        The space's parameters and derived parameters.
    function : Function
        A function of one configuration.
    kind : {"truth", "score"}
        Whether its result is taken as true or false, or as a number.

    Returns
    -------
    NativeFunction

    Raises
    ------
    FunctionError
        If numba cannot compile it: which line, why, and what to do.
    """
    with _LOCK:
        try:
            compiled = _kernel(layout, _Key(function), kind)
        except FunctionError as error:
            raise error from None
    return NativeFunction(compiled, function.role, np.dtype(np.uint8 if kind == "truth" else np.float64))


class _Key:
    """A function in a cache: two are one if they run the same Python function."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.function.fn is other.function.fn and self.function.vectorized is other.function.vectorized

    def __hash__(self) -> int:
        return hash(id(self.function.fn))


@functools.lru_cache(maxsize=256)
def _kernel(layout: Layout, key: _Key, kind: str) -> Any:
    function = key.function
    config_type = ConfigType(layout, _derived)
    fn = _compile(function, config_type)
    result = fn.overloads[(config_type,)].signature.return_type
    plain, value = result.type if isinstance(result, types.Optional) else result, plain_value(result)
    if isinstance(plain, Inverted) and kind == "truth":
        value, plain = _of_inverted(value), types.boolean
    if not isinstance(plain, (types.Integer, types.Float, types.Boolean)) and getattr(plain, "numbers", None) is None:
        raise _error(function, f"it must return {'True or False' if kind == 'truth' else 'a number'}, and returns {_plain(result)}")
    config, number = new_config(config_type), as_number(plain)
    inverted = function.may_invert or any(derived.may_invert for derived in layout.derived.values())
    convert: Any = operator.pos if kind == "score" else _truth_of_inverted if inverted else bool   # +True is 1

    def kernel(columns, stride, n, out):
        for i in range(n):
            try:
                out[i] = convert(number(value(fn(config(columns, stride, i)))))
            except Exception:
                return i
        return n

    out = types.CPointer(types.uint8 if kind == "truth" else types.float64)
    try:
        return numba.cfunc(types.int64(types.CPointer(types.float64), types.int64, types.int64, out), **_OPTIONS)(kernel)
    except Exception as error:
        raise _error(function, _reason(error)) from error


@register_jitable
def _truth_of_inverted(number):
    """As ``Function.truth``: -2 is the inverse of True."""
    return number != 0 and number != ~1


def _of_inverted(value: Any) -> Any:
    return register_jitable(lambda result: inverted_truth(value(result)))


def _derived(layout: Layout, name: str) -> Any:
    return _derived_from(layout.before(name), _Key(layout.derived[name]))


@functools.lru_cache(maxsize=256)
def _derived_from(layout: Layout, key: _Key) -> Any:
    return _compile(key.function, ConfigType(layout, _derived))


def _compile(function: Function, config_type: ConfigType) -> Any:
    """The function as a numba function compiled for a configuration type."""
    if function.vectorized:
        raise FunctionError(f"{function.role} takes columns (vectorized=True), so it is not compiled: write it as a function of one configuration")
    if not isinstance(function.fn, FunctionType):
        raise _error(function, f"an object of type {type(function.fn).__name__} is not a plain function")
    config_type.failure = None
    made: dict[FunctionType, Any] = {}
    try:
        fn = _of_config(function.fn, made)
        fn.compile((config_type,))
        inner = {code for part in made.values() for code in codes(part.py_func.__code__)[1:]}
        for part in (fn, *made.values()):
            _check(part, inner)
    except Exception as error:
        place = _place(error, {part.__code__.co_filename for part in made})
        raise config_type.failure or _error(function, _reason(error), place) from error
    return fn


def _check(compiled: Any, inner: set[CodeType]) -> None:
    """Refuse what numba compiles without an error though its value is not Python's; `inner` are codes of functions within functions."""
    begin = ir.Loc(compiled.py_func.__code__.co_filename, compiled.py_func.__code__.co_firstlineno)
    for notes in (done.type_annotation for done in compiled.overloads.values()):
        for kind in notes.typemap.values():
            if isinstance(kind, types.Dispatcher) and (code := kind.dispatcher.py_func.__code__) in inner:   # numba's, without our Compiler
                where = ir.Loc(code.co_filename, code.co_firstlineno)
                raise errors.TypingError(f"{REFUSED}an inner function that is passed on must be a function of its own", where)
            if (reason := _refused(kind)) is not None:
                raise errors.TypingError(f"{REFUSED}{reason}", begin)
        for call, sig in notes.calltypes.items():
            if (fn := called(call, notes.typemap)) is not None and (reason := _refusal(fn, sig)) is not None:
                raise errors.TypingError(f"{REFUSED}{reason}", call.loc)


def _refused(kind: Any) -> str | None:
    """Why what has this type is not compiled, if it is not."""
    if types.unliteral(kind) == types.uint64:   # beside int64, a float to numba, or an int that wraps around
        return "ints without a sign, and those beyond 64 bits, are not compiled"
    asked = getattr(kind, "typing_key", None)
    if asked is hasattr or asked is isinstance:   # numba answers for its own types
        return f"compiled code has no {asked.__name__}"
    return None


def _refusal(fn: Any, sig: Any) -> str | None:
    """Why a call is not compiled, if it is not."""
    args = list(map(types.unliteral, sig.args))
    if fn in (str, repr):   # "<object type:float64>", of what has no text in numba
        no_text = (arg for arg in args if not isinstance(arg, (types.Integer, types.Boolean, types.UnicodeType)))
        return next((f"compiled code has the text of ints, truth values and strings, not of {_plain(arg)}" for arg in no_text), None)
    if any(isinstance(arg, types.Function) for arg in args):
        return "a built-in function cannot be passed on"
    if fn is mark_try_block:   # which would take a number that compiled code leaves to Python for an error of the function
        return "compiled code has no try"
    if fn in (operator.invert, operator.inv) and isinstance(args[0], types.Boolean):
        return "operator.invert of a truth value is a number in Python: write ~ or not"
    if fn in (operator.is_, operator.is_not) and any(isinstance(arg, NumpyTruth) for arg in args) and types.none not in args:
        return "p.active gives a truth value of NumPy, which is never True or False itself: leave `is` out"
    if fn is np.power and isinstance(sig.return_type, types.Integer):   # wrong for negative ones, which NumPy refuses
        return "np.power of ints is not compiled: write **"
    if fn in (math.hypot, math.gamma, math.lgamma):
        way_out = ": write math.sqrt(x * x + y * y)" if fn is math.hypot else ""
        return f"math.{fn.__name__} would differ from Python's in the last digits{way_out}"
    if fn is round and len(args) > 1 and not isinstance(args[0], types.Integer):
        return "round(x, 2) would differ from Python's in the last digits: write round(x * 100) / 100"
    if fn is sum and sig.return_type == types.float64 and sys.version_info >= (3, 12):   # which adds the rounding errors up too
        return "sum of floats would differ from Python's in the last digits: write +"
    return None


def _of_config(fn: FunctionType, made: dict[FunctionType, Any]) -> Any:
    """:func:`_jit` of a function of a configuration; the defaults of further arguments (``lambda p, k=k:``) are constants."""
    if fn.__defaults__ is None and fn.__kwdefaults__ is None:
        return _jit(fn, made)
    inlined = _jit(fn, made, inline="always")
    _, *further = inspect.signature(inlined.py_func).parameters.values()
    names = {p.name: p.default for p in further if p.default is not p.empty}   # globals, since those are literals to numba
    call = eval(f"lambda _0: _1(_0, {', '.join(f'{name}={name}' for name in names)})", {"_1": inlined, **names})
    return numba.njit(**_INNER)(call)


def _jit(fn: FunctionType, made: dict[FunctionType, Any], **options: Any) -> Any:
    """A function for numba to compile, with the plain functions that it names, and its constant sets as tuples.

    `made` holds what was made before, for functions that call each other.
    """

    def constant(value: Any) -> Any:
        if isinstance(value, FunctionType):
            return made[value] if value in made else _jit(value, made)
        return tuple(value) if isinstance(value, (set, frozenset)) else value

    names: dict[str, Any] = {"__builtins__": builtins, "__name__": fn.__module__}
    cells = tuple(CellType() for _ in fn.__closure__ or ())
    code, named = _without_sets(fn.__code__), fn.__kwdefaults__ or {}
    if len(named) == code.co_kwonlyargcount:   # to numba, arguments by name only are arguments
        code = code.replace(co_argcount=code.co_argcount + len(named), co_kwonlyargcount=0)
    defaults = (*(fn.__defaults__ or ()), *(named[name] for name in code.co_varnames[: code.co_argcount] if name in named))
    made[fn] = numba.njit(**_INNER, **options)(FunctionType(code, names, fn.__name__, tuple(map(constant, defaults)), cells))
    names.update({name: constant(fn.__globals__[name]) for code in codes(fn.__code__) for name in code.co_names if name in fn.__globals__})
    for cell, original in zip(cells, fn.__closure__ or (), strict=True):
        cell.cell_contents = constant(original.cell_contents)
    return made[fn]


def _without_sets(code: CodeType) -> CodeType:
    """The code with ``in {"a", "b"}`` as ``in ("a", "b")``."""
    constants = (tuple(c) if isinstance(c, frozenset) else _without_sets(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=tuple(constants))


def _error(function: Function, reason: str, place: tuple[str, int] | None = None) -> FunctionError:
    """The error of a function; `place` is a file and a line, if it is not where the function begins."""
    where = ""
    if isinstance(function.fn, FunctionType):
        code = function.fn.__code__
        file, line = place or (code.co_filename, code.co_firstlineno)
        where = f"\n  {file}:{line}: {linecache.getline(file, line).strip()[:160]}"
    columns = {
        "score": 'with on="columns" (a function of encoded rows, as those of a surrogate, with on="rows")',
        "where": "as a requirement of the space: space.require(fn, vectorized=True)",
    }.get(function.role, "with vectorized=True")
    return FunctionError(
        f"{function.role} cannot be compiled to native code: {reason}{where}\n"
        f"Write it with numbers, comparisons and math, or over columns (NumPy arrays) {columns}."
    )


def _place(error: Exception, files: set[str]) -> tuple[str, int] | None:
    """The innermost place in one of the files, not within numba, that an error of numba tells of."""
    known = {os.path.abspath(file): file for file in files}   # numba writes some of them relative to the working directory
    for path, line in re.findall(r'(?:File "| at )([^"\n]+?)(?:", line | \()(\d+)', _uncoloured(error)):
        if (file := known.get(os.path.abspath(path))) is not None:
            return file, int(line)
    return None


def _uncoloured(error: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error))


def _reason(error: Exception) -> str:
    """One sentence of numba's many."""
    text = _uncoloured(error)
    if (ours := re.search(f"{REFUSED}(.*)", text)) is not None:
        return ours[1]
    if INVERTED in text:
        return "what ~ makes of a truth value can be combined by &, | and ^ and returned, and nothing else: write not"
    if (call := re.search(r"No implementation of function .* found for signature:\s*>>> (.*)", text)) is not None:
        text = f"numba has no {call[1]}"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failed in nopython mode")]
    return _plain(lines[0]) if lines else type(error).__name__


def _plain(text: object) -> str:
    """Without the names of types that only exist here, and short."""
    return re.sub(r"\bchoice\d+", "choice", re.sub(r"\bconfiguration\d+", "configuration", str(text)))[:300]
