"""Tiles: a few rows of a matrix product in registers, 16 columns wide, with what follows the sums fused in.

A row of the left matrix is given by its address, as segments of consecutive elements; weights come in panels of 16
columns (see `litejit.kernels.jit.packing`). A tile of 6 rows keeps 12 vectors of sums, which is what 16 registers hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.native.simd import (
    F32,
    I8,
    I16,
    I32,
    I64,
    emit_call,
    emit_constant,
    emit_fma,
    emit_load,
    emit_loop,
    emit_max,
    emit_min,
    emit_multiply_add_pairs,
    emit_prefetch,
    emit_shuffle,
    emit_splat,
    emit_store,
    emit_variable,
)
from litejit.kernels.jit.native.storing import emit_clamped, emit_store_first_bytes, emit_store_rows, rows_at
from litejit.kernels.jit.target import has_feature

F32x8, I32x8, I64x4 = ir.VectorType(F32, 8), ir.VectorType(I32, 8), ir.VectorType(I64, 4)
I16x16, I8x32, I8x16 = ir.VectorType(I16, 16), ir.VectorType(I8, 32), ir.VectorType(I8, 16)

Values = list[ir.Value]


@dataclass(frozen=True)
class Operands:
    """What the columns and rows of a kind of product are: how they are loaded, and how a product is added to a sum.

    column_bytes: of 16 columns for one step.
    """

    load_column: Callable[[ir.IRBuilder, ir.Value, int], ir.Value]
    load_row: Callable[[ir.IRBuilder, ir.Value], ir.Value]
    accumulate: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value]
    column_bytes: int = 64


FLOATS = Operands(
    lambda b, at, half: emit_load(b, at, F32x8, 32 * half),
    lambda b, at: emit_splat(b, emit_load(b, at, F32), 8),
    emit_fma,
)
INT16_PAIRS = Operands(
    lambda b, at, half: emit_load(b, at, I16x16, 32 * half),
    lambda b, at: b.bitcast(emit_splat(b, emit_load(b, at, I32), 8), I16x16),
    lambda b, x, y, z: b.add(z, emit_multiply_add_pairs(b, x, y)),
)
"""Two elements of int16 a step."""
INT8_PAIRS = replace(
    INT16_PAIRS,
    load_column=lambda b, at, half: b.sext(emit_load(b, at, I8x16, 16 * half), I16x16),
    column_bytes=32,
)
"""The same with weights of int8."""


def emit_sums(
    b: ir.IRBuilder,
    operands: Operands,
    rows: Values,
    start: Values,
    segments: ir.Value,
    count: ir.Value,
    steps: ir.Value,
    panels: Values,
) -> list[Values]:
    """start + rows x panels: [rows][2 * panels] vectors of sums; start: [2 * panels], of one panel maybe the first.

    segments: address of `count` int32 offsets, where the segments of each row begin; each has `steps` steps of 4 bytes.
    """
    sums = [[emit_variable(b, value) for value in start] for _ in rows]

    def segment(number: ir.Value) -> None:
        offset = b.sext(emit_load(b, b.add(segments, b.mul(number, I64(4))), I32), I64)
        starts = [b.add(row, offset) for row in rows]
        done = b.mul(b.mul(number, steps), I64(operands.column_bytes))
        _emit_steps(b, operands, starts, [b.add(panel, done) for panel in panels], steps, sums)

    emit_loop(b, count, segment)
    return [[b.load(variable) for variable in into] for into in sums]


def emit_products(
    b: ir.IRBuilder,
    operands: Operands,
    rows: Values,
    start: Values,
    steps: ir.Value,
    panels: Values,
    next_panel: ir.Value | None = None,
) -> list[Values]:
    """As emit_sums, of rows that are one segment. next_panel: address of what is fetched into the cache meanwhile."""
    sums = [[emit_variable(b, value) for value in start] for _ in rows]
    _emit_steps(b, operands, rows, panels, steps, sums, next_panel)
    return [[b.load(variable) for variable in into] for into in sums]


def _emit_steps(
    b: ir.IRBuilder,
    operands: Operands,
    rows: Values,
    panels: Values,
    steps: ir.Value,
    sums: list[list[Any]],
    next_panel: ir.Value | None = None,
) -> None:
    """Adds rows x panels to variables."""

    def step(k: ir.Value) -> None:
        at = b.mul(k, I64(operands.column_bytes))
        if next_panel is not None:
            emit_prefetch(b, b.add(next_panel, at))
        halves = range(len(sums[0]) // len(panels))
        columns = [operands.load_column(b, b.add(panel, at), half) for panel in panels for half in halves]
        for row, into in zip(rows, sums, strict=True):
            x = operands.load_row(b, b.add(row, b.mul(k, I64(4))))
            for y, variable in zip(columns, into, strict=True):
                b.store(operands.accumulate(b, x, y, b.load(variable)), variable)

    emit_loop(b, steps, step)


def row_addresses(b: ir.IRBuilder, source: ir.Value, pixels: ir.Value, rows: int) -> Values:
    """source + the first int32 offsets of pixels."""
    return [b.add(source, b.sext(emit_load(b, pixels, I32, 4 * row), I64)) for row in range(rows)]


def float_tile(rows: int, few: bool = False) -> Any:
    """out[row, :] = clamp(bias + row x panel), FLOAT32.

    source + pixels[row]: address of a row; bias: of 16 floats; out, pitch: of the first output row, bytes to the next;
    columns: how many of the 16 exist. zero_point: floats have none, it stands for that of `int8_tile`. few: columns are
    at most 8; otherwise there are two ways, and it is asked at run time.
    """

    @intrinsic
    def tile(context, source, pixels, segments, count, steps, panel, bias, out, pitch, zero_point, low, high, columns):
        def emit(c, b, s, a):
            source, pixels, segments, count, steps, panel, bias, out, pitch, _, low, high, columns = a
            addresses, targets = row_addresses(b, source, pixels, rows), rows_at(b, out, pitch, rows)

            def halves(count_of_halves: int) -> None:
                start = [emit_load(b, bias, F32x8, 32 * half) for half in range(count_of_halves)]
                sums = emit_sums(b, FLOATS, addresses, start, segments, count, steps, [panel])
                emit_store_rows(b, emit_clamped(b, sums, low, high), targets, columns)

            if few:
                halves(1)
            else:
                with b.if_else(b.icmp_signed(">", columns, I64(8)), likely=True) as (both, first):
                    with both:
                        halves(2)
                    with first:
                        halves(1)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 10, types.float32, types.float32, types.int64), emit

    return tile


def int8_tile(rows: int, wide: bool) -> Any:
    """out[row, :] = clamp(rescale(bias + row x panel) + zero_point) in 8 bits; rows of int16 pairs.

    stage: address of the panel's output stage (see `packing.pack_stage`). wide: some factor is 1/2 or more.
    """

    @intrinsic
    def tile(context, source, pixels, segments, count, steps, panel, stage, out, pitch, zero_point, low, high, columns):
        def emit(c, b, s, a):
            source, pixels, segments, count, steps, panel, stage, out, pitch, zero_point, low, high, columns = a
            start = [emit_load(b, stage, I32x8, 32 * half) for half in range(2)]
            addresses = row_addresses(b, source, pixels, rows)
            sums = emit_sums(b, INT16_PAIRS, addresses, start, segments, count, steps, [panel])
            emit_requantized(b, sums, stage, rows_at(b, out, pitch, rows), zero_point, low, high, columns, wide)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 13), emit

    return tile


def emit_words(
    b: ir.IRBuilder,
    sums: list[Values],
    stage: ir.Value,
    zero_point: ir.Value,
    low: ir.Value,
    high: ir.Value,
    wide: bool,
    rectified: bool = False,
) -> Values:
    """Rescales twice the sums (columns in packed order), adds the zero point, clamps: 16 words in order of each row.

    rectified: the clamp takes everything below the zero point away.
    """
    factors = [Factors(b, stage, half) for half in range(2)]
    rescaled = [
        [factor.apply(b, value, wide, rectified) for factor, value in zip(factors, row, strict=True)] for row in sums
    ]
    low16, high16, zero16 = (emit_splat(b, b.trunc(value, I16), 16) for value in (low, high, zero_point))
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
    wide: bool,
) -> None:
    """What emit_words gives as bytes: stores 16 of each row."""
    results = [low_bytes(b, words) for words in emit_words(b, sums, stage, zero_point, low, high, wide)]
    whole = b.icmp_signed(">=", columns, I64(COLUMNS))
    with b.if_else(whole, likely=True) as (all_columns, some):
        with all_columns:
            for address, value in zip(addresses, results, strict=True):
                emit_store(b, value, address)
        with some:
            for address, value in zip(addresses, results, strict=True):
                emit_store_first_bytes(b, value, address, columns)


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

    def apply(self, b: ir.IRBuilder, x: ir.Value, wide: bool, rectified: bool = False) -> ir.Value:
        """int32 sums, rescaled (`wide`: where a shift to the left comes first).

        rectified: what is below 0 may be anything that is not above. Then nothing is taken off: with X <= -2 and
        M >= 2^30 the product and the 2^31 are not above 0, and the 2^(e-1) alone is shifted away.
        """
        if wide:
            x = b.shl(x, self.left)
        even = b.bitcast(x, I64x4)
        odd = b.lshr(even, emit_constant(I64x4, 32))
        even = b.add(b.mul(sign_extended(b, even), sign_extended(b, self.even)), self.round_even)
        odd = b.add(b.mul(sign_extended(b, odd), sign_extended(b, self.odd)), self.round_odd)
        high = emit_shuffle(b, b.bitcast(even, I32x8), b.bitcast(odd, I32x8), [1, 9, 3, 11, 5, 13, 7, 15])
        if rectified and not wide:
            return b.ashr(high, self.right)
        sign = b.ashr(x, emit_constant(I32x8, 31))
        return b.ashr(b.add(high, b.and_(sign, self.again) if wide else sign), self.right)


def sign_extended(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The low 32 bits of each lane as a signed number; LLVM makes one multiplication of it and what follows."""
    return b.ashr(b.shl(x, emit_constant(I64x4, 32)), emit_constant(I64x4, 32))


assert STAGE_BYTES == 64 + 2 * 224
