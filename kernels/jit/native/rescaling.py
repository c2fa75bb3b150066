"""What becomes of integer sums in 8 bits: rescaled, in integers or in floats, and clamped."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from litejit.kernels.jit.layouts.panels import PROVED_AT, STAGE_BYTES
from litejit.kernels.jit.native.emission import (
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    emit_call,
    emit_constant,
    emit_load,
    emit_loop,
    emit_max,
    emit_min,
    emit_shuffle,
    emit_splat,
)
from litejit.kernels.jit.native.storing import emit_store_bytes
from litejit.kernels.jit.target import fuses, has_feature

__all__ = ["FIXED", "FLOATS", "WIDE", "Factors", "emit_requantized", "emit_words", "low_bytes", "pack_to_i16"]
__all__ += ["sign_extended"]

F32x8, I32x8, I64x4 = ir.VectorType(F32, 8), ir.VectorType(I32, 8), ir.VectorType(I64, 4)
F64x8, I64x8 = ir.VectorType(F64, 8), ir.VectorType(I64, 8)
I16x16, I8x16 = ir.VectorType(I16, 16), ir.VectorType(I8, 16)

Values = list[ir.Value]

FIXED, WIDE, FLOATS = "fixed", "wide", "floats"
"""Twice the sums, by the fixed-point formula, all of whose factors are below 1/2; the same for any factors; sums as
`kernels.jit.float_rescaling` has proved that floats may be used, in their stages, and twice the sums with any factors
in panels that it has not been proved for."""

ROUNDING = 1.5 * 2.0**23
"""Floats from 2^23 on are whole numbers, so that adding this rounds what is below 2^22, ties to even."""

WIDE_ROUNDING = 1.5 * 2.0**52
"""The same for float64."""


def emit_words(
    b: ir.IRBuilder,
    sums: list[Values],
    stage: ir.Value,
    zero_point: ir.Value,
    low: ir.Value,
    high: ir.Value,
    rescaling: str,
) -> Values:
    """Rescales sums (columns in packed order), adds the zero point, clamps: 16 words in order of each row.

    rescaling: FIXED, WIDE or FLOATS, which is how the sums have been packed to be.
    """
    bounds = [zero_point, low, high]
    if rescaling != FLOATS:
        return _emit_words(b, sums, stage, bounds, rescaling)
    # Floats are rescaled around the middle of the clamp, see `float_rescaling`.
    middle = b.ashr(b.add(b.add(low, high), I64(1)), I64(1))
    proved = b.icmp_signed("!=", emit_load(b, stage, I32, PROVED_AT), I32(0))
    ways = []
    with b.if_else(proved, likely=True) as (floats, formula):
        with floats:
            ways.append((_emit_words(b, sums, stage, [middle, low, high], FLOATS), b.block))
        with formula:
            ways.append((_emit_words_by_row(b, sums, stage, bounds), b.block))
    results = []
    for row in range(len(sums)):
        results.append(b.phi(I16x16))
        for words, block in ways:
            results[row].add_incoming(words[row], block)
    return results


def _emit_words_by_row(b: ir.IRBuilder, sums: list[Values], stage: ir.Value, bounds: Values) -> Values:
    """Any factors, a row at a time: little code for panels that are few."""
    with b.goto_entry_block():
        table, results = b.alloca(I32x8, size=2 * len(sums)), b.alloca(I16x16, size=len(sums))
    for at, value in enumerate(value for row in sums for value in row):
        b.store(value, b.gep(table, [I64(at)]))

    def row(number: ir.Value) -> None:
        pair = [b.load(b.gep(table, [b.add(b.mul(number, I64(2)), I64(half))])) for half in range(2)]
        (words,) = _emit_words(b, [pair], stage, bounds, WIDE)
        b.store(words, b.gep(results, [number]))

    emit_loop(b, I64(len(sums)), row)
    return [b.load(b.gep(results, [I64(at)])) for at in range(len(sums))]


def _emit_words(b: ir.IRBuilder, sums: list[Values], stage: ir.Value, bounds: Values, rescaling: str) -> Values:
    """bounds: what is added to results, and their clamp."""
    halves = [_RESCALINGS[rescaling](b, stage, half) for half in range(2)]
    rescaled = [[apply(value) for apply, value in zip(halves, row, strict=True)] for row in sums]
    zero16, low16, high16 = (emit_splat(b, b.trunc(value, I16), 16) for value in bounds)
    results = []
    for pair in rescaled:
        words = pack_to_i16(b, *pair)
        words = emit_call(b, "llvm.sadd.sat.v16i16", I16x16, words, zero16)
        results.append(emit_min(b, emit_max(b, words, low16), high16))
    return results


def emit_requantized(
    b: ir.IRBuilder,
    sums: list[Values],
    stage: ir.Value,
    addresses: Values,
    zero_point: ir.Value,
    low: ir.Value,
    high: ir.Value,
    columns: ir.Value,
    rescaling: str,
) -> None:
    """What emit_words gives as bytes: stores 16 of each row."""
    results = [low_bytes(b, words) for words in emit_words(b, sums, stage, zero_point, low, high, rescaling)]
    emit_store_bytes(b, results, addresses, columns)


def pack_to_i16(b: ir.IRBuilder, first: ir.Value, second: ir.Value) -> ir.Value:
    """Two vectors of columns 0-3, 8-11 and 4-7, 12-15 -> 16 columns in order, saturated to 16 bits."""
    if has_feature("avx2"):
        return emit_call(b, "llvm.x86.avx2.packssdw", I16x16, first, second)
    wide = ir.VectorType(I32, 16)
    both = emit_shuffle(b, first, second, [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15])
    low, high = emit_constant(wide, -(1 << 15)), emit_constant(wide, (1 << 15) - 1)
    return b.trunc(emit_min(b, emit_max(b, both, low), high), I16x16)


def low_bytes(b: ir.IRBuilder, words: ir.Value) -> ir.Value:
    """16 words -> their 16 low bytes."""
    return b.trunc(words, I8x16)


class Factors:
    """The multipliers of 8 columns, loaded once for a tile.

    With X = twice the sum, M the multiplier and e the right shift, the result of rounding twice, ties of the second
    rounding away from zero, is (high32(X * M + 2^31 + (2^(e-1) << 32)) + (X < 0 ? -1 : 0)) >> e for e >= 1: the first
    rounding is the 2^31, the second one the 2^(e-1) less 1 for negative numbers. Where e = 0 nothing is rounded again;
    where the factor is 1 or more, X has been shifted left before.
    """

    def __init__(self, b: ir.IRBuilder, stage: ir.Value, half: int) -> None:
        at = 64 + 224 * half
        self.even, self.odd, self.round_even, self.round_odd = (
            emit_load(b, stage, I64x4, at + 32 * slot) for slot in range(4)
        )
        self.right, self.left, self.again = (emit_load(b, stage, I32x8, at + 32 * slot) for slot in (4, 5, 6))

    def apply(self, b: ir.IRBuilder, x: ir.Value, wide: bool) -> ir.Value:
        """int32 sums, rescaled (`wide`: where a shift to the left comes first)."""
        if wide:
            x = b.shl(x, self.left)
        even = b.bitcast(x, I64x4)
        odd = b.lshr(even, emit_constant(I64x4, 32))
        even = b.add(b.mul(sign_extended(b, even), sign_extended(b, self.even)), self.round_even)
        odd = b.add(b.mul(sign_extended(b, odd), sign_extended(b, self.odd)), self.round_odd)
        high = emit_shuffle(b, b.bitcast(even, I32x8), b.bitcast(odd, I32x8), [1, 9, 3, 11, 5, 13, 7, 15])
        sign = b.ashr(x, emit_constant(I32x8, 31))
        return b.ashr(b.add(high, b.and_(sign, self.again) if wide else sign), self.right)


def sign_extended(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The low 32 bits of each lane as a signed number; LLVM makes one multiplication of it and what follows."""
    return b.ashr(b.shl(x, emit_constant(I64x4, 32)), emit_constant(I64x4, 32))


