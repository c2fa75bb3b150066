"""`NativePlan`: a plan's steps as native programs, with the steps that have no compiled code in between.

Consecutive steps with compiled code make one program, which is one native call. What a rewritten or shared tensor held
can still be asked for: it is computed again by the reference tier.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litejit.inlining import Inlining, own_task
from litejit.kernels.jit.call import Call, View
from litejit.kernels.jit.lowering import Lowered, lower
from litejit.kernels.jit.moving import whole_copy
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.control_flow import Caller, CallOnce
from litejit.programs import Part, Programs, Stretch
from litejit.rewrites import REWRITES, REWRITES_OF_CALLS, Task, compute_once, interleave
from litejit.shadow import Shadow
from litejit.storage import Interface, Storage
from litejit.strings import Strings
from litejit.workers import Workers

if TYPE_CHECKING:
    from litejit.plan import Plan
    from litejit.step import Step

__all__ = ["NativePlan"]


class NativePlan:
    """The compiled form of an allocated plan.

    keep_all: no tensor shares memory with another, so that intermediates keep what they held. plan_of: the plan of a
    subgraph by index, for those that are called.
    """

    has_steps = True

    def __init__(self, plan: Plan, workers: Workers, keep_all: bool, plan_of: Callable[[int], Plan]) -> None:
        self.plan = plan
        self.workers = workers
        self._shadow = Shadow(plan, self._has_state)
        self._plan_of = plan_of
        # What a step gives whose shape depends on data may be a view of its operand, whose life would have to go on.
        self._keeps_all = keep_all or any(step.kernel is None for step in plan.steps)
        self.strings = None if self._keeps_all else Strings.of(plan)
        self.specs = self._own_specs()
        """The plan's, then those of the subgraphs that have become part of it."""
        self._needed = {
            *plan.graph.outputs,
            *(at for step in plan.steps if self._has_state(step) for at in step.operation.outputs),
        }
        self._inlining = Inlining(self.specs, plan_of, workers.count)
        tasks = self._lowered()
        tasks, aliases = _without_views(self.specs, tasks, {*plan.graph.outputs, *self._inlining.own})
        interface = Interface(plan.graph.inputs, [*self._needed], plan.graph.variables)
        self.storage = Storage(self.specs, tasks, aliases, interface, self._keeps_all, workers.count)
        self.tasks = interleave(tasks, self.storage.place)
        self.loose_outputs = [
            at for at in plan.graph.outputs if at not in self.storage.tensors and plan.specs[at].value is None
        ]
        """Outputs of the graph that are computed, with no memory of their own in the arena."""
        self.transient = self._not_kept()
        self.storage.move_in(plan.arrays)
        self._programs = Programs(self.storage, workers, plan.arrays)
        self.parts: list[Part] = []
        self.program: Callable[[], int] | None = None
        """All there is to do, if that is one native call."""
        self._divide()
        self._inlining.release()

    @property
    def bytes(self) -> int:
        """Memory of tensors (scratch memory included), and packed constants."""
        constants = [
            value
            for task in self.tasks
            for call in task.calls
            for value in call.values.values()
            if isinstance(value, np.ndarray)
        ]
        packed = sum({id(value): value.nbytes for value in constants}.values())
        return self.storage.memory.nbytes + packed

    def _divide(self) -> None:
        """Makes parts of what is left to do."""
        tasks = [task.dropped if _is_done(task) else task for task in self.tasks]
        self.parts = self._programs.parts(tasks, self._divide)
        whole = self.parts[0] if len(self.parts) == 1 and not self.loose_outputs else None
        self.whole = whole if type(whole) is Stretch else None
        self.program = None if self.whole is None else self.whole.run

    def _own_specs(self) -> list[TensorSpec]:
        return list(self.plan.specs) if self.strings is None else list(map(self.strings.spec, self.plan.specs))

    def _lowered(self) -> list[Task]:
        """The plan's steps as tasks, rewritten and with the calls that do them."""
        inlined = set() if self._keeps_all else {step for step in self.plan.steps if isinstance(step.kernel, Caller)}
        without_code: set[Step] = set()
        while True:
            del self.specs[len(self.plan.specs) :]
            tasks = [task for step in self.plan.steps for task in self._tasks(step, step in inlined)]
            tasks = [replace(task, lowering=None) if task.step in without_code else task for task in tasks]
            if not self._keeps_all:
                tasks = compute_once(tasks, self._needed, lambda spec: self._inlining.new(spec))
                for rewrite in REWRITES:
                    tasks = rewrite(tasks, self._needed)
            tasks = [
                task if task.lowering is None else replace(task, result=_calls(lower(task.lowering))) for task in tasks
            ]
            incomplete = {task.callers[0] for task in tasks if task.callers and task.result is None}
            # The reference tier cannot pad for the PAD that has been left out.
            padding = {
                task.step for task in tasks if task.lowering and task.lowering.moved_windows and task.result is None
            }
            if padding:
                without_code |= padding
            elif self.strings is not None and any(
                task.result is None and self.strings.moves(task.step) for task in tasks
            ):
                self.strings = None
                self.specs[:] = self.plan.specs
            elif not incomplete:
                break
            inlined -= incomplete
        if not self._keeps_all:
            for rewrite in REWRITES_OF_CALLS:
                tasks = rewrite(tasks, self._needed)
        return tasks

    def _tasks(self, step: Step, is_inlined: bool) -> list[Task]:
        tasks = self._inlining.tasks(step) if is_inlined else None
        if tasks is None:
            task = own_task(step, self.workers.count)
            tasks = [task if self.strings is None else self.strings.task(task)]
        return self.plan.guarded(step, tasks)

    def _not_kept(self) -> set[int]:
        """Tensors that cannot be read after a run: others have used their memory, or they have not been computed."""
        if self._keeps_all:
            return set()
        computed = {index for task in self.tasks for index in task.outputs} | set(self.storage.tensors)
        skipped = {at for step in self.plan.steps for at in step.operation.outputs} - computed
        return self.storage.shared() | {at for at in skipped if self.plan.specs[at].value is None}

    def _has_state(self, step: Step) -> bool:
        """Whether an operator gives something else the next time: then its outputs are kept, not computed again."""
        kernel = step.kernel
        if isinstance(kernel, Caller) and not isinstance(kernel, CallOnce):
            called = [self._plan_of(index) for index in kernel.subgraphs]
            return any(other.graph.variables or any(map(self._has_state, other.steps)) for other in called)
        if kernel is not None and kernel.stateful:
            return True
        return any(at >= 0 and step.plan.specs[at].is_variable for at in step.operation.inputs)

    def run(self) -> None:
        """Computes the graph's outputs."""
        self._shadow.forget()
        if self.strings is not None:
            self.strings.begin()
        for part in self.parts:
            part()
        if self.strings is not None:
            self.strings.end()

    def run_program(self) -> None:
        """Computes the graph's outputs with the least effort; there must be a program."""
        self._shadow.forget()
        assert self.program is not None
        if self.strings is not None:
            self.strings.begin()
        fault = self.program()
        if fault:
            assert self.whole is not None
            self.whole.refuse(fault - 1)
        if self.strings is not None:
            self.strings.end()

    def recomputed(self, index: int, inputs_changed: bool) -> np.ndarray:
        """What a tensor held at the last run, though its memory has been used for others since then."""
        return self._shadow.array(index, inputs_changed)


def _calls(lowered: Lowered | None) -> tuple[Call, ...] | View | None:
    return lowered if lowered is None or isinstance(lowered, View) else tuple(lowered)


def _is_done(task: Task) -> bool:
    return isinstance(task.step.kernel, CallOnce) and task.step.kernel.is_done


def _without_views(
    specs: Sequence[TensorSpec], tasks: Sequence[Task], own: Collection[int]
) -> tuple[list[Task], dict[int, int]]:
    """The tasks, nothing left to do for views; and the tensors that are others under another name.

    own: tensors with memory of their own, which constants have, too: their views are copies.
    """
    result: list[Task] = []
    aliases: dict[int, int] = {}
    for task in tasks:
        if isinstance(task.result, View):
            source, (target,) = task.inputs[task.result.operand], task.outputs
            if target in own or specs[source].value is not None:
                copies = whole_copy(specs[source], specs[target])
                task = replace(task, result=None if copies is None else tuple(copies))
            else:
                aliases[target] = source
                task = replace(task, result=())
        result.append(task)
    return result, aliases
