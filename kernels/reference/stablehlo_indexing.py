"""STABLEHLO_GATHER and STABLEHLO_SCATTER: slices of a tensor at positions given by data, read or updated.

An index vector (along index_vector_dim of the indices; each index on its own where that is their rank) says where a
slice starts in the operand. Semantics: LiteRT tflite/kernels/{stablehlo_gather,stablehlo_scatter}.cc, whose terms
are those of the StableHLO specification.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, Shape, TensorSpec
from litejit.kernels.reference.body import Combiner, body_combiner
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, StablehloGatherOptions, StablehloScatterOptions, TensorType
from litejit.schema.types import BITS_OF

__all__ = ["StablehloGather", "StablehloScatter"]

INDEX_TYPES = (TensorType.INT32, TensorType.INT64)
_BODIES: dict[str, Combiner] = {
    "STABLEHLO_ADD": np.add,
    "STABLEHLO_MULTIPLY": np.multiply,
    "STABLEHLO_MAXIMUM": lambda a, b: np.where(a < b, b, a),
    "STABLEHLO_MINIMUM": lambda a, b: np.where(b < a, b, a),
}


def dimensions(node: Node, name: str, values: np.ndarray, rank: int) -> Shape:
    """An option that lists dimensions: distinct, each in [0, rank)."""
    dims = tuple(map(int, values))
    node.require(
        len(set(dims)) == len(dims) and all(0 <= dim < rank for dim in dims),
        "{} is {}, expected distinct dimensions below {}",
        name,
        dims,
        rank,
    )
    return dims


class Starts:
    """Where slices start: the index vectors of the indices tensor, spread over the operand's dimensions."""

    def __init__(self, node: Node, indices: TensorSpec, vector_dim: int, index_map: Shape, rank: int) -> None:
        node.require(
            0 <= vector_dim <= indices.rank, "index_vector_dim is {}, expected 0 to {}", vector_dim, indices.rank
        )
        self.vector_dim, self.index_map, self.rank = vector_dim, index_map, rank
        self.batch = indices.dims[:vector_dim] + indices.dims[vector_dim + 1 :]
        length = (*indices.dims, 1)[vector_dim]
        node.require(length == len(index_map), "index vectors have {} elements, {} are mapped", length, len(index_map))

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        """[*batch, rank] int64, 0 in dimensions without an index."""
        if self.vector_dim == indices.ndim:
            indices = indices[..., None]
        result = np.zeros((*self.batch, self.rank), np.int64)
        result[..., self.index_map] = np.moveaxis(indices, self.vector_dim, -1)
        return result


def positions(starts: np.ndarray, sizes: Shape) -> list[np.ndarray]:
    """For each operand dimension, int64 indices of all elements of the slices: they broadcast to [*batch, *sizes]."""
    batch, rank = starts.ndim - 1, len(sizes)
    offsets = np.ix_(*(np.arange(size) for size in sizes))
    return [starts[..., dim].reshape(*starts.shape[:batch], *(1,) * rank) + offsets[dim] for dim in range(rank)]


