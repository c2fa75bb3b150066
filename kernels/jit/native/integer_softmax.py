"""SOFTMAX and LOG_SOFTMAX of rows of integers, as `litejit.kernels.reference.softmax` explains it."""

from __future__ import annotations

from typing import Any

from numba import float32, int8, int16

from litejit.kernels.jit.layouts.rows import ROWS
from litejit.kernels.jit.native.fixedpoint import (
    bit_length,
    divided_by_pot,
    log,
    reciprocal,
    rescaled,
)
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    largest,
    load_f32,
    load_i8,
    load_i8x32,
    load_i16,
    load_i32,
    load_u8,
    maximum,
    splat_i8x32,
    store,
)

get, get_float = getters(ROWS)


@inline
def largest_byte(source, depth, mask):
    """The largest of a row of bytes, as int64."""
    if mask == 255:
        flip, offset = splat_i8x32(-128), 128
    else:
        flip, offset = splat_i8x32(0), 0
    peak = -128
    if depth >= 32:
        most = load_i8x32(source) ^ flip
        for at in range(32, depth - 31, 32):
            most = maximum(load_i8x32(source + at) ^ flip, most)
        peak = int(largest(maximum(load_i8x32(source + depth - 32) ^ flip, most)))
    else:
        for at in range(depth):
            peak = max(peak, (load_u8(source + at) - 128) if mask == 255 else int(load_i8(source + at)))
    return peak + offset


@inline
def rounded(x):
    """To the nearest, ties away from zero, of floats that int64 holds."""
    whole = int(x)
    return whole + 1 if x - float32(whole) >= float32(0.5) else whole


@inline
def _steps(args, real):
    """A result in floats, to the nearest integer."""
    if get(args, "rounds_up") == 1:
        return int(float32(real + float32(0.5)))
    return rounded(real) + get(args, "zero_point")


def _of_bytes(dtype: Any, bits: int) -> Any:
    """8-bit rows to rows of integers of a type.

    A row whose sum is too large for fixed point is done in floats, in which sums are rounded after every addition.
    """

    def kernel(args, first, last, rank):
        depth, mask, low, high = get(args, "depth"), get(args, "mask"), get(args, "low"), get(args, "high")
        exps, terms, reals = get(args, "exps"), get(args, "terms"), get(args, "reals")
        for item in range(first, last):
            source, out = get(args, "source") + item * depth, get(args, "out") + item * depth * (bits // 8)
            peak = largest_byte(source, depth, mask)
            total = 0
            for at in range(depth):
                total += load_i32(terms + 4 * (peak - load_u8(source + at) & 255))
            if total < get(args, "limit"):
                inverse, shift = reciprocal(total)
                shift += 12 - bits
                half = 1 << (shift - 1)
                for at in range(depth):
                    exp = load_i32(exps + 4 * (peak - load_u8(source + at) & 255))
                    share = (exp * inverse + (1 << 30)) >> 31
                    store(out + at * (bits // 8), dtype(min(((share + half) >> shift) + low, high)))
                continue
            sum = float32(0)
            for at in range(depth):
                sum = float32(sum + load_f32(reals + 4 * (peak - load_u8(source + at) & 255)))
            factor = float32(float32(1) / float32(sum * float32(get_float(args, "scale"))))
            for at in range(depth):
                real = float32(load_f32(reals + 4 * (peak - load_u8(source + at) & 255)) * factor)
                store(out + at * (bits // 8), dtype(min(max(_steps(args, real), low), high)))

    return kernel


bytes, bytes_to_words = _of_bytes(int8, 8), _of_bytes(int16, 16)


def log_bytes(args, first, last, rank):
    """8-bit rows; differences: `exps` of this operator."""
    depth, mask, low, high = get(args, "depth"), get(args, "mask"), get(args, "low"), get(args, "high")
    differences, terms = get(args, "exps"), get(args, "terms")
    for item in range(first, last):
        source, out = get(args, "source") + item * depth, get(args, "out") + item * depth
        peak = largest_byte(source, depth, mask)
        total = 0
        for at in range(depth):
            total += int(load_i32(terms + 4 * (peak - load_u8(source + at) & 255)))
        sum_log = log(total, 12, 5)
        smallest = rescaled(sum_log - (1 << 31), get(args, "mantissa"), get(args, "exponent"))
        smallest = max(get(args, "smallest") - 1, smallest)
        for at in range(depth):
            distance = peak - load_u8(source + at) & 255
            result = divided_by_pot(int(load_i32(differences + 4 * distance)) - sum_log, 22) + high
            store(out + at, int8(min(max(result, low), high) if -distance > smallest else low))


@inline
def _interpolated(entries, x):
    """The value between the entries of a table of 513 int16; wraps at 16 bits."""
    at = entries + 2 * ((x >> 7) + 256)
    start = int(load_i16(at))
    slope = int(int16(int(load_i16(at + 2)) - start))
    return int(int16(start + ((slope * (x & 127) + 64) >> 7)))


def words(args, first, last, rank):
    """int16 rows."""
    depth, exps = get(args, "depth"), get(args, "exps")
    for item in range(first, last):
        source, out = get(args, "source") + 2 * item * depth, get(args, "out") + 2 * item * depth
        peak = -32768
        for at in range(depth):
            peak = max(peak, int(load_i16(source + 2 * at)))
        total = 0
        for at in range(depth):
            total += int(load_i16(exps + 2 * (peak - int(load_i16(source + 2 * at)))))
        length = bit_length(total)
        fraction = (((total << (32 - length)) + (1 << 14)) >> 15) - (1 << 16) - (1 << 15)
        inverse = _interpolated(get(args, "inverses"), min(max(fraction, -32768), 32767))
        half = (1 << (length - 1)) >> 1
        for at in range(depth):
            exp = int(load_i16(exps + 2 * (peak - int(load_i16(source + 2 * at)))))
            store(out + 2 * at, int16(min(max((exp * inverse + half) >> (length - 1), 0), 32767)))
