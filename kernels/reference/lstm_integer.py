"""One LSTM cell on integers: 8-bit inputs, states and weights, 16-bit gates and cell state.

    gate   = sat16(sat16((W x) * scale) + (R h) * scale), likewise P * c; layer normalization; logistic or tanh
    c      = sat16(forget * c + input * cell)
    h      = output * tanh(c), quantized, then projected
Gates are numbers with 3 integer bits before their activation and with none after it.

Semantics: LiteRT tflite/kernels/lstm_eval.cc (LstmStepInteger8x8_16), lstm.cc (PopulateQuantizedLstmParams8x8_16).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import frexp

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier, rounding_divide_by_pot, wrap32
from litejit.kernels.gemmlowp import WORD16
from litejit.kernels.newton import inverse_sqrt
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.exact_product import IntegerMatrix
from litejit.kernels.reference.lstm_float import stack
from litejit.kernels.reference.lstm_operands import LstmArrays, LstmOperands, LstmSettings

__all__ = [
    "Integer16Cell",
    "Integer16Parameters",
    "IntegerProducts",
    "by_gate",
    "lookup",
    "power_of_two",
    "quantized_clip",
    "saturate",
]


def saturate(x: np.ndarray, bits: int) -> np.ndarray:
    """x clipped to signed integers of so many bits."""
    return np.minimum(np.maximum(x, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


def power_of_two(node: Node, tensor: TensorSpec) -> int:
    """The exponent of a scale that has to be a power of two."""
    mantissa, exponent = frexp(tensor.scale)
    node.require(mantissa == 0.5, "{} has scale {}, expected a power of two", tensor, tensor.scale)
    return exponent - 1


def quantized_clip(limit: float, scale: np.float32, bits: int) -> int:
    """A clip in steps of a scale, 0 for none."""
    most = (1 << (bits - 1)) - 1
    return int(min(np.float32(limit) / scale, np.float32(most))) if limit > 0 else 0


class IntegerProducts:
    """Products of int8 inputs with integer matrices: rescale(weights @ (x - zero_point) + bias).

    weights: [gates, rows, depth]; bias: [gates, rows] or None; multipliers: of gates. The result is [..., gates, rows].
    """

    def __init__(self, weights: np.ndarray, zero_point: int, bias: np.ndarray | None, multiplier: Multiplier) -> None:
        gates, rows, depth = weights.shape
        wide = weights.astype(np.int64)
        self.shape = gates, rows
        self.matrix = IntegerMatrix(wide.reshape(gates * rows, depth).T, -128, 127)
        self.bias = -zero_point * wide.sum(axis=2) + (0 if bias is None else bias)
        self.wraps = self.matrix.bound + int(np.abs(self.bias).max(initial=0)) >= 1 << 31
        self.multiplier = Multiplier(multiplier.mantissa[..., None], multiplier.exponent[..., None])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[..., depth] -> [..., gates, rows] int64."""
        sums = self.matrix(x.astype(self.matrix.dtype)).astype(np.int64).reshape(*x.shape[:-1], *self.shape) + self.bias
        return multiply_by_quantized_multiplier(wrap32(sums) if self.wraps else sums, self.multiplier)


@dataclass(frozen=True, eq=False)
class Integer16Parameters:
    """What scales and zero points make of themselves; by gate where it says so.

    input, recurrent, cell, layer_norm: multipliers by gate (cell: of the peephole). variance_guard: by gate.
    cell_exponent: of the cell state's scale, a power of two. Clips are in steps, 0 for none.
    """

    input_zero_point: int
    output_zero_point: int
    hidden_zero_point: int
    input: Multiplier
    recurrent: Multiplier
    peephole: Multiplier | None
    layer_norm: Multiplier | None
    variance_guard: np.ndarray
    hidden: Multiplier
    projection: Multiplier | None
    cell_exponent: int
    cell_clip: int
    proj_clip: int


def by_gate(operands: LstmOperands, pattern: str) -> np.ndarray:
    """[gates] float32 scales of the operands of all gates, 1 where there is no such operand."""
    specs = [operands.specs.get(pattern.format(gate)) for gate in operands.gates]
    return np.array([1 if spec is None else spec.scale for spec in specs], np.float32)


