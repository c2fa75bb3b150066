"""How each numerics flavour rounds in QUANTIZE and DEQUANTIZE.

litert-ref and tflm have one formula for all elements, and so has single-rounding, which rescales in its own way.
litert-opt has one for whole blocks of vector lanes and another for the elements left over at the end of the tensor.
xnnpack has formulas of its own where the XNNPACK delegate takes the node, elsewhere those of litert-opt.
Sources: LiteRT tflite/kernels/internal/reference/{quantize,requantize,dequantize}.h, internal/optimized/optimized_ops.h
(through NEON_2_SSE), XNNPACK src/f32-qs8-vcvt, src/qs8-vcvt.
"""

from __future__ import annotations

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
from litejit.kernels.reference.elementwise import Rescale, rescale_of
from litejit.kernels.reference.pointwise import Formula, Pointwise, in_blocks
from litejit.schema import TensorType

__all__ = ["affine_quantize", "dequantizer", "quantizer", "requantizer"]

_8_BIT = (TensorType.INT8, TensorType.UINT8)


def affine_quantize(x: np.ndarray, scale: np.ndarray, zero_point: np.ndarray | int, low: int, high: int) -> np.ndarray:
    """AffineQuantize: clip(wrap32(int32(round_away(x / scale)) + zero_point), low, high)."""
    return np.clip(wrap32(float_to_int32(round_half_away(x / scale)) + zero_point), low, high)


def _with_tail(lanes: int, body: Formula, tail: Formula) -> Formula:
    """body for the elements in whole blocks of so many lanes (of the flattened tensor), tail for the rest."""

    def run(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(-1)
        split = flat.size - flat.size % lanes
        return np.concatenate([body(flat[:split]), tail(flat[split:])]).reshape(x.shape)

    return run


def quantizer(y: TensorSpec, flavour: str) -> Formula:
    """float32 -> the output's type, per tensor."""
    scale, zero_point = y.scale, y.zero_point
    inverse = np.float32(1 / np.float64(scale))
    low, high = integer_range(y.type)

    def blocks(formula: Formula) -> Formula:
        return lambda x: in_blocks(formula, x, y.dtype)

    reference = blocks(lambda x: affine_quantize(x, scale, zero_point, low, high))
    if flavour not in ("litert-opt", "xnnpack") or y.type in (TensorType.INT4, TensorType.UINT4):
        return reference
    if flavour == "xnnpack" and y.type in _8_BIT:
        # NaN comes out of the minimum as the upper bound.
        bound = np.float32(high - zero_point)
        reciprocal = np.float32(1) / scale
        return blocks(lambda x: np.maximum(np.rint(np.fmin(x * reciprocal, bound)) + zero_point, low))
    return _with_tail(
        8,
        blocks(lambda x: np.clip(wrap32(float_to_int32(np.rint(x * inverse)) + zero_point), low, high)),
        blocks(lambda x: affine_quantize(x.astype(np.float64), np.float64(scale), zero_point, low, high)),
    )


def requantizer(x: TensorSpec, y: TensorSpec, flavour: str) -> Formula:
    """One quantized type -> another: clip(rescale(q - zero_point) + the output's zero_point)."""
    ratio = np.float64(x.scale) / np.float64(y.scale)
    multiplier = Multiplier.from_real(ratio)
    low, high = integer_range(y.type)

    def rescaling(rescale: Rescale) -> Formula:
        def formula(q: np.ndarray) -> np.ndarray:
            return np.clip(rescale(wrap32(q - x.zero_point), multiplier) + y.zero_point, low, high)

        return Pointwise(formula, x.dtype, y.dtype)

    reference = rescaling(rescale_of(flavour))
    if flavour not in ("litert-opt", "xnnpack") or x.type not in _8_BIT or y.type not in _8_BIT:
        return reference
    if flavour == "xnnpack" and x.type == y.type and 2**-8 <= ratio <= 2**7:
        factor = int(np.rint(np.float32(256) * (x.scale / y.scale)))

        def convert(q: np.ndarray) -> np.ndarray:
            return np.clip((((q - x.zero_point) * factor + 128) >> 8) + y.zero_point, low, high)

        return Pointwise(convert, x.dtype, y.dtype)
    return _with_tail(16, rescaling(multiply_by_quantized_multiplier_up), reference)


def dequantizer(x: TensorSpec, flavour: str) -> Formula:
    """A quantized type, per tensor -> float32. One rounding; two in the blocks of litert-opt."""
    scale, zero_point = x.scale, x.zero_point
    offset = np.float32(-zero_point * np.float64(scale))

    def reference(q: np.ndarray) -> np.ndarray:
        real = q.astype(np.float32)
        real -= np.float32(zero_point)
        real *= scale
        return real

    if flavour == "litert-opt" or (flavour == "xnnpack" and x.type not in _8_BIT):
        return _with_tail(8, lambda q: q.astype(np.float32) * scale + offset, reference)
    return reference
