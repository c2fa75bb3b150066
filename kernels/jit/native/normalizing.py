"""L2_NORMALIZATION of rows of floats and of bytes."""

from __future__ import annotations

from numba import float32, int8, int32

from litejit.kernels.jit.layouts.rows import ROWS
from litejit.kernels.jit.native.fixedpoint import inverse_sqrt, rescaled
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_f32x8,
    load_i8,
    load_i8x16,
    maximum,
    multiply_add_pairs,
    splat_f32x8,
    splat_i16x16,
    splat_i32x8,
    sqrt,
    store,
    store_first,
    total,
    widen_i8x16,
)

get, _ = getters(ROWS)


def floats(args, first, last, rank):
    """x / max(sqrt(sum(x ** 2)), 1e-6)."""
    depth = get(args, "depth")
    whole = depth & -8
    for item in range(first, last):
        source, out = get(args, "source") + 4 * item * depth, get(args, "out") + 4 * item * depth
        squares = splat_f32x8(0.0)
        for at in range(0, whole, 8):
            x = load_f32x8(source + 4 * at)
            squares = squares + x * x
        result = total(squares)
        for at in range(whole, depth):
            y = load_f32(source + 4 * at)
            result = float32(result + y * y)
        norm = maximum(splat_f32x8(1e-6), sqrt(splat_f32x8(result)))
        for at in range(0, depth, 8):
            store_first(out + 4 * at, load_f32x8(source + 4 * at) / norm, depth - at)


def bytes(args, first, last, rank):
    """(x - zero point) rescaled by the inverse root of the sum of squares and by 2 ** exponent."""
    depth, zero_point, signs = get(args, "depth"), get(args, "zero_point"), get(args, "mask")
    target, low, high, power = get(args, "smallest"), get(args, "low"), get(args, "high"), get(args, "exponent")
    mask, zero_points, whole = splat_i16x16(signs), splat_i16x16(zero_point), depth & -16
    for item in range(first, last):
        source, out = get(args, "source") + item * depth, get(args, "out") + item * depth
        squares = splat_i32x8(0)
        for at in range(0, whole, 16):
            x = (widen_i8x16(load_i8x16(source + at)) & mask) - zero_points
            squares = squares + multiply_add_pairs(x, x)
        sum = int(total(squares))
        for at in range(whole, depth):
            y = (int(load_i8(source + at)) & signs) - zero_point
            sum += y * y
        mantissa, exponent = inverse_sqrt(max(int(int32(sum)), 0))
        for at in range(depth):
            y = ((int(load_i8(source + at)) & signs) - zero_point) * (128 if target else 1)
            steps = rescaled(y, mantissa, exponent + power) + target
            store(out + at, int8(min(max(steps, low), high)))
