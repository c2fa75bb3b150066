"""Rewrites of a plan before it is compiled: operators that need not run at all, and what takes over their work.

Each is a function from tasks to tasks. Results stay the same to the bit; tensors between the rewritten operators are
not computed, see `NativePlan`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from litejit.kernels.geometry import Window
from litejit.kernels.jit.call import Call, View
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D
from litejit.kernels.reference.padding import Pad

if TYPE_CHECKING:
    from litejit.plan import Step

__all__ = ["REWRITES", "Task", "fold_padding"]


@dataclass(frozen=True, eq=False)
class Task:
    """A step of a plan on its way to code.

    lowering: None where the reference tier runs the step. inputs, outputs: indices of the tensors that it reads and
    writes now. result: what it has been lowered to; () if others do its work.
    """

    step: Step
    lowering: Lowering | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    result: tuple[Call, ...] | View | None = None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that do it, if that is what does it."""
        return self.result if isinstance(self.result, tuple) else ()

    @property
    def dropped(self) -> Task:
        """The task without anything to do."""
        return replace(self, lowering=None, inputs=(), outputs=(), result=())


Rewrite = Callable[[Sequence[Task], Collection[int]], list[Task]]
"""(tasks, tensors that must be computed) -> tasks."""


def fold_padding(tasks: Sequence[Task], needed: Collection[int]) -> list[Task]:
    """PAD of height and width with what convolutions pad with becomes padding of the convolutions that follow."""
    readers: dict[int, list[int]] = {}
    for at, task in enumerate(tasks):
        for index in task.inputs:
            readers.setdefault(index, []).append(at)
    result = list(tasks)
    for at, task in enumerate(tasks):
        if task.lowering is None or not isinstance(task.lowering.kernel, Pad):
            continue
        (padded,) = task.outputs
        followers = readers.get(padded, [])
        folded = [_padded(tasks[follower], task.lowering) for follower in followers]
        if padded not in needed and folded and all(folded):
            result[at] = task.dropped
            for follower, into in zip(followers, folded, strict=True):
                assert into is not None
                result[follower] = into
    return result


def _padded(task: Task, pad: Lowering) -> Task | None:
    """The convolution with the padding in it, None where that is something else."""
    lowering, source, target = task.lowering, pad.input(0), pad.outputs[0]
    if lowering is None or not isinstance(lowering.kernel, (Conv2D, DepthwiseConv2D)):
        return None
    # The padded image is the first operand alone, and what it is padded with is what convolutions pad with.
    if task.inputs[0] != target.index or target.index in task.inputs[1:] or source.rank != 4:
        return None
    value = pad.given(2)
    if value is not None and value.value is None:
        return None
    filling = pad.kernel.pad_value if value is None or value.value is None else value.value.reshape(())
    nothing = target.zero_point if target.dtype.kind in "iu" else 0
    (batch, channels) = pad.kernel.paddings[0], pad.kernel.paddings[3]
    if filling != nothing or any((*batch, *channels)):
        return None
    windows = tuple(
        _wider(window, before, size)
        for window, (before, _), size in zip(lowering.windows, pad.kernel.paddings[1:3], source.dims[1:3], strict=True)
    )
    inputs = (replace(target, index=source.index, shape=source.shape), *lowering.inputs[1:])
    return replace(
        task, lowering=replace(lowering, inputs=inputs, moved_windows=windows), inputs=(source.index, *task.inputs[1:])
    )


def _wider(window: Window, before: int, in_size: int) -> Window:
    return replace(window, in_size=in_size, before=window.before + before)


REWRITES: tuple[Rewrite, ...] = (fold_padding,)
