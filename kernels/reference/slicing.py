"""Parts of an array: SLICE, STRIDED_SLICE, SPLIT, SPLIT_V, DYNAMIC_UPDATE_SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, Shape
from litejit.kernels.reference.first_elements import first_elements
from litejit.kernels.reference.moving import INDEX_TYPES, SIZED_TYPES, index_values
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, SplitOptions, SplitVOptions, StridedSliceOptions, TensorType

SPLIT_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)
MAX_INDICES = 31
"""STRIDED_SLICE takes no more indices than a mask has bits."""


@builtin(BuiltinOperator.SLICE, versions=(1, 8))
class Slice(Kernel):
    """size[i] elements from begin[i] on, along every dimension; a size of -1 is all that remain.

    input: any sized type, INT4 or strings; begin, size: [rank] int32 or int64.
    Raises InvalidModelError when a part lies outside of the input, or begin and size are data that give another shape
    than the file declares without leaving a dimension open (of constants only XNNPACK gives the output).
    Semantics: LiteRT tflite/kernels/slice.cc.
    """

    types = SIZED_TYPES | {TensorType.STRING, TensorType.INT4}
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """parts: a slice for each dimension."""
        input = node.input("input")
        begins = index_values(node, "begin", shape=(input.rank,))
        sizes = index_values(node, "size", shape=(input.rank,), types=node.input("begin").type)
        ends = [dim if size == -1 else begin + size for dim, begin, size in zip(input.dims, begins, sizes, strict=True)]
        for axis, (begin, end, dim) in enumerate(zip(begins, ends, input.dims, strict=True)):
            node.require(
                0 <= begin <= end <= dim,
                "begin {} and size {} of dimension {} are outside of {} with shape {}",
                begin,
                sizes[axis],
                axis,
                input,
                input.dims,
            )
        self.parts = tuple(slice(begin, end) for begin, end in zip(begins, ends, strict=True))
        shape = tuple(part.stop - part.start for part in self.parts)
        node.output(shape, types=input.type)
        declared = node.declared[0]
        node.require(
            not (node.read_values and declared.is_fixed) or declared.shape == shape,
            "begin {} and size {} give shape {}, {} is declared as {}",
            begins,
            sizes,
            shape,
            declared,
            declared.shape,
        )

    def __call__(self, input: np.ndarray, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The output."""
        return np.asarray(input[self.parts], order="C")


