"""Matrix products of rows of int16 with panels of integers, or of floats with floats, with any output stage.

The driver is that of `convolution`; here the left matrix may be read where it is, output pixels lie anywhere, and every
image may have weights of its own. Few rows are computed over four panels at once, which hides the latency of sums.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.products import PRODUCT
from litejit.kernels.jit.native.copying import pad_rows_float, pad_rows_widened
from litejit.kernels.jit.native.emission import (
    F32,
    I32,
    I64,
    emit_constant,
    emit_load,
    emit_loop,
    emit_offset,
    emit_shuffle,
    emit_splat,
    emit_variable,
)
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_i16x16, load_i64, splat_i16x16, store
from litejit.kernels.jit.native.stages import STAGES, I32x8, I64x4, Stage, Values, emit_store_columns
from litejit.kernels.jit.native.tiles import FLOATS, INT8_PAIRS, INT16_PAIRS, Operands, emit_sums

get, get_float = getters(PRODUCT)

IS_UNROLLED = True
"""See `compiler`."""

FLOAT = 3
"""`element` of rows of floats."""


def row_addresses(b: ir.IRBuilder, base: ir.Value, table: ir.Value, rows: int) -> Values:
    """base + the first int32 offsets of a table."""
    return [b.add(base, b.sext(emit_load(b, table, I32, 4 * row), I64)) for row in range(rows)]


def _emit_wide_sums(
    b: ir.IRBuilder,
    operands: Operands,
    rows: Values,
    start: Values,
    segments: ir.Value,
    count: ir.Value,
    steps: ir.Value,
    panel: ir.Value,
) -> list[Values]:
    """As emit_sums, of one panel; only the sums of a segment fit 32 bits. [rows][4] vectors of columns in order."""
    totals = [[emit_variable(b, value) for value in start] for _ in rows]
    segment_bytes = b.mul(steps, I64(operands.column_bytes))
    zeros = [emit_constant(I32x8, 0)] * 2

    def segment(number: ir.Value) -> None:
        at = b.add(segments, b.mul(number, I64(4)))
        begin = b.add(panel, b.mul(number, segment_bytes))
        sums = emit_sums(b, operands, rows, zeros, at, I64(1), steps, [begin])
        for (first, second), into in zip(sums, totals, strict=True):
            parts = [(first, 0), (second, 0), (first, 4), (second, 4)]
            for (x, lane), variable in zip(parts, into, strict=True):
                part = b.sext(emit_shuffle(b, x, x, range(lane, lane + 4)), I64x4)
                b.store(b.add(b.load(variable), part), variable)

    emit_loop(b, count, segment)
    return [[b.load(variable) for variable in into] for into in totals]


def product_tile(stage: Stage, operands: Operands, rows: int, panels: int) -> Any:
    """out[row, :] = stage(rows x panels); rows at source + pixels[row], results at out + targets[row].

    scales: of the rows, scale_pitch bytes apart. columns: how many there are from the first panel on.
    """
    bound = types.float64 if stage.float_clamp else types.int64

    @intrinsic
    def tile(
        context, source, pixels, segments, count, steps, weights, panel_bytes, stages, out, targets, scales,
        scale_pitch, zero_point, low, high, columns,
    ):  # fmt: skip
        def emit(c, b, s, a):
            (
                source, pixels, segments, count, steps, weights, panel_bytes, stages, out, targets, scales,
                scale_pitch, zero_point, low, high, columns,
            ) = a  # fmt: skip
            addresses = row_addresses(b, source, pixels, rows)
            outputs = row_addresses(b, out, targets, rows)
            begins = [b.add(weights, b.mul(panel_bytes, I64(panel))) for panel in range(panels)]
            stage_of = [emit_offset(b, stages, stage.bytes * panel) for panel in range(panels)]
            start = [value for at in stage_of for value in stage.start(b, at)]
            if stage.wide:
                sums = _emit_wide_sums(b, operands, addresses, start, segments, count, steps, *begins)
            else:
                sums = emit_sums(b, operands, addresses, start, segments, count, steps, begins)
            row_scales = [
                emit_splat(b, emit_load(b, b.add(scales, b.mul(scale_pitch, I64(row))), F32), 8) for row in range(rows)
            ]
            for panel, at in enumerate(stage_of):
                finish = stage.prepare(b, at, zero_point, low, high)
                own = slice(None) if stage.wide else slice(2 * panel, 2 * panel + 2)
                results = [finish(row[own], scale) for row, scale in zip(sums, row_scales, strict=True)]
                targets_of = [emit_offset(b, x, COLUMNS * stage.item_bytes * panel) for x in outputs]
                emit_store_columns(b, results, targets_of, b.sub(columns, I64(COLUMNS * panel)))
            return c.get_dummy_value()

        return types.void(*[types.int64] * 13, bound, bound, types.int64), emit

    return tile


@inline
def copy_i16(source, count, target):
    """count elements, up to 15 more are written."""
    for at in range(0, count, 16):
        store(target + 2 * at, load_i16x16(source + 2 * at))


@inline
def zero_i16(target, count):
    """count elements, up to 15 more are written."""
    nothing = splat_i16x16(0)
    for at in range(0, count, 16):
        store(target + 2 * at, nothing)


@inline
def pad_rows_i16(source, height, width, channels, target, top, rows, left, padded_width):
    """Rows top .. top + rows of an image of int16 to rows of `padded_width` pixels, zeros where the image is not."""
    row_elements, padded = width * channels, padded_width * channels
    before, after = left * channels, padded - left * channels - row_elements
    for row in range(top, top + rows):
        if row < 0 or row >= height:
            zero_i16(target, padded)
        else:
            zero_i16(target, before)
            copy_i16(source + 2 * row * row_elements, row_elements, target + 2 * before)
            zero_i16(target + 2 * (before + row_elements), after)
        target += 2 * padded


@inline
def rows_of_band(args, image, row, rows, rank):
    """Address of the first input row of a band, copied with its padding unless it is read where it is."""
    stride, width, channels = get(args, "stride_height"), get(args, "width"), get(args, "channels")
    source = get(args, "source") + load_i64(get(args, "images") + 8 * image)
    element = get(args, "element")
    if get(args, "direct") == 1:
        return source + row * stride * width * channels * (4 if element == FLOAT else 2)
    scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
    top, below = row * stride - get(args, "top"), (rows - 1) * stride + get(args, "extent")
    left, padded_width, height = get(args, "left"), get(args, "padded_width"), get(args, "height")
    if element == FLOAT:
        pad_rows_float(source, height, width, channels, scratch, top, below, left, padded_width, 0, 0)
    elif element == 0:
        pad_rows_i16(source, height, width, channels, scratch, top, below, left, padded_width)
    else:
        pad_rows_widened(
            source, height, width, channels, scratch, top, below, left, padded_width, get(args, "pad_value"),
            element == 2,
        )  # fmt: skip
    return scratch


def _products(kind: str, operands: Operands, rows: int, at_once: int) -> Any:
    stage = STAGES[kind]
    tile = product_tile(stage, operands, rows, at_once)
    read = get_float if stage.float_clamp else get
    panel_out, stage_bytes = COLUMNS * stage.item_bytes, stage.bytes

    def multiply(args, first, last, rank):
        groups, group_panels, panels = get(args, "panel_groups"), get(args, "group_panels"), get(args, "panels")
        pixels, segments, targets = get(args, "pixels"), get(args, "segments"), get(args, "targets")
        segment_count, steps = get(args, "segment_count"), get(args, "segment_steps")
        panel_bytes, stages, channels = get(args, "panel_bytes"), get(args, "stage"), get(args, "out_channels")
        zero_point, low, high = get(args, "zero_point"), read(args, "low"), read(args, "high")
        bands, band_rows, width, block = (
            get(args, "bands"), get(args, "band_rows"), get(args, "out_width"), get(args, "block"),
        )  # fmt: skip
        scale_pitch = get(args, "scale_pixel_bytes")
        for item in range(first, last):
            image, row = item // groups // bands, item // groups % bands * band_rows
            rows_here = min(band_rows, get(args, "out_height") - row)
            source = rows_of_band(args, image, row, rows_here, rank)
            weights = get(args, "weights") + load_i64(get(args, "weight_images") + 8 * image)
            out = get(args, "out") + image * get(args, "out_image_bytes") + row * get(args, "out_row_bytes")
            scales = get(args, "scales") + image * get(args, "scale_image_bytes") + row * width * scale_pitch
            begin = item % groups * group_panels
            end = min(panels, begin + group_panels)
            count = rows_here * width
            for start in range(0, count, block):
                stop = min(count, start + block)
                for next_panel in range(begin, end, at_once):
                    panel = min(next_panel, end - at_once)
                    for next_pixel in range(start, stop, rows):
                        pixel = min(next_pixel, count - rows)
                        tile(
                            source, pixels + 4 * pixel, segments, segment_count, steps, weights + panel * panel_bytes,
                            panel_bytes, stages + panel * stage_bytes, out + panel * panel_out, targets + 4 * pixel,
                            scales + pixel * scale_pitch, scale_pitch, zero_point, low, high,
                            channels - panel * COLUMNS,
                        )  # fmt: skip

    return multiply


def _define() -> None:
    """Every kernel: "<stage>_<rows>x<panels at once>", "_bytes" if weights are of int8."""
    for kind, stage in STAGES.items():
        operands = FLOATS if kind == "float" else INT16_PAIRS
        for rows, at_once in ((1, 1), (4, 1)) if stage.wide else ((1, 1), (1, 4), (4, 1), (6, 1)):
            globals()[f"{kind}_{rows}x{at_once}"] = _products(kind, operands, rows, at_once)
            if rows == 1 and not stage.wide and kind != "float":
                globals()[f"{kind}_bytes_1x{at_once}"] = _products(kind, INT8_PAIRS, rows, at_once)


_define()
