"""Recognises how converters spell the writing of an item into a list of tensors:
`concatenation(slice(list, up to i), item, slice(list, from i + 1))`.

The slices have other shapes for each i, the result has always the list's, if 0 <= i < length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from litejit.graph import Graph
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.arithmetic import Add
from litejit.kernels.reference.joining import Concatenation, Pack
from litejit.kernels.reference.shape import ExpandDims, Reshape, Squeeze
from litejit.kernels.reference.slicing import Slice
from litejit.operations import Operation
from litejit.schema import TensorType

__all__ = ["ListItem", "ListItems"]

_TYPES = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT32, TensorType.INT64, TensorType.BOOL)
"""Those that are copied as they are, whatever their quantization."""

_Number = tuple[int | None, int]
"""An element of a vector: what a tensor of one element holds (None: 0), plus a constant."""


@dataclass(frozen=True)
class ListItem:
    """Tensors: the list, the position and the item that is written; and the slices, which nobody else needs."""

    items: int
    position: int
    item: int
    slices: tuple[Operation, Operation]


class ListItems:
    """Looks for the pattern in one subgraph. specs: of its tensors, as far as they are known."""

    def __init__(self, graph: Graph, specs: Sequence[TensorSpec]) -> None:
        self._specs = specs
        self._makers = {at: operation for operation in graph.operations for at in operation.outputs}
        self._uses = Counter(at for operation in graph.operations for at in operation.inputs)
        self._uses.update(graph.outputs)

    def found(self, operation: Operation) -> ListItem | None:
        """What a concatenation writes, if it is the pattern."""
        before, item, after = operation.inputs if len(operation.inputs) == 3 else (-1, -1, -1)
        if not self._is(operation, Concatenation) or operation.options.axis != 0:
            return None
        first, second = (self._maker(at, Slice) for at in (before, after))
        if first is None or second is None or first.inputs[0] != second.inputs[0]:
            return None
        items, position = first.inputs[0], self._position(first.inputs, second.inputs)
        if position is None or self._uses[before] != 1 or self._uses[after] != 1:
            return None
        whole, one = self._specs[items], self._specs[item]
        if not whole.shape or 0 in whole.shape or one.shape != (1, *whole.shape[1:]):
            return None
        is_copied = whole.type == one.type and one.type in _TYPES
        return ListItem(items, position, item, (first, second)) if is_copied else None

    def _position(self, first: Sequence[int], second: Sequence[int]) -> int | None:
        """The tensor that holds i, if one slice ends before i and the other one begins at i + 1."""
        begin, size, further, rest = (self._numbers(at) for at in (*first[1:], *second[1:]))
        if not begin or not size or not further or not rest or self._specs[first[0]].shape is None:
            return None
        position, dims = size[0][0], self._specs[first[0]].dims[1:]
        zeros, whole = [(None, 0)] * len(dims), [[(None, -1), (None, dim)] for dim in dims]
        is_pattern = (
            position is not None
            and size[0][1] == 0
            and begin == [(None, 0), *zeros]
            and further == [(position, 1), *zeros]
            and rest[0] == (None, -1)
            and all(x in either and y in either for x, y, either in zip(size[1:], rest[1:], whole, strict=False))
        )
        return position if is_pattern else None

    def _numbers(self, index: int) -> list[_Number] | None:
        """The elements of a vector of integers or of a scalar; None where they are not known that well."""
        spec = self._specs[index]
        if spec.value is not None:
            return [(None, int(number)) for number in spec.value.ravel()] if spec.value.dtype.kind == "i" else None
        maker, size = self._makers.get(index), None if spec.shape is None else spec.size
        if maker is not None and size == 1 and self._is(maker, Reshape, ExpandDims, Squeeze):
            return self._numbers(maker.inputs[0])
        if maker is not None and len(spec.dims if size else ()) == 1 and self._is(maker, Concatenation, Pack):
            parts = [self._numbers(at) for at in maker.inputs]
            return None if None in parts else [number for part in parts for number in part or ()]
        if maker is not None and size == 1 and self._is(maker, Add):
            one, other = (self._numbers(at) for at in maker.inputs)
            for (base, offset), (nothing, constant) in permutations(one + other) if one and other else ():
                if nothing is None:
                    return [(base, offset + constant)]
        return [(index, 0)] if size == 1 and spec.dtype.kind == "i" else None

    def _maker(self, index: int, kernel: type[Kernel]) -> Operation | None:
        maker = self._makers.get(index)
        return maker if maker is not None and self._is(maker, kernel) else None

    @staticmethod
    def _is(operation: Operation, *kernels: type[Kernel]) -> bool:
        """Whether it is done by one of litejit's own kernels, and nothing is fused into it."""
        return operation.factory in kernels and not getattr(operation.options, "fused_activation_function", 0)
