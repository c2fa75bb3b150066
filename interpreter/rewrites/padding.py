"""Padding that convolutions can do themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D
from litejit.kernels.reference.padding import Pad
from litejit.rewrites.task import Task

__all__ = ["fold_padding"]


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
    constant = lowering.kernel.constant
    if constant is None or (constant.dtype.kind == "f" and not np.isfinite(constant).all()):
        return None  # products with the zeros of PAD count, those with a margin's do not
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
