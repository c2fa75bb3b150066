"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM on the fast tier: plain cells of integers with 16-bit gates.

Integer cells with peepholes, layer normalization or a projection are left to the reference tier; for cells on floats
see `cells`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import Multiplier
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.recurrent import LSTM
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.packing import pack_stage, panels_of
from litejit.kernels.jit.products import ELEMENTS, Left, Out, Right, matrix_rows, product, rounded
from litejit.kernels.jit.stages import PackedStage, pack_pairs, sums_within
from litejit.kernels.reference.lstm import Lstm, UnidirectionalSequenceLstm
from litejit.kernels.reference.lstm_float import stack
from litejit.kernels.reference.lstm_integer import Integer16Cell, IntegerProducts, lookup
from litejit.kernels.reference.lstm_operands import LSTM_OPERANDS

__all__: list[str] = []

Cell = tuple[np.ndarray, PackedStage, dict[str, Any]]
"""Weights of the input [1, depth, gates * n_cell], the stage of their products, fields of the kernel."""


@lowers(Lstm, UnidirectionalSequenceLstm)
def lstm(lowering: Lowering) -> Sequence[Call] | None:
    """The products of all inputs, then the steps."""
    kernel = lowering.kernel
    if getattr(kernel, "basic", None) is not None or lowering.outputs[0].size == 0 or lowering.input(0).size == 0:
        return None
    operands, cell = kernel.operand_specs, kernel.cell
    plain = not (operands.peephole or operands.layer_norm or operands.projection)
    if cell is None or not plain or operands.n_aux_input:
        return None
    if type(cell) is not Integer16Cell:
        return None
    fields = _integers(lowering, cell, operands.constants())
    return None if fields is None else _calls(lowering, *fields)


def _matrix(arrays: Any, pattern: str, gates: tuple[str, ...]) -> np.ndarray:
    """[1, depth, gates * n_cell]."""
    weights = stack(arrays, pattern, gates)
    return weights.reshape(-1, weights.shape[2]).T[None]


def _integers(lowering: Lowering, cell: Integer16Cell, arrays: Any) -> Cell | None:
    gates, p = lowering.kernel.operand_specs.gates, cell.p
    matrix = _matrix(arrays, "input_to_{}_weights", gates)
    recurrent = _matrix(arrays, "recurrent_to_{}_weights", gates)
    stage, own = _rescaled(cell.input_products, matrix), _rescaled(cell.recurrent_products, recurrent)
    hidden = p.hidden.exponent
    if stage is None or own is None or not -31 <= hidden <= 0:
        return None
    weights = pack_pairs(recurrent, own.factor, narrow=False)
    numbers = np.arange(1 << 16)
    sigmoid, squash, state_squash = (
        padded(lookup(function, bits, numbers).astype(np.int16))
        for function, bits in (("logistic", 3), ("tanh", 3), ("tanh", 15 + p.cell_exponent))
    )
    fields = {
        "panels": len(weights),
        "panel_bytes": weights.nbytes // len(weights),
        "weights": weights,
        "stage": own.data,
        "sigmoid": sigmoid,
        "squash": squash,
        "state_squash": state_squash,
        "mantissa": int(p.hidden.mantissa),
        "exponent": int(hidden),
        "zero_point": p.hidden_zero_point,
        "cell_shift": 30 + p.cell_exponent,
        "clip": p.cell_clip,
    }
    return matrix, stage, fields


def _rescaled(products: IntegerProducts, matrix: np.ndarray) -> PackedStage | None:
    """The stage of products rescaled to INT32, a multiplier for each gate."""
    bias = products.bias.ravel()
    rows = products.shape[1]
    multiplier = Multiplier(
        *(np.repeat(x.ravel(), rows) for x in (products.multiplier.mantissa, products.multiplier.exponent))
    )
    left = int(max(multiplier.exponent.max(), 0))
    if products.wraps or left > 8 or not (sums_within(matrix, -128, 127, bias) < 1 << (30 - left)).all():
        return None
    return PackedStage("fixed32", pack_stage(bias, multiplier, bias.size)[0], 0, 0, 0, 4, 2)


def _calls(lowering: Lowering, matrix: np.ndarray, stage: PackedStage, fields: dict[str, Any]) -> list[Call]:
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    operands, (_, depth, columns) = kernel.operand_specs, matrix.shape
    batch, cells, item_bytes = operands.batch, operands.n_cell, output.dtype.itemsize
    rows = input.size // depth
    time = rows // batch
    # Rows of sums and of the output: elements from one step, and from one batch, to the next.
    step, other = (batch, 1) if kernel.time_major else (1, time)
    shared = rounded(rows * columns * 4 + SLACK)
    geometry = matrix_rows(rows, depth * 2)
    left = Left(Tensor(input.index), geometry, np.zeros(1, np.int64), ELEMENTS[input.type], shared_bytes=shared)
    out = Out(Scratch(0), 0, columns * 4, 0)
    row_bytes = rounded(cells * 4 + 2 * SLACK)
    own = row_bytes + rounded((panels_of(columns) + 4) * 64 + SLACK)
    values = {
        "time": time,
        "gates": len(operands.gates),
        "cells": cells,
        "zeros": padded(np.zeros(16, np.int32)),
        "h": Tensor(lowering.input(LSTM_OPERANDS.index("output_state")).index),
        "c": Tensor(lowering.input(LSTM_OPERANDS.index("cell_state")).index),
        "sums": Scratch(0),
        "sums_time": step * columns * 4,
        "sums_batch": other * columns * 4,
        "out": Tensor(output.index),
        "out_time": step * cells * item_bytes,
        "out_batch": other * cells * item_bytes,
        "row_bytes": row_bytes,
        "scratch": Scratch(shared),
        "scratch_bytes": own,
        **fields,
    }
    steps = Call(
        "recurrent.integer", LSTM, values, batch, scratch_bytes=shared + own, work=rows * cells * (columns + 100)
    )
    return [product(left, Right(columns, depth, matrix), out, stage, lowering.threads), steps]
