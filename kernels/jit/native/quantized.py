"""Two broadcast quantized operands, and between floats and integers.

8-bit operands are combined in arithmetic that was proved equal to the fixed-point formula, int16 ones in the formula.
"""

from __future__ import annotations

from typing import Any

from numba import int16

from litejit.kernels.jit.native.bytes import pack_bytes, store_bytes_within, store_first_bytes, wide_bytes, wide_words
from litejit.kernels.jit.native.elements import (
    broadcast,
    broadcast_float,
    element,
    element_float,
    over_pieces,
    over_rows,
)
from litejit.kernels.jit.native.fixedpoint import rescaled
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    absolute,
    load_f32x8,
    load_i8,
    load_i16,
    load_u8,
    maximum,
    minimum,
    narrow_i32x8_i16,
    select,
    splat_f32x8,
    splat_i8x32,
    splat_i32x8,
    store,
    store_first,
    to_f32x8,
    to_i32x8,
    trunc,
)


@inline
def _one_byte(address, mask):
    return int(load_u8(address)) if mask == 255 else int(load_i8(address))


def _of_bytes(term_of: Any, combine: Any) -> Any:
    """Row of 8-bit operands: combine(args, term of a, term of b, 8 times each), packed, clamped."""

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        signs = broadcast(args, "p3")
        mask = splat_i32x8(signs)
        flip = splat_i8x32(-128 if signs == 255 else 0)
        low, high = splat_i8x32(broadcast(args, "low")), splat_i8x32(broadcast(args, "high"))
        one_a, one_b = splat_i32x8(_one_byte(a, signs)), splat_i32x8(_one_byte(b, signs))
        for at in range(0, count, 32):
            x0 = combine(
                args,
                term_of(args, wide_bytes(a + at, mask) if a_step == 1 else one_a, 0),
                term_of(args, wide_bytes(b + at, mask) if b_step == 1 else one_b, 1),
            )
            x1 = combine(
                args,
                term_of(args, wide_bytes(a + at + 8, mask) if a_step == 1 else one_a, 0),
                term_of(args, wide_bytes(b + at + 8, mask) if b_step == 1 else one_b, 1),
            )
            x2 = combine(
                args,
                term_of(args, wide_bytes(a + at + 16, mask) if a_step == 1 else one_a, 0),
                term_of(args, wide_bytes(b + at + 16, mask) if b_step == 1 else one_b, 1),
            )
            x3 = combine(
                args,
                term_of(args, wide_bytes(a + at + 24, mask) if a_step == 1 else one_a, 0),
                term_of(args, wide_bytes(b + at + 24, mask) if b_step == 1 else one_b, 1),
            )
            packed = minimum(maximum(pack_bytes(x0, x1, x2, x3), low), high) ^ flip
            store_bytes_within(out + at, packed, count - at, room - at)

    return over_rows(row, 1)


@inline
def _linear_term(args, x, which):
    return x * splat_i32x8(broadcast(args, "p0") if which == 0 else broadcast(args, "p1"))


@inline
def _linear(args, x, y):
    return (x + y + splat_i32x8(broadcast(args, "p2"))) >> splat_i32x8(broadcast(args, "table"))


@inline
def _centred(args, x, which):
    return to_f32x8(x - splat_i32x8(broadcast(args, "p0") if which == 0 else broadcast(args, "p1")))


@inline
def _product(args, x, y):
    product = x * y
    above, below = splat_f32x8(broadcast_float(args, "p4")), splat_f32x8(broadcast_float(args, "p5"))
    half = select(product < splat_f32x8(0.0), below, above)
    scaled = product * splat_f32x8(broadcast_float(args, "p2"))
    return to_i32x8(scaled + half) + splat_i32x8(broadcast(args, "table"))


linear = _of_bytes(_linear_term, _linear)
product = _of_bytes(_centred, _product)


@inline
def _sum_of_words(args, a, b, out, count, a_step, b_step, room):
    """p0, p1: mantissas of the operands; p2, p3: of the sum, sign of the second; table: exponents and left shift."""
    exponents = broadcast(args, "table")
    first, second, third, left = (
        load_i8(exponents),
        load_i8(exponents + 1),
        load_i8(exponents + 2),
        load_i8(exponents + 3),
    )
    first, second, third, left = int(first), int(second), int(third), int(left)
    low, high, sign = broadcast(args, "low"), broadcast(args, "high"), broadcast(args, "p3")
    m0, m1, m2 = broadcast(args, "p0"), broadcast(args, "p1"), broadcast(args, "p2")
    for at in range(count):
        x = rescaled(int(load_i16(a + 2 * at * a_step)) << left, m0, first)
        y = rescaled(int(load_i16(b + 2 * at * b_step)) << left, m1, second)
        z = rescaled(x + sign * y, m2, third)
        store(out + 2 * at, int16(min(max(z, low), high)))


