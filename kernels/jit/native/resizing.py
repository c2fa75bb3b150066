"""RESIZE_BILINEAR: two rows of the input are made one, then pairs of its pixels are made one, 8 channels at a time."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.layouts.resizing import RESIZE
from litejit.kernels.jit.native.bytes import wide_bytes
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_f32x8,
    load_i32,
    load_i32x8,
    load_i64,
    narrow_i32x8,
    splat_f32x8,
    splat_i32x8,
    store,
    store_first,
    to_f32x8,
    to_i32x8,
)

get, _ = getters(RESIZE)


def _resize(blend_rows: Any, blend_pixels: Any, size: int) -> Any:
    """A kernel of blend_rows(args, top, bottom, weight, target, bytes of a target row, count) to 32-bit elements.

    blend_pixels(left, right, bytes of a row, weight): 8 channels of the output, of `size` bytes each. weight: address.
    """

    def kernel(args, first, last, rank):
        channels, out_width = get(args, "channels"), get(args, "out_width")
        lefts, rights, weights = get(args, "lefts"), get(args, "rights"), get(args, "column_weights")
        elements, pixel = get(args, "in_width") * channels, channels * size
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        row_bytes = (elements + 7) // 8 * 32
        # Of pixels of fewer than 8 channels, a whole vector is stored where others follow that are written after it.
        safe = out_width if channels >= 8 else max(0, out_width - (7 + channels) // channels + 1)
        for item in range(first, last):
            top = get(args, "source") + load_i64(get(args, "tops") + 8 * item)
            bottom = get(args, "source") + load_i64(get(args, "bottoms") + 8 * item)
            blend_rows(args, top, bottom, get(args, "row_weights") + 4 * item, scratch, row_bytes, elements)
            out = get(args, "out") + item * out_width * pixel
            for x in range(safe):
                left, right = scratch + load_i64(lefts + 8 * x), scratch + load_i64(rights + 8 * x)
                for channel in range(0, channels - 7, 8):
                    at = 4 * channel
                    store(out + channel * size, blend_pixels(left + at, right + at, row_bytes, weights + 4 * x))
                if channels & 7:
                    last_channels = max(0, channels - 8)
                    at = 4 * last_channels
                    store(out + last_channels * size, blend_pixels(left + at, right + at, row_bytes, weights + 4 * x))
                out += pixel
            for x in range(safe, out_width):
                left, right = scratch + load_i64(lefts + 8 * x), scratch + load_i64(rights + 8 * x)
                store_first(out, blend_pixels(left, right, row_bytes, weights + 4 * x), channels)
                out += pixel

    return kernel


@inline
def _rows_of_floats(args, top, bottom, weight, target, row_bytes, count):
    dy = splat_f32x8(load_f32(weight))
    rest = splat_f32x8(1.0) - dy
    for at in range(0, count, 8):
        store(target + 4 * at, load_f32x8(top + 4 * at) * rest + load_f32x8(bottom + 4 * at) * dy)


@inline
def _pixels_of_floats(left, right, row_bytes, weight):
    dx = splat_f32x8(load_f32(weight))
    return load_f32x8(left) * (splat_f32x8(1.0) - dx) + load_f32x8(right) * dx


@inline
def _rows_of_unsigned(args, top, bottom, weight, target, row_bytes, count):
    """Both rows, weighted, one after the other: they are added in another order."""
    mask = splat_i32x8(255)
    dy = splat_f32x8(load_f32(weight))
    rest = splat_f32x8(1.0) - dy
    for at in range(0, count, 8):
        store(target + 4 * at, to_f32x8(wide_bytes(top + at, mask)) * rest)
        store(target + row_bytes + 4 * at, to_f32x8(wide_bytes(bottom + at, mask)) * dy)


@inline
def _pixels_of_unsigned(left, right, row_bytes, weight):
    dx = splat_f32x8(load_f32(weight))
    rest = splat_f32x8(1.0) - dx
    total = load_f32x8(left) * rest + load_f32x8(left + row_bytes) * rest
    total = total + load_f32x8(right) * dx + load_f32x8(right + row_bytes) * dx
    return narrow_i32x8(to_i32x8(total + splat_f32x8(0.5)))


@inline
def _rows_of_signed(args, top, bottom, weight, target, row_bytes, count):
    mask, dy = splat_i32x8(-1), splat_i32x8(load_i32(weight))
    rest = splat_i32x8(1024) - dy
    for at in range(0, count, 8):
        store(target + 4 * at, wide_bytes(top + at, mask) * rest + wide_bytes(bottom + at, mask) * dy)


@inline
def _pixels_of_signed(left, right, row_bytes, weight):
    """20 bits are rounded off, ties away from zero."""
    dx = splat_i32x8(load_i32(weight))
    total = load_i32x8(left) * (splat_i32x8(1024) - dx) + load_i32x8(right) * dx
    nudge = splat_i32x8(1 << 19) + (total >> splat_i32x8(31))
    return narrow_i32x8((total + nudge) >> splat_i32x8(20))


floats = _resize(_rows_of_floats, _pixels_of_floats, 4)
unsigned = _resize(_rows_of_unsigned, _pixels_of_unsigned, 1)
signed = _resize(_rows_of_signed, _pixels_of_signed, 1)
