"""The output stage of integer sums of products: bias, rescaling to the scale of the output, zero point and clamp.

Which scale product and which rounding an operator uses is what its numerics consist of, so both have names here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    activation_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_q15,
    multiply_by_quantized_multiplier_single,
    multiply_by_quantized_multiplier_up,
    requantize_blocks,
    round_half_away,
    wrap32,
)
from litejit.kernels.node import Node, TensorSpec
from litejit.schema import ActivationFunctionType

__all__ = [
    "BlockStage",
    "OutputStage",
    "Rescaling",
    "channel_scales",
    "check_bias_scale",
    "scale_of_products",
]

_MULTIPLICATIONS = {
    "double": multiply_by_quantized_multiplier,
    "up": multiply_by_quantized_multiplier_up,
    "single": multiply_by_quantized_multiplier_single,
    "q15": multiply_by_quantized_multiplier_q15,
}


@dataclass(frozen=True, eq=False)
class Rescaling:
    """int64 accumulators [rows, channels] times real factors (one or one for each channel), rounded in a named way.

    By a 31-bit multiplier: double, rounded twice, ties of the second rounding away from zero; up, likewise, but these
    ties go up; single, rounded once, ties up. q15: by a 15-bit multiplier, rounded once, ties up; for 64-bit sums.
    float64: in float64, ties away from zero. float32: in float32, ties to even.
    """

    rounding: str
    real: np.ndarray
    multiplier: Multiplier

    @classmethod
    def by(cls, rounding: str, real: np.ndarray) -> Rescaling:
        """The rescaling by these factors."""
        return cls(rounding, real, Multiplier.from_real(real))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Integers in units of the output's scale."""
        if self.rounding == "float64":
            return round_half_away(x * self.real)
        if self.rounding == "float32":
            return np.rint(x.astype(np.float32) * self.real.astype(np.float32))
        return _MULTIPLICATIONS[self.rounding](x, self.multiplier)


@dataclass(frozen=True, eq=False)
class OutputStage:
    """clip(rescale(accumulator + bias) + zero_point, low, high) as dtype.

    wraps: the official kernel accumulates in int32, which these sums may exceed.
    """

    rescale: Rescaling
    zero_point: int
    low: int
    high: int
    dtype: np.dtype
    wraps: bool = False

    @classmethod
    def of(
        cls, output: TensorSpec, activation: ActivationFunctionType, rescale: Rescaling, wraps: bool = False
    ) -> OutputStage:
        """The stage of an operator with this output and fused activation."""
        low, high = activation_range(activation, output)
        return cls(rescale, output.zero_point, low, high, output.dtype, wraps)

    def __call__(self, accumulator: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """accumulator: [..., channels] integers of any dtype, floating ones too; bias: as many elements as channels."""

        def rescale(rows: np.ndarray) -> np.ndarray:
            total = rows.astype(np.int64)
            if bias is not None:
                total += bias.ravel()
            return self.rescale(wrap32(total) if self.wraps else total)

        return requantize_blocks(accumulator, rescale, self.zero_point, self.low, self.high, self.dtype)


@dataclass(frozen=True, eq=False)
class BlockStage:
    """Two output stages of one operator: elements in whole blocks go through `block`, those left over through `tail`.

    Optimised kernels do that, whose vector code does not round as their scalar code does.
    size: of a block; whole: blocks run through the whole output, not along the channels of each row.
    """

    block: OutputStage
    tail: OutputStage
    size: int
    whole: bool

    def __call__(self, accumulator: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """As of OutputStage; the accumulator is the whole output if blocks run through it."""
        count = accumulator.size if self.whole else accumulator.shape[-1]
        in_block = np.arange(count) < count - count % self.size
        in_block = in_block.reshape(accumulator.shape) if self.whole else in_block
        return np.where(in_block, self.block(accumulator, bias), self.tail(accumulator, bias))


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


def scale_of_products(input: TensorSpec, scales: np.ndarray, output: TensorSpec, precision: str) -> np.ndarray:
    """input scale * filter scales / output scale in float64, in float32, or ("mixed") the product alone in float32."""
    dtype = np.float64 if precision == "float64" else np.float32
    products = dtype(input.scale) * scales.astype(dtype)
    quotient = np.float32 if precision == "float32" else np.float64
    return products.astype(quotient) / quotient(output.scale)


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
