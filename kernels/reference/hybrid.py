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

from litejit.kernels.fixedpoint import round_half_away, wrap32
from litejit.kernels.reference import vector_math
from litejit.schema import ActivationFunctionType

__all__ = [
    "QuantizedRows",
    "as_rows",
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


def quantize_rows(x: np.ndarray, asymmetric: bool) -> QuantizedRows:
    """Quantizes each row of x: [rows, size] float32 (BatchQuantizeFloats)."""
    return quantize_rows_asymmetric(x) if asymmetric else quantize_rows_symmetric(x)


def quantize_rows_symmetric(x: np.ndarray) -> QuantizedRows:
    """To -127 .. 127 with zero point 0 and scale max|x| / 127; a row of zeros has scale 1."""
    with np.errstate(all="ignore"):
        largest = np.abs(x).max(axis=1, initial=0).astype(np.float32)
        zero = largest == 0
        inverse = np.where(zero, np.float32(0), np.float32(127) / largest)
        scale = np.where(zero, np.float32(1), largest / np.float32(127))
    zero_point = np.zeros(len(x), np.int32)
    return QuantizedRows(_to_int8(x, inverse, zero_point, -127), scale, zero_point)


def quantize_rows_asymmetric(x: np.ndarray) -> QuantizedRows:
    """To -128 .. 127 so that the row's range, widened to hold 0, is covered; a row of zeros has scale 1."""
    with np.errstate(all="ignore"):
        low = x.min(axis=1, initial=0).astype(np.float32)
        high = x.max(axis=1, initial=0).astype(np.float32)
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
    zero_point = np.where(flat, 0, np.nan_to_num(zero_point, nan=-128)).astype(np.int32)
    return QuantizedRows(_to_int8(x, inverse, zero_point, -128), scale, zero_point)


def _to_int8(x: np.ndarray, inverse: np.ndarray, zero_point: np.ndarray, low: int) -> np.ndarray:
    """clip(round(x * inverse) + zero_point, low, 127), not a number becomes low.

    Whole blocks round by adding 0.5 in float32, whose own rounding shows in the result; the tail rounds exactly.
    """
    body = x.shape[1] // _BLOCK * _BLOCK
    with np.errstate(all="ignore"):
        steps = x * inverse[:, None]
        tail = round_half_away(steps[:, body:])
        np.add(steps, np.where(steps < 0, np.float32(-0.5), np.float32(0.5)), out=steps)
        np.trunc(steps, out=steps)
    steps[:, body:] = tail
    steps += zero_point[:, None].astype(np.float32)
    values = np.fmin(np.fmax(steps, low), 127).astype(np.int8)
    tiny = np.isinf(inverse)
    if tiny.any():
        values[tiny] = np.clip(_overflowed(x[tiny], zero_point[tiny], body, low), low, 127)
    return values


def _overflowed(x: np.ndarray, zero_point: np.ndarray, body: int, low: int) -> np.ndarray:
    """What becomes of rows so small that 1 / scale is infinite: their blocks saturate at int32, then wrap as they add.

    Scalar conversions of the tail give the smallest int32 in the symmetric kernel (low is -127), and saturate in the
    asymmetric one, where 0 / 0 gives 0.
    """
    least, most = -(1 << 31), (1 << 31) - 1
    result = wrap32(np.where(x > 0, most, least) + zero_point[:, None])
    result[:, body:] = least if low == -127 else np.sign(x[:, body:]) * most
    return result


def vector_activation(activation: ActivationFunctionType, x: np.ndarray) -> np.ndarray:
    """ApplyActivationToVector: the activations of hybrid and recurrent kernels, which are not all clamps."""
    functions = {
        ActivationFunctionType.RELU: lambda x: np.maximum(x, np.float32(0)),
        ActivationFunctionType.RELU_N1_TO_1: lambda x: np.clip(x, np.float32(-1), np.float32(1)),
        ActivationFunctionType.RELU6: lambda x: np.clip(x, np.float32(0), np.float32(6)),
        ActivationFunctionType.TANH: vector_math.tanh,
        ActivationFunctionType.SIGN_BIT: lambda x: np.signbit(x).astype(x.dtype),
    }
    return functions[activation](x) if activation in functions else x
