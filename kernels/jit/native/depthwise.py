"""Depthwise convolutions: 16 channels of a few pixels at a time, tap by tap.

The usual filters slide over the pixels of a row (see `sliding`), those of floats over the image where it is. Otherwise
images are copied with their padding. 8-bit images are copied as pairs of rows, two elements of a channel side by side,
so that one multiplication of pairs serves two rows of the filter. Whether an output row begins at the first or the
second row of a pair decides which of two packings of the filter it takes.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from numba import int32

from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.layouts.sliding import BYTE_PIXELS, SLIDE_PIXELS, SLIDE_STRIDES, SLIDE_TAPS, Slide
from litejit.kernels.jit.native.copying import fill_f32
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rescaling import FIXED, FLOATS, WIDE
from litejit.kernels.jit.native.simd import (
    getters,
    interleave_first,
    interleave_second,
    load_f32,
    load_f32x8,
    load_i8,
    load_i8x16,
    load_u8,
    splat_f32x8,
    splat_i16x16,
    store,
    widen_i8x16,
    widen_u8x16,
)
from litejit.kernels.jit.native.sliding import float_slide, int8_slide
from litejit.kernels.jit.native.taps import float_taps, int8_taps

get, get_float = getters(CONVOLUTION)

IS_UNROLLED = True
"""See `compiler`."""

BYTES = {FIXED: "int8", WIDE: "int8_wide", FLOATS: "int8_proved"}
"""Names of kernels of bytes by how they rescale."""


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
def pair_rows(first, second, has_first, has_second, pad_value, pixels, channels, blocks, pitch, target, is_unsigned):
    """Two rows of an image (those that it has) side by side: some blocks of 16 channels, `pitch` to a pixel."""
    padding = splat_i16x16(pad_value)
    for pixel in range(pixels):
        for block in range(blocks):
            at = pixel * channels + block * 16
            one = load_16(first + at, is_unsigned) if has_first else padding
            other = load_16(second + at, is_unsigned) if has_second else padding
            store(target + block * 64, interleave_first(one, other))
            store(target + block * 64 + 32, interleave_second(one, other))
        target += pitch * 64


@inline
def pair_rows_repeated(
    first, second, has_first, has_second, pad_value, pixels, channels, blocks, target, is_unsigned, out_channels
):
    """The same where every channel has several filters: it is repeated for each of them."""
    repeats = out_channels // channels
    for pixel in range(pixels):
        channel, left = 0, repeats
        for _block in range(blocks):
            for lane in range(16):
                at = pixel * channels + min(channel, channels - 1)
                left -= 1
                if left == 0:
                    channel, left = channel + 1, repeats
                one, other = pad_value, pad_value
                if has_first:
                    one = int(load_u8(first + at)) if is_unsigned else int(load_i8(first + at))
                if has_second:
                    other = int(load_u8(second + at)) if is_unsigned else int(load_i8(second + at))
                # Lanes 4-7 and 8-11 of a block change places, see interleave_first.
                place = lane + 4 if 4 <= lane < 8 else lane - 4 if 8 <= lane < 12 else lane
                store(target + 4 * place, int32((one & 0xFFFF) | (other << 16)))
            target += 64


def _int8(rows: int, tile: Any) -> Any:
    """A kernel of tiles of so many pixels."""

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
        groups, group_panels = get(args, "panel_groups"), get(args, "group_panels")
        row_bytes = padded_width * group_panels * 64
        for item in range(first, last):
            begin = item % groups * group_panels
            end = min(panels, begin + group_panels)
            image, start = item // groups // bands, item // groups % bands * band_rows
            count = min(band_rows, out_height - start)
            source = get(args, "source") + image * get(args, "image_bytes") + begin * COLUMNS
            top = start * stride - get(args, "top")
            below = (count - 1) * stride + get(args, "extent")
            for pair in range((below + 1) // 2):
                row, target = top + 2 * pair, scratch + pair * row_bytes
                upper, lower = 0 <= row < height, 0 <= row + 1 < height
                one = source + row * width * channels
                other = one + width * channels
                fill_pairs(target, left, group_panels, pad_value)
                target += left * group_panels * 64
                if channels == out_channels:
                    pair_rows(
                        one, other, upper, lower, pad_value, width, channels, end - begin, group_panels, target,
                        is_unsigned,
                    )  # fmt: skip
                else:
                    pair_rows_repeated(
                        one, other, upper, lower, pad_value, width, channels, panels, target, is_unsigned, out_channels
                    )
                fill_pairs(target + width * group_panels * 64, padded_width - left - width, group_panels, pad_value)
            for row in range(count):
                odd = row * stride & 1
                row_weights, row_taps = weights + odd * panels * panel_bytes, taps + odd * tap_count * 4
                out = get(args, "out") + ((image * out_height + start + row) * out_width) * pitch
                base = scratch + (row * stride >> 1) * row_bytes
                for at in range(0, out_width, rows):
                    pixel = min(at, out_width - rows)
                    for panel in range(begin, end):
                        tile(
                            base + (panel - begin) * 64, pixels + 4 * pixel, row_taps, tap_count,
                            row_weights + panel * panel_bytes, stage + panel * STAGE_BYTES,
                            out + pixel * pitch + panel * COLUMNS, pitch,
                            zero_point, low, high, out_channels - panel * COLUMNS,
                        )  # fmt: skip

    return convolve


@inline
def _copy_panels(args, pixel, begin, end, target):
    """Some panels of a pixel."""
    for at in range(begin * 64, end * 64, 32):
        store(target + at - begin * 64, load_f32x8(pixel + at))


@inline
def _repeat_panels(args, pixel, begin, end, target):
    """The same where every channel has several filters: it is repeated for each of them. Up to 7 more are written."""
    channels = get(args, "channels")
    repeats = get(args, "out_channels") // channels
    column = begin * COLUMNS
    channel = column // repeats
    while column < end * COLUMNS:
        x = splat_f32x8(load_f32(pixel + 4 * min(channel, channels - 1)))
        channel += 1
        stop = min(channel * repeats, end * COLUMNS)
        while column < stop:
            store(target, x)
            step = min(stop - column, 8)
            column += step
            target += 4 * step


@inline
def _pad_panels(args, source, begin, end, top, rows, target, copy):
    """Rows of some panels of an image, from row `top` on, with zeros where the image is not."""
    height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
    left, after = get(args, "left"), get(args, "padded_width") - get(args, "left") - width
    pitch = get(args, "group_panels") * COLUMNS
    for row in range(top, top + rows):
        inside = 0 <= row < height
        before = left if inside else left + width + after
        fill_f32(target, before * pitch, 0.0)
        target += 4 * before * pitch
        if inside:
            for pixel in range(width):
                copy(args, source + 4 * (row * width + pixel) * channels, begin, end, target)
                target += 4 * pitch
            fill_f32(target, after * pitch, 0.0)
            target += 4 * after * pitch


def _float(rows: int, tile: Any, copy: Any) -> Any:
    """A kernel of tiles of so many pixels."""

    def convolve(args, first, last, rank):
        pixels, taps, tap_count = get(args, "pixels"), get(args, "segments"), get(args, "segment_count")
        weights, panel_bytes, stage = get(args, "weights"), get(args, "panel_bytes"), get(args, "stage")
        channels, panels = get(args, "out_channels"), get(args, "panels")
        groups, group_panels = get(args, "panel_groups"), get(args, "group_panels")
        bands, band_rows, stride = get(args, "bands"), get(args, "band_rows"), get(args, "stride_height")
        height, width, pitch = get(args, "out_height"), get(args, "out_width"), get(args, "out_pitch")
        low, high = get_float(args, "low"), get_float(args, "high")
        for item in range(first, last):
            begin = item % groups * group_panels
            end = min(panels, begin + group_panels)
            image, row = item // groups // bands, item // groups % bands * band_rows
            some = min(band_rows, height - row)
            source = get(args, "source") + image * get(args, "image_bytes")
            if get(args, "direct") == 1:
                source += 4 * row * stride * get(args, "width") * get(args, "channels")
            else:
                target = get(args, "scratch") + rank * get(args, "scratch_bytes")
                below = (some - 1) * stride + get(args, "extent")
                _pad_panels(args, source, begin, end, row * stride - get(args, "top"), below, target, copy)
                source = target
            out = get(args, "out") + (image * height + row) * width * pitch
            count = some * width
            for at in range(0, count, rows):
                pixel = min(at, count - rows)
                for panel in range(begin, end):
                    tile(
                        source + (panel - begin) * 64, pixels + 4 * pixel, taps, tap_count,
                        weights + panel * panel_bytes, stage + panel * 64, out + pixel * pitch + panel * 64, pitch,
                        low, high, channels - panel * COLUMNS,
                    )  # fmt: skip

    return convolve


def _sliding_float(slide: Slide) -> Any:
    """A kernel that reads images where they are. Rows of the filter outside the image are left out."""
    tile = float_slide(slide)
    tile_pixels, row_taps, step = slide.pixels, slide.taps, slide.stride

    def convolve(args, first, last, rank):
        weights, panel_bytes, stage = get(args, "weights"), get(args, "panel_bytes"), get(args, "stage")
        bands, band_rows, stride = get(args, "bands"), get(args, "band_rows"), get(args, "stride_height")
        height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
        out_height, out_width, pitch = get(args, "out_height"), get(args, "out_width"), get(args, "out_pitch")
        top, left, dilation = get(args, "top"), get(args, "left"), get(args, "segment_steps")
        taps = get(args, "segment_count") // row_taps
        groups, group_panels, panels = get(args, "panel_groups"), get(args, "group_panels"), get(args, "panels")
        low, high = get_float(args, "low"), get_float(args, "high")
        nothing = get(args, "scratch") + rank * get(args, "scratch_bytes")
        fill_f32(nothing, COLUMNS, 0.0)
        pixel_bytes = 4 * channels
        row_bytes = width * pixel_bytes
        for item in range(first, last):
            begin = item % groups * group_panels
            end = min(panels, begin + group_panels)
            image, start = item // groups // bands, item // groups % bands * band_rows
            source = get(args, "source") + image * get(args, "image_bytes")
            for row in range(start, min(start + band_rows, out_height)):
                above = row * stride - top
                skipped = max(0, (dilation - 1 - above) // dilation)
                rows = min(taps, (height - 1 - above) // dilation + 1) - skipped
                line = source + (above + skipped * dilation) * row_bytes
                out = get(args, "out") + (image * out_height + row) * out_width * pitch
                for at in range(0, out_width, tile_pixels):
                    pixel = min(at, out_width - tile_pixels)
                    column = pixel * step - left
                    for panel in range(begin, end):
                        tile(
                            line + column * pixel_bytes + panel * 64, column, width, nothing, pixel_bytes,
                            dilation * row_bytes, rows, weights + panel * panel_bytes + skipped * row_taps * 64,
                            stage + panel * 64, out + pixel * pitch + panel * 64, pitch, low, high,
                            channels - panel * COLUMNS,
                        )  # fmt: skip

    return convolve


def _define() -> None:
    """Every kernel: "<type>_<pixels of a tile>", where filters slide "<type>_<pixels>_<width of filter>s<stride>"."""
    for rows in (1, 4):
        for rescaling in (FIXED, WIDE, FLOATS):
            globals()[f"{BYTES[rescaling]}_{rows}"] = _int8(rows, int8_taps(rows, rescaling))
        globals()[f"float_{rows}"] = _float(rows, float_taps(rows), _copy_panels)
        globals()[f"repeated_{rows}"] = _float(rows, float_taps(rows), _repeat_panels)
    for pixels, taps, stride in product(SLIDE_PIXELS, SLIDE_TAPS, SLIDE_STRIDES):
        slide, name = Slide(taps, stride, pixels), f"{pixels}_{taps}s{stride}"
        globals()[f"float_{name}"] = _sliding_float(slide)
        if pixels in BYTE_PIXELS:
            for rescaling in (FIXED, FLOATS):
                globals()[f"{BYTES[rescaling]}_{name}"] = _int8(pixels, int8_slide(slide, rescaling))


_define()
