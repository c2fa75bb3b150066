"""L2_NORMALIZATION of rows of floats."""

from __future__ import annotations

from numba import float32

from litejit.kernels.jit.layouts.rows import ROWS
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_f32x8,
    maximum,
    splat_f32x8,
    sqrt,
    store_first,
    total,
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
