"""Look-up tables: how the official kernels evaluate a real function of a quantized tensor.

8-bit tensors get one entry for each of their 256 values; int16 tensors get 513 samples and interpolate between them.
Semantics: LiteRT tflite/kernels/internal/common.h (LUTPopulate, LUTLookup).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litejit.kernels.fixedpoint import round_half_away
from litejit.kernels.node import TensorSpec
from litejit.schema import TensorType

__all__ = ["RealFunction", "in_double", "look_up", "table", "table8", "table8_xnnpack", "table16"]

RealFunction = Callable[[np.ndarray], np.ndarray]
"""A real function of an array, same shape and floating dtype out as in."""

_SEGMENTS = 512
_SEGMENT_BITS = 7


def in_double(function: RealFunction) -> RealFunction:
    """The function evaluated in float64 and rounded back once: what a good float32 math library returns."""
    return lambda x: np.asarray(function(x.astype(np.float64))).astype(x.dtype)


def table(function: RealFunction, input: TensorSpec, output: TensorSpec) -> np.ndarray:
    """The table of a function from one quantized tensor to another of the same type (INT8, UINT8 or INT16)."""
    scales = input.scale, input.zero_point, output.scale, output.zero_point
    if input.type == TensorType.INT16:
        return table16(function, *scales)
    return table8(function, *scales, input.dtype)


def table8(
    function: RealFunction,
    input_scale: np.float32,
    input_zero_point: int,
    output_scale: np.float32,
    output_zero_point: int,
    dtype: np.dtype,
) -> np.ndarray:
    """[256] entries of dtype (int8 or uint8), indexed by the value's bits seen as uint8.

    entry(q) = clip(trunc(round_away(f(input_scale * (q - input_zero_point)) * (1 / output_scale)) + zero_point)), in
    float32; zero_point is the output's.
    """
    scale, inverse = np.float32(input_scale), np.float32(1) / np.float32(output_scale)
    q = np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)
    with np.errstate(all="ignore"):
        real = function(scale * (q - input_zero_point).astype(np.float32))
        steps = round_half_away(real * inverse) + np.float32(output_zero_point)
    info = np.iinfo(dtype)
    return np.nan_to_num(np.trunc(np.clip(steps, info.min, info.max)), nan=0).astype(dtype)


def table8_xnnpack(function: RealFunction, input: TensorSpec, output: TensorSpec) -> np.ndarray:
    """As `table8`, in the way of XNNPACK: the zero point is added before the only rounding, to the nearest even.

    Source: XNNPACK src/reference/unary-elementwise.cc (unary_ukernel_quantized), src/xnnpack/reference-utils.h.
    """
    inverse = np.float32(1) / output.scale
    q = np.arange(256, dtype=np.uint8).view(input.dtype).astype(np.float32)
    with np.errstate(all="ignore"):
        real = function((q - np.float32(input.zero_point)) * input.scale)
        steps = np.rint(real * inverse + np.float32(output.zero_point))
    info = np.iinfo(input.dtype)
    return np.clip(steps, info.min, info.max).astype(input.dtype)


def table16(
    function: RealFunction,
    input_scale: float | np.floating,
    input_zero_point: int,
    output_scale: float | np.floating,
    output_zero_point: int,
    dtype: type[np.floating] = np.float32,
) -> np.ndarray:
    """[513] int16 samples at the ends of 512 equal segments of the int16 range, computed in dtype.

    Each sample is moved by half the interpolation error at the middle of its segment, which halves the largest error.
    Samples that are not a number become 0.
    """
    info = np.iinfo(np.int16)
    input_min, input_max = (dtype(input_scale) * dtype(end - input_zero_point) for end in (info.min, info.max))
    output_min, output_max = (dtype(output_scale) * dtype(end - output_zero_point) for end in (info.min, info.max))
    step = (input_max - input_min) / dtype(_SEGMENTS)
    with np.errstate(all="ignore"):
        per_unit = dtype(info.max - info.min + 1) / (output_max - output_min)
        starts = input_min + np.arange(_SEGMENTS + 1).astype(dtype) * step
        ends = function(starts) * per_unit
        samples = round_half_away(ends[:-1])
        interpolated = round_half_away((ends[1:] + samples) / dtype(2))
        middles = round_half_away(function(starts[:-1] + step / dtype(2)) * per_unit)
        samples -= round_half_away((interpolated - middles) / dtype(2))
        last = round_half_away(function(np.array([input_max], dtype)) * per_unit)
    entries = np.clip(np.concatenate([samples, last]), info.min, info.max)
    return np.nan_to_num(entries, nan=0).astype(np.int16)


def look_up(entries: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Applies a table to a quantized tensor: directly for 8 bits, with linear interpolation for int16.

    The slope of a segment and the result wrap around at 16 bits, as the official kernels' do.
    """
    if x.dtype.itemsize == 1:
        if entries.dtype.itemsize > 1 or x.size == 0:
            return entries.take(x.view(np.uint8))
        # bytearray.translate is a look-up of bytes, twice as fast as NumPy's.
        return np.frombuffer(bytearray(x.tobytes()).translate(entries.tobytes()), entries.dtype).reshape(x.shape)
    slopes = entries[1:] - entries[:-1]
    segment = (x >> _SEGMENT_BITS) + np.int16(_SEGMENTS // 2)
    offset = (x & np.int16((1 << _SEGMENT_BITS) - 1)).astype(np.int32)
    delta = (slopes[segment] * offset + (1 << (_SEGMENT_BITS - 1))) >> _SEGMENT_BITS
    return (entries[segment] + delta).astype(np.int16)
