"""Rows of tables looked up by id: EMBEDDING_LOOKUP, EMBEDDING_LOOKUP_SPARSE, HASHTABLE_LOOKUP."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.moving import check_bounds, flat_positions, index_values
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, CombinerType, EmbeddingLookupSparseOptions, TensorType

_SCALED = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.INT2)
_FLOAT = (TensorType.FLOAT32, TensorType.FLOAT16)


@builtin(BuiltinOperator.EMBEDDING_LOOKUP, versions=(1, 5))
class EmbeddingLookup(Kernel):
    """Row lookup[i] of value, copied, or dequantized where value is of up to 8 bits and the output FLOAT32 or FLOAT16.

    lookup: [n] int32; value: [rows, columns, …] -> [n, columns, …].
    Dequantized, with zero point 0: float32(q * scale), one scale for the tensor, for each row, or for each block_size
    columns (INT4 and INT2 of rank 2). UINT8 values are read as int8.

    Raises InvalidInputError for a row that does not exist.
    Semantics: LiteRT tflite/kernels/embedding_lookup.cc; there, a packed row that does not start at a whole byte (as
    with an odd number of INT4 columns) starts too early.
    """

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """scale: float32, [rows] and what broadcasts to a row; None where rows are copied. dtype: of the output."""
        lookup = node.input("lookup", rank=1, types=TensorType.INT32)
        value, output = node.input("value"), node.declared[0]
        node.require(value.rank >= 2, "{} has shape {}, expected rank 2 or more", value, value.dims)
        node.require(value.type != TensorType.STRING, "{} is STRING, expected numbers", value)
        scaled = output.type in _FLOAT and value.type in _SCALED
        per_tensor = value.quantization is None or value.quantization.scale.size == 1
        node.require(scaled or per_tensor, "rows of {} have scales of their own, the output must be FLOAT32", value)
        self.scale = _row_scales(node, value) if scaled else None
        self.dtype = output.dtype
        node.output((lookup.size, *value.dims[1:]), types=_FLOAT if scaled else value.type)

    def __call__(self, lookup: np.ndarray, value: np.ndarray) -> np.ndarray:
        """The output."""
        check_bounds(lookup, value.shape[0], "lookup")
        if self.scale is None:
            return value[lookup]
        return (value[lookup].view(np.int8).astype(np.float32) * self.scale[lookup]).astype(self.dtype)


def _row_scales(node: Node, value: TensorSpec) -> np.ndarray:
    """The scales of a table, as an array of as many rows that broadcasts to it."""
    quantization = value.quantized
    node.require(not quantization.zero_point.any(), "{} has a zero point other than 0", value)
    if quantization.block_size:
        rows, columns = value.dims if value.rank == 2 else (0, 0)
        node.require(
            value.rank == 2 and value.type in (TensorType.INT4, TensorType.INT2),
            "{} is {} of rank {}, blockwise scales need INT4 or INT2 of rank 2",
            value,
            value.type.name,
            value.rank,
        )
        node.require(
            columns % quantization.block_size == 0
            and quantization.scale.size == rows * columns // quantization.block_size,
            "{} of shape {} does not have {} scales of {} columns",
            value,
            value.dims,
            quantization.scale.size,
            quantization.block_size,
        )
        return np.repeat(quantization.scale.reshape(rows, -1), quantization.block_size, axis=1)
    if quantization.per_channel:
        node.require(
            quantization.axis == 0,
            "{} has {} scales along dimension {}, expected one for each of {} rows",
            value,
            quantization.scale.size,
            quantization.axis,
            value.dims[0],
        )
    return np.resize(quantization.scale, (value.dims[0], *[1] * (value.rank - 1)))


@builtin(BuiltinOperator.EMBEDDING_LOOKUP_SPARSE)
class EmbeddingLookupSparse(Kernel):
    """Weighted rows of value, combined into the places that the sparse coordinates name.

    ids, weights: [n]; indices: [n, lookup_rank]; dense_shape: [lookup_rank]; value: [rows, columns, …] float32
    -> [*dense_shape[:-1], columns, …] float32: the sum of weights[i] * value[ids[i]] over all i of a place, for the
    combiner MEAN divided by the sum of their weights, for SQRTN by the root of the sum of their squares.
    Entries of one place are meant to be neighbours: a place that comes back is divided again.

    Raises InvalidInputError for ids and indices that are out of range.
    Semantics: LiteRT tflite/kernels/embedding_lookup_sparse.cc.
    """

    flavours = ALL_FLAVOURS
    options: EmbeddingLookupSparseOptions

    def prepare(self, node: Node) -> None:
        """places: dense_shape without its last dimension. shape: of the output."""
        ids = node.input("ids", rank=1, types=TensorType.INT32)
        indices = node.input("indices", rank=2, types=TensorType.INT32)
        node.require(indices.dims[0] == ids.size, "{} indices for {} ids", indices.dims[0], ids.size)
        node.require(indices.dims[1] >= 1, "indices have no coordinates")
        node.input("weights", types=TensorType.FLOAT32, shape=(ids.size,))
        value = node.input("value", types=TensorType.FLOAT32)
        node.require(value.rank >= 2, "{} has shape {}, expected rank 2 or more", value, value.dims)
        dense_shape = index_values(node, "dense_shape", types=TensorType.INT32, shape=(indices.dims[1],))
        self.places = tuple(dense_shape[:-1])
        self.shape = (*self.places, *value.dims[1:])
        node.output(self.shape, types=TensorType.FLOAT32)

    def __call__(
        self,
        ids: np.ndarray,
        indices: np.ndarray,
        dense_shape: np.ndarray,
        weights: np.ndarray,
        value: np.ndarray,
    ) -> np.ndarray:
        """The output."""
        check_bounds(ids, value.shape[0], "id")
        place = flat_positions(indices[:, :-1], self.places, "index")
        output = np.zeros((prod(self.places), prod(value.shape[1:])), np.float32)
        starts = np.diff(place, prepend=-1) != 0
        run = np.cumsum(starts) - 1
        sums = np.zeros((np.count_nonzero(starts), output.shape[1]), np.float32)
        with np.errstate(all="ignore"):
            np.add.at(sums, run, value.reshape(value.shape[0], output.shape[1])[ids] * weights[:, None])
            for at, total, divisor in zip(place[starts], sums, self._divisors(weights, run, len(sums)), strict=True):
                output[at] = (output[at] + total) / divisor
        return output.reshape(self.shape)

    def _divisors(self, weights: np.ndarray, run: np.ndarray, runs: int) -> np.ndarray:
        """[runs] what each run of entries for one place is divided by."""
        divisors = np.zeros(runs, np.float32)
        if self.options.combiner == CombinerType.MEAN:
            np.add.at(divisors, run, weights)
        elif self.options.combiner == CombinerType.SQRTN:
            np.add.at(divisors, run, weights * weights)
            np.sqrt(divisors, out=divisors)
        else:
            divisors += 1
        return divisors


@builtin(BuiltinOperator.HASHTABLE_LOOKUP)
class HashtableLookup(Kernel):
    """The row of value whose key is lookup[i], and hits[i] = 1; zeros (or an empty string) and 0 where there is none.

    lookup: [n] int32; key: [rows] int32, ascending; value: [rows, …] -> output [n, …], hits [n] uint8.
    Semantics: LiteRT tflite/kernels/hashtable_lookup.cc, a binary search by halving, which decides between equal keys.
    """

    n_outputs = 2
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Nothing is derived."""
        lookup = node.input("lookup", rank=1, types=TensorType.INT32)
        key = node.input("key", rank=1, types=TensorType.INT32)
        value = node.input("value")
        node.require(value.rank >= 1 and value.dims[0] == key.size > 0, "{} keys for {}", key.size, value.dims)
        node.require(value.type != TensorType.STRING or value.rank == 1, "{} of strings must have rank 1", value)
        node.output((lookup.size, *value.dims[1:]), types=value.type)
        node.output((lookup.size,), at=1, types=TensorType.UINT8)

    def __call__(self, lookup: np.ndarray, key: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The outputs."""
        low, high = np.zeros(lookup.size, np.int64), np.full(lookup.size, key.size)
        found = np.zeros(lookup.size, np.int64)
        hits = np.zeros(lookup.size, np.bool_)
        for _ in range(key.size.bit_length()):
            middle = np.minimum((low + high) // 2, key.size - 1)
            met = key[middle] == lookup
            found = np.where(met & ~hits & (low < high), middle, found)
            hits |= met & (low < high)
            above = key[middle] < lookup
            low, high = np.where(above, middle + 1, low), np.where(above, high, middle)
        output = value[found]
        output[~hits] = b"" if value.dtype == object else 0
        return output, hits.astype(np.uint8)
