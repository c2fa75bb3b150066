"""Reciprocal and inverse square root of integers, by Newton's method in fixed point.

Source: LiteRT tflite/kernels/internal/common.h (GetReciprocal, GetInvSqrtQuantizedMultiplierExp).
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, wrap32
from litejit.kernels.gemmlowp import WORD32, bit_length

__all__ = ["bit_length", "inverse_sqrt", "reciprocal"]

_SQRT_HALF = 1518500250


def reciprocal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / x for positive int32 x, as raw / 2**31 * 2**-shift: (raw, shift), shift = floor(log2(x))."""
    x = np.asarray(x, np.int64)
    shift = bit_length(x) - 1
    return WORD32.one_over_one_plus_x((x << (31 - shift)) - (1 << 31)), shift


def inverse_sqrt(x: np.ndarray) -> Multiplier:
    """1 / sqrt(x) for non-negative int32 x, as a multiplier; 0 counts as 1."""
    product, shift_left = WORD32.multiply, WORD32.shift_left
    x = np.asarray(x, np.int64)
    scaled = np.where(x >= 1 << 29, x >> 2, np.maximum(x, 2))
    pairs = (31 - bit_length(scaled)) // 2 - 1
    half = scaled << 2 * pairs >> 1
    quarter = (half + 1) >> 1
    root = np.full_like(half, 1 << 28)
    for _ in range(5):
        cube = shift_left(product(product(root, root), root), 6)
        root = shift_left(product((1 << 28) + (1 << 27), root) - product(quarter, cube), 3)
    right = 11 + (x >= 1 << 29) - pairs
    mantissa = wrap32(product(root, _SQRT_HALF) << np.maximum(-right, 0))
    return Multiplier(np.where(x <= 1, WORD32.max, mantissa), np.where(x <= 1, 0, -np.maximum(right, 0)))
