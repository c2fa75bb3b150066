"""Vectors as numba values, and memory by address: what the kernels are written in.

A `Vec` is an LLVM vector; +, -, *, /, &, |, ^, <<, >> and comparisons work element by element. Loads and stores take
int64 addresses. All of it is plain LLVM that every processor has code for; where a processor has one instruction that
LLVM does not find by itself, it is used (`multiply_add_pairs`).

Emission helpers (`emit_…`, taking an llvmlite builder) are for intrinsics in other modules that build whole tiles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from litejit.kernels.jit.target import has_feature, is_checked

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F32, F64 = ir.FloatType(), ir.DoubleType()

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


# Emission ------------------------------------------------------------------------------------------------------------


def emit_constant(type: ir.Type, value: float) -> ir.Constant:
    """A constant, in every lane if the type is a vector."""
    return ir.Constant(type, [value] * type.count) if isinstance(type, ir.VectorType) else ir.Constant(type, value)


def emit_call(b: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    """A call of an LLVM intrinsic or an outside function."""
    module = b.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return b.call(function, arguments)


def emit_load(b: ir.IRBuilder, address: ir.Value, type: ir.Type, offset: int = 0) -> ir.Value:
    """What lies at address + offset; no alignment is assumed."""
    at = emit_offset(b, address, offset)
    emit_check(b, at, I64(_size(type)), writes=False)
    return b.load(b.inttoptr(at, type.as_pointer()), align=1)


def emit_prefetch(b: ir.IRBuilder, address: ir.Value) -> None:
    """Asks for the cache line at an address, which need not be one that may be read."""
    name = "llvm.prefetch.p0"
    function = b.module.globals.get(name)
    pointer = b.inttoptr(address, I8.as_pointer())
    if function is None:
        function = ir.Function(b.module, ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32]), name)
    b.call(function, [pointer, I32(0), I32(2), I32(1)])


def emit_store(b: ir.IRBuilder, value: ir.Value, address: ir.Value, offset: int = 0) -> None:
    """Stores at address + offset."""
    at = emit_offset(b, address, offset)
    emit_check(b, at, I64(_size(value.type)), writes=True)
    b.store(value, b.inttoptr(at, value.type.as_pointer()), align=1)


def emit_check(b: ir.IRBuilder, address: ir.Value, size: ir.Value, writes: bool) -> None:
    """In the checked build, holds an access against the memory that the kernel was given (see `guard`)."""
    if is_checked():
        emit_call(b, "litejit_check", ir.VoidType(), address, size, I64(int(writes)))


def _size(type: ir.Type) -> int:
    if isinstance(type, ir.VectorType):
        return type.count * _size(type.element)
    return {F32: 4, F64: 8}.get(type) or type.width // 8


def emit_offset(b: ir.IRBuilder, address: ir.Value, offset: int) -> ir.Value:
    """address + offset bytes."""
    return b.add(address, I64(offset)) if offset else address


def emit_splat(b: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """A vector of one scalar."""
    type = ir.VectorType(value.type, lanes)
    first = b.insert_element(ir.Constant(type, ir.Undefined), value, I32(0))
    return b.shuffle_vector(first, ir.Constant(type, ir.Undefined), emit_constant(ir.VectorType(I32, lanes), 0))


def emit_shuffle(b: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """Lanes of x followed by y, picked by number."""
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))


def emit_fma(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x * y + z, fused where the processor fuses."""
    return emit_call(b, f"llvm.fmuladd.{_suffix(x.type)}", x.type, x, y, z)


def emit_multiply_add_pairs(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """i16 lanes -> i32 lanes, half as many: x[2i] * y[2i] + x[2i + 1] * y[2i + 1]."""
    lanes = x.type.count
    if has_feature("avx2") and lanes == 16:
        return emit_call(b, "llvm.x86.avx2.pmadd.wd", ir.VectorType(I32, 8), x, y)
    wide = ir.VectorType(I32, lanes)
    products = b.mul(b.sext(x, wide), b.sext(y, wide))
    even = emit_shuffle(b, products, products, range(0, lanes, 2))
    odd = emit_shuffle(b, products, products, range(1, lanes, 2))
    return b.add(even, odd)


def emit_min(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The smaller; of floats y unless x is smaller."""
    if _is_float(x.type):
        return b.select(b.fcmp_ordered("<", x, y), x, y)
    return emit_call(b, f"llvm.smin.{_suffix(x.type)}", x.type, x, y)


def emit_max(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The larger; of floats y unless x is larger."""
    if _is_float(x.type):
        return b.select(b.fcmp_ordered(">", x, y), x, y)
    return emit_call(b, f"llvm.smax.{_suffix(x.type)}", x.type, x, y)


def emit_store_first(b: ir.IRBuilder, value: ir.Value, address: ir.Value, count: ir.Value) -> None:
    """Stores the first `count` (int64) lanes, all of them if there are that many."""
    lanes = value.type.count
    whole = b.icmp_signed(">=", count, I64(lanes))
    with b.if_else(whole, likely=True) as (all_lanes, some):
        with all_lanes:
            emit_store(b, value, address)
        with some:
            numbers = ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))
            mask = b.icmp_signed("<", numbers, emit_splat(b, count, lanes))
            with b.if_then(b.icmp_signed(">", count, I64(0))):
                emit_check(b, address, b.mul(count, I64(_size(value.type.element))), writes=True)
            pointer = b.inttoptr(address, value.type.as_pointer())
            emit_call(b, f"llvm.masked.store.{_suffix(value.type)}.p0", ir.VoidType(), value, pointer, I32(1), mask)


def emit_loop(b: ir.IRBuilder, count: ir.Value, body: Callable[[ir.Value], None]) -> None:
    """body(i) for i in range(count); count is int64."""
    before = b.block
    head, inside, after = (b.append_basic_block(name) for name in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    index = b.phi(I64)
    index.add_incoming(I64(0), before)
    b.cbranch(b.icmp_signed("<", index, count), inside, after)
    b.position_at_end(inside)
    body(index)
    index.add_incoming(b.add(index, I64(1)), b.block)
    b.branch(head)
    b.position_at_end(after)


def emit_variable(b: ir.IRBuilder, value: ir.Value) -> Any:
    """A variable that holds the value; read it with b.load, set it with b.store. It becomes a register."""
    with b.goto_entry_block():
        slot = b.alloca(value.type)
    b.store(value, slot)
    return slot


def _is_float(type: ir.Type) -> bool:
    return getattr(type, "element", type) in (F32, F64)


def _suffix(type: ir.Type) -> str:
    element = getattr(type, "element", type)
    name = {F32: "f32", F64: "f64"}.get(element) or f"i{element.width}"
    return f"v{type.count}{name}" if isinstance(type, ir.VectorType) else name


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
        return x(x), lambda c, b, s, a: emit_call(b, f"llvm.{name}.{_suffix(a[0].type)}", a[0].type, a[0])

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
