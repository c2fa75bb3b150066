"""The extremes of rows in which something is not a number, as the official x86 build finds them.

A comparison with such an element is false, so what comes out depends on the order in which elements are compared: that
of std::minmax_element, and of vectors of four whose minimum is the second operand unless the first one is smaller.
Sources: LiteRT tflite/kernels/internal/optimized/neon_tensor_utils.cc (NeonMinMax, NeonSymmetricQuantizeFloats).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["extremes_with_zero", "greatest_magnitude"]

_LANES = 4


def greatest_magnitude(row: np.ndarray) -> float:
    """Of the two extremes; what is not a number hides others, or is the result."""
    low, high = (abs(x) for x in _extremes(row.tolist()))
    return high if low < high else low


def extremes_with_zero(row: np.ndarray) -> tuple[float, float]:
    """The least and the greatest of a row and 0: whole vectors first, then the elements left over."""
    low, high = 0.0, 0.0
    body = len(row) // _LANES * _LANES
    if body:
        least = greatest = row[:_LANES]
        for x in row[_LANES:body].reshape(-1, _LANES):
            least, greatest = np.where(least < x, least, x), np.where(greatest > x, greatest, x)
        (a, b), (c, d) = least[:2].tolist(), least[2:].tolist()
        first, second = (a if a < c else c), (b if b < d else d)
        low = _smaller(low, second if second < first else first)
        (a, b), (c, d) = greatest[:2].tolist(), greatest[2:].tolist()
        first, second = (a if a > c else c), (b if b > d else d)
        high = _larger(high, second if second > first else first)
    if body < len(row):
        first, second = _extremes(row[body:].tolist())
        low, high = _smaller(low, first), _larger(high, second)
    return low, high


def _smaller(x: float, y: float) -> float:
    """std::min."""
    return y if y < x else x


def _larger(x: float, y: float) -> float:
    """std::max."""
    return y if x < y else x


def _extremes(row: Sequence[float]) -> tuple[float, float]:
    """std::minmax_element, which compares elements in pairs, then the smaller and the larger with those so far."""
    low, high = row[0], row[0]
    if len(row) > 1:
        low, high = (row[1], row[0]) if row[1] < row[0] else (row[0], row[1])
    for at in range(2, len(row) - 1, 2):
        small, large = (row[at + 1], row[at]) if row[at + 1] < row[at] else (row[at], row[at + 1])
        low, high = (small if small < low else low), (high if large < high else large)
    if len(row) > 2 and len(row) % 2:
        last = row[-1]
        if last < low:
            low = last
        elif not last < high:
            high = last
    return low, high
