"""Blocks of convolutions that are computed at once: expand -> depthwise -> project, and what is between and after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from litejit.kernels.geometry import Window
from litejit.kernels.jit.call import View
from litejit.kernels.jit.choosing import Illegal
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.fused import Addition, Block, Function
from litejit.kernels.jit.lowering import lower
from litejit.kernels.jit.pointwise import UNARY
from litejit.kernels.reference.arithmetic import Add
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D
from litejit.rewrites.peak import Peak
from litejit.rewrites.task import Task, scratch_bytes

__all__ = ["fuse_blocks"]


def fuse_blocks(tasks: Sequence[Task], needed: Collection[int]) -> list[Task]:
    """Depthwise convolutions with the 1 x 1 convolutions around them, where nobody else reads what lies between.

    Only where the plan needs no more memory for that: what a block needs for itself has to fit beside its tensors.
    """
    result = list(tasks)
    near = _Neighbours.of(tasks, result, needed)
    memory = _Memory(tasks, needed)
    for at, task in enumerate(tasks):
        if task.lowering is None or not isinstance(task.lowering.kernel, DepthwiseConv2D):
            continue
        for found in _choices(near, at):
            block = _block({role: tasks[part] for role, part in found.items()})
            if block is None:
                continue
            parts = sorted(part for role, part in found.items() if role != "addition" or block.addition is not None)
            *inner, last = parts
            inputs = [block.input.index] + ([] if block.addition is None else [block.addition.residual.index])
            asked, obstacle = bool(forced() & {"fused", "apart"}), block.obstacle
            is_tried = obstacle is None and block.is_wanted
            calls = block.calls(memory.spare(block, parts, inputs)) if is_tried else obstacle
            if calls is None or isinstance(calls, Illegal):
                result[at] = replace(task, options=partial(block.options, calls, False, asked))
                continue
            options = partial(block.options, None, True, asked)
            steps = tuple(tasks[part].step for part in inner)
            fused = replace(tasks[last], lowering=None, inputs=tuple(inputs), result=tuple(calls), others=steps)
            for part in inner:
                result[part] = tasks[part].dropped
            result[last] = replace(fused, options=options, block=block.signature)
            break
    return result


class _Memory:
    """What blocks may take for themselves."""

    def __init__(self, tasks: Sequence[Task], needed: Collection[int]) -> None:
        self.tasks, self.needed = tasks, needed

    @cached_property
    def _peak(self) -> Peak:
        return Peak(self.tasks, self.needed)

    def spare(self, block: Block, parts: Sequence[int], inputs: Sequence[int]) -> int:
        """Bytes that there are for a block of these tasks, exactly if that is less than what would be best."""
        between = [index for part in parts[:-1] for index in self.tasks[part].outputs]
        spare = self._peak.spare(parts, inputs, between)
        if block.scratch_bytes <= spare:
            return spare
        # Lowering takes long: what operators apart would need is found out only where it matters.
        apart = [_scratch_bytes(self.tasks[part], self._peak) for part in parts]
        return self._peak.spare(parts, inputs, between, apart)


@dataclass(frozen=True)
class _Neighbours:
    """Tasks that hand a tensor on which nobody else reads.

    result: what has become of the tasks so far. What ends one block does not begin another.
    """

    tasks: Sequence[Task]
    result: Sequence[Task]
    writers: Mapping[int, int]
    readers: Mapping[int, int]

    @classmethod
    def of(cls, tasks: Sequence[Task], result: Sequence[Task], needed: Collection[int]) -> _Neighbours:
        """Of tasks in order; needed: tensors that are read by others, too."""
        readers: dict[int, list[int]] = {}
        for at, task in enumerate(tasks):
            for index in task.inputs:
                readers.setdefault(index, []).append(at)
        only = {
            index: at for index, (at, *others) in readers.items() if not others and index not in needed and index >= 0
        }
        return cls(tasks, result, {index: at for at, task in enumerate(tasks) for index in task.outputs}, only)

    def before(self, at: int) -> int | None:
        """The task that writes the first operand."""
        operand = self.tasks[at].inputs[0]
        writer = self.writers.get(operand)
        return writer if writer is not None and self.readers.get(operand) == at and self._is_free(writer) else None

    def after(self, at: int) -> int | None:
        """The task that reads the result."""
        reader = self.readers.get(self.tasks[at].outputs[0])
        return reader if reader is not None and self._is_free(reader) else None

    def _is_free(self, at: int) -> bool:
        return self.result[at] is self.tasks[at]


def _choices(near: _Neighbours, depthwise: int) -> Iterator[dict[str, int]]:
    """The parts of blocks around a depthwise convolution, those of the better block first."""
    parts = _parts(near, depthwise)
    yield parts
    if "expand" in parts and _is_head(near.tasks[parts["expand"]]):
        yield {role: part for role, part in parts.items() if role not in ("expand", "first function")}


def _parts(near: _Neighbours, depthwise: int) -> dict[str, int]:
    """The tasks of the block around a depthwise convolution."""
    tasks, parts = near.tasks, {"depthwise": depthwise}
    before, after = near.before(depthwise), near.after(depthwise)
    if before is not None and _function(tasks[before]) is not None:
        parts["first function"] = before
        before = near.before(before)
    if before is not None and (_is_pointwise(tasks[before]) or _is_head(tasks[before])):
        parts["expand"] = before
    convolved = depthwise
    if after is not None and _function(tasks[after]) is not None:
        parts["second function"] = convolved = after
        after = near.after(after)
    if after is not None and _is_pointwise(tasks[after]) and tasks[after].inputs[0] == tasks[convolved].outputs[0]:
        parts["project"] = after
        added = near.after(after)
        if added is not None and _is_addition(tasks[added]):
            parts["addition"] = added
    return parts


def _block(parts: Mapping[str, Task]) -> Block | None:
    """The block that these tasks are, if they are one."""
    lowerings = {role: task.lowering for role, task in parts.items() if task.lowering is not None}
    if not all(lowering.kernel.is_compilable for lowering in lowerings.values()):
        return None
    expand, depthwise, project = (lowerings.get(role) for role in ("expand", "depthwise", "project"))
    first, second = (
        _function(parts[role]) if role in parts else None for role in ("first function", "second function")
    )
    if depthwise is None or not any(role in parts for role in ("expand", "first function", "project")):
        return None
    added = lowerings.get("addition")
    addition = None if added is None or project is None else Addition.of(added, project.outputs[0].index)
    return Block(expand, depthwise, project, (first, second), addition)


def _function(task: Task) -> Function | None:
    """The function of single elements that a task applies, if blocks can do it."""
    lowering = task.lowering
    is_unary = lowering is not None and isinstance(lowering.kernel, UNARY)
    calls = lower(lowering) if lowering is not None and is_unary else task.result
    if calls is None or isinstance(calls, View) or not calls:
        return None
    return Function.of(calls, task.inputs[0], task.outputs[0])


def _scratch_bytes(task: Task, peak: Peak) -> int:
    """What a task would need for itself."""
    lowered = None if task.lowering is None else lower(task.lowering)
    if task.lowering is None or lowered is None or isinstance(lowered, View):
        return 0
    return scratch_bytes(lowered, task.lowering.threads, peak.size)


def _windows(task: Task) -> Sequence[Window]:
    """Of a convolution in one group; none of another task."""
    lowering = task.lowering
    if lowering is None or not isinstance(lowering.kernel, Conv2D) or lowering.kernel.groups > 1:
        return ()
    return lowering.windows


def _is_pointwise(task: Task) -> bool:
    """Whether it is a convolution that sees single pixels, all of them."""
    windows = _windows(task)
    return bool(windows) and all(
        window.filter_size == window.stride == 1 and window.before == 0 and window.in_size == window.out_size
        for window in windows
    )


def _is_head(task: Task) -> bool:
    """Whether it is a convolution with strides, as networks begin with: no other algorithm computes these in floats."""
    windows = _windows(task)
    return all(window.dilation == 1 for window in windows) and any(window.stride > 1 for window in windows)


def _is_addition(task: Task) -> bool:
    return task.lowering is not None and isinstance(task.lowering.kernel, Add)
