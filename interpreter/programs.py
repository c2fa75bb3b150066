"""The parts that a native plan runs one after the other: native programs, and steps that the reference tier runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from litejit.calling import PROGRAM_KERNELS
from litejit.kernels.jit import library
from litejit.kernels.jit.call import Call, Fault, Jump, Label, Scratch, State, Tensor
from litejit.kernels.jit.guard import Extent, watched
from litejit.kernels.jit.layouts.programs import ENTRY, FAULT
from litejit.kernels.jit.memory import SLACK
from litejit.kernels.jit.target import is_checked
from litejit.kernels.reference.control_flow import CallOnce
from litejit.rewrites import Task
from litejit.schema.errors import LitejitError
from litejit.schema.lazy import Items
from litejit.sharing import Shares, shares
from litejit.storage import Storage
from litejit.workers import Workers

__all__ = ["Part", "Programs", "PythonPart", "Stretch"]

_Arrays = Items[np.ndarray | None]


@dataclass(frozen=True, eq=False)
class Stretch:
    """The calls of consecutive tasks as one program: its entries (see the executor), and what they point to."""

    tasks: tuple[Task, ...]
    items: tuple[Call | Jump, ...]
    entries: np.ndarray
    blocks: tuple[np.ndarray, ...]
    workers: Workers
    threads: int
    every: int
    storage: Storage
    run: Callable[[], int]

    def __call__(self) -> None:
        """Runs the program."""
        number = self.run()
        if number:
            self.refuse(number - 1)

    def refuse(self, number: int) -> NoReturn:
        """Raises what the reference tier raises for the operands of the call whose fault has been set."""
        task = self.owners[number]
        try:
            if task.refusal is not None:
                raise task.refusal()
            task.step.compute([self.storage.value(index) for index in task.inputs])
        except LitejitError as error:
            callers = task.callers if task.refusal is None else (*task.callers, task.step)
            places = "".join(f"{caller.operation.where}: " for caller in callers)
            raise type(error)(f"{places}{error}") from None
        raise AssertionError(f"{task.step.operation.where}: compiled code refuses what the reference tier takes")

    @property
    def owners(self) -> list[Task]:
        """The task of each entry."""
        return [task for task in self.tasks for _ in task.entries]

    @property
    def calls(self) -> tuple[Call, ...]:
        """What is called, in the order of the entries."""
        return tuple(item for item in self.items if isinstance(item, Call))


@dataclass(frozen=True, eq=False)
class CheckedStretch(Stretch):
    """The program one call at a time, each with its memory watched. extents: of each call."""

    extents: tuple[list[Extent], ...]

    def __call__(self) -> None:
        """Runs the calls; MemoryAccessError for one that touches other memory than its own."""
        # Calls of one task may hand data on in scratch memory, tasks may not.
        first_calls = {task.calls[0] for task in self.tasks if task.calls}
        number = 0
        while number < len(self.items):
            call, entry, allowed = self.items[number], self.entries[number], self.extents[number]
            if isinstance(call, Jump):
                condition = None if call.condition is None else self.storage.value(call.condition.index)
                number += 1 if condition is not None and condition.any() else int(entry[2])
                continue
            if call in first_calls:
                self.storage.scratch(call)[:] = 0xA5
            with watched(call.kernel, [*allowed, Extent(entry.ctypes.data, entry.nbytes, True)]):
                fault = self.workers.program(entry.ctypes.data, 1, 1)()
            if fault:
                self.refuse(number)
            number += 1


@dataclass(frozen=True, eq=False)
class PythonPart:
    """A step that the reference tier runs. arrays: of the plan. stored: memory of its outputs, by tensor."""

    task: Task
    arrays: _Arrays
    stored: tuple[tuple[int, np.ndarray], ...]

    def __call__(self) -> None:
        """Runs the step, and puts its outputs where they are looked for by native code."""
        self.task.step.run()
        for index, memory in self.stored:
            value = self.arrays[index]
            if value is not memory:
                memory[...] = value
                self.arrays[index] = memory


@dataclass(frozen=True, eq=False)
class OncePart(PythonPart):
    """A step that has nothing left to do once it has been run. then: is called after that."""

    then: Callable[[], None]

    def __call__(self) -> None:
        """Runs the step for the only time."""
        super().__call__()
        self.then()


Part = Stretch | PythonPart


def _places(tasks: Sequence[Task]) -> dict[Label, int]:
    """The entry that follows each label."""
    places: dict[Label, int] = {}
    count = 0
    for task in tasks:
        for item in task.result if isinstance(task.result, tuple) else ():
            if isinstance(item, Label):
                places[item] = count
            else:
                count += 1
    return places


def _allow_called(items: Sequence[Call | Jump], entries: np.ndarray, extents: list[list[Extent]]) -> None:
    """Calls that know where they are may use what those may that are jumped over behind them: they call them."""
    for at in range(1, len(items)):
        before, item = items[at - 1], items[at]
        knows = isinstance(before, Call) and any(isinstance(value, Fault) for value in before.values.values())
        if knows and isinstance(item, Jump) and item.condition is None:
            skipped = range(at + 1, at + int(entries[at, 2]))
            extents[at - 1] += [Extent(entries.ctypes.data, entries.nbytes, False)]
            extents[at - 1] += [extent for other in skipped for extent in extents[other]]


class Programs:
    """Makes parts of tasks whose tensors have been given memory."""

    def __init__(self, storage: Storage, workers: Workers, arrays: _Arrays) -> None:
        self._storage, self._workers, self._arrays = storage, workers, arrays

    def parts(self, tasks: Sequence[Task], once: Callable[[], None]) -> list[Part]:
        """The parts, in order: as much in one program as lies side by side.

        once: is called when a step has been run that has nothing left to do from then on.
        """
        called = [item.kernel for task in tasks for item in task.entries if isinstance(item, Call)]
        library.provide([*called, *PROGRAM_KERNELS] if called else ())
        parts: list[Part] = []
        pending: list[Task] = []

        def flush() -> None:
            if any(task.entries for task in pending):
                parts.append(self._stretch(tuple(pending)))
            pending.clear()

        for task in tasks:
            if task.result is None:
                flush()
                parts.append(self._python_part(task, once))
            else:
                pending.append(task)
        flush()
        return parts

    def _stretch(self, tasks: tuple[Task, ...]) -> Stretch:
        items = tuple(item for task in tasks for item in task.entries)
        places = _places(tasks)
        entries = np.zeros((len(items), ENTRY), np.int64)
        blocks: list[np.ndarray] = []
        extents: list[list[Extent]] = []
        checked = is_checked()
        shared = Shares([0] * len(items)) if checked or self._workers.count == 1 else self._shares(items)
        for at, (entry, item) in enumerate(zip(entries, items, strict=True)):
            if isinstance(item, Jump):
                condition = 0 if item.condition is None else self._storage.address(item.condition.index)
                entry[:3] = 0, condition, places[item.target] - at
                extents.append([])
                continue
            fault = entry.ctypes.data + 8 * FAULT
            block = item.bind(self._storage.address, self._storage.scratch_address(item), fault)
            entry[:4] = library.address(item.kernel), block.ctypes.data, item.items, shared.grains[at]
            blocks.append(block)
            extents.append(self._extents(item, block) if checked else [])
        if checked:
            _allow_called(items, entries, extents)
        threads = self._workers.count if any(shared.grains) else 1
        run = self._workers.program(entries.ctypes.data, len(items), threads, every=shared.every)
        made = tasks, items, entries, tuple(blocks), self._workers, threads, shared.every, self._storage, run
        return CheckedStretch(*made, tuple(extents)) if checked else Stretch(*made)

    def _shares(self, items: Sequence[Call | Jump]) -> Shares:
        def size(index: int) -> int:
            return 0 if self._storage.is_constant(index) else self._storage.size(index)

        return shares([item if isinstance(item, Call) else None for item in items], size)

    def _extents(self, call: Call, block: np.ndarray) -> list[Extent]:
        """The memory that a call may touch. What it reads may go on for the slack, what it writes may not."""
        extents = [Extent(block.ctypes.data, block.nbytes, False)]
        for value in call.values.values():
            if isinstance(value, np.ndarray):
                extents.append(Extent(value.ctypes.data, value.nbytes + SLACK, False))
            elif isinstance(value, Tensor):
                address, size = self._storage.address(value.index), self._storage.size(value.index)
                extents.append(Extent(address, size + SLACK, False))
                if not self._storage.is_constant(value.index):
                    extents.append(Extent(address, size, True))
            elif isinstance(value, State):
                extents.append(Extent(value.memory.ctypes.data, value.memory.nbytes + SLACK, False))
                extents.append(Extent(value.memory.ctypes.data, value.memory.nbytes, True))
            elif isinstance(value, Scratch):
                extents.append(Extent(self._storage.scratch_address(call), call.scratch_bytes, True))
        return extents

    def _python_part(self, task: Task, once: Callable[[], None]) -> PythonPart:
        outputs, known, arrays = task.step.operation.outputs, self._storage.tensors, self._arrays
        stored = {index: memory for index in outputs if index in known and (memory := arrays[index]) is not None}
        if isinstance(task.step.kernel, CallOnce):
            return OncePart(task, arrays, tuple(stored.items()), once)
        return PythonPart(task, arrays, tuple(stored.items()))
