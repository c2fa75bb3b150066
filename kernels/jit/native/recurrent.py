"""LSTM cells over all time steps of a sequence, a batch at a time.

The products of the inputs of all steps have been computed before, as rows [gates, n_cell]; the gates are input, forget,
cell and output, or the last three of them, where input is 1 - forget.
"""

from __future__ import annotations

from numba import int8, int16

from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.recurrent import LSTM
from litejit.kernels.jit.native.copying import widen
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.products import product_tile
from litejit.kernels.jit.native.simd import (
    getters,
    load_i16,
    load_i32,
    store,
)
from litejit.kernels.jit.native.stages import STAGES
from litejit.kernels.jit.native.tiles import INT16_PAIRS

get, _ = getters(LSTM)

_integer_tile = product_tile(STAGES["fixed32"], INT16_PAIRS, 1, 1)


@inline
def divided(x, exponent):
    """RoundingDivideByPOT for exponents above 0."""
    return (x + (1 << (exponent - 1)) + (x >> 63)) >> exponent


@inline
def saturated(x, most):
    """x within -most - 1 .. most."""
    return min(max(x, -most - 1), most)


def integer(args, first, last, rank):
    """8-bit inputs and state h, 16-bit gates and state c."""
    time, gates, cells = get(args, "time"), get(args, "gates"), get(args, "cells")
    panels, panel_bytes, stage = get(args, "panels"), get(args, "panel_bytes"), get(args, "stage")
    zeros, sigmoid, squash, state_squash = (
        get(args, "zeros"), get(args, "sigmoid"), get(args, "squash"), get(args, "state_squash"),
    )  # fmt: skip
    mantissa, exponent, zero_point = get(args, "mantissa"), get(args, "exponent"), get(args, "zero_point")
    left, right = max(exponent, 0), max(-exponent, 0)
    half, ties = (1 << right) >> 1, (1 << 31) if right > 0 else 0
    cell_shift, clip = get(args, "cell_shift"), get(args, "clip")
    rows = get(args, "scratch") + rank * get(args, "scratch_bytes")
    recurrent = rows + get(args, "row_bytes")
    for batch in range(first, last):
        h, c = get(args, "h") + batch * cells, get(args, "c") + batch * cells * 2
        for t in range(time):
            sums = get(args, "sums") + t * get(args, "sums_time") + batch * get(args, "sums_batch")
            out = get(args, "out") + t * get(args, "out_time") + batch * get(args, "out_batch")
            widen(h, cells, rows, 0)
            for panel in range(panels):
                _integer_tile(
                    rows, zeros, zeros, 1, (cells + 1) // 2, get(args, "weights") + panel * panel_bytes, panel_bytes,
                    stage + panel * 512, recurrent + panel * 64, zeros, zeros, 0, 0, 0, 0, COLUMNS,
                )  # fmt: skip
            for j in range(cells):
                last_gate = 4 * ((gates - 1) * cells + j)
                forget_at, cell_at = last_gate - 8 * cells, last_gate - 4 * cells
                forget = gate_of(sums + forget_at, recurrent + forget_at, sigmoid)
                new = gate_of(sums + cell_at, recurrent + cell_at, squash)
                output = gate_of(sums + last_gate, recurrent + last_gate, sigmoid)
                input = 32767 - forget
                if gates == 4:
                    input = gate_of(sums + 4 * j, recurrent + 4 * j, sigmoid)
                added = int(int16(divided(input * new, cell_shift)))
                state = saturated(divided(forget * int(load_i16(c + 2 * j)), 15) + added, 32767)
                if clip > 0:
                    state = min(max(state, -clip), clip)
                store(c + 2 * j, int16(state))
                hidden = (output * int(load_i16(state_squash + 2 * (state & 0xFFFF)))) << left
                hidden = (hidden * mantissa + (half << 31) + (1 << 30) + ((hidden >> 63) & -ties)) >> (right + 31)
                value = int8(saturated(hidden + zero_point, 127))
                store(h + j, value)
                store(out + j, value)


@inline
def gate_of(sums, recurrent, table):
    """The function that a table holds, of the sum of both products."""
    total = saturated(saturated(int(load_i32(sums)), 32767) + int(load_i32(recurrent)), 32767)
    return int(load_i16(table + 2 * (total & 0xFFFF)))
