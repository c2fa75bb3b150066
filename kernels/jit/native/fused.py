"""Fused blocks of floats: expand (1 x 1) -> depthwise -> project (1 x 1), and what is added to that.

Between the convolutions, images lie in chunks of 16 channels. An expanded chunk is a ring of rows with their padding,
so that bands of output rows follow one another without computing a row twice; what the depthwise convolution makes of
it is [chunk][pixel][16], whose chunks the projection reads as segments.
"""

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
from litejit.kernels.jit.native.tiles import (
    FLOATS,
    F32x8,
    Values,
    emit_products,
    emit_store_rows,
    emit_sums,
    row_addresses,
    rows_at,
)

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
            for half in range(2):
                begin = emit_load(b, bias, F32x8, 32 * half)
                sums = [emit_variable(b, begin) for _ in range(pixels)]

                def row(number: ir.Value, half: int = half, sums: Values = sums) -> None:
                    offset = b.sext(emit_load(b, b.add(offsets, b.mul(number, I64(4))), I32), I64)
                    at = b.add(source, offset)
                    weights = b.add(taps, b.mul(number, I64(width * PIXEL)))
                    factors = [emit_load(b, weights, F32x8, PIXEL * x + 32 * half) for x in range(width)]
                    for column in range((pixels - 1) * stride + width):
                        value = emit_load(b, at, F32x8, PIXEL * column + 32 * half)
                        for pixel in range(pixels):
                            x = column - pixel * stride
                            if 0 <= x < width:
                                b.store(emit_fma(b, value, factors[x], b.load(sums[pixel])), sums[pixel])

                emit_loop(b, height, row)
                for pixel, (value,) in enumerate(emit_clamped(b, [[b.load(each)] for each in sums], low, high)):
                    emit_store(b, value, out, PIXEL * pixel + 32 * half)
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
def copy_pixels(source, pixel_bytes, channels, count, chunk, places):
    """16 channels of pixels of the input, zeros after the last one, where nothing is expanded."""
    nothing = splat_f32x8(0.0)
    for pixel in range(count):
        target = chunk + load_i32(places + 4 * pixel)
        for half in range(2):
            if channels < COLUMNS:
                store(target + 32 * half, nothing)
            store_first(target + 32 * half, load_f32x8(source + 32 * half), channels - 8 * half)
        source += pixel_bytes


def _project(rows: int) -> Any:
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


