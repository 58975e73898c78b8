"""Vectors of float32 for Numba kernels.

Numba leaves vectorisation to LLVM, which has to prove that arrays do not overlap before it dares:
several innocent rewrites of the scan ran up to nine times slower for that reason. Kernels here say
what they mean instead. ``Vector`` is an LLVM vector type, and the functions below are LLVM
instructions on it, so the same source becomes AVX-512, AVX2 or NEON.

Addresses are plain integers in bytes. ``lanes`` is how many lanes to touch, from the first: any
number up to the end of a row will do, since ``LANES`` or more means all of them.

No fast-math flag is set anywhere: NaN and infinity propagate, and the order of operations is the
order in the source, which is what makes results independent of how a sequence was cut into chunks.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeAlias, TypeVar

import numba.core.cgutils
import numba.extending
from llvmlite import ir
from numba.core import types
from numba.extending import models

from edgehybrid_kernels import jit

P = ParamSpec("P")
R = TypeVar("R")
Builder: TypeAlias = Any

# Numba is typed in part, and differently from version to version.
_extending: Any = numba.extending
_cgutils: Any = numba.core.cgutils

FLOAT_BYTES: Final = 4
# 16 lanes are one AVX-512 register. Elsewhere 8 lanes (one AVX2 register, two of NEON) leave
# enough registers for the four tokens that the scan keeps in flight.
LANES: Final = 16 if "+avx512f" in jit.target()[2].split(",") else 8

_FLOAT = ir.FloatType()
_INT, _LONG = ir.IntType(32), ir.IntType(64)
_FLOATS = ir.VectorType(_FLOAT, LANES)
_INTS = ir.VectorType(_INT, LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)
_HALVES = ir.VectorType(ir.HalfType(), LANES)
_UNALIGNED: Final = 4
_HALF_BYTES: Final = 2


class Vector(Protocol):
    """LANES float32 numbers, as the kernels' source sees them; for type checkers only."""

    def __add__(self, other: Vector) -> Vector: ...
    def __sub__(self, other: Vector) -> Vector: ...
    def __mul__(self, other: Vector) -> Vector: ...
    def __truediv__(self, other: Vector) -> Vector: ...


class _VectorType(types.Type):  # type: ignore[misc,unused-ignore]
    """Numba's type of :class:`Vector`."""


VECTOR: Final[Any] = _VectorType(f"float32x{LANES}")
_NUMBA_TYPES: Final[dict[str, Any]] = {
    "Vector": VECTOR,
    "int": jit.INT,
    "float": jit.FLOAT,
    "None": types.void,
}


@_extending.register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc,unused-ignore]
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _FLOATS)  # type: ignore[no-untyped-call,unused-ignore]


def primitive(emit: Callable[Concatenate[Builder, P], R]) -> Callable[P, R]:
    """Makes ``emit(builder, *values)`` a function for kernels, typed by its annotations."""
    annotations: dict[str, Any] = dict(emit.__annotations__)
    result = _NUMBA_TYPES[annotations.pop("return")]
    arguments = [_NUMBA_TYPES[name] for name in list(annotations.values())[1:]]
    signature = result(*arguments)
    emitter: Any = emit

    def generate(context: Any, builder: Builder, signature: Any, values: Any) -> Any:
        emitted = emitter(builder, *values)
        return context.get_dummy_value() if emitted is None else emitted

    def typing(context: Any, *found: Any) -> Any:
        return signature, generate

    # Numba folds arguments by the typing function's own signature: emit's, context for builder.
    typing.__signature__ = inspect.signature(emit)  # type: ignore[attr-defined]
    typing.__name__ = emit.__name__
    typing.__doc__ = emit.__doc__
    function: Callable[P, R] = _extending.intrinsic(typing)
    return function


def _register_operator(symbol: Any, method: str) -> None:
    def typing(context: Any) -> Any:
        return lambda left, right: VECTOR if left is VECTOR and right is VECTOR else None

    def generate(context: Any, builder: Builder, signature: Any, values: Any) -> Any:
        return getattr(builder, method)(*values)

    _extending.type_callable(symbol)(typing)
    _extending.lower_builtin(symbol, VECTOR, VECTOR)(generate)


