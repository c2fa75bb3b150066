"""SOFTMAX and LOG_SOFTMAX of rows of integers, as `litejit.kernels.reference.softmax` explains it."""

from __future__ import annotations

from typing import Any

from numba import float32, int8, int16

from litejit.kernels.jit.layouts.rows import KNOWN_BYTES, ROWS, ROWS_AT_ONCE
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
    load_i8x16,
    load_i8x32,
    load_i16,
    load_i32,
    load_i64,
    load_u8,
    maximum,
    splat_i8x16,
    splat_i8x32,
    store,
)

get, get_float = getters(ROWS)


@inline
def largest_byte(source, depth, mask):
    """The largest of a row of bytes, as int64. The last vector of a row reaches back into those before it."""
    flip, offset = (-128, 128) if mask == 255 else (0, 0)
    peak = -128
    if depth >= 32:
        flips = splat_i8x32(flip)
        most = load_i8x32(source + depth - 32) ^ flips
        for at in range(0, depth - 32, 32):
            most = maximum(load_i8x32(source + at) ^ flips, most)
        peak = int(largest(most))
    elif depth >= 16:
        halves = splat_i8x16(flip)
        peak = int(largest(maximum(load_i8x16(source) ^ halves, load_i8x16(source + depth - 16) ^ halves)))
    else:
        for at in range(depth):
            peak = max(peak, int(load_u8(source + at) ^ 128) - 128 if mask != 255 else load_u8(source + at) - 128)
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


@inline
def _add_up(args, source, depth, into):
    """Keeps what tables are moved by for a row of bytes, and the sum of its exponentials."""
    away = 4 * (255 - (largest_byte(source, depth, get(args, "mask")) & 255))
    terms, total = get(args, "terms") + away, 0
    for at in range(depth):
        total += load_i32(terms + 4 * load_u8(source + at))
    store(into, away)
    store(into + 8, total)


@inline
def _invert(total, bits, into):
    """Keeps the reciprocal of a sum, and by how much products with it are shifted: by 62 at most, see `limit`."""
    inverse, shift = reciprocal(total)
    store(into, inverse)
    store(into + 8, shift + 43 - bits)


def _of_bytes(dtype: Any, bits: int) -> Any:
    """8-bit rows to rows of integers of a type.

    Some rows at a time: all sums, all reciprocals, all results, so that a processor is at several rows at once. A row
    whose sum is too large for fixed point is done in floats, in which sums are rounded after every addition.
    """

    @inline
    def shares(args, source, out, depth, known):
        low, high, exps = get(args, "low"), get(args, "high"), get(args, "exps") + load_i64(known)
        inverse, shift = load_i64(known + 16), load_i64(known + 24)
        # Rounded to 2**-31 first, halves up, and then to whole steps.
        start = (1 << 30) + (1 << (shift - 1))
        for at in range(depth):
            exp = load_i32(exps + 4 * load_u8(source + at))
            store(out + at * (bits // 8), dtype(min(((exp * inverse + start) >> shift) + low, high)))

    @inline
    def shares_in_floats(args, source, out, depth, known):
        low, high, reals = get(args, "low"), get(args, "high"), get(args, "reals") + load_i64(known)
        sum = float32(0)
        for at in range(depth):
            sum = float32(sum + load_f32(reals + 4 * load_u8(source + at)))
        factor = float32(float32(1) / float32(sum * float32(get_float(args, "scale"))))
        for at in range(depth):
            real = float32(load_f32(reals + 4 * load_u8(source + at)) * factor)
            store(out + at * (bits // 8), dtype(min(max(_steps(args, real), low), high)))

    def kernel(args, first, last, rank):
        depth, limit = get(args, "depth"), get(args, "limit")
        known = get(args, "scratch") + rank * get(args, "scratch_bytes")
        for begin in range(first, last, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, last - begin)
            source, out = get(args, "source") + begin * depth, get(args, "out") + begin * depth * (bits // 8)
            for row in range(count):
                _add_up(args, source + row * depth, depth, known + KNOWN_BYTES * row)
            for row in range(count):
                at = known + KNOWN_BYTES * row
                _invert(min(load_i64(at + 8), limit - 1), bits, at + 16)
            for row in range(count):
                at, to = known + KNOWN_BYTES * row, out + row * depth * (bits // 8)
                if load_i64(at + 8) < limit:
                    shares(args, source + row * depth, to, depth, at)
                else:
                    shares_in_floats(args, source + row * depth, to, depth, at)

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