@builtin(BuiltinOperator.STABLEHLO_GATHER)
class StablehloGather(Kernel):
    """Reads a slice of slice_sizes at each index vector, moved inside the operand where it would reach out.

    operand: any numeric type; start_indices: int32 or int64 -> the batch dimensions of start_indices, with the slice's
    dimensions at offset_dims; collapsed_slice_dims take index 0 of the slice and are dropped.
    """

    options: StablehloGatherOptions
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks the dimension numbers."""
        x, options = node.input("operand"), self.options
        whole = x.type not in BITS_OF and x.dtype.kind != "O"
        node.require(whole and x.dtype.itemsize <= 8, "operand is {}, expected numbers of 1 to 8 bytes", x.type.name)
        indices = node.input("start_indices", types=INDEX_TYPES)
        index_map = dimensions(node, "start_index_map", options.start_index_map, x.rank)
        self.starts = Starts(node, indices, int(options.index_vector_dim), index_map, x.rank)
        sizes = tuple(map(int, options.slice_sizes))
        node.require(len(sizes) == x.rank, "slice_sizes is {}, expected {} sizes", sizes, x.rank)
        node.require(
            all(0 <= size <= dim for size, dim in zip(sizes, x.dims, strict=True)),
            "slice_sizes is {}, the operand has shape {}",
            sizes,
            x.dims,
        )
        collapsed = dimensions(node, "collapsed_slice_dims", options.collapsed_slice_dims, x.rank)
        node.require(all(sizes[dim] > 0 for dim in collapsed), "slice_sizes is {}, of a collapsed one 0", sizes)
        self.limits = np.array(x.dims, np.int64) - sizes
        self.sizes = tuple(1 if dim in collapsed else size for dim, size in enumerate(sizes))
        kept = [size for dim, size in enumerate(sizes) if dim not in collapsed]
        rank = len(self.starts.batch) + len(kept)
        offset_dims = sorted(dimensions(node, "offset_dims", options.offset_dims, rank))
        node.require(len(offset_dims) == len(kept), "offset_dims is {}, expected {} dimensions", offset_dims, len(kept))
        rest = [dim for dim in range(rank) if dim not in offset_dims]
        shape = dict(zip((*rest, *offset_dims), (*self.starts.batch, *kept), strict=True))
        self.flat_shape = (*self.starts.batch, *kept)
        self.order = np.argsort([*rest, *offset_dims])
        node.output([shape[dim] for dim in range(rank)], types=x.type)

    def __call__(self, operand: np.ndarray, start_indices: np.ndarray) -> np.ndarray:
        """Gathers."""
        starts = np.clip(self.starts(start_indices), 0, self.limits)
        slices = operand[tuple(positions(starts, self.sizes))] if operand.ndim else np.full(starts.shape[:-1], operand)
        return slices.reshape(self.flat_shape).transpose(self.order)


@builtin(BuiltinOperator.STABLEHLO_SCATTER)
class StablehloScatter(Kernel):
    """Combines elements of the input with updates: input[position] = body(input[position], update), in row-major order.

    scatter_indices: int32 or int64. Updates have the batch dimensions of scatter_indices, or fewer slices, and, at
    update_window_dims, those of the slices; dimensions inserted_window_dims of the input are missing there. Elements
    outside are left out.
    A body without operators returns the update; others see `body_combiner`. Derived: combiner (None: no operators).
    """

    options: StablehloScatterOptions
    types = (
        *(TensorType.FLOAT16, TensorType.FLOAT32, TensorType.FLOAT64, TensorType.INT8, TensorType.INT16),
        *(TensorType.INT32, TensorType.INT64, TensorType.UINT8, TensorType.UINT16, TensorType.UINT32),
        *(TensorType.UINT64, TensorType.BOOL),
    )
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks the dimension numbers and looks at the body."""
        x, options = node.input("input"), self.options
        indices = node.input("scatter_indices", types=INDEX_TYPES)
        updates = node.input("updates", types=x.type)
        index_map = dimensions(node, "scatter_dims_to_operand_dims", options.scatter_dims_to_operand_dims, x.rank)
        self.starts = Starts(node, indices, int(options.index_vector_dim), index_map, x.rank)
        inserted = dimensions(node, "inserted_window_dims", options.inserted_window_dims, x.rank)
        window_dims = dimensions(node, "update_window_dims", options.update_window_dims, updates.rank)
        node.require(
            len(window_dims) + len(inserted) == x.rank,
            "update_window_dims {} and inserted_window_dims {} are not {} dimensions together",
            window_dims,
            inserted,
            x.rank,
        )
        batch_dims = [dim for dim in range(updates.rank) if dim not in window_dims]
        self.batch = tuple(updates.dims[dim] for dim in batch_dims)
        node.require(
            len(self.batch) == len(self.starts.batch)
            and all(count <= most for count, most in zip(self.batch, self.starts.batch, strict=True)),
            "updates are for {} slices, indices {}",
            self.batch,
            self.starts.batch,
        )
        window = iter(updates.dims[dim] for dim in window_dims)
        self.sizes = tuple(1 if dim in inserted else next(window) for dim in range(x.rank))
        self.order = (*batch_dims, *window_dims)
        self.row_major = np.arange(updates.size).reshape(updates.dims).transpose(self.order).reshape(-1)
        self.combiner = None
        body = options.update_computation_subgraph_index
        if node.context.subgraph(body).operators:
            self.combiner = body_combiner(node, body, x, _BODIES)
        node.output(x.dims, types=x.type)

    def __call__(self, input: np.ndarray, scatter_indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
        """Scatters in rounds: in each of them an element takes its next update, so a round is one operation."""
        result = input.reshape(-1).copy()
        starts = self.starts(scatter_indices)[tuple(map(slice, self.batch))]
        at = positions(starts, self.sizes)
        inside = np.ones((*self.batch, *self.sizes), bool)
        targets = np.zeros(inside.shape, np.int64)
        for index, size in zip(at, input.shape, strict=True):
            inside &= (index >= 0) & (index < size)
            targets = targets * size + index
        chosen = inside.reshape(-1)
        targets, arrival = targets.reshape(-1)[chosen], self.row_major[chosen]
        order = np.lexsort((arrival, targets))
        targets, values = targets[order], updates.transpose(self.order).reshape(-1)[chosen][order]
        with np.errstate(all="ignore"):
            for turn in _turns(targets):
                old, new = result[targets[turn]], values[turn]
                result[targets[turn]] = new if self.combiner is None else self.combiner(old, new)
        return result.reshape(input.shape)


def _turns(targets: np.ndarray) -> list[np.ndarray]:
    """Places of the first ones of every run of equal targets, of the second ones, and so on."""
    new = np.ones(targets.size, bool)
    new[1:] = targets[1:] != targets[:-1]
    first = np.flatnonzero(new)
    turn = np.arange(targets.size) - first[np.cumsum(new) - 1]
    return np.split(np.argsort(turn, kind="stable"), np.cumsum(np.bincount(turn))[:-1])
