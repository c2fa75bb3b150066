"""SOFTMAX and LOG_SOFTMAX of rows of floats."""

from __future__ import annotations

from numba import float32

from litejit.kernels.jit.layouts.rows import ROWS
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.mathematics import exp_of_negative, log
from litejit.kernels.jit.native.simd import (
    getters,
    largest,
    load_f32,
    load_f32x8,
    maximum,
    splat_f32x8,
    store,
    store_first,
    total,
)

get, get_float = getters(ROWS)


@inline
def _largest(source, depth):
    """The largest of a row, in every lane."""
    whole = depth & -8
    most = splat_f32x8(-3.4028234663852886e38)
    for at in range(0, whole, 8):
        most = maximum(load_f32x8(source + 4 * at), most)
    peak = largest(most)
    for at in range(whole, depth):
        x = load_f32(source + 4 * at)
        peak = x if x > peak else peak
    return splat_f32x8(peak)


@inline
def _exps(source, out, depth, shift, beta):
    """exp(beta * (x - shift)) of a row, and their sum in every lane."""
    whole = depth & -8
    sums = splat_f32x8(0.0)
    for at in range(0, whole, 8):
        e = exp_of_negative((load_f32x8(source + 4 * at) - shift) * beta)
        sums = sums + e
        store(out + 4 * at, e)
    result = total(sums)
    if whole < depth:
        store_first(out + 4 * whole, exp_of_negative((load_f32x8(source + 4 * whole) - shift) * beta), depth - whole)
        for at in range(whole, depth):
            result = float32(result + load_f32(out + 4 * at))
    return splat_f32x8(result)


def floats(args, first, last, rank):
    """exp(beta * (x - largest)), then divided by their sum."""
    depth, beta = get(args, "depth"), splat_f32x8(get_float(args, "beta"))
    for item in range(first, last):
        source, out = get(args, "source") + 4 * item * depth, get(args, "out") + 4 * item * depth
        factor = splat_f32x8(1.0) / _exps(source, out, depth, _largest(source, depth), beta)
        for at in range(0, depth, 8):
            store_first(out + 4 * at, load_f32x8(out + 4 * at) * factor, depth - at)


def log_floats(args, first, last, rank):
    """x - largest, less the logarithm of the sum of what they are logarithms of."""
    depth, one = get(args, "depth"), splat_f32x8(1.0)
    for item in range(first, last):
        source, out = get(args, "source") + 4 * item * depth, get(args, "out") + 4 * item * depth
        shift = _largest(source, depth)
        offset = log(_exps(source, out, depth, shift, one))
        for at in range(0, depth, 8):
            store_first(out + 4 * at, load_f32x8(source + 4 * at) - shift - offset, depth - at)
