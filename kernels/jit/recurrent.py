"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM on the fast tier: cells of integers with 16-bit gates. For cells on floats see
`lstm`; those with 8-bit gates are left to the reference tier.
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
from litejit.kernels.reference.lstm_operands import LSTM_OPERANDS, LstmOperands

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
        "output_zero_point": p.output_zero_point,
        "proj_clip": p.proj_clip,
    }
    for more in (_peephole(cell, lowering.kernel.operand_specs), _norm(cell), _projection(cell, arrays)):
        if more is None:
            return None
        fields |= more
    return matrix, stage, fields


def _multipliers(name: str, multiplier: Multiplier, more: int = 0) -> dict[str, Any] | None:
    """Of the gates; None where they are out of all proportion."""
    mantissa, exponent = (np.asarray(part, np.int64) for part in (multiplier.mantissa, multiplier.exponent))
    if (exponent + more > 9).any() or (exponent + more < -31).any():
        return None
    return {f"{name}_mantissas": padded(mantissa), f"{name}_exponents": padded(exponent + more)}


def _peephole(cell: Integer16Cell, operands: LstmOperands) -> dict[str, Any] | None:
    """Weights of each cell state of a batch, 0 for those that the official kernel leaves out; see `with_peephole`."""
    if cell.peephole is None or cell.p.peephole is None:
        return dict.fromkeys(("has_peephole", "peephole", "peephole_mantissas", "peephole_exponents"), 0)
    batch, n_cell, n_output = operands.batch, operands.n_cell, operands.n_output
    rows = (1, batch * n_cell) if cell.time_major else (batch, n_cell)
    count = min(n_output * batch // rows[0], rows[1])
    weights = np.zeros((len(cell.gates), *rows), np.int16)
    for own, gate in zip(weights, cell.peephole, strict=True):
        own[:, :count] = np.resize(gate[:n_output], count)
    table = weights.reshape(-1, batch, n_cell).swapaxes(0, 1)
    multipliers = _multipliers("peephole", cell.p.peephole)
    return None if multipliers is None else {"has_peephole": 1, "peephole": padded(table), **multipliers}


def _norm(cell: Integer16Cell) -> dict[str, Any] | None:
    """Layer normalization."""
    if cell.coefficients is None or cell.p.layer_norm is None:
        names = ("has_norm", "coefficients", "bias", "guards", "norm_mantissas", "norm_exponents")
        return dict.fromkeys(names, 0)
    multipliers = _multipliers("norm", cell.p.layer_norm, 12)
    if multipliers is None:
        return None
    arrays = {"coefficients": cell.coefficients.astype(np.int32), "bias": cell.bias.astype(np.int32)}
    arrays["guards"] = cell.p.variance_guard
    return {"has_norm": 1, **{name: padded(array) for name, array in arrays.items()}, **multipliers}


def _projection(cell: Integer16Cell, arrays: Any) -> dict[str, Any] | None:
    """Packed weights and the stage of the projection."""
    if cell.projection is None:
        names = ("projection", "projection_panels", "projection_panel_bytes", "projection_stage")
        return dict.fromkeys(names, 0)
    matrix = arrays["projection_weights"].T[None]
    stage = _rescaled(cell.projection, matrix)
    if stage is None:
        return None
    weights = pack_pairs(matrix, stage.factor, narrow=False)
    return {
        "projection": weights,
        "projection_panels": len(weights),
        "projection_panel_bytes": weights.nbytes // len(weights),
        "projection_stage": stage.data,
    }


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
    batch, cells = operands.batch, operands.n_cell
    rows = input.size // depth
    time = rows // batch
    # Rows of sums and of the output: elements from one step, and from one batch, to the next.
    step, other = (batch, 1) if kernel.time_major else (1, time)
    shared = rounded(rows * columns * 4 + SLACK)
    geometry = matrix_rows(rows, depth * 2)
    left = Left(Tensor(input.index), geometry, np.zeros(1, np.int64), ELEMENTS[input.type], shared_bytes=shared)
    out = Out(Scratch(0), 0, columns * 4, 0)
    outputs = operands.n_output
    at_products = rounded(max(cells, outputs) * 2 + 2 * SLACK)
    at_totals = at_products + rounded(max(panels_of(columns), panels_of(outputs)) * 64 + SLACK)
    own = at_totals + rounded(columns * 4 + SLACK)
    values = {
        "time": time,
        "gates": len(operands.gates),
        "cells": cells,
        "outputs": outputs,
        "zeros": padded(np.zeros(16, np.int32)),
        "h": Tensor(lowering.input(LSTM_OPERANDS.index("output_state")).index),
        "c": Tensor(lowering.input(LSTM_OPERANDS.index("cell_state")).index),
        "sums": Scratch(0),
        "sums_time": step * columns * 4,
        "sums_batch": other * columns * 4,
        "out": Tensor(output.index),
        "out_time": step * outputs,
        "out_batch": other * outputs,
        "products": at_products,
        "totals": at_totals,
        "scratch": Scratch(shared),
        "scratch_bytes": own,
        **fields,
    }
    steps = Call(
        "recurrent.integer", LSTM, values, batch, scratch_bytes=shared + own, work=rows * cells * (columns + 100)
    )
    return [product(left, Right(columns, depth, matrix), out, stage, lowering.threads), steps]
