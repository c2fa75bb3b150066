"""The basic LSTM cell (LSTM with kernel_type BASIC): one matrix for all gates, states are plain operands and outputs.

    sums  = [input, prev_activation] @ transpose(weights) + biases
    state = logistic(sums_0) * tanh(sums_1) + logistic(sums_2) * prev_state
    activation = logistic(sums_3) * tanh(state)

Semantics: LiteRT tflite/kernels/lstm.cc (namespace basic), internal/optimized/optimized_ops.h (LstmCell).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier_up, rounding_divide_by_pot, wrap32
from litejit.kernels.gemmlowp import WORD16
from litejit.kernels.node import Node
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix
from litejit.kernels.reference.lstm_integer import lookup, power_of_two, saturate
from litejit.schema import TensorType

__all__ = ["BasicLstm"]

_FLOAT, _UINT8, _INT16, _INT32 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT16, TensorType.INT32
_STATE_BITS = 4
"""Integer bits of the quantized state; those of the sums are 3, of everything between -1 and 1 none."""
_INPUT_ZERO_POINT = 128


class BasicLstm:
    """The cell of one node.

    input: [batch, n_input], prev_activation: [batch, n], weights: [4 n, n_input + n], biases: [4 n],
    prev_state: [batch, n]
    -> activation: [batch, n], state: [batch, n], concatenation of the inputs, sums of the gates: [batch, 4 n]

    FLOAT32, or UINT8 with INT32 biases, INT16 states and sums; the state's scale is 2**-11 then.
    Variables that hold activation and state are updated.
    """

    def __init__(self, node: Node) -> None:
        node.require(
            len(node.inputs) == 5 and len(node.declared) == 4,
            "the operator has {} operands and {} outputs, the basic kernel has 5 and 4",
            len(node.inputs),
            len(node.declared),
        )
        input = node.input(0, rank=2, types=(_FLOAT, _UINT8))
        self.quantized = input.type == _UINT8
        state_type = _INT16 if self.quantized else _FLOAT
        batch, n_input = input.dims
        prev_activation = node.input(1, rank=2, types=input.type)
        n_output = prev_activation.dims[1]
        node.input(1, shape=(batch, n_output))
        weights = node.input(2, shape=(4 * n_output, n_input + n_output), types=input.type)
        biases = node.input(3, shape=(4 * n_output,), types=_INT32 if self.quantized else _FLOAT)
        prev_state = node.input(4, shape=(batch, n_output), types=state_type)
        node.output((batch, n_output), at=0, types=input.type)
        state = node.output((batch, n_output), at=1, types=state_type)
        node.output((batch, n_input + n_output), at=2, types=input.type)
        node.output((batch, 4 * n_output), at=3, types=state_type)
        self.updated = [spec.is_variable for spec in (prev_activation, prev_state)]
        self.weights_zero_point = 0
        if self.quantized:
            exponent = power_of_two(node, state)
            node.require(
                exponent == _STATE_BITS - 15, "{} has scale 2**{}, the basic kernel wants 2**-11", state, exponent
            )
            self.weights_zero_point = weights.zero_point
            self.multiplier = Multiplier.from_real(np.float32(4096) * biases.scale)
        self.matrix = None if weights.value is None else self.pack(weights.value)

    def pack(self, weights: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """The weights as a matrix [n_input + n, 4 n]."""
        if not self.quantized:
            return FloatMatrix(weights.T)
        return IntegerMatrix(weights.T.astype(np.int64) - self.weights_zero_point, -128, 127)

    def __call__(self, *operands: Any) -> tuple[np.ndarray, ...]:
        """One step."""
        input, prev_activation, weights, biases, prev_state = operands
        concatenation = np.concatenate([input, prev_activation], axis=1)
        matrix = self.pack(weights) if self.matrix is None else self.matrix
        step = self.integer_step if self.quantized else self.float_step
        activation, state, sums = step(concatenation, matrix, biases, prev_state)
        for updated, variable, value in zip(
            self.updated, (prev_activation, prev_state), (activation, state), strict=True
        ):
            if updated:
                variable[...] = value
        return activation, state, concatenation, sums

    def float_step(
        self, x: np.ndarray, matrix: FloatMatrix | IntegerMatrix, biases: np.ndarray | None, prev_state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """activation, state, sums in float32, clamped to finite numbers."""
        most = np.finfo(np.float32).max
        sums = np.clip(matrix(x) + biases, -most, most)
        with np.errstate(all="ignore"):
            input, new, forget, output = np.split(sums, 4, axis=1)
            input, forget, output = (1 / (1 + np.exp(-gate)) for gate in (input, forget, output))
            state = input * np.tanh(new) + forget * prev_state
            return output * np.tanh(state), state, sums

    def integer_step(
        self, x: np.ndarray, matrix: FloatMatrix | IntegerMatrix, biases: np.ndarray | None, prev_state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """activation (UINT8), state and sums (INT16) in fixed point."""
        accumulator = matrix(x.astype(matrix.dtype) - _INPUT_ZERO_POINT).astype(np.int64) + biases
        sums = saturate(multiply_by_quantized_multiplier_up(wrap32(accumulator), self.multiplier), 16)
        input, new, forget, output = np.split(sums, 4, axis=1)
        product = WORD16.multiply(lookup("logistic", 3, input), lookup("tanh", 3, new))
        kept = WORD16.multiply(lookup("logistic", 3, forget), prev_state.astype(np.int64))
        state = saturate(rounding_divide_by_pot(product, _STATE_BITS) + kept, 16)
        squashed = lookup("tanh", 3, saturate(state << (_STATE_BITS - 3), 16))
        activation = rounding_divide_by_pot(WORD16.multiply(lookup("logistic", 3, output), squashed), 8)
        activation = saturate(activation, 8) + _INPUT_ZERO_POINT
        return activation.astype(np.uint8), state.astype(np.int16), sums.astype(np.int16)
