"""CUMSUM: running sums along an axis."""

from __future__ import annotations

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, CumsumOptions, TensorType

__all__ = ["Cumsum"]


@builtin(BuiltinOperator.CUMSUM)
class Cumsum(Kernel):
    """output[i] = input[0] + ... + input[i] along an axis; INT32 and INT64 wrap around.

    exclusive: output[i] leaves out input[i], and the first element is 0. reverse: sums run from the end.
    input: rank at least 1, FLOAT32, INT32 or INT64; axis: one INT32, counted from either end
    Semantics: LiteRT tflite/kernels/cumsum.cc, internal/reference/cumsum.h.
    """

    types = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)
    flavours = ALL_FLAVOURS
    options: CumsumOptions

    def prepare(self, node: Node) -> None:
        """Reads the axis."""
        input = node.input("input")
        axis = node.input("axis", types=TensorType.INT32)
        node.require(input.rank >= 1, "input ({}) is a scalar, expected at least 1 dimension", input)
        node.require(axis.size == 1, "axis has shape {}, expected one element", axis.dims)
        self.axis = normalize_axis(node.value("axis").item(), input.rank)
        node.output(input.dims, types=input.type)

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """The output."""
        along = np.moveaxis(input, self.axis, 0)
        if self.options.reverse:
            along = along[::-1]
        with np.errstate(all="ignore"):
            sums = np.cumsum(along, axis=0, dtype=input.dtype)
            sums += 0  # of the sign of 0 in front of the first element
        if self.options.exclusive:
            sums[1:] = sums[:-1].copy()
            sums[:1] = 0
        if self.options.reverse:
            sums = sums[::-1]
        return np.moveaxis(sums, 0, self.axis)
