"""The arithmetics of convolutions and matrix products: float, quantized, and hybrid (float inputs, integer weights).

An operator knows how inputs and weights meet, its arithmetic what numbers they are: inputs are made ready by `inputs`,
weights by `weights`, and the sums of their products become outputs in `finish`. Sums of integers are exact; they are
held in floating-point types because that is what matrix products are fast in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from litejit.kernels.fixedpoint import float_activation, integer_range
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix, exact_dtype, largest_sum
from litejit.kernels.reference.hybrid import quantize_rows
from litejit.kernels.reference.output_stage import (
    OutputStage,
    channel_scales,
    check_bias_scale,
    rescaling,
    scale_of_products,
)
from litejit.schema import ActivationFunctionType, TensorType

__all__ = [
    "BIAS_TYPES",
    "FloatProducts",
    "HybridProducts",
    "Products",
    "QuantizedProducts",
    "Scaled",
    "adds_in_int64",
    "check_bias",
    "convolution_products",
    "filter_scale_first",
    "may_exceed_int32",
    "product_of_scales",
]

Scaled = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(sums, scales of the batches, scales of the filter) -> real values, float32."""

BIAS_TYPES = {
    TensorType.FLOAT32: (TensorType.FLOAT32,),
    TensorType.UINT8: (TensorType.INT32,),
    TensorType.INT8: (TensorType.INT32,),
    TensorType.INT16: (TensorType.INT32, TensorType.INT64),
}
"""Types of the bias by type of the input."""


class Products(Protocol):
    """What an operator asks of its arithmetic."""

    def weights(self, filter: np.ndarray) -> np.ndarray:
        """The filter's numbers, free of a zero point."""
        ...

    def dtype(self, weights: np.ndarray) -> type[np.floating]:
        """A type in which all sums over the depth of weights: [..., depth, columns] are as exact as they have to be."""
        ...

    def matrix(self, weights: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """weights: [..., depth, columns] packed for products."""
        ...

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, np.ndarray | None]:
        """The input's numbers, free of a zero point, and the scale of each batch if it is decided by the data."""
        ...

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: np.ndarray | None) -> np.ndarray:
        """sums: [batch, ..., channels] to outputs; scale: one for each batch, or of as many dimensions as the sums."""
        ...


@dataclass(frozen=True, eq=False)
class FloatProducts:
    """Plain floats. activation: None also leaves infinities as they are, which NONE does not."""

    activation: ActivationFunctionType | None

    def weights(self, filter: np.ndarray) -> np.ndarray:
        """The filter itself."""
        return filter

    def dtype(self, weights: np.ndarray) -> type[np.floating]:
        """float32."""
        return np.float32

    def matrix(self, weights: np.ndarray) -> FloatMatrix:
        """The weights, contiguous."""
        return FloatMatrix(weights)

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, None]:
        """The input itself."""
        return x, None

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: None = None) -> np.ndarray:
        """Adds the bias and applies the activation."""
        result = sums if bias is None else sums + bias
        return result if self.activation is None else float_activation(self.activation, result)


@dataclass(frozen=True, eq=False)
class IntegerInputs:
    """What the arithmetics with integer weights have in common.

    low, high: range of the inputs less their zero point; filter_zero_point: of a filter that has one.
    """

    low: int
    high: int
    filter_zero_point: int

    def weights(self, filter: np.ndarray) -> np.ndarray:
        """The filter less its zero point, int32."""
        return filter.astype(np.int32) - self.filter_zero_point

    def dtype(self, weights: np.ndarray) -> type[np.floating]:
        """The fastest type in which the sums are exact."""
        return exact_dtype(largest_sum(weights, self.low, self.high))

    def matrix(self, weights: np.ndarray) -> IntegerMatrix:
        """The weights, packed for exact products."""
        return IntegerMatrix(weights, self.low, self.high)


@dataclass(frozen=True, eq=False)
class QuantizedProducts(IntegerInputs):
    """Integer inputs, weights and outputs."""

    zero_point: int
    stage: OutputStage

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, None]:
        """The input less its zero point."""
        return (x.astype(dtype) if self.zero_point == 0 else np.subtract(x, self.zero_point, dtype=dtype)), None

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: None = None) -> np.ndarray:
        """Passes sums and bias through the output stage."""
        return self.stage(sums, bias)


