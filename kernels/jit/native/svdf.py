"""SVDF on integers: memories of filters, and what they weigh."""

from __future__ import annotations

from numba import int8, int32

from litejit.kernels.jit.layouts.svdf import SVDF
from litejit.kernels.jit.native.simd import getters, load_i16, load_i32, store

get, _ = getters(SVDF)


def integer(args, first, last, rank):
    """Shifts the memory of each filter of a batch, appends its newest activation; units are sums of `ranks` filters."""
    units, ranks, memory = get(args, "units"), get(args, "ranks"), get(args, "memory")
    weights, bias, zero_point = get(args, "weights"), get(args, "bias"), get(args, "zero_point")
    mantissa, exponent = get(args, "mantissa"), get(args, "exponent")
    left, right = max(exponent, 0), max(-exponent, 0)
    half, ties = (1 << right) >> 1, (1 << 31) if right > 0 else 0
    for batch in range(first, last):
        newest = get(args, "newest") + 2 * batch * units * ranks
        state = get(args, "state") + 2 * batch * units * ranks * memory
        out = get(args, "out") + batch * units
        for unit in range(units):
            total = int(load_i32(bias + 4 * unit))
            for filter in range(unit * ranks, (unit + 1) * ranks):
                at, by = state + 2 * filter * memory, weights + 2 * filter * memory
                for k in range(memory - 1):
                    remembered = load_i16(at + 2 * k + 2)
                    store(at + 2 * k, remembered)
                    total += int(remembered) * int(load_i16(by + 2 * k))
                activation = load_i16(newest + 2 * filter)
                store(at + 2 * (memory - 1), activation)
                total += int(activation) * int(load_i16(by + 2 * (memory - 1)))
            x = int(int32(int(int32(total)) << left))
            result = (x * mantissa + (half << 31) + (1 << 30) + ((x >> 63) & -ties)) >> (right + 31)
            store(out + unit, int8(min(max(result + zero_point, -128), 127)))
