"""Rows of floats to int16 on the fly, less their zero points: what dynamic-range operators multiply.

Bit for bit what `litejit.kernels.reference.hybrid` gives, where the rounding is explained.
"""

from __future__ import annotations

from math import inf, isnan, nan

from numba import float32, float64, int16, int32

from litejit.kernels.jit.layouts.products import QUANTIZE
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    absolute,
    bits_of_f32x8,
    f32x8_of_bits,
    getters,
    largest,
    load_f32,
    load_f32x8,
    maximum,
    minimum,
    narrow_i32x8_i16,
    select,
    splat_f32x8,
    splat_i32x8,
    store,
    to_i32x8,
    trunc,
)

get, _ = getters(QUANTIZE)


@inline
def magnitude_bits(x):
    """The bits of |x|, which are ordered as the numbers are, with what is not a number above all."""
    return bits_of_f32x8(x) & splat_i32x8(0x7FFFFFFF)


@inline
def row_extremes(source, count):
    """The least and the greatest of so many numbers, 0 among them, and the greatest magnitude (or not a number)."""
    zeros = splat_f32x8(float32(0))
    low, high, most = zeros, zeros, splat_i32x8(0)
    whole = count // 8 * 8
    for at in range(0, whole, 8):
        x = load_f32x8(source + 4 * at)
        low, high = minimum(x, low), maximum(x, high)
        most = maximum(magnitude_bits(x), most)
    least, greatest, magnitude = -largest(zeros - low), largest(high), largest(f32x8_of_bits(most))
    top = largest(most)
    if top > 0x7F800000:
        magnitude = float32(nan)
    for at in range(whole, count):
        x = load_f32(source + 4 * at)
        least, greatest = min(x, least), max(x, greatest)
        magnitude = x if isnan(x) else max(abs(x), magnitude) if not isnan(magnitude) else magnitude
    return float32(least), float32(greatest), float32(magnitude)


def extremes(args, first, last, rank):
    """Those of each chunk."""
    size, chunk, chunks = get(args, "size"), get(args, "chunk"), get(args, "chunks")
    for item in range(first, last):
        start = item % chunks * chunk
        source = get(args, "source") + 4 * (item // chunks * size + start)
        least, greatest, magnitude = row_extremes(source, min(chunk, size - start))
        target = get(args, "extremes") + 12 * item
        store(target, least)
        store(target + 4, greatest)
        store(target + 8, magnitude)


@inline
def whole(x):
    """To the nearest integer in float64, ties away from zero."""
    rest = abs(x)
    truncated = float64(int(rest)) if rest < 4503599627370496.0 else rest
    truncated = truncated + 1.0 if rest - truncated >= 0.5 else truncated
    return -truncated if x < 0.0 else truncated


@inline
def of_zero_point(low, high):
    """Scale, its inverse and zero point of a row between low and high, quantized asymmetrically."""
    if low == high:
        return float32(1), float32(0), 0
    step = float64(float32(high - low)) / 255.0
    from_low, from_high = -128.0 - float64(low) / step, 127.0 - float64(high) / step
    low_is_better = 128.0 + abs(float64(low) / step) < 127.0 + abs(float64(high) / step)
    real = from_low if low_is_better else from_high
    zero_point = -128 if isnan(real) else int(whole(min(max(real, -128.0), 127.0)))
    scale = float32(step)
    inverse = float32(0) if scale == float32(0) else float32(1.0 / float64(scale))
    return scale, inverse, zero_point


@inline
def overflowed(x, zero_point, in_body, least):
    """An element of a row so small that 1 / scale is infinite."""
    if in_body:
        value = (2147483647 if x > float32(0) else -2147483648) + zero_point
        value = value - 4294967296 if value > 2147483647 else value + 4294967296 if value < -2147483648 else value
    elif least == -127:
        value = -2147483648
    else:
        value = 2147483647 if x > float32(0) else -2147483647 if x < float32(0) else 0
    return min(max(value, least), 127)


@inline
def row_parameters(low, high, most, symmetric):
    """(scale, its inverse, zero point, least value) of a row with these extremes."""
    if symmetric == 1:
        if most == float32(0):
            return float32(1), float32(0), 0, -127
        return float32(most / float32(127)), float32(float32(127) / most), 0, -127
    if isnan(most):
        return most, most, -128, -128
    scale, inverse, zero_point = of_zero_point(low, high)
    return scale, inverse, zero_point, -128


@inline
def quantize_part(source, target, count, body, inverse, zero_point, least):
    """count numbers to int16, the first `body` of them as blocks round. Up to 7 more are written."""
    if float64(inverse) == inf:
        for at in range(count):
            value = overflowed(load_f32(source + 4 * at), zero_point, at < body, least) - zero_point
            store(target + 2 * at, int16(value))
        return
    factor, half, minus_half = splat_f32x8(inverse), splat_f32x8(float32(0.5)), splat_f32x8(float32(-0.5))
    zeros, one = splat_f32x8(float32(0)), splat_f32x8(float32(1))
    offset, offset_whole = splat_f32x8(float32(zero_point)), splat_i32x8(int32(zero_point))
    bottom, top = splat_f32x8(float32(least)), splat_f32x8(float32(127))
    for at in range(0, count, 8):
        steps = load_f32x8(source + 4 * at) * factor
        if at < body:
            steps = trunc(steps + select(steps < zeros, minus_half, half))
        else:
            truncated = trunc(steps)
            away = select(steps < zeros, zeros - one, one)
            steps = select(absolute(steps - truncated) >= half, truncated + away, truncated)
        steps = minimum(maximum(steps + offset, bottom), top)
        store(target + 2 * at, narrow_i32x8_i16(to_i32x8(steps) - offset_whole))


def quantize(args, first, last, rank):
    """Each chunk, by the extremes of all chunks of its row."""
    size, chunk, chunks, symmetric = get(args, "size"), get(args, "chunk"), get(args, "chunks"), get(args, "symmetric")
    for item in range(first, last):
        row, start = item // chunks, item % chunks * chunk
        low, high, most = float32(0), float32(0), float32(0)
        for other in range(row * chunks, row * chunks + chunks):
            at = get(args, "extremes") + 12 * other
            low, high = min(low, load_f32(at)), max(high, load_f32(at + 4))
            magnitude = load_f32(at + 8)
            most = most if isnan(most) else magnitude if isnan(magnitude) else max(most, magnitude)
        scale, inverse, zero_point, least = row_parameters(low, high, most, symmetric)
        if start == 0:
            store(get(args, "scales") + 4 * row, scale)
        source = get(args, "source") + 4 * (row * size + start)
        target = get(args, "values") + row * get(args, "pitch") + 2 * start
        quantize_part(source, target, min(chunk, size - start), size // 8 * 8 - start, inverse, zero_point, least)
