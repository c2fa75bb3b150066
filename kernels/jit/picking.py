"""Operators that take elements from known places, on the fast tier: a list of indices for each dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import Call, Tensor, padded
from litejit.kernels.jit.layouts.picking import PICK
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.fill import Tile
from litejit.kernels.reference.padding import MirrorPad
from litejit.kernels.reference.resize import ResizeNearestNeighbor
from litejit.kernels.reference.reversing import ReverseV2

__all__ = ["picked"]

_BYTES = 32768


def picked(lowering: Lowering, indices: Sequence[np.ndarray]) -> list[Call] | None:
    """indices: for each dimension of the output, the indices of the input that it consists of."""
    input, output = lowering.input(0), lowering.outputs[0]
    if input.dtype.kind == "O":
        return None
    if output.size == 0:
        return []
    size = input.dtype.itemsize
    steps = [step * size for step in contiguous(input.dims)]
    inner = input.rank
    while inner > 1 and np.array_equal(indices[inner - 1], np.arange(input.dims[inner - 1])):
        inner -= 1
        size *= input.dims[inner]
    rows = np.zeros((), np.int64)
    for numbers, step in zip(indices[: inner - 1], steps, strict=False):
        rows = np.add.outer(rows, numbers * step)
    columns = indices[inner - 1] * steps[inner - 1] if inner else np.zeros(1, np.int64)
    values = {
        "source": Tensor(input.index),
        "out": Tensor(output.index),
        "rows": padded(rows.ravel()),
        "columns": padded(columns.astype(np.int64)),
        "count": columns.size,
        "size": size,
    }
    grain = max(1, _BYTES // (columns.size * size))
    return [
        Call("picking.pick", PICK, values, items=rows.size, grain=grain, work=output.size * input.dtype.itemsize // 8)
    ]


def _everything(dims: Sequence[int]) -> list[np.ndarray]:
    return [np.arange(dim) for dim in dims]


@lowers(MirrorPad)
def mirror_pad(lowering: Lowering) -> list[Call] | None:
    """Indices padded as the elements are."""
    kernel, dims = lowering.kernel, lowering.input(0).dims
    if 0 in dims:
        return None
    pairs = zip(_everything(dims), kernel.paddings, strict=True)
    return picked(lowering, [np.pad(numbers, pair, mode=kernel.mode) for numbers, pair in pairs])


@lowers(Tile)
def tile(lowering: Lowering) -> list[Call] | None:
    """Indices over and over again."""
    dims, out_dims = lowering.input(0).dims, lowering.outputs[0].dims
    return picked(lowering, [np.resize(np.arange(dim), out) for dim, out in zip(dims, out_dims, strict=True)])


@lowers(ReverseV2)
def reverse(lowering: Lowering) -> list[Call] | None:
    """Indices backwards."""
    indices = _everything(lowering.input(0).dims)
    return picked(lowering, [each[:: -1 if at in lowering.kernel.axes else 1] for at, each in enumerate(indices)])


@lowers(ResizeNearestNeighbor)
def resize_nearest_neighbor(lowering: Lowering) -> list[Call] | None:
    """The rows and columns that the kernel has found."""
    batch, _, _, channels = lowering.input(0).dims
    kernel = lowering.kernel
    return picked(lowering, [np.arange(batch), kernel.rows, kernel.columns, np.arange(channels)])
