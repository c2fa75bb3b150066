"""Plans whose shapes depend on data, made once more for the shapes that there have been: with those supposed, all of a
plan can be compiled.

The program checks what has been supposed, and ends where it does not hold (`Deviation`). The plan that serves all data
then begins anew, so nothing that comes before such a check may change the state of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.graph import Graph
from litejit.kernels.jit.supposing import same_values
from litejit.kernels.node import Shape, SubgraphSignature, TensorSpec
from litejit.kernels.reference.control_flow import Caller, CallOnce
from litejit.kernels.reference.list_items import SetListItem
from litejit.kernels.reference.resource import ReadVariable, VarHandle
from litejit.list_items import ListItems
from litejit.native import NativePlan
from litejit.plan import RUNS_TO_SUPPOSE, Plan
from litejit.preparations import Deviation, Ready
from litejit.rewrites import Task
from litejit.schema import TensorType
from litejit.schema.errors import LitejitError
from litejit.step import Step, prepared

if TYPE_CHECKING:
    from litejit.session import Session

__all__ = ["SupposedPlan", "Supposing"]

_MOST_KNOWN, _MOST_BYTES = 8, 1024
"""Suppositions that are kept, and bytes of the values that one of them may depend on."""


@dataclass(frozen=True)
class _Seen:
    """Of an operation in a run: its operands, and the shapes of what it gave."""

    operands: list[np.ndarray | None]
    shapes: list[Shape]


class _World:
    """The context of supposed plans: subgraphs are inferred as supposed plans, too, and called as they are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.numerics, self.limits, self.resources = session.numerics, session.limits, session.resources
        self._plans: dict[int, SupposedPlan] = {}

    def plan(self, index: int) -> SupposedPlan:
        """The supposed plan of a subgraph."""
        if index not in self._plans:
            self._plans[index] = SupposedPlan(self._session.plan(index).graph, self, {})
        return self._plans[index]

    def subgraph(self, index: int) -> SubgraphSignature:
        """Interface of a subgraph."""
        return self._session.subgraph(index)

    def infer_subgraph(
        self, index: int, shapes: Sequence[Shape], types: Sequence[TensorType] | None = None
    ) -> list[TensorSpec]:
        """What a subgraph's outputs are supposed to be."""
        return self.plan(index).infer(shapes, types)

    def call_subgraph(
        self, index: int, inputs: Sequence[np.ndarray], types: Sequence[TensorType] | None = None, anew: bool = False
    ) -> list[np.ndarray]:
        """Runs a subgraph as a function."""
        return self._session.call_subgraph(index, inputs, types, anew)


class SupposedPlan(Plan):
    """A plan for data like those seen. seen: by output tensors of an operation; {} for subgraphs that are called."""

    def __init__(self, graph: Graph, world: _World, seen: Mapping[tuple[int, ...], _Seen]) -> None:
        super().__init__(graph, world)
        self._world, self._seen = world, seen
        self._supposed: set[Step] = set()

    @property
    def supposes(self) -> bool:
        """Whether the plan is not good for all data."""
        return bool(self._supposed)

    @property
    def is_usable(self) -> bool:
        """Whether all shapes are known, and a run that ends at a deviation leaves no traces."""
        if any(self.is_open(step) or step.restarts for step in self.steps):
            return False
        last = max((at for at, step in enumerate(self.steps) if step in self._supposed), default=-1)
        return not any(self._changes_state(step) for step in self.steps[: last + 1])

    def _complete(self, step: Step) -> None:
        operation, specs = step.operation, self.specs
        if isinstance(step.kernel, Caller) and any(self._world.plan(at).supposes for at in step.kernel.subgraphs):
            step.is_supposed = True
            self._supposed.add(step)
        if not self.is_open(step) or (step.kernel is None and self._sets_list_item(step)):
            return
        seen = self._seen.get(operation.outputs)
        if seen is None:
            return
        if step.kernel is None:
            step._prepare(seen.operands)
        for index, shape in zip(operation.outputs, seen.shapes, strict=True):
            if specs[index].shape is None:
                specs[index] = replace(specs[index], shape=shape)
        step.is_supposed = True
        self._supposed.add(step)

    def _sets_list_item(self, step: Step) -> bool:
        """Makes the step one that writes into a list, if that is what its operations are for."""
        found = ListItems(self.graph, self.specs).found(step.operation)
        if found is None:
            return False
        step.operation = operation = replace(step.operation, inputs=(found.items, found.position, found.item))
        specs = [self.specs[at] for at in operation.inputs]
        step.kernel, node = prepared(self, operation, specs, None, operation.numerics, make_kernel=SetListItem)
        (index,), (spec,) = operation.outputs, node.outputs
        assert spec is not None
        self.specs[index] = spec
        self._steps = [other for other in self._steps if other.operation not in found.slices]
        self._supposed.add(step)
        return True

    def _changes_state(self, step: Step) -> bool:
        kernel = step.kernel or step.operation.make_kernel()
        if isinstance(kernel, CallOnce):
            return not kernel.is_done
        if isinstance(kernel, Caller):
            if step.kernel is None:
                return True
            called = [self._world.plan(index) for index in kernel.subgraphs]
            return any(not p.allocated or p.graph.variables or any(map(p._changes_state, p.steps)) for p in called)
        if any(at >= 0 and self.specs[at].is_variable for at in step.operation.inputs):
            return True
        return kernel.stateful and not isinstance(kernel, ReadVariable | VarHandle)

    def guarded(self, step: Step, tasks: list[Task]) -> list[Task]:
        """The tasks of a step; before them what checks the values that it has been prepared for."""
        if step not in self._supposed:
            return tasks
        checked = [
            (at, self._seen[step.operation.outputs].operands[position])
            for position in step.read_values
            if self.specs[at := step.operation.inputs[position]].value is None
        ]
        guards = [Task(step, None, (at,), (), (same_values(at, value),)) for at, value in checked if value is not None]
        return [replace(task, refusal=Deviation) for task in (*guards, *tasks)]


