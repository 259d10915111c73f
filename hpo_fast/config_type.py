"""How numba sees a configuration: the types of ``p``, of ``p.rank`` and of ``p.optimizer`` in compiled functions.

A configuration is a position in a block of raw columns (d, n): {base, stride, i}, where parameter j has the raw number
``base[j * stride + i]`` that ``Box.decode`` gives (a real's value, the level index of anything else, NaN if inactive).
Reading an attribute loads that number and converts it to the parameter's value, in a handful of instructions that LLVM can
vectorise:

    Float                                     float64, NaN if inactive
    Int                                       int64; if conditional float64, NaN if inactive
    choices that are all ints or all floats   likewise, from a table; if conditional, so are ints beside floats
    choices that are all numbers or bools     a number or bool, from a table, if unconditional
    other choices                             :class:`ChoiceType`

This module imports numba: import it where it is needed. What numba calls while it compiles has no annotations, since numba
compares the signatures of an overload and its implementation.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

import numpy as np
from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.core.imputils import lower_builtin, lower_cast, lower_getattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer, infer_getattr, signature
from numba.extending import intrinsic, models, overload_method, register_jitable, register_model

from hpo_fast.arithmetic import REFUSED, numpy_truth, our_overload
from hpo_fast.choices import Categorical, Ordinal, equal, identity
from hpo_fast.functions import Function, FunctionError
from hpo_fast.parameters import Int, Parameter

_I1, _I32, _I64, _F64 = ir.IntType(1), ir.IntType(32), ir.IntType(64), ir.DoubleType()
_NAN = ir.Constant(_F64, float("nan"))
_serial = itertools.count()


class Layout:
    """What compiled code depends on: the parameters in column order and the functions of the derived ones."""

    def __init__(self, parameters: Mapping[str, Parameter], derived: Mapping[str, Function]) -> None:
        self.parameters = dict(parameters)
        self.derived = dict(derived)
        self.columns = {name: j for j, name in enumerate(parameters)}
        readers = [(p.reader, p.levels, p.condition is not None) for p in parameters.values()]
        self._key = (
            tuple((name, identity(tuple(r) if r else r), *rest) for name, (r, *rest) in zip(parameters, readers, strict=True)),
            tuple((name, f.fn, f.vectorized) for name, f in derived.items()),
        )

    def before(self, name: str) -> Layout:
        """What the function of the derived parameter `name` sees."""
        return Layout(self.parameters, dict(itertools.takewhile(lambda item: item[0] != name, self.derived.items())))

    def conditional(self, name: str) -> bool:
        return name in self.parameters and self.parameters[name].condition is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


class ConfigType(types.Type):
    """A configuration of a layout; `compile_derived` gives the compiled numba function of a derived parameter.

    `failure` is the error of the derived parameter that could not be compiled when a function asked for it.
    """

    def __init__(self, layout: Layout, compile_derived: Callable[[Layout, str], Any]) -> None:
        self.layout = layout
        self._compile_derived = compile_derived
        self.failure: FunctionError | None = None
        self._derived: dict[str, Any] = {}   # kept: large arrays that a function closes over stay where they are
        super().__init__(name=f"configuration{next(_serial)}")

    def derived(self, name: str) -> tuple[Any, Any]:
        """The numba function of a derived parameter, and its signature."""
        if name not in self._derived:
            try:
                self._derived[name] = self._compile_derived(self.layout, name)
            except FunctionError as error:
                self.failure = error
                raise errors.TypingError(str(error)) from error
        dispatcher = self._derived[name]
        return dispatcher, dispatcher.overloads[dispatcher.signatures[0]].signature

    @property
    def key(self) -> Layout:
        return self.layout


class ChoiceType(types.Type):
    """A choice as a code: 0 if inactive (None), else 1 + its level. What is asked about it is looked up in a table by code.

    If its values are numbers, truth values or None, `numbers` is their table and it can be computed with; None then raises.
    """

    def __init__(self, choices: tuple[Any, ...]) -> None:
        self.values = (None, *choices)
        self.numbers = _numbers(self.values)
        super().__init__(name=f"choice{next(_serial)}")

    @property
    def key(self) -> Any:
        return identity(self.values)

    def unify(self, typingctx: Any, other: Any) -> Any:
        """What a variable is that is now this, now a number (``not p.active("x") or p.x``): a number."""
        is_number = isinstance(other, types.Number) or (isinstance(other, types.Boolean) and self.numbers is not None and self.numbers.dtype == bool)
        return typingctx.unify_pairs(_TYPES[self.numbers.dtype.kind], other) if is_number and self.numbers is not None else None


def _numbers(values: tuple[Any, ...]) -> np.ndarray | None:
    """Values as a table of truth values, ints or floats, 0 for None; None if they are anything else or not exact."""
    kinds = {type(v) for v in values if v is not None}
    if not kinds or not kinds <= {bool, int, float}:
        return None
    try:
        table = np.array([v or 0 for v in values], dtype=bool if kinds == {bool} else np.float64 if float in kinds else np.int64)
    except OverflowError:
        return None
    return table if all(v is None or v != v or table[k] == v for k, v in enumerate(values)) else None


_TYPES = {"b": types.boolean, "i": types.int64, "f": types.float64}


@register_model(ConfigType)
class _ConfigModel(models.StructModel):
    def __init__(self, manager: Any, kind: ConfigType) -> None:
        super().__init__(manager, kind, [("base", types.CPointer(types.float64)), ("stride", types.int64), ("i", types.int64)])


@register_model(ChoiceType)
class _ChoiceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: ChoiceType) -> None:
        super().__init__(manager, kind, _I64)


def new_config(kind: ConfigType) -> Any:
    """The numba function (columns, stride, i) -> configuration."""

    @intrinsic
    def config(typing: Any, columns: Any, stride: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            made = cgutils.create_struct_proxy(kind)(context, builder)
            made.base, made.stride, made.i = args
            return made._getvalue()

        return kind(types.CPointer(types.float64), types.int64, types.int64), generate

    return config


def _refuse(reason: str) -> NoReturn:
    """What the error of the function will say."""
    raise errors.TypingError(f"{REFUSED}{reason}")


# -- attributes -----------------------------------------------------------------------------------------------------------


def _choice_table(p: Parameter) -> np.ndarray | None:
    """The numbers of choices that are read as such, not as a ChoiceType."""
    assert isinstance(p, (Categorical, Ordinal))
    if p.condition is not None:
        return None if p.numbers is None else p.numbers.astype(np.float64)
    if (plain := p.values(np.arange(p.levels))).dtype != object:
        return plain
    return _numbers(tuple(p.choices)) if None not in p.choices else None


def _value_type(p: Parameter) -> Any:
    """The type of the value of parameter p."""
    reader = p.reader
    if isinstance(reader, list):
        return ChoiceType(tuple(reader)) if (table := _choice_table(p)) is None else _TYPES[table.dtype.kind]
    return types.int64 if isinstance(p, Int) and p.condition is None else types.float64


def _resolve(kind: ConfigType, name: str) -> Any:
    """The type of ``p.name``."""
    layout = kind.layout
    _check_name(layout, name)
    return _value_type(layout.parameters[name]) if name in layout.parameters else kind.derived(name)[1].return_type


def _check_name(layout: Layout, name: str) -> None:
    if name not in layout.parameters and name not in layout.derived:
        _refuse(f"no parameter {name!r}; there are {', '.join([*layout.parameters, *layout.derived])}")


@infer_getattr
class _ConfigAttributes(AttributeTemplate):
    key = ConfigType

    def generic_resolve(self, kind, name):
        return None if name == "active" else _resolve(kind, name)


@infer
class _ConfigItems(AbstractTemplate):
    key = "static_getitem"

    def generic(self, args: Any, kws: Any) -> Any:
        kind, name = args
        return signature(_resolve(kind, name), *args) if isinstance(kind, ConfigType) and isinstance(name, str) else None


@lower_builtin("static_getitem", ConfigType, types.StringLiteral)
def _lower_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return _lower_attribute(context, builder, sig.args[0], args[0], sig.args[1].literal_value)


@lower_getattr_generic(ConfigType)
def _lower_attribute(context: Any, builder: Any, kind: ConfigType, config: Any, name: str) -> Any:
    if name not in kind.layout.derived:
        return _value(builder, kind.layout.parameters[name], _raw(context, builder, kind, config, name))
    dispatcher, sig = kind.derived(name)
    return context.get_function(types.Dispatcher(dispatcher), sig)(builder, (config,))   # {base, stride, i} is the same for both types


def _raw(context: Any, builder: Any, kind: ConfigType, config: Any, name: str) -> Any:
    p = cgutils.create_struct_proxy(kind)(context, builder, config)
    offset = builder.add(builder.mul(p.stride, ir.Constant(_I64, kind.layout.columns[name])), p.i)
    return builder.load(builder.gep(p.base, [offset]))


def _value(builder: Any, p: Parameter, raw: Any) -> Any:
    """The value of parameter p from its raw number, of the type `_value_type(p)`."""
    reader = p.reader
    if reader is None:
        return raw
    active = builder.fcmp_ordered("ord", raw, raw) if p.condition is not None else None
    if active is not None:   # converting NaN to an integer is undefined: level 0 stands in
        raw = builder.select(active, raw, ir.Constant(_F64, 0.0))
    if isinstance(reader, list):
        return _choice(builder, p, _to_int(builder, raw, p.levels - 1), active)
    if len(reader) == 2 and isinstance(reader[0], float):   # levels spread evenly from low to high: as Parameter.values
        low, high, last = (ir.Constant(_F64, float(x)) for x in (*reader, p.levels - 1))
        inside = builder.fadd(low, builder.fmul(builder.fsub(high, low), builder.fdiv(raw, last)))
        number = builder.select(builder.fcmp_ordered("==", raw, last), high, inside)
    else:   # first + level * stride, for a decimal step over a scale
        first, stride, *scale = reader
        number = _to_int(builder, raw, p.levels - 1, first, stride)
        if isinstance(p, Int) and active is None:
            return number
        number = builder.sitofp(number, _F64)
        if scale:
            number = builder.fdiv(number, ir.Constant(_F64, float(scale[0])))
    return number if active is None else builder.select(active, number, _NAN)


def _to_int(builder: Any, level: Any, last: int, first: int = 0, stride: int = 1) -> Any:
    """first + level * stride as int64, for a level in [0, last].

    Where it fits, in 32 bits, which AVX2 can convert; and masked to the bits that it has, which changes nothing but tells
    LLVM that products of small numbers need no 64-bit multiplication (1.7 times the rows a second for a product of six), and
    that they cannot overflow.
    """
    high = first + last * stride
    small = first >= -(2**31) and max(high, last * stride) < 2**31
    width = _I32 if small else _I64
    number = builder.fptosi(level, width)
    if first < 0:
        number = _masked(builder, number, last)
    number = builder.add(builder.mul(number, ir.Constant(width, stride)), ir.Constant(width, first))
    if first >= 0:
        number = _masked(builder, number, high)
    return number if not small else builder.sext(number, _I64) if first < 0 else builder.zext(number, _I64)


def _masked(builder: Any, number: Any, high: int) -> Any:
    """A number in [0, high], of which LLVM is told so."""
    return builder.and_(number, ir.Constant(number.type, (1 << high.bit_length()) - 1))


def _choice(builder: Any, p: Parameter, level: Any, active: Any) -> Any:
    if (table := _choice_table(p)) is not None:
        value, absent = _look_up(builder, table, level), _NAN
    else:
        value, absent = builder.add(level, ir.Constant(_I64, 1)), ir.Constant(_I64, 0)
    return value if active is None else builder.select(active, value, absent)


def _look_up(builder: Any, table: np.ndarray, index: Any) -> Any:
    """table[index]: truth values as bits of a word where they fit, which needs no memory."""
    if table.dtype == bool and len(table) <= 64:
        word = ir.Constant(_I64, sum(1 << k for k, true in enumerate(table.tolist()) if true))
        return builder.trunc(builder.lshr(word, index), _I1)
    element = {"b": ir.IntType(8), "i": _I64, "f": _F64}[table.dtype.kind]
    values = table.astype(np.int8).tolist() if table.dtype == bool else table.tolist()
    low = min(0, *values) if element is _I64 else 0
    known = element is _I64 and max(values) - low < 2**63
    if known:   # as _to_int: the distance from the least, masked
        values = [value - low for value in values]
    array = cgutils.global_constant(builder, "choices", ir.Constant(ir.ArrayType(element, len(table)), values))
    value = builder.load(builder.gep(array, [ir.Constant(_I64, 0), index]))
    if known:
        value = _masked(builder, value, max(values))
        return builder.add(value, ir.Constant(_I64, low)) if low else value
    return builder.trunc(value, _I1) if table.dtype == bool else value


@overload_method(ConfigType, "active", prefer_literal=True)
def _active(p, name):
    if not isinstance(name, types.StringLiteral):
        _refuse('p.active takes the name as a literal, e.g. p.active("momentum")')
    wanted = name.literal_value
    _check_name(p.layout, wanted)

    @intrinsic
    def is_active(typing, config):
        def generate(context, builder, sig, args):
            if not sig.args[0].layout.conditional(wanted):
                return ir.Constant(_I1, 1)
            raw = _raw(context, builder, sig.args[0], args[0], wanted)
            return builder.fcmp_ordered("ord", raw, raw)

        return numpy_truth(config), generate

    return lambda p, name: is_active(p)


# -- choices --------------------------------------------------------------------------------------------------------------

# numba tries the overloads of its target before its generic ones, which have an answer of their own to `== None` and `in`.
_overload_first = partial(our_overload, prefer_literal=True, target="cpu")
_MISSING = object()


def _literal(kind: Any) -> Any:
    """The constant that a numba type stands for, tuples of them included, or _MISSING."""
    if isinstance(kind, types.NoneType):
        return None
    if isinstance(kind, types.BaseTuple):
        items = tuple(_literal(k) for k in kind.types)
        return _MISSING if any(v is _MISSING for v in items) else items
    return kind.literal_value if isinstance(kind, types.Literal) else _MISSING


def _table(values: Any) -> Any:
    """The numba function choice -> its entry in a table by code."""
    table = np.asarray(values)

    @intrinsic
    def entry(typing, choice):
        def generate(context, builder, sig, args):
            return _look_up(builder, table, args[0])

        return _TYPES[table.dtype.kind](choice), generate

    return entry


def plain_value(kind: Any) -> Any:
    """The numba function value -> value of a type that may be None: itself; None raises."""

    @intrinsic
    def value(typing, optional):
        return kind.type(optional), lambda context, builder, sig, args: context.cast(builder, args[0], kind, kind.type)

    return value if isinstance(kind, types.Optional) else register_jitable(lambda value: value)


def as_number(kind: Any) -> Any:
    """The numba function value -> number or truth value: of a choice by its table, of anything else itself; None raises."""
    if not isinstance(kind, ChoiceType):
        return register_jitable(lambda value: value)
    if kind.numbers is None:
        _refuse("a choice that is not a number can be compared with ==, !=, in and is None only")
    known, entry = _table([v is not None for v in kind.values]), _table(kind.numbers)

    @register_jitable
    def number(choice):
        if not known(choice):
            raise TypeError("None is not a number")
        return entry(choice)

    return number


@lower_cast(ChoiceType, types.Number)
@lower_cast(ChoiceType, types.Boolean)
def _cast(context, builder, kind, target, value):
    number = _TYPES[kind.numbers.dtype.kind]
    return context.cast(builder, context.compile_internal(builder, as_number(kind), number(kind), [value]), number, target)


@_overload_first(operator.eq)
def _eq(a, b):
    if not isinstance(a, ChoiceType):
        return (lambda a, b: b == a) if isinstance(b, ChoiceType) else None
    if isinstance(b, ChoiceType):
        left, right = _classes(a, b)
        return lambda a, b: left(a) == right(b)
    if (value := _literal(b)) is not _MISSING:
        is_equal = _table([equal(v, value) for v in a.values])
        return lambda a, b: is_equal(a)
    if isinstance(b, (types.Number, types.Boolean)):
        if any(type(v) is int and abs(v) > 2**53 for v in a.values):
            _refuse("a choice beyond 2**53 can be compared to literals and other choices")
        number = _table([float(v) if type(v) in (bool, int, float) else math.nan for v in a.values])
        return lambda a, b: number(a) == b
    _refuse("a choice can be compared to literals, numbers and other choices")


def _classes(a: ChoiceType, b: ChoiceType) -> tuple[Any, Any]:
    """Tables that number the values of two choices, equal values alike; NaN equals nothing."""
    number: dict[Any, int] = {}
    serial = itertools.count()
    tables = [[next(serial) if v != v else number.setdefault(v, next(serial)) for v in kind.values] for kind in (a, b)]
    return _table(tables[0]), _table(tables[1])


@_overload_first(operator.ne)
def _ne(a, b):
    return (lambda a, b: not (a == b)) if isinstance(a, ChoiceType) or isinstance(b, ChoiceType) else None  # noqa: SIM201


@_overload_first(operator.contains)
def _contains(options, choice):
    if not isinstance(options, types.BaseTuple):
        return None
    if isinstance(choice, (types.Number, types.Boolean)) and len(set(map(types.unliteral, options.types))) > 1:   # numba has them of one type
        found = register_jitable(lambda options, choice: False)
        for k in (k for k, kind in enumerate(options.types) if not isinstance(kind, (types.NoneType, types.UnicodeType, types.StringLiteral))):
            found = _or_equal_to(k, found)
        return lambda options, choice: found(options, choice)
    if not isinstance(choice, ChoiceType):
        return None
    items = [_literal(kind) for kind in options.types]
    is_literal = _table([any(equal(v, item) for item in items if item is not _MISSING) for v in choice.values])
    found = register_jitable(lambda options, choice: is_literal(choice))
    for k in (k for k, item in enumerate(items) if item is _MISSING):   # floats, which are not literals to numba
        found = _or_equal_to(k, found)
    return lambda options, choice: found(options, choice)


def _or_equal_to(k: int, found: Any) -> Any:
    return register_jitable(lambda options, choice: found(options, choice) or choice == options[k])


@_overload_first(bool)
def _bool(choice):
    if not isinstance(choice, ChoiceType):
        return None
    truth = _table([bool(v) for v in choice.values])
    return lambda choice: truth(choice)


@_overload_first(operator.not_)
def _not(choice):
    return (lambda choice: not bool(choice)) if isinstance(choice, ChoiceType) else None


def _through_numbers(op: Callable[[Any, Any], Any]) -> None:
    @_overload_first(op)
    def binary(a, b):
        if not (isinstance(a, ChoiceType) or isinstance(b, ChoiceType)):
            return None
        left, right = as_number(a), as_number(b)
        return lambda a, b: op(left(a), right(b))


for _name in ("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _through_numbers(getattr(operator, _name))


@lower_builtin(operator.is_, ChoiceType, types.Any)
@lower_builtin(operator.is_, types.Any, ChoiceType)
@lower_builtin(operator.is_, ChoiceType, ChoiceType)
def _is(context, builder, sig, args):
    k = 0 if isinstance(sig.args[0], ChoiceType) else 1
    values, other = sig.args[k].values, sig.args[1 - k]
    none, true, false = (_look_up(builder, np.array([v is x for v in values]), args[k]) for x in (None, True, False))
    if isinstance(other, types.NoneType):
        return none
    if isinstance(other, types.Boolean):
        return builder.select(args[1 - k], true, false)
    raise errors.LoweringError(f"{REFUSED}`is` compares a choice to None, True and False only: use ==")
