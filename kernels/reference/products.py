"""The arithmetics of convolutions and matrix products: float, quantized, and hybrid (float inputs, integer weights).

An operator knows how inputs and weights meet, its arithmetic what numbers they are: inputs are made ready by `inputs`,
weights by `weights`, and the sums of their products become outputs in `finish`. Sums of integers are exact; they are
held in floating-point types because that is what matrix products are fast in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

from litejit.kernels.fixedpoint import float_activation, integer_range
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.delegation import has_clamp, is_float_delegable, is_integer_delegable
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix, exact_dtype, largest_sum
from litejit.kernels.reference.hybrid_flavours import HybridArithmetic
from litejit.kernels.reference.output_stage import BlockStage, OutputStage, channel_scales, check_bias_scale
from litejit.kernels.reference.product_flavours import convolution_rounding, output_stage
from litejit.schema import ActivationFunctionType, TensorType

__all__ = [
    "BIAS_TYPES",
    "FloatProducts",
    "HybridProducts",
    "Products",
    "QuantizedProducts",
    "Weighted",
    "adds_in_int64",
    "check_bias",
    "check_zero_points",
    "convolution_products",
    "may_exceed_int32",
]

BIAS_TYPES = {
    TensorType.FLOAT32: (TensorType.FLOAT32,),
    TensorType.UINT8: (TensorType.INT32,),
    TensorType.INT8: (TensorType.INT32,),
    TensorType.INT16: (TensorType.INT32, TensorType.INT64),
}
"""Types of the bias by type of the input."""


class Weighted(Kernel):
    """Base of operators with weights: those that are constant are packed once, when they are needed first.

    constant: the weights if they are constant.
    """

    constant: np.ndarray | None
    _matrix: Any = None

    def pack(self, weights: np.ndarray) -> Any:
        """The weights as a matrix for exact or fast products."""
        raise TypeError(f"{type(self).__name__} must define pack")

    def packed(self, weights: np.ndarray) -> Any:
        """The packed weights."""
        if self.constant is None:
            return self.pack(weights)
        if self._matrix is None:
            self._matrix = self.pack(self.constant)
        return self._matrix


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
        """The input's numbers, free of a zero point, and the scales that data decide, for its leading dimensions."""
        ...

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: np.ndarray | None) -> np.ndarray:
        """sums: [batch, ..., channels] to outputs; scale: what `inputs` gave for them."""
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
        with np.errstate(all="ignore"):
            result = sums if bias is None else sums + bias.ravel()
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
    stage: OutputStage | BlockStage

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, None]:
        """The input less its zero point."""
        return (x.astype(dtype) if self.zero_point == 0 else np.subtract(x, self.zero_point, dtype=dtype)), None

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: None = None) -> np.ndarray:
        """Passes sums and bias through the output stage."""
        return self.stage(sums, bias)


@dataclass(frozen=True, eq=False)
class HybridProducts(IntegerInputs):
    """Float inputs, quantized to int8 when they arrive, times integer weights; float outputs.

    filter_scales: [1] or [channels] float32. activate: the fused activation.
    """

    arithmetic: HybridArithmetic
    filter_scales: np.ndarray
    activate: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(
        cls,
        arithmetic: HybridArithmetic,
        filter_scales: np.ndarray,
        activate: Callable[[np.ndarray], np.ndarray],
    ) -> HybridProducts:
        """The products in an arithmetic."""
        return cls(-arithmetic.span, arithmetic.span, 0, arithmetic, filter_scales, activate)

    def weights(self, filter: np.ndarray) -> np.ndarray:
        """The filter as int32; UINT8 filters are taken for int8, as the official kernels do."""
        return super().weights(filter.view(np.int8))

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, np.ndarray]:
        """The input quantized, less the zero points, and the scale of each row."""
        row_axes = self.arithmetic.row_axes
        rows = self.arithmetic.quantize(x.reshape(prod(x.shape[:row_axes]), prod(x.shape[row_axes:])))
        return rows.centred(dtype).reshape(x.shape), rows.scale.reshape(x.shape[:row_axes])

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: np.ndarray) -> np.ndarray:
        """Puts in scales and bias, applies the activation."""
        scale = scale.reshape(*scale.shape, *(1,) * (sums.ndim - scale.ndim))
        bias = None if bias is None else bias.ravel()
        with np.errstate(all="ignore"):
            return self.activate(self.arithmetic.finish(sums.astype(np.float32), scale, self.filter_scales, bias))


def convolution_products(
    node: Node,
    kind: str,
    input: TensorSpec,
    filter: TensorSpec,
    bias: TensorSpec | None,
    output: TensorSpec,
    *,
    channel_axis: int,
    delegable: bool,
    wide: bool,
    hybrid: Callable[[bool], HybridArithmetic],
) -> Products:
    """The arithmetic of a convolution with these operands.

    kind: see `convolution_rounding`. channel_axis: of the output channels in the filter. delegable: whether XNNPACK
    takes an operator with such options. wide: products of INT16 are added up in 64 bits. hybrid: how it computes if it
    is hybrid, given whether XNNPACK takes the node.
    """
    flavour = node.numerics
    activation = node.options.fused_activation_function
    if filter.type == TensorType.FLOAT32:
        return FloatProducts(activation)
    scales = channel_scales(node, filter, filter.dims[channel_axis])
    delegable = delegable and has_clamp(activation)
    if input.type == TensorType.FLOAT32:
        arithmetic = hybrid(flavour == "xnnpack" and delegable and is_float_delegable(filter, bias, channel_axis))
        return HybridProducts.of(arithmetic, scales, lambda x: float_activation(activation, x))
    filter_zero_point = 0
    if input.type == TensorType.UINT8:
        check_bias_scale(node, input, filter, bias, output)
        filter_zero_point = filter.zero_point
    if input.type == TensorType.INT16:
        check_zero_points(node, input, output)
    delegated = delegable and is_integer_delegable(input, filter, bias, output, channel_axis)
    rounding = convolution_rounding(flavour, kind, input.type, wide, delegated)
    wraps = not wide and may_exceed_int32(input, filter.size // filter.dims[channel_axis], bias)
    stage = output_stage(rounding, input, scales, output, activation, wraps)
    low, high = integer_range(input.type)
    zero_point = input.zero_point
    return QuantizedProducts(low - zero_point, high - zero_point, filter_zero_point, zero_point, stage)


def check_zero_points(node: Node, *tensors: TensorSpec) -> None:
    """Requires tensors of INT16 to have zero point 0."""
    for tensor in tensors:
        node.require(tensor.zero_point == 0, "{} has zero point {}, expected 0", tensor, tensor.zero_point)


def require_one_scale_if_int16(node: Node, filter: TensorSpec) -> None:
    """Requires a filter of 16 bits not to be quantized per channel."""
    single = filter.type != TensorType.INT16 or not filter.quantized.per_channel
    node.require(single, "{} is INT16 with a scale for each channel", filter)


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