_register_operator(operator.add, "fadd")
_register_operator(operator.sub, "fsub")
_register_operator(operator.mul, "fmul")
_register_operator(operator.truediv, "fdiv")


def _splat(builder: Builder, scalar: Any, vector: Any = _FLOATS) -> Any:
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _INT(0))
    zeros = ir.Constant(_INTS, [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), zeros)


def pointer_to(builder: Builder, address: Any, pointee: Any) -> Any:
    """An address as a typed pointer."""
    return builder.inttoptr(address, pointee.as_pointer())


def call_intrinsic(builder: Builder, name: str, result: Any, arguments: list[Any]) -> Any:
    """Calls one of LLVM's functions."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(_cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _mask(builder: Builder, lanes: Any) -> Any:
    indices = ir.Constant(_INTS, list(range(LANES)))
    return builder.icmp_signed("<", indices, _splat(builder, builder.trunc(lanes, _INT), _INTS))


def _is_whole(builder: Builder, lanes: Any) -> Any:
    return builder.icmp_signed(">=", lanes, ir.Constant(lanes.type, LANES))


@primitive
def load(builder: Builder, address: int) -> Vector:
    """Reads LANES numbers."""
    return builder.load(pointer_to(builder, address, _FLOATS), align=_UNALIGNED)  # type: ignore[no-any-return]


@primitive
def store(builder: Builder, address: int, value: Vector) -> None:
    """Writes LANES numbers."""
    builder.store(value, pointer_to(builder, address, _FLOATS), align=_UNALIGNED)


@primitive
def load_first(builder: Builder, address: int, lanes: int) -> Vector:
    """Reads up to LANES numbers and nothing after them; the other lanes are 0."""
    pointer = pointer_to(builder, address, _FLOATS)
    with builder.if_else(_is_whole(builder, lanes), likely=True) as (whole, ragged):
        with whole:
            everything = builder.load(pointer, align=_UNALIGNED)
            from_whole = builder.block
        with ragged:
            arguments = [
                pointer,
                _INT(_UNALIGNED),
                _mask(builder, lanes),
                ir.Constant(_FLOATS, None),
            ]
            some = call_intrinsic(builder, f"llvm.masked.load.v{LANES}f32.p0", _FLOATS, arguments)
            from_ragged = builder.block
    loaded = builder.phi(_FLOATS)
    loaded.add_incoming(everything, from_whole)
    loaded.add_incoming(some, from_ragged)
    return loaded  # type: ignore[no-any-return]


@primitive
def load_first_or(builder: Builder, address: int, lanes: int, other: Vector) -> Vector:
    """As :func:`load_first`, but the other lanes are those of ``other``."""
    pointer = pointer_to(builder, address, _FLOATS)
    arguments = [pointer, _INT(_UNALIGNED), _mask(builder, lanes), other]
    return call_intrinsic(  # type: ignore[no-any-return]
        builder, f"llvm.masked.load.v{LANES}f32.p0", _FLOATS, arguments
    )


@primitive
def store_first(builder: Builder, address: int, value: Vector, lanes: int) -> None:
    """Writes up to LANES numbers and nothing after them."""
    pointer = pointer_to(builder, address, _FLOATS)
    with builder.if_else(_is_whole(builder, lanes), likely=True) as (whole, ragged):
        with whole:
            builder.store(value, pointer, align=_UNALIGNED)
        with ragged:
            arguments = [value, pointer, _INT(_UNALIGNED), _mask(builder, lanes)]
            call_intrinsic(builder, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), arguments)


@primitive
def load_halves(builder: Builder, address: int, lanes: int) -> Vector:
    """As :func:`load_first` of float16 numbers."""
    arguments = [
        pointer_to(builder, address, _HALVES),
        _INT(_HALF_BYTES),
        _mask(builder, lanes),
        ir.Constant(_HALVES, None),
    ]
    loaded = call_intrinsic(builder, f"llvm.masked.load.v{LANES}f16.p0", _HALVES, arguments)
    return builder.fpext(loaded, _FLOATS)  # type: ignore[no-any-return]


@primitive
def store_halves(builder: Builder, address: int, value: Vector, lanes: int) -> None:
    """As :func:`store_first`, rounded to float16; beyond 65504 it becomes infinity."""
    narrow = builder.fptrunc(value, _HALVES)
    pointer = pointer_to(builder, address, _HALVES)
    arguments = [narrow, pointer, _INT(_HALF_BYTES), _mask(builder, lanes)]
    call_intrinsic(builder, f"llvm.masked.store.v{LANES}f16.p0", ir.VoidType(), arguments)


@primitive
def load_scalar(builder: Builder, address: int) -> float:
    """Reads one number."""
    return builder.load(pointer_to(builder, address, _FLOAT), align=_UNALIGNED)  # type: ignore[no-any-return]


@primitive
def store_scalar(builder: Builder, address: int, value: float) -> None:
    """Writes one number."""
    builder.store(value, pointer_to(builder, address, _FLOAT), align=_UNALIGNED)


@primitive
def prefetch(builder: Builder, address: int) -> None:
    """Asks for the cache line at an address, which need not be valid, to be read soon."""
    pointer = pointer_to(builder, address, ir.IntType(8))
    hints = [_INT(0), _INT(3), _INT(1)]  # for reading, into every level, data
    call_intrinsic(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, *hints])


@primitive
def load_word(builder: Builder, address: int) -> int:
    """Reads one int64."""
    return builder.load(pointer_to(builder, address, _LONG), align=_UNALIGNED)  # type: ignore[no-any-return]


@primitive
def load_int(builder: Builder, address: int) -> int:
    """Reads one int32."""
    value = builder.load(pointer_to(builder, address, _INT), align=_UNALIGNED)
    return builder.sext(value, _LONG)  # type: ignore[no-any-return]


@primitive
def load_byte(builder: Builder, address: int) -> int:
    """Reads one signed byte."""
    value = builder.load(pointer_to(builder, address, ir.IntType(8)), align=1)
    return builder.sext(value, _LONG)  # type: ignore[no-any-return]


@primitive
def store_word(builder: Builder, address: int, value: int) -> None:
    """Writes one int64."""
    builder.store(value, pointer_to(builder, address, _LONG), align=_UNALIGNED)


@primitive
def store_bytes(builder: Builder, address: int, rounded: Vector) -> None:
    """Writes LANES numbers n, given as n + 1.5 * 2**23, as signed bytes; NaN as any byte."""
    bits = builder.trunc(builder.bitcast(rounded, _INTS), ir.VectorType(ir.IntType(8), LANES))
    builder.store(bits, pointer_to(builder, address, bits.type), align=1)


def _every_other(builder: Builder, low: Any, high: Any, start: int) -> Any:
    picks = ir.Constant(_INTS, list(range(start, 2 * LANES, 2)))
    return builder.shuffle_vector(low, high, picks)


@primitive
def evens(builder: Builder, low: Vector, high: Vector) -> Vector:
    """The first, third, fifth ... number of two vectors."""
    return _every_other(builder, low, high, 0)  # type: ignore[no-any-return]


@primitive
def odds(builder: Builder, low: Vector, high: Vector) -> Vector:
    """The second, fourth, sixth ... number of two vectors."""
    return _every_other(builder, low, high, 1)  # type: ignore[no-any-return]


@primitive
def splat(builder: Builder, value: float) -> Vector:
    """The same number in every lane."""
    return _splat(builder, value)  # type: ignore[no-any-return]


@primitive
def fma(builder: Builder, left: Vector, right: Vector, addend: Vector) -> Vector:
    """left * right + addend, rounded once."""
    return call_intrinsic(builder, f"llvm.fma.v{LANES}f32", _FLOATS, [left, right, addend])  # type: ignore[no-any-return]


@primitive
def magnitude(builder: Builder, value: Vector) -> Vector:
    """Absolute values."""
    return call_intrinsic(builder, f"llvm.fabs.v{LANES}f32", _FLOATS, [value])  # type: ignore[no-any-return]


@primitive
def square_root(builder: Builder, value: Vector) -> Vector:
    """Square roots; NaN below 0."""
    return call_intrinsic(builder, f"llvm.sqrt.v{LANES}f32", _FLOATS, [value])  # type: ignore[no-any-return]


@primitive
def where_below(
    builder: Builder, value: Vector, bound: Vector, below: Vector, otherwise: Vector
) -> Vector:
    """``below`` in the lanes where value < bound, else ``otherwise``."""
    is_below = builder.fcmp_ordered("<", value, bound)
    return builder.select(is_below, below, otherwise)  # type: ignore[no-any-return]


@primitive
def where_within(
    builder: Builder, value: Vector, low: Vector, high: Vector, inside: Vector, outside: Vector
) -> Vector:
    """``inside`` in the lanes where low <= value <= high, else, for NaN too, ``outside``."""
    above = builder.fcmp_ordered(">=", value, low)
    within = builder.and_(above, builder.fcmp_ordered("<=", value, high))
    return builder.select(within, inside, outside)  # type: ignore[no-any-return]


@primitive
def at_least(builder: Builder, value: Vector, bound: Vector) -> Vector:
    """max(value, bound), except that a NaN in ``value`` stays NaN."""
    below = builder.fcmp_ordered("<", value, bound)
    return builder.select(below, bound, value)  # type: ignore[no-any-return]


@primitive
def at_most(builder: Builder, value: Vector, bound: Vector) -> Vector:
    """min(value, bound), except that a NaN in ``value`` stays NaN."""
    above = builder.fcmp_ordered(">", value, bound)
    return builder.select(above, bound, value)  # type: ignore[no-any-return]


@primitive
def times_two_to(builder: Builder, value: Vector, exponent: Vector) -> Vector:
    """value * 2**exponent for whole exponents from -252 to 254, rounded and saturated as IEEE asks.

    In two factors, so that a result below the normal range or above the largest number comes out
    right. The exponent's bits are read from the sum with 1.5 * 2**23 rather than by a conversion,
    which would be undefined for NaN.
    """
    magic = ir.Constant(_FLOATS, [1.5 * 2**23] * LANES)
    bits = builder.bitcast(builder.fadd(exponent, magic), _INTS)
    whole = builder.sub(bits, builder.bitcast(magic, _INTS))
    half = builder.ashr(whole, ir.Constant(_INTS, [1] * LANES))
    for part in (half, builder.sub(whole, half)):
        biased = builder.add(part, ir.Constant(_INTS, [127] * LANES))
        shifted = builder.shl(biased, ir.Constant(_INTS, [23] * LANES))
        value = builder.fmul(value, builder.bitcast(shifted, _FLOATS))
    return value


@primitive
def times_two_to_rounded(builder: Builder, value: Vector, rounded: Vector) -> Vector:
    """value * 2**n for ``rounded`` = n + 1.5 * 2**23, n a whole number from -126 to 127.

    :func:`times_two_to` for those who know that the factor is a normal number, in one step.
    """
    magic = ir.Constant(_FLOATS, [1.5 * 2**23] * LANES)
    whole = builder.sub(builder.bitcast(rounded, _INTS), builder.bitcast(magic, _INTS))
    biased = builder.add(whole, ir.Constant(_INTS, [127] * LANES))
    factor = builder.bitcast(builder.shl(biased, ir.Constant(_INTS, [23] * LANES)), _FLOATS)
    return builder.fmul(value, factor)  # type: ignore[no-any-return]


def _fold(builder: Builder, value: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combines the lanes as a balanced tree: always in the same order, in log2(LANES) steps."""
    width = LANES // 2
    while width:
        indices = [(lane + width) % LANES for lane in range(LANES)]
        shuffled = builder.shuffle_vector(value, value, ir.Constant(_INTS, indices))
        value = combine(value, shuffled)
        width //= 2
    return builder.extract_element(value, _INT(0))


@primitive
def total(builder: Builder, value: Vector) -> float:
    """The sum of all lanes."""
    return _fold(builder, value, builder.fadd)  # type: ignore[no-any-return]


@primitive
def largest(builder: Builder, value: Vector) -> float:
    """The largest lane; NaN lanes may be ignored."""
    return _fold(  # type: ignore[no-any-return]
        builder, value, lambda a, b: builder.select(builder.fcmp_ordered("<", a, b), b, a)
    )


@primitive
def first_lane(builder: Builder, value: Vector) -> float:
    """The number in the first lane."""
    return builder.extract_element(value, _INT(0))  # type: ignore[no-any-return]
