"""Bytes in vectors: packing of wider integers, look-ups in tables, widening of either signedness."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import (
    I8,
    I16,
    I32,
    I64,
    emit_call,
    emit_constant,
    emit_load,
    emit_max,
    emit_min,
    emit_shuffle,
    emit_store,
    emit_variable,
)
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import i8x32, i32x8, load_i8x8, load_i16x8, widen_i8x8, widen_i16x8
from litejit.kernels.jit.target import has_feature

__all__ = [
    "as_bytes",
    "first_words",
    "lane",
    "last_words",
    "look_up_32",
    "pack_bytes",
    "pack_unsigned_bytes",
    "store_bytes_within",
    "store_first_bytes",
    "wide_bytes",
    "wide_words",
]

_VEC32 = ir.VectorType(I8, 32)


def _packer(low: int, instruction: str) -> Any:
    """A function of four i32x8 -> i8x32, saturated to 256 values from `low` on."""

    @intrinsic
    def pack(context, x0, x1, x2, x3):
        def emit(c, b, s, a):
            if has_feature("avx2"):
                words = ir.VectorType(I16, 16)
                halves = [emit_call(b, "llvm.x86.avx2.packssdw", words, *a[at : at + 2]) for at in (0, 2)]
                packed = emit_call(b, f"llvm.x86.avx2.{instruction}", _VEC32, *halves)
                mixed = b.bitcast(packed, ir.VectorType(I32, 8))
                return b.bitcast(emit_shuffle(b, mixed, mixed, [0, 4, 1, 5, 2, 6, 3, 7]), _VEC32)
            kind = a[0].type
            bounds = emit_constant(kind, low), emit_constant(kind, low + 255)
            parts = [b.trunc(emit_min(b, emit_max(b, x, bounds[0]), bounds[1]), ir.VectorType(I8, 8)) for x in a]
            halves = [emit_shuffle(b, *parts[at : at + 2], range(16)) for at in (0, 2)]
            return emit_shuffle(b, *halves, range(32))

        return i8x32(i32x8, i32x8, i32x8, i32x8), emit

    return pack


pack_bytes, pack_unsigned_bytes = _packer(-128, "packsswb"), _packer(0, "packuswb")


@intrinsic
def look_up_32(context, planes, x):
    """i8x32: entries of a table of 256 bytes for 32 bytes; planes: see `tables.planes_of`.

    A plane serves 16 values. Those below it shuffle to 0, those above it get what their own plane's entries then change
    to the right ones.
    """

    def emit(c, b, s, a):
        planes, x = a
        result = None
        for half in range(2):
            index = b.xor(x, emit_constant(_VEC32, -128)) if half else x
            for plane in range(8):
                at = 16 * (8 * half + plane)
                entries = emit_load(b, planes, ir.VectorType(I8, 16), at)
                entries = emit_shuffle(b, entries, entries, [*range(16), *range(16)])
                if plane:
                    index = emit_call(b, "llvm.ssub.sat.v32i8", _VEC32, index, emit_constant(_VEC32, 16))
                found = emit_call(b, "llvm.x86.avx2.pshuf.b", _VEC32, entries, index)
                result = found if result is None else b.xor(result, found)
        return result

    return i8x32(types.int64, i8x32), emit


@inline
def wide_bytes(address, mask):
    """8 bytes as i32x8; mask: all ones for int8, 255 for uint8."""
    return widen_i8x8(load_i8x8(address)) & mask


@inline
def wide_words(address):
    """8 int16 as i32x8."""
    return widen_i16x8(load_i16x8(address))


def _half_of_words(first: int) -> Any:
    @intrinsic
    def half(context, x):
        wide = ir.VectorType(I32, 8)
        return i32x8(x), lambda c, b, s, a: b.sext(emit_shuffle(b, *a, *a, range(first, first + 8)), wide)

    return half


first_words, last_words = _half_of_words(0), _half_of_words(8)
"""i16x16 -> i32x8: either half, widened."""


@intrinsic
def as_bytes(context, x):
    """A vector of 32 bytes as i8x32."""
    return i8x32(x), lambda c, b, s, a: b.bitcast(a[0], _VEC32)


@intrinsic
def store_first_bytes(context, address, value, count):
    """Stores the first `count` bytes of a vector of 32, all of them if there are that many."""

    def emit(c, b, s, a):
        address, value, count = a
        with b.if_else(b.icmp_signed(">=", count, I64(32)), likely=True) as (all_lanes, some):
            with all_lanes:
                emit_store(b, value, address)
            with some:
                rest, at = emit_variable(b, value), emit_variable(b, address)
                for size in (16, 8, 4, 2, 1):
                    with b.if_then(b.icmp_signed("!=", b.and_(count, I64(size)), I64(0))):
                        vector, place = b.load(rest), b.load(at)
                        emit_store(b, emit_shuffle(b, vector, vector, range(size)), place)
                        b.store(emit_shuffle(b, vector, vector, [*range(size, 32), *range(size)]), rest)
                        b.store(b.add(place, I64(size)), at)
        return c.get_dummy_value()

    return types.void(types.int64, i8x32, types.int64), emit


@inline
def store_bytes_within(address, value, count, room):
    """The same; all 32 where that many bytes from the address on are written later anyway."""
    store_first_bytes(address, value, 32 if room >= 32 else count)


@intrinsic
def lane(context, x, number):
    """One element of an i32x8, as int64."""
    return types.int64(i32x8, types.int64), lambda c, b, s, a: b.sext(b.extract_element(a[0], a[1]), I64)
