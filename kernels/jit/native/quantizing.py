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

_USUAL, _STRANGE, _ZEROS = 0, 1, 2
"""Ways of quantizing a row: its steps are finite; not all of them are; what is not a number left a range of nothing."""


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


@inline
def _by_pairs(source, first, count):
    """The extremes of elements from `first` on as `litejit.kernels.reference.disordered` has them; see there."""
    low = high = load_f32(source + 4 * first)
    at = first + 1
    while at < count:
        small = load_f32(source + 4 * at)
        large = small
        if at + 1 < count and at > first + 1:
            other = load_f32(source + 4 * (at + 1))
            small, large = (other, small) if other < small else (small, other)
        if at == first + 1:
            low, high = (small, low) if small < low else (low, small)
        elif at + 1 < count:
            low, high = (small if small < low else low), (high if large < high else large)
        elif small < low:
            low = small
        else:
            high = high if small < high else small
        at += 1 if at == first + 1 else 2
    return low, high


@inline
def _by_lanes(source, lane, body, sign):
    """The least of every fourth element, the second of two unless the first one is smaller; sign -1: the greatest."""
    best = load_f32(source + 4 * lane) * sign
    for at in range(lane + 4, body, 4):
        x = load_f32(source + 4 * at) * sign
        best = best if best < x else x
    return best


@inline
def _with_zero(source, body, sign):
    """The least of whole vectors of four and 0; sign -1: the negative of the greatest."""
    a, b = _by_lanes(source, 0, body, sign), _by_lanes(source, 1, body, sign)
    c, d = _by_lanes(source, 2, body, sign), _by_lanes(source, 3, body, sign)
    first, second = a if a < c else c, b if b < d else d
    best = second if second < first else first
    return best if best < float32(0) else float32(0)


@inline
def disordered(source, count):
    """What row_extremes gives, of a row in which something is not a number."""
    first, second = _by_pairs(source, 0, count)
    magnitude = abs(second) if abs(first) < abs(second) else abs(first)
    low = high = float32(0)
    body = count // 4 * 4
    if body > 0:
        low, high = _with_zero(source, body, float32(1)), -_with_zero(source, body, float32(-1))
    if body < count:
        first, second = _by_pairs(source, body, count)
        low, high = (first if first < low else low), (second if high < second else high)
    return low, high, magnitude


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
    """Scale, its inverse and zero point of a row between low and high, which differ, quantized asymmetrically."""
    step = float64(float32(high - low)) / 255.0
    from_low, from_high = -128.0 - float64(low) / step, 127.0 - float64(high) / step
    low_is_better = 128.0 + abs(float64(low) / step) < 127.0 + abs(float64(high) / step)
    real = from_low if low_is_better else from_high
    zero_point = 0 if isnan(real) else int(whole(min(max(real, -128.0), 127.0)))
    scale = float32(step)
    inverse = float32(0) if scale == float32(0) else float32(1.0 / float64(scale))
    return scale, inverse, zero_point


@inline
def converted(steps, zero_point, in_body, least):
    """An element of a row in which some product with 1 / scale is infinite or not a number."""
    if in_body:
        half = float32(-0.5) if steps < float32(0) else float32(0.5)
        value = _saturated(float32(steps + half), -2147483648) + zero_point
        value = value - 4294967296 if value > 2147483647 else value + 4294967296 if value < -2147483648 else value
    elif least == -127:
        value = int(whole(float64(steps))) if abs(steps) < float32(2147483648.0) else -2147483648
    else:
        value = _saturated(float32(whole(float64(steps))) + float32(zero_point), 0)
    return min(max(value, least), 127)


@inline
def _saturated(x, otherwise):
    """To int32, rounded towards zero; otherwise: what is not a number."""
    if isnan(x):
        return otherwise
    return int(min(max(float64(x), -2147483648.0), 2147483647.0))


@inline
def row_parameters(source, count, low, high, most, symmetric):
    """(scale, its inverse, zero point, least value, way of quantizing) of a row with these extremes."""
    finite = most < float32(inf)
    if isnan(most):
        low, high, most = disordered(source, count)
    flat, least = low == high, -128
    scale, inverse, zero_point = float32(1), float32(0), 0
    if symmetric == 1:
        flat, least = most == float32(0), -127
        if not flat:
            scale, inverse = float32(most / float32(127)), float32(float32(127) / most)
    elif not flat:
        scale, inverse, zero_point = of_zero_point(low, high)
    way = _USUAL if finite and inverse < float32(inf) else _ZEROS if flat else _STRANGE
    return scale, inverse, zero_point, least, way


@inline
def counted_as_zeros(source, count):
    """Whether the official kernels take a vector for zeros: in whole fours, what is not a number passes for one."""
    body = count // 4 * 4
    for at in range(count):
        x = load_f32(source + 4 * at)
        if abs(x) > float32(0) or (at >= body and isnan(x)):
            return False
    return True


@inline
def quantize_part(source, target, count, body, inverse, zero_point, least, way):
    """count numbers to int16, the first `body` of them as blocks round. Up to 7 more are written."""
    if way == _ZEROS:
        for at in range(count):
            store(target + 2 * at, int16(0))
        return
    if way == _STRANGE:
        for at in range(count):
            steps = float32(load_f32(source + 4 * at) * inverse)
            store(target + 2 * at, int16(converted(steps, zero_point, at < body, least) - zero_point))
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
        whole_row = get(args, "source") + 4 * row * size
        scale, inverse, zero_point, least, way = row_parameters(whole_row, size, low, high, most, symmetric)
        together = get(args, "together")
        if isnan(most) and together > 0:
            group = get(args, "source") + 4 * (row // together * together) * size
            if counted_as_zeros(group, together * size):
                scale, way = float32(1), _ZEROS
        if start == 0:
            store(get(args, "scales") + 4 * row, scale)
        source = whole_row + 4 * start
        target = get(args, "values") + row * get(args, "pitch") + 2 * start
        body = size // 8 * 8 - start
        quantize_part(source, target, min(chunk, size - start), body, inverse, zero_point, least, way)