class Supposing:
    """Chooses what a plan runs: the form that serves all data, or one for data like those of former runs.

    make: the native form of a supposed plan.
    """

    def __init__(self, plan: Plan, make: Callable[[SupposedPlan, Callable[[int], Plan]], NativePlan]) -> None:
        self._plan, self._make = plan, make
        self._open = [step for step in plan.steps if plan.is_open(step)]
        self._known: dict[Any, Ready | None] = {}
        self._next: Ready | None = None
        self._for_all: Ready | None = None
        self._last: Any = None
        self._sightings, self._needed = 0, RUNS_TO_SUPPOSE

    def enter(self) -> bool:
        """Before a run: takes the supposition that the last one suggests; whether it is taken now."""
        if self._next is None:
            return False
        self._for_all, self._next = self._plan.take(self._next), None
        return True

    def leave(self) -> None:
        """Takes the form that serves all data."""
        assert self._for_all is not None
        self._plan.take(self._for_all)
        self._for_all = None

    def end(self) -> None:
        """Takes the form that serves all data, for good."""
        if self._for_all is not None:
            self.leave()

    def look(self) -> None:
        """After a run: remembers what the data were like. What comes twice is supposed; each new supposition must have
        come twice as often in a row as the one before."""
        if self._for_all is not None:
            return
        arrays = self._plan.arrays
        shapes = [tuple(arrays[at].shape for at in step.operation.outputs) for step in self._open]  # type: ignore[union-attr]
        key = tuple((step.prepared_for, given) for step, given in zip(self._open, shapes, strict=True))
        self._sightings = self._sightings + 1 if key == self._last else 1
        self._last = key
        if key not in self._known and self._sightings >= self._needed:
            self._needed *= 2
            if len(self._known) == _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = self._supposed()
        self._next = self._known.get(key)

    def _supposed(self) -> Ready | None:
        plan = self._plan
        contents = [step.prepared_for[1] for step in self._open if step.prepared_for is not None]
        if any(isinstance(value, tuple) for values in contents for value in values):  # strings
            return None
        if sum(len(value) for values in contents for value in values) > _MOST_BYTES:
            return None
        world = _World(plan.context)  # type: ignore[arg-type]
        supposed = SupposedPlan(plan.graph, world, {step.operation.outputs: self._seen(step) for step in self._open})
        supposed.input_shapes, supposed.input_types = dict(plan.input_shapes), dict(plan.input_types)
        try:
            supposed.prepare()
            if not supposed.is_usable:
                return None
            return supposed.ready(self._make(supposed, world.plan))
        except LitejitError:
            return None

    def _seen(self, step: Step) -> _Seen:
        arrays, read = self._plan.arrays, step.read_values
        operands = [None if at < 0 else arrays[at] for at in step.operation.inputs]
        kept = [value.copy() if value is not None and at in read else value for at, value in enumerate(operands)]
        return _Seen(kept, [arrays[at].shape for at in step.operation.outputs])  # type: ignore[union-attr]
