"""ARG_MAX and ARG_MIN: where along an axis the extremum lies; the first one of several equal elements.

Semantics: LiteRT tflite/kernels/arg_min_max.cc, internal/reference/arg_min_max.h, internal/optimized/optimized_ops.h
(ArgMinMax, which the reference kernels call as well).
"""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.moving import INDEX_TYPES
from litejit.kernels.registry import builtin
from litejit.schema import ArgMaxOptions, ArgMinOptions, BuiltinOperator, TensorType

__all__ = ["ArgMax", "ArgMin"]

_LANES = 4


class ArgExtremum(Kernel):
    """Base: input of rank >= 1, axis: one int32 or int64 -> the other dimensions, int32 or int64 as output_type says.

    What is not a number is passed over; where there is nothing else, the index is 0. Contiguous rows of FLOAT32
    are the exception, because the official kernel searches them in `_LANES` interleaved parts: see `_by_lanes`.
    Derived: axis (counted from the start), lanes (whether rows are searched in parts).
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
        contiguous = x.dims[self.axis] >= _LANES and prod(x.dims[self.axis + 1 :]) == 1
        self.lanes = x.type == TensorType.FLOAT32 and contiguous and self.flavour != "tflm"

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Finds the first extremum."""
        if input.dtype.kind in "iub":
            return (input.argmax(self.axis) if self.largest else input.argmin(self.axis)).astype(self.dtype)
        values = input.astype(np.float32) if input.dtype.itemsize == 2 else input
        values = values if self.largest else -values
        found = _first_largest(values, self.axis)
        if self.lanes:
            rows, flat = values.reshape(-1, values.shape[self.axis]), found.reshape(-1)
            odd = np.isnan(rows).any(1)
            flat[odd] = _by_lanes(rows[odd])
        return found.astype(self.dtype)


def _first_largest(values: np.ndarray, axis: int) -> np.ndarray:
    """Index of the first largest number along an axis, 0 where there are no numbers."""
    odd = np.isnan(values)
    found = np.where(odd, values.dtype.type(-np.inf), values).argmax(axis)
    chosen = np.expand_dims(found, axis)
    only_infinite = np.take_along_axis(odd, chosen, axis).squeeze(axis)
    return np.where(only_infinite, (~odd).argmax(axis), found)


def _by_lanes(rows: np.ndarray) -> np.ndarray:
    """Index of the largest of [n, at least 4], as the official vector code finds it on x86-64.

    Element i belongs to lane i mod 4, the last n mod 4 to none. The largest of each are compared in pairs; one that
    is not a number stays if it is the first of its pair, and is then nowhere to be found. What follows the lanes is
    compared with that.
    """
    count, end = len(rows), rows.shape[1] // _LANES * _LANES
    lanes = rows[:, :end].reshape(count, end // _LANES, _LANES)
    steps = _first_largest(lanes, 1)
    best = np.take_along_axis(lanes, steps[:, None], 1)[:, 0]
    pairs = np.where(best[:, ::2] < best[:, 1::2], best[:, 1::2], best[:, ::2])
    largest = np.where(pairs[:, 0] < pairs[:, 1], pairs[:, 1], pairs[:, 0])[:, None]
    places = np.where(best == largest, steps * _LANES + np.arange(_LANES), rows.shape[1]).min(1)
    after = _first_largest(np.concatenate([largest, rows[:, end:]], 1), 1)
    return np.where(after > 0, end - 1 + after, np.where(np.isnan(largest[:, 0]), 0, places))


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