def _block(rows: int, width: int, stride: int, pixels: int) -> Any:
    """A kernel for filters of this width and stride; pixels: of the tiles of the depthwise convolution."""
    expand, depthwise, project = expand_tile(rows), depthwise_tile(width, stride, pixels), _project(rows)

    @inline
    def fill(args, source, chunk_number, chunk, first, last):
        """Rows of an expanded chunk, counted from the first row of padding."""
        top, height, columns = get(args, "top"), get(args, "height"), get(args, "width")
        places, steps, pixel_bytes = get(args, "places"), get(args, "expand_steps"), get(args, "pixel_bytes")
        row_offsets, row_bytes = get(args, "rows"), get(args, "row_bytes")
        low, high = get_float(args, "expand_low"), get_float(args, "expand_high")
        begin, end = max(first - top, 0), min(last - top, height)
        for row in range(first, last):
            if row < top or row >= top + height:
                fill_f32(chunk + load_i32(row_offsets + 4 * row), row_bytes // 4, 0.0)
        if begin >= end:
            return
        count, pixel = (end - begin) * columns, begin * columns
        if steps == 0:
            channels = get(args, "channels") - chunk_number * COLUMNS
            source += pixel * pixel_bytes + chunk_number * PIXEL
            copy_pixels(source, pixel_bytes, channels, count, chunk, places + 4 * pixel)
            return
        panel = get(args, "expand") + chunk_number * get(args, "expand_bytes")
        bias = get(args, "expand_stage") + chunk_number * PIXEL
        for at in range(0, count, rows):
            to = pixel + min(at, count - rows)
            expand(source + to * pixel_bytes, pixel_bytes, steps, panel, bias, chunk, places + 4 * to, low, high)

    @inline
    def convolve(args, chunk_number, chunk, first, last, target):
        """Output rows of an expanded chunk."""
        stride_height, height = get(args, "stride_height"), get(args, "taps_height")
        row_offsets, out_width = get(args, "rows"), get(args, "out_width")
        taps = get(args, "taps") + chunk_number * get(args, "taps_bytes")
        bias = get(args, "taps_stage") + chunk_number * PIXEL
        low, high = get_float(args, "taps_low"), get_float(args, "taps_high")
        for row in range(first, last):
            offsets = row_offsets + 4 * row * stride_height
            for at in range(0, out_width, pixels):
                pixel = min(at, out_width - pixels)
                depthwise(
                    chunk + pixel * stride * PIXEL, offsets, height, taps, bias, target + pixel * PIXEL, low, high
                )
            target += out_width * PIXEL

    def compute(args, first, last, rank):
        pieces, piece_rows, band_rows = get(args, "pieces"), get(args, "piece_rows"), get(args, "band_rows")
        groups, group_chunks, chunks = get(args, "chunk_groups"), get(args, "group_chunks"), get(args, "chunks")
        out_height, out_width, stride_height = (
            get(args, "out_height"),
            get(args, "out_width"),
            get(args, "stride_height"),
        )
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        chunk_bytes, row_bytes = get(args, "chunk_bytes"), get(args, "row_bytes")
        left, right, projects = get(args, "left"), get(args, "right"), get(args, "projects")
        middle_chunk_bytes = get(args, "middle_chunk_bytes")
        for item in range(first, last):
            image, piece, group = item // groups // pieces, item // groups % pieces, item % groups
            begin, end = group * group_chunks, min(chunks, (group + 1) * group_chunks)
            source = get(args, "source") + image * get(args, "image_bytes")
            for row in range(get(args, "ring_rows") * get(args, "ring_chunks")):
                edge = scratch + row * row_bytes
                fill_f32(edge, left * COLUMNS, 0.0)
                fill_f32(edge + row_bytes - right * PIXEL, right * COLUMNS, 0.0)
            row = piece * piece_rows
            stop = min(out_height, row + piece_rows)
            filled = row * stride_height
            while row < stop:
                some = min(band_rows, stop - row)
                below = (row + some - 1) * stride_height + get(args, "taps_height")
                middle = get(args, "middle") + image * get(args, "middle_image_bytes")
                middle += rank * get(args, "scratch_bytes") if projects == 1 else row * out_width * PIXEL
                for number in range(begin, end):
                    chunk = scratch + (number - begin) * chunk_bytes
                    fill(args, source, number, chunk, max(filled, row * stride_height), below)
                    convolve(args, number, chunk, row, row + some, middle + number * middle_chunk_bytes)
                if projects == 1:
                    pixel = (image * out_height + row) * out_width
                    project(args, middle, pixel, some * out_width, 0, get(args, "panels"))
                filled = below
                row += some

    return compute


def _projection(rows: int) -> Any:
    project = _project(rows)

    def compute(args, first, last, rank):
        groups, group_panels, panels = get(args, "panel_groups"), get(args, "group_panels"), get(args, "panels")
        pieces, piece_pixels = get(args, "pixel_pieces"), get(args, "piece_pixels")
        pixels = get(args, "out_height") * get(args, "out_width")
        for item in range(first, last):
            begin = item % groups * group_panels
            image, piece = item // groups // pieces, item // groups % pieces
            pixel = min(piece * piece_pixels, pixels - piece_pixels)
            source = get(args, "middle") + image * get(args, "middle_image_bytes") + pixel * PIXEL
            project(args, source, image * pixels + pixel, piece_pixels, begin, min(panels, begin + group_panels))

    return compute


float_3x1_7, float_3x1_4, float_3x2_7, float_3x2_4, float_5x1_7, float_5x1_4, float_5x2_7, float_5x2_4 = (
    _block(6, width, stride, pixels) for width in (3, 5) for stride in (1, 2) for pixels in (7, 4)
)
project_4, project_5, project_6 = (_projection(rows) for rows in (4, 5, 6))
