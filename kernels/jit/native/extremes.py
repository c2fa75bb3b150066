"""The largest of [outer, count, inner] along the middle; the smallest is that of turned numbers."""

from __future__ import annotations

from math import inf
from typing import Any

from numba import int8, int16, int32, int64

from litejit.kernels.jit.native.bytes import store_first_bytes
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import first_of
from litejit.kernels.jit.native.reduction import get, place
from litejit.kernels.jit.native.simd import (
    bits_of_f32x8,
    f32x8_of_bits,
    largest,
    load_f32,
    load_f32x8,
    load_i8,
    load_i8x32,
    load_i16,
    load_i32,
    load_i64,
    maximum,
    splat_f32x8,
    splat_i8x32,
    splat_i32x8,
    store,
    store_first,
)


@inline
def _turned(address, flip):
    """8 floats with their signs changed or not."""
    return f32x8_of_bits(bits_of_f32x8(load_f32x8(address)) ^ flip)


def columns_f32(args, first, last, rank):
    """Largest along the middle; what is not a number never is."""
    count, inner, flip = get(args, "count"), get(args, "inner"), splat_i32x8(get(args, "flip"))
    for item in range(first, last):
        source, out, columns = place(args, item, 4, 4)
        for column in range(0, columns & -32, 32):
            b0, b1 = splat_f32x8(-3.4028234663852886e38), splat_f32x8(-3.4028234663852886e38)
            b2, b3 = b0, b1
            at = source + 4 * column
            for _ in range(count):
                b0, b1 = maximum(_turned(at, flip), b0), maximum(_turned(at + 32, flip), b1)
                b2, b3 = maximum(_turned(at + 64, flip), b2), maximum(_turned(at + 96, flip), b3)
                at += 4 * inner
            store(out + 4 * column, f32x8_of_bits(bits_of_f32x8(b0) ^ flip))
            store(out + 4 * column + 32, f32x8_of_bits(bits_of_f32x8(b1) ^ flip))
            store(out + 4 * column + 64, f32x8_of_bits(bits_of_f32x8(b2) ^ flip))
            store(out + 4 * column + 96, f32x8_of_bits(bits_of_f32x8(b3) ^ flip))
        for column in range(columns & -32, columns, 8):
            best = splat_f32x8(-3.4028234663852886e38)
            at = source + 4 * column
            for _ in range(count):
                best = maximum(_turned(at, flip), best)
                at += 4 * inner
            store_first(out + 4 * column, f32x8_of_bits(bits_of_f32x8(best) ^ flip), columns - column)


def rows_f32(args, first, last, rank):
    """Largest of rows; what is not a number never is, unless it is the first of a whole tensor."""
    count, flip = get(args, "count"), splat_i32x8(get(args, "flip"))
    least = splat_f32x8(-inf if get(args, "whole") == 1 else -3.4028234663852886e38)
    whole = count & -16
    for item in range(first, last):
        source = get(args, "source") + 4 * item * count
        b0, b1 = least, least
        for at in range(0, whole, 16):
            b0, b1 = maximum(_turned(source + 4 * at, flip), b0), maximum(_turned(source + 4 * at + 32, flip), b1)
        for at in range(whole, count, 8):
            b0 = maximum(first_of(count - at, _turned(source + 4 * at, flip), least), b0)
        best = splat_f32x8(largest(maximum(b0, b1)))
        store_first(get(args, "out") + 4 * item, f32x8_of_bits(bits_of_f32x8(best) ^ flip), 1)
        begin = load_f32(source)
        if get(args, "whole") == 1 and begin != begin:
            store(get(args, "out") + 4 * item, begin)


def columns_bytes(args, first, last, rank):
    """Largest along the middle."""
    count, inner, flip = get(args, "count"), get(args, "inner"), splat_i8x32(get(args, "flip"))
    for item in range(first, last):
        source, out, columns = place(args, item, 1, 1)
        for column in range(0, columns, 32):
            best = splat_i8x32(-128)
            at = source + column
            for _ in range(count):
                best = maximum(load_i8x32(at) ^ flip, best)
                at += inner
            store_first_bytes(out + column, best ^ flip, columns - column)


def rows_bytes(args, first, last, rank):
    """Largest of rows."""
    count, flip = get(args, "count"), get(args, "flip")
    turn = splat_i8x32(flip)
    for item in range(first, last):
        source = get(args, "source") + item * count
        best = -128
        if count >= 32:
            most = load_i8x32(source + count - 32) ^ turn
            for at in range(0, count - 31, 32):
                most = maximum(load_i8x32(source + at) ^ turn, most)
            best = int(largest(most))
        else:
            for at in range(count):
                best = max(best, int(load_i8(source + at)) ^ flip)
        store(get(args, "out") + item, int8(best ^ flip))


def _largest(load: Any, dtype: Any, size: int) -> Any:
    """A kernel of one integer after the other."""

    def kernel(args, first, last, rank):
        count, inner, flip = get(args, "count"), get(args, "inner"), get(args, "flip")
        for item in range(first, last):
            source, out, columns = place(args, item, size, size)
            for column in range(columns):
                at = source + column * size
                best = int(load(at)) ^ flip
                for _ in range(1, count):
                    at += inner * size
                    best = max(best, int(load(at)) ^ flip)
                store(out + column * size, dtype(best ^ flip))

    return kernel


words, i32, i64 = _largest(load_i16, int16, 2), _largest(load_i32, int32, 4), _largest(load_i64, int64, 8)
