"""One LSTM cell on floats: the gates, the cell state, the projection.

    gate   = activate(W x + A aux + R h + P * c + bias)       sums of W x over all time steps are taken at once
    gate   = activate(normalize(W x + A aux + R h + P * c) * coefficients + bias)       with layer normalization
    c      = forget * c + input * cell                        input = 1 - forget where the two are coupled (CIFG)
    h      = projection(output * activate(c))

Semantics: LiteRT tflite/kernels/lstm_eval.cc (LstmStepFloat).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from litejit.kernels.reference.hybrid import as_rows, vector_activation
from litejit.kernels.reference.lstm_operands import LstmArrays, LstmOperands, LstmSettings
from litejit.kernels.reference.vector_math import mean_stddev_normalization
from litejit.schema import ActivationFunctionType

__all__ = ["FloatCell", "LstmCell", "run_sequence", "stack"]


class LstmCell(Protocol):
    """A cell of any arithmetic. h: [batch, n_output], c: [batch, n_cell], sums: whatever the cell makes of inputs."""

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> np.ndarray:
        """[time, batch, n_input] to something indexed by time: all of a step that does not depend on the state."""
        ...

    def step(self, sums: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next h and c."""
        ...


def run_sequence(
    cell: LstmCell,
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    n_output: int,
    aux: np.ndarray | None = None,
    backward: bool = False,
) -> np.ndarray:
    """Runs a cell over x: [time, batch, n_input], updates its states h and c in place -> [time, batch, n_output]."""
    time, batch = x.shape[:2]
    result = np.empty((time, batch, n_output), h.dtype)
    if not result.size:
        return result
    hidden, state = h.reshape(batch, n_output), c.reshape(batch, -1)
    with np.errstate(all="ignore"):
        sums = cell.input_sums(x, aux)
        for t in reversed(range(time)) if backward else range(time):
            hidden, state = cell.step(sums[t], hidden, state)
            result[t] = hidden
    h[...], c[...] = hidden.reshape(h.shape), state.reshape(c.shape)
    return result


def stack(arrays: LstmArrays, pattern: str, gates: tuple[str, ...]) -> np.ndarray:
    """[gates, ...] arrays of all gates whose names follow a pattern; zeros for a gate that has none."""
    found = [arrays.get(pattern.format(gate)) for gate in gates]
    like = next(array for array in found if array is not None)
    return np.stack([np.zeros_like(like) if array is None else array for array in found])