def _parameters(node: Node, operands: LstmOperands, settings: LstmSettings) -> Integer16Parameters:
    """Derives multipliers in float32, as the official kernel does."""
    input, output_state, cell_state = operands.spec("input"), operands.spec("output_state"), operands.spec("cell_state")
    cell_exponent = power_of_two(node, cell_state)
    node.require(-15 <= cell_exponent <= -9, "{} has scale 2**{}, expected 2**-15 to 2**-9", cell_state, cell_exponent)
    hidden = node.intermediates[4]
    normalized = node.intermediates[4 - len(operands.gates) : 4] if operands.layer_norm else ()
    gate_scales = np.array([gate.scale for gate in normalized] or [2.0**-12] * len(operands.gates), np.float32)

    def scales(pattern: str) -> np.ndarray:
        return by_gate(operands, pattern)

    layer_norm = scales("{}_layer_norm_coefficients")
    peephole = 2.0**cell_exponent * scales("cell_to_{}_weights").astype(np.float64) / gate_scales
    projection = None
    if operands.projection:
        projection = operands.spec("projection_weights").scale * hidden.scale / output_state.scale
    return Integer16Parameters(
        input_zero_point=input.zero_point,
        output_zero_point=output_state.zero_point,
        hidden_zero_point=hidden.zero_point,
        input=Multiplier.from_real(scales("input_to_{}_weights") * input.scale / gate_scales),
        recurrent=Multiplier.from_real(scales("recurrent_to_{}_weights") * output_state.scale / gate_scales),
        peephole=Multiplier.from_real(peephole.astype(np.float32)) if operands.peephole else None,
        layer_norm=Multiplier.from_real(layer_norm) if operands.layer_norm else None,
        variance_guard=np.maximum(1, (np.float32(10000) * layer_norm).astype(np.int64)),
        hidden=Multiplier.from_real(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15)),
        projection=None if projection is None else Multiplier.from_real(np.array([projection])),
        cell_exponent=cell_exponent,
        cell_clip=quantized_clip(settings.cell_clip, cell_state.scale, 16),
        proj_clip=quantized_clip(settings.proj_clip, node.declared[0].scale, 8),
    )


@cache
def _table(function: str, integer_bits: int) -> np.ndarray:
    """tanh or logistic of every 16-bit number with so many integer bits, indexed by the number modulo 2**16."""
    raws = np.arange(1 << 16).astype(np.uint16).view(np.int16)
    return np.asarray(getattr(WORD16, function)(raws, integer_bits))


def lookup(function: str, integer_bits: int, x: np.ndarray) -> np.ndarray:
    """tanh or logistic of 16-bit numbers, no integer bits."""
    return _table(function, integer_bits)[x & 0xFFFF]


