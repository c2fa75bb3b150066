"""LSTM cells of integers over all time steps of a sequence, a batch at a time: 8-bit inputs and state h, 16-bit gates
and state c.

The products of the inputs of all steps have been computed before, as rows [gates, n_cell]; the gates are input, forget,
cell and output, or the last three of them, where input is 1 - forget.
"""

from __future__ import annotations

from numba import int8, int16, int32

from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.layouts.recurrent import LSTM
from litejit.kernels.jit.native.copying import widen
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.products import product_tile
from litejit.kernels.jit.native.simd import getters, load_i16, load_i32, load_i64, store
from litejit.kernels.jit.native.stages import STAGES
from litejit.kernels.jit.native.tiles import INT16_PAIRS

get, _ = getters(LSTM)

_tile = product_tile(STAGES["fixed32"], INT16_PAIRS, 1, 1)
_MOST = 2147483647


@inline
def divided(x, exponent):
    """RoundingDivideByPOT for exponents above 0."""
    return (x + (1 << (exponent - 1)) + (x >> 63)) >> exponent


@inline
def quotient(x, divisor):
    """Rounded towards zero."""
    return x // divisor if x >= 0 else -(-x // divisor)


@inline
def saturated(x, most):
    """x within -most - 1 .. most."""
    return min(max(x, -most - 1), most)


@inline
def rescaled(x, mantissa, exponent):
    """MultiplyByQuantizedMultiplier, rounded twice."""
    left, right = max(exponent, 0), max(-exponent, 0)
    half, ties = (1 << right) >> 1, (1 << 31) if right > 0 else 0
    x = x << left
    return (x * mantissa + (half << 31) + (1 << 30) + ((x >> 63) & -ties)) >> (right + 31)


@inline
def high_product(a, b):
    """SaturatingRoundingDoublingHighMul of 32 bits."""
    return min((a * b + (1 << 30)) >> 31, _MOST)


@inline
def inverse_sqrt(x):
    """(mantissa, exponent) of 1 / sqrt(x), as `litejit.kernels.newton` has it."""
    if x <= 1:
        return _MOST, 0
    scaled = x >> 2 if x >= 1 << 29 else x
    bits = 0
    while scaled >> bits > 0:
        bits += 1
    pairs = (31 - bits) // 2 - 1
    half = (scaled << (2 * pairs)) >> 1
    quarter = (half + 1) >> 1
    root = 1 << 28
    for _step in range(5):
        cube = saturated(high_product(high_product(root, root), root) << 6, _MOST)
        root = saturated((high_product((1 << 28) + (1 << 27), root) - high_product(quarter, cube)) << 3, _MOST)
    right = 11 - pairs
    if x >= 1 << 29:
        right += 1
    mantissa = int(int32(high_product(root, 1518500250) << max(-right, 0)))
    return mantissa, -max(right, 0)


