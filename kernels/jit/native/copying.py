"""Copies of rows of images with padding around them."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    load_f32x8,
    load_i8x16,
    load_i8x32,
    splat_f32x8,
    splat_i8x32,
    splat_i16x16,
    store,
    widen_i8x16,
    widen_u8x16,
)

__all__ = ["copy_f32", "copy_i8", "fill_f32", "fill_i8", "pad_rows_bytes", "pad_rows_float", "pad_rows_widened"]


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
def copy_i8(source, count, target):
    """count bytes, up to 31 more are written."""
    for at in range(0, count, 32):
        store(target + at, load_i8x32(source + at))


@inline
def fill_i8(target, count, value):
    """count bytes, up to 31 more are written."""
    filling = splat_i8x32(value)
    for at in range(0, count, 32):
        store(target + at, filling)


def _pad_rows(copy: Any, fill: Any, element_bytes: int) -> Any:
    """The same for images whose elements stay as they are."""

    @inline
    def pad(source, height, width, channels, target, top, rows, left, padded_width, pad_value, is_unsigned):
        row_elements, padded = width * channels, padded_width * channels
        before, after = left * channels, padded - left * channels - row_elements
        for row in range(top, top + rows):
            if row < 0 or row >= height:
                fill(target, padded, pad_value)
            else:
                fill(target, before, pad_value)
                inside = target + before * element_bytes
                copy(source + row * row_elements * element_bytes, row_elements, inside)
                fill(inside + row_elements * element_bytes, after, pad_value)
            target += padded * element_bytes

    return pad


pad_rows_float = _pad_rows(copy_f32, fill_f32, 4)
pad_rows_bytes = _pad_rows(copy_i8, fill_i8, 1)
