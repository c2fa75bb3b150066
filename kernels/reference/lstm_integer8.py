"""One LSTM cell on integers whose gates have 8 bits before layer normalization, which is done in float32.

    gate   = logistic or tanh(normalize((W x as int8) * scale + (R h as int8) * scale))
    c      = sat16(forget * c + (1 - forget) * cell)
    h      = projection(output * tanh(c))
There is no input gate, whatever operands there are for one.

Semantics: LiteRT tflite/kernels/lstm_eval.cc (LstmStepInteger8x8_8), lstm.cc (PopulateQuantizedLstmParams8x8_8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    float_to_int32,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_q15,
    round_half_away,
    rounding_divide_by_pot,
)
from litejit.kernels.node import Node
from litejit.kernels.reference.exact_product import IntegerMatrix
from litejit.kernels.reference.lstm_float import stack
from litejit.kernels.reference.lstm_integer import IntegerProducts, by_gate, quantized_clip, saturate
from litejit.kernels.reference.lstm_operands import LstmArrays, LstmOperands, LstmSettings

__all__ = ["Integer8Cell", "Integer8Parameters"]

_GATES = ("forget", "cell", "output")


@dataclass(frozen=True, eq=False)
class Integer8Parameters:
    """What scales and zero points make of themselves; arrays and multipliers are by gate: forget, cell, output.

    *_products: multipliers of the matrix products. *_term, *_term_zero_point: how their 8-bit results enter a gate.
    """

    input_zero_point: int
    output_zero_point: int
    input_products: Multiplier
    recurrent_products: Multiplier
    input_term: Multiplier
    recurrent_term: Multiplier
    input_term_zero_point: np.ndarray
    recurrent_term_zero_point: np.ndarray
    layer_norm_scale: np.ndarray
    projection: Multiplier
    cell_clip: int
    proj_clip: int


def _parameters(node: Node, operands: LstmOperands, settings: LstmSettings) -> Integer8Parameters:
    """Derives multipliers in float32, as the official kernel does."""
    node.require(
        operands.layer_norm and operands.projection and operands.specs["projection_bias"] is not None,
        "an LSTM with 12 intermediate tensors needs layer norm coefficients, projection weights and a projection bias",
    )
    # The cell state has 15 fractional bits, whatever its scale says. Where it says something else, the official kernel
    # gives up before it comes to the clips, and nobody asks whether it has succeeded.
    cell_state = operands.spec("cell_state")
    cell_clip, proj_clip = settings.cell_clip, settings.proj_clip
    if cell_state.scale != 2.0**-15:
        cell_clip = proj_clip = 0.0
    three = replace(operands, gates=_GATES)
    # For each gate: its sum, the product with the input, the product with the state.
    scales = np.array([tensor.scale for tensor in node.intermediates[3:]], np.float32).reshape(3, 3)
    zero_points = np.array([tensor.zero_point for tensor in node.intermediates[3:]]).reshape(3, 3)
    recurrent_zero_point = zero_points[:, 2].copy()
    recurrent_zero_point[2] = node.intermediates[7].zero_point
    recurrent_term = Multiplier.from_real(scales[:, 2] / scales[:, 0])
    # The official kernel reads past the end of its multipliers here. What it finds is so small that nothing is left.
    recurrent_term = replace(recurrent_term, mantissa=recurrent_term.mantissa * [1, 1, 0])
    input, output_state = operands.spec("input"), operands.spec("output_state")
    projection = float(operands.spec("projection_weights").scale) * 2.0**-15 / float(output_state.scale)
    layer_norm = Multiplier.from_real(by_gate(three, "{}_layer_norm_coefficients"))
    return Integer8Parameters(
        input_zero_point=input.zero_point,
        output_zero_point=output_state.zero_point,
        input_products=Multiplier.from_real(by_gate(three, "input_to_{}_weights") * input.scale / scales[:, 1]),
        recurrent_products=Multiplier.from_real(
            by_gate(three, "recurrent_to_{}_weights") * output_state.scale / scales[:, 2]
        ),
        input_term=Multiplier.from_real(scales[:, 1] / scales[:, 0]),
        recurrent_term=recurrent_term,
        input_term_zero_point=zero_points[:, 1],
        recurrent_term_zero_point=recurrent_zero_point,
        layer_norm_scale=(layer_norm.mantissa * 2.0 ** (layer_norm.exponent - 31)).astype(np.float32),
        projection=Multiplier.from_real(np.float32(projection)),
        cell_clip=quantized_clip(cell_clip, cell_state.scale, 16) if cell_clip < 1 else 0,
        proj_clip=quantized_clip(proj_clip, node.declared[0].scale, 8),
    )


class Integer8Cell:
    """See the module."""

    parameters = staticmethod(_parameters)

    def __init__(
        self, operands: LstmOperands, arrays: LstmArrays, parameters: Integer8Parameters, time_major: bool
    ) -> None:
        p = self.p = parameters
        weights, recurrent = (
            stack(arrays, "input_to_{}_weights", _GATES),
            stack(arrays, "recurrent_to_{}_weights", _GATES),
        )
        self.input_products = IntegerProducts(weights, p.input_zero_point, None, p.input_products)
        self.recurrent_products = IntegerProducts(recurrent, p.output_zero_point, None, p.recurrent_products)
        self.coefficients = stack(arrays, "{}_layer_norm_coefficients", _GATES).astype(np.float32)
        bias_scale = np.float32(2.0**-10) * p.layer_norm_scale
        self.bias = stack(arrays, "{}_gate_bias", _GATES).astype(np.float32) * bias_scale[:, None]
        projection, projection_bias = arrays["projection_weights"], arrays["projection_bias"]
        self.projection = IntegerMatrix(projection.T.astype(np.int64), -(1 << 15), (1 << 15) - 1)
        self.projection_bias = projection_bias.astype(np.int64)

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> np.ndarray:
        """[time, batch, n_input] -> [time, batch, gates, n_cell]."""
        return _term(self.input_products(x), self.p.input_term_zero_point, self.p.input_term)

    def step(self, sums: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One time step; sums: [batch, gates, n_cell]."""
        p = self.p
        recurrent = _term(self.recurrent_products(h), p.recurrent_term_zero_point, p.recurrent_term)
        gates = self.normalized(saturate(sums + recurrent, 16))
        forget, output = _logistic(gates[:, 0]), _logistic(gates[:, 2])
        new = rounding_divide_by_pot((32767 - forget) * _tanh(gates[:, 1], 12), 15)
        state = saturate(rounding_divide_by_pot(forget * c, 15) + new, 16)
        if p.cell_clip:
            state = np.clip(state, -p.cell_clip, p.cell_clip)
        hidden = rounding_divide_by_pot(output * _tanh(state, 15), 15)
        products = self.projection(hidden.astype(self.projection.dtype)).astype(np.int64) + self.projection_bias
        result = saturate(multiply_by_quantized_multiplier_q15(products, p.projection) + p.output_zero_point, 8)
        if p.proj_clip:
            result = np.clip(result, -p.proj_clip, p.proj_clip)
        return result.astype(np.int8), state.astype(np.int16)

    def normalized(self, gates: np.ndarray) -> np.ndarray:
        """[batch, gates, n_cell] 16-bit sums -> 16-bit numbers with 3 integer bits."""
        x = gates.astype(np.float32)
        size = np.float32(x.shape[-1])
        mean = np.add.accumulate(x, axis=-1)[..., -1:] / size
        variance = np.add.accumulate(x * x, axis=-1)[..., -1:] / size - mean * mean
        inverse = np.float32(1) / np.sqrt(np.where(variance == 0, np.float32(1e-8), variance))
        weighted = (x - mean) * inverse * self.coefficients * self.p.layer_norm_scale[:, None] + self.bias
        return saturate(float_to_int32(round_half_away(weighted * np.float32(4096))), 16)


def _term(products: np.ndarray, zero_point: np.ndarray, multiplier: Multiplier) -> np.ndarray:
    """What products [..., gates, rows] contribute to the sums of gates, after 8 bits in between."""
    offset = zero_point[:, None]
    columns = Multiplier(multiplier.mantissa[:, None], multiplier.exponent[:, None])
    return multiply_by_quantized_multiplier(saturate(products + offset, 8) - offset, columns)


def _logistic(x: np.ndarray) -> np.ndarray:
    """3 integer bits to none, in float32, rounded towards zero."""
    real = x.astype(np.float32) * np.float32(2.0**-12)
    exponential = np.exp(-real.astype(np.float64)).astype(np.float32)
    return saturate((np.float32(1) / (np.float32(1) + exponential) * np.float32(32768)).astype(np.int64), 16)


def _tanh(x: np.ndarray, fractional_bits: int) -> np.ndarray:
    """Numbers with so many fractional bits to no integer bits, in float32, rounded towards zero."""
    real = x.astype(np.float32) * np.float32(2.0**-fractional_bits)
    squashed = np.tanh(real.astype(np.float64)).astype(np.float32)
    return saturate((squashed * np.float32(32768)).astype(np.int64), 16)
