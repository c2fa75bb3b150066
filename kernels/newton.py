"""Reciprocal and inverse square root of integers, by Newton's method in fixed point.

A fixed-point number with i integer bits is an int32 raw value over 2**(31 - i); arrays are int64 that hold such values.
The product of numbers with i and j integer bits has i + j of them. Sources: gemmlowp fixedpoint/fixedpoint.h
(one_over_one_plus_x_for_x_in_0_1), LiteRT tflite/kernels/internal/common.h (GetReciprocal,
GetInvSqrtQuantizedMultiplierExp).
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, saturating_rounding_doubling_high_mul, wrap32

__all__ = ["bit_length", "inverse_sqrt", "one_over_one_plus", "reciprocal"]

_ONE = (1 << 31) - 1
_SQRT_HALF = 1518500250


def bit_length(x: np.ndarray) -> np.ndarray:
    """How many bits a non-negative integer below 2**53 takes, 0 for 0."""
    return np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def one_over_one_plus(x: np.ndarray) -> np.ndarray:
    """1 / (1 + x) for x in [0, 1); both have no integer bits."""
    product = saturating_rounding_doubling_high_mul
    half_denominator = (np.asarray(x, np.int64) + _ONE + 1) // 2
    # 48/17 - 32/17 * d is the linear guess with the smallest error on [1/2, 1]; both constants have 2 integer bits.
    guess = 1515870810 + product(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - product(half_denominator, guess)
        guess = guess + _shift_left_saturating(product(guess, error), 2)
    return _shift_left_saturating(guess, 1)


def reciprocal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / x for positive int32 x, as raw / 2**31 * 2**-shift: (raw, shift), shift = floor(log2(x))."""
    x = np.asarray(x, np.int64)
    shift = bit_length(x) - 1
    return one_over_one_plus((x << (31 - shift)) - (1 << 31)), shift


def inverse_sqrt(x: np.ndarray) -> Multiplier:
    """1 / sqrt(x) for non-negative int32 x, as a multiplier; 0 counts as 1."""
    product = saturating_rounding_doubling_high_mul
    x = np.asarray(x, np.int64)
    scaled = np.where(x >= 1 << 29, x >> 2, np.maximum(x, 2))
    pairs = (31 - bit_length(scaled)) // 2 - 1
    half = scaled << 2 * pairs >> 1
    quarter = (half + 1) >> 1
    root = np.full_like(half, 1 << 28)
    for _ in range(5):
        cube = _shift_left_saturating(product(product(root, root), root), 6)
        root = _shift_left_saturating(product((1 << 28) + (1 << 27), root) - product(quarter, cube), 3)
    right = 11 + (x >= 1 << 29) - pairs
    mantissa = wrap32(product(root, _SQRT_HALF) << np.maximum(-right, 0))
    return Multiplier(np.where(x <= 1, _ONE, mantissa), np.where(x <= 1, 0, -np.maximum(right, 0)))


def _shift_left_saturating(x: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(x << bits, -(1 << 31), (1 << 31) - 1)
