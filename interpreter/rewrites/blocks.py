"""Blocks of convolutions that are computed at once: expand -> depthwise -> project, and the addition after them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from litejit.kernels.jit.call import View
from litejit.kernels.jit.fused import Addition, Block, is_enabled
from litejit.kernels.jit.lowering import lower
from litejit.kernels.reference.arithmetic import Add
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D
from litejit.rewrites.peak import Peak
from litejit.rewrites.task import Task, scratch_bytes

__all__ = ["fuse_blocks"]


def fuse_blocks(tasks: Sequence[Task], needed: Collection[int]) -> list[Task]:
    """Depthwise convolutions with the 1 x 1 convolutions around them, where nobody else reads what lies between.

    Only where the plan needs no more memory for that: what a block needs for itself has to fit beside its tensors.
    """
    if not is_enabled():
        return list(tasks)
    readers: dict[int, list[int]] = {}
    for at, task in enumerate(tasks):
        for index in task.inputs:
            readers.setdefault(index, []).append(at)
    follower = {
        index: at for index, (at, *others) in readers.items() if not others and index not in needed and index >= 0
    }
    writer = {index: at for at, task in enumerate(tasks) for index in task.outputs}
    peak: Peak | None = None
    result = list(tasks)
    for at, task in enumerate(tasks):
        if task.lowering is not None and isinstance(task.lowering.kernel, DepthwiseConv2D):
            # What ends one block does not begin another.
            parts = [part for part in _around(tasks, at, follower, writer) if result[part] is tasks[part]]
            block = _block([tasks[part] for part in parts])
            if block is None or not block.is_wanted:
                continue
            parts = parts if block.addition is not None or not _is_addition(tasks[parts[-1]]) else parts[:-1]
            *inner, last = parts
            inputs = [block.input.index] + ([] if block.addition is None else [block.addition.residual.index])
            peak = peak or Peak(tasks, needed)
            between = [index for part in inner for index in tasks[part].outputs]
            spare = peak.spare(parts, inputs, between)
            if block.scratch_bytes > spare:
                # Lowering takes long: what operators apart would need is found out only where it matters.
                apart = [_scratch_bytes(tasks[part], peak) for part in parts]
                spare = peak.spare(parts, inputs, between, apart)
            calls = block.calls(spare)
            if calls is not None:
                steps = tuple(tasks[part].step for part in inner)
                fused = replace(tasks[last], lowering=None, inputs=tuple(inputs), result=tuple(calls), others=steps)
                result[last] = fused
                for part in inner:
                    result[part] = tasks[part].dropped
    return result


def _around(tasks: Sequence[Task], at: int, follower: Mapping[int, int], writer: Mapping[int, int]) -> list[int]:
    """The tasks of the block around a depthwise convolution, in order."""
    parts = [at]
    before = writer.get(tasks[at].inputs[0])
    if before is not None and follower.get(tasks[at].inputs[0]) == at and _is_pointwise(tasks[before]):
        parts.insert(0, before)
    after = follower.get(tasks[at].outputs[0])
    if after is not None and _is_pointwise(tasks[after]) and tasks[after].inputs[0] == tasks[at].outputs[0]:
        parts.append(after)
        added = follower.get(tasks[after].outputs[0])
        if added is not None and _is_addition(tasks[added]):
            parts.append(added)
    return parts


def _block(parts: Sequence[Task]) -> Block | None:
    """The block that these tasks are, if they are one."""
    lowerings = [part.lowering for part in parts if part.lowering is not None]
    if not all(lowering.kernel.is_compilable for lowering in lowerings):
        return None
    (at,) = (at for at, lowering in enumerate(lowerings) if isinstance(lowering.kernel, DepthwiseConv2D))
    if at + 1 == len(lowerings):
        return None
    project = lowerings[at + 1]
    added = [Addition.of(lowering, project.outputs[0].index) for lowering in lowerings[at + 2 :]]
    return Block(lowerings[at - 1] if at else None, lowerings[at], project, *added)


def _scratch_bytes(task: Task, peak: Peak) -> int:
    """What a task would need for itself."""
    lowered = None if task.lowering is None else lower(task.lowering)
    if task.lowering is None or lowered is None or isinstance(lowered, View):
        return 0
    return scratch_bytes(lowered, task.lowering.threads, peak.size)


def _is_pointwise(task: Task) -> bool:
    """Whether it is a convolution that sees single pixels, all of them."""
    lowering = task.lowering
    return (
        lowering is not None
        and isinstance(lowering.kernel, Conv2D)
        and lowering.kernel.groups == 1
        and all(window.filter_size == window.stride == 1 and window.before == 0 for window in lowering.windows)
        and all(window.in_size == window.out_size for window in lowering.windows)
    )


def _is_addition(task: Task) -> bool:
    return task.lowering is not None and isinstance(task.lowering.kernel, Add)