class FloatCell:
    """An LSTM cell with float weights. Arrays by gate are stacked: input (unless CIFG), forget, cell, output."""

    def __init__(self, operands: LstmOperands, arrays: LstmArrays, settings: LstmSettings) -> None:
        self.settings = settings
        self.gates = operands.gates
        self.n_cell = operands.n_cell
        self.bias = stack(arrays, "{}_gate_bias", self.gates)
        self.coefficients = stack(arrays, "{}_layer_norm_coefficients", self.gates) if operands.layer_norm else None
        self.diagonal = self._diagonal(arrays)
        self.projection_bias = arrays.get("projection_bias")
        self.peephole = self.pack_peephole(operands, arrays) if operands.peephole else None
        self.pack(operands, arrays)

    def _diagonal(self, arrays: LstmArrays) -> np.ndarray | None:
        """[gates, n_cell] diagonal recurrent weights, 0 for gates that have a matrix; None if all have."""
        vectors = [arrays[f"recurrent_to_{gate}_weights"] for gate in self.gates]
        if all(vector is not None and vector.ndim == 2 for vector in vectors):
            return None
        zeros = np.zeros(self.n_cell, np.float32)
        return np.stack([vector if vector is not None and vector.ndim == 1 else zeros for vector in vectors])

    def recurrent_matrices(self, operands: LstmOperands, arrays: LstmArrays) -> np.ndarray:
        """[gates, n_cell, n_output] recurrent weights, 0 for gates whose weights are diagonal."""
        weights = {gate: arrays[f"recurrent_to_{gate}_weights"] for gate in self.gates}
        dense = {gate: weight for gate, weight in weights.items() if weight is not None and weight.ndim == 2}
        zeros = np.zeros((self.n_cell, operands.n_output), arrays["input_to_output_weights"].dtype)
        return np.stack([dense.get(gate, zeros) for gate in self.gates])

    def pack_peephole(self, operands: LstmOperands, arrays: LstmArrays) -> np.ndarray:
        """[gates, n_cell] weights of the cell state in each gate, 0 in the cell gate."""
        return stack(arrays, "cell_to_{}_weights", self.gates)

    def pack(self, operands: LstmOperands, arrays: LstmArrays) -> None:
        """Packs the matrices as [depth, gates * n_cell]."""
        columns = len(self.gates) * self.n_cell
        self.weights = stack(arrays, "input_to_{}_weights", self.gates).reshape(columns, operands.n_input).T.copy()
        self.recurrent = self.recurrent_matrices(operands, arrays).reshape(columns, -1).T.copy()
        self.aux_weights = None
        if operands.n_aux_input:
            self.aux_weights = stack(arrays, "aux_input_to_{}_weights", self.gates).reshape(columns, -1).T.copy()
        projection = arrays.get("projection_weights")
        self.projection = None if projection is None else projection.T.copy()

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> np.ndarray:
        """[time, batch, n_input] -> [time, batch, gates, n_cell]."""
        sums = as_rows(x) @ self.weights
        if aux is not None and self.aux_weights is not None:
            sums += as_rows(aux) @ self.aux_weights
        sums = sums.reshape(*x.shape[:2], len(self.gates), self.n_cell)
        return sums if self.coefficients is not None else sums + self.bias

    def step(self, sums: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One time step; sums: [batch, gates, n_cell]."""
        sums = self.add_recurrent(sums, h)
        if self.diagonal is not None:
            sums = sums + self.diagonal * h[:, None]
        early = sums[:, :-1]
        if self.peephole is not None:
            early = early + self.peephole[:-1] * c[:, None]
        early = self.normalized(early, slice(0, -1))
        cell_gate = self.activate(early[:, -1])
        squashed = self.logistic(early[:, :-1], slice(0, -2))
        forget = squashed[:, -1]
        c = forget * c + cell_gate * (squashed[:, 0] if len(self.gates) == 4 else 1 - forget)
        c = self.clipped(c, self.settings.cell_clip)
        late = sums[:, -1:]
        if self.peephole is not None:
            late = late + self.peephole[-1:] * c[:, None]
        output = self.logistic(self.normalized(late, slice(-1, None)), slice(-1, None))[:, 0]
        # Without an activation the official kernel leaves the cell gate where it should have put the cell state. (With
        # float weights and an input of zeros it also leaves the bias where the cell gate should be; not followed here.)
        none = self.settings.activation == ActivationFunctionType.NONE
        hidden = output * (cell_gate if none else self.activate(c))
        return self.projected(hidden), c

    def normalized(self, sums: np.ndarray, gates: slice) -> np.ndarray:
        """The sums of these gates after layer normalization, if there is one."""
        if self.coefficients is None:
            return sums
        return mean_stddev_normalization(sums) * self.coefficients[gates] + self.bias[gates]

    def activate(self, x: np.ndarray) -> np.ndarray:
        """The activation of cell gate and cell state."""
        if self.settings.activation == ActivationFunctionType.TANH:
            return np.tanh(x)
        return vector_activation(self.settings.activation, x)

    def logistic(self, x: np.ndarray, gates: slice) -> np.ndarray:
        """The activation of these gates."""
        return 1 / (1 + np.exp(-x))

    def add_recurrent(self, sums: np.ndarray, h: np.ndarray) -> np.ndarray:
        """The sums with the products of the recurrent matrices."""
        return sums + (h @ self.recurrent).reshape(sums.shape)

    def projected(self, hidden: np.ndarray) -> np.ndarray:
        """[batch, n_cell] -> [batch, n_output]."""
        if self.projection is None:
            return hidden
        result = hidden @ self.projection
        if self.projection_bias is not None:
            result += self.projection_bias
        return self.clipped(result, self.settings.proj_clip)

    def clipped(self, x: np.ndarray, limit: float) -> np.ndarray:
        """x within -limit .. limit, if there is a limit."""
        return np.minimum(np.maximum(x, np.float32(-limit)), np.float32(limit)) if limit > 0 else x
