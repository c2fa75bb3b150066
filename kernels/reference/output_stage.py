"""The output stage of integer sums of products: bias, rescaling to the scale of the output, zero point and clamp.

Which scale product and which rounding an operator uses is what its numerics consist of, so both have names here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    activation_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_q15,
    requantize_blocks,
    round_half_away,
    wrap32,
)
from litejit.kernels.node import Node, TensorSpec
from litejit.schema import ActivationFunctionType

__all__ = ["OutputStage", "Rescale", "channel_scales", "check_bias_scale", "rescaling", "scale_of_products"]

Rescale = Callable[[np.ndarray], np.ndarray]
"""int64 accumulators [rows, channels] -> integers in units of the output's scale."""


@dataclass(frozen=True, eq=False)
class OutputStage:
    """clip(rescale(accumulator + bias) + zero_point, low, high) as dtype.

    wraps: the official kernel accumulates in int32, which these sums may exceed.
    """

    rescale: Rescale
    zero_point: int
    low: int
    high: int
    dtype: np.dtype
    wraps: bool = False

    @classmethod
    def of(
        cls, output: TensorSpec, activation: ActivationFunctionType, rescale: Rescale, wraps: bool = False
    ) -> OutputStage:
        """The stage of an operator with this output and fused activation."""
        low, high = activation_range(activation, output)
        return cls(rescale, output.zero_point, low, high, output.dtype, wraps)

    def __call__(self, accumulator: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """accumulator: [..., channels] integers of any dtype, floating ones too; bias: [channels]."""

        def rescale(rows: np.ndarray) -> np.ndarray:
            total = rows.astype(np.int64)
            if bias is not None:
                total += bias
            return self.rescale(wrap32(total) if self.wraps else total)

        return requantize_blocks(accumulator, rescale, self.zero_point, self.low, self.high, self.dtype)


def rescaling(rounding: str, real: np.ndarray) -> Rescale:
    """Multiplication by real factors (float64, one or one for each channel), rounded in the way of that name.

    double: 31-bit multiplier, rounded twice. q15: 15-bit multiplier on 64-bit sums, rounded once, ties up.
    float64: in float64, ties away from zero.
    """
    if rounding == "float64":
        return lambda x: round_half_away(x * real)
    function = {"double": multiply_by_quantized_multiplier, "q15": multiply_by_quantized_multiplier_q15}[rounding]
    multiplier = Multiplier.from_real(real)
    return lambda x: function(x, multiplier)


def channel_scales(node: Node, filter: TensorSpec, channels: int) -> np.ndarray:
    """[1] or [channels] float32: the scales of a filter, checked to be one for each output channel if several."""
    quantization = filter.quantized
    scales, axis = quantization.scale, quantization.axis
    if quantization.per_channel:
        node.require(
            0 <= axis < filter.rank and filter.dims[axis] == channels == scales.size,
            "{} of shape {} has {} scales along dimension {}, expected one for each of {} output channels",
            filter,
            filter.dims,
            scales.size,
            axis,
            channels,
        )
    return scales


def scale_of_products(input: TensorSpec, scales: np.ndarray, output: TensorSpec, in_float: bool) -> np.ndarray:
    """input scale * filter scales / output scale in float64; in_float: the product itself is rounded to float32."""
    dtype = np.float32 if in_float else np.float64
    products = dtype(input.scale) * scales.astype(dtype)
    return products.astype(np.float64) / np.float64(output.scale)


def check_bias_scale(
    node: Node, input: TensorSpec, filter: TensorSpec, bias: TensorSpec | None, output: TensorSpec
) -> None:
    """Requires the scale of a bias to be the scale of the products, within 2 % of a step of the output."""
    if bias is None:
        return
    products = float(input.scale) * float(filter.scale)
    given = 0.0 if bias.quantization is None else float(bias.scale)
    node.require(
        abs(products - given) / float(output.scale) <= 0.02,
        "bias ({}) has scale {}, expected input scale * filter scale = {}",
        bias,
        given,
        products,
    )
