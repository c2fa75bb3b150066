"""What rewrites of a plan work on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from litejit.kernels.jit.call import Call, Jump, Label, View
from litejit.kernels.jit.choosing import Option
from litejit.kernels.jit.lowering import Lowering
from litejit.sharing import is_worth_sharing

if TYPE_CHECKING:
    from litejit.step import Step

__all__ = ["Rewrite", "Task", "scratch_bytes", "without_unread"]


@dataclass(frozen=True, eq=False)
class Task:
    """A step of a plan on its way to code.

    lowering: None where the reference tier runs the step. inputs, outputs: indices of the tensors that it reads and
    writes now. result: what it has been lowered to; () if others do its work. others: steps whose work it does, too.
    callers: for an operator of a called subgraph, those that call it, the plan's own first. refusal: makes the error
    for a fault; None: the reference tier raises it. options: of a block, what has been decided about fusing it. block:
    what `litejit tune` remembers a fused block by.
    """

    step: Step
    lowering: Lowering | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    result: tuple[Call | Jump | Label, ...] | View | None = None
    others: tuple[Step, ...] = ()
    callers: tuple[Step, ...] = ()
    refusal: Callable[[], Exception] | None = None
    options: Callable[[], tuple[Option, ...]] | None = None
    block: str = ""

    @property
    def owner(self) -> Step:
        """The step of the plan itself that this is a part of."""
        return self.callers[0] if self.callers else self.step

    @property
    def entries(self) -> tuple[Call | Jump, ...]:
        """What becomes entries of a program."""
        return tuple(item for item in self._items if not isinstance(item, Label))

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that do it, if that is what does it."""
        return tuple(item for item in self._items if isinstance(item, Call))

    @property
    def _items(self) -> tuple[Call | Jump | Label, ...]:
        return self.result if isinstance(self.result, tuple) else ()

    @property
    def dropped(self) -> Task:
        """The task without anything to do."""
        return replace(self, lowering=None, inputs=(), outputs=(), result=())


def scratch_bytes(calls: Sequence[Call], threads: int, size: Callable[[int], int]) -> int:
    """The scratch memory that the calls of a task need: they have it in common. size: bytes of a tensor.

    For each thread that may help, that is what a slot of a call says, if there is one; the rest is there once.
    """

    def needed(call: Call) -> int:
        helpers = threads - 1 if is_worth_sharing(call, size) else 0
        return call.scratch_bytes + helpers * int(call.values.get("scratch_bytes", 0))

    return max(map(needed, calls), default=0)


Rewrite = Callable[[Sequence[Task], Collection[int]], list[Task]]
"""(tasks, tensors that must be computed) -> tasks."""


def without_unread(tasks: Sequence[Task], spared: Collection[int], needed: Collection[int]) -> list[Task]:
    """The tasks, nothing left to do for those that wrote only `spared` tensors which nobody reads any more."""
    read = set(needed)
    result: list[Task] = []
    for task in reversed(tasks):
        if task.outputs and all(index in spared and index not in read for index in task.outputs):
            task = task.dropped
        read.update(task.inputs)
        result.append(task)
    return result[::-1]
