"""Depthwise convolutions of int16 images, with any output stage; see `depthwise` for pairs of rows."""

from __future__ import annotations

from typing import Any

from numba import int32
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.products import PRODUCT
from litejit.kernels.jit.native.emission import F32, emit_load, emit_splat
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.products import row_addresses
from litejit.kernels.jit.native.simd import (
    getters,
    interleave_first,
    interleave_second,
    load_i16,
    load_i16x16,
    load_i64,
    splat_i16x16,
    store,
)
from litejit.kernels.jit.native.stages import STAGES, Stage, emit_store_columns
from litejit.kernels.jit.native.taps import emit_taps
from litejit.kernels.jit.native.tiles import INT16_PAIRS

get, get_float = getters(PRODUCT)

IS_UNROLLED = True
"""See `compiler`."""


def product_taps(stage: Stage, rows: int) -> Any:
    """out[pixel, :] = stage(sum over taps of pixel * weight) of 16 channels; see products.product_tile."""
    bound = types.float64 if stage.float_clamp else types.int64

    @intrinsic
    def tile(
        context, source, pixels, taps, count, weights, stages, out, targets, scale, zero_point, low, high, columns
    ):
        def emit(c, b, s, a):
            source, pixels, taps, count, weights, stages, out, targets, scale, zero_point, low, high, columns = a
            addresses, outputs = row_addresses(b, source, pixels, rows), row_addresses(b, out, targets, rows)
            load, accumulate = INT16_PAIRS.load_column, INT16_PAIRS.accumulate
            sums = emit_taps(b, addresses, stage.start(b, stages), taps, count, weights, load, accumulate)
            finish = stage.prepare(b, stages, zero_point, low, high)
            row_scale = emit_splat(b, emit_load(b, scale, F32), 8)
            emit_store_columns(b, [finish(row, row_scale) for row in sums], outputs, columns)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 10, bound, bound, types.int64), emit

    return tile


@inline
def zero_pairs(target, pixels, blocks):
    """Pixels of padding."""
    nothing = splat_i16x16(0)
    for at in range(0, pixels * blocks * 64, 32):
        store(target + at, nothing)


@inline
def pair_rows(first, second, has_first, has_second, pixels, channels, blocks, target):
    """Two rows of an image (those that it has) side by side."""
    nothing = splat_i16x16(0)
    for pixel in range(pixels):
        for block in range(blocks):
            at = 2 * (pixel * channels + block * 16)
            one = load_i16x16(first + at) if has_first else nothing
            other = load_i16x16(second + at) if has_second else nothing
            store(target, interleave_first(one, other))
            store(target + 32, interleave_second(one, other))
            target += 64


@inline
def pair_rows_repeated(first, second, has_first, has_second, pixels, channels, blocks, target, out_channels):
    """The same where every channel has several filters: it is repeated for each of them."""
    repeats = out_channels // channels
    for pixel in range(pixels):
        for block in range(blocks):
            for lane in range(16):
                at = 2 * (pixel * channels + min(block * 16 + lane, out_channels - 1) // repeats)
                one = int(load_i16(first + at)) if has_first else 0
                other = int(load_i16(second + at)) if has_second else 0
                # Lanes 4-7 and 8-11 of a block change places, see interleave_first.
                place = lane + 4 if 4 <= lane < 8 else lane - 4 if 8 <= lane < 12 else lane
                store(target + 4 * place, int32((one & 0xFFFF) | (other << 16)))
            target += 64


def _kernel(kind: str, rows: int) -> Any:
    stage = STAGES[kind]
    tile = product_taps(stage, rows)
    read = get_float if stage.float_clamp else get
    panel_out, stage_bytes = COLUMNS * stage.item_bytes, stage.bytes

    def convolve(args, first, last, rank):
        bands, band_rows, stride = get(args, "bands"), get(args, "band_rows"), get(args, "stride_height")
        height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
        left, padded_width, panels = get(args, "left"), get(args, "padded_width"), get(args, "panels")
        pixels, targets = get(args, "pixels"), get(args, "targets")
        taps, tap_count = get(args, "segments"), get(args, "segment_count")
        weights, panel_bytes, stages = get(args, "weights"), get(args, "panel_bytes"), get(args, "stage")
        out_channels, out_width = get(args, "out_channels"), get(args, "out_width")
        zero_point, low, high = get(args, "zero_point"), read(args, "low"), read(args, "high")
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        pair_pitch = padded_width * panels * 64
        for item in range(first, last):
            image, start = item // bands, item % bands * band_rows
            count = min(band_rows, get(args, "out_height") - start)
            source = get(args, "source") + load_i64(get(args, "images") + 8 * image)
            scale = get(args, "scales") + image * get(args, "scale_image_bytes")
            top = start * stride - get(args, "top")
            below = (count - 1) * stride + get(args, "extent")
            for pair in range((below + 1) // 2):
                row, target = top + 2 * pair, scratch + pair * pair_pitch
                upper, lower = 0 <= row < height, 0 <= row + 1 < height
                one = source + row * width * channels * 2
                other = one + width * channels * 2
                zero_pairs(target, left, panels)
                target += left * panels * 64
                if channels == out_channels:
                    pair_rows(one, other, upper, lower, width, channels, panels, target)
                else:
                    pair_rows_repeated(one, other, upper, lower, width, channels, panels, target, out_channels)
                zero_pairs(target + width * panels * 64, padded_width - left - width, panels)
            for row in range(count):
                odd = row * stride & 1
                row_weights, row_taps = weights + odd * panels * panel_bytes, taps + odd * tap_count * 4
                out = get(args, "out") + image * get(args, "out_image_bytes")
                out += (start + row) * get(args, "out_row_bytes")
                base = scratch + (row * stride >> 1) * pair_pitch
                for at in range(0, out_width, rows):
                    pixel = min(at, out_width - rows)
                    for panel in range(panels):
                        tile(
                            base + panel * 64, pixels + 4 * pixel, row_taps, tap_count,
                            row_weights + panel * panel_bytes, stages + panel * stage_bytes, out + panel * panel_out,
                            targets + 4 * pixel, scale, zero_point, low, high, out_channels - panel * COLUMNS,
                        )  # fmt: skip

    return convolve


def _define() -> None:
    for kind in ("scaled", "q15", "fixed16"):
        for rows in (1, 4):
            globals()[f"{kind}_{rows}"] = _kernel(kind, rows)


_define()
