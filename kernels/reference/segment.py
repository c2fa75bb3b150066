"""SEGMENT_SUM and UNSORTED_SEGMENT_SUM, _PROD, _MIN, _MAX: reductions over the rows that share a segment id."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType
from litejit.schema.errors import InvalidInputError

__all__ = ["SegmentSum", "UnsortedSegmentMax", "UnsortedSegmentMin", "UnsortedSegmentProd", "UnsortedSegmentSum"]


@builtin(BuiltinOperator.SEGMENT_SUM)
class SegmentSum(Kernel):
    """output[s] = sum of data[i] over all i with segment_ids[i] = s.

    data: [rows, ...] FLOAT32 or INT32 (which wraps around); segment_ids: [rows] INT32, starting at 0 and rising by
    at most 1 -> [segment_ids[-1] + 1, ...]
    Semantics: LiteRT tflite/kernels/segment_sum.cc, internal/reference/reference_ops.h (SegmentSum).
    """

    types = (TensorType.FLOAT32, TensorType.INT32)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Reads segment_ids, which the output's shape depends on."""
        data = node.input("data")
        node.require(data.rank >= 1, "data ({}) is a scalar, expected rows", data)
        node.input("segment_ids", types=TensorType.INT32, shape=data.dims[:1])
        segment_ids = node.value("segment_ids").astype(np.int64)
        steps = np.diff(segment_ids)
        if (segment_ids[:1] != 0).any() or ((steps != 0) & (steps != 1)).any():
            raise InvalidInputError(f"segment_ids must start at 0 and rise by 0 or 1, they are {segment_ids}")
        self.segments = int(segment_ids[-1]) + 1 if segment_ids.size else 0
        node.output((self.segments, *data.dims[1:]), types=data.type)

    def __call__(self, data: np.ndarray, segment_ids: np.ndarray) -> np.ndarray:
        """The output."""
        total = np.zeros((self.segments, *data.shape[1:]), data.dtype)
        with np.errstate(all="ignore"):
            np.add.at(total, segment_ids, data)
        return total


class _UnsortedSegment(Kernel):
    """Base: output[s] = ufunc over data[i] for all i with segment_ids[i] = s, starting from `initial`.

    data: [*ids, *rest] FLOAT32 or INT32; segment_ids: [*ids] INT32, negative ones are left out; num_segments: one INT32
    -> [num_segments, *rest]
    Raises InvalidInputError for ids that are not below num_segments.
    Semantics: LiteRT tflite/kernels/unsorted_segment.cc, internal/reference/reference_ops.h (UnsortedSegmentRef).
    """

    types = (TensorType.FLOAT32, TensorType.INT32)
    flavours = ALL_FLAVOURS
    ufunc: ClassVar[np.ufunc]

    def initial(self, dtype: np.dtype) -> float | int:
        """The value of a segment without rows."""
        raise TypeError(f"{type(self).__name__} must define initial")

    def prepare(self, node: Node) -> None:
        """Reads num_segments, which the output's shape depends on."""
        data = node.input("data")
        ids = node.input("segment_ids", types=TensorType.INT32)
        node.require(
            data.dims[: ids.rank] == ids.dims,
            "segment_ids ({}) has shape {}, expected the first dimensions of data, {}",
            ids,
            ids.dims,
            data.dims,
        )
        count = node.input("num_segments", types=TensorType.INT32)
        node.require(count.dims in ((), (1,)), "num_segments has shape {}, expected () or (1,)", count.dims)
        self.segments = int(node.value("num_segments").item())
        node.require(self.segments >= 0, "num_segments is {}, expected at least 0", self.segments)
        node.output((self.segments, *data.dims[ids.rank :]), types=data.type)

    def __call__(self, data: np.ndarray, segment_ids: np.ndarray, num_segments: np.ndarray) -> np.ndarray:
        """The output."""
        if segment_ids.size and segment_ids.max() >= self.segments:
            raise InvalidInputError(f"segment id {segment_ids.max()} is not below num_segments, {self.segments}")
        result = np.full((self.segments, *data.shape[segment_ids.ndim :]), self.initial(data.dtype), data.dtype)
        used = segment_ids >= 0
        with np.errstate(all="ignore"):
            self.ufunc.at(result, segment_ids[used], data[used])
        return result


@builtin(BuiltinOperator.UNSORTED_SEGMENT_SUM)
class UnsortedSegmentSum(_UnsortedSegment):
    """Sums; INT32 wraps around, an empty segment is 0."""

    ufunc = np.add

    def initial(self, dtype: np.dtype) -> float | int:
        """0."""
        return 0


@builtin(BuiltinOperator.UNSORTED_SEGMENT_PROD)
class UnsortedSegmentProd(_UnsortedSegment):
    """Products; INT32 wraps around, an empty segment is 1."""

    ufunc = np.multiply

    def initial(self, dtype: np.dtype) -> float | int:
        """1."""
        return 1


def _limits(dtype: np.dtype) -> np.finfo | np.iinfo:
    return np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)


@builtin(BuiltinOperator.UNSORTED_SEGMENT_MAX)
class UnsortedSegmentMax(_UnsortedSegment):
    """Largest values, NaN left out; an empty segment is the lowest finite number."""

    ufunc = np.fmax

    def initial(self, dtype: np.dtype) -> float | int:
        """The lowest finite number."""
        return _limits(dtype).min


@builtin(BuiltinOperator.UNSORTED_SEGMENT_MIN)
class UnsortedSegmentMin(_UnsortedSegment):
    """Smallest values, NaN left out; an empty segment is the highest finite number."""

    ufunc = np.fmin

    def initial(self, dtype: np.dtype) -> float | int:
        """The highest finite number."""
        return _limits(dtype).max
