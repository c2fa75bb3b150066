"""The operations that steps of an explanation are made of, on Python numbers, and steps from a plan of them.

Written for one number at a time and apart from the kernels, so that an explanation that gives the kernel's result is
evidence for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_q15,
    multiply_by_quantized_multiplier_single,
    multiply_by_quantized_multiplier_smaller_than_one,
    multiply_by_quantized_multiplier_up,
)
from litejit.kernels.gemmlowp import WORD32
from litejit.kernels.newton import reciprocal

__all__ = ["OPERATIONS", "Plan", "rescaling"]

Plan = list[tuple[str, dict[str, Any]]]
"""Operations and their parameters, in order."""

_ROUNDINGS: dict[Any, str] = {
    multiply_by_quantized_multiplier: "double",
    multiply_by_quantized_multiplier_up: "up",
    multiply_by_quantized_multiplier_single: "single",
    multiply_by_quantized_multiplier_q15: "q15",
    multiply_by_quantized_multiplier_smaller_than_one: "below one",
}
"""The names of the ways to rescale, as in `Rescaling`; "below one" is double without the shift to the left."""


def rescaling(rescale: Any, multiplier: Multiplier) -> Plan:
    """The step of multiplying by a multiplier in one of these ways."""
    mantissa, exponent = int(multiplier.mantissa), int(multiplier.exponent)
    real = math.ldexp(mantissa, exponent - 31)
    parameters = {"rounding": _ROUNDINGS[rescale], "mantissa": mantissa, "exponent": exponent, "real": real}
    return [("rescale", parameters)]


def _wrap(x: int, bits: int, signed: bool = True) -> int:
    half = 1 << (bits - 1) if signed else 0
    return (x + half) % (1 << bits) - half


def _round_away(x: Any) -> float:
    whole = float(np.trunc(x))
    return whole + (np.sign(x) if abs(x - whole) >= 0.5 else 0)


def _high_half(x: int, mantissa: int) -> int:
    return min((x * mantissa + (1 << 30)) >> 31, (1 << 31) - 1)


def _divide_by_pot(x: int, exponent: int) -> int:
    half = (1 << exponent) >> 1
    return (x + half - (x < 0 and exponent > 0)) >> exponent


def _rescale(x: int, rounding: str, mantissa: int, exponent: int, real: float) -> int:
    if rounding == "float64":
        return int(_round_away(x * real))
    if rounding == "float32":
        return int(np.rint(np.float32(x) * np.float32(real)))
    if rounding == "q15":
        short, shift = 0x7FFF if mantissa >= 0x7FFF0000 else (mantissa + (1 << 15)) >> 16, 15 - exponent
        return (x * short + _wrap(1 << (shift - 1 & 63), 64)) >> (shift & 63)
    if rounding == "single":
        total = 31 - min(exponent, 30)
        return (x * ((1 << 31) - 1 if exponent > 30 else mantissa) + (1 << (total - 1))) >> total
    if rounding == "below one":
        high, right = _high_half(x, mantissa), -exponent
        # Processors keep five bits of the shift count; the rounding adds one to all but negative values then.
        return _divide_by_pot(high, right) if 0 <= right <= 31 else (high >> (right & 31)) + (high >= 0)
    high = (_wrap(x << (max(exponent, 0) & 31), 32) * mantissa + (1 << 30)) >> 31
    right = max(-exponent, 0)
    return _divide_by_pot(high, right) if rounding == "double" else (high + ((1 << right) >> 1)) >> right


def _share(total: int, exp: int, bits: int) -> int:
    """exp / total in fixed point, with so many bits after the point: softmax of 8 bits."""
    inverse, shift = reciprocal(np.array([total]))
    product = int(WORD32.multiply(np.array([exp]), inverse)[0])
    return _divide_by_pot(product, int(np.asarray(shift).ravel()[0]) + 12 - bits)


def _share_in_float32(total: float, exp: float, scale: float, rounding: str) -> int:
    steps = np.float32(exp) * (np.float32(1) / (np.float32(total) * np.float32(scale)))
    return int(_round_away(steps)) if rounding == "away" else int(np.trunc(steps + np.float32(0.5)))


def _to_int32(steps: Any) -> int:
    return int(steps) if abs(steps) < 1 << 31 else -(1 << 31)


def _quantize(x: float, scale: float, zero_point: int, precision: str = "float32") -> int:
    """By division, rounded half away from zero; what is no int32 becomes the smallest one."""
    real = np.dtype(precision).type
    with np.errstate(all="ignore"):
        return _wrap(_to_int32(_round_away(real(x) / real(scale))) + zero_point, 32)


def _quantize_by_inverse(x: float, inverse: float, zero_point: int, rounding: str) -> int:
    """By multiplication with 1 / scale, rounded half away from zero, or to even."""
    with np.errstate(all="ignore"):
        steps = np.float32(x) * np.float32(inverse)
    return _wrap(_to_int32(_round_away(steps) if rounding == "away" else np.rint(steps)) + zero_point, 32)


def _quantize_saturating(x: float, inverse: float, zero_point: int, most: int) -> int:
    """By multiplication with 1 / scale, rounded to even; what is no number becomes the largest one."""
    with np.errstate(all="ignore"):
        steps = np.fmin(np.float32(x) * np.float32(inverse), np.float32(most - zero_point))
    return int(max(np.rint(steps), -(1 << 31))) + zero_point


def _scale_in_float32(x: float, factor: float, offset: float) -> float:
    return float(np.float32(np.float32(x) * np.float32(factor)) + np.float32(offset))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add_bias": lambda x, bias: x + bias,
    "wrap": lambda x, bits, signed=True: _wrap(int(x), bits, signed),
    "negate": lambda x: -x,
    "shift_left": lambda x, bits: x << bits,
    "shift_right": lambda x, bits: x >> bits,
    "shift_right_rounded": lambda x, bits: (x + ((1 << bits) >> 1)) >> bits,
    "divide_by_power_of_two": _divide_by_pot,
    "high_half": _high_half,
    "high_half_of_16_bits": lambda x: min((x + (1 << 14)) >> 15, (1 << 15) - 1),
    "rescale": _rescale,
    "add_zero_point": lambda x, zero_point: x + zero_point,
    "clamp": lambda x, low, high: min(max(x, low), high) if x == x else x,
    "divide_and_round": lambda x, count: (abs(x) + count // 2) // count * (1 if x > 0 else -1),
    "divide_towards_zero": lambda x, count: abs(x) // max(count, 1) * (1 if x > 0 else -1),
    "divide": lambda x, count: x / count if count else math.nan,
    "multiply": lambda x, factor: x * factor,
    "scale_in_float32": _scale_in_float32,
    "round_away": lambda x: int(_round_away(x)),
    "round_to_even": lambda x: int(np.rint(x)),
    "look_up": lambda x, entry: entry,
    "share_of_sum": _share,
    "share_by_inverse": lambda total, exp, inverse, bits: (exp * inverse + ((1 << bits) >> 1)) >> bits,
    "share_in_float32": _share_in_float32,
    "float_share_of_sum": lambda total, exp: exp / total,
    "function": lambda x, name, result: result,
    "quantize": _quantize,
    "quantize_by_inverse": _quantize_by_inverse,
    "quantize_saturating": _quantize_saturating,
}
"""What a step may do: a function of the number so far and the step's parameters."""
