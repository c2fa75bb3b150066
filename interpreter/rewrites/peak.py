"""What tensors need at once, step by step: where the most memory is needed, and what is left of that elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from litejit.arena import room
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.activation import Relu, Relu0To1, Relu6, ReluN1To1
from litejit.kernels.reference.shape import ExpandDims, Reshape, Squeeze
from litejit.rewrites.task import Task

__all__ = ["Peak"]

_WITHOUT_MEMORY = (ExpandDims, Relu, Relu0To1, Relu6, ReluN1To1, Reshape, Squeeze)
"""Operators that may come to nothing: their steps do not count."""


class Peak:
    """The memory that the tensors of tasks need, as far as is known without lowering them; scratch memory left out."""

    def __init__(self, tasks: Sequence[Task], needed: Collection[int]) -> None:
        self._sizes: dict[int, int] = {}
        for task in tasks:
            specs = () if task.lowering is None else (*task.lowering.inputs, *task.lowering.outputs)
            self._sizes.update((spec.index, room(_bytes(spec))) for spec in specs if spec is not None and _lies(spec))
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        for at, task in enumerate(tasks):
            for index in task.outputs:
                self._first.setdefault(index, at)
            for index in (*task.inputs, *task.outputs):
                self._last[index] = at
        # What nobody writes is an input, and is there for good.
        self._last |= {index: len(tasks) for index in self._last if index in needed or index not in self._first}
        self._live = np.zeros(len(tasks) + 1, np.int64)
        for index, size in self._sizes.items():
            self._live[self._first.get(index, 0) : self._last[index] + 1] += size
        counted = [
            task.lowering is not None and not isinstance(task.lowering.kernel, _WITHOUT_MEMORY) for task in tasks
        ]
        self._most = int(self._live[:-1][counted].max(initial=0))

    def size(self, index: int) -> int:
        """What a tensor takes, 0 for one that is not known to take anything."""
        return self._sizes.get(index, 0)

    def spare(
        self, parts: Sequence[int], inputs: Collection[int], inner: Collection[int], scratch: Sequence[int] = ()
    ) -> int:
        """Bytes that a single step in place of these (ascending) may use for itself, so that no more is needed at once.

        inputs: what it reads; inner: what is not there any more; scratch: scratch memory of each part, as far as known.
        """
        begin, end = parts[0], parts[-1]
        live = self._live[begin : end + 1].copy()
        for index in inner:
            live[self._first[index] - begin : self._last[index] + 1 - begin] -= self._sizes[index]
        for index in inputs:
            live[max(self._last[index] + 1 - begin, 0) :] += self._sizes.get(index, 0)
        own = (int(self._live[part]) + room(size) for part, size in zip(parts, scratch, strict=False))
        return max([self._most, *own]) - int(live.max())


def _lies(spec: TensorSpec) -> bool:
    """Whether a tensor takes part in planning memory."""
    return spec.value is None and spec.shape is not None and spec.dtype.kind != "O"


def _bytes(spec: TensorSpec) -> int:
    return spec.size * spec.dtype.itemsize
