"""Vectors as numba values, and memory by address: what the kernels are written in.

A `Vec` is an LLVM vector; +, -, *, /, &, |, ^, <<, >> and comparisons work element by element. Loads and stores take
int64 addresses. All of it is plain LLVM that every processor has code for; where a processor has one instruction that
LLVM does not find by itself, it is used (`multiply_add_pairs`).

Intrinsics in other modules that build whole tiles are made of the same helpers, those of `native.emission`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from litejit.kernels.jit.native.emission import (
    F32,
    F64,
    I1,
    I8,
    I16,
    I32,
    I64,
    emit_call,
    emit_fma,
    emit_load,
    emit_max,
    emit_min,
    emit_multiply_add_pairs,
    emit_shuffle,
    emit_splat,
    emit_store,
    emit_store_first,
    suffix,
)

_ELEMENTS = {"i8": I8, "i16": I16, "i32": I32, "i64": I64, "f32": F32, "f64": F64}
_SCALARS = {
    "i8": types.int8,
    "i16": types.int16,
    "i32": types.int32,
    "i64": types.int64,
    "f32": types.float32,
    "f64": types.float64,
}
_BYTES = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "f32": 4, "f64": 8}


class Vec(types.Type):
    """numba type of a vector of `lanes` elements, named as in "f32x8"."""

    def __init__(self, element: str, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        super().__init__(name=f"{element}x{lanes}")

    @property
    def is_float(self) -> bool:
        """Whether the elements are floats."""
        return self.element[0] == "f"

    @property
    def llvm(self) -> ir.VectorType:
        """The LLVM type."""
        return ir.VectorType(_ELEMENTS[self.element], self.lanes)

    @property
    def bytes(self) -> int:
        """Size of the whole vector."""
        return _BYTES[self.element] * self.lanes

    @property
    def scalar(self) -> types.Type:
        """numba type of an element."""
        return _SCALARS[self.element]


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type: Vec) -> None:
        super().__init__(manager, type, type.llvm)


f32x8, f64x4, i32x8, i64x4 = Vec("f32", 8), Vec("f64", 4), Vec("i32", 8), Vec("i64", 4)
i16x16, i8x16, i8x32, i8x8, i16x8 = Vec("i16", 16), Vec("i8", 16), Vec("i8", 32), Vec("i8", 8), Vec("i16", 8)
i32x4, f32x4, i32x16, f32x16 = Vec("i32", 4), Vec("f32", 4), Vec("i32", 16), Vec("f32", 16)


# Values --------------------------------------------------------------------------------------------------------------


def _loader(type: Any, llvm: ir.Type) -> Any:
    @intrinsic
    def load(context, address):
        return type(types.int64), lambda c, b, s, a: emit_load(b, a[0], llvm)

    return load


load_f32x8, load_f64x4, load_i32x8 = (_loader(type, type.llvm) for type in (f32x8, f64x4, i32x8))
load_i16x16, load_i8x16, load_i8x32, load_i8x8, load_i16x8, load_i64x4 = (
    _loader(type, type.llvm) for type in (i16x16, i8x16, i8x32, i8x8, i16x8, i64x4)
)
load_i8, load_i16, load_i32, load_i64 = (
    _loader(_SCALARS[name], _ELEMENTS[name]) for name in ("i8", "i16", "i32", "i64")
)
load_u8, load_u16 = _loader(types.uint8, I8), _loader(types.uint16, I16)
load_f32, load_f64 = _loader(types.float32, F32), _loader(types.float64, F64)


@intrinsic
def store(context, address, value):
    """Stores a vector or a scalar at an address."""

    def emit(c, b, s, a):
        emit_store(b, a[1], a[0])
        return c.get_dummy_value()

    return types.void(types.int64, value), emit


@intrinsic
def store_first(context, address, value, count):
    """Stores the first `count` lanes of a vector, all of them if there are that many."""

    def emit(c, b, s, a):
        emit_store_first(b, a[1], a[0], a[2])
        return c.get_dummy_value()

    return types.void(types.int64, value, types.int64), emit


def _splatter(vec: Vec) -> Any:
    @intrinsic
    def splat(context, value):
        return vec(vec.scalar), lambda c, b, s, a: emit_splat(b, a[0], vec.lanes)

    return splat


splat_f32x8, splat_f64x4, splat_i32x8, splat_i64x4 = (_splatter(vec) for vec in (f32x8, f64x4, i32x8, i64x4))
splat_i16x16, splat_i8x16, splat_i8x32, splat_i16x8 = (_splatter(vec) for vec in (i16x16, i8x16, i8x32, i16x8))


def _converter(source: Vec, target: Vec, how: str) -> Any:
    @intrinsic
    def convert(context, x):
        return target(source), lambda c, b, s, a: getattr(b, how)(a[0], target.llvm)

    return convert


widen_i8x16 = _converter(i8x16, i16x16, "sext")
widen_u8x16 = _converter(i8x16, i16x16, "zext")
widen_i16x8 = _converter(i16x8, i32x8, "sext")
widen_i8x8 = _converter(i8x8, i32x8, "sext")
widen_u8x8 = _converter(i8x8, i32x8, "zext")
to_f32x8 = _converter(i32x8, f32x8, "sitofp")
to_i32x8 = _converter(f32x8, i32x8, "fptosi")
narrow_i32x8 = _converter(i32x8, i8x8, "trunc")
narrow_i32x8_i16 = _converter(i32x8, i16x8, "trunc")
bits_of_f32x8 = _converter(f32x8, i32x8, "bitcast")
f32x8_of_bits = _converter(i32x8, f32x8, "bitcast")


@intrinsic
def fma(context, x, y, z):
    """x * y + z, fused where the processor fuses."""
    return x(x, y, z), lambda c, b, s, a: emit_fma(b, *a)


@intrinsic
def multiply_add_pairs(context, x, y):
    """i16x16 -> i32x8: x[2i] * y[2i] + x[2i + 1] * y[2i + 1]."""
    return i32x8(x, y), lambda c, b, s, a: emit_multiply_add_pairs(b, *a)


def _interleaver(numbers: Sequence[int]) -> Any:
    @intrinsic
    def interleave(context, x, y):
        lanes = [at for number in numbers for at in (number, number + 16)]
        return x(x, y), lambda c, b, s, a: emit_shuffle(b, *a, lanes)

    return interleave


interleave_first = _interleaver([0, 1, 2, 3, 8, 9, 10, 11])
"""i16x16: x y side by side, lanes 0-3 and 8-11: the order of columns in packed weights, first half."""

interleave_second = _interleaver([4, 5, 6, 7, 12, 13, 14, 15])
"""i16x16: the same for lanes 4-7 and 12-15, second half."""


@intrinsic
def minimum(context, x, y):
    """The smaller; of floats y unless x is smaller."""
    return x(x, y), lambda c, b, s, a: emit_min(b, *a)


@intrinsic
def maximum(context, x, y):
    """The larger; of floats y unless x is larger."""
    return x(x, y), lambda c, b, s, a: emit_max(b, *a)


@intrinsic
def select(context, mask, x, y):
    """x where the mask (of a comparison) holds, y elsewhere."""
    return x(mask, x, y), lambda c, b, s, a: b.select(*a)


def _unary(name: str) -> Any:
    @intrinsic
    def function(context, x):
        return x(x), lambda c, b, s, a: emit_call(b, f"llvm.{name}.{suffix(a[0].type)}", a[0].type, a[0])

    return function


sqrt, absolute, floor, trunc, round_even = (_unary(name) for name in ("sqrt", "fabs", "floor", "trunc", "rint"))


@intrinsic
def total(context, x):
    """Sum of the lanes, pair by pair."""

    def emit(c, b, s, a):
        value, lanes = a[0], x.lanes
        while lanes > 1:
            half = lanes // 2
            low, high = (emit_shuffle(b, value, value, part) for part in (range(half), range(half, lanes)))
            value, lanes = (b.fadd if x.is_float else b.add)(low, high), half
        return b.extract_element(value, I32(0))

    return x.scalar(x), emit


@intrinsic
def largest(context, x):
    """The largest lane."""

    def emit(c, b, s, a):
        value, lanes = a[0], x.lanes
        while lanes > 1:
            half = lanes // 2
            value, lanes = (
                emit_max(b, *(emit_shuffle(b, value, value, part) for part in (range(half), range(half, lanes)))),
                half,
            )
        return b.extract_element(value, I32(0))

    return x.scalar(x), emit


class Mask(types.Type):
    """numba type of what comparing two vectors gives."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(name=f"maskx{lanes}")


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type: Mask) -> None:
        super().__init__(manager, type, ir.VectorType(I1, type.lanes))


