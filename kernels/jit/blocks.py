"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND on the fast tier: a copy for each position of a block."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import Call, Tensor, padded
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.moving import copy
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.space import BatchToSpaceNd, SpaceToBatchNd

__all__: list[str] = []

_MOST_POSITIONS = 64


@lowers(SpaceToBatchNd)
def space_to_batch(lowering: Lowering) -> list[Call] | None:
    """Where there is padding, everything is filled first."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    befores = [before for before, _ in kernel.paddings[1:-1]]
    copies = _copies(kernel, input, output, befores, True)
    if copies is None or not any(max(pair) for pair in kernel.paddings):
        return copies
    size = input.dtype.itemsize
    pattern = padded(np.full(32 // size, np.array(kernel.pad_value).astype(input.dtype)))
    filled = copy(pattern, Tensor(output.index), (output.size,), (1,), (1,), size, fills=True)
    return None if filled is None else [filled, *copies]


@lowers(BatchToSpaceNd)
def batch_to_space(lowering: Lowering) -> list[Call] | None:
    """What is cropped is not copied."""
    kernel = lowering.kernel
    befores = [part.start for part in kernel.inside]
    return _copies(kernel, lowering.outputs[0], lowering.input(0), befores, False)


def _copies(kernel: Any, whole: TensorSpec, split: TensorSpec, befores: list[int], splits: bool) -> list[Call] | None:
    """Between an image and its pixels by position: pixel i at a position is i * block + position - before."""
    if prod(kernel.block_shape) > _MOST_POSITIONS or whole.dtype.kind == "O":
        return None
    if whole.size == 0 or split.size == 0:
        return None
    in_whole, in_split, size = contiguous(whole.dims), contiguous(split.dims), whole.dtype.itemsize
    blocks, batch = kernel.block_shape, whole.dims[0]
    calls = []
    for number, position in enumerate(product(*map(range, blocks))):
        shape, first_whole, first_split = [batch], 0, number * batch * in_split[0]
        for at, (block, place, before) in enumerate(zip(blocks, position, befores, strict=True), 1):
            begin = max(0, -((place - before) // block))
            end = min(split.dims[at], -((place - before - whole.dims[at]) // block))
            shape.append(max(0, end - begin))
            first_whole += (begin * block + place - before) * in_whole[at]
            first_split += begin * in_split[at]
        shape.append(whole.dims[-1])
        if not prod(shape):
            continue
        strides = [in_whole[0], *(step * block for step, block in zip(in_whole[1:-1], blocks, strict=True)), 1]
        ends = [(Tensor(whole.index, first_whole * size), strides), (Tensor(split.index, first_split * size), in_split)]
        (source, source_steps), (out, out_steps) = ends if splits else ends[::-1]
        calls.append(copy(source, out, shape, source_steps, out_steps, size))
    return None if None in calls else [call for call in calls if call is not None]
