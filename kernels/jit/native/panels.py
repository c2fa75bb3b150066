"""Matrices that are known at run time only, to the panels that tiles read."""

from __future__ import annotations

from numba import int16, int32

from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.products import PACK
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    interleave_first,
    interleave_second,
    load_f32,
    load_f32x8,
    load_i8,
    load_i8x16,
    splat_i16x16,
    store,
    widen_i8x16,
)

get, _ = getters(PACK)


@inline
def float_panel(source, depth, columns, first, transposed, target):
    """Columns first .. first + 16 of a matrix; what is beyond the last one is never used."""
    if transposed:
        for column in range(COLUMNS):
            at = source + 4 * min(first + column, columns - 1) * depth
            for k in range(depth):
                store(target + 64 * k + 4 * column, load_f32(at + 4 * k))
        return
    at = source + 4 * first
    for _k in range(depth):
        store(target, load_f32x8(at))
        store(target + 32, load_f32x8(at + 32))
        at += 4 * columns
        target += 64


def floats(args, first, last, rank):
    """FLOAT32 panels [depth, 16]."""
    panels, depth, columns = get(args, "panels"), get(args, "depth"), get(args, "columns")
    for item in range(first, last):
        source = get(args, "source") + item // panels * 4 * depth * columns
        target = get(args, "target") + item * 64 * depth
        float_panel(source, depth, columns, item % panels * COLUMNS, get(args, "transposed") == 1, target)


@inline
def pair_panel(source, depth, columns, first, transposed, zero_point, factor, target):
    """The same of int8, less the zero point and times the factor, as pairs of int16."""
    if transposed:
        for lane in range(COLUMNS):
            at = source + min(first + lane, columns - 1) * depth
            # Lanes 4-7 and 8-11 change places, see interleave_first.
            place = lane + 4 if 4 <= lane < 8 else lane - 4 if 8 <= lane < 12 else lane
            for k in range(0, depth, 2):
                one = factor * (int(load_i8(at + k)) - zero_point)
                other = factor * (int(load_i8(at + k + 1)) - zero_point) if k + 1 < depth else 0
                store(target + 32 * k + 4 * place, int32((one & 0xFFFF) | (other << 16)))
        return
    offset, factors, nothing = splat_i16x16(int16(zero_point)), splat_i16x16(int16(factor)), splat_i16x16(int16(0))
    for k in range(0, depth, 2):
        at = source + k * columns + first
        one = factors * (widen_i8x16(load_i8x16(at)) - offset)
        other = factors * (widen_i8x16(load_i8x16(at + columns)) - offset) if k + 1 < depth else nothing
        store(target + 32 * k, interleave_first(one, other))
        store(target + 32 * k + 32, interleave_second(one, other))


def pairs(args, first, last, rank):
    """Integer panels [depth / 2, 16, 2]."""
    panels, depth, columns = get(args, "panels"), get(args, "depth"), get(args, "columns")
    for item in range(first, last):
        source = get(args, "source") + item // panels * depth * columns
        target = get(args, "target") + item * 64 * ((depth + 1) // 2)
        pair_panel(
            source, depth, columns, item % panels * COLUMNS, get(args, "transposed") == 1, get(args, "zero_point"),
            get(args, "factor"), target,
        )  # fmt: skip


def centred(args, first, last, rank):
    """Rows of int8, less the zero point, to rows of int16 a multiple of 64 bytes apart."""
    depth, zero_point = get(args, "depth"), splat_i16x16(int16(get(args, "zero_point")))
    pitch = (depth + 31) // 32 * 64
    for item in range(first, last):
        source, target = get(args, "source") + item * depth, get(args, "target") + item * pitch
        for k in range(0, depth, 16):
            store(target + 2 * k, widen_i8x16(load_i8x16(source + k)) - zero_point)
