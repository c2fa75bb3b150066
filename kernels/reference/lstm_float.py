"""One LSTM cell on floats: the gates, the cell state, the projection.

    gate   = activate(bias + W x + A aux + R h + P * c)       sums of W x over all time steps are taken at once
    gate   = activate(normalize(W x + A aux + R h + P * c) * coefficients + bias)       with layer normalization
    c      = forget * c + input * cell                        input = 1 - forget where the two are coupled (CIFG)
    h      = projection(output * activate(c))

Semantics: LiteRT tflite/kernels/lstm_eval.cc (LstmStepFloat).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from litejit.kernels.reference.first_elements import first_elements_of
from litejit.kernels.reference.hybrid import as_rows, counted_as_zeros, vector_activation
from litejit.kernels.reference.lstm_operands import LstmArrays, LstmOperands, LstmSettings
from litejit.kernels.reference.vector_math import mean_stddev_normalization
from litejit.schema import ActivationFunctionType

__all__ = ["FloatCell", "LstmCell", "run_sequence", "stack"]


class LstmCell(Protocol):
    """A cell of any arithmetic. h: [batch, n_output], c: [batch, n_cell], sums: whatever the cell makes of inputs."""

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> Any:
        """[time, batch, n_input] to something indexed by time: all of a step that does not depend on the state."""
        ...

    def step(self, sums: Any, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


_MOST = np.finfo(np.float32).max
"""Products of floats are clamped to finite numbers."""


class FloatCell:
    """An LSTM cell with float weights. Arrays by gate are stacked: input (unless CIFG), forget, cell, output.

    time_major: the official kernel takes all batches of a step at once.
    """

    def __init__(self, operands: LstmOperands, arrays: LstmArrays, settings: LstmSettings, time_major: bool) -> None:
        self.settings = settings
        self.gates = operands.gates
        self.n_cell, self.n_output = operands.n_cell, operands.n_output
        self.time_major = time_major
        self.together = time_major and operands.batch > 1
        """Whether what products are added to is added after the clamp."""
        self.bias = stack(arrays, "{}_gate_bias", self.gates)
        self.coefficients = stack(arrays, "{}_layer_norm_coefficients", self.gates) if operands.layer_norm else None
        self.is_normalized = np.array([arrays.get(f"{g}_layer_norm_coefficients") is not None for g in self.gates])
        self.start = np.where(self.is_normalized[:, None], np.float32(0), self.bias)
        """[gates, n_cell] what products are added to: the bias, which comes later where a gate is normalized."""
        self.diagonal, self.diagonal_gates = self._diagonal(arrays)
        self.projection_bias = arrays.get("projection_bias")
        self.peephole = self.pack_peephole(operands, arrays) if operands.peephole else None
        self.pack(operands, arrays)

    def _diagonal(self, arrays: LstmArrays) -> tuple[np.ndarray | None, np.ndarray | None]:
        """[gates, n_cell] diagonal recurrent weights, 0 for gates that have a matrix, and which have none; or None."""
        vectors = [arrays[f"recurrent_to_{gate}_weights"] for gate in self.gates]
        is_diagonal = np.array([vector is not None and vector.ndim == 1 for vector in vectors])
        if not is_diagonal.any():
            return None, None
        zeros = np.zeros(self.n_cell, np.float32)
        diagonal = [vector if own else zeros for vector, own in zip(vectors, is_diagonal, strict=True)]
        return np.stack(diagonal), is_diagonal

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

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> Any:
        """[time, batch, n_input] -> by time, sums [batch, gates, n_cell] and whether the cell gate gets them whole."""
        x = self.counted(x)
        is_zero = self._are_zeros(x)
        sums = self.added(self.start.ravel(), np.where(is_zero[..., None], np.float32(0), x @ self.weights))
        steps = 1 - is_zero.astype(int)
        if aux is not None and self.aux_weights is not None:
            aux = self.counted(aux)
            is_zero = self._are_zeros(aux)
            sums = np.where(is_zero[..., None], sums, self.added(sums, aux @ self.aux_weights))
            steps += 1 - is_zero
        cell_gate_diagonal = self.diagonal_gates is not None and self.diagonal_gates[-2]
        whole = steps % 2 == (0 if cell_gate_diagonal else 1)
        return list(zip(sums.reshape(*x.shape[:2], len(self.gates), self.n_cell), whole, strict=True))

    def counted(self, x: np.ndarray) -> np.ndarray:
        """x: [time, batch, features] with zeros where it counts as zeros."""
        return counted_as_zeros(as_rows(x), x.shape[1] if self.time_major else 1).reshape(x.shape)

    def _are_zeros(self, x: np.ndarray) -> np.ndarray:
        """[time, batch] bool: products with inputs of zeros are left out, whatever the weights."""
        zeros = ~x.any(axis=2)
        return np.broadcast_to(zeros.all(axis=1, keepdims=True), zeros.shape) if self.time_major else zeros

    def added(self, start: Any, products: np.ndarray) -> np.ndarray:
        """start + products, clamped as the official product with a bias does."""
        if self.together:
            return start + np.clip(products, -_MOST, _MOST)
        return np.clip(start + products, -_MOST, _MOST)

    def step(self, sums: Any, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One time step; sums: of `input_sums`."""
        inputs, whole = sums
        sums = self.add_recurrent(inputs, h)
        if self.diagonal is not None:
            sums = sums + self.diagonal * h[:, None]
        early = sums[:, :-1]
        if self.peephole is not None:
            early = early.copy()
            early[:, :-1] += self.peephole[:-2] * c[:, None]
        early = self.normalized(early, slice(0, -1))
        cell_gate = self.cell_gate(early[:, -1], inputs[:, -2], whole)
        squashed = self.logistic(early[:, :-1], slice(0, -2))
        forget = squashed[:, -1]
        c = forget * c + cell_gate * (squashed[:, 0] if len(self.gates) == 4 else 1 - forget)
        c = self.clipped(c, self.settings.cell_clip)
        late = sums[:, -1:]
        if self.peephole is not None:
            late = late + self.peephole[-1:] * c[:, None]
        output = self.logistic(self.normalized(late, slice(-1, None)), slice(-1, None))[:, 0]
        # Without an activation the official kernel leaves the cell gate where it should have put the cell state.
        none = self.settings.activation == ActivationFunctionType.NONE
        hidden = output * (cell_gate if none else self.activate(c))
        return self.projected(hidden), c

    def cell_gate(self, sums: np.ndarray, inputs: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """[batch, n_cell] the activated cell gate. inputs: its sums before those of the state; whole: [batch].

        The official kernel has two buffers, which take turns as products are added. Without an activation what is left
        in the first one is the gate, wherever the last product went: all sums only if products of the inputs were
        added (or if those of two were, and recurrent weights are diagonal), see `input_sums`.
        """
        if self.settings.activation != ActivationFunctionType.NONE:
            return self.activate(sums)
        if self.diagonal_gates is not None and self.diagonal_gates[-2]:
            inputs = np.broadcast_to(self.start[-2], sums.shape)
        return np.where(whole[:, None], sums, inputs)

    def normalized(self, sums: np.ndarray, gates: slice) -> np.ndarray:
        """The sums of these gates after layer normalization, if there is one."""
        if self.coefficients is None:
            return sums
        normalized = mean_stddev_normalization(sums) * self.coefficients[gates] + self.bias[gates]
        return np.where(self.is_normalized[gates, None], normalized, sums)

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
        return self.with_matrices(sums, self.added(sums, (h @ self.recurrent).reshape(sums.shape)))

    def with_matrices(self, sums: np.ndarray, total: np.ndarray) -> np.ndarray:
        """total of gates with recurrent matrices, sums of those whose recurrent weights are diagonal."""
        return total if self.diagonal_gates is None else np.where(self.diagonal_gates[:, None], sums, total)

    def projected(self, hidden: np.ndarray) -> np.ndarray:
        """[batch, n_cell] -> [batch, n_output]."""
        if self.projection is None:
            return self.part(hidden)
        start = np.float32(0) if self.projection_bias is None else self.projection_bias
        return self.clipped(self.added(start, hidden @ self.projection), self.settings.proj_clip)

    def part(self, hidden: np.ndarray) -> np.ndarray:
        """Without a projection, the first numbers are the output: of each batch, or of all that are taken at once."""
        if self.time_major:
            return first_elements_of(hidden, (len(hidden), self.n_output))
        return hidden[:, : self.n_output]

    def clipped(self, x: np.ndarray, limit: float) -> np.ndarray:
        """x within -limit .. limit if there is a limit, which is what becomes of numbers that are none."""
        return np.fmax(np.fmin(x, np.float32(limit)), np.float32(-limit)) if limit > 0 else x
