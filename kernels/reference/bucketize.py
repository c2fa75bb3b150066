"""BUCKETIZE: which of several intervals a number lies in."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BucketizeOptions, BuiltinOperator, TensorType

__all__ = ["Bucketize"]


@builtin(BuiltinOperator.BUCKETIZE)
class Bucketize(Kernel):
    """How many boundaries are not above each element of input; integers are compared as float32.

    boundaries: the option's float32 numbers, none of them below the one before.
    input: FLOAT32, FLOAT64, INT32 or INT64 -> INT32 of the same shape
    Semantics: LiteRT tflite/kernels/bucketize.cc.
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT64, TensorType.INT32, TensorType.INT64)
    flavours = ALL_FLAVOURS
    options: BucketizeOptions

    def prepare(self, node: Node) -> None:
        """Checks the boundaries."""
        boundaries = self.options.boundaries
        self.boundaries = np.zeros(0, np.float32) if boundaries is None else np.asarray(boundaries, np.float32)
        node.require(
            not (np.diff(self.boundaries) < 0).any(), "boundaries are {}, expected rising order", self.boundaries
        )
        node.output(node.input("input").dims, type=TensorType.INT32)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        if input.dtype.kind == "i":
            input = input.astype(np.float32)
        if np.isnan(self.boundaries).any():
            return _bisected(self.boundaries, input)
        return np.searchsorted(self.boundaries, input, side="right").astype(np.int32)


def _bisected(boundaries: np.ndarray, input: np.ndarray) -> np.ndarray:
    """Where halving leads, as std::upper_bound does it: what is not a number is above nothing, in whatever place."""
    first = np.zeros(input.shape, np.int32)
    length = np.full(input.shape, boundaries.size, np.int32)
    while (length > 0).any():
        half = length >> 1
        above = input < boundaries[np.minimum(first + half, boundaries.size - 1)]
        on = (length > 0) & ~above
        length = np.where(above, half, length - half - 1) * (length > 0)
        first = np.where(on, first + half + 1, first)
    return first
