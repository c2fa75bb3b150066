"""LSTM operators on floats on the fast tier, with weights of floats or of integers, in one direction and in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litejit.kernels.jit.call import Call, padded
from litejit.kernels.jit.cells import Cell, Weights, both_ways, only_way, walk_calls
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.bidirectional import BIDIRECTIONAL_LSTM_OPERANDS, BidirectionalSequenceLstm
from litejit.kernels.reference.lstm import Lstm, UnidirectionalSequenceLstm
from litejit.kernels.reference.lstm_float import FloatCell, stack
from litejit.kernels.reference.lstm_hybrid import HybridCell
from litejit.kernels.reference.lstm_operands import LSTM_OPERANDS, LstmOperands
from litejit.schema import ActivationFunctionType

__all__: list[str] = []

_STATES = ("output_state", "cell_state")


@lowers(Lstm, UnidirectionalSequenceLstm)
def lstm(lowering: Lowering) -> Sequence[Call] | None:
    """Cells with constant weights that are not sparse."""
    kernel = lowering.kernel
    if getattr(kernel, "basic", None) is not None or not isinstance(kernel.cell, FloatCell):
        return None
    walk = only_way(lowering, LSTM_OPERANDS, kernel.time_major, _STATES)
    return walk_calls(lowering, _cell_of(kernel.cell, kernel.operand_specs), walk)


@lowers(BidirectionalSequenceLstm)
def bidirectional_lstm(lowering: Lowering) -> Sequence[Call] | None:
    """Cells with constant weights."""
    kernel = lowering.kernel
    if any(cell is None for cell in kernel.constants.values()):
        return None
    cells = [_cell_of(kernel.constants[direction], operands) for direction, operands in kernel.cells.items()]
    names = BIDIRECTIONAL_LSTM_OPERANDS
    source = lowering.given(names.index("aux_input")) if kernel.aux_for_backward else None
    return both_ways(lowering, cells, names, _STATES, source)


def _cell_of(cell: FloatCell, operands: LstmOperands) -> Cell | None:
    """An LSTM cell with constant weights; None for kinds that have no compiled code, and for cells of nothing."""
    arrays, hybrid = operands.constants(), type(cell) is HybridCell
    if arrays is None or type(cell) not in (FloatCell, HybridCell) or 0 in (operands.n_input, operands.n_cell):
        return None
    if not operands.projection and operands.n_cell != operands.n_output:
        return None
    gates, n_cell, settings = cell.gates, operands.n_cell, cell.settings
    # Inputs of zeros, which the official kernel leaves out, are multiplied here, and make a difference in these cases.
    if not hybrid and settings.activation == ActivationFunctionType.NONE:
        return None
    if cell.coefficients is not None and not cell.is_normalized.all():
        return None
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype == np.float32):
        return None

    def weights(name: str, matrices: np.ndarray, bias: np.ndarray | None = None) -> Weights:
        scales = getattr(cell, f"{name}_products").scales if hybrid else None
        return Weights.of(matrices.reshape(-1, matrices.shape[-1]), scales, bias, clamped=not hybrid)

    normalized = cell.coefficients is not None
    bias = np.zeros(len(gates) * n_cell, np.float32) if normalized else cell.bias.ravel()
    aux = projection = None
    if operands.n_aux_input:
        aux = weights("aux", stack(arrays, "aux_input_to_{}_weights", gates))
    if operands.projection:
        start = np.zeros(operands.n_output, np.float32) if cell.projection_bias is None else cell.projection_bias
        projection = weights("projection", arrays["projection_weights"], start)
    singles = getattr(cell, "in_packet", None)
    optional = {
        "diagonal": cell.diagonal,
        "peephole": cell.peephole,
        "norm": cell.coefficients,
        "singles": None if singles is None else (~singles).astype(np.int8),
    }
    fields: dict[str, Any] = {f"has_{name}": int(array is not None) for name, array in optional.items()}
    fields |= {
        "coefficients" if name == "norm" else name: 0 if array is None else padded(array)
        for name, array in optional.items()
    }
    fields |= {
        "diagonal_gates": 0 if cell.diagonal_gates is None else padded(cell.diagonal_gates.astype(np.int8)),
        "activation": int(settings.activation),
        "bias": padded(cell.bias),
        "powers": padded(np.exp2(np.arange(-200, 101, dtype=np.float64))),
        "cell_clip": float(settings.cell_clip),
        "proj_clip": float(settings.proj_clip),
    }
    if not hybrid:
        most = float(np.finfo(np.float32).max)
        fields |= {"low": -most, "high": most, "limit": np.inf if cell.together else most}
    return Cell(
        weights("input", stack(arrays, "input_to_{}_weights", gates), bias),
        aux,
        weights("recurrent", cell.recurrent_matrices(operands, arrays)),
        projection,
        len(gates),
        n_cell,
        operands.n_output,
        settings.asymmetric,
        fields,
    )