@inline
def _product_of_words(args, a, b, out, count, a_step, b_step, room):
    low, high = broadcast(args, "low"), broadcast(args, "high")
    mantissa, exponent = broadcast(args, "p0"), broadcast(args, "p1")
    for at in range(count):
        x = int(load_i16(a + 2 * at * a_step)) * int(load_i16(b + 2 * at * b_step))
        store(out + 2 * at, int16(min(max(rescaled(x, mantissa, exponent), low), high)))


sum_16, product_16 = over_rows(_sum_of_words, 2), over_rows(_product_of_words, 2)


@inline
def _quantized(x, scale, zero_point, low, high):
    """8 floats divided by the scale and rounded half away; what 32 bits cannot hold counts as -2**31."""
    steps = x / scale
    whole = trunc(steps)
    away = select(steps < splat_f32x8(0.0), splat_f32x8(-1.0), splat_f32x8(1.0))
    rounded = select(absolute(steps - whole) >= splat_f32x8(0.5), whole + away, whole)
    valid = select(absolute(rounded) < splat_f32x8(2147483648.0), rounded, splat_f32x8(-2147483648.0))
    return minimum(maximum(to_i32x8(valid) + zero_point, low), high)


@inline
def _quantize_bytes(args, source, out, count):
    """p0: scale; p1: zero point; p2: the lowest value, from which to the highest it is 255."""
    scale = splat_f32x8(element_float(args, "p0"))
    zero_point, lowest = splat_i32x8(element(args, "p1")), element(args, "p2")
    low, high = splat_i32x8(lowest), splat_i32x8(lowest + 255)
    bias = splat_i32x8(lowest + 128)
    flip = splat_i8x32(-128 if lowest == 0 else 0)
    for at in range(0, count, 32):
        x = source + 4 * at
        more = max(0, min(3, (count - at - 1) // 8))  # what lies further behind the end than may be read is not
        x0 = _quantized(load_f32x8(x), scale, zero_point, low, high) - bias
        x1 = _quantized(load_f32x8(x + 32 * min(1, more)), scale, zero_point, low, high) - bias
        x2 = _quantized(load_f32x8(x + 32 * min(2, more)), scale, zero_point, low, high) - bias
        x3 = _quantized(load_f32x8(x + 32 * min(3, more)), scale, zero_point, low, high) - bias
        store_first_bytes(out + at, pack_bytes(x0, x1, x2, x3) ^ flip, count - at)


@inline
def _quantize_words(args, source, out, count):
    scale, zero_point = splat_f32x8(element_float(args, "p0")), splat_i32x8(element(args, "p1"))
    low, high = splat_i32x8(-32768), splat_i32x8(32767)
    for at in range(0, count, 8):
        x = _quantized(load_f32x8(source + 4 * at), scale, zero_point, low, high)
        store_first(out + 2 * at, narrow_i32x8_i16(x), count - at)


@inline
def _dequantize_bytes(args, source, out, count):
    """p0: scale; p1: zero point; p2: mask of a byte."""
    scale, mask = splat_f32x8(element_float(args, "p0")), splat_i32x8(element(args, "p2"))
    zero_point = splat_f32x8(element(args, "p1"))
    for at in range(0, count, 8):
        store_first(out + 4 * at, (to_f32x8(wide_bytes(source + at, mask)) - zero_point) * scale, count - at)


@inline
def _dequantize_words(args, source, out, count):
    scale = splat_f32x8(element_float(args, "p0"))
    for at in range(0, count, 8):
        store_first(out + 4 * at, to_f32x8(wide_words(source + 2 * at)) * scale, count - at)


quantize_bytes, quantize_words = over_pieces(_quantize_bytes, 4, 1), over_pieces(_quantize_words, 4, 2)
dequantize_bytes, dequantize_words = over_pieces(_dequantize_bytes, 1, 4), over_pieces(_dequantize_words, 2, 4)
