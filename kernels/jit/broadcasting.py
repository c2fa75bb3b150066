"""How operands are broadcast: as few dimensions as it takes, in the layout that the kernels walk through."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.elements import BROADCAST
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.node import Shape, TensorSpec

__all__ = ["broadcast_call", "collapse", "contiguous", "strides_in"]

PIECE = 2048
"""Elements of a work item, or a few more. Three tensors' floats for it fit the first-level cache."""

OUTER = 4

_PERIODS = (2, 4)
"""Of elements, that fill a vector of 8."""


def contiguous(dims: Sequence[int]) -> list[int]:
    """Elements from one index to the next of a whole array."""
    return [prod(dims[at + 1 :]) for at in range(len(dims))]


def strides_in(shape: Shape, dims: Shape) -> list[int]:
    """Elements from one index of `shape` to the next in an array of `dims` that is broadcast to it."""
    padded = [1] * (len(shape) - len(dims)) + list(dims)
    return [0 if dim == 1 else prod(padded[at + 1 :]) for at, dim in enumerate(padded)]


def collapse(shape: Sequence[int], *strides: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """The same walk in as few dimensions as possible, at least one: (dimensions, strides of each operand)."""
    dims: list[int] = []
    kept: list[list[int]] = [[] for _ in strides]
    for dim, *steps in zip(shape, *strides, strict=True):
        if dim == 1:
            continue
        if dims and all(before[-1] == step * dim for before, step in zip(kept, steps, strict=True)):
            dims[-1] *= dim
            for before, step in zip(kept, steps, strict=True):
                before[-1] = step
        else:
            dims.append(dim)
            for before, step in zip(kept, steps, strict=True):
                before.append(step)
    return (dims, kept) if dims else ([1], [[0] for _ in strides])


def broadcast_call(
    lowering: Lowering,
    kernel: str,
    a: TensorSpec,
    b: TensorSpec,
    values: dict[str, Any],
    work: int = 1,
    *,
    periods: bool = False,
) -> list[Call] | None:
    """A call of a kernel over the broadcast of two operands; None if it takes too many dimensions.

    values: slots that are not about shapes, those left out are 0. work: steps for each element. periods: whether the
    kernel takes steps of -2 and -4, for rows of so many elements over and over again.
    """
    output = lowering.outputs[0]
    dims, (steps_a, steps_b) = collapse(output.dims, strides_in(output.dims, a.dims), strides_in(output.dims, b.dims))
    if len(dims) > OUTER + 2 or output.size == 0:
        return None
    inner, a_step, b_step = dims.pop(), steps_a.pop(), steps_b.pop()
    if periods and dims and inner in _PERIODS:
        row_a, row_b = steps_a[-1], steps_b[-1]
        if a_step == b_step == 1 and sorted((row_a, row_b)) == [0, inner]:
            a_step, b_step = (1, -inner) if row_b == 0 else (-inner, 1)
            inner *= dims.pop()
            del steps_a[-1], steps_b[-1]
    last = inner
    if not dims and inner > PIECE:
        rows, inner = -(-inner // PIECE), PIECE
        last = last - (rows - 1) * PIECE
        row_a, row_b = max(a_step, 0) * PIECE, max(b_step, 0) * PIECE
    elif dims:
        rows, row_a, row_b = dims.pop(), steps_a.pop(), steps_b.pop()
    else:
        rows, row_a, row_b = 1, 0, 0
    group_rows = min(rows, max(1, PIECE // inner))
    groups = -(-rows // group_rows)
    bytes_a, bytes_b = a.dtype.itemsize, b.dtype.itemsize
    missing = OUTER - len(dims)
    outer_dims = [1] * missing + dims
    outer = {f"dim{at}": outer_dims[at] for at in range(1, OUTER)}
    outer |= {f"a{at}": bytes_a * step for at, step in enumerate([0] * missing + steps_a)}
    outer |= {f"b{at}": bytes_b * step for at, step in enumerate([0] * missing + steps_b)}
    shape = {
        "a": Tensor(a.index),
        "b": Tensor(b.index),
        "out": Tensor(output.index),
        "a_step": a_step,
        "b_step": b_step,
        "inner": inner,
        "last_inner": last,
        "rows": rows,
        "a_row": row_a * bytes_a,
        "b_row": row_b * bytes_b,
        "groups": groups,
        "group_rows": group_rows,
        **outer,
    }
    rest = dict.fromkeys(BROADCAST.names, 0)
    return [Call(kernel, BROADCAST, {**rest, **shape, **values}, items=prod(dims) * groups, work=work * output.size)]
