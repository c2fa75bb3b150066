"""Tiles of depthwise convolutions whose filters slide over neighbouring pixels of a row.

Every element that a tile needs is loaded once for a row of the filter and meets all its weights there, which stay in
registers meanwhile: 8 pixels of a 3-wide filter take 10 loads of elements and 3 of weights for 24 products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.sliding import Slide
from litejit.kernels.jit.native.emission import I32, I64, emit_fma, emit_load, emit_loop, emit_offset, emit_variable
from litejit.kernels.jit.native.rescaling import emit_requantized
from litejit.kernels.jit.native.storing import emit_clamped, emit_store_rows, rows_at
from litejit.kernels.jit.native.tiles import FLOATS, INT16_PAIRS, F32x8, Values, emit_start

__all__ = ["float_slide", "int8_slide"]

Columns = Callable[[ir.IRBuilder, ir.Value], Values]
"""(number of a row of taps) -> addresses of the input's pixels that a tile sees in it."""


def _emit_slide(
    b: ir.IRBuilder,
    slide: Slide,
    columns: Columns,
    rows: ir.Value,
    weights: ir.Value,
    start: ir.Value,
    half: int,
    load: Callable[[ir.IRBuilder, ir.Value, int], ir.Value],
    accumulate: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value],
) -> Values:
    """start + sums over so many rows of taps of 8 channels of each pixel; weights: 64 bytes for each tap."""
    sums = [emit_variable(b, start) for _ in range(slide.pixels)]

    def row(number: ir.Value) -> None:
        own = b.add(weights, b.mul(number, I64(64 * slide.taps)))
        factors = [load(b, emit_offset(b, own, 64 * tap), half) for tap in range(slide.taps)]
        for (_, _, uses), at in zip(slide.uses(), columns(b, number), strict=True):
            x = load(b, at, half)
            for pixel, tap in reversed(uses):
                b.store(accumulate(b, x, factors[tap], b.load(sums[pixel])), sums[pixel])

    emit_loop(b, rows, row)
    return [b.load(variable) for variable in sums]


def float_slide(slide: Slide) -> Any:
    """out[pixel, :] = clamp(bias + sum over taps of pixel * weight) of 16 channels, FLOAT32.

    source: address of the pixel of the input where the tile's window begins, which need not be inside the image: it is
    in `column` of its width. nothing: address of 64 bytes of zeros, which stand for pixels outside. rows: of taps,
    row_bytes apart in the input.
    """

    @intrinsic
    def tile(
        context, source, column, width, nothing, pixel_bytes, row_bytes, rows, weights, bias, out, pitch, low, high,
        channels,
    ):  # fmt: skip
        def emit(c, b, s, a):
            (
                source, column, width, nothing, pixel_bytes, row_bytes, rows, weights, bias, out, pitch, low, high,
                channels,
            ) = a  # fmt: skip
            addresses = rows_at(b, out, pitch, slide.pixels)
            inside = [b.icmp_unsigned("<", b.add(column, I64(at)), width) for at in range(slide.width)]

            def columns(b: ir.IRBuilder, number: ir.Value) -> Values:
                at = b.add(source, b.mul(number, row_bytes))
                pixels = [b.add(at, b.mul(pixel_bytes, I64(column))) for column in range(slide.width)]
                return [b.select(is_inside, pixel, nothing) for is_inside, pixel in zip(inside, pixels, strict=True)]

            def half_of(half: int) -> None:
                start = emit_load(b, bias, F32x8, 32 * half)
                sums = _emit_slide(b, slide, columns, rows, weights, start, half, FLOATS.load_column, emit_fma)
                results = emit_clamped(b, [[value] for value in sums], low, high)
                targets = [emit_offset(b, address, 32 * half) for address in addresses]
                emit_store_rows(b, results, targets, b.sub(channels, I64(8 * half)))

            half_of(0)
            with b.if_then(b.icmp_signed(">", channels, I64(8)), likely=True):
                half_of(1)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 11, types.float32, types.float32, types.int64), emit

    return tile


def _offset(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return b.sext(emit_load(b, address, I32), I64)


def int8_slide(slide: Slide, rescaling: str) -> Any:
    """As `tiles.int8_taps`, of pixels side by side; all rows of the filter have their taps side by side, too."""

    @intrinsic
    def tile(context, source, pixels, taps, count, weights, stage, out, pitch, zero_point, low, high, columns):
        def emit(c, b, s, a):
            source, pixels, taps, count, weights, stage, out, pitch, zero_point, low, high, columns = a
            first, second = (_offset(b, emit_offset(b, pixels, 4 * pixel)) for pixel in range(2))
            source, pixel_bytes = b.add(source, first), b.sdiv(b.sub(second, first), I64(slide.stride))
            rows = b.sdiv(count, I64(slide.taps))

            def window(b: ir.IRBuilder, number: ir.Value) -> Values:
                at = b.add(source, _offset(b, b.add(taps, b.mul(number, I64(4 * slide.taps)))))
                return [b.add(at, b.mul(pixel_bytes, I64(column))) for column in range(slide.width)]

            load, accumulate = INT16_PAIRS.load_column, INT16_PAIRS.accumulate
            start = emit_start(b, stage)
            halves = [
                _emit_slide(b, slide, window, rows, weights, start[half], half, load, accumulate) for half in range(2)
            ]
            sums = [list(pair) for pair in zip(*halves, strict=True)]
            outputs = rows_at(b, out, pitch, slide.pixels)
            emit_requantized(b, sums, stage, outputs, zero_point, low, high, columns, rescaling)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 12), emit

    return tile


assert COLUMNS == 16
