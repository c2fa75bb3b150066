"""Strings in compiled plans. Compiled code moves numbers in their place, which say where among the plan's inputs and
constants each string is; the strings themselves are looked up when somebody asks for a tensor.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.gather_scatter import Gather
from litejit.kernels.reference.shape import ExpandDims, Reshape, Squeeze
from litejit.kernels.reference.slicing import Slice, StridedSlice
from litejit.rewrites import Task
from litejit.schema import TensorType

if TYPE_CHECKING:
    from litejit.plan import Plan
    from litejit.step import Step

__all__ = ["Strings"]

_MOVERS = Gather, Slice, StridedSlice, Reshape, Squeeze, ExpandDims
"""Operators that move elements of any kind, and look at none."""


class Strings:
    """The tensors of strings that only movers read and write. The operands of others stay arrays of objects."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numbers: dict[int, np.ndarray] = {}
        self._moved = self._moved_tensors()
        self.computed = self._moved.difference(self._sources())
        """Those that compiled code writes."""
        self._known: dict[int, np.ndarray] = {}
        self.has_run = self._is_seen = False
        count = 0
        for index in sorted(self._sources()):
            spec = plan.specs[index]
            self._numbers[index] = np.arange(count, count + spec.size).reshape(spec.dims)
            count += spec.size

    def _moved_tensors(self) -> set[int]:
        plan = self._plan
        moved = {at for at, spec in enumerate(plan.specs) if spec.type == TensorType.STRING and spec.shape is not None}
        while True:
            others = {at for step in plan.steps if not _is_mover(step, moved) for at in _tensors(step)} & moved
            if not others:
                return moved
            moved -= others

    def _sources(self) -> set[int]:
        written = {at for step in self._plan.steps for at in step.operation.outputs}
        return {at for at in self._moved if at not in written}

    @classmethod
    def of(cls, plan: Plan) -> Strings | None:
        """None where there are none."""
        strings = cls(plan) if any(spec.type == TensorType.STRING for spec in plan.specs) else None
        return strings if strings is not None and strings.computed else None

    def moves(self, step: Step) -> bool:
        """Whether compiled code has to do this step."""
        return not self.computed.isdisjoint(step.operation.outputs)

    def spec(self, spec: TensorSpec) -> TensorSpec:
        """A tensor as compiled code sees it."""
        if spec.index not in self._moved:
            return spec
        return replace(spec, type=TensorType.INT64, value=self._numbers.get(spec.index))

    def task(self, task: Task) -> Task:
        """A task as compiled code sees it."""
        if task.lowering is None or self._moved.isdisjoint(_tensors(task.step)):
            return task
        inputs = tuple(None if spec is None else self.spec(spec) for spec in task.lowering.inputs)
        outputs = tuple(map(self.spec, task.lowering.outputs))
        return replace(task, lowering=replace(task.lowering, inputs=inputs, outputs=outputs))

    def begin(self) -> None:
        """Before a run, which computes other strings."""
        self._known.clear()

    def end(self) -> None:
        """After a run."""
        self.has_run = True
        if self._is_seen:
            self._look_up()

    def array(self, index: int) -> np.ndarray:
        """The strings of a computed tensor."""
        if index not in self._known:
            arrays = self._plan.arrays
            sources = (arrays[at] for at in self._numbers)
            pool = np.array([*chain.from_iterable(source.ravel() for source in sources if source is not None)], object)
            # Of a scalar, NumPy gives the element.
            self._known[index] = np.asarray(pool[arrays[index]], object)
        return self._known[index]

    def keep(self, index: int, value: np.ndarray) -> None:
        """Gives a computed tensor strings, until the next run."""
        self._known[index], self.has_run = value, True

    def settle(self, index: int, seen: bool) -> None:
        """Before strings are set anew: looks up those that have been computed from the ones there are.

        seen: somebody may set some of this tensor at any time from now on.
        """
        if index in self._numbers:
            self._is_seen = self._is_seen or seen
            if self.has_run:
                self._look_up()

    def _look_up(self) -> None:
        for at in self.computed:
            self.array(at)


def _tensors(step: Step) -> tuple[int, ...]:
    return *step.operation.inputs, *step.operation.outputs


def _is_mover(step: Step, moved: set[int]) -> bool:
    """Whether a step moves strings, from tensors that are moved to such."""
    operation = step.operation
    return isinstance(step.kernel, _MOVERS) and {operation.inputs[0], *operation.outputs} <= moved
