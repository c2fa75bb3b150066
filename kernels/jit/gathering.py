"""Operators that take slices from where indices of run time say, on the fast tier.

Kernels cannot raise: one that meets an index out of range sets its entry's fault, and the reference tier raises.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import Call, Fault, Layout, Tensor, padded
from litejit.kernels.jit.layouts.gathering import COORDINATES, SLICES
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.picking import picked
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.embedding import EmbeddingLookup
from litejit.kernels.reference.gather_scatter import Gather, GatherNd

__all__: list[str] = []

_BYTES = 32768
_UNSCALED = {"scale": 0, "scale_slice": 0, "scale_step": 0}


@lowers(Gather)
def gather(lowering: Lowering) -> list[Call] | None:
    """Constant positions that are in range are places known beforehand."""
    kernel, input, positions = lowering.kernel, lowering.input(0), lowering.input(1)
    dims, axis, chosen = input.dims, kernel.axis, positions.value
    if chosen is not None and not kernel.batch_dims and chosen.size and 0 <= chosen.min() <= chosen.max() < dims[axis]:
        indices = [np.arange(dim) for dim in dims]
        indices[axis] = chosen.ravel().astype(np.int64)
        return picked(lowering, indices)
    return _slices(lowering, input, positions, axis, kernel.batch_dims)


@lowers(EmbeddingLookup)
def embedding_lookup(lowering: Lowering) -> list[Call] | None:
    """Rows of a table, copied or times their scales."""
    kernel, lookup, table, output = lowering.kernel, lowering.input(0), lowering.input(1), lowering.outputs[0]
    if kernel.scale is None:
        return _slices(lowering, table, lookup, 0, 0)
    if output.dtype != np.float32 or table.dtype.itemsize != 1 or output.size == 0 or table.size == 0:
        return None
    factors = kernel.scale.reshape(len(kernel.scale), -1)
    values = {
        **_places(table, lookup, output),
        "size": prod(table.dims[1:]),
        "count": lookup.size,
        "outer": 1,
        "axis": table.dims[0],
        "scale": padded(factors),
        "scale_slice": 4 * factors.shape[1],
        "scale_step": 4 if factors.shape[1] > 1 else 0,
    }
    return [_call("gathering.scaled", SLICES, values, lookup.size, output)]


@lowers(GatherNd)
def gather_nd(lowering: Lowering) -> list[Call] | None:
    """Slices at coordinates."""
    params, indices, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    if params.dtype.kind == "O" or 0 in params.dims or lowering.kernel.without_memory:
        return None
    if output.size == 0:
        return []
    rank, size = indices.dims[-1], params.dtype.itemsize
    steps = [step * size for step in contiguous(params.dims)][:rank]
    table = np.array([*zip(params.dims, steps, strict=False)], np.int64).reshape(-1, 2)
    values = {
        **_places(params, indices, output),
        "size": prod(params.dims[rank:]) * size,
        "rank": rank,
        "table": padded(table),
    }
    return [_call("gathering.at_coordinates", COORDINATES, values, prod(indices.dims[:-1]), output)]


def _slices(
    lowering: Lowering, source: TensorSpec, positions: TensorSpec, axis: int, batch_dims: int
) -> list[Call] | None:
    output = lowering.outputs[0]
    if source.dtype.kind == "O" or source.dims[axis] == 0 or (output.size == 0 and positions.size > 0):
        return None  # positions of what takes no room are checked all the same
    if output.size == 0:
        return []
    dims = source.dims
    count = prod(positions.dims[batch_dims:])
    values = {
        **_places(source, positions, output),
        **_UNSCALED,
        "size": prod(dims[axis + 1 :]) * source.dtype.itemsize,
        "count": count,
        "outer": prod(dims[batch_dims:axis]),
        "axis": dims[axis],
    }
    return [_call("gathering.slices", SLICES, values, prod(dims[:axis]) * count, output)]


def _places(source: TensorSpec, positions: TensorSpec, output: TensorSpec) -> dict[str, Any]:
    return {
        "source": Tensor(source.index),
        "positions": Tensor(positions.index),
        "out": Tensor(output.index),
        "fault": Fault(),
        "width": positions.dtype.itemsize,
    }


def _call(kernel: str, layout: Layout, values: dict[str, Any], items: int, output: TensorSpec) -> Call:
    size = output.size * output.dtype.itemsize
    grain = max(1, _BYTES // max(1, size // items))
    return Call(kernel, layout, values, items=items, grain=grain, work=size // 8 + 8 * items)
