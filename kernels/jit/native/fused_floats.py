"""Fused blocks of floats: what `fused` is made of."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.fused import FUSED
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.sliding import Slide
from litejit.kernels.jit.native.copying import fill_f32
from litejit.kernels.jit.native.emission import (
    F32,
    F64,
    I32,
    I64,
    emit_fma,
    emit_load,
    emit_loop,
    emit_offset,
    emit_store,
    emit_variable,
)
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_f32x8, load_i32, splat_f32x8, store, store_first
from litejit.kernels.jit.native.storing import emit_clamped, emit_store_rows, rows_at
from litejit.kernels.jit.native.tiles import (
    FLOATS,
    F32x8,
    emit_products,
    emit_sums,
    row_addresses,
)

__all__ = ["IS_FLOAT", "OUT", "PIXEL", "ROWS_AT_ONCE", "STAGE", "copy", "depthwise_tile"]
__all__ += ["expand_tile", "pad", "project_tile", "read", "spread"]

get, _ = getters(FUSED)

IS_FLOAT = True
"""What clamps are. Tiles are called like those of bytes: floats have no zero point, it stands for those'."""

PIXEL = STAGE = OUT = 4 * COLUMNS
"""Bytes of a pixel of a chunk, of what follows the sums of a panel (biases), of a pixel of a panel of the output."""

ROWS_AT_ONCE = 1
"""Of the depthwise filter."""


def expand_tile(rows: int) -> Any:
    """Pixels of the input times a panel, each to its place in the expanded chunk."""

    @intrinsic
    def tile(context, source, pitch, steps, panel, bias, chunk, places, zero, low, high):
        def emit(c, b, s, a):
            source, pitch, steps, panel, bias, chunk, places, _, low, high = a
            start = [emit_load(b, bias, F32x8, 32 * half) for half in range(2)]
            sums = emit_products(b, FLOATS, rows_at(b, source, pitch, rows), start, steps, [panel])
            results = emit_clamped(b, sums, low, high)
            for address, row in zip(row_addresses(b, chunk, places, rows), results, strict=True):
                for half, value in enumerate(row):
                    emit_store(b, value, address, 32 * half)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 8, types.float32, types.float32), emit

    return tile


def depthwise_tile(slide: Slide) -> Any:
    """Output pixels side by side, from the rows that the offsets tell.

    Without a dilation, each pixel of the input is loaded once.
    """

    @intrinsic
    def tile(context, source, offsets, height, step, taps, bias, out, zero, low, high):
        def emit(c, b, s, a):
            source, offsets, height, step, taps, bias, out, _, low, high = a

            def half(number: ir.Value) -> None:
                place = b.mul(number, I64(32))
                begin, column_at, row_taps = (b.add(address, place) for address in (bias, source, taps))
                sums = [emit_variable(b, emit_load(b, begin, F32x8)) for _ in range(slide.pixels)]

                def row(number: ir.Value) -> None:
                    at = b.add(column_at, b.sext(emit_load(b, b.add(offsets, b.mul(number, I64(4))), I32), I64))
                    weights = b.add(row_taps, b.mul(number, I64(slide.taps * PIXEL)))
                    factors = [emit_load(b, weights, F32x8, PIXEL * tap) for tap in range(slide.taps)]
                    for tap, column, uses in slide.uses():
                        value = emit_load(b, b.add(at, b.mul(step, I64(tap))), F32x8, PIXEL * column)
                        for pixel, its_tap in uses:
                            b.store(emit_fma(b, value, factors[its_tap], b.load(sums[pixel])), sums[pixel])

                emit_loop(b, height, row)
                target = b.add(out, place)
                for pixel, (value,) in enumerate(emit_clamped(b, [[b.load(each)] for each in sums], low, high)):
                    emit_store(b, value, target, PIXEL * pixel)

            emit_loop(b, I64(2), half)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 8, types.float32, types.float32), emit

    return tile


def project_tile(rows: int) -> Any:
    """Pixels of all chunks times a panel, clamped, with the residual added if its address is not 0.

    added: address of the slots that say how.
    """

    @intrinsic
    def tile(context, source, offsets, chunks, panel, bias, out, pitch, columns, zero, low, high, residual, added):
        def emit(c, b, s, a):
            source, offsets, chunks, panel, bias, out, pitch, columns, _, low, high, residual, added = a
            addresses = [emit_offset(b, source, PIXEL * row) for row in range(rows)]
            start = [emit_load(b, bias, F32x8, 32 * half) for half in range(2)]
            sums = emit_sums(b, FLOATS, addresses, start, offsets, chunks, I64(COLUMNS), [panel])
            results = [[emit_variable(b, value) for value in row] for row in emit_clamped(b, sums, low, high)]
            with b.if_then(b.icmp_signed("!=", residual, I64(0))):
                totals = [
                    [b.fadd(b.load(value), emit_load(b, at, F32x8, 32 * half)) for half, value in enumerate(row)]
                    for at, row in zip(rows_at(b, residual, pitch, rows), results, strict=True)
                ]
                bounds = [b.fptrunc(emit_load(b, added, F64, 8 * slot), F32) for slot in range(2)]
                for row, into in zip(emit_clamped(b, totals, *bounds), results, strict=True):
                    for value, variable in zip(row, into, strict=True):
                        b.store(value, variable)
            final = [[b.load(value) for value in row] for row in results]
            emit_store_rows(b, final, rows_at(b, out, pitch, rows), columns)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 9, *[types.float32] * 2, types.int64, types.int64), emit

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


@inline
def spread(args, source, number, out, pixels):
    """Pixels of a chunk, each to its place in the output."""
    channels, pitch = get(args, "out_channels") - number * COLUMNS, get(args, "out_pitch")
    out += number * OUT
    for _ in range(pixels):
        first, second = load_f32x8(source), load_f32x8(source + 32)
        if channels >= COLUMNS:
            store(out, first)
            store(out + 32, second)
        else:
            store_first(out, first, channels)
            store_first(out + 32, second, channels - 8)
        source += PIXEL
        out += pitch
