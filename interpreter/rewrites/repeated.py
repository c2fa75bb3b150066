"""Numbers that are repeated along dimensions before they are used: they are computed once, and repeated where they are
read.

Converters repeat by multiplying with ones (keys and values that several heads of an attention share), which costs more
than the products that follow. A clamp that comes with the multiplication stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from litejit.kernels.geometry import broadcast_shapes
from litejit.kernels.jit.arithmetic import BINARY
from litejit.kernels.jit.call import View
from litejit.kernels.jit.lowering import Lowering, lower
from litejit.kernels.node import Shape, TensorSpec
from litejit.kernels.reference.batch_matmul import BatchMatMul
from litejit.kernels.reference.shape import BroadcastTo, Reshape, Transpose
from litejit.rewrites.task import Task, without_unread
from litejit.schema import TensorType

__all__ = ["compute_once"]

_Thin = Mapping[int, TensorSpec]
"""By tensor, one of the same rank and elements with dimensions of 1 where elements are repeated."""


def compute_once(tasks: Sequence[Task], needed: Collection[int], new: Callable[[TensorSpec], int]) -> list[Task]:
    """Operators on floats element by element, TRANSPOSE and RESHAPE of what is repeated, up to who reads it.

    new: the number of another tensor.
    """
    thin: dict[int, TensorSpec] = {}
    added: set[int] = set()
    result: list[Task] = []
    for task in tasks:
        lowering = task.lowering
        if lowering is not None and len(lowering.outputs) == 1 and lowering.outputs[0].type == TensorType.FLOAT32:
            found = _thinned(lowering, thin)
            if isinstance(found, TensorSpec):
                thin[task.outputs[0]] = found
            elif found is not None:
                output = replace(found.outputs[0], index=new(found.outputs[0]))
                calls = lower(replace(found, outputs=(output,)))
                if calls is not None and not isinstance(calls, View):
                    thin[task.outputs[0]] = output
                    added.add(output.index)
                    result.append(
                        replace(_reading(task, found), lowering=None, outputs=(output.index,), result=tuple(calls))
                    )
            read = _with_thin_operands(lowering, thin)
            if read is not None and lower(read) is not None:
                task = replace(_reading(task, read), lowering=read)
        result.append(task)
    return without_unread(result, {*thin, *added}, needed)


def _reading(task: Task, lowering: Lowering) -> Task:
    return replace(task, inputs=tuple(-1 if spec is None else spec.index for spec in lowering.inputs))


def _thinned(lowering: Lowering, thin: _Thin) -> Lowering | TensorSpec | None:
    """How the output is computed without repetition, or the tensor that it repeats; None if it repeats nothing."""
    output, kernel = lowering.outputs[0], lowering.kernel
    if isinstance(kernel, BroadcastTo):
        # A variable may hold something else by the time that the output is read.
        return None if lowering.input(0).is_variable else _of_rank(lowering.input(0), output.rank)
    if type(kernel) in BINARY and kernel.quantized is None:
        operands = tuple(_of_rank(_operand(lowering.input(at), output.dims, thin), output.rank) for at in range(2))
        shape = broadcast_shapes(operands[0].dims, operands[1].dims)
        if shape == output.dims or prod(shape) == 0:
            return None
        return replace(lowering, inputs=operands, outputs=(replace(output, shape=shape),))
    source = thin.get(lowering.input(0).index) if isinstance(kernel, Transpose | Reshape) else None
    if source is None:
        return None
    if isinstance(kernel, Transpose):
        shape = tuple(source.dims[axis] for axis in kernel.perm)
        return replace(lowering, inputs=(source, *lowering.inputs[1:]), outputs=(replace(output, shape=shape),))
    return _reshaped(source, lowering.input(0).dims, output.dims)


def _operand(spec: TensorSpec, dims: Shape, thin: _Thin) -> TensorSpec:
    """An operand with as few elements as it has different ones: a constant that is the same throughout has one."""
    value = spec.value
    if value is not None and value.size > 1 and spec.dims == dims:
        bits = value.reshape(-1).view(np.int32)
        if np.array_equal(bits, np.broadcast_to(bits[:1], bits.shape)):
            return replace(spec, shape=(1,), value=value.reshape(-1)[:1])
    return thin.get(spec.index, spec)


def _of_rank(spec: TensorSpec, rank: int) -> TensorSpec:
    return replace(spec, shape=(1,) * (rank - spec.rank) + spec.dims)


def _reshaped(source: TensorSpec, before: Shape, after: Shape) -> TensorSpec | None:
    """The tensor under another shape, where only dimensions of 1 have come or gone; None for other ones."""
    kept = [dim for whole, dim in zip(before, source.dims, strict=True) if whole != 1]
    if [dim for dim in before if dim != 1] != [dim for dim in after if dim != 1]:
        return None
    left = iter(kept)
    return replace(source, shape=tuple(1 if whole == 1 else next(left) for whole in after))


def _with_thin_operands(lowering: Lowering, thin: _Thin) -> Lowering | None:
    """The operator on what its operands repeat, where it repeats them itself; None if that changes nothing."""
    inputs = list(lowering.inputs)
    if isinstance(lowering.kernel, BatchMatMul):
        spec, matrices = lowering.input(1), thin.get(lowering.input(1).index)
        if matrices is not None and matrices.dims[-2:] == spec.dims[-2:]:
            inputs[1] = matrices
    elif isinstance(lowering.kernel, BINARY):
        inputs = [None if spec is None else thin.get(spec.index, spec) for spec in inputs]
    if all(mine is theirs for mine, theirs in zip(inputs, lowering.inputs, strict=True)):
        return None
    return replace(lowering, inputs=tuple(inputs))
