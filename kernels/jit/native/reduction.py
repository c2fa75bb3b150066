"""Reductions of [outer, count, inner] along the middle, and of rows."""

from __future__ import annotations

from numba import float32, int8

from litejit.kernels.jit.layouts.reduction import REDUCE
from litejit.kernels.jit.native.bytes import lane, wide_bytes
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    largest,
    load_f32,
    load_f32x8,
    load_i8,
    load_u8,
    maximum,
    splat_f32x8,
    splat_i32x8,
    store,
    store_first,
    total,
)

get, get_float = getters(REDUCE)

CHUNK = 64
"""Floats that are added to a sum of their own first, so that long sums stay precise."""


@inline
def _floats_from(args, item):
    """Address of the first element and of the first result of an item, how many results."""
    inner, blocks, block = get(args, "inner"), get(args, "blocks"), get(args, "block")
    outer, begin = item // blocks, item % blocks * block
    source = get(args, "source") + (outer * get(args, "count") * inner + begin) * 4
    return source, get(args, "out") + (outer * inner + begin) * 4, min(block, inner - begin)


@inline
def _rescale(args, out, sum):
    """MultiplyByQuantizedMultiplier of the sum less the offset, the zero point, the clamp."""
    right = get(args, "exponent")
    nudge = (((1 << right) >> 1) << 31) + (1 << 30)
    ties = (1 << 31) if right > 0 else 0
    x = sum - get(args, "offset")
    x = (x * get(args, "mantissa") + nudge + ((x >> 63) & -ties)) >> (right + 31)
    store(out, int8(min(max(x + get(args, "zero_point"), get(args, "low")), get(args, "high"))))


def sum_f32(args, first, last, rank):
    """Sums along the middle, divided by the divisor."""
    count, inner = get(args, "count"), get(args, "inner")
    divisor = splat_f32x8(get_float(args, "divisor"))
    for item in range(first, last):
        source, out, columns = _floats_from(args, item)
        for column in range(0, columns, 8):
            whole = splat_f32x8(0.0)
            for start in range(0, count, CHUNK):
                part = splat_f32x8(0.0)
                at = source + 4 * (start * inner + column)
                for _ in range(start, min(count, start + CHUNK)):
                    part = part + load_f32x8(at)
                    at += 4 * inner
                whole = whole + part
            store_first(out + 4 * column, whole / divisor, columns - column)


def max_f32(args, first, last, rank):
    """Maxima along the middle; NaN never is one."""
    count, inner = get(args, "count"), get(args, "inner")
    for item in range(first, last):
        source, out, columns = _floats_from(args, item)
        for column in range(0, columns, 8):
            best = splat_f32x8(-3.4028234663852886e38)
            at = source + 4 * column
            for _ in range(count):
                best = maximum(load_f32x8(at), best)
                at += 4 * inner
            store_first(out + 4 * column, best, columns - column)


def sum_rows_f32(args, first, last, rank):
    """Sums of rows, divided by the divisor."""
    count, divisor = get(args, "count"), float32(get_float(args, "divisor"))
    whole = count & -8
    for item in range(first, last):
        source = get(args, "source") + 4 * item * count
        sums = splat_f32x8(0.0)
        for at in range(0, whole, 8):
            sums = sums + load_f32x8(source + 4 * at)
        result = total(sums)
        for at in range(whole, count):
            result += load_f32(source + 4 * at)
        store(get(args, "out") + 4 * item, float32(result / divisor))


def max_rows_f32(args, first, last, rank):
    """Maxima of rows; NaN never is one."""
    count = get(args, "count")
    whole = count & -8
    for item in range(first, last):
        source = get(args, "source") + 4 * item * count
        most = splat_f32x8(-3.4028234663852886e38)
        for at in range(0, whole, 8):
            most = maximum(load_f32x8(source + 4 * at), most)
        result = largest(most)
        for at in range(whole, count):
            x = load_f32(source + 4 * at)
            result = x if x > result else result
        store(get(args, "out") + 4 * item, result)


def sum_bytes(args, first, last, rank):
    """Sums of bytes along the middle, each rescaled as the reference kernel does it."""
    count, inner, blocks, block = get(args, "count"), get(args, "inner"), get(args, "blocks"), get(args, "block")
    signs = get(args, "mask")
    mask = splat_i32x8(signs)
    for item in range(first, last):
        outer, begin = item // blocks, item % blocks * block
        source = get(args, "source") + outer * count * inner + begin
        out = get(args, "out") + outer * inner + begin
        columns = min(block, inner - begin)
        for column in range(0, columns & -8, 8):
            sums = splat_i32x8(0)
            at = source + column
            for _ in range(count):
                sums = sums + wide_bytes(at, mask)
                at += inner
            for number in range(8):
                _rescale(args, out + column + number, lane(sums, number))
        for column in range(columns & -8, columns):
            sum = 0
            for row in range(count):
                at = source + row * inner + column
                sum += int(load_u8(at)) if signs == 255 else int(load_i8(at))
            _rescale(args, out + column, sum)
