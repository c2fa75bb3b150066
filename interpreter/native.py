"""`NativePlan`: a plan's steps as native programs, with the steps that have no compiled code in between.

Tensors lie in one arena, where those that never live at once share memory. Consecutive steps with compiled code make
one program, which is one native call. What a rewritten or shared tensor held can still be asked for: it is computed
again by the reference tier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from litejit.arena import Arena, Block, aligned_buffer, place
from litejit.kernels.jit import library
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, View, padded
from litejit.kernels.jit.guard import Extent, MemoryAccessError, watch
from litejit.kernels.jit.lowering import Lowered, Lowering, lower
from litejit.kernels.jit.moving import whole_copy
from litejit.kernels.jit.target import is_checked
from litejit.kernels.kernel import DEFAULT_FLAVOUR
from litejit.rewrites import REWRITES, REWRITES_OF_CALLS, Task
from litejit.schema.errors import InvalidInputError
from litejit.workers import Workers

if TYPE_CHECKING:
    from litejit.plan import Plan, Step

__all__ = ["NativePlan", "Part", "PythonPart", "Stretch"]

FEW_STEPS = 1_500_000
"""Work of a program below which waking other threads costs more than they save."""

_ENTRY = 5
_FOREVER = 1 << 60


@dataclass(frozen=True, eq=False)
class Stretch:
    """The calls of consecutive tasks as one program: its entries (see the executor), and what they point to."""

    tasks: tuple[Task, ...]
    calls: tuple[Call, ...]
    entries: np.ndarray
    blocks: tuple[np.ndarray, ...]
    workers: Workers
    threads: int
    run: Callable[[], None]

    def __call__(self) -> None:
        """Runs the program."""
        self.run()


@dataclass(frozen=True, eq=False)
class CheckedStretch(Stretch):
    """The program one call at a time, each with its memory watched. extents: of each call."""

    extents: tuple[list[Extent], ...]
    scratch: np.ndarray

    def __call__(self) -> None:
        """Runs the calls; MemoryAccessError for one that touches other memory than its own."""
        # Calls of one task may hand data on in scratch memory, tasks may not.
        first_calls = {task.calls[0] for task in self.tasks if task.calls}
        for entry, call, allowed in zip(self.entries, self.calls, self.extents, strict=True):
            if call in first_calls:
                self.scratch[:] = 0xA5
            watch([*allowed, Extent(entry.ctypes.data, entry.nbytes, True)])
            self.workers.program(entry.ctypes.data, 1, 1)()
            try:
                watch([])
            except MemoryAccessError as error:
                raise MemoryAccessError(f"{call.kernel}: {error}") from None


@dataclass(frozen=True, eq=False)
class PythonPart:
    """A step that the reference tier runs. stored: memory of its outputs, by tensor."""

    task: Task
    arrays: list[np.ndarray | None]
    stored: tuple[tuple[int, np.ndarray], ...]

    def __call__(self) -> None:
        """Runs the step, and puts its outputs where they are looked for by native code."""
        self.task.step.run()
        for index, memory in self.stored:
            value = self.arrays[index]
            if value is not memory:
                memory[...] = value
                self.arrays[index] = memory


Part = Stretch | PythonPart


class NativePlan:
    """The compiled form of an allocated plan.

    keep_all: no tensor shares memory with another, so that intermediates keep what they held.
    """

    def __init__(self, plan: Plan, workers: Workers, keep_all: bool) -> None:
        self.plan = plan
        self.workers = workers
        self._shadow: Plan | None = None
        self._keeps_all = keep_all or _must_keep_all(plan)
        self.tasks, self._aliases = _without_views(plan, self._lowered())
        self._stored = self._in_arena()
        self.loose_outputs = [at for at in plan.graph.outputs if at not in self._stored]
        """Outputs of the graph with no memory of their own in the arena."""
        self.blocks = self._lifetimes()
        self.arena: Arena = place(self.blocks)
        self.transient = self._not_kept()
        self.memory = aligned_buffer(self.arena.size)
        self._constants: dict[int, np.ndarray] = {}
        self._give_memory()
        scratch_bytes = max((call.scratch_bytes for task in self.tasks for call in task.calls), default=0)
        self.scratch = aligned_buffer(scratch_bytes * workers.count + SLACK)
        self.parts: list[Part] = self._parts()

    def _lowered(self) -> list[Task]:
        """The plan's steps as tasks, rewritten and with the calls that do them."""
        plan = self.plan
        tasks = [_task(step, plan, self.workers.count) for step in plan.steps]
        if not self._keeps_all:
            for rewrite in REWRITES:
                tasks = rewrite(tasks, plan.graph.outputs)
        tasks = [
            task if task.lowering is None else replace(task, result=_calls(lower(task.lowering))) for task in tasks
        ]
        if not self._keeps_all:
            for rewrite in REWRITES_OF_CALLS:
                tasks = rewrite(tasks, plan.graph.outputs)
        return tasks

    # ------------------------------------------------------------------ memory

    def _in_arena(self) -> dict[int, None]:
        """Tensors that lie in the arena: those with data that are not constant."""
        plan = self.plan
        used = {index for task in self.tasks for index in (*task.inputs, *task.outputs)}
        used |= {*plan.graph.inputs, *plan.graph.outputs, *plan._variables, *self._aliases}
        return {
            at: None
            for at in sorted(used)
            if at >= 0
            and plan.specs[at].value is None
            and plan.specs[at].shape is not None
            and plan.specs[at].dtype.kind != "O"
        }

    def _not_kept(self) -> set[int]:
        """Tensors that cannot be read after a run: others have used their memory, or they have not been computed."""
        if self._keeps_all:
            return set()
        last = {block.key: block.last for block in self.blocks}
        shared = {at for at in self._stored if last[self._root(at)] != _FOREVER}
        computed = {index for task in self.tasks for index in task.outputs}
        skipped = {at for step in self.plan.steps for at in step.operation.outputs} - computed - set(self._stored)
        return shared | {at for at in skipped if self.plan.specs[at].value is None}

    def _lifetimes(self) -> list[Block]:
        plan = self.plan
        first, last = dict.fromkeys(self._stored, 0), dict.fromkeys(self._stored, 0)
        for at, task in enumerate(self.tasks):
            for index in task.outputs:
                if index in first:
                    first[index] = last[index] = at
        for at, task in enumerate(self.tasks):
            for index in task.inputs:
                if index in last:
                    last[index] = max(last[index], at)
        for index in (*plan.graph.inputs, *plan.graph.outputs, *plan._variables):
            if index in last:
                last[index] = _FOREVER
        for index in (*plan.graph.inputs, *plan._variables):
            if index in first:
                first[index] = 0
        blocks: dict[int, Block] = {}
        for index in first:
            root = self._root(index)
            size = plan.specs[index].size * plan.specs[index].dtype.itemsize
            block = Block(root, size, first[index], _FOREVER if self._keeps_all else last[index])
            known = blocks.get(root)
            if known is not None:
                block = Block(root, size, min(known.first, block.first), max(known.last, block.last))
            blocks[root] = block
        return list(blocks.values())

    def _root(self, index: int) -> int:
        while index in self._aliases:
            index = self._aliases[index]
        return index

    def sharing(self, root: int) -> list[int]:
        """The tensors that are views of one block of memory."""
        return [at for at in self._stored if self._root(at) == root]

    def _give_memory(self) -> None:
        """Moves the plan's arrays into the arena, what they hold included."""
        plan = self.plan
        for index in self._stored:
            spec = plan.specs[index]
            size, offset = spec.size * spec.dtype.itemsize, self.arena.offsets[self._root(index)]
            view = self.memory[offset : offset + size].view(spec.dtype).reshape(spec.dims)
            before = plan.arrays[index]
            if before is not None and before.shape == view.shape:
                view[...] = before
            plan.arrays[index] = view

    def _address(self, index: int) -> int:
        spec = self.plan.specs[index]
        if spec.value is None:
            return self.memory.ctypes.data + self.arena.offsets[self._root(index)]
        if index not in self._constants:
            self._constants[index] = padded(spec.value)
        return self._constants[index].ctypes.data

    # ------------------------------------------------------------------ steps

    def _parts(self) -> list[Part]:
        parts: list[Part] = []
        pending: list[Task] = []

        def flush() -> None:
            if any(task.calls for task in pending):
                parts.append(self._stretch(tuple(pending)))
            pending.clear()

        for task in self.tasks:
            if task.result is None:
                flush()
                parts.append(self._python_part(task))
            else:
                pending.append(task)
        flush()
        return parts

    def _stretch(self, tasks: tuple[Task, ...]) -> Stretch:
        calls = tuple(call for task in tasks for call in task.calls)
        blocks = tuple(call.bind(self._address, self.scratch.ctypes.data) for call in calls)
        entries = np.zeros((len(calls), _ENTRY), np.int64)
        for entry, call, block in zip(entries, calls, blocks, strict=True):
            entry[:4] = library.address(call.kernel), block.ctypes.data, call.items, call.grain
        checked = is_checked()
        threads = self.workers.count if sum(call.work for call in calls) > FEW_STEPS and not checked else 1
        run = self.workers.program(entries.ctypes.data, len(calls), threads)
        if checked:
            extents = tuple(self._extents(call, block) for call, block in zip(calls, blocks, strict=True))
            return CheckedStretch(tasks, calls, entries, blocks, self.workers, 1, run, extents, self.scratch)
        return Stretch(tasks, calls, entries, blocks, self.workers, threads, run)

    def _extents(self, call: Call, block: np.ndarray) -> list[Extent]:
        """The memory that a call may touch. What it reads may go on for the slack, what it writes may not."""
        extents = [Extent(block.ctypes.data, block.nbytes, False)]
        for value in call.values.values():
            if isinstance(value, np.ndarray):
                extents.append(Extent(value.ctypes.data, value.nbytes + SLACK, False))
            elif isinstance(value, Tensor):
                spec = self.plan.specs[value.index]
                address, size = self._address(value.index), spec.size * spec.dtype.itemsize
                extents.append(Extent(address, size + SLACK, False))
                if spec.value is None:
                    extents.append(Extent(address, size, True))
            elif isinstance(value, Scratch):
                extents.append(Extent(self.scratch.ctypes.data, call.scratch_bytes, True))
        return extents

    def _python_part(self, task: Task) -> PythonPart:
        arrays, outputs = self.plan.arrays, task.step.operation.outputs
        stored = {index: memory for index in outputs if index in self._stored and (memory := arrays[index]) is not None}
        return PythonPart(task, arrays, tuple(stored.items()))

    def run(self) -> None:
        """Computes the graph's outputs."""
        self._shadow = None
        for part in self.parts:
            part()

    def recomputed(self, index: int, inputs_changed: bool) -> np.ndarray:
        """What a tensor held at the last run, though its memory has been used for others since then."""
        from litejit.plan import Plan

        plan = self.plan
        if inputs_changed:
            raise InvalidInputError(
                f"{plan.specs[index]} is not kept, and inputs have changed since invoke(); read it before setting "
                "inputs, or use experimental_preserve_all_tensors=True"
            )
        if self._shadow is None:
            shadow = Plan(plan.graph, plan.context)
            shadow.input_shapes = dict(plan.input_shapes)
            shadow.allocate()
            for at in plan.graph.inputs:
                if at >= 0:
                    shadow.arrays[at] = plan.arrays[at]
            shadow.run()
            self._shadow = shadow
        return self._shadow.array(index)


