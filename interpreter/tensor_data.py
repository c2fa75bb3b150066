"""`TensorData`: what the tensors of a subgraph hold, wherever that lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from litejit.graph import Graph
from litejit.kernels.tensor_spec import TensorSpec
from litejit.schema.errors import InvalidInputError, InvalidModelError
from litejit.schema.lazy import Items, LazyList
from litejit.schema.tensor_types import TensorType

if TYPE_CHECKING:
    from litejit.kernels.node import Context
    from litejit.native import NativePlan
    from litejit.stored import StoredPlan

__all__ = ["TensorData", "blank"]


class TensorData:
    """What is known of every tensor of a subgraph (`specs`), and its data (`arrays`), its own or in a program."""

    def __init__(self, graph: Graph, context: Context) -> None:
        self.graph = graph
        self.context = context
        self.specs: Items[TensorSpec] = LazyList(len(graph.tensors), graph.tensors.__getitem__)
        self.arrays: Items[np.ndarray | None] = self._constants()
        self._ready: NativePlan | StoredPlan | None = None
        self._inputs_changed = False

    def reset_variables(self) -> None:
        """Sets every variable tensor to its zero point (0 where it is not quantized)."""
        for at in self.graph.variables:
            if (spec := self.specs[at]).value is None:
                self.assign(at, blank(spec, self.context.limits.tensor_bytes))

    def initial_value(self, index: int) -> np.ndarray:
        """What an input or a variable holds before anything is written to it."""
        return blank(self.specs[index], self.context.limits.tensor_bytes)

    def assign(self, index: int, value: np.ndarray, own: bool = True) -> None:
        """Gives a tensor data. own: nobody else writes to value, so that the plan may keep it."""
        self._inputs_changed = True
        ready, memory = self._ready, self.arrays[index]
        strings = None if ready is None else ready.strings
        if strings is not None:
            strings.settle(index, False)
        if strings is not None and index in strings.computed:
            strings.keep(index, value)
        elif ready is None or memory is None:
            self.arrays[index] = value if own else np.array(value, order="C")
        else:
            memory[...] = value

    def view(self, index: int) -> np.ndarray:
        """The memory of a tensor, for reading and writing."""
        self._inputs_changed = self._inputs_changed or index in self.graph.inputs
        if self._ready is not None and self._ready.strings is not None:
            self._ready.strings.settle(index, True)
        return self.array(index)

    def own_outputs(self) -> None:
        """Copies outputs that share memory with an input or a variable, which the next invoke may change."""
        outputs = self.graph.outputs if self._ready is None else self._ready.loose_outputs
        if not outputs:
            return
        live = [at for at in self.graph.inputs if at >= 0] + self.graph.variables
        for index in outputs:
            if index not in live:
                self.arrays[index] = self._apart(self.array(index), live)

    def _apart(self, array: np.ndarray, live: Sequence[int]) -> np.ndarray:
        """The array, or a copy of it if it shares memory with one of these tensors."""
        others = [other for at in live if (other := self.arrays[at]) is not None]
        return array.copy() if any(np.may_share_memory(array, other) for other in others) else array

    def live_arrays(self) -> dict[int, np.ndarray]:
        """The data of all tensors that are not constant."""
        return {
            at: self.array(at)
            for at, spec in enumerate(self.specs)
            if spec.value is None and self.has_data(at) and not (self._ready and at in self._ready.transient)
        }

    def _constants(self) -> LazyList[np.ndarray | None]:
        """The data of the tensors that are constant."""
        tensors = self.graph.tensors
        return LazyList(len(tensors), lambda at: tensors[at].value)

    def has_data(self, index: int) -> bool:
        """Whether `array` has something to give."""
        ready = self._ready
        if ready is not None and ready.strings is not None and index in ready.strings.computed:
            return ready.strings.has_run
        return self.arrays[index] is not None or (ready is not None and index in ready.transient)

    def array(self, index: int) -> np.ndarray:
        """The data of a tensor; InvalidInputError when it has none (yet)."""
        value = self.arrays[index]
        if self._ready is not None and index in self._ready.transient:
            return self._ready.recomputed(index, self._inputs_changed)
        if self._ready is not None and self._ready.strings is not None and index in self._ready.strings.computed:
            return self._ready.strings.array(index)
        if value is None:
            raise InvalidInputError(f"subgraph {self.graph.index}: {self.specs[index]} holds no data before invoke()")
        return value


def blank(spec: TensorSpec, most_bytes: int) -> np.ndarray:
    """The initial content of an input or a variable: its zero point, or zero."""
    if spec.size * spec.dtype.itemsize > most_bytes:
        raise InvalidModelError(
            f"{spec} has shape {spec.shape}, more than the limit of {most_bytes} bytes for a tensor"
        )
    if spec.type == TensorType.STRING:
        return np.full(spec.dims, b"", object)
    zero_point = 0
    if spec.is_variable and spec.type == TensorType.INT8 and spec.quantization is not None:
        zero_point = int(spec.quantization.zero_point[0])
    # Zeros are pages that nobody has touched yet, unless they are written.
    return np.full(spec.dims, zero_point, spec.dtype) if zero_point else np.zeros(spec.dims, spec.dtype)
