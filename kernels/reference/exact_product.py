"""Exact products of small integers on floating-point matrix multiplication, which is what NumPy has fast code for.

A sum of integer products is exact in a floating-point type if no partial sum, in whatever order, can leave the range of
integers that type holds without gaps. That is proved here from the weights and the range of the inputs, never assumed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = ["FloatMatrix", "IntegerMatrix", "exact_dtype", "largest_sum"]

_MOST_PARTS = 4


def largest_sum(weights: np.ndarray, low: int, high: int) -> int:
    """How large a partial sum of weights times inputs can get, for inputs in low .. high, where low <= 0 <= high.

    weights: [..., depth, columns] integers, summed over the depth.
    """
    positive = np.maximum(weights, 0).sum(axis=-2, dtype=np.int64)
    negative = -np.minimum(weights, 0).sum(axis=-2, dtype=np.int64)
    return int(np.maximum(positive * high - negative * low, negative * high - positive * low).max(initial=0))


def exact_dtype(bound: int) -> type[np.floating] | type[np.int64]:
    """The fastest type in which sums up to this bound are exact."""
    if bound < 1 << 24:
        return np.float32
    return np.float64 if bound < 1 << 53 else np.int64


class FloatMatrix:
    """A matrix of float weights: [..., depth, columns]; rank: how many dimensions that is."""

    dtype = np.float32

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = np.ascontiguousarray(weights)
        self.rank = weights.ndim

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[..., rows, depth] -> [..., rows, columns]."""
        with np.errstate(all="ignore"):
            return x @ self.weights


class IntegerMatrix:
    """A matrix of integer weights, packed once for exact products with integers in low .. high.

    Where the whole depth is too long for exact float32 sums, a few shorter parts, added up in float64, are still faster
    than float64 throughout.

    dtype: what the inputs have to be converted to. bound: of the results' magnitude. rank: of the weights.
    """

    def __init__(self, weights: np.ndarray, low: int, high: int) -> None:
        depth, self.rank = weights.shape[-2], weights.ndim
        self.bound = largest_sum(weights, low, high)
        self.dtype = exact_dtype(self.bound)
        self.parts = [slice(0, depth)]
        for count in range(1, _MOST_PARTS + 1):
            ends = [depth * part // count for part in range(count + 1)]
            parts = [slice(*pair) for pair in pairwise(ends)]
            if all(largest_sum(weights[..., part, :], low, high) < 1 << 24 for part in parts):
                self.dtype, self.parts = np.float32, parts
                break
        self.weights = [np.ascontiguousarray(weights[..., part, :], self.dtype) for part in self.parts]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[..., rows, depth] -> [..., rows, columns], integers in a floating dtype."""
        products = (x[..., part] @ weights for part, weights in zip(self.parts, self.weights, strict=True))
        total = next(products)
        if len(self.parts) > 1:
            total = total.astype(np.float64)
        for product in products:
            total += product
        return total
