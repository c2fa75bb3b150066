"""Dynamic-range quantization: how operators with float activations and integer weights quantize activations on the fly.

The bits are those of the official x86 build, whose vector code rounds whole blocks of 8 elements in another way than
the elements left over at the end of a row.
Semantics: LiteRT tflite/kernels/internal/optimized/neon_tensor_utils.cc (NeonSymmetricQuantizeFloats,
NeonAsymmetricQuantizeFloats), which the x86 build compiles through NEON_2_SSE.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from litejit.kernels.fixedpoint import float_to_int32, round_half_away, wrap32
from litejit.kernels.reference import vector_math
from litejit.kernels.reference.disordered import extremes_with_zero, greatest_magnitude
from litejit.schema import ActivationFunctionType

__all__ = [
    "QuantizedRows",
    "as_rows",
    "counted_as_zeros",
    "quantize_rows",
    "quantize_rows_asymmetric",
    "quantize_rows_symmetric",
    "vector_activation",
]

_BLOCK = 8


@dataclass(frozen=True, eq=False)
class QuantizedRows:
    """Rows of floats as int8, real = scale * (values - zero_point), with parameters of its own for each row.

    values: [rows, size] int8; scale: [rows] float32; zero_point: [rows] int32.
    """

    values: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray

    def centred(self, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """[rows, size] values - zero_point, held in a floating dtype for exact products."""
        return self.values.astype(dtype) - self.zero_point[:, None].astype(dtype)


def as_rows(x: np.ndarray) -> np.ndarray:
    """[…, n] as [rows, n], empty ones too."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


def counted_as_zeros(x: np.ndarray, together: int = 1) -> np.ndarray:
    """x: [rows, size], with zeros for the groups of rows that the official kernels take for zeros and leave out.

    They compare magnitudes with 0 in whole vectors of four, where what is not a number passes for a zero
    (NeonIsZeroVector). together: rows that are looked at as one vector.
    """
    if not np.isnan(x).any():
        return x
    groups = x.reshape(len(x) // together, -1)
    body = groups.shape[1] // 4 * 4
    some = (np.abs(groups[:, :body]) > 0).any(axis=1) | (groups[:, body:] != 0).any(axis=1)
    return np.where(some[:, None], groups, np.float32(0)).reshape(x.shape)


def quantize_rows(x: np.ndarray, asymmetric: bool) -> QuantizedRows:
    """Quantizes each row of x: [rows, size] float32 (BatchQuantizeFloats)."""
    return quantize_rows_asymmetric(x) if asymmetric else quantize_rows_symmetric(x)


def quantize_rows_symmetric(x: np.ndarray) -> QuantizedRows:
    """To -127 .. 127 with zero point 0 and scale max|x| / 127; a row of zeros has scale 1."""
    with np.errstate(all="ignore"):
        largest = np.abs(x).max(axis=1, initial=0).astype(np.float32)
        for row in np.flatnonzero(np.isnan(largest)):
            largest[row] = greatest_magnitude(x[row])
        zero = largest == 0
        inverse = np.where(zero, np.float32(0), np.float32(127) / largest)
        scale = np.where(zero, np.float32(1), largest / np.float32(127))
    zero_point = np.zeros(len(x), np.int32)
    return QuantizedRows(_to_int8(x, inverse, zero, zero_point, -127), scale, zero_point)


def quantize_rows_asymmetric(x: np.ndarray) -> QuantizedRows:
    """To -128 .. 127 so that the row's range, widened to hold 0, is covered; a row of zeros has scale 1."""
    with np.errstate(all="ignore"):
        low = x.min(axis=1, initial=0).astype(np.float32)
        high = x.max(axis=1, initial=0).astype(np.float32)
        for row in np.flatnonzero(np.isnan(low)):
            low[row], high[row] = extremes_with_zero(x[row])
        step = (high - low).astype(np.float64) / 255
        # The zero point is derived from the end of the range where that loses less.
        from_low, from_high = -128 - low / step, 127 - high / step
        low_is_better = 128 + np.abs(low / step) < 127 + np.abs(high / step)
        zero_point = np.clip(round_half_away(np.where(low_is_better, from_low, from_high)), -128, 127)
        scale = step.astype(np.float32)
        inverse = (1 / scale.astype(np.float64)).astype(np.float32)
    flat = low == high
    scale = np.where(flat, np.float32(1), scale)
    inverse = np.where(flat | (scale == 0), np.float32(0), inverse)
    zero_point = np.where(flat, 0, np.nan_to_num(zero_point)).astype(np.int32)
    return QuantizedRows(_to_int8(x, inverse, flat, zero_point, -128), scale, zero_point)


def _to_int8(x: np.ndarray, inverse: np.ndarray, flat: np.ndarray, zero_point: np.ndarray, low: int) -> np.ndarray:
    """clip(round(x * inverse) + zero_point, low, 127), 0 in flat rows.

    Whole blocks round by adding 0.5 in float32, whose own rounding shows in the result; the tail rounds exactly.
    """
    body = x.shape[1] // _BLOCK * _BLOCK
    with np.errstate(all="ignore"):
        steps = x * inverse[:, None]
        strange = ~np.isfinite(steps).all(axis=1)
        tail = round_half_away(steps[:, body:])
        np.add(steps, np.where(steps < 0, np.float32(-0.5), np.float32(0.5)), out=steps)
        np.trunc(steps, out=steps)
        steps[:, body:] = tail
        steps += zero_point[:, None].astype(np.float32)
        values = np.fmin(np.fmax(steps, low), 127).astype(np.int8)
        if strange.any():
            values[strange] = _converted(x[strange] * inverse[strange, None], zero_point[strange], body, low)
            values[flat] = 0
    return values


def _converted(steps: np.ndarray, zero_point: np.ndarray, body: int, low: int) -> np.ndarray:
    """The same of rows with steps that are infinite or not a number.

    Blocks saturate at int32, what is not a number being the smallest, then wrap as they add. Scalar conversions of the
    tail give the smallest int32 in the symmetric kernel (low is -127); they saturate in the asymmetric one, where what
    is not a number gives 0.
    """
    least, most = -(1 << 31), (1 << 31) - 1
    rounded = np.trunc(steps + np.where(steps < 0, np.float32(-0.5), np.float32(0.5))).astype(np.float64)
    saturated = np.nan_to_num(rounded, nan=least, posinf=most, neginf=least).clip(least, most)
    result = wrap32(saturated + zero_point[:, None])
    tail = round_half_away(steps[:, body:])
    if low == -127:
        result[:, body:] = float_to_int32(tail)
    else:
        result[:, body:] = np.nan_to_num(tail + zero_point[:, None].astype(np.float32)).clip(least, most)
    return np.clip(result, low, 127)


def vector_activation(activation: ActivationFunctionType, x: np.ndarray) -> np.ndarray:
    """ApplyActivationToVector: the activations of hybrid and recurrent kernels, which are not all clamps.

    The lower end of a clamp is what becomes of numbers that are none.
    """
    functions = {
        ActivationFunctionType.RELU: lambda x: np.fmax(x, np.float32(0)),
        ActivationFunctionType.RELU_N1_TO_1: lambda x: np.fmax(np.minimum(x, np.float32(1)), np.float32(-1)),
        ActivationFunctionType.RELU6: lambda x: np.fmax(np.minimum(x, np.float32(6)), np.float32(0)),
        ActivationFunctionType.TANH: vector_math.tanh,
        ActivationFunctionType.SIGN_BIT: lambda x: np.signbit(x).astype(x.dtype),
    }
    return functions[activation](x) if activation in functions else x
