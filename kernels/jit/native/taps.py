"""Tiles of depthwise convolutions: 16 channels of a few pixels, with taps that lie anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import I32, I64, emit_fma, emit_load, emit_loop, emit_variable
from litejit.kernels.jit.native.rescaling import emit_requantized
from litejit.kernels.jit.native.storing import emit_clamped, emit_store_rows, rows_at
from litejit.kernels.jit.native.tiles import FLOATS, INT16_PAIRS, F32x8, Values, emit_start, row_addresses

__all__ = ["emit_taps", "float_taps", "int8_taps"]


def emit_taps(
    b: ir.IRBuilder,
    pixels: Values,
    start: Values,
    taps: ir.Value,
    count: ir.Value,
    weights: ir.Value,
    load: Callable[[ir.IRBuilder, ir.Value, int], ir.Value],
    accumulate: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value],
) -> list[Values]:
    """start + sums over taps of 16 channels of pixels times 16 weights, 64 bytes each: [pixels][2] vectors.

    taps: address of `count` int32 offsets from the address of a pixel.
    """
    sums = [[emit_variable(b, value) for value in start] for _ in pixels]

    def tap(number: ir.Value) -> None:
        offset = b.sext(emit_load(b, b.add(taps, b.mul(number, I64(4))), I32), I64)
        at = b.add(weights, b.mul(number, I64(64)))
        for half, y in enumerate([load(b, at, half) for half in range(2)]):
            for pixel, into in zip(pixels, sums, strict=True):
                x = load(b, b.add(pixel, offset), half)
                b.store(accumulate(b, x, y, b.load(into[half])), into[half])

    emit_loop(b, count, tap)
    return [[b.load(variable) for variable in into] for into in sums]


def float_taps(rows: int) -> Any:
    """out[pixel, :] = clamp(bias + sum over taps of pixel * weight) of 16 channels, FLOAT32."""

    @intrinsic
    def tile(context, source, pixels, taps, count, weights, bias, out, pitch, low, high, columns):
        def emit(c, b, s, a):
            source, pixels, taps, count, weights, bias, out, pitch, low, high, columns = a
            start = [emit_load(b, bias, F32x8, 32 * half) for half in range(2)]
            addresses = row_addresses(b, source, pixels, rows)
            sums = emit_taps(b, addresses, start, taps, count, weights, FLOATS.load_column, emit_fma)
            emit_store_rows(b, emit_clamped(b, sums, low, high), rows_at(b, out, pitch, rows), columns)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 8, types.float32, types.float32, types.int64), emit

    return tile


def int8_taps(rows: int, rescaling: str) -> Any:
    """The same in 8 bits: pixels are pairs of rows in int16 side by side, so that every tap counts for two."""

    @intrinsic
    def tile(context, source, pixels, taps, count, weights, stage, out, pitch, zero_point, low, high, columns):
        def emit(c, b, s, a):
            source, pixels, taps, count, weights, stage, out, pitch, zero_point, low, high, columns = a
            start = emit_start(b, stage)
            addresses = row_addresses(b, source, pixels, rows)
            load, accumulate = INT16_PAIRS.load_column, INT16_PAIRS.accumulate
            sums = emit_taps(b, addresses, start, taps, count, weights, load, accumulate)
            emit_requantized(b, sums, stage, rows_at(b, out, pitch, rows), zero_point, low, high, columns, rescaling)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 12), emit

    return tile