@builtin(BuiltinOperator.STRIDED_SLICE, versions=(1, 8))
class StridedSlice(Kernel):
    """NumPy's input[begin:end:stride, …], one entry for each bit of the masks.

    input: any sized type or strings; begin, end, strides: [entries] int32, further strides count for nothing.
    options.offset: end counts from begin.
    The masks of the options are bit sets of entries:
        begin_mask, end_mask: begin or end is left out.
        ellipsis_mask: "…", as many whole dimensions as the other entries leave, but at least one. Of several, see
            `_selections`.
        new_axis_mask: a new dimension of 1.
        shrink_axis_mask: the one element at begin, its dimension is dropped.
    Dimensions beyond the entries are taken whole, entries beyond the dimensions are ignored.
    Raises InvalidModelError when a stride is 0, several ellipses leave a dimension no entry or make two new
    axes of one, or an element is read at a shrunk index beyond its dimension.
    Semantics: LiteRT tflite/kernels/strided_slice.cc, internal/reference/strided_slice.h.
    """

    types = SIZED_TYPES | {TensorType.STRING}
    flavours = ALL_FLAVOURS
    options: StridedSliceOptions

    def prepare(self, node: Node) -> None:
        """key: the index expression."""
        input = node.input("input")
        begin = node.input("begin", rank=1, types=TensorType.INT32)
        node.require(
            begin.size <= MAX_INDICES, "{} has {} elements, expected at most {}", begin, begin.size, MAX_INDICES
        )
        node.input("end", types=TensorType.INT32, shape=begin.dims)
        first_elements(node, "strides", begin.dims, axes=(), types=TensorType.INT32, rank=1)
        operands = [index_values(node, name) for name in ("begin", "end", "strides")]
        entries = list(zip(*operands, strict=False))
        self.key: tuple[Any, ...] = ()
        shape: Shape = ()
        remaining = list(input.dims)
        shrunk: dict[int, tuple[int, int]] = {}
        for entry in self._selections(node, input.rank, len(entries)):
            if entry is None:
                self.key += (None,)
                shape += (1,)
                continue
            node.require(remaining, "new_axis_mask {:#b} leaves no place for all indices", self.options.new_axis_mask)
            dim = remaining.pop(0)
            if isinstance(entry, slice):
                self.key += (entry,)
                shape += (dim,)
            elif self._bit("shrink_axis_mask", entry):
                shrunk[len(self.key)] = dim, entry
                self.key += (0,)
            else:
                part = self._part(node, dim, entry, *entries[entry])
                self.key += (slice(part.start, None if part.stop < 0 else part.stop, part.step) if part else slice(0),)
                shape += (len(part),)
        node.require(not remaining, "new_axis_mask {:#b} counts an index twice", self.options.new_axis_mask)
        elements = {
            at: self._element(node, dim, entry, *entries[entry], is_read=0 not in shape)
            for at, (dim, entry) in shrunk.items()
        }
        self.key = tuple([elements.get(at, part) for at, part in enumerate(self.key)])
        # The trailing "..." makes the result an array where every axis is shrunk.
        self.key += (...,)
        node.output(shape, types=input.type)

    def __call__(self, input: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> np.ndarray:
        """The output."""
        return np.asarray(input[self.key], order="C")

    def _bit(self, mask: str, entry: int) -> bool:
        return bool(getattr(self.options, mask) >> entry & 1)

    def _selections(self, node: Node, rank: int, count: int) -> list[int | slice | None]:
        """For each dimension (those of the input, and new ones) its entry, slice(None) for all of it, None for new.

        Bits of ellipsis_mask count dimensions, those that ellipses before them stand for included. Behind an
        ellipsis entries go on where it began, if it is the last one; new axes do so behind every ellipsis.
        """
        is_ellipsis = [self._bit("ellipsis_mask", at) for at in range(count + rank)]
        new = sum(self._bit("new_axis_mask", entry) and not is_ellipsis[entry] for entry in range(count))
        total = rank + new
        selections: list[int | slice | None] = [slice(None)] * total
        plain, added, at, start, longer = [], set(), 0, total, 0
        while at < total:
            if is_ellipsis[at]:
                start, at = at, max(at + 1, min(at + 1 + total - count, total))
                longer = at - start - 1
                continue
            if at - longer < count and self._bit("new_axis_mask", at - longer):
                added.add(at)
            plain.append(at)
            at += 1
        for at in plain:
            if at in added:
                selections[at] = None
            elif at < count + longer:
                entry = at - (longer if at > start else 0)
                node.require(
                    entry < count,
                    "ellipsis_mask {:#b} leaves no index for dimension {}",
                    self.options.ellipsis_mask,
                    at,
                )
                selections[at] = entry
        return selections

    def _start(self, dim: int, entry: int, begin: int, stride: int) -> int:
        if self._bit("begin_mask", entry):
            return 0 if stride > 0 else dim - 1
        return _clamp(begin, dim, stride)

    def _element(self, node: Node, dim: int, entry: int, begin: int, end: int, stride: int, is_read: bool) -> int:
        """is_read: whether the result has any elements."""
        start = self._start(dim, entry, begin, stride)
        if is_read or dim == 0:
            node.require(stride > 0, "stride {} is {}, expected at least 1 where the axis is shrunk", entry, stride)
            node.require(start < dim, "begin {} is {}, the dimension has {} elements", entry, begin, dim)
        return min(max(start, 0), dim - 1)

    def _part(self, node: Node, dim: int, entry: int, begin: int, end: int, stride: int) -> range:
        node.require(stride not in (0, -(1 << 31)), "stride {} is {}", entry, stride)
        start = self._start(dim, entry, begin, stride)
        if self._bit("end_mask", entry):
            stop = dim if stride > 0 else -1
        else:
            stop = _clamp(start + end if self.options.offset else end, dim, stride)
        part = range(start, stop, stride)
        expected = len(range(0, end, stride)) if self.options.offset else len(part)
        node.require(len(part) == expected, "{} elements from {} on are outside of dimension {}", end, start, dim)
        return part


def _clamp(index: int, dim: int, stride: int) -> int:
    """An index from either end, moved to where a walk with that stride meets or leaves the dimension."""
    index = index + dim if index < 0 else index
    return min(max(index, 0), dim) if stride > 0 else min(max(index, -1), dim - 1)


class _Split(Kernel):
    """What SPLIT and SPLIT_V share: parts of the input one after another along an axis."""

    types = SPLIT_TYPES
    typed_by = "input"
    n_outputs = None
    flavours = ALL_FLAVOURS

    def _prepare(self, node: Node) -> tuple[int, int]:
        """Checks the number of outputs, returns the axis and its size."""
        splits = self.options.num_splits
        node.require(
            splits == len(node.declared), "num_splits is {}, the operator has {} outputs", splits, len(node.declared)
        )
        input = node.input("input")
        node.require(node.input("axis", types=TensorType.INT32).size >= 1, "operand 'axis' is empty")
        axis = normalize_axis(int(node.value("axis").flat[0]), input.rank)
        return axis, input.dims[axis]

    def _output(self, node: Node, axis: int, sizes: Sequence[int]) -> None:
        input = node.input("input")
        self.axis = axis
        self.boundaries = np.cumsum(sizes)[:-1]
        for at, size in enumerate(sizes):
            node.output((*input.dims[:axis], size, *input.dims[axis + 1 :]), at=at, type=input.type)

    def _split(self, input: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(np.asarray(part, order="C") for part in np.split(input, self.boundaries, self.axis))


@builtin(BuiltinOperator.SPLIT, versions=(1, 5))
class Split(_Split):
    """options.num_splits equal parts along axis.

    axis: one int32; input: float32 or an integer type up to 64 bits.
    Raises InvalidModelError when num_splits is 0 or does not divide the dimension.
    Semantics: LiteRT tflite/kernels/split.cc.
    """

    options: SplitOptions

    def prepare(self, node: Node) -> None:
        """axis; boundaries: where all parts but the first start."""
        axis, size = self._prepare(node)
        splits = self.options.num_splits
        node.require(splits > 0 and size % splits == 0, "dimension {} of {} elements in {} parts", axis, size, splits)
        self._output(node, axis, [size // splits] * splits)

    def __call__(self, axis: np.ndarray, input: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs."""
        return self._split(input)


@builtin(BuiltinOperator.SPLIT_V, versions=(1, 3))
class SplitV(_Split):
    """Parts of the sizes size_splits along axis; one of them may be -1, it takes what the others leave.

    input: float32 or an integer type up to 64 bits; size_splits: [num_splits] int32 or int64; axis: one int32.
    Raises InvalidModelError when the sizes do not add up to the dimension. Semantics: LiteRT tflite/kernels/split_v.cc.
    """

    options: SplitVOptions

    def prepare(self, node: Node) -> None:
        """axis; boundaries: where all parts but the first start."""
        axis, dim = self._prepare(node)
        sizes = index_values(node, "size_splits", shape=(len(node.declared),))
        node.require(sizes.count(-1) <= 1, "size_splits {} has more than one -1", sizes)
        rest = dim - sum(size for size in sizes if size != -1)
        node.require(
            rest >= 0 if -1 in sizes else rest == 0,
            "size_splits {} do not add up to dimension {}, {}",
            sizes,
            axis,
            dim,
        )
        self._output(node, axis, [rest if size == -1 else size for size in sizes])

    def __call__(self, input: np.ndarray, size_splits: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs."""
        return self._split(input)


@builtin(BuiltinOperator.DYNAMIC_UPDATE_SLICE, versions=(1, 6))
class DynamicUpdateSlice(Kernel):
    """operand with update written over it from start_indices on, which are first moved so that update fits.

    operand, update: same rank and type, update nowhere larger; start_indices: [rank] int32 or int64.
    Semantics: LiteRT tflite/kernels/dynamic_update_slice.cc.
    """

    types = SIZED_TYPES | {TensorType.COMPLEX128, TensorType.INT4}
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """room: the largest start index along each dimension."""
        operand = node.input("operand", rank=range(9))
        update = node.input("update", types=operand.type, rank=operand.rank)
        node.input("start_indices", types=INDEX_TYPES, shape=(operand.rank,))
        self.room = np.array(operand.dims, np.int64) - np.array(update.dims, np.int64)
        node.require((self.room >= 0).all(), "{} of shape {} does not fit into {}", update, update.dims, operand.dims)
        node.output(operand.dims, type=operand.type)

    def __call__(self, operand: np.ndarray, update: np.ndarray, start_indices: np.ndarray) -> np.ndarray:
        """The output."""
        starts = np.minimum(np.maximum(start_indices, 0), self.room)
        output = operand.copy()
        output[tuple(slice(start, start + dim) for start, dim in zip(starts, update.shape, strict=True))] = update
        return output
