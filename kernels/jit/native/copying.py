"""Copies of rows of images with padding around them."""

from __future__ import annotations

from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    load_f32x8,
    load_i8x16,
    splat_f32x8,
    splat_i16x16,
    store,
    widen_i8x16,
    widen_u8x16,
)

__all__ = ["pad_rows_float", "pad_rows_widened"]


@inline
def widen(source, count, target, is_unsigned):
    """count bytes to 16 bits each, up to 15 more are written."""
    if is_unsigned:
        for at in range(0, count, 16):
            store(target + 2 * at, widen_u8x16(load_i8x16(source + at)))
    else:
        for at in range(0, count, 16):
            store(target + 2 * at, widen_i8x16(load_i8x16(source + at)))


@inline
def fill_i16(target, count, value):
    """count elements, up to 15 more are written."""
    filling = splat_i16x16(value)
    for at in range(0, count, 16):
        store(target + 2 * at, filling)


@inline
def pad_rows_widened(source, height, width, channels, target, top, rows, left, padded_width, pad_value, is_unsigned):
    """Rows top .. top + rows of an image of bytes to rows of `padded_width` pixels of int16.

    Where the image is not, pad_value. Every part is written after the one before it, over what that wrote too much.
    """
    row_elements, padded = width * channels, padded_width * channels
    before, after = left * channels, padded - left * channels - row_elements
    inside_first, inside_last = max(top, 0), min(top + rows, height)
    if before == 0 and after == 0:
        if inside_last <= inside_first:
            fill_i16(target, rows * padded, pad_value)
            return
        above, inside = (inside_first - top) * padded, (inside_last - inside_first) * padded
        fill_i16(target, above, pad_value)
        widen(source + inside_first * row_elements, inside, target + 2 * above, is_unsigned)
        fill_i16(target + 2 * (above + inside), rows * padded - above - inside, pad_value)
        return
    for row in range(top, top + rows):
        if row < 0 or row >= height:
            fill_i16(target, padded, pad_value)
        else:
            fill_i16(target, before, pad_value)
            widen(source + row * row_elements, row_elements, target + 2 * before, is_unsigned)
            fill_i16(target + 2 * (before + row_elements), after, pad_value)
        target += 2 * padded


@inline
def copy_f32(source, count, target):
    """count floats, up to 7 more are written."""
    for at in range(0, count, 8):
        store(target + 4 * at, load_f32x8(source + 4 * at))


@inline
def fill_f32(target, count, value):
    """count floats, up to 7 more are written."""
    filling = splat_f32x8(value)
    for at in range(0, count, 8):
        store(target + 4 * at, filling)


@inline
def pad_rows_float(source, height, width, channels, target, top, rows, left, padded_width, pad_value, is_unsigned):
    """The same for images of floats; padding is 0."""
    row_elements, padded = width * channels, padded_width * channels
    before, after = left * channels, padded - left * channels - row_elements
    for row in range(top, top + rows):
        if row < 0 or row >= height:
            fill_f32(target, padded, 0.0)
        else:
            fill_f32(target, before, 0.0)
            copy_f32(source + 4 * row * row_elements, row_elements, target + 4 * before)
            fill_f32(target + 4 * (before + row_elements), after, 0.0)
        target += 4 * padded