def _task(step: Step, plan: Plan, threads: int) -> Task:
    """A step as it stands, with what lowering it needs if it can be lowered."""
    operation, lowering = step.operation, None
    if step.kernel is not None and step.prepared_for is None and step.kernel.flavour == DEFAULT_FLAVOUR:
        inputs = tuple(None if index < 0 else plan.specs[index] for index in operation.inputs)
        outputs = tuple(plan.specs[index] for index in operation.outputs)
        if all(spec is None or spec.shape is not None for spec in (*inputs, *outputs)):
            lowering = Lowering(step.kernel, inputs, outputs, threads)
    return Task(step, lowering, operation.inputs, operation.outputs)


def _calls(lowered: Lowered | None) -> tuple[Call, ...] | View | None:
    return lowered if lowered is None or isinstance(lowered, View) else tuple(lowered)


def _must_keep_all(plan: Plan) -> bool:
    """Whether tensors may not share memory.

    What an operator with state gave cannot be computed again. What one gives whose shape depends on data may be a view
    of its operand, whose life would have to last as long.
    """
    if any(spec.is_variable for spec in plan.specs):
        return True
    return any(step.kernel is None or step.kernel.stateful for step in plan.steps)


def _without_views(plan: Plan, tasks: Sequence[Task]) -> tuple[list[Task], dict[int, int]]:
    """The tasks, nothing left to do for views; and the tensors that are others under another name.

    Outputs of the graph and constants keep memory of their own: their views are copies.
    """
    result: list[Task] = []
    aliases: dict[int, int] = {}
    for task in tasks:
        if isinstance(task.result, View):
            source, (target,) = task.inputs[task.result.operand], task.outputs
            if target in plan.graph.outputs or plan.specs[source].value is not None:
                copies = whole_copy(plan.specs[source], plan.specs[target])
                task = replace(task, result=None if copies is None else tuple(copies))
            else:
                aliases[target] = source
                task = replace(task, result=())
        result.append(task)
    return result, aliases