def _define(symbol: Callable[..., Any], integer: str, floating: str | None) -> None:
    @infer_global(symbol)
    class Binary(AbstractTemplate):
        def generic(self, args: tuple[Any, ...], kws: Any) -> Any:
            if (
                len(args) == 2
                and isinstance(args[0], Vec)
                and args[0] == args[1]
                and (floating or not args[0].is_float)
            ):
                return signature(args[0], *args)
            return None

    @lower_builtin(symbol, Vec, Vec)
    def apply(context, builder, sig, args):
        return getattr(builder, floating if sig.return_type.is_float else integer)(*args)


_define(operator.add, "add", "fadd")
_define(operator.sub, "sub", "fsub")
_define(operator.mul, "mul", "fmul")
_define(operator.truediv, "sdiv", "fdiv")
_define(operator.and_, "and_", None)
_define(operator.or_, "or_", None)
_define(operator.xor, "xor", None)
_define(operator.lshift, "shl", None)
_define(operator.rshift, "ashr", None)


def _define_comparison(symbol: Callable[..., Any], sign: str) -> None:
    @infer_global(symbol)
    class Comparison(AbstractTemplate):
        def generic(self, args: tuple[Any, ...], kws: Any) -> Any:
            if len(args) == 2 and isinstance(args[0], Vec) and args[0] == args[1]:
                return signature(Mask(args[0].lanes), *args)
            return None

    @lower_builtin(symbol, Vec, Vec)
    def apply(context, builder, sig, args):
        return (builder.fcmp_ordered if sig.args[0].is_float else builder.icmp_signed)(sign, *args)


for _symbol, _sign in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _define_comparison(_symbol, _sign)


# Argument blocks -----------------------------------------------------------------------------------------------------


def getters(layout: Any) -> tuple[Any, Any]:
    """(get, get_float): read a slot of an argument block by its name in the layout, as int64 or as float64."""

    def getter(llvm: ir.Type, type: types.Type) -> Any:
        @intrinsic(prefer_literal=True)
        def get(context, args, name):
            offset = layout.offsets[name.literal_value]
            return type(types.int64, name), lambda c, b, s, a: emit_load(b, a[0], llvm, offset)

        return get

    return getter(I64, types.int64), getter(F64, types.float64)
