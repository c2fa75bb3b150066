"""One LSTM cell on floats with integer weights: inputs and states are quantized on the fly, row by row.

    gate = activate((W q(x)) * scale + (R q(h)) * scale + P * c + bias), added up in float32 from left to right
Everything rounds as the official x86 build does, because h is quantized again in the next step.

Semantics: LiteRT tflite/kernels/lstm_eval.cc (LstmStepHybrid).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.reference import vector_math
from litejit.kernels.reference.hybrid import as_rows, quantize_rows, vector_activation
from litejit.kernels.reference.hybrid_matrix import HybridMatrix
from litejit.kernels.reference.lstm_float import FloatCell, stack
from litejit.kernels.reference.lstm_operands import LstmArrays, LstmOperands, LstmSettings

__all__ = ["HybridCell", "SparseHybridCell"]

_SCRATCH_ORDER = ("input", "cell", "forget", "output")
"""Order of the gates in the official kernel's scratch buffer; their alignment in it decides how logistic rounds."""


class HybridCell(FloatCell):
    """An LSTM cell with integer weights."""

    def __init__(self, operands: LstmOperands, arrays: LstmArrays, settings: LstmSettings, time_major: bool) -> None:
        super().__init__(operands, arrays, settings, time_major)
        self.in_packet = _packets(operands, time_major)

    def pack(self, operands: LstmOperands, arrays: LstmArrays) -> None:
        """Packs the matrices of all gates as one, with a scale for each gate."""
        gates = self.gates
        asymmetric, together = self.settings.asymmetric, operands.batch if self.time_major else 1

        def matrix(pattern: str, weights: np.ndarray) -> HybridMatrix:
            specs = [operands.spec(pattern.format(gate)) for gate in gates]
            scales = [np.float32(1) if spec.rank == 1 else spec.scale for spec in specs]
            return HybridMatrix(weights, np.array(scales), asymmetric, together)

        self.input_products = matrix("input_to_{}_weights", stack(arrays, "input_to_{}_weights", gates))
        self.recurrent_products = matrix("recurrent_to_{}_weights", self.recurrent_matrices(operands, arrays))
        self.aux_products = None
        if operands.n_aux_input:
            aux_weights = stack(arrays, "aux_input_to_{}_weights", gates)
            self.aux_products = matrix("aux_input_to_{}_weights", aux_weights)
        projection = arrays.get("projection_weights")
        self.projection_products = None
        if projection is not None:
            scale = np.array([operands.spec("projection_weights").scale])
            self.projection_products = HybridMatrix(projection, scale, asymmetric, together)

    def pack_peephole(self, operands: LstmOperands, arrays: LstmArrays) -> np.ndarray:
        """[gates, n_cell] the real weights."""
        result = np.zeros((len(self.gates), self.n_cell), np.float32)
        for row, gate in zip(result, self.gates, strict=True):
            weights = arrays.get(f"cell_to_{gate}_weights")
            if weights is not None:
                row[:] = weights.view(np.int8) * operands.spec(f"cell_to_{gate}_weights").scale
        return result

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> Any:
        """[time, batch, n_input] -> by time, sums [batch, gates, n_cell] and that the cell gate gets them whole."""
        sums = self.start + self.input_products(as_rows(x))
        if aux is not None and self.aux_products is not None:
            sums = sums + self.aux_products(as_rows(aux))
        whole = np.ones(x.shape[:2], bool)
        return list(zip(sums.reshape(*x.shape[:2], len(self.gates), self.n_cell), whole, strict=True))

    def add_recurrent(self, sums: np.ndarray, h: np.ndarray) -> np.ndarray:
        """The sums with the products of the recurrent matrices."""
        return self.with_matrices(sums, sums + self.recurrent_products(h))

    def projected(self, hidden: np.ndarray) -> np.ndarray:
        """[batch, n_cell] -> [batch, n_output]."""
        if self.projection_products is None:
            return self.part(hidden)
        start = np.float32(0) if self.projection_bias is None else self.projection_bias
        return self.clipped(start + self.projection_products(hidden), self.settings.proj_clip)

    def activate(self, x: np.ndarray) -> np.ndarray:
        """The activation of cell gate and cell state."""
        return vector_activation(self.settings.activation, x)

    def logistic(self, x: np.ndarray, gates: slice) -> np.ndarray:
        """The activation of these gates."""
        return vector_math.logistic(x, None if self.in_packet is None else self.in_packet[:, gates])


def _packets(operands: LstmOperands, time_major: bool) -> np.ndarray | None:
    """[batch, gates, n_cell] which elements logistic computes in packets; None for all."""
    batch, n_cell = operands.batch, operands.n_cell
    if n_cell % 4 == 0:
        return None
    order = [gate for gate in _SCRATCH_ORDER if gate in operands.gates]
    result = np.empty((batch, len(order), n_cell), bool)
    for at, gate in enumerate(operands.gates):
        start = order.index(gate) * batch * n_cell
        if time_major:
            result[:, at] = vector_math.packets(np.array([start]), batch * n_cell).reshape(batch, n_cell)
        else:
            result[:, at] = vector_math.packets(start + n_cell * np.arange(batch), n_cell)
    return result


class SparseHybridCell(HybridCell):
    """The cell of LSTM where input_to_output_weights are sparse.

    Two peculiarities of the official kernel: products with sparse weights ignore the zero points of what they are
    multiplied with, and those of the state have the scale of the input.
    """

    def pack(self, operands: LstmOperands, arrays: LstmArrays) -> None:
        """Packs the matrices; all of them count as sparse if the first one is."""
        super().pack(operands, arrays)
        for products in (self.input_products, self.recurrent_products, self.projection_products):
            if products is not None:
                products.offset_free = True

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> Any:
        """See FloatCell; there is one step."""
        self.recurrent_products.row_scale = quantize_rows(x[0], self.settings.asymmetric).scale
        return super().input_sums(x, aux)
