"""Sums of [outer, count, inner] along the middle, and of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, float64, int8, int16

from litejit.kernels.jit.layouts.reduction import REDUCE
from litejit.kernels.jit.native.bytes import first_words, lane, last_words
from litejit.kernels.jit.native.fixedpoint import rescaled, rescaled_eight
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import first_of, like, load_f32x16
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32x8,
    load_i8,
    load_i8x16,
    load_i16,
    load_i16x16,
    load_u8,
    maximum,
    minimum,
    multiply_add_pairs,
    narrow_i32x8,
    narrow_i32x8_i16,
    splat_f32x8,
    splat_i16x16,
    splat_i32x8,
    store,
    store_first,
    total,
    widen_i8x16,
)

get, get_float = getters(REDUCE)

_LARGEST = float(np.finfo(np.float32).max)

CHUNK = 64
"""Floats that are added to a sum of their own first, so that long sums stay precise."""


@inline
def place(args, item, size, out_size):
    """Address of the first element and of the first result of an item, how many results."""
    inner, blocks, block = get(args, "inner"), get(args, "blocks"), get(args, "block")
    outer, begin = item // blocks, item % blocks * block
    source = get(args, "source") + (outer * get(args, "count") * inner + begin) * size
    return source, get(args, "out") + (outer * inner + begin) * out_size, min(block, inner - begin)


def sum_f32(args, first, last, rank):
    """Sums along the middle, divided by the divisor."""
    count, inner = get(args, "count"), get(args, "inner")
    divisor, zero = splat_f32x8(get_float(args, "divisor")), splat_f32x8(0.0)
    for item in range(first, last):
        source, out, columns = place(args, item, 4, 4)
        for column in range(0, columns & -32, 32):
            w0, w1, w2, w3 = zero, zero, zero, zero
            for start in range(0, count, CHUNK):
                p0, p1, p2, p3 = zero, zero, zero, zero
                at = source + 4 * (start * inner + column)
                for _ in range(start, min(count, start + CHUNK)):
                    p0, p1 = p0 + load_f32x8(at), p1 + load_f32x8(at + 32)
                    p2, p3 = p2 + load_f32x8(at + 64), p3 + load_f32x8(at + 96)
                    at += 4 * inner
                w0, w1, w2, w3 = w0 + p0, w1 + p1, w2 + p2, w3 + p3
            store(out + 4 * column, w0 / divisor)
            store(out + 4 * column + 32, w1 / divisor)
            store(out + 4 * column + 64, w2 / divisor)
            store(out + 4 * column + 96, w3 / divisor)
        for column in range(columns & -32, columns, 8):
            whole = zero
            for start in range(0, count, CHUNK):
                part = zero
                at = source + 4 * (start * inner + column)
                for _ in range(start, min(count, start + CHUNK)):
                    part = part + load_f32x8(at)
                    at += 4 * inner
                whole = whole + part
            store_first(out + 4 * column, whole / divisor, columns - column)


def _sums_of_rows(term: Any) -> Any:
    """A kernel of sums of rows, divided by the divisor. term(x): what is added for x."""

    def kernel(args, first, last, rank):
        count, divisor = get(args, "count"), float32(get_float(args, "divisor"))
        for item in range(first, last):
            source = get(args, "source") + 4 * item * count
            s0, s1 = like(load_f32x16(source), 0.0), like(load_f32x16(source), 0.0)
            whole = count & -32
            for at in range(0, whole, 32):
                s0, s1 = s0 + term(load_f32x16(source + 4 * at)), s1 + term(load_f32x16(source + 4 * at + 64))
            rest = splat_f32x8(0.0)
            for at in range(whole, count, 8):
                rest = rest + term(first_of(count - at, load_f32x8(source + 4 * at), splat_f32x8(0.0)))
            store(get(args, "out") + 4 * item, float32((total(s0 + s1) + total(rest)) / divisor))

    return kernel


@inline
def _itself(x):
    return x


@inline
def _squared(x):
    """MUL without an activation has finite results, too, unless they are NaN."""
    return minimum(like(x, _LARGEST), x * x)


sum_rows_f32, sum_rows_of_squares_f32 = _sums_of_rows(_itself), _sums_of_rows(_squared)


@inline
def _put(args, out, sum, dtype):
    """A sum of integers, rescaled as the reference kernel does it."""
    if get(args, "in_float") == 1:
        real = float32(float32(sum) * float32(get_float(args, "scale"))) + float32(get_float(args, "bias"))
        size = int(abs(float64(real)) + 0.5)
        x = -size if real < 0 else size
    else:
        x = rescaled(sum - get(args, "offset"), get(args, "mantissa"), get(args, "exponent"))
    store(out, dtype(min(max(x + get(args, "zero_point"), get(args, "low")), get(args, "high"))))


def _sums(words: Any, one: Any, dtype: Any, narrow: Any, size: int, most: int) -> tuple[Any, Any]:
    """Kernels of sums of integers: along the middle, and of rows.

    words(address, mask): 16 of them as i16x16, of which `most` can be added up; narrow: i32x8 to the type of results.
    """

    @inline
    def put_eight(args, out, sums, count):
        if get(args, "in_float") == 1:
            for number in range(min(8, count)):
                _put(args, out + number * size, lane(sums, number), dtype)
        elif count > 0:
            exponent, zero_point = get(args, "exponent"), get(args, "zero_point")
            low, high = splat_i32x8(get(args, "low") - zero_point), splat_i32x8(get(args, "high") - zero_point)
            x = (sums - splat_i32x8(get(args, "offset"))) << splat_i32x8(max(exponent, 0))
            x = rescaled_eight(x, get(args, "mantissa"), max(-exponent, 0))
            store_first(out, narrow(minimum(maximum(x, low), high) + splat_i32x8(zero_point)), count)

    def columns(args, first, last, rank):
        count, inner, mask = get(args, "count"), get(args, "inner"), splat_i16x16(get(args, "mask"))
        zero, zeros = splat_i32x8(0), splat_i16x16(0)
        for item in range(first, last):
            source, out, columns = place(args, item, size, size)
            for column in range(0, columns, 32):
                t0, t1, t2, t3 = zero, zero, zero, zero
                at = source + column * size
                second = 16 * size if columns - column > 16 else 0  # what lies far behind the end is not read
                for start in range(0, count, most):
                    w0, w1 = zeros, zeros
                    for _ in range(start, min(count, start + most)):
                        w0, w1 = w0 + words(at, mask), w1 + words(at + second, mask)
                        at += inner * size
                    t0, t1, t2, t3 = (
                        t0 + first_words(w0),
                        t1 + last_words(w0),
                        t2 + first_words(w1),
                        t3 + last_words(w1),
                    )
                target, left = out + column * size, columns - column
                put_eight(args, target, t0, left)
                put_eight(args, target + 8 * size, t1, left - 8)
                put_eight(args, target + 16 * size, t2, left - 16)
                put_eight(args, target + 24 * size, t3, left - 24)

    def rows(args, first, last, rank):
        count, mask, ones = get(args, "count"), splat_i16x16(get(args, "mask")), splat_i16x16(1)
        for item in range(first, last):
            source = get(args, "source") + item * count * size
            sums, whole = splat_i32x8(0), count & -16
            for at in range(0, whole, 16):
                sums = sums + multiply_add_pairs(words(source + at * size, mask), ones)
            sum = int(total(sums))
            for at in range(whole, count):
                sum += one(source + at * size, get(args, "mask"))
            _put(args, get(args, "out") + item * size, sum, dtype)

    return columns, rows


@inline
def _one_byte(address, mask):
    return int(load_i8(address)) if mask == -1 else int(load_u8(address))


@inline
def _sixteen_bytes(address, mask):
    return widen_i8x16(load_i8x16(address)) & mask


@inline
def _one_word(address, mask):
    return int(load_i16(address))


@inline
def _sixteen_words(address, mask):
    return load_i16x16(address)


sum_bytes, sum_rows_bytes = _sums(_sixteen_bytes, _one_byte, int8, narrow_i32x8, 1, 127)
sum_words, sum_rows_words = _sums(_sixteen_words, _one_word, int16, narrow_i32x8_i16, 2, 1)
