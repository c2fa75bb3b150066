"""Operators that call subgraphs, as the tasks of those subgraphs: IF and WHILE become jumps of the caller's program.

Tensors of a subgraph are numbered anew for each place that it is called from. What cannot be compiled as a whole
(shapes that depend on data, variable tensors of a subgraph, operators without compiled code) stays a step in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litejit.kernels.jit.call import Call, Jump, Label, State, Tensor, View, padded
from litejit.kernels.jit.looping import begin_rounds, count_round
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.moving import whole_copy
from litejit.kernels.kernel import DEFAULT_FLAVOUR
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.control_flow import Caller, If, StablehloComposite, While
from litejit.rewrites import Task

if TYPE_CHECKING:
    from litejit.plan import Plan
    from litejit.step import Step

__all__ = ["Inlining", "own_task"]

_MOST_TASKS = 20_000
"""Subgraphs that call others more than once grow fast."""

_Names = dict[int, int]
"""From a plan's own numbers of tensors to those of the caller."""


class _Apart(Exception):
    """The operator has to be run from Python."""


class Inlining:
    """Makes tasks of operators that call subgraphs.

    specs: of the tensors of the calling plan; those of the called subgraphs are added. plan_of: the plan of a subgraph.
    own: tensors that must not become views of others.
    """

    def __init__(self, specs: list[TensorSpec], plan_of: Callable[[int], Plan], threads: int) -> None:
        self.specs, self.plan_of, self._threads = specs, plan_of, threads
        self.own: set[int] = set()
        self._called_plans: set[Plan] = set()
        self._count = 0

    def tasks(self, step: Step) -> list[Task] | None:
        """The tasks of an operator that calls subgraphs; None where it has to be run from Python."""
        known = len(self.specs)
        try:
            return self._called(step, step.operation.inputs, step.operation.outputs, ())
        except _Apart:
            del self.specs[known:]
            return None

    def _called(
        self, step: Step, inputs: Sequence[int], outputs: Sequence[int], callers: tuple[Step, ...]
    ) -> list[Task]:
        kernel = step.kernel
        if any(self._data_dependent(at) for at in (*inputs, *outputs)) or step.prepared_for is not None:
            raise _Apart
        maker = _Maker(self, step, (*callers, step))
        if isinstance(kernel, StablehloComposite):
            return maker.composite(kernel, inputs, outputs)
        if isinstance(kernel, If):
            return maker.choice(kernel, inputs, outputs)
        if isinstance(kernel, While):
            return maker.loop(kernel, inputs, outputs)
        raise _Apart

    def _data_dependent(self, index: int) -> bool:
        return index < 0 or self.specs[index].shape is None or self.specs[index].dtype.kind == "O"

    def subgraph(
        self, index: int, operands: Sequence[int], callers: tuple[Step, ...], targets: Sequence[int] = ()
    ) -> tuple[list[Task], list[int]]:
        """The tasks of a subgraph, and the tensors that it returns. targets: where they are written if they can be."""
        plan = self.plan_of(index)
        graph = plan.graph
        given = [self.specs[at] for at in operands]
        plan.infer([spec.dims for spec in given], [spec.type for spec in given])
        self._called_plans.add(plan)
        if plan.graph.variables or min((*graph.inputs, *graph.outputs), default=0) < 0:
            raise _Apart
        if len(set(graph.inputs)) < len(graph.inputs) or any(plan.specs[at].value is not None for at in graph.inputs):
            raise _Apart
        names: _Names = dict(zip(graph.inputs, operands, strict=True))
        computed = {at for step in plan.steps for at in step.operation.outputs}
        for at, target in zip(graph.outputs, targets, strict=False):
            if at in computed and at not in names and plan.specs[at].shape == self.specs[target].shape:
                names[at] = target
        tasks = [task for step in plan.steps for task in self._tasks(step, plan, names, callers)]
        return tasks, [self._number(at, plan, names) for at in graph.outputs]

    def _tasks(self, step: Step, plan: Plan, names: _Names, callers: tuple[Step, ...]) -> list[Task]:
        self._count += 1
        if self._count > _MOST_TASKS or step.kernel is None or step.prepared_for is not None:
            raise _Apart
        inputs, outputs = (
            tuple(self._number(at, plan, names) for at in indices)
            for indices in (step.operation.inputs, step.operation.outputs)
        )
        if isinstance(step.kernel, Caller):
            return self._called(step, inputs, outputs, callers)
        used = (*step.operation.inputs, *step.operation.outputs)
        if step.kernel.flavour != DEFAULT_FLAVOUR or any(at >= 0 and plan.specs[at].shape is None for at in used):
            raise _Apart
        specs = [
            tuple(
                None if at < 0 else replace(plan.specs[at], index=number)
                for at, number in zip(indices, numbers, strict=True)
            )
            for indices, numbers in ((step.operation.inputs, inputs), (step.operation.outputs, outputs))
        ]
        written = tuple(spec for spec in specs[1] if spec is not None)
        return [Task(step, Lowering(step.kernel, specs[0], written, self._threads), inputs, outputs, callers=callers)]

    def _number(self, index: int, plan: Plan, names: _Names) -> int:
        if index >= 0 and index not in names:
            names[index] = self.new(plan.specs[index])
        return names.get(index, -1)

    def release(self) -> None:
        """Frees the data of the called subgraphs that nobody else has made ready to run."""
        for plan in self._called_plans:
            if plan.native is None:
                plan.release()

    def new(self, spec: TensorSpec) -> int:
        """The number of another tensor like this one."""
        self.specs.append(replace(spec, index=len(self.specs)))
        return len(self.specs) - 1


