"""SOFTMAX and LOG_SOFTMAX of rows of floats."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.layouts.rows import ROWS
from litejit.kernels.jit.native.elements import store_within
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import first_of, like, load_f32x16
from litejit.kernels.jit.native.mathematics import exp, exp_of_negative, log
from litejit.kernels.jit.native.simd import getters, largest, load_f32x8, maximum, splat_f32x8, store, total

get, get_float = getters(ROWS)


@inline
def _largest(source, depth):
    """The largest of a row."""
    whole = depth & -16
    most = splat_f32x8(-3.4028234663852886e38)
    wide = like(load_f32x16(source), -3.4028234663852886e38)
    for at in range(0, whole, 16):
        wide = maximum(load_f32x16(source + 4 * at), wide)
    for at in range(whole, depth, 8):
        most = maximum(first_of(depth - at, load_f32x8(source + 4 * at), most), most)
    return largest(maximum(splat_f32x8(largest(wide)), most))


def _exps(exponential: Any) -> Any:
    @inline
    def exps(source, out, depth, room, shift, beta):
        """exp(beta * (x - shift)) of a row, and their sum; room: floats from `out` on that may be written."""
        whole = depth & -16
        zero = splat_f32x8(0.0)
        sums, wide = zero, like(load_f32x16(source), 0.0)
        for at in range(0, whole, 16):
            x = load_f32x16(source + 4 * at)
            e = exponential((x - like(x, shift)) * like(x, beta))
            wide = wide + e
            store(out + 4 * at, e)
        for at in range(whole, depth, 8):
            e = exponential((load_f32x8(source + 4 * at) - like(zero, shift)) * like(zero, beta))
            sums = sums + first_of(depth - at, e, zero)
            store_within(out + 4 * at, e, depth - at, room - at, 8)
        return total(wide) + total(sums)

    return exps


_quick_exps, _exact_exps = _exps(exp_of_negative), _exps(exp)


def floats(args, first, last, rank):
    """exp(beta * (x - largest)), then divided by their sum."""
    depth, beta = get(args, "depth"), get_float(args, "beta")
    for item in range(first, last):
        source, out = get(args, "source") + 4 * item * depth, get(args, "out") + 4 * item * depth
        room = (last - item) * depth
        sums = _quick_exps(source, out, depth, room, _largest(source, depth), beta)
        factor = splat_f32x8(1.0) / splat_f32x8(sums)
        for at in range(0, depth, 8):
            store_within(out + 4 * at, load_f32x8(out + 4 * at) * factor, depth - at, room - at, 8)


def log_floats(args, first, last, rank):
    """x - largest, less the logarithm of the sum of what they are logarithms of."""
    depth = get(args, "depth")
    for item in range(first, last):
        source, out = get(args, "source") + 4 * item * depth, get(args, "out") + 4 * item * depth
        room = (last - item) * depth
        peak = _largest(source, depth)
        offset, shift = log(splat_f32x8(_exact_exps(source, out, depth, room, peak, 1.0))), splat_f32x8(peak)
        for at in range(0, depth, 8):
            store_within(out + 4 * at, load_f32x8(source + 4 * at) - shift - offset, depth - at, room - at, 8)
