"""LSTM and RNN cells on floats over all time steps of a sequence, a batch at a time.

The products of the inputs of all steps have been computed before, as rows [gates, cells]; the gates are input, forget,
cell and output, or the last three of them, where input is 1 - forget. With integer weights (hybrid) states are
quantized in each step, and everything rounds as in `litejit.kernels.reference.lstm_hybrid`.
"""

from __future__ import annotations

from typing import Any

from numba import float32

from litejit.kernels.jit.layouts.cells import CELLS
from litejit.kernels.jit.native.copying import copy_f32
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.mathematics import logistic, tanh
from litejit.kernels.jit.native.products import product_tile
from litejit.kernels.jit.native.quantizing import quantize_part, row_extremes, row_parameters
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_f32x8,
    load_i8,
    maximum,
    minimum,
    splat_f32x8,
    sqrt,
    store,
    store_first,
)
from litejit.kernels.jit.native.stages import STAGES
from litejit.kernels.jit.native.tiles import FLOATS, INT8_PAIRS
from litejit.kernels.jit.native.vector_math import activation_by, logistic_exact, official_logistic, official_tanh

get, get_float = getters(CELLS)

_SCALE_BYTES = 64
"""At the end of a thread's scratch memory: the scale of a quantized row."""


def _ready(hybrid: bool) -> Any:
    """Makes a row ready for products: quantized, its scale at `scale`, or copied."""
    if not hybrid:

        @inline
        def ready(source, count, target, scale, symmetric):
            copy_f32(source, count, target)

        return ready

    @inline
    def ready(source, count, target, scale, symmetric):
        low, high, most = row_extremes(source, count)
        factor, inverse, zero_point, least, way = row_parameters(source, count, low, high, most, symmetric)
        store(scale, float32(factor))
        quantize_part(source, target, count, count // 8 * 8, inverse, zero_point, least, way)

    return ready


def _products(hybrid: bool) -> Any:
    """out = stage(row x panels), all columns of all panels."""
    tile = product_tile(STAGES["scaled" if hybrid else "float"], INT8_PAIRS if hybrid else FLOATS, 1, 4)
    stage_bytes = STAGES["scaled" if hybrid else "float"].bytes

    @inline
    def products(row, depth, zeros, weights, panels, panel_bytes, stage, scale, low, high, out):
        steps = (depth + 1) // 2 if hybrid else depth
        for panel in range(0, panels, 4):
            tile(
                row, zeros, zeros, 1, steps, weights + panel * panel_bytes, panel_bytes, stage + panel * stage_bytes,
                out + panel * 64, zeros, scale, 0, 0, low, high, 64,
            )  # fmt: skip

    return products


@inline
def normalize(row, cells, coefficients, bias):
    """Layer normalization in place, sums taken from first to last."""
    total, size = load_f32(row), float32(cells)
    for j in range(1, cells):
        total = float32(total + load_f32(row + 4 * j))
    mean = splat_f32x8(float32(total / size))
    for j in range(0, cells, 8):
        store(row + 4 * j, load_f32x8(row + 4 * j) - mean)
    first = load_f32(row)
    total = float32(first * first)
    for j in range(1, cells):
        x = load_f32(row + 4 * j)
        total = float32(total + float32(x * x))
    one = splat_f32x8(1.0)
    inverse = one / sqrt(splat_f32x8(float32(total / size)) + splat_f32x8(float32(1e-8)))
    for j in range(0, cells, 8):
        x = load_f32x8(row + 4 * j) * inverse
        store(row + 4 * j, x * load_f32x8(coefficients + 4 * j) + load_f32x8(bias + 4 * j))


@inline
def gate_row(args, scratch, gate, sums, aux, h, c):
    """The sums of a gate, ready for its activation."""
    cells = get(args, "cells")
    at = 4 * gate * cells
    recurrent, target = scratch + get(args, "recurrent") + at, scratch + get(args, "gate_rows")
    target += gate * get(args, "row_bytes")
    has_aux, has_peephole, is_diagonal = get(args, "has_aux"), get(args, "has_peephole"), False
    if get(args, "has_diagonal") == 1:
        is_diagonal = load_i8(get(args, "diagonal_gates") + gate) != 0
    diagonal, peephole = get(args, "diagonal") + at, get(args, "peephole") + at
    most, least = splat_f32x8(float32(get_float(args, "limit"))), splat_f32x8(float32(-get_float(args, "limit")))
    for j in range(0, 4 * cells, 32):
        x = load_f32x8(sums + at + j)
        if has_aux == 1:
            x = minimum(most, maximum(least, x + load_f32x8(aux + at + j)))
        if is_diagonal:
            x = x + load_f32x8(diagonal + j) * load_f32x8(h + j)
        else:
            x = minimum(most, maximum(least, x + load_f32x8(recurrent + j)))
        if has_peephole == 1 and gate != get(args, "gates") - 2:
            x = x + load_f32x8(peephole + j) * load_f32x8(c + j)
        store(target + j, x)
    if get(args, "has_norm") == 1:
        normalize(target, cells, get(args, "coefficients") + at, get(args, "bias") + at)


def _squash(function: Any) -> Any:
    @inline
    def squash(args, scratch, gate, batch):
        """The logistic function of a gate's row."""
        cells, offset = get(args, "cells"), gate * get(args, "row_bytes")
        source, target = scratch + get(args, "gate_rows") + offset, scratch + get(args, "squashed") + offset
        for j in range(0, 4 * cells, 32):
            store(target + j, function(load_f32x8(source + j)))
        if get(args, "has_singles") == 1:
            singles = get(args, "singles") + (batch * get(args, "gates") + gate) * cells
            for j in range(cells):
                if load_i8(singles + j) != 0:
                    x = load_f32(source + 4 * j)
                    store(target + 4 * j, logistic_exact(x, get(args, "powers")))

    return squash


@inline
def keep(args, scratch, activated, limit, c):
    """The next state c of a cell from its gates; the cell gate is left activated."""
    cells, gates, row_bytes = get(args, "cells"), get(args, "gates"), get(args, "row_bytes")
    activation, squashed = get(args, "activation"), scratch + get(args, "squashed")
    forget, cell = squashed + (gates - 3) * row_bytes, scratch + get(args, "gate_rows") + (gates - 2) * row_bytes
    most, least, one = splat_f32x8(float32(limit)), splat_f32x8(float32(-limit)), splat_f32x8(1.0)
    for j in range(0, cells, 8):
        new, kept = activated(load_f32x8(cell + 4 * j), activation), load_f32x8(forget + 4 * j)
        taken = load_f32x8(squashed + 4 * j) if gates == 4 else one - kept
        state = kept * load_f32x8(c + 4 * j) + new * taken
        if limit > 0.0:
            state = maximum(minimum(state, most), least)
        store_first(c + 4 * j, state, cells - j)
        store(cell + 4 * j, new)


def _lstm(hybrid: bool) -> Any:
    ready, products = _ready(hybrid), _products(hybrid)
    activated = activation_by(official_tanh if hybrid else tanh)
    squash = _squash(official_logistic if hybrid else logistic)

    def lstm(args, first, last, rank):
        time, gates, cells, outputs = get(args, "time"), get(args, "gates"), get(args, "cells"), get(args, "outputs")
        activation, symmetric, limit = get(args, "activation"), get(args, "symmetric"), get_float(args, "cell_clip")
        low, high, clip = get_float(args, "low"), get_float(args, "high"), get_float(args, "proj_clip")
        clip_high, clip_low = splat_f32x8(float32(clip)), splat_f32x8(float32(-clip))
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        scale = scratch + get(args, "scratch_bytes") - _SCALE_BYTES
        row_bytes = get(args, "row_bytes")
        cell = scratch + get(args, "gate_rows") + (gates - 2) * row_bytes
        output = scratch + get(args, "squashed") + (gates - 1) * row_bytes
        hidden = scratch + get(args, "hidden")
        # A step is a product for the gates, and one for the projection if there is one.
        phases = 2 if get(args, "projection_panels") > 0 else 1
        for item in range(first * time * phases, last * time * phases):
            batch, t, phase = item // (time * phases), item // phases % time, item % phases
            h, c = get(args, "h") + batch * outputs * 4, get(args, "c") + batch * cells * 4
            source, depth, product = h, outputs, scratch + get(args, "recurrent")
            weights, panels, panel_bytes = get(args, "weights"), get(args, "panels"), get(args, "panel_bytes")
            stage = get(args, "stage")
            if phase == 1:
                source, depth, product = hidden, cells, scratch + get(args, "projected")
                weights, panels = get(args, "projection"), get(args, "projection_panels")
                panel_bytes, stage = get(args, "projection_panel_bytes"), get(args, "projection_stage")
            ready(source, depth, scratch, scale, symmetric)
            products(
                scratch, depth, get(args, "zeros"), weights, panels, panel_bytes, stage, scale, low, high, product
            )  # fmt: skip
            if phase == 0:
                at = t * get(args, "sums_time") + batch * get(args, "sums_batch")
                for gate in range(gates):
                    if gate == gates - 1:
                        keep(args, scratch, activated, limit, c)
                    gate_row(args, scratch, gate, get(args, "sums") + at, get(args, "aux") + at, h, c)
                    if gate != gates - 2:
                        squash(args, scratch, gate, batch)
                for j in range(0, 4 * cells, 32):
                    # Without an activation the official kernel has the cell gate where the state should be.
                    x = load_f32x8(cell + j) if activation == 0 else activated(load_f32x8(c + j), activation)
                    store(hidden + j, load_f32x8(output + j) * x)
            if phase == phases - 1:
                result = hidden if phase == 0 else product
                out = get(args, "out") + t * get(args, "out_time") + batch * get(args, "out_batch")
                for j in range(0, outputs, 8):
                    x = load_f32x8(result + 4 * j)
                    if phase == 1 and clip > 0.0:
                        x = maximum(minimum(x, clip_high), clip_low)
                    store_first(h + 4 * j, x, outputs - j)
                    store_first(out + 4 * j, x, outputs - j)

    return lstm


def _rnn(hybrid: bool) -> Any:
    ready, products, activated = _ready(hybrid), _products(hybrid), activation_by(official_tanh)

    def rnn(args, first, last, rank):
        time, outputs, activation = get(args, "time"), get(args, "outputs"), get(args, "activation")
        low, high, has_aux = get_float(args, "low"), get_float(args, "high"), get(args, "has_aux")
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        scale, recurrent = scratch + get(args, "scratch_bytes") - _SCALE_BYTES, scratch + get(args, "recurrent")
        for batch in range(first, last):
            h = get(args, "h") + batch * outputs * 4
            for t in range(time):
                at = t * get(args, "sums_time") + batch * get(args, "sums_batch")
                sums, aux = get(args, "sums") + at, get(args, "aux") + at
                out = get(args, "out") + t * get(args, "out_time") + batch * get(args, "out_batch")
                ready(h, outputs, scratch, scale, get(args, "symmetric"))
                products(
                    scratch, outputs, get(args, "zeros"), get(args, "weights"), get(args, "panels"),
                    get(args, "panel_bytes"), get(args, "stage"), scale, low, high, recurrent,
                )  # fmt: skip
                for j in range(0, outputs, 8):
                    x = load_f32x8(sums + 4 * j)
                    if has_aux == 1:
                        x = x + load_f32x8(aux + 4 * j)
                    x = activated(x + load_f32x8(recurrent + 4 * j), activation)
                    store_first(h + 4 * j, x, outputs - j)
                    store_first(out + 4 * j, x, outputs - j)

    return rnn


lstm_float, lstm_hybrid = _lstm(False), _lstm(True)
rnn_float, rnn_hybrid = _rnn(False), _rnn(True)
