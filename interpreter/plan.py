"""`Plan`: one subgraph made ready to run. Shapes are inferred and kernels prepared once; running decides nothing.

Operators on constants alone run while planning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litejit.graph import Graph
from litejit.kernels.tensor_spec import Shape, TensorSpec
from litejit.preparations import NOTHING, Deviation, Preparations, Ready, Signature
from litejit.schema.errors import InvalidModelError
from litejit.schema.lazy import Items
from litejit.schema.tensor_types import TensorType
from litejit.tensor_data import TensorData, blank

if TYPE_CHECKING:
    from litejit.compiler import Compiler
    from litejit.kernels.node import Context
    from litejit.native import NativePlan
    from litejit.rewrites import Task
    from litejit.step import Step
    from litejit.stored import StoredPlan
    from litejit.supposing import Supposing

__all__ = ["RUNS_TO_SUPPOSE", "Plan"]

RUNS_TO_SUPPOSE = 2
"""Runs in a row with data of the same kind before a plan is made for such data, the first time."""


class Plan(TensorData):
    """The state of one subgraph: what its tensors hold, and the steps that compute it."""

    def __init__(self, graph: Graph, context: Context, compiler: Compiler | None = None) -> None:
        super().__init__(graph, context)
        self._supposing: Supposing | None = None
        self._compiler = compiler
        self._steps: list[Step] = []
        self.allocated = False
        self.input_shapes: dict[int, Shape] = {}
        self.input_types: dict[int, TensorType] = {}
        self._outputs: list[TensorSpec] = []
        self._running = False
        self._allocating = False
        self._known = Preparations()

    def resize_input(self, index: int, shape: Shape) -> None:
        """Gives a tensor another shape; the plan has to be allocated again if that changes anything."""
        if self.arrays[index] is not None and self.specs[index].shape == shape:
            return
        self.input_shapes[index] = shape
        self.specs[index] = replace(self.specs[index], shape=shape)
        self._forget(index)

    def retype_input(self, index: int, type: TensorType) -> None:
        """Gives a tensor the type that a caller has for it; the plan has to be allocated again if that changes it."""
        if self.specs[index].type != type:
            self.input_types[index] = type
            self.specs[index] = replace(self.specs[index], type=type)
            self._forget(index)

    def _forget(self, index: int) -> None:
        if self._ready is not None and not self._ready.has_steps:
            self.arrays = list(self.arrays)  # a stored plan would find the memory that the tensor had before
        self.arrays[index] = None
        self._ready = self._supposing = None
        self.allocated = False

    def allocate(self) -> None:
        """Makes the plan ready to run with the current input shapes. Does nothing when already done.

        Strings that have been set stay where the shape does: they need no memory of the plan's.
        """
        strings = {} if self.allocated else self._given_strings()
        if self._compiler is not None and not self.allocated and not self._allocating:
            stored = self._compiler.find(self)
            if stored is not None:
                self._take_stored(stored)
        self.prepare()
        for index, value in strings.items():
            self.assign(index, value)
        if self._ready is None and self._compiler is not None:
            self._supposing = self._compiler.supposing(self)
            self._ready = self._compiler.make(self)

    def _given_strings(self) -> dict[int, np.ndarray]:
        """The inputs of strings that hold something of their shape."""
        held = {at: self.arrays[at] for at in self.graph.inputs if at >= 0}
        return {
            at: value
            for at, value in held.items()
            if value is not None and value.dtype == object and value.shape == self.specs[at].shape
        }

    def _take_stored(self, stored: StoredPlan) -> None:
        self._ready, self._supposing, self._steps = stored, None, []
        self.specs, self.arrays = stored.specs, stored.arrays
        self._outputs = [self.specs[index] for index in self.graph.outputs]
        self.allocated = True

    def prepare(self) -> None:
        """Prepares every step for the current input shapes and resets variables. Does nothing when already done."""
        if self.allocated:
            return
        if self._allocating:
            raise InvalidModelError(f"subgraph {self.graph.index} calls itself")
        from litejit.step import Step  # not needed to run a program that is kept

        # Subgraphs call each other through this: a frame less for each counts.
        self._allocating = True
        held, before = self.arrays, self.specs
        reached = 0
        opened: tuple[int, ...] = ()
        try:
            self._reset()
            for reached, operation in enumerate(self.graph.operations):  # noqa: B007 (where it stopped)
                step = Step(self, operation)
                if not step.fold():
                    self._complete(step)
                    self._steps.append(step)
                    step.after = opened if step.restarts else ()
                    opened += operation.outputs if self.is_open(step) else ()
        except BaseException:
            self._keep_inputs(held)
            self._keep_shapes(before, reached)
            raise
        finally:
            self._allocating = False
        self._outputs = [self.specs[index] for index in self.graph.outputs]
        self.allocated = True

    def _keep_inputs(self, held: Items[np.ndarray | None]) -> None:
        """After a failure: inputs that have not been resized hold what they did, and nothing else does."""
        self.arrays = self._constants()
        for index in self.graph.inputs:
            if index >= 0:
                self.arrays[index] = held[index]

    def _keep_shapes(self, before: Items[TensorSpec], reached: int) -> None:
        """After a failure: what operations from the one that failed on compute has the shape that it had."""
        for operation in self.graph.operations[reached:]:
            for index in operation.outputs:
                if index >= 0:
                    self.specs[index] = replace(self.specs[index], shape=before[index].shape)

    def is_open(self, step: Step) -> bool:
        """Whether it depends on data what the step is prepared for, or what shapes its outputs have."""
        return step.kernel is None or any(self.specs[at].shape is None for at in step.operation.outputs)

    def _complete(self, step: Step) -> None:
        """Finds out more of a step that has been prepared, if there is more to know."""

    def guarded(self, step: Step, tasks: list[Task]) -> list[Task]:
        """The tasks of a step, with those that make sure that they can be done."""
        return tasks

    def _reset(self) -> None:
        graph = self.graph
        self._ready = self._supposing = None
        self._steps = []
        self.specs = list(graph.tensors)
        for index in {*self.input_shapes, *self.input_types}:
            spec = self.specs[index]
            shape, type = self.input_shapes.get(index, spec.shape), self.input_types.get(index, spec.type)
            self.specs[index] = replace(spec, shape=shape, type=type)
        self.arrays = [spec.value for spec in self.specs]
        self.reset_variables()
        for index in graph.inputs:
            if index >= 0 and self.arrays[index] is None:
                self.arrays[index] = blank(self.specs[index], self.context.limits.tensor_bytes)

    @property
    def steps(self) -> list[Step]:
        """The operations that are not done while planning, prepared."""
        self.prepare_in_full()
        return self._steps

    @property
    def native(self) -> NativePlan | None:
        """The compiled form of the steps."""
        self.prepare_in_full()
        return self._ready  # type: ignore[return-value]

    def prepare_in_full(self) -> None:
        """Prepares the steps of a plan whose program has been stored; what its tensors hold stays."""
        if self._compiler is None or self._ready is None or self._ready.has_steps:
            return
        held, changed = self.live_arrays(), self._inputs_changed
        self.allocated = False
        self.prepare()
        self._ready = self._compiler.make(self)
        for index, value in held.items():
            self.assign(index, value)
        self._inputs_changed = changed

    def invoke(self) -> None:
        """Runs the subgraph for others, who may change inputs afterwards. RuntimeError before `allocate`."""
        ready = self._ready
        if ready is not None and ready.program is not None:
            self._inputs_changed = False
            try:
                ready.run_program()
                return
            except Deviation:
                self._leave_supposition()
        elif self._supposing is not None and self._supposing.enter():
            self.invoke()
            return
        if not self.allocated:
            raise RuntimeError("Invoke called on model that is not ready.")
        self.run()
        self.own_outputs()
        if self._supposing is not None:
            self._supposing.look()

    def run(self) -> None:
        """Computes every tensor of the subgraph from its inputs."""
        self._running = True
        self._inputs_changed = False
        try:
            if self._ready is not None:
                self._ready.run()
            else:
                for step in self._steps:
                    step.run()
        except Deviation:
            self._leave_supposition().run()
        finally:
            self._running = False

    def _leave_supposition(self) -> NativePlan | StoredPlan:
        """Takes the form of the plan that serves all data."""
        assert self._supposing is not None
        self._supposing.leave()
        assert self._ready is not None
        return self._ready

    def infer(self, shapes: Sequence[Shape], types: Sequence[TensorType] | None = None) -> list[TensorSpec]:
        """Gives the inputs shapes and types (None: those of the file); what the outputs will be.

        Shapes are None where they depend on data.
        """
        if self._running:
            raise InvalidModelError(f"subgraph {self.graph.index} calls itself")
        if types is None:
            types = [TensorType.FLOAT32 if at < 0 else self.graph.tensors[at].type for at in self.graph.inputs]
        given = zip(self.graph.inputs, shapes, types, strict=True)
        signatures = tuple([NOTHING if at < 0 else (shape, type) for at, shape, type in given])
        if not self.allocated or signatures != self._signatures():
            self._switch(signatures)
            self.prepare()
        return self._outputs

    def _restart(self) -> None:
        for step in self._steps:
            if step.kernel is not None:
                step.kernel.restart()

    def _signatures(self) -> tuple[Signature, ...]:
        """What the inputs are; of one that is not there, nothing."""
        given = [None if at < 0 else self.specs[at] for at in self.graph.inputs]
        return tuple([NOTHING if spec is None else (spec.dims, spec.type) for spec in given])

    def _switch(self, wanted: tuple[Signature, ...]) -> None:
        """Takes other inputs, what has been prepared for them if that was kept: it is, as far as there is room."""
        known = self._known.pop(wanted, None)
        if self._supposing is not None:
            self._supposing.end()
            self._supposing = None
        if self.allocated and not self.graph.variables:
            self._known.keep(self._signatures(), self.ready(self._ready))
        if known is not None:
            self._restore(known)
            self.allocated = True
            self._restart()
            return
        self.specs, self.arrays = list(self.specs), list(self.arrays)
        self.input_shapes, self.input_types = dict(self.input_shapes), dict(self.input_types)
        for index, (shape, type) in zip(self.graph.inputs, wanted, strict=True):
            if index >= 0:
                self.retype_input(index, type)
                if self.specs[index].shape != shape:
                    self.resize_input(index, shape)

    def ready(self, native: NativePlan | StoredPlan | None) -> Ready:
        """What the plan has been prepared for, with its native form."""
        shapes, types = self.input_shapes, self.input_types
        return Ready(self.specs, self.arrays, self._steps, native, shapes, types, self._outputs)

    def _restore(self, ready: Ready) -> None:
        self.specs, self.arrays, self._steps, self._ready, self.input_shapes, self.input_types, self._outputs = ready

    def take(self, ready: Ready) -> Ready:
        """Takes another preparation for the same inputs, what inputs and variables hold included; the one before."""
        before = self.ready(self._ready)
        self._restore(ready)
        for index in (*self.graph.inputs, *self.graph.variables):
            if index >= 0 and self.specs[index].value is None:
                value, memory = before.arrays[index], self.arrays[index]
                assert value is not None
                assert memory is not None
                memory[...] = value
        return before

    def call(
        self, inputs: Sequence[np.ndarray], types: Sequence[TensorType] | None = None, *, anew: bool = False
    ) -> list[np.ndarray]:
        """Runs the subgraph as a function: prepares it for the inputs where needed, returns the outputs.

        anew: variables start at their initial value, generators of random numbers at the beginning.
        """
        self.infer([value.shape for value in inputs], types)
        self.allocate()
        if anew:
            self.reset_variables()
            self._restart()
        for index, value in zip(self.graph.inputs, inputs, strict=True):
            if index >= 0:
                self.assign(index, value)
        self.run()
        if self._ready is not None:
            return [self.array(index).copy() for index in self.graph.outputs]
        return [self._apart(self.array(index), self.graph.variables) for index in self.graph.outputs]

    def release(self) -> None:
        """Frees all data that is not constant; the plan has to be allocated again."""
        self.arrays = self._constants()
        self._steps = []
        self._known.clear()
        self._ready = self._supposing = None
        self.allocated = False
