"""What intrinsics are built of: LLVM instructions for vectors and for memory by address.

The helpers (`emit_…`) take an llvmlite builder and give the value. All of it is plain LLVM that every processor has
code for; where a processor has one instruction that LLVM does not find by itself, it is used
(`emit_multiply_add_pairs`). Addresses are int64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from litejit.kernels.jit.target import has_feature, is_checked

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F32, F64 = ir.FloatType(), ir.DoubleType()


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
    return emit_call(b, f"llvm.fmuladd.{suffix(x.type)}", x.type, x, y, z)


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
    return emit_call(b, f"llvm.smin.{suffix(x.type)}", x.type, x, y)


def emit_max(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The larger; of floats y unless x is larger."""
    if _is_float(x.type):
        return b.select(b.fcmp_ordered(">", x, y), x, y)
    return emit_call(b, f"llvm.smax.{suffix(x.type)}", x.type, x, y)


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
            emit_call(b, f"llvm.masked.store.{suffix(value.type)}.p0", ir.VoidType(), value, pointer, I32(1), mask)


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


def suffix(type: ir.Type) -> str:
    """How LLVM names a type in the names of its intrinsics, as in "v8f32"."""
    element = getattr(type, "element", type)
    name = {F32: "f32", F64: "f64"}.get(element) or f"i{element.width}"
    return f"v{type.count}{name}" if isinstance(type, ir.VectorType) else name
