"""ARG_MAX and ARG_MIN: where along an axis the extremum lies; the first one of several equal elements.

Semantics: LiteRT tflite/kernels/arg_min_max.cc, internal/reference/arg_min_max.h.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.moving import INDEX_TYPES
from litejit.kernels.registry import builtin
from litejit.schema import ArgMaxOptions, ArgMinOptions, BuiltinOperator, TensorType

__all__ = ["ArgMax", "ArgMin"]


class ArgExtremum(Kernel):
    """Base: input of rank >= 1, axis: one int32 or int64 -> the other dimensions, int32 or int64 as output_type says.

    A number that is not smaller than a not-a-number does not count as larger either: comparison decides, in order.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.UINT8,
        TensorType.INT8,
        TensorType.INT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.BOOL,
    )
    flavours = ALL_FLAVOURS
    largest: ClassVar[bool]
    options: ArgMaxOptions | ArgMinOptions

    def prepare(self, node: Node) -> None:
        """Resolves the axis."""
        x = node.input("input")
        axis = node.input("axis", types=INDEX_TYPES)
        node.require(axis.size == 1, "operand 'axis' has shape {}, expected one element", axis.dims)
        self.axis = normalize_axis(int(node.value("axis").reshape(-1)[0]), x.rank)
        node.require(x.dims[self.axis] > 0, "the axis {} has no elements", self.axis)
        type = self.options.output_type
        node.require(type in INDEX_TYPES, "output_type is {}, expected INT32 or INT64", type.name)
        self.dtype = node.output(x.dims[: self.axis] + x.dims[self.axis + 1 :], type=type).dtype

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Finds the first extremum; not a number wins only where it comes first."""
        values = input.astype(np.float32) if input.dtype.itemsize == 2 and input.dtype.kind not in "iu" else input
        if values.dtype.kind == "f":
            worst = values.dtype.type(-np.inf if self.largest else np.inf)
            first_is_nan = np.isnan(values.take(0, self.axis))
            values = np.where(np.isnan(values), worst, values)
            found = values.argmax(self.axis) if self.largest else values.argmin(self.axis)
            return np.where(first_is_nan, 0, found).astype(self.dtype)
        return (values.argmax(self.axis) if self.largest else values.argmin(self.axis)).astype(self.dtype)


@builtin(BuiltinOperator.ARG_MAX, versions=(1, 3))
class ArgMax(ArgExtremum):
    """Index of the largest element."""

    options: ArgMaxOptions
    largest = True


@builtin(BuiltinOperator.ARG_MIN, versions=(1, 3))
class ArgMin(ArgExtremum):
    """Index of the smallest element."""

    options: ArgMinOptions
    largest = False