@inline
def normalize(args, gate, row):
    """Layer normalization of a gate's totals in place."""
    cells = get(args, "cells")
    coefficients, bias = get(args, "coefficients") + 4 * gate * cells, get(args, "bias") + 4 * gate * cells
    total, squares = 0, 0
    for j in range(cells):
        x = int(load_i32(row + 4 * j))
        total, squares = total + x, squares + x * x
    mean = quotient(total * 1024, cells)
    variance = quotient(squares * ((1 << 20) // cells) - mean * mean, 1 << 20)
    if variance < 1:
        variance = load_i64(get(args, "guards") + 8 * gate)
    mantissa, exponent = inverse_sqrt(variance)
    norm_mantissa = load_i64(get(args, "norm_mantissas") + 8 * gate)
    norm_exponent = load_i64(get(args, "norm_exponents") + 8 * gate)
    for j in range(cells):
        x = rescaled(int(int32(1024 * int(load_i32(row + 4 * j)) - mean)), mantissa, exponent)
        x = int(int32(x * int(load_i32(coefficients + 4 * j)) + int(load_i32(bias + 4 * j))))
        x = quotient(x + (512 if x > 0 else -512), 1024)
        store(row + 4 * j, int32(saturated(rescaled(x, norm_mantissa, norm_exponent), 32767)))


@inline
def gate_row(args, gate, batch, sums, products, c, row):
    """The totals of a gate, ready for its activation."""
    cells = get(args, "cells")
    at = gate * cells
    has_peephole, weights = get(args, "has_peephole"), get(args, "peephole")
    mantissa, exponent = 0, 0
    if has_peephole == 1:
        weights += 2 * (batch * get(args, "gates") * cells + at)
        mantissa = load_i64(get(args, "peephole_mantissas") + 8 * gate)
        exponent = load_i64(get(args, "peephole_exponents") + 8 * gate)
    for j in range(cells):
        total = saturated(int(load_i32(sums + 4 * (at + j))), 32767) + int(load_i32(products + 4 * (at + j)))
        total = saturated(total, 32767)
        if has_peephole == 1:
            product = int(load_i16(weights + 2 * j)) * int(load_i16(c + 2 * j))
            total = saturated(total + rescaled(product, mantissa, exponent), 32767)
        store(row + 4 * j, int32(total))
    if get(args, "has_norm") == 1:
        normalize(args, gate, row)


@inline
def looked_up(table, address):
    """The function that a table holds, of a total."""
    return int(load_i16(table + 2 * (int(load_i32(address)) & 0xFFFF)))


@inline
def keep(args, totals, c):
    """The next state c of a cell from the gates before the last."""
    gates, cells, clip = get(args, "gates"), get(args, "cells"), get(args, "clip")
    sigmoid, squash, cell_shift = get(args, "sigmoid"), get(args, "squash"), get(args, "cell_shift")
    cell = totals + 4 * (gates - 2) * cells
    for j in range(cells):
        forget = looked_up(sigmoid, cell + 4 * (j - cells))
        input = looked_up(sigmoid, totals + 4 * j) if gates == 4 else 32767 - forget
        added = int(int16(divided(input * looked_up(squash, cell + 4 * j), cell_shift)))
        state = saturated(divided(forget * int(load_i16(c + 2 * j)), 15) + added, 32767)
        if clip > 0:
            state = min(max(state, -clip), clip)
        store(c + 2 * j, int16(state))


def integer(args, first, last, rank):
    """Cells of every kind."""
    time, gates, cells, outputs = get(args, "time"), get(args, "gates"), get(args, "cells"), get(args, "outputs")
    zeros, sigmoid, state_squash = get(args, "zeros"), get(args, "sigmoid"), get(args, "state_squash")
    mantissa, exponent, zero_point = get(args, "mantissa"), get(args, "exponent"), get(args, "zero_point")
    clip = get(args, "proj_clip")
    rows = get(args, "scratch") + rank * get(args, "scratch_bytes")
    products, totals = rows + get(args, "products"), rows + get(args, "totals")
    output = totals + 4 * (gates - 1) * cells
    # A step is a product for the gates, and one for the projection if there is one.
    phases = 2 if get(args, "projection_panels") > 0 else 1
    for item in range(first * time * phases, last * time * phases):
        batch, t, phase = item // (time * phases), item // phases % time, item % phases
        h, c = get(args, "h") + batch * outputs, get(args, "c") + batch * cells * 2
        out = get(args, "out") + t * get(args, "out_time") + batch * get(args, "out_batch")
        depth, weights, panels = outputs, get(args, "weights"), get(args, "panels")
        panel_bytes, stage = get(args, "panel_bytes"), get(args, "stage")
        if phase == 0:
            widen(h, outputs, rows, 0)
        else:
            depth, weights, panels = cells, get(args, "projection"), get(args, "projection_panels")
            panel_bytes, stage = get(args, "projection_panel_bytes"), get(args, "projection_stage")
        for panel in range(panels):
            _tile(
                rows, zeros, zeros, 1, (depth + 1) // 2, weights + panel * panel_bytes, panel_bytes,
                stage + panel * STAGE_BYTES, products + panel * 64, zeros, zeros, 0, 0, 0, 0, COLUMNS,
            )  # fmt: skip
        if phase == 1:
            for j in range(outputs):
                value = saturated(int(load_i32(products + 4 * j)) + get(args, "output_zero_point"), 127)
                if clip > 0:
                    value = min(max(value, -clip), clip)
                store(h + j, int8(value))
                store(out + j, int8(value))
            continue
        sums = get(args, "sums") + t * get(args, "sums_time") + batch * get(args, "sums_batch")
        for gate in range(gates):
            if gate == gates - 1:
                keep(args, totals, c)
            gate_row(args, gate, batch, sums, products, c, totals + 4 * gate * cells)
        for j in range(cells):
            squashed = int(load_i16(state_squash + 2 * (int(load_i16(c + 2 * j)) & 0xFFFF)))
            hidden = rescaled(looked_up(sigmoid, output + 4 * j) * squashed, mantissa, exponent)
            if phases == 2:
                # The official kernel adds the zero point with the other sign where a projection follows.
                store(rows + 2 * j, int16(saturated(hidden - zero_point, 127)))
            else:
                value = int8(saturated(hidden + zero_point, 127))
                store(h + j, value)
                store(out + j, value)
