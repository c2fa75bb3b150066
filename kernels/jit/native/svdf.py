"""SVDF: memories of filters, and what they weigh."""

from __future__ import annotations

from numba import float32, int8, int32

from litejit.kernels.jit.layouts.svdf import SVDF
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_f32x8,
    load_i16,
    load_i32,
    splat_f32x8,
    store,
    store_first,
    total,
)
from litejit.kernels.jit.native.vector_math import activation_by, official_tanh

get, _ = getters(SVDF)

activated = activation_by(official_tanh)


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
            weighed = int(load_i32(bias + 4 * unit))
            for filter in range(unit * ranks, (unit + 1) * ranks):
                at, by = state + 2 * filter * memory, weights + 2 * filter * memory
                for k in range(memory - 1):
                    remembered = load_i16(at + 2 * k + 2)
                    store(at + 2 * k, remembered)
                    weighed += int(remembered) * int(load_i16(by + 2 * k))
                activation = load_i16(newest + 2 * filter)
                store(at + 2 * (memory - 1), activation)
                weighed += int(activation) * int(load_i16(by + 2 * (memory - 1)))
            x = int(int32(int(int32(weighed)) << left))
            result = (x * mantissa + (half << 31) + (1 << 30) + ((x >> 63) & -ties)) >> (right + 31)
            store(out + unit, int8(min(max(result + zero_point, -128), 127)))


def floats(args, first, last, rank):
    """The same on floats, with an activation."""
    units, ranks, memory = get(args, "units"), get(args, "ranks"), get(args, "memory")
    weights, bias, activation = get(args, "weights"), get(args, "bias"), get(args, "activation")
    whole = memory & -8
    for batch in range(first, last):
        newest = get(args, "newest") + 4 * batch * units * ranks
        state = get(args, "state") + 4 * batch * units * ranks * memory
        out = get(args, "out") + 4 * batch * units
        for unit in range(units):
            weighed = float32(0)
            for filter in range(unit * ranks, (unit + 1) * ranks):
                at, by = state + 4 * filter * memory, weights + 4 * filter * memory
                for k in range(0, memory - 1, 8):
                    store_first(at + 4 * k, load_f32x8(at + 4 * k + 4), memory - 1 - k)
                store(at + 4 * (memory - 1), load_f32(newest + 4 * filter))
                sums = splat_f32x8(0.0)
                for k in range(0, whole, 8):
                    sums = sums + load_f32x8(at + 4 * k) * load_f32x8(by + 4 * k)
                weighed = float32(weighed + total(sums))
                for k in range(whole, memory):
                    weighed = float32(weighed + float32(load_f32(at + 4 * k) * load_f32(by + 4 * k)))
            store(out + 4 * unit, float32(weighed + load_f32(bias + 4 * unit)))
        for unit in range(0, units, 8):
            store_first(out + 4 * unit, activated(load_f32x8(out + 4 * unit), activation), units - unit)
