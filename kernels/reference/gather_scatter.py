"""Elements picked and placed by index: GATHER, GATHER_ND, SCATTER_ND, WHERE, SPARSE_TO_DENSE."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.moving import INDEX_TYPES, check_bounds, flat_positions, index_values
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, GatherOptions, TensorType
from litejit.schema.errors import InvalidInputError

_POSITION_TYPES = (*INDEX_TYPES, TensorType.INT16)
_GATHERED = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.BFLOAT16,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.STRING,
)
_SCATTERED = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT32, TensorType.INT64)


@builtin(BuiltinOperator.GATHER, versions=(1, 8))
class Gather(Kernel):
    """The slices of the input at `positions` along options.axis; the first options.batch_dims dimensions are common.

    output[batch…, outer…, i…, inner…] = input[batch…, outer…, positions[batch…, i…], inner…]; strings: input of rank 1.
    positions: int16, int32 or int64. axis and batch_dims may be negative: from the end of input, of positions.
    Raises InvalidInputError for a position outside of the axis. Semantics: LiteRT tflite/kernels/gather.cc.
    """

    types = (*_GATHERED, TensorType.INT4)
    flavours = ALL_FLAVOURS
    options: GatherOptions

    def prepare(self, node: Node) -> None:
        """axis, batch_dims: counted from the start. shape: of the output."""
        input = node.input("input")
        positions = node.input("positions", types=_POSITION_TYPES)
        node.require(input.type != TensorType.STRING or input.rank == 1, "{} of strings must have rank 1", input)
        self.axis = axis = normalize_axis(self.options.axis, input.rank)
        batch_dims = self.options.batch_dims
        self.batch_dims = batch_dims = batch_dims + positions.rank if batch_dims < 0 else batch_dims
        node.require(
            0 <= batch_dims <= min(axis, positions.rank),
            "batch_dims is {}, expected 0 <= batch_dims <= {}",
            batch_dims,
            min(axis, positions.rank),
        )
        node.require(
            input.dims[:batch_dims] == positions.dims[:batch_dims],
            "the first {} dimensions of {} and {} must be equal",
            batch_dims,
            input.dims,
            positions.dims,
        )
        self.shape = (*input.dims[:axis], *positions.dims[batch_dims:], *input.dims[axis + 1 :])
        node.output(self.shape, type=input.type)

    def __call__(self, input: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """The output."""
        check_bounds(positions, input.shape[self.axis], "position")
        if self.batch_dims == 0:
            return np.take(input, positions.reshape(-1), self.axis).reshape(self.shape)
        dims, axis = input.shape, self.axis
        batch = prod(dims[: self.batch_dims])
        input = input.reshape(batch, prod(dims[self.batch_dims : axis]), dims[axis], prod(dims[axis + 1 :]))
        positions = positions.reshape(batch, prod(positions.shape[self.batch_dims :]))
        picked = input[np.arange(batch)[:, None], :, positions]  # [batch, positions, outer, inner]
        return picked.swapaxes(1, 2).reshape(self.shape)


@builtin(BuiltinOperator.GATHER_ND, versions=(1, 6))
class GatherNd(Kernel):
    """output[i…] = params[indices[i…, 0], …, indices[i…, n - 1]], a slice where n is less than the rank of params.

    params: rank at least 1; indices: [i…, n] int16, int32 or int64.
    Raises InvalidInputError for coordinates outside of params, and for indices without coordinates that are not
    constant, as the official kernel, which misses their memory. Semantics: LiteRT tflite/kernels/gather_nd.cc.
    """

    types = _GATHERED
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """rows: [positions, elements at each] of params. shape: of the output."""
        params, indices = node.input("params"), node.input("indices", types=_POSITION_TYPES)
        node.require(params.rank >= 1 and indices.rank >= 1, "params and indices must have rank 1 or more")
        n = indices.dims[-1]
        node.require(n <= params.rank, "indices have {} coordinates, {} has rank {}", n, params, params.rank)
        node.require(
            params.size > 0 or indices.size == 0, "{} of shape {} is empty, indices are not", params, params.dims
        )
        self.rows = prod(params.dims[:n]), prod(params.dims[n:])
        self.shape = (*indices.dims[:-1], *params.dims[n:])
        self.without_memory = n == 0 and indices.value is None and prod(indices.dims[:-1]) > 0
        node.output(self.shape, type=params.type)

    def __call__(self, params: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """The output."""
        if self.without_memory:
            raise InvalidInputError(f"indices of shape {list(indices.shape)} have no coordinates")
        positions = flat_positions(indices, params.shape, "index")
        return params.reshape(self.rows)[positions].reshape(self.shape)


@builtin(BuiltinOperator.SCATTER_ND)
class ScatterNd(Kernel):
    """Zeros of the given shape, with updates[i…] added at coordinates indices[i…, :], as a slice if these are few.

    indices: [i…, n] int32; updates: [i…, *shape[n:]]; shape: [rank] int32. Integers wrap around.
    Raises InvalidInputError for coordinates outside of the shape. Semantics: LiteRT tflite/kernels/scatter_nd.cc.
    """

    types = (*_SCATTERED, TensorType.BOOL)
    typed_by = "updates"
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shape: of the output. rows: [positions, elements at each] of it."""
        indices = node.input("indices", types=TensorType.INT32)
        updates = node.input("updates")
        node.require(indices.rank >= 1 and updates.rank >= 1, "indices and updates must have rank 1 or more")
        self.shape = tuple(index_values(node, "shape", types=TensorType.INT32, rank=1))
        n = indices.dims[-1]
        expected = (*indices.dims[:-1], *self.shape[n:])
        node.require(
            n <= len(self.shape) and updates.dims == expected,
            "updates of shape {} do not fit indices of shape {} and output shape {}",
            updates.dims,
            indices.dims,
            self.shape,
        )
        node.output(self.shape, type=updates.type)
        self.rows = prod(self.shape[:n]), prod(self.shape[n:])

    def __call__(self, indices: np.ndarray, updates: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """The output."""
        positions = flat_positions(indices, self.shape, "index").reshape(-1)
        output = np.zeros(self.rows, updates.dtype)
        np.add.at(output, positions, updates.reshape(positions.size, self.rows[1]))
        return output.reshape(self.shape)


@builtin(BuiltinOperator.WHERE, versions=(1, 2))
class Where(Kernel):
    """The coordinates of the elements that are not zero, in row-major order.

    condition: rank at least 1 -> [elements, rank] int64. Semantics: LiteRT tflite/kernels/where.cc.
    """

    types = (*_SCATTERED, TensorType.BOOL, TensorType.UINT32)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Nothing is derived: the output's shape depends on the data."""
        condition = node.input("condition")
        node.require(condition.rank >= 1, "{} is a scalar, expected rank 1 or more", condition)
        node.output(None, type=TensorType.INT64)

    def __call__(self, condition: np.ndarray) -> np.ndarray:
        """The output."""
        return np.argwhere(condition).astype(np.int64, copy=False)


@builtin(BuiltinOperator.SPARSE_TO_DENSE, versions=(1, 3))
class SparseToDense(Kernel):
    """An array of default_value with `values` written at `indices`; of several writes to one place the last one stays.

    indices: [n, rank], or [n] or a scalar for a vector, int32 or int64; output_shape: [rank], rank at most 4;
    values: [n] or a scalar; default_value: one element.
    Raises InvalidInputError for indices outside of the shape, whatever options.validate_indices says.
    Semantics: LiteRT tflite/kernels/sparse_to_dense.cc.
    """

    types = _SCATTERED
    typed_by = "values"
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shape: of the output."""
        indices = node.input("indices", types=INDEX_TYPES, rank=range(3))
        values = node.input("values", rank=(0, 1))
        default_value = node.input("default_value", types=values.type)
        node.require(default_value.size == 1, "{} has {} elements, expected 1", default_value, default_value.size)
        count, rank = indices.dims if indices.rank == 2 else (indices.size, 1)
        node.require(values.rank == 0 or values.size == count, "{} indices for {} values", count, values.size)
        node.require(rank <= 4, "indices have {} coordinates, at most 4 are supported", rank)
        self.shape = tuple(index_values(node, "output_shape", shape=(rank,)))
        node.output(self.shape, type=values.type)

    def __call__(
        self, indices: np.ndarray, output_shape: np.ndarray, values: np.ndarray, default_value: np.ndarray
    ) -> np.ndarray:
        """The output."""
        output = np.full(self.shape, default_value.reshape(()), values.dtype)
        coordinates = indices if indices.ndim == 2 else indices.reshape(-1, 1)
        output.reshape(-1)[flat_positions(coordinates, self.shape, "index")] = values
        return output
