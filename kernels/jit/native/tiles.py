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

from litejit.kernels.jit.native.emission import (
    F32,
    I8,
    I16,
    I32,
    I64,
    emit_fma,
    emit_load,
    emit_loop,
    emit_multiply_add_pairs,
    emit_prefetch,
    emit_splat,
    emit_variable,
)
from litejit.kernels.jit.native.rescaling import emit_requantized
from litejit.kernels.jit.native.storing import emit_clamped, emit_store_rows, rows_at

F32x8, I32x8, I64x4 = ir.VectorType(F32, 8), ir.VectorType(I32, 8), ir.VectorType(I64, 4)
I16x16, I8x32, I8x16 = ir.VectorType(I16, 16), ir.VectorType(I8, 32), ir.VectorType(I8, 16)

Values = list[ir.Value]


@dataclass(frozen=True)
class Operands:
    """What the columns and rows of a kind of product are: how they are loaded, and how a product is added to a sum.

    column_bytes: of 16 columns for one step; row_bytes: of a row.
    """

    load_column: Callable[[ir.IRBuilder, ir.Value, int], ir.Value]
    load_row: Callable[[ir.IRBuilder, ir.Value], ir.Value]
    accumulate: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value]
    column_bytes: int = 64
    row_bytes: int = 4


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
            x = operands.load_row(b, b.add(row, b.mul(k, I64(operands.row_bytes))))
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


def emit_start(b: ir.IRBuilder, stage: ir.Value) -> Values:
    """What sums start with, for 16 columns. stage: address of the output stage of a panel for bytes."""
    return [emit_load(b, stage, I32x8, 32 * half) for half in range(2)]


def tile_of_bytes(rows: int, rescaling: str, emit: Callable[..., list[Values]]) -> Any:
    """out[row, :] = clamp(rescale(bias + row x panel) + zero_point) in 8 bits.

    stage: address of the panel's output stage (see `packing.pack_stage`). rescaling: see `rescaling`.
    emit(b, addresses of the rows, stage, segments, count, steps, panel): makes twice the sums, biases included.
    """

    @intrinsic
    def tile(context, source, pixels, segments, count, steps, panel, stage, out, pitch, zero_point, low, high, columns):
        def body(c, b, s, a):
            source, pixels, segments, count, steps, panel, stage, out, pitch, zero_point, low, high, columns = a
            sums = emit(b, row_addresses(b, source, pixels, rows), stage, segments, count, steps, panel)
            emit_requantized(b, sums, stage, rows_at(b, out, pitch, rows), zero_point, low, high, columns, rescaling)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 13), body

    return tile


def int8_tile(rows: int, rescaling: str) -> Any:
    """A tile of rows of int16 pairs."""

    def emit(b, addresses, stage, segments, count, steps, panel):
        return emit_sums(b, INT16_PAIRS, addresses, emit_start(b, stage), segments, count, steps, [panel])

    return tile_of_bytes(rows, rescaling, emit)