@dataclass(frozen=True, eq=False)
class HybridProducts(IntegerInputs):
    """Float inputs, quantized to int8 when they arrive, times integer weights; float outputs.

    filter_scales: [1] or [channels] float32. scaled: multiplies sums by batch scales and filter scales, all float32, in
    the order that decides the last bit. activate: the fused activation.
    """

    asymmetric: bool
    filter_scales: np.ndarray
    scaled: Scaled
    activate: Callable[[np.ndarray], np.ndarray]

    def weights(self, filter: np.ndarray) -> np.ndarray:
        """The filter as int32; UINT8 filters are taken for int8, as the official kernels do."""
        return super().weights(filter.view(np.int8))

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, np.ndarray]:
        """The input quantized, less the zero points, and the scales: one of each for a batch."""
        rows = quantize_rows(x.reshape(x.shape[0], prod(x.shape[1:])), self.asymmetric)
        return rows.centred(dtype).reshape(x.shape), rows.scale

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: np.ndarray) -> np.ndarray:
        """Multiplies by the scales, adds the bias, applies the activation."""
        if scale.ndim == 1:
            scale = scale.reshape(-1, *(1,) * (sums.ndim - 1))
        result = self.scaled(sums.astype(np.float32), scale, self.filter_scales)
        return self.activate(result if bias is None else result + bias)


def convolution_products(
    node: Node,
    input: TensorSpec,
    filter: TensorSpec,
    bias: TensorSpec | None,
    output: TensorSpec,
    *,
    channels: int,
    wide: bool,
    scaled: Scaled,
    asymmetric: bool = True,
) -> Products:
    """The arithmetic of a convolution with these operands.

    channels: of the output. wide: products of INT16 are added up in 64 bits. scaled, asymmetric: if it is hybrid.
    """
    activation = node.options.fused_activation_function
    if filter.type == TensorType.FLOAT32:
        return FloatProducts(activation)
    scales = channel_scales(node, filter, channels)
    if input.type == TensorType.FLOAT32:
        span = 255 if asymmetric else 127
        return HybridProducts(-span, span, 0, asymmetric, scales, scaled, lambda x: float_activation(activation, x))
    filter_zero_point = 0
    if input.type == TensorType.UINT8:
        check_bias_scale(node, input, filter, bias, output)
        filter_zero_point = filter.zero_point
    if input.type == TensorType.INT16:
        for tensor in (input, output):
            node.require(tensor.zero_point == 0, "{} has zero point {}, expected 0", tensor, tensor.zero_point)
    real = scale_of_products(input, scales, output, in_float=input.type == TensorType.UINT8)
    stage = OutputStage.of(
        output,
        activation,
        rescaling("q15" if wide else "double", real),
        wraps=not wide and may_exceed_int32(input, filter.size // channels, bias),
    )
    low, high = integer_range(input.type)
    zero_point = input.zero_point
    return QuantizedProducts(low - zero_point, high - zero_point, filter_zero_point, zero_point, stage)


def check_bias(node: Node, bias: TensorSpec | None, channels: int) -> None:
    """Requires a bias to have one element for each output channel, and no zero point."""
    if bias is None:
        return
    node.require(bias.size == channels, "bias ({}) has {} elements, expected {}", bias, bias.size, channels)
    if bias.quantization is not None and not bias.quantization.per_channel and bias.type != TensorType.FLOAT32:
        node.require(bias.zero_point == 0, "bias ({}) has zero point {}, expected 0", bias, bias.zero_point)


def adds_in_int64(node: Node, input: TensorSpec, bias: TensorSpec | None) -> bool:
    """Whether the official kernels add up products in 64 bits: INT16 inputs, unless quantized_bias_type is INT32."""
    if input.type != TensorType.INT16:
        return False
    declared = node.options.quantized_bias_type
    if declared == TensorType.FLOAT32:
        return bias is None or bias.type == TensorType.INT64
    node.require(
        declared in (TensorType.INT32, TensorType.INT64) and (bias is None or bias.type == declared),
        "quantized_bias_type is {!r}, expected the type of the bias, INT32 or INT64",
        declared,
    )
    return declared == TensorType.INT64


def may_exceed_int32(input: TensorSpec, depth: int, bias: TensorSpec | None) -> bool:
    """Whether int32 may overflow when it adds up a bias and depth products of inputs with 8-bit weights."""
    low, high = integer_range(input.type)
    most = depth * (high - low) * 255
    if bias is not None:
        most += 1 << 31 if bias.value is None else int(np.abs(bias.value.astype(np.int64)).max(initial=0))
    return most >= 1 << 31


def product_of_scales(sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray) -> np.ndarray:
    """sums * (filter_scale * batch_scale)."""
    return sums * (filter_scale * batch_scale)


def filter_scale_first(sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray) -> np.ndarray:
    """(sums * filter_scale) * batch_scale."""
    return sums * filter_scale * batch_scale
