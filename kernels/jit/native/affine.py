"""Between floats and quantized integers."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.bytes import pack_bytes, pack_unsigned_bytes, store_first_bytes, wide_bytes, wide_words
from litejit.kernels.jit.native.elements import element, element_float, over_pieces
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rounding import half_away, truncated
from litejit.kernels.jit.native.simd import (
    fma,
    load_f32x8,
    maximum,
    minimum,
    narrow_i32x8_i16,
    splat_f32x8,
    splat_i32x8,
    store,
    store_first,
    to_f32x8,
)


@inline
def _quotient(x, scale, unused):
    """x / scale."""
    return x / scale


@inline
def _product(x, reciprocal, rest):
    """The same where that has been proved: see `litejit.kernels.jit.casting.reciprocal`."""
    return fma(x, reciprocal, x * rest)


def _to_bytes(divided: Any) -> Any:
    """Kernel of divided(x, p0, p3), rounded, + p1; p2: the lowest value, from which to the highest it is 255."""

    @inline
    def quantized(address, divisor, rest, zero_point):
        return truncated(half_away(divided(load_f32x8(address), divisor, rest))) + zero_point

    @inline
    def steps(x, divisor, rest, zero_point):
        return (
            quantized(x, divisor, rest, zero_point),
            quantized(x + 32, divisor, rest, zero_point),
            quantized(x + 64, divisor, rest, zero_point),
            quantized(x + 96, divisor, rest, zero_point),
        )

    @inline
    def run(args, source, out, count):
        divisor, rest = splat_f32x8(element_float(args, "p0")), splat_f32x8(element_float(args, "p3"))
        zero_point, signed, whole = splat_i32x8(element(args, "p1")), element(args, "p2") != 0, count & -32
        if signed:
            for at in range(0, whole, 32):
                store(out + at, pack_bytes(*steps(source + 4 * at, divisor, rest, zero_point)))
        else:
            for at in range(0, whole, 32):
                store(out + at, pack_unsigned_bytes(*steps(source + 4 * at, divisor, rest, zero_point)))
        for at in range(whole, count, 8):
            x = quantized(source + 4 * at, divisor, rest, zero_point)
            packed = pack_bytes(x, x, x, x) if signed else pack_unsigned_bytes(x, x, x, x)
            store_first_bytes(out + at, packed, min(8, count - at))

    return over_pieces(run, 4, 1)


def _to_words(divided: Any) -> Any:
    """The same of int16."""

    @inline
    def run(args, source, out, count):
        divisor, rest = splat_f32x8(element_float(args, "p0")), splat_f32x8(element_float(args, "p3"))
        zero_point, low, high = splat_i32x8(element(args, "p1")), splat_i32x8(-32768), splat_i32x8(32767)
        for at in range(0, count, 8):
            steps = truncated(half_away(divided(load_f32x8(source + 4 * at), divisor, rest))) + zero_point
            store_first(out + 2 * at, narrow_i32x8_i16(minimum(maximum(steps, low), high)), count - at)

    return over_pieces(run, 4, 2)


@inline
def _bytes_to_floats(args, source, out, count):
    """p0: scale; p1: zero point; p2: mask of a byte."""
    scale, mask = splat_f32x8(element_float(args, "p0")), splat_i32x8(element(args, "p2"))
    zero_point = splat_f32x8(element(args, "p1"))
    whole = count & -16
    for at in range(0, whole, 16):
        store(out + 4 * at, (to_f32x8(wide_bytes(source + at, mask)) - zero_point) * scale)
        store(out + 4 * at + 32, (to_f32x8(wide_bytes(source + at + 8, mask)) - zero_point) * scale)
    for at in range(whole, count, 8):
        store_first(out + 4 * at, (to_f32x8(wide_bytes(source + at, mask)) - zero_point) * scale, count - at)


@inline
def _words_to_floats(args, source, out, count):
    scale = splat_f32x8(element_float(args, "p0"))
    for at in range(0, count, 8):
        store_first(out + 4 * at, to_f32x8(wide_words(source + 2 * at)) * scale, count - at)


quantize_bytes, quantize_words = _to_bytes(_product), _to_words(_product)
divide_to_bytes, divide_to_words = _to_bytes(_quotient), _to_words(_quotient)
dequantize_bytes, dequantize_words = over_pieces(_bytes_to_floats, 1, 4), over_pieces(_words_to_floats, 2, 4)
