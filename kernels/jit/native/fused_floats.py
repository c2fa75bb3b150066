"""Fused blocks of floats: what `fused` is made of."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.fused import FUSED
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.native.copying import fill_f32
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    I32,
    I64,
    emit_fma,
    emit_load,
    emit_loop,
    emit_max,
    emit_min,
    emit_offset,
    emit_splat,
    emit_store,
    emit_variable,
    getters,
    load_f32x8,
    load_i32,
    splat_f32x8,
    store,
    store_first,
)
from litejit.kernels.jit.native.storing import emit_store_rows, rows_at
from litejit.kernels.jit.native.tiles import (
    FLOATS,
    F32x8,
    Values,
    emit_products,
    emit_sums,
    row_addresses,
)

__all__ = ["PIXEL", "convolver", "copy", "expander", "pad", "projector", "read"]

get, get_float = getters(FUSED)

PIXEL = 4 * COLUMNS
"""Bytes of a pixel of a chunk."""


def emit_clamped(b: ir.IRBuilder, rows: list[Values], low: ir.Value, high: ir.Value) -> list[Values]:
    """Not a number stays not a number."""
    low, high = emit_splat(b, low, 8), emit_splat(b, high, 8)
    return [[emit_min(b, high, emit_max(b, low, value)) for value in row] for row in rows]


def expand_tile(rows: int) -> Any:
    """Pixels of the input times a panel, each to its place in the expanded chunk."""

    @intrinsic
    def tile(context, source, pitch, steps, panel, bias, chunk, places, low, high):
        def emit(c, b, s, a):
            source, pitch, steps, panel, bias, chunk, places, low, high = a
            start = [emit_load(b, bias, F32x8, 32 * half) for half in range(2)]
            sums = emit_products(b, FLOATS, rows_at(b, source, pitch, rows), start, steps, [panel])
            results = emit_clamped(b, sums, low, high)
            for address, row in zip(row_addresses(b, chunk, places, rows), results, strict=True):
                for half, value in enumerate(row):
                    emit_store(b, value, address, 32 * half)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 7, types.float32, types.float32), emit

    return tile


def depthwise_tile(width: int, stride: int, pixels: int) -> Any:
    """Output pixels side by side, from the rows that the offsets tell; each row of the input is loaded once."""

    @intrinsic
    def tile(context, source, offsets, height, taps, bias, out, low, high):
        def emit(c, b, s, a):
            source, offsets, height, taps, bias, out, low, high = a

            def half(number: ir.Value) -> None:
                place = b.mul(number, I64(32))
                begin, column_at, row_taps = (b.add(address, place) for address in (bias, source, taps))
                sums = [emit_variable(b, emit_load(b, begin, F32x8)) for _ in range(pixels)]

                def row(number: ir.Value) -> None:
                    at = b.add(column_at, b.sext(emit_load(b, b.add(offsets, b.mul(number, I64(4))), I32), I64))
                    weights = b.add(row_taps, b.mul(number, I64(width * PIXEL)))
                    factors = [emit_load(b, weights, F32x8, PIXEL * x) for x in range(width)]
                    for column in range((pixels - 1) * stride + width):
                        value = emit_load(b, at, F32x8, PIXEL * column)
                        for pixel in range(pixels):
                            x = column - pixel * stride
                            if 0 <= x < width:
                                b.store(emit_fma(b, value, factors[x], b.load(sums[pixel])), sums[pixel])

                emit_loop(b, height, row)
                target = b.add(out, place)
                for pixel, (value,) in enumerate(emit_clamped(b, [[b.load(each)] for each in sums], low, high)):
                    emit_store(b, value, target, PIXEL * pixel)

            emit_loop(b, I64(2), half)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 6, types.float32, types.float32), emit

    return tile


def project_tile(rows: int) -> Any:
    """Pixels of all chunks times a panel, clamped, with the residual added if its address is not 0."""

    @intrinsic
    def tile(
        context, source, offsets, chunks, panel, bias, out, pitch, columns, low, high, residual, added_low, added_high
    ):
        def emit(c, b, s, a):
            source, offsets, chunks, panel, bias, out, pitch, columns, low, high, residual, added_low, added_high = a
            addresses = [emit_offset(b, source, PIXEL * row) for row in range(rows)]
            start = [emit_load(b, bias, F32x8, 32 * half) for half in range(2)]
            sums = emit_sums(b, FLOATS, addresses, start, offsets, chunks, I64(COLUMNS), [panel])
            results = [[emit_variable(b, value) for value in row] for row in emit_clamped(b, sums, low, high)]
            with b.if_then(b.icmp_signed("!=", residual, I64(0))):
                totals = [
                    [b.fadd(b.load(value), emit_load(b, at, F32x8, 32 * half)) for half, value in enumerate(row)]
                    for at, row in zip(rows_at(b, residual, pitch, rows), results, strict=True)
                ]
                for row, into in zip(emit_clamped(b, totals, added_low, added_high), results, strict=True):
                    for value, variable in zip(row, into, strict=True):
                        b.store(value, variable)
            final = [[b.load(value) for value in row] for row in results]
            emit_store_rows(b, final, rows_at(b, out, pitch, rows), columns)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 8, *[types.float32] * 2, types.int64, *[types.float32] * 2), emit

    return tile


@inline
def pad(args, target, pixels):
    """Pixels that are not in the image."""
    fill_f32(target, pixels * COLUMNS, 0.0)


@inline
def read(args, source, pixel, count, rank):
    """Address of the image that expansions of these pixels read."""
    return source


@inline
def copy(args, source, number, pixel, count, chunk):
    """Pixels of a chunk of the input, zeros after its last channel, where nothing is expanded."""
    channels, pitch = get(args, "channels") - number * COLUMNS, get(args, "pixel_bytes")
    places = get(args, "places") + 4 * pixel
    source += pixel * pitch + number * PIXEL
    nothing = splat_f32x8(0.0)
    for at in range(count):
        target = chunk + load_i32(places + 4 * at)
        for half in range(2):
            if channels < COLUMNS:
                store(target + 32 * half, nothing)
            store_first(target + 32 * half, load_f32x8(source + 32 * half), channels - 8 * half)
        source += pitch


def expander(rows: int) -> Any:
    """In tiles of so many pixels."""
    tile = expand_tile(rows)

    @inline
    def expand(args, source, number, pixel, count, chunk):
        """Pixels of an expanded chunk."""
        pitch, steps, places = get(args, "expand_pitch"), get(args, "expand_steps"), get(args, "places")
        panel = get(args, "expand") + number * get(args, "expand_bytes")
        bias = get(args, "expand_stage") + number * PIXEL
        low, high = get_float(args, "expand_low"), get_float(args, "expand_high")
        for at in range(0, count, rows):
            to = pixel + min(at, count - rows)
            tile(source + to * pitch, pitch, steps, panel, bias, chunk, places + 4 * to, low, high)

    return expand


def convolver(width: int, stride: int, pixels: int) -> Any:
    """For filters of this width and stride, in tiles of so many output pixels."""
    tile = depthwise_tile(width, stride, pixels)

    @inline
    def convolve(args, number, chunk, offsets, target):
        """An output row of an expanded chunk, from the rows that the offsets tell."""
        height, out_width = get(args, "taps_height"), get(args, "out_width")
        taps = get(args, "taps") + number * get(args, "taps_bytes")
        bias = get(args, "taps_stage") + number * PIXEL
        low, high = get_float(args, "taps_low"), get_float(args, "taps_high")
        for at in range(0, out_width, pixels):
            pixel = min(at, out_width - pixels)
            tile(chunk + pixel * stride * PIXEL, offsets, height, taps, bias, target + pixel * PIXEL, low, high)

    return convolve


def projector(rows: int) -> Any:
    """In tiles of so many pixels."""
    tile = project_tile(rows)

    @inline
    def project(args, source, first, count, begin, end):
        """count pixels from the first one of all images on, whose first chunk lies at source, panels begin .. end."""
        offsets, chunks, pitch = get(args, "middle_chunks"), get(args, "chunks"), get(args, "out_pitch")
        weights, panel_bytes, stage = get(args, "project"), get(args, "project_bytes"), get(args, "project_stage")
        low, high = get_float(args, "project_low"), get_float(args, "project_high")
        added_low, added_high = get_float(args, "added_low"), get_float(args, "added_high")
        out, residual, channels = get(args, "out"), get(args, "residual"), get(args, "out_channels")
        for panel in range(begin, end):
            for at in range(0, count, rows):
                pixel = min(at, count - rows)
                to = (first + pixel) * pitch + panel * PIXEL
                tile(
                    source + pixel * PIXEL, offsets, chunks, weights + panel * panel_bytes, stage + panel * PIXEL,
                    out + to, pitch, channels - panel * COLUMNS, low, high, residual + to if residual != 0 else 0,
                    added_low, added_high,
                )  # fmt: skip

    return project
