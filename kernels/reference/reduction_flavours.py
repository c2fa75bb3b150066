"""How each numerics flavour rescales the sums of quantized SUM, MEAN and REDUCE_PROD.

litert-ref divides in its multiplier, and so do tflm and single-rounding, which rescales in its own way. litert-opt has
formulas of its own for SUM, in float32, and for MEAN over the two dimensions of an image, in blocks of channels.
xnnpack computes in float32 where the XNNPACK delegate takes the node, elsewhere as litert-opt does.
Sources: LiteRT tflite/kernels/reduce.cc, internal/reference/reduce.h, internal/optimized/{reduce.h,optimized_ops.h,
integer_ops/mean.h}, XNNPACK src/operators/reduce-nd.c, tflite-micro kernels/reduce_common.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    float_to_int32,
    integer_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_q15,
    multiply_by_quantized_multiplier_up,
    round_half_away,
    wrap32,
)
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.delegation import takes_reduction
from litejit.kernels.reference.elementwise import rescale_of
from litejit.schema import TensorType

__all__ = [
    "FixedPoint",
    "ImageMean",
    "InFloat",
    "Reduced",
    "Rescaled",
    "RoundedAway",
    "mean_rescaled",
    "product_rescaled",
    "sum_rescaled",
]

_8_BIT = (TensorType.INT8, TensorType.UINT8)
_OPTIMIZED = ("litert-opt", "xnnpack")
_LANES = 16

Rescaled = Callable[[np.ndarray], np.ndarray]
"""Sums of raw values, int64 -> raw results, not yet clipped. Of REDUCE_PROD: see `product_rescaled`."""


@dataclass(frozen=True)
class Reduced:
    """What a reduction of a quantized tensor consists of.

    count: elements that make one result. static: whether the axes are constant, and there are any.
    image: of [batch, height, width, channels] to [batch, 1, 1, channels].
    """

    input: TensorSpec
    output: TensorSpec
    count: int
    static: bool
    image: bool

    @property
    def delegated(self) -> bool:
        """Whether XNNPACK takes the node; UnsupportedError where it does, and then cannot handle it."""
        return takes_reduction(self.input, self.output, self.static)


def sum_rescaled(flavour: str, reduced: Reduced) -> Rescaled:
    """Of SUM. The official reference kernel reads INT8 and INT16 as UINT8; they are added up as litert-opt does."""
    x, y = reduced.input, reduced.output
    if flavour == "xnnpack" and reduced.delegated:
        return _in_float(reduced, np.float32(x.scale / y.scale))
    if flavour in _OPTIMIZED or (flavour == "litert-ref" and x.type != TensorType.UINT8):
        scale = np.float32(x.scale / y.scale)
        with np.errstate(invalid="ignore"):
            bias = np.float32(np.float32(np.float32(-x.zero_point) * scale) * np.float32(reduced.count))
        return RoundedAway(scale, bias, y.zero_point)
    return _in_fixed_point(flavour, reduced, Multiplier.from_real(float(x.scale) / float(y.scale)))


def mean_rescaled(flavour: str, reduced: Reduced) -> Rescaled:
    """Of MEAN."""
    x, y, count = reduced.input, reduced.output, max(1, reduced.count)
    if flavour == "xnnpack" and reduced.delegated:
        return _in_float(reduced, np.float32(x.scale / y.scale) * (np.float32(1) / np.float32(count)))
    if flavour in _OPTIMIZED and reduced.image and x.type in _8_BIT:
        return _image_mean(reduced)
    # The count divides the mantissa, after as many bits as there is room for were shifted in.
    whole = Multiplier.from_real(float(x.scale) / float(y.scale))
    shift = min(count.bit_length() - 1, 32, 31 + int(whole.exponent))
    mantissa = (int(whole.mantissa) << shift) // count
    return _in_fixed_point(flavour, reduced, Multiplier(np.int64(mantissa), np.int64(int(whole.exponent) - shift)))


def _in_fixed_point(flavour: str, reduced: Reduced, multiplier: Multiplier) -> Rescaled:
    offset = reduced.count * reduced.input.zero_point
    return FixedPoint(rescale_of(flavour), offset, multiplier, reduced.output.zero_point)


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """rescale(total - offset, multiplier) + zero_point. offset: what the input's zero point adds up to."""

    rescale: Callable[[np.ndarray, Multiplier], np.ndarray]
    offset: int
    multiplier: Multiplier
    zero_point: int

    def __call__(self, total: np.ndarray) -> np.ndarray:
        """Of sums of raw values."""
        return self.rescale(wrap32(total - self.offset), self.multiplier) + self.zero_point


@dataclass(frozen=True, eq=False)
class RoundedAway:
    """float32(total) * scale + bias, halves away from zero, + zero_point; wraps around."""

    scale: np.float32
    bias: np.float32
    zero_point: int

    def __call__(self, total: np.ndarray) -> np.ndarray:
        """Of sums of raw values."""
        with np.errstate(all="ignore"):
            real = total.astype(np.float32) * self.scale + self.bias
            return wrap32(float_to_int32(round_half_away(real)) + self.zero_point)


@dataclass(frozen=True, eq=False)
class InFloat:
    """rint(clip(float32(total) * scale + offset, low, high)), offset having both zero points in it."""

    scale: np.float32
    offset: np.float32
    low: int
    high: int

    def __call__(self, total: np.ndarray) -> np.ndarray:
        """Of sums of raw values."""
        return np.rint(np.clip(total.astype(np.float32) * self.scale + self.offset, self.low, self.high))


def _in_float(reduced: Reduced, scale: np.float32) -> InFloat:
    zeros = np.float32(reduced.count * reduced.input.zero_point) * scale
    return InFloat(scale, np.float32(reduced.output.zero_point) - zeros, *integer_range(reduced.output.type))


@dataclass(frozen=True, eq=False)
class ImageMean:
    """rescale(total, multiplier) + bias; channels in whole blocks round the second time upwards.

    bias: both zero points, rounded by themselves. in_block: [channels] whether a channel lies in a whole block.
    """

    multiplier: Multiplier
    bias: int
    in_block: np.ndarray

    def __call__(self, total: np.ndarray) -> np.ndarray:
        """Of sums of raw values."""
        up = multiply_by_quantized_multiplier_up(total, self.multiplier)
        return np.where(self.in_block, up, multiply_by_quantized_multiplier(total, self.multiplier)) + self.bias


def _image_mean(reduced: Reduced) -> ImageMean:
    x, y = reduced.input, reduced.output
    zero = np.float32(np.float32(x.zero_point) * x.scale) / y.scale
    bias = y.zero_point - int(zero + np.float32(0.5) if zero > 0 else zero - np.float32(0.5))
    channels = np.arange(x.dims[-1])
    in_block = channels < channels.size - channels.size % _LANES
    return ImageMean(Multiplier.from_real(x.scale / (np.float32(reduced.count) * y.scale)), bias, in_block)


def product_rescaled(reduced: Reduced) -> Rescaled:
    """Of REDUCE_PROD: what a running product of int64 is rescaled by after each factor."""
    real = float(reduced.input.scale) / float(reduced.output.scale) ** (1.0 / max(1, reduced.count))
    multiplier = Multiplier.from_real(real)
    return lambda product: wrap32(multiply_by_quantized_multiplier_q15(product, multiplier))
