"""Python's numbers in compiled code: what comes out is what Python gives, or the function raises there and Python is asked.

Left alone, numba's ints wrap around and its floats differ in the last bit, now and then. :class:`Compiler` is numba's with

    ints      ``+ - * ** << // abs`` and sums that outgrow 64 bits raise, as do ``>>`` by a negative number, an int to the power of a negative
              int, floats beyond 64 bits that become ints, and ints beyond 2**53 that are divided by each other or that meet a float
              in a comparison which their rounding might decide
    floats    ``**`` is the C library's ``pow``, as in Python
    ``~``     of a truth value is :class:`Inverted`: a number in Python, and ``not`` in what a requirement returns

LLVM knows how many bits a parameter has (``_to_int`` in :mod:`hpo_fast.config_type`) and drops every check that cannot fail: products of
small ints cost what they did, and are vectorised.

This module imports numba: import it where it is needed. What numba calls while it compiles has no annotations, since numba compares the
signatures of an overload and its implementation.
"""

from __future__ import annotations

import ctypes
import math
import operator
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir as llvm
from numba import literal_unroll
from numba.core import errors, ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.imputils import lower_cast
from numba.core.typeconv import Conversion
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import ReconstructSSA
from numba.extending import intrinsic, models, overload, register_model

_I64, _F64 = llvm.IntType(64), llvm.DoubleType()
_SMALLEST = llvm.Constant(_I64, -(2**63))
_EXACT = 2**53
"""Up to here every int is a float."""

REFUSED = "hpo_fast: "
"""Begins the errors that are raised here, among numba's own."""


# -- the compiler ---------------------------------------------------------------------------------------------------------


def called(value: Any, typemap: Any) -> Any:
    """The function that an operation of numba's IR is a call of; None if it is none."""
    match getattr(value, "op", None):
        case "call":
            return getattr(typemap[value.func.name], "typing_key", None)
        case "binop" | "inplace_binop" | "unary":
            return value.fn
    return None


@register_pass(mutates_CFG=False, analysis_only=False)
class _PythonInversion(FunctionPass):
    """Has :func:`_invert` for ``~``, before types are inferred."""

    _name = "hpo_fast_inversion"

    def __init__(self) -> None:   # abstract in numba
        pass

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            for assign in block.find_insts(ir.Assign):
                if getattr(assign.value, "op", None) == "unary" and assign.value.fn is operator.invert:
                    assign.value.fn = _invert
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class _PythonNumbers(FunctionPass):
    """Has the functions of this module for operations on numbers, by their types."""

    _name = "hpo_fast_numbers"

    def __init__(self) -> None:   # abstract in numba
        pass

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            for assign in block.find_insts(ir.Assign):
                done = assign.value
                if (fn := called(done, state.typemap)) is None:
                    continue
                match done.op:
                    case "call":
                        operands = [*done.args, *(operand for _, operand in done.kws)]
                    case "unary":
                        operands = [done.value]
                    case _:
                        operands = [done.lhs, done.rhs]
                sig = state.calltypes[done]
                ours, kinds = _replacement(fn, sig, [types.unliteral(state.typemap[operand.name]) for operand in operands])
                if ours is None:
                    continue
                if len(operands) != len(kinds) or (done.op == "call" and done.vararg is not None):
                    raise errors.TypingError(f"{REFUSED}{fn.__name__} takes its arguments by position in compiled code", done.loc)
                unknown = {"static_lhs": ir.UNDEFINED, "static_rhs": ir.UNDEFINED}
                if len(operands) == 1:
                    assign.value = ir.Expr.unary(ours, operands[0], done.loc)
                else:
                    assign.value = ir.Expr("binop", done.loc, fn=ours, lhs=operands[0], rhs=operands[1], **unknown)
                state.calltypes[assign.value] = state.typingctx.resolve_value_type(ours).get_call_type(state.typingctx, kinds, {})
        return True


class Compiler(CompilerBase):
    """numba's, with the passes above; for our functions only, whatever else is compiled in the process."""

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_PythonInversion, ReconstructSSA)
        passes.add_pass_after(_PythonNumbers, NopythonTypeInference)
        passes.finalize()
        return [passes]


