"""Sparse constants whose description makes no sense: one row for each way, with what the error says.

The ids name the reports that a row comes from.
"""

import numpy as np
import pytest

from litejit.schema import (
    DimensionMetadata,
    DimensionType,
    Int32Vector,
    InvalidModelError,
    ModelBuilder,
    SparsityParameters,
    Uint8Vector,
    Uint16Vector,
    read_model,
)
from tests.test_schema_semantics import ints


def csr(segments, indices, vector=Int32Vector, **fields):
    return DimensionMetadata(
        format=DimensionType.SPARSE_CSR,
        array_segments=vector(values=np.array(segments)),
        array_indices=vector(values=np.array(indices)),
        **fields,
    )


def sparse(
    order=(0, 1, 2, 3),
    block_map=(0, 1),
    rows=2,
    segments=(0, 1, 3),
    indices=(1, 0, 1),
    block=(2, 2),
    levels=None,
    vector=Int32Vector,
    values=12,
    dtype=np.float32,
):
    """A 4 x 4 matrix in blocks of 2 x 2, of which three are stored."""
    blocks = [DimensionMetadata(dense_size=size) for size in block]
    levels = [DimensionMetadata(dense_size=rows), csr(segments, indices, vector), *blocks] if levels is None else levels
    sparsity = SparsityParameters(traversal_order=ints(*order), block_map=ints(*block_map), dim_metadata=levels)
    b = ModelBuilder()
    w = b.constant(np.arange(values).astype(dtype), shape=(4, 4), sparsity=sparsity)
    b.output(b.op("DENSIFY", [w], [{"shape": (4, 4), "dtype": dtype}]))
    return b.to_bytes()  # fmt: skip


@pytest.mark.parametrize("vector", [Int32Vector, Uint16Vector, Uint8Vector])
def test_sparse_constants(vector):
    model = read_model(sparse(vector=vector))
    assert model.subgraphs[0].tensors[0].sparsity.dim_metadata[1].array_indices == vector(values=np.array([1, 0, 1]))


SPARSE = {
    "order is not a permutation": ({"order": (0, 0, 2, 3)}, "traversal_order .* is not a permutation"),
    "order with blocks before": ({"order": (2, 1, 0, 3)}, "traversal_order .* is not a permutation"),
    "order too short": ({"order": (0, 1, 2)}, "traversal_order has 3, dim_metadata 4 and block_map 2"),
    "dim_metadata count": ({"levels": []}, "traversal_order has 4, dim_metadata 0 and block_map 2"),
    "block_map missing": ({"block_map": ()}, "block_map 0 elements for a tensor of rank 2"),
    "block_map out of range": ({"block_map": (0, 2)}, "block_map .* outside of rank 2"),
    "block_map negative": ({"block_map": (0, -1)}, "block_map .* outside of rank 2"),
    "block size zero": ({"block": (0, 2)}, "blocks of 0 elements"),
    "block size negative": ({"block": (2, -2)}, "blocks of -2 elements"),
    "block size does not divide": ({"block": (3, 2)}, "blocks of 3 elements do not divide the 4 of dimension 0"),
    "dense size": ({"rows": 3}, r"dim_metadata\[0\]: dense_size is 3, the dimension has 2"),
    "segments decrease": ({"segments": (0, 3, 1)}, r"dim_metadata\[1\]: array_segments .* decreases"),
    "segments start": ({"segments": (1, 1, 3)}, "array_segments does not start at 0"),
    "segments count": ({"segments": (0, 3)}, "array_segments has 2 elements for 2 rows"),
    "segments end": ({"segments": (0, 1, 2)}, "array_segments ends at 2, array_indices has 3"),
    "CVE-2022-23560 index out of range": (
        {"indices": (1, 0, 2)},
        "array_indices has an index outside of the dimension of 2",
    ),
    "index negative": ({"indices": (1, -1, 1)}, "array_indices has an index outside"),
    "stored elements": ({"values": 11}, "its data are 44 bytes, 12 stored elements of FLOAT32 takes 48"),
}


@pytest.mark.parametrize(("change", "message"), SPARSE.values(), ids=SPARSE)
def test_sparsity_refused(change, message):
    with pytest.raises(InvalidModelError, match=r"subgraph 0, tensor 0 \('tensor_0'\): .*" + message):
        read_model(sparse(**change))


@pytest.mark.parametrize("field", ["array_segments", "array_indices"])
def test_sparsity_vectors_missing(field):
    level = csr((0, 1, 3), (1, 0, 1))
    setattr(level, field, None)
    levels = [DimensionMetadata(dense_size=2), level, DimensionMetadata(dense_size=2), DimensionMetadata(dense_size=2)]
    with pytest.raises(InvalidModelError, match=rf"dim_metadata\[1\]: {field} is absent"):
        read_model(sparse(levels=levels))
