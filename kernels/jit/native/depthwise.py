"""Depthwise convolutions: 16 channels of a few pixels at a time, tap by tap.

8-bit images are copied as pairs of rows, two elements of a channel side by side, so that one multiplication of pairs
serves two rows of the filter. Whether an output row begins at the first or the second row of a pair decides which
of two packings of the filter it takes.
"""

from __future__ import annotations

from typing import Any

from numba import int32

from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.native.convolution import band_source
from litejit.kernels.jit.native.copying import fill_f32, pad_rows_float
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    interleave_first,
    interleave_second,
    load_f32,
    load_i8,
    load_i8x16,
    load_u8,
    splat_i16x16,
    store,
    widen_i8x16,
    widen_u8x16,
)
from litejit.kernels.jit.native.tiles import float_taps, int8_taps

get, get_float = getters(CONVOLUTION)


@inline
def fill_pairs(target, pixels, blocks, value):
    """Pixels of padding: the value in both rows."""
    filling = splat_i16x16(value)
    for at in range(0, pixels * blocks * 64, 32):
        store(target + at, filling)


@inline
def load_16(address, is_unsigned):
    """16 bytes, widened."""
    x = load_i8x16(address)
    return widen_u8x16(x) if is_unsigned else widen_i8x16(x)


@inline
def pair_rows(first, second, has_first, has_second, pad_value, pixels, channels, blocks, target, is_unsigned):
    """Two rows of an image (those that it has) side by side."""
    padding = splat_i16x16(pad_value)
    for pixel in range(pixels):
        for block in range(blocks):
            at = pixel * channels + block * 16
            one = load_16(first + at, is_unsigned) if has_first else padding
            other = load_16(second + at, is_unsigned) if has_second else padding
            store(target, interleave_first(one, other))
            store(target + 32, interleave_second(one, other))
            target += 64


@inline
def pair_rows_repeated(
    first, second, has_first, has_second, pad_value, pixels, channels, blocks, target, is_unsigned, out_channels
):
    """The same where every channel has several filters: it is repeated for each of them."""
    repeats = out_channels // channels
    for pixel in range(pixels):
        for block in range(blocks):
            for lane in range(16):
                channel = min(block * 16 + lane, out_channels - 1) // repeats
                at = pixel * channels + channel
                one, other = pad_value, pad_value
                if has_first:
                    one = int(load_u8(first + at)) if is_unsigned else int(load_i8(first + at))
                if has_second:
                    other = int(load_u8(second + at)) if is_unsigned else int(load_i8(second + at))
                # Lanes 4-7 and 8-11 of a block change places, see interleave_first.
                place = lane + 4 if 4 <= lane < 8 else lane - 4 if 8 <= lane < 12 else lane
                store(target + 4 * place, int32((one & 0xFFFF) | (other << 16)))
            target += 64


