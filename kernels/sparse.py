"""Sparse constants: from the elements that a file stores to the dense array."""

from __future__ import annotations

import numpy as np

from litejit.kernels.node import TensorSpec
from litejit.schema import DimensionType, SparsityParameters

__all__ = ["block_of_rows", "dense_value"]


def dense_value(spec: TensorSpec) -> np.ndarray | None:
    """A constant's array in the shape of its tensor, zeros where a sparse one stores nothing; None for no constant.

    A sparse tensor's dimensions (and those inside its blocks) are levels of a tree, outermost first; a level is dense,
    or lists the indices that each of its parent's rows has. The structure was checked when the model was read.
    Format: SparsityParameters in LiteRT tflite/converter/schema/schema.fbs.
    """
    if spec.value is None or spec.sparsity is None:
        return spec.value
    rank, order = spec.rank, spec.sparsity.traversal_order.tolist()
    rows = 1
    coordinates: dict[int, np.ndarray] = {}
    for dimension, level in zip(order, spec.sparsity.dim_metadata, strict=True):
        if level.format == DimensionType.DENSE:
            counts, indices = np.full(rows, level.dense_size), np.tile(np.arange(level.dense_size), rows)
        else:
            counts = np.diff(level.array_segments.values.astype(np.int64))
            indices = level.array_indices.values.astype(np.int64)
        coordinates = {outer: np.repeat(at, counts) for outer, at in coordinates.items()}
        coordinates[dimension] = indices
        rows = indices.size
    for dimension, level in zip(order[rank:], spec.sparsity.dim_metadata[rank:], strict=True):
        mapped = int(spec.sparsity.block_map[dimension - rank])
        coordinates[mapped] = coordinates[mapped] * level.dense_size + coordinates[dimension]
    dense = np.zeros(spec.dims, spec.value.dtype)
    dense[tuple(coordinates[dimension] for dimension in range(rank))] = spec.value[:rows]
    return dense


def block_of_rows(sparsity: SparsityParameters) -> int:
    """How long the blocks are that rows of a matrix store, 1 for single elements; 0: it is stored in another way."""
    levels = sparsity.dim_metadata
    formats = [level.format for level in levels]
    if formats[:2] != [DimensionType.DENSE, DimensionType.SPARSE_CSR] or DimensionType.SPARSE_CSR in formats[2:]:
        return 0
    return int(levels[2].dense_size) if len(levels) == 3 else int(len(levels) == 2)