def _fixed(wide: bool) -> Callable[[ir.IRBuilder, ir.Value, int], Callable[[ir.Value], ir.Value]]:
    def prepare(b: ir.IRBuilder, stage: ir.Value, half: int) -> Callable[[ir.Value], ir.Value]:
        factors = Factors(b, stage, half)
        return lambda x: factors.apply(b, x, wide)

    return prepare


def _floats(b: ir.IRBuilder, stage: ir.Value, half: int) -> Callable[[ir.Value], ir.Value]:
    """rint(float32(x) * scale), the product exact: fused with the rounding, or in float64."""
    scale = emit_load(b, stage, F32x8, 64 + 32 * half)

    def fused(x: ir.Value) -> ir.Value:
        rounding = emit_constant(F32x8, ROUNDING)
        rounded = emit_call(b, "llvm.fma.v8f32", F32x8, b.sitofp(x, F32x8), scale, rounding)
        return b.sub(b.bitcast(rounded, I32x8), b.bitcast(rounding, I32x8))

    def apart(x: ir.Value) -> ir.Value:
        product = b.fmul(b.fpext(b.sitofp(x, F32x8), F64x8), b.fpext(scale, F64x8))
        rounded = b.fadd(product, emit_constant(F64x8, WIDE_ROUNDING))
        return b.trunc(b.bitcast(rounded, I64x8), I32x8)

    return fused if fuses() else apart


_RESCALINGS = {FIXED: _fixed(False), WIDE: _fixed(True), FLOATS: _floats}
"""Each loads what 8 columns have in common."""

assert STAGE_BYTES > PROVED_AT == 64 + 2 * 224