def _int8(rows: int, wide: bool) -> Any:
    tile = int8_taps(rows, wide)

    def convolve(args, first, last, rank):
        bands, band_rows, stride = get(args, "bands"), get(args, "band_rows"), get(args, "stride_height")
        height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
        out_height, out_width, pitch = get(args, "out_height"), get(args, "out_width"), get(args, "out_pitch")
        left, padded_width, is_unsigned = get(args, "left"), get(args, "padded_width"), get(args, "is_unsigned")
        pixels, taps, tap_count = get(args, "pixels"), get(args, "segments"), get(args, "segment_count")
        weights, panel_bytes, stage = get(args, "weights"), get(args, "panel_bytes"), get(args, "stage")
        out_channels, panels = get(args, "out_channels"), get(args, "panels")
        zero_point, low, high, pad_value = (
            get(args, "zero_point"), get(args, "low"), get(args, "high"), get(args, "pad_value"),
        )  # fmt: skip
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        pair_pitch = padded_width * panels * 64
        for item in range(first, last):
            image, start = item // bands, item % bands * band_rows
            count = min(band_rows, out_height - start)
            source = get(args, "source") + image * get(args, "image_bytes")
            top = start * stride - get(args, "top")
            below = (count - 1) * stride + get(args, "extent")
            for pair in range((below + 1) // 2):
                row, target = top + 2 * pair, scratch + pair * pair_pitch
                upper, lower = 0 <= row < height, 0 <= row + 1 < height
                one = source + row * width * channels
                other = one + width * channels
                fill_pairs(target, left, panels, pad_value)
                target += left * panels * 64
                if channels == out_channels:
                    pair_rows(one, other, upper, lower, pad_value, width, channels, panels, target, is_unsigned)
                else:
                    pair_rows_repeated(
                        one, other, upper, lower, pad_value, width, channels, panels, target, is_unsigned, out_channels
                    )
                fill_pairs(target + width * panels * 64, padded_width - left - width, panels, pad_value)
            for row in range(count):
                odd = row * stride & 1
                row_weights, row_taps = weights + odd * panels * panel_bytes, taps + odd * tap_count * 4
                out = get(args, "out") + ((image * out_height + start + row) * out_width) * pitch
                base = scratch + (row * stride >> 1) * pair_pitch
                for at in range(0, out_width, rows):
                    pixel = min(at, out_width - rows)
                    for panel in range(panels):
                        tile(
                            base + panel * 64, pixels + 4 * pixel, row_taps, tap_count,
                            row_weights + panel * panel_bytes, stage + panel * STAGE_BYTES,
                            out + pixel * pitch + panel * COLUMNS, pitch,
                            zero_point, low, high, out_channels - panel * COLUMNS,
                        )  # fmt: skip

    return convolve


@inline
def pad_rows_repeated(source, height, width, channels, target, top, rows, left, padded_width, repeats, is_unsigned):
    """As pad_rows_float, every channel so many times over."""
    before, after = left * channels * repeats, (padded_width - left - width) * channels * repeats
    for row in range(top, top + rows):
        if row < 0 or row >= height:
            fill_f32(target, padded_width * channels * repeats, 0.0)
            target += 4 * padded_width * channels * repeats
            continue
        fill_f32(target, before, 0.0)
        target += 4 * before
        for element in range(row * width * channels, (row + 1) * width * channels):
            fill_f32(target, repeats, load_f32(source + 4 * element))
            target += 4 * repeats
        fill_f32(target, after, 0.0)
        target += 4 * after


def _float(rows: int, pad: Any) -> Any:
    tile = float_taps(rows)

    def convolve(args, first, last, rank):
        pixels, taps, tap_count = get(args, "pixels"), get(args, "segments"), get(args, "segment_count")
        weights, panel_bytes, stage = get(args, "weights"), get(args, "panel_bytes"), get(args, "stage")
        channels, panels = get(args, "out_channels"), get(args, "panels")
        pitch, width = get(args, "out_pitch"), get(args, "out_width")
        low, high = get_float(args, "low"), get_float(args, "high")
        for item in range(first, last):
            source, row, band_rows, image = band_source(args, item, rank, 4, pad)
            count = band_rows * width
            out = get(args, "out") + (image * get(args, "out_height") + row) * width * pitch
            for at in range(0, count, rows):
                pixel = min(at, count - rows)
                for panel in range(panels):
                    tile(
                        source + panel * 64, pixels + 4 * pixel, taps, tap_count, weights + panel * panel_bytes,
                        stage + panel * 64, out + pixel * pitch + panel * 64, pitch,
                        low, high, channels - panel * COLUMNS,
                    )  # fmt: skip

    return convolve


int8_1, int8_4, int8_wide_1, int8_wide_4 = (_int8(rows, wide) for wide in (False, True) for rows in (1, 4))
float_1, float_4 = (_float(rows, pad_rows_float) for rows in (1, 4))
repeated_1, repeated_4 = (_float(rows, pad_rows_repeated) for rows in (1, 4))
