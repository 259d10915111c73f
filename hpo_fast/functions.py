"""User functions of a configuration: constraints and derived parameters.

A function sees one configuration ``p`` with its parameters as attributes or items (``p.rank``, ``p["rank"]``). In Python it
is called with whole columns at once where these mean what values do (operators and NumPy's ufuncs: ``p.rank * p.batch <= 2048``) and
configuration by configuration where they do not (``if``, ``and``, ``is``, ``len``, ``math.log``, division by zero, ints that might not fit
64 bits). A requirement is asked only about configurations that satisfy those before it, and a derived parameter is computed where a
function reads it: after ``require(lambda p: p.n > 0)`` both may divide by ``p.n``.

An inactive parameter is NaN if it is a number, else None; ``p.active("momentum")`` says which it is. Comparisons with NaN
are False, so a constraint on a conditional parameter reads ``~p.active("momentum") | (p.momentum < 0.9)``.

**Native code.** The requirements of a space that has been asked about more than 16,384 rows are compiled by numba, once, and
from then on called from C++ without the GIL (:mod:`hpo_fast.native`; importing numba and compiling take one to two seconds,
which small searches never pay). If numba cannot compile one, they go on in Python; :meth:`Space.compile` and a scan insist
and raise :class:`FunctionError`. What holds for a function that is to be compiled:

- Ints have 64 bits. Where one would outgrow them (``p.width ** p.depth``), or an int is raised to the power of a negative one, the
  configuration is left to Python: right, and a thousand times slower, so write ``float(p.width) ** p.depth`` if that is the usual case.
  Ints beyond 2**53 are left to Python in ``/`` and where they may equal a float in a comparison. An int that can be inactive is a
  float, as is a variable that is now an int, now a float. NumPy's unsigned ints are not compiled.
- Division by zero does not raise but gives what NumPy gives, inf or NaN for floats and 0 for ``//`` and ``%`` of ints; so do
  ``math.log(0)``, ``x ** 1e6``, a root of a negative number and the like. Hence ``try`` is not compiled; nor are ``isinstance`` and ``hasattr``.
- ``~`` of a truth value is a number in Python, -2 for True, and ``not`` in what a requirement returns: that number is False. Compiled, it can be
  returned and combined by ``&``, ``|`` and ``^``; anything else (``if ~(p.rank < 8)``, true in Python) is refused. ``~p.active(...)`` is ``not``
  everywhere.
- Floats have every bit that Python gives them, in ``+ - * / // % **`` and in the functions of ``math``. ``**`` costs 10 ns for that:
  ``p.x * p.x`` is faster (and another number in the last digit, now and then). What would differ is not compiled: ``round(x, 2)``,
  ``math.hypot``, ``math.gamma``, ``math.lgamma``, from Python 3.12 on ``sum`` of floats, and built-in or inner functions that are
  passed on, as in ``map(lambda x: x**3, ...)``. NumPy's functions do differ in the last digits (``np.exp(p.x)``, ``weights.sum()``; so
  write ``math.exp``), more so with its smaller types (float32), and a choice among ints and floats is a float.
- Choices that are numbers (or None) are numbers (or None), truth values are truth values. Any other choice (a string, a tuple)
  can be compared with ``==``, ``!=``, ``in``, ``not in`` and ``is None`` to literals and to other choices, and has a truth
  value; a literal that is none of the choices is equal to none. ``in`` does not take tuples of tuples. ``str`` and f-strings
  take ints, truth values and strings, not floats and other choices.
- Global and closed-over numbers, strings, tuples, sets and NumPy arrays are constants, read when the function is compiled, as are
  defaults (``lambda p, k=k: p.rank < k``). Plain Python functions that it calls by name are compiled with it.
- A configuration at which the compiled function raises is asked about again in Python, which gives the error its text.

**vectorized=True** says that a function takes columns only and returns an array (n,), whatever NumPy can compute. It is called
with columns of length one for a single configuration, and never compiled. Columns are as in :meth:`Space.columns`.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np


class FunctionError(ValueError):
    """A user function that cannot be compiled to native code: which one, at which line, why, and the way out."""


class Config:
    """What a user function gets: the values of one configuration, or the columns (n,) of many."""

    __slots__ = ("__active", "__values")   # mangled: no parameter's names (one that is called "active" is p["active"])

    def __init__(self, values: Mapping[str, Any], active: Mapping[str, Any]) -> None:
        self.__values = values
        self.__active = active

    def __getitem__(self, name: str) -> Any:
        try:
            return self.__values[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self.__values)}") from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):   # what copy and pickle ask about before there are values
            raise AttributeError(name)
        try:
            return self.__values[name]
        except KeyError:
            raise AttributeError(f"no parameter {name!r}; there are {', '.join(self.__values)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.__values

    def active(self, name: str) -> Any:
        """Whether the parameter exists in this configuration (a NumPy bool, or an array of them)."""
        if name in self.__active:
            return self.__active[name]
        if name not in self:
            self[name]   # the error
        return np.True_   # a derived parameter


class Columns(Config):
    """Columns, each as what `wrap` makes of its array."""

    __slots__ = ("__wrap",)

    def __init__(self, values: Mapping[str, Any], active: Mapping[str, Any], wrap: Callable[[np.ndarray], Any]) -> None:
        super().__init__(values, active)
        self.__wrap = wrap

    def __getitem__(self, name: str) -> Any:
        return self.__column(super().__getitem__(name))

    def __getattr__(self, name: str) -> Any:
        return self.__column(super().__getattr__(name))

    def active(self, name: str) -> Any:
        return self.__column(super().active(name))

    def __column(self, values: Any) -> Any:
        return self.__wrap(values) if isinstance(values, np.ndarray) else values


class _NotAValue(TypeError):
    """Something was asked of a column that only one value can answer."""


class _Column(np.lib.mixins.NDArrayOperatorsMixin):
    """A column as if it were one value: operators and ufuncs with other columns, numbers and strings; all else is an error.

    Whatever is refused is reported to `refused`, since the function may catch the error and go on: what takes the column for a value
    (``p.name[:2]``, ``len(p.layers)``, ``isinstance(p.depth, int)``) is not answered as for one value, and neither is what compares it
    with a sequence (NumPy would, entry by entry), where ints might wrap around, where truth values are added (``or`` to NumPy) or something is
    divided by zero.

    `inverted` are truth values by way of ``~``, which in Python are the numbers -1 and -2, of which only the last bit is meant: they can be
    combined by &, | and ^ with truth values, inverted again and returned, as what a requirement is true of.
    """

    __slots__ = ("__inverted", "__refused", "__values")

    def __init__(self, values: np.ndarray, refused: list[str], inverted: bool = False) -> None:
        self.__values = values
        self.__refused = refused
        self.__inverted = inverted

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or not all(type(x) is _Column or x is None or isinstance(x, _SCALARS) for x in inputs):
            return self.__refuse(ufunc.__name__)
        operands = [x.__values if type(x) is _Column else x for x in inputs]
        inverted = any(type(x) is _Column and x.__inverted for x in inputs)
        if inverted and not (ufunc in _OF_TRUTHS and all(map(_is_truth, operands))):
            return self.__refuse("~")
        try:
            result = _of_columns(ufunc, operands)
        except Exception as error:   # maybe of one configuration only
            self.__refused.append(str(error))
            raise
        if isinstance(result, tuple):
            return tuple(_Column(part, self.__refused) for part in result)
        return _Column(result, self.__refused, inverted or (ufunc is np.invert and _is_truth(operands[0])))

    @staticmethod
    def values(result: Any) -> tuple[np.ndarray, bool] | None:
        """The array of what a function returned, and whether it is inverted; None if it is not a column."""
        return (result.__values, result.__inverted) if type(result) is _Column else None

    def __refuse(self, what: str) -> Any:
        self.__refused.append(what)
        raise _NotAValue(what)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:   # isinstance asks for it
        return self.__refuse("isinstance")

    def __getattr__(self, name: str) -> Any:
        self.__refused.append(name)
        raise AttributeError(name)   # as hasattr expects


def _refusing(name: str) -> Callable[..., Any]:
    return lambda self, *args: self._Column__refuse(name)


for _name in ("bool", "len", "getitem", "iter", "reversed", "contains", "call", "int", "float", "complex", "index", "hash", "str", "repr", "format", "bytes",
              "round", "trunc", "floor", "ceil", "fspath", "enter", "array", "array_function", "copy", "deepcopy", "reduce_ex", "dir"):   # fmt: skip
    setattr(_Column, f"__{_name}__", _refusing(_name))


_SCALARS = (bool, int, float, str, bytes, np.generic)
_python_power = np.frompyfunc(pow, 2, 1)
_EXACT = 2**53
"""Up to here every int is a float."""
_OF_TRUTHS = (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)
_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
_DIVISIONS = (np.divide, np.floor_divide, np.remainder, np.divmod)
_SHIFTS = (np.left_shift, np.right_shift)
_LARGEST: dict[np.ufunc, Callable[..., float]] = {   # result, by the largest operands
    np.add: operator.add,
    np.subtract: operator.add,
    np.multiply: operator.mul,
    np.square: lambda a: a * a,
    np.power: operator.pow,
    np.left_shift: lambda a, b: a * 2.0**b,
    np.negative: lambda a: a,
    np.absolute: lambda a: a,
    np.floor_divide: lambda a, b: a,
    np.divmod: lambda a, b: a,
}


def _of_columns(ufunc: np.ufunc, inputs: list[Any]) -> Any:
    """What Python makes of arrays (n,) and single values, entry by entry; an error where that is not what NumPy does."""
    if ufunc in _DIVISIONS and not np.all(inputs[1]):
        raise ZeroDivisionError
    if ufunc in _SHIFTS and np.any(np.less(inputs[1], 0)):
        raise ValueError("negative shift count")
    if ufunc is np.power and np.result_type(*inputs).kind == "f":
        return np.asarray(_python_power(*inputs), dtype=float)   # NumPy's differ in the last bit, now and then
    ints = [x for x in inputs if _kind(x) in "iu"]
    rounded = ufunc is np.divide or (ufunc in _COMPARISONS and any(_kind(x) == "f" for x in inputs))   # to floats, by NumPy
    if rounded and any(_magnitude(x) > _EXACT for x in ints):
        raise OverflowError
    result = ufunc(*inputs)
    dtype = np.asarray(result[0] if isinstance(result, tuple) else result).dtype
    if ufunc in _LARGEST and dtype.kind in "biu":
        limit = 1 if dtype.kind == "b" else 0.999 * np.iinfo(dtype).max   # the bound is rounded
        if _LARGEST[ufunc](*map(_magnitude, inputs)) > limit:
            raise OverflowError
    return result


def _kind(x: Any) -> str:
    kind: str = (x if isinstance(x, np.ndarray) else np.asarray(x)).dtype.kind
    return kind


def _is_truth(x: Any) -> bool:
    return x.dtype == bool if isinstance(x, (np.ndarray, np.generic)) else isinstance(x, bool)


def _magnitude(x: Any) -> float:
    if isinstance(x, np.ndarray):
        return 1.0 if x.dtype == bool else max(float(x.max(initial=0)), -float(x.min(initial=0)))
    return float(abs(x))


class Function:
    """A user function with a role ("derived parameter 'alpha'", "requirement 2") for its errors.

    Parameters
    ----------
    fn : callable
        Takes a :class:`Config`.
    role : str
        Names the function in errors.
    vectorized : bool, default False
        Takes columns only and returns an array (n,).
    """

    __slots__ = ("_may_invert", "fn", "role", "vectorized")

    def __init__(self, fn: Callable[[Any], Any], role: str, vectorized: bool = False) -> None:
        if not callable(fn):
            raise TypeError(f"{role}: {fn!r} is not callable: give a function of one configuration, e.g. lambda p: 2 * p.rank")
        if not isinstance(vectorized, (bool, np.bool_)):
            raise TypeError(f"{role}: vectorized={vectorized!r} must be True or False")
        self.fn = fn
        self.role = role
        self.vectorized = bool(vectorized)
        self._may_invert: bool | None = None

    @property
    def may_invert(self) -> bool:
        """Whether ``~`` occurs in it or may occur in what it calls."""
        if self._may_invert is None:
            self._may_invert = not self.vectorized and _may_invert(self.fn)
        return self._may_invert

    def one(self, config: Config) -> Any:
        """The result for one configuration of plain values; of columns of length one, if the function is vectorised."""
        return self._array(config, 1).tolist()[0] if self.vectorized else self._call(config)

    def _call(self, config: Config) -> Any:
        try:
            return self.fn(config)
        except Exception as error:
            if hasattr(error, "hpo_fast_role"):   # of a derived parameter that it reads
                raise
            failed = ValueError(f"{self.role}: the function failed with {type(error).__name__}: {error}")
            failed.hpo_fast_role = self.role  # type: ignore[attr-defined]
            raise failed from error

    def many(
        self, columns: Callable[[Callable[[np.ndarray], Any]], Columns], n: int, single: Callable[[int], Config], truth: bool = False
    ) -> np.ndarray:
        """The results (n,) for columns, each as what a function makes of its array; `single(i)` is configuration i by itself.

        With `truth`, only what :meth:`truth` makes of the results is meant.

        A function may tell a column from a value in ways that nothing can see from here (in a library that it calls): where one does, its result
        must at least be right at both ends.
        """
        if self.vectorized:
            return self._array(columns(lambda values: values), n)
        found = None if _may_notice_columns(self.fn) else self._at_once(columns)
        if found is not None and (truth or not found[1]):
            results, inverted = found
            ends = {i: self.one(single(i)) for i in {0, n - 1} if n}
            if all(same(results[i], self.truth([one])[0] if inverted else one) for i, one in ends.items()):
                return results
        return column([self.one(single(i)) for i in range(n)])

    def _at_once(self, columns: Callable[[Callable[[np.ndarray], Any]], Columns]) -> tuple[np.ndarray, bool] | None:
        """The results (n,) for columns and whether they are inverted; None if the function did anything with columns that means another
        thing for values."""
        refused: list[str] = []
        try:
            result = _Column.values(self.fn(columns(lambda values: _Column(values, refused))))
        except Exception:
            return None
        return None if refused else result

    def _array(self, columns: Config, n: int) -> np.ndarray:
        """What a vectorised function returns, checked: an array (n,)."""
        result = self._call(columns)
        if not isinstance(result, np.ndarray) or result.shape != (n,):
            got = f"an array {result.shape}" if isinstance(result, np.ndarray) else f"{type(result).__name__} {result!r}"
            raise ValueError(f"{self.role}: with vectorized=True the function gets columns ({n},) and must return an array ({n},), got {got}")
        return result

    def truth(self, results: np.ndarray | list[Any], reads_inverted: bool = False) -> np.ndarray:
        """Results as bools (n,), or a ValueError if one has no clear truth value; `reads_inverted`: it may read what ``~`` gave elsewhere."""
        for value in results if not isinstance(results, np.ndarray) or results.dtype.kind not in "biuf" else ():
            if not isinstance(value, (bool, int, float, np.bool_, np.number)):
                raise ValueError(f"{self.role}: the function must return True or False, got {value!r}")
        numbers = np.asarray(results)
        true = np.asarray(numbers != 0)
        if self.may_invert or reads_inverted:   # ~(p.a < 3) is False for arrays, -2 for a Python bool
            true &= np.asarray(numbers != ~True)
        return true


@functools.lru_cache(maxsize=1024)
def _operations(code: CodeType) -> frozenset[str]:
    """What the instructions of a function are, those of functions within it among them."""
    return frozenset(i.opname for each in codes(code) for i in dis.get_instructions(each))


@functools.lru_cache(maxsize=1024)
def _looks(code: CodeType) -> bool:
    """Whether ``is`` or ``match`` occurs in a function."""
    return any(op == "IS_OP" or op.endswith("NONE") or op.startswith("MATCH_") for op in _operations(code))


@functools.lru_cache(maxsize=1024)
def _globals_read(code: CodeType) -> frozenset[str]:
    """The global names that a function reads, and functions within it."""
    return frozenset(i.argval for each in codes(code) for i in dis.get_instructions(each) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"))


def _called_by(fn: Any) -> tuple[FunctionType | None, list[Any]]:
    """The Python function that is run when `fn` is called, if it is one, and the values of the names that it reads: what it may call."""
    read: list[Any] = []
    if isinstance(fn, functools.partial):
        read += [*fn.args, *fn.keywords.values()]
        fn = fn.func
    fn = getattr(fn, "__func__", fn)   # of a method
    if not isinstance(fn, FunctionType):
        return None, [*read, fn]
    read += [*(fn.__globals__.get(name) for name in _globals_read(fn.__code__)), *(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]
    for cell in fn.__closure__ or ():
        with contextlib.suppress(ValueError):   # not assigned yet
            read.append(cell.cell_contents)
    return fn, read


def _functions_of_modules(fn: FunctionType, read: list[Any]) -> list[FunctionType]:
    """The Python functions that `fn` may call as attributes of modules among what it reads."""
    found = [getattr(m, name, None) for m in read if isinstance(m, ModuleType) for code in codes(fn.__code__) for name in code.co_names]
    return [function for function in found if isinstance(function, FunctionType)]


def _may_notice_columns(fn: Any, callers: tuple[Any, ...] = ()) -> bool:
    """Whether a function, or one that it calls by name, may tell a column from a value unseen: by ``is``, ``type``, ``callable``, ``match``, or in
    Python code of a module, a class or an object."""
    function, read = _called_by(fn)
    if function is None:
        *read, fn = read
        return not isinstance(fn, (np.ufunc, BuiltinFunctionType)) or any(callable(value) and _may_notice_columns(value, callers) for value in read)
    if _looks(function.__code__) or _globals_read(function.__code__) & {"type", "callable"} or _functions_of_modules(function, read):
        return True
    known = (*callers, function)
    return any(_may_notice_columns(value, known) for value in read if callable(value) and not any(value is k for k in known))


def _may_invert(fn: Any, seen: set[int] | None = None) -> bool:
    """Whether ``~`` may occur in a function, in one that it calls by name or in what it calls that is no plain function."""
    seen = set() if seen is None else seen
    function, read = _called_by(fn)
    if function is None:
        *read, fn = read
        if fn is operator.invert or fn is operator.inv or not (isinstance(fn, (np.ufunc, BuiltinFunctionType)) or getattr(fn, "__module__", "") == "builtins"):
            return True
    else:
        if "UNARY_INVERT" in _operations(function.__code__) or any(_INVERSE & set(code.co_names) for code in codes(function.__code__)):
            return True
        read += _functions_of_modules(function, read)
    new = [value for value in read if callable(value) and id(value) not in seen]
    seen.update(map(id, new))
    return any(_may_invert(value, seen) for value in new)


_INVERSE = {"invert", "inv", "__invert__"}


def codes(code: CodeType) -> list[CodeType]:
    """The code of a function and of those within it."""
    return [code, *(inner for constant in code.co_consts if isinstance(constant, CodeType) for inner in codes(constant))]


def column(values: Sequence[Any]) -> np.ndarray:
    """Values as a column (n,): of truth values or numbers if all are, and no int is too large for the floats beside it; else of objects."""
    numbers = all(isinstance(v, (bool, np.bool_)) for v in values) or all(
        isinstance(v, (int, float, np.integer, np.floating)) and not isinstance(v, bool) for v in values
    )
    if numbers and (result := np.array(values)).dtype != object:
        large = result.dtype.kind == "f" and not all(isinstance(v, (float, np.floating)) or -_EXACT <= v <= _EXACT for v in values)
        if not large:
            return result
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Columns one behind the other, of the type that :func:`column` gives to all of their values."""
    kinds = {part.dtype.kind for part in parts}
    exact = kinds <= set("iuf") and all(p.dtype.kind == "f" or -_EXACT <= p.min(initial=0) <= p.max(initial=0) <= _EXACT for p in parts)
    return np.concatenate(parts if len(kinds) == 1 or exact else [part.astype(object) for part in parts])


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal up to rounding; NaN is equal to itself."""
    try:
        return bool(a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-9))
    except (TypeError, ValueError):
        return False
