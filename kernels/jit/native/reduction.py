"""Sums of [outer, count, inner] along the middle, and of rows."""

from __future__ import annotations

from typing import Any

from numba import float32, int8, int16

from litejit.kernels.jit.layouts.reduction import REDUCE
from litejit.kernels.jit.native.bytes import lane, wide_bytes, wide_words
from litejit.kernels.jit.native.fixedpoint import rescaled
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_f32x8,
    load_i8,
    load_i16,
    load_u8,
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


@inline
def _one_byte(address, mask):
    return int(load_i8(address)) if mask == -1 else int(load_u8(address))


@inline
def _eight_bytes(address, mask):
    return wide_bytes(address, splat_i32x8(mask))


@inline
def _one_word(address, mask):
    return int(load_i16(address))


@inline
def _eight_words(address, mask):
    return wide_words(address)


def _sums(eight: Any, one: Any, dtype: Any, size: int) -> Any:
    """A kernel of sums of integers along the middle, each rescaled as the reference kernel does it."""

    @inline
    def put(args, out, sum):
        x = rescaled(sum - get(args, "offset"), get(args, "mantissa"), get(args, "exponent"))
        store(out, dtype(min(max(x + get(args, "zero_point"), get(args, "low")), get(args, "high"))))

    def kernel(args, first, last, rank):
        count, inner, mask = get(args, "count"), get(args, "inner"), get(args, "mask")
        for item in range(first, last):
            source, out, columns = place(args, item, size, size)
            for column in range(0, columns & -8, 8):
                sums = splat_i32x8(0)
                at = source + column * size
                for _ in range(count):
                    sums = sums + eight(at, mask)
                    at += inner * size
                for number in range(8):
                    put(args, out + (column + number) * size, lane(sums, number))
            for column in range(columns & -8, columns):
                sum = 0
                for row in range(count):
                    sum += one(source + (row * inner + column) * size, mask)
                put(args, out + column * size, sum)

    return kernel


sum_bytes = _sums(_eight_bytes, _one_byte, int8, 1)
sum_words = _sums(_eight_words, _one_word, int16, 2)