class _Maker:
    """Makes the tasks of one operator. callers: of the subgraphs' operators."""

    def __init__(self, inlining: Inlining, step: Step, callers: tuple[Step, ...]) -> None:
        self._inlining, self._step, self._callers = inlining, step, callers

    def composite(self, kernel: StablehloComposite, inputs: Sequence[int], outputs: Sequence[int]) -> list[Task]:
        """The subgraph."""
        tasks, results = self._inlining.subgraph(kernel.subgraph, inputs, self._callers, outputs)
        return tasks + [self._view(at, out) for at, out in zip(results, outputs, strict=True) if at != out]

    def choice(self, kernel: If, inputs: Sequence[int], outputs: Sequence[int]) -> list[Task]:
        """Over the first branch to the second one, or after the first one over the second."""
        otherwise, end = Label(), Label()
        condition, *operands = inputs
        (first, one), (second, other) = (
            self._inlining.subgraph(branch, operands, self._callers) for branch in kernel.branches
        )
        return [
            self._task(Jump(otherwise, Tensor(condition)), reads=(condition,)),
            *first,
            *self._copies(one, outputs),
            self._task(Jump(end)),
            self._task(otherwise),
            *second,
            *self._copies(other, outputs),
            self._task(end),
        ]

    def loop(self, kernel: While, inputs: Sequence[int], outputs: Sequence[int]) -> list[Task]:
        """The outputs' memory carries what changes from round to round; what does not stays where it is."""
        inlining, limit = self._inlining, kernel.context.limits.while_iterations
        if limit < 1:
            raise _Apart
        graph = inlining.plan_of(kernel.body).graph
        changing = [at for at in range(len(inputs)) if graph.inputs[at] != graph.outputs[at]]
        carried = [outputs[at] if at in changing else index for at, index in enumerate(inputs)]
        start, end, rounds = Label(), Label(), State(padded(np.zeros(1, np.int64)))
        asking, (again,) = inlining.subgraph(kernel.cond, carried, self._callers)
        body, results = inlining.subgraph(kernel.body, carried, self._callers)
        return [
            *self._copies([inputs[at] for at in changing], [outputs[at] for at in changing]),
            self._task(begin_rounds(rounds)),
            self._task(start),
            *asking,
            self._task(Jump(end, Tensor(again)), reads=(again,)),
            *body,
            *self._moved([results[at] for at in changing], [outputs[at] for at in changing]),
            replace(self._task(count_round(rounds, limit)), refusal=kernel.endless),
            self._task(Jump(start)),
            self._task(end),
            *[self._view(inputs[at], outputs[at]) for at in range(len(inputs)) if at not in changing],
        ]

    def _moved(self, results: Sequence[int], carried: Sequence[int]) -> list[Task]:
        """Copies of a round's results to where the next one looks for them, as if all were made at once."""
        sources, before = list(results), []
        for at, index in enumerate(results):
            if index in carried:
                sources[at] = self._inlining.new(self._inlining.specs[index])
                before += self._copies([index], [sources[at]])
        self._inlining.own.update(sources)
        return before + self._copies(sources, carried)

    def _copies(self, sources: Sequence[int], targets: Sequence[int]) -> list[Task]:
        specs, tasks = self._inlining.specs, []
        for source, target in zip(sources, targets, strict=True):
            calls = whole_copy(specs[source], specs[target])
            if calls is None or specs[source].shape != specs[target].shape:
                raise _Apart
            tasks.append(self._task(*calls, reads=(source,), writes=(target,)))
        return tasks

    def _task(self, *result: Call | Jump | Label, reads: tuple[int, ...] = (), writes: tuple[int, ...] = ()) -> Task:
        return Task(self._step, None, reads, writes, result, callers=self._callers[:-1])

    def _view(self, source: int, target: int) -> Task:
        if self._inlining.specs[source].shape != self._inlining.specs[target].shape:
            raise _Apart
        return Task(self._step, None, (source,), (target,), View(), callers=self._callers[:-1])


def own_task(step: Step, threads: int) -> Task:
    """A step as it stands, with what lowering it needs if it can be lowered."""
    operation, specs, lowering = step.operation, step.plan.specs, None
    if step.kernel is not None and step.prepared_for is None and step.kernel.flavour == DEFAULT_FLAVOUR:
        inputs = tuple(None if index < 0 else specs[index] for index in operation.inputs)
        outputs = tuple(specs[index] for index in operation.outputs)
        if all(spec is None or spec.shape is not None for spec in (*inputs, *outputs)):
            lowering = Lowering(step.kernel, inputs, outputs, threads)
    return Task(step, lowering, operation.inputs, operation.outputs)
