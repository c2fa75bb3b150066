"""Fixed-point arithmetic: how an int32 accumulator becomes an 8-bit or 16-bit result, and every way to round it.

The functions are vectorised specifications: integers in, integers out, no floats on the way unless the name says so.
A real multiplier is held as mantissa * 2**(exponent - 31) with a 31-bit mantissa.
Sources: gemmlowp fixedpoint/fixedpoint.h, LiteRT tflite/kernels/internal/{quantization_util.cc,common.h,cppmath.h}.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.node import TensorSpec
from litejit.schema import ActivationFunctionType, TensorType
from litejit.schema.errors import InvalidModelError
from litejit.schema.types import numpy_dtype

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "CHUNK",
    "Multiplier",
    "activation_range",
    "float_activation",
    "float_to_int32",
    "integer_range",
    "multiply_by_quantized_multiplier",
    "multiply_by_quantized_multiplier_q15",
    "multiply_by_quantized_multiplier_single",
    "multiply_by_quantized_multiplier_smaller_than_one",
    "multiply_by_quantized_multiplier_up",
    "requantize_blocks",
    "require_finite",
    "round_half_away",
    "rounding_divide_by_pot",
    "saturating_rounding_doubling_high_mul",
    "wrap32",
]

CHUNK = 1 << 15
"""Elements that a chain of NumPy passes handles at a time, so that its temporaries stay in the cache."""


@dataclass(frozen=True, eq=False)
class Multiplier:
    """A real factor as the integer kernels hold it: mantissa * 2**(exponent - 31), scalars or one for each channel.

    mantissa: int64 in [2**30, 2**31), or 0. exponent: int64; positive shifts left, negative right.
    """

    mantissa: np.ndarray
    exponent: np.ndarray

    @classmethod
    def from_real(cls, real: ArrayLike) -> Multiplier:
        """QuantizeMultiplier: the 31-bit mantissa nearest to a positive real (half away), flushed to 0 below 2**-32.

        Infinity, the quotient of scales too far apart for float32, is 0, which x86 makes of it; NaN is refused.
        """
        real = np.asarray(real, np.float64)
        fraction, exponent = np.frexp(require_finite(np.where(np.isinf(real), 0, real)))
        mantissa = round_half_away(fraction * (1 << 31)).astype(np.int64)
        overflow = mantissa == 1 << 31
        mantissa = np.where(overflow, mantissa >> 1, mantissa)
        exponent = exponent.astype(np.int64) + overflow
        tiny = (exponent < -31) | (mantissa == 0)
        return cls(np.where(tiny, 0, mantissa), np.where(tiny, 0, exponent))

    @cached_property
    def left_shift(self) -> np.ndarray:
        """How far the accumulator is shifted left before the multiplication; like x86's shift, modulo 32."""
        return np.maximum(self.exponent, 0) & 31

    @cached_property
    def right_shift(self) -> np.ndarray:
        """How far the product's high half is shifted right after it."""
        return np.maximum(-self.exponent, 0)

    @cached_property
    def shifts_left(self) -> bool:
        """Whether any left shift is not 0."""
        return bool(self.left_shift.any())

    @cached_property
    def double_rounding(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the two roundings of a product add to it, what they add to it if negative, and its shift right."""
        right = self.right_shift
        half = (np.int64(1) << right) >> 1
        return (half << 31) + (1 << 30), np.where(right > 0, -(np.int64(1) << 31), 0), right + 31


def require_finite(factor: ArrayLike) -> np.ndarray:
    """A factor of rescaling as float64; InvalidModelError when its scales make it infinite or NaN."""
    factor = np.asarray(factor, np.float64)
    if not np.isfinite(factor).all():
        raise InvalidModelError("quantization scales, or options, make a factor that is not finite")
    return factor


def round_half_away(x: Any) -> Any:
    """std::round: to the nearest integer, ties away from zero, in the dtype of x."""
    truncated = np.trunc(x)
    return truncated + np.copysign((np.abs(x - truncated) >= 0.5).astype(x.dtype), x)


def wrap32(x: ArrayLike) -> np.ndarray:
    """The value modulo 2**32 as a signed 32-bit integer, kept in int64."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def float_to_int32(x: ArrayLike) -> np.ndarray:
    """What x86 makes of whole numbers in floats: -2**31 of NaN and of all that int32 does not hold; as int64."""
    x = np.asarray(x)
    return np.where(np.abs(x) < 1 << 31, x, -(1 << 31)).astype(np.int64)


def saturating_rounding_doubling_high_mul(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """SaturatingRoundingDoublingHighMul: round(a * b / 2**31), ties up; saturates only for a = b = -2**31."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + (1 << 30)) >> 31, (1 << 31) - 1)


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> np.ndarray:
    """RoundingDivideByPOT: x / 2**exponent to the nearest integer, ties away from zero."""
    x = np.asarray(x, np.int64)
    if isinstance(exponent, int):
        return x if exponent == 0 else (x + ((1 << exponent) >> 1) + (x >> 63)) >> exponent
    exponent = np.asarray(exponent, np.int64)
    half = (np.int64(1) << exponent) >> 1
    return (x + half + ((x >> 63) & -(exponent > 0).astype(np.int64))) >> exponent


def multiply_by_quantized_multiplier(x: ArrayLike, multiplier: Multiplier) -> np.ndarray:
    """MultiplyByQuantizedMultiplier with double rounding: RDBPOT(SRDHM(x << left, mantissa), right), as int64.

    x: int32 values of any integer dtype whose last axes match the multiplier's. The two roundings are one shift here:
    the first adds 2**30 below bit 31, the second half a unit of the result, less one for negative values.
    """
    nudge, ties_away, shift = multiplier.double_rounding
    x = _shift_left(x, multiplier)
    result = x * multiplier.mantissa
    result += nudge
    result += (x >> 63) & ties_away
    result >>= shift
    return result


def multiply_by_quantized_multiplier_up(x: ArrayLike, multiplier: Multiplier) -> np.ndarray:
    """As `multiply_by_quantized_multiplier`, but the second rounding takes ties up instead of away from zero."""
    right = multiplier.right_shift
    half = (np.int64(1) << right) >> 1
    return (_shift_left(x, multiplier) * multiplier.mantissa + ((half << 31) + (1 << 30))) >> (right + 31)


def multiply_by_quantized_multiplier_single(x: ArrayLike, multiplier: Multiplier) -> np.ndarray:
    """MultiplyByQuantizedMultiplier of TFLITE_SINGLE_ROUNDING: x * mantissa / 2**(31 - exponent), ties up."""
    total = 31 - np.minimum(multiplier.exponent, 30)
    mantissa = np.where(multiplier.exponent > 30, (1 << 31) - 1, multiplier.mantissa)
    return (np.asarray(x, np.int64) * mantissa + (np.int64(1) << (total - 1))) >> total


def multiply_by_quantized_multiplier_q15(x: ArrayLike, multiplier: Multiplier) -> np.ndarray:
    """MultiplyByQuantizedMultiplier for int64 accumulators: a 15-bit mantissa, one rounding, ties up.

    Exponents above 14 make shift counts of which processors keep the low six bits.
    """
    mantissa = np.where(multiplier.mantissa >= 0x7FFF0000, 0x7FFF, (multiplier.mantissa + (1 << 15)) >> 16)
    shift = 15 - multiplier.exponent
    return (np.asarray(x, np.int64) * mantissa + (np.int64(1) << (shift - 1 & 63))) >> (shift & 63)


def multiply_by_quantized_multiplier_smaller_than_one(x: np.ndarray, multiplier: Multiplier) -> np.ndarray:
    """MultiplyByQuantizedMultiplierSmallerThanOneExp: RDBPOT(SRDHM(x, mantissa), -exponent), exponents of any sign.

    Right shifts outside 0..31 are what the official kernels make of them on every common processor: only the low five
    bits of the shift count, and the rounding adds one to all but negative values.
    """
    high_half = saturating_rounding_doubling_high_mul(x, multiplier.mantissa)
    right = -multiplier.exponent
    defined = (right >= 0) & (right <= 31)
    result = rounding_divide_by_pot(high_half, right & 31)
    return result if defined.all() else np.where(defined, result, (high_half >> (right & 31)) + (high_half >= 0))


def _shift_left(x: ArrayLike, multiplier: Multiplier) -> np.ndarray:
    x = np.asarray(x, np.int64)
    return wrap32(x << multiplier.left_shift) if multiplier.shifts_left else x


def requantize_blocks(
    accumulator: np.ndarray,
    rescale: Callable[[np.ndarray], np.ndarray],
    zero_point: int,
    low: int,
    high: int,
    dtype: np.dtype,
) -> np.ndarray:
    """clip(rescale(accumulator) + zero_point, low, high) as dtype, in blocks of rows small enough for the cache.

    accumulator: [..., channels]; rescale works on [rows, channels].
    """
    rows = accumulator.reshape(prod(accumulator.shape[:-1]), accumulator.shape[-1])
    result = np.empty(rows.shape, dtype)
    step = max(1, CHUNK // max(1, rows.shape[1]))
    for start in range(0, rows.shape[0], step):
        block = rescale(rows[start : start + step])
        block += zero_point
        np.clip(block, low, high, out=block)
        result[start : start + step] = block
    return result.reshape(accumulator.shape)


def integer_range(type: TensorType) -> tuple[int, int]:
    """Smallest and largest value of an integer tensor type (INT4 is -8 .. 7, though stored in 8 bits)."""
    narrow = {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15), TensorType.INT2: (-2, 1)}
    if type in narrow:
        return narrow[type]
    info = np.iinfo(numpy_dtype(type))
    return int(info.min), int(info.max)


_CLAMPS: dict[ActivationFunctionType, tuple[float | None, float | None]] = {
    ActivationFunctionType.NONE: (None, None),
    ActivationFunctionType.RELU: (0.0, None),
    ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    ActivationFunctionType.RELU6: (0.0, 6.0),
}


def activation_range(activation: ActivationFunctionType, output: TensorSpec) -> tuple[int, int]:
    """CalculateActivationRangeQuantized: the clamp of a fused activation, in the output's quantized units.

    TANH and SIGN_BIT are not clamps; the official integer kernels leave them out, and so does this.
    """
    low, high = integer_range(output.type)
    lower, upper = _CLAMPS.get(activation, (None, None))
    if lower is not None:
        low = max(low, _quantize_bound(lower, output))
    if upper is not None:
        high = min(high, _quantize_bound(upper, output))
    return low, high


def _quantize_bound(real: float, output: TensorSpec) -> int:
    steps = float(round_half_away(np.float32(real) / output.scale))
    if abs(steps) + abs(output.zero_point) >= 1 << 31:
        raise InvalidModelError(f"{output}: activation bound {real} does not fit its scale {output.scale}")
    return output.zero_point + int(steps)


def float_activation(activation: ActivationFunctionType, x: np.ndarray) -> np.ndarray:
    """Applies a fused activation to floats (or plain integers): the official CalculateActivationRange clamp.

    Without a bound on one side, floats are clamped to the largest finite number there, so infinities do not get out.
    NaN stays NaN. Bounds of plain integers wrap around: RELU_N1_TO_1 of an unsigned type is always 1.
    """
    lower, upper = _CLAMPS.get(activation, (None, None))
    if x.dtype.kind == "f":
        finite = np.finfo(x.dtype)
        return np.clip(x, finite.min if lower is None else lower, finite.max if upper is None else upper)
    if lower is not None:
        x = np.maximum(x, np.int64(lower).astype(x.dtype))
    if upper is not None:
        x = np.minimum(x, np.int64(upper).astype(x.dtype))
    return x