_OURS: Any = {"pipeline_class": Compiler}
our_overload = partial(overload, jit_options=_OURS)
"""numba's, with an implementation that counts as Python does."""


# -- ints -----------------------------------------------------------------------------------------------------------------


def _raise_if(context: Any, builder: Any, wrong: Any) -> None:
    with builder.if_then(wrong, likely=False):
        context.call_conv.return_user_exc(builder, OverflowError, ("compiled code leaves this number to Python",))


def _int_operation(emit: Callable[..., tuple[Any, Any]]) -> Any:
    """The numba function (int, int) -> int of the (result, whether it is wrong) that `emit` makes of a builder and two ints."""

    @intrinsic
    def operation(typing, a, b):
        def generate(context, builder, sig, args):
            result, wrong = emit(builder, *args)
            _raise_if(context, builder, wrong)
            return result

        return types.int64(types.int64, types.int64), generate

    return operation


def _overflow(name: str, builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    both = getattr(builder, f"{name}_with_overflow")(a, b)
    return builder.extract_value(both, 0), builder.extract_value(both, 1)


def _left_shift(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    factor = builder.shl(llvm.Constant(_I64, 1), builder.and_(b, llvm.Constant(_I64, 63)))
    result, overflow = _overflow("smul", builder, a, factor)
    return result, builder.or_(overflow, builder.icmp_unsigned(">", b, llvm.Constant(_I64, 62)))


def _right_shift(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    last = llvm.Constant(_I64, 63)
    return builder.ashr(a, builder.select(builder.icmp_unsigned("<", b, last), b, last)), builder.icmp_signed("<", b, llvm.Constant(_I64, 0))


_add, _subtract, _multiply = (_int_operation(partial(_overflow, name)) for name in ("sadd", "ssub", "smul"))
_shift_left, _shift_right = _int_operation(_left_shift), _int_operation(_right_shift)


@intrinsic
def _negative(typing, a):
    def generate(context, builder, sig, args):
        result, wrong = _overflow("ssub", builder, llvm.Constant(_I64, 0), args[0])
        _raise_if(context, builder, wrong)
        return result

    return types.int64(types.int64), generate


def _guarded(fn: Any, wrong: Callable[..., Any], result: Any, *kinds: Any) -> Any:
    """The numba function `fn` of values of these types, which raises where `wrong` of a builder and the values is true."""

    def generate(context, builder, sig, args):
        _raise_if(context, builder, wrong(builder, *args))
        function = context.typing_context.resolve_value_type(fn)
        plain = function.get_call_type(context.typing_context, kinds, {})
        return context.get_function(function, plain)(builder, args)

    if len(kinds) == 1:
        return intrinsic(lambda typing, a: (result(*kinds), generate))
    return intrinsic(lambda typing, a, b: (result(*kinds), generate))


def _smallest(builder: Any, *ints: Any) -> Any:
    """Whether one is -2**63, whose negative is none of 64 bits."""
    found = [builder.icmp_signed("==", x, _SMALLEST) for x in ints]
    return builder.or_(*found) if len(found) == 2 else found[0]


def _large(builder: Any, *ints: Any) -> Any:
    """Whether one has no float, perhaps."""
    limit = llvm.Constant(_I64, _EXACT)
    found = [builder.or_(builder.icmp_signed(">", x, limit), builder.icmp_signed("<", x, limit.neg())) for x in ints]
    return builder.or_(*found) if len(found) == 2 else found[0]


def _outside(builder: Any, x: Any) -> Any:
    """Whether a float is beyond 64 bits, or NaN."""
    inside = builder.and_(builder.fcmp_ordered(">=", x, llvm.Constant(_F64, -(2.0**63))), builder.fcmp_ordered("<", x, llvm.Constant(_F64, 2.0**63)))
    return builder.not_(inside)


_INTS = (types.int64, types.int64)
_divide = _guarded(operator.truediv, _large, types.float64, *_INTS)
_floor_divide = _guarded(operator.floordiv, lambda builder, a, b: _smallest(builder, a), types.int64, *_INTS)
_divmod = _guarded(divmod, lambda builder, a, b: _smallest(builder, a), types.UniTuple(types.int64, 2), *_INTS)
_gcd = _guarded(math.gcd, _smallest, types.int64, *_INTS)
_abs = _guarded(abs, _smallest, types.int64, types.int64)


_FLOOR = {fn: _guarded(fn, _outside, types.int64, types.float64) for fn in (int, round, math.floor, math.ceil, math.trunc)}


def _int_power(a, b):
    """``a ** b`` of ints."""


@our_overload(_int_power)
def _int_power_by_squares(a, b):
    def power(a, b):
        if b < 0:
            raise ValueError("an int to the power of a negative int is a float")
        result = 1
        while True:
            if b & 1:
                result = result * a
            b = b >> 1
            if b == 0:
                return result
            a = a * a

    return power


def _int_sum(values):
    """``sum(values)`` of ints."""


def _int_sum_from(values, start):
    """``sum(values, start)`` of ints."""


@our_overload(_int_sum)
def _int_sum_from_zero(values):
    return lambda values: _int_sum_from(values, 0)


@our_overload(_int_sum_from)
def _int_sum_one_by_one(values, start):
    iterator = literal_unroll if isinstance(values, types.Tuple) else iter

    def total(values, start):
        result = start
        for value in iterator(values):
            result = result + value
        return result

    return total


# -- floats ---------------------------------------------------------------------------------------------------------------

_LIBC = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


@intrinsic
def _power(typing, a, b):
    """``pow`` of the C library, which is what Python's ``**`` of floats is, by its address.

    numba multiplies for an int exponent, and LLVM knows ``pow`` by its name and has x * x, a square root and the like in its place:
    both are another number in the last bit, now and then.
    """

    def generate(context, builder, sig, args):
        address = llvm.Constant(_I64, ctypes.cast(_LIBC.pow, ctypes.c_void_p).value)
        return builder.call(builder.inttoptr(address, llvm.FunctionType(_F64, [_F64, _F64]).as_pointer()), args)

    return types.float64(types.float64, types.float64), generate


def _comparison(symbol: str, k: int) -> Any:
    """The numba function that compares two numbers, number k of which is an int and the other a float.

    Rounding keeps the order: only where the int's float is the other number may it have decided.
    """

    @intrinsic
    def compare(typing, a, b):
        def generate(context, builder, sig, args):
            numbers = list(args)
            numbers[k] = builder.sitofp(args[k], _F64)
            _raise_if(context, builder, builder.and_(_large(builder, args[k]), builder.fcmp_ordered("==", *numbers)))
            return (builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered)(symbol, *numbers)

        return types.boolean(*_compared(k)), generate

    return compare


def _compared(k: int) -> tuple[Any, Any]:
    return (types.int64, types.float64) if k == 0 else (types.float64, types.int64)


# -- which for what -------------------------------------------------------------------------------------------------------

_POWERS = (operator.pow, operator.ipow, pow, math.pow)
_OF_INTS: dict[Any, Any] = {operator.neg: _negative, abs: _abs, math.gcd: _gcd, divmod: _divmod, pow: _int_power}
for _name, _function in (
    ("add", _add), ("sub", _subtract), ("mul", _multiply), ("floordiv", _floor_divide), ("pow", _int_power),
    ("lshift", _shift_left), ("rshift", _shift_right),
):   # fmt: skip
    _OF_INTS[getattr(operator, _name)] = _OF_INTS[getattr(operator, f"i{_name}")] = _function
_COMPARISONS = {
    getattr(operator, name): (_comparison(symbol, 0), _comparison(symbol, 1))
    for name, symbol in (("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="))
}


def _replacement(fn: Any, sig: Any, kinds: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    """What is called in place of a function of operands of these types, and its types; (None, ()) if the function itself is."""
    result, args = sig.return_type, tuple(map(types.unliteral, sig.args))
    if fn in _POWERS and result == types.float64:
        return _power, (types.float64, types.float64)
    if fn in _FLOOR and result == types.int64:
        if isinstance(kinds[0], types.Float) and len(args) == 1:
            return _FLOOR[fn], (types.float64,)
        if fn is round and isinstance(kinds[0], types.Integer) and len(args) == 1:   # by way of a float, to numba
            return operator.pos, (types.int64,)
    if fn is sum and result == types.int64:
        return (_int_sum, args[:1]) if len(kinds) == 1 else (_int_sum_from, args)
    if fn in _OF_INTS and result in (types.int64, types.UniTuple(types.int64, 2)):
        return _OF_INTS[fn], (types.int64,) * len(args)
    if fn in (operator.truediv, operator.itruediv) and all(isinstance(kind, (types.Integer, types.Boolean)) for kind in kinds):
        return _divide, _INTS
    if fn in _COMPARISONS and args == (types.float64, types.float64):
        for k in range(2):
            if kinds[k] == types.int64 and isinstance(kinds[1 - k], types.Float):
                return _COMPARISONS[fn][k], _compared(k)
    return None, ()


# -- the inverse of a truth value -----------------------------------------------------------------------------------------


class NumpyTruth(types.Boolean):
    """A truth value that is NumPy's in Python too, as ``p.active`` gives it and & | ^ with another does: ``~`` is ``not``."""

    def __init__(self) -> None:
        super().__init__(name="numpy truth")

    def can_convert_to(self, typingctx: Any, other: Any) -> Any:
        return Conversion.promote if other == types.boolean else typingctx.can_convert(types.boolean, other)

    def unify(self, typingctx: Any, other: Any) -> Any:
        """What a variable is that is now this, now another truth value or a number: not this."""
        return typingctx.unify_pairs(types.boolean, other)


class Inverted(types.Type):
    """What ``~`` makes of any other truth value, and & | ^ of that and others: to be returned, or inverted again.

    In Python it is the number -1 or -2, whose last bit is what was meant (or a truth value, if it came from NumPy unseen). All other
    uses tell these apart and are not compiled.
    """

    def __init__(self) -> None:
        super().__init__(name=INVERTED)

    def unify(self, typingctx: Any, other: Any) -> Any:
        """What a variable is that is now this, now a truth value: this."""
        return self if isinstance(other, types.Boolean) else None


INVERTED = "~truth"
"""The name of :class:`Inverted` in numba's errors."""
numpy_truth, _inverted = NumpyTruth(), Inverted()
register_model(NumpyTruth)(models.BooleanModel)
register_model(Inverted)(models.BooleanModel)


@lower_cast(types.Boolean, Inverted)
@lower_cast(NumpyTruth, types.Boolean)
def _same_bit(context, builder, kind, target, value):
    return value


@intrinsic
def inverted_truth(typing, x):
    """The truth value that :class:`Inverted` stands for."""
    return types.boolean(_inverted), lambda context, builder, sig, args: args[0]


def _invert(x):
    """``~x``."""


@overload(_invert)
def _invert_of(x):
    if not isinstance(x, (types.Boolean, Inverted)):
        return lambda x: ~x

    @intrinsic
    def flip(typing, x):
        kind = numpy_truth if isinstance(x, NumpyTruth) else _inverted
        return kind(x), lambda context, builder, sig, args: builder.not_(args[0])

    return lambda x: flip(x)


def _combined(emit: str, kinds: tuple[Any, ...]) -> Any:
    @intrinsic
    def combine(typing, a, b):
        kind = _inverted if isinstance(a, Inverted) or isinstance(b, Inverted) else numpy_truth
        return kind(a, b), lambda context, builder, sig, args: getattr(builder, emit)(*args)

    def of(a, b):
        ours = isinstance(a, kinds) or isinstance(b, kinds)
        return (lambda a, b: combine(a, b)) if ours and all(isinstance(x, (types.Boolean, *kinds)) for x in (a, b)) else None

    return of


for _name, _emit, *_kinds in (
    ("and_", "and_", Inverted), ("or_", "or_", Inverted), ("xor", "xor", Inverted), ("add", "or_"), ("mul", "and_"),   # True + True is True, to NumPy
):   # fmt: skip
    for _operator in (getattr(operator, _name), getattr(operator, f"i{_name.rstrip('_')}")):
        overload(_operator, target="cpu")(_combined(_emit, (NumpyTruth, *_kinds)))   # before numba's own, of truth values