class Integer16Cell:
    """See the module. Arrays by gate are stacked: input (unless CIFG), forget, cell, output."""

    parameters = staticmethod(_parameters)

    def __init__(
        self, operands: LstmOperands, arrays: LstmArrays, parameters: Integer16Parameters, time_major: bool
    ) -> None:
        p = self.p = parameters
        gates = self.gates = operands.gates
        self.time_major = time_major
        self.n_output = operands.n_output
        bias = stack(arrays, "{}_gate_bias", gates).astype(np.int64)
        weights = stack(arrays, "input_to_{}_weights", gates)
        recurrent = stack(arrays, "recurrent_to_{}_weights", gates)
        self.input_products = IntegerProducts(weights, p.input_zero_point, None if p.layer_norm else bias, p.input)
        self.recurrent_products = IntegerProducts(recurrent, p.output_zero_point, None, p.recurrent)
        self.bias = bias
        self.coefficients = None
        if p.layer_norm is not None:
            self.coefficients = stack(arrays, "{}_layer_norm_coefficients", gates).astype(np.int64)
        self.peephole = None
        if p.peephole is not None:
            self.peephole = stack(arrays, "cell_to_{}_weights", gates).astype(np.int64)
            self.peephole_multipliers = [
                Multiplier(*pair) for pair in zip(p.peephole.mantissa, p.peephole.exponent, strict=True)
            ]
        self.projection = None
        projection = arrays.get("projection_weights")
        if projection is not None and p.projection is not None:
            projection_bias = arrays.get("projection_bias")
            # The official kernel adds the zero point to the hidden state with the other sign, here and in `step`.
            self.projection = IntegerProducts(
                projection[None],
                -p.hidden_zero_point,
                None if projection_bias is None else projection_bias[None].astype(np.int64),
                p.projection,
            )

    def input_sums(self, x: np.ndarray, aux: np.ndarray | None) -> np.ndarray:
        """[time, batch, n_input] -> [time, batch, gates, n_cell]."""
        return saturate(self.input_products(x), 16)

    def step(self, sums: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One time step; sums: [batch, gates, n_cell]."""
        p = self.p
        c = c.astype(np.int64)
        sums = saturate(sums + self.recurrent_products(h), 16)
        early = self.normalized(self.with_peephole(sums, c, slice(0, -1)), slice(0, -1))
        squashed = lookup("logistic", 3, early[:, :-1])
        forget = squashed[:, -1]
        input = squashed[:, 0] if len(self.gates) == 4 else 32767 - forget
        new = rounding_divide_by_pot(input * lookup("tanh", 3, early[:, -1]), 30 + p.cell_exponent)
        c = saturate(rounding_divide_by_pot(forget * c, 15) + new, 16)
        if p.cell_clip:
            c = np.minimum(np.maximum(c, -p.cell_clip), p.cell_clip)
        late = self.normalized(self.with_peephole(sums, c, slice(-1, None)), slice(-1, None))
        output = lookup("logistic", 3, late[:, 0])
        hidden = multiply_by_quantized_multiplier(output * lookup("tanh", 15 + p.cell_exponent, c), p.hidden)
        if self.projection is None:
            return saturate(hidden + p.hidden_zero_point, 8).astype(np.int8), c.astype(np.int16)
        result = self.projection(saturate(hidden - p.hidden_zero_point, 8))[:, 0] + p.output_zero_point
        result = saturate(result, 8)
        if p.proj_clip:
            result = np.minimum(np.maximum(result, -p.proj_clip), p.proj_clip)
        return result.astype(np.int8), c.astype(np.int16)

    def with_peephole(self, sums: np.ndarray, c: np.ndarray, gates: slice) -> np.ndarray:
        """sums: [batch, gates, n_cell] -> of these gates, with the products of the cell state.

        The official kernel takes n_output for the length of a row. With a projection it leaves out what is beyond, and
        if it handles all batches at once (time_major), it goes over their first batch * n_output elements so.
        """
        result = sums[:, gates]
        if self.peephole is None or self.p.peephole is None:
            return result
        batch, _, n_cell = result.shape
        rows = (1, batch * n_cell) if self.time_major else (batch, n_cell)
        count = min(self.n_output * batch // rows[0], rows[1])
        weights = [np.resize(gate[: self.n_output], count) for gate in self.peephole[gates]]
        result = result.swapaxes(0, 1).reshape(-1, *rows)
        for row, gate, multiplier in zip(result, weights, self.peephole_multipliers[gates], strict=True):
            products = multiply_by_quantized_multiplier(gate * c.reshape(rows)[:, :count], multiplier)
            row[:, :count] = saturate(row[:, :count] + products, 16)
        return result.reshape(-1, batch, n_cell).swapaxes(0, 1)

    def normalized(self, sums: np.ndarray, gates: slice) -> np.ndarray:
        """sums: [batch, gates, n_cell] of these gates after layer normalization, if there is one."""
        p = self.p
        if self.coefficients is None or p.layer_norm is None:
            return sums
        size = sums.shape[-1]
        mean = _divide(sums.sum(axis=-1, keepdims=True) * 1024, size)
        variance = (sums * sums).sum(axis=-1, keepdims=True) * ((1 << 20) // size) - mean * mean
        variance = _divide(variance, 1 << 20)
        variance = np.where(variance < 1, p.variance_guard[gates, None], variance)
        rescaled = multiply_by_quantized_multiplier(wrap32(1024 * sums - mean), inverse_sqrt(variance))
        scaled = wrap32(rescaled * self.coefficients[gates] + self.bias[gates])
        scaled = _divide(scaled + np.where(scaled > 0, 512, -512), 1024)
        multiplier = Multiplier(p.layer_norm.mantissa[gates, None], p.layer_norm.exponent[gates, None] + 12)
        return saturate(multiply_by_quantized_multiplier(scaled, multiplier), 16)


def _divide(x: np.ndarray, divisor: int) -> np.ndarray:
    """The quotient, rounded towards zero."""
    return np.sign(x) * (np.abs(x) // divisor)
