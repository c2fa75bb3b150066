"""How each numerics flavour rounds in QUANTIZE and DEQUANTIZE.

litert-ref and tflm have one formula for all elements, and so has single-rounding, which rescales in its own way.
litert-opt has one for whole blocks of vector lanes and another for the elements left over at the end of the tensor.
xnnpack has formulas of its own where the XNNPACK delegate takes the node, elsewhere those of litert-opt.
Sources: LiteRT tflite/kernels/internal/reference/{quantize,requantize,dequantize}.h, internal/optimized/optimized_ops.h
(through NEON_2_SSE), XNNPACK src/f32-qs8-vcvt, src/qs8-vcvt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    float_to_int32,
    integer_range,
    multiply_by_quantized_multiplier_up,
    round_half_away,
    wrap32,
)
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.delegation import takes_eight_bits, takes_requantization
from litejit.kernels.reference.elementwise import Rescale, rescale_of
from litejit.kernels.reference.pointwise import Formula, Pointwise, in_blocks
from litejit.schema import TensorType

__all__ = [
    "Converted",
    "Real",
    "Rescaled",
    "RoundedAway",
    "RoundedToEven",
    "Saturated",
    "ScaledFirst",
    "WithTail",
    "affine_quantize",
    "dequantizer",
    "quantizer",
    "requantizer",
]

_8_BIT = (TensorType.INT8, TensorType.UINT8)


def affine_quantize(x: np.ndarray, scale: np.ndarray, zero_point: np.ndarray | int, low: int, high: int) -> np.ndarray:
    """AffineQuantize: clip(wrap32(int32(round_away(x / scale)) + zero_point), low, high)."""
    return np.clip(wrap32(float_to_int32(round_half_away(x / scale)) + zero_point), low, high)


@dataclass(frozen=True, eq=False)
class WithTail:
    """body for the elements in whole blocks of so many lanes (of the flattened tensor), tail for the rest."""

    lanes: int
    body: Formula
    tail: Formula

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The result, in the shape of x."""
        flat = x.reshape(-1)
        split = flat.size - flat.size % self.lanes
        return np.concatenate([self.body(flat[:split]), self.tail(flat[split:])]).reshape(x.shape)

    def formula_of(self, at: int, size: int) -> Formula:
        """The one for element `at` of the flattened tensor of so many elements."""
        return self.body if at < size - size % self.lanes else self.tail


@dataclass(frozen=True, eq=False)
class ToInteger:
    """Base of formulas from float32 to raw values of a type in low .. high."""

    zero_point: int
    low: int
    high: int
    dtype: np.dtype

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Raw values."""
        return in_blocks(self.formula, x, self.dtype)

    def formula(self, x: np.ndarray) -> np.ndarray:
        """Of one block."""
        raise TypeError(f"{type(self).__name__} must define formula")


@dataclass(frozen=True, eq=False)
class RoundedAway(ToInteger):
    """`affine_quantize`, in the precision of the scale."""

    scale: np.floating

    def formula(self, x: np.ndarray) -> np.ndarray:
        """Of one block."""
        return affine_quantize(x.astype(self.scale.dtype, copy=False), self.scale, self.zero_point, self.low, self.high)


@dataclass(frozen=True, eq=False)
class RoundedToEven(ToInteger):
    """clip(wrap32(int32(rint(x * inverse)) + zero_point), low, high)."""

    inverse: np.float32

    def formula(self, x: np.ndarray) -> np.ndarray:
        """Of one block."""
        return np.clip(wrap32(float_to_int32(np.rint(x * self.inverse)) + self.zero_point), self.low, self.high)


@dataclass(frozen=True, eq=False)
class Saturated(ToInteger):
    """clip(rint(x * inverse) + zero_point, low, high), not a number becomes high."""

    inverse: np.float32

    def formula(self, x: np.ndarray) -> np.ndarray:
        """Of one block."""
        bound = np.float32(self.high - self.zero_point)
        return np.maximum(np.rint(np.fmin(x * self.inverse, bound)) + self.zero_point, self.low)


def quantizer(y: TensorSpec, flavour: str) -> WithTail | ToInteger:
    """float32 -> the output's type, per tensor."""
    scale = y.scale
    target = y.zero_point, *integer_range(y.type), y.dtype
    if flavour not in ("litert-opt", "xnnpack") or y.type in (TensorType.INT4, TensorType.UINT4):
        return RoundedAway(*target, scale)
    if flavour == "xnnpack" and takes_eight_bits(y):
        return Saturated(*target, np.float32(1) / scale)
    inverse = np.float32(1 / np.float64(scale))
    return WithTail(8, RoundedToEven(*target, inverse), RoundedAway(*target, np.float64(scale)))


@dataclass(frozen=True, eq=False)
class Rescaled:
    """clip(rescale(q - offset, multiplier) + zero_point, low, high)."""

    rescale: Rescale
    multiplier: Multiplier
    offset: int
    zero_point: int
    low: int
    high: int

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """Raw values of the output."""
        steps = self.rescale(wrap32(q - self.offset), self.multiplier)
        return np.clip(steps + self.zero_point, self.low, self.high)


@dataclass(frozen=True, eq=False)
class Converted:
    """clip(((q - offset) * factor + 128 >> 8) + zero_point, low, high)."""

    factor: int
    offset: int
    zero_point: int
    low: int
    high: int

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """Raw values of the output."""
        return np.clip((((q - self.offset) * self.factor + 128) >> 8) + self.zero_point, self.low, self.high)


def requantizer(x: TensorSpec, y: TensorSpec, flavour: str) -> WithTail | Pointwise:
    """One quantized type -> another."""
    ratio = np.float64(x.scale) / np.float64(y.scale)
    multiplier = Multiplier.from_real(ratio)
    rest = x.zero_point, y.zero_point, *integer_range(y.type)

    def rescaled(rescale: Rescale) -> Pointwise:
        return Pointwise(Rescaled(rescale, multiplier, *rest), x.dtype, y.dtype)

    reference = rescaled(rescale_of(flavour))
    if flavour not in ("litert-opt", "xnnpack") or x.type not in _8_BIT or y.type not in _8_BIT:
        return reference
    if flavour == "xnnpack" and takes_requantization(x, y):
        factor = int(np.rint(np.float32(256) * (x.scale / y.scale)))
        return Pointwise(Converted(factor, *rest), x.dtype, y.dtype)
    return WithTail(16, rescaled(multiply_by_quantized_multiplier_up), reference)


@dataclass(frozen=True, eq=False)
class Real:
    """(q - zero_point) * scale."""

    scale: np.float32
    zero_point: int

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """float32."""
        real = q.astype(np.float32)
        real -= np.float32(self.zero_point)
        real *= self.scale
        return real


@dataclass(frozen=True, eq=False)
class ScaledFirst:
    """q * scale + offset."""

    scale: np.float32
    offset: np.float32

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """float32."""
        return q.astype(np.float32) * self.scale + self.offset


def dequantizer(x: TensorSpec, flavour: str) -> WithTail | Real:
    """A quantized type, per tensor -> float32. One rounding; two in the blocks of litert-opt."""
    reference = Real(x.scale, x.zero_point)
    if flavour == "litert-opt" or (flavour == "xnnpack" and not takes_eight_bits(x)):
        return WithTail(8, ScaledFirst(x.scale, np.float32(-x.zero_point * np.float64(x.scale))), reference)
    return reference
