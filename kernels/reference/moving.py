"""What the operators that only move elements share: sized types, index operands, bounds, equal quantization."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from litejit.kernels.fixedpoint import integer_range
from litejit.kernels.node import Node, Shape, TensorSpec
from litejit.schema import TensorType
from litejit.schema.errors import InvalidInputError

__all__ = [
    "INDEX_TYPES",
    "SIZED_TYPES",
    "check_bounds",
    "flat_positions",
    "index_values",
    "padding_value",
    "per_tensor",
    "require_same_quantization",
    "require_symmetric_int16",
]

SIZED_TYPES = frozenset(
    {
        TensorType.BOOL,
        TensorType.INT8,
        TensorType.UINT8,
        TensorType.FLOAT8_E4M3FN,
        TensorType.FLOAT8_E5M2,
        TensorType.INT16,
        TensorType.UINT16,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.INT32,
        TensorType.UINT32,
        TensorType.FLOAT32,
        TensorType.INT64,
        TensorType.UINT64,
        TensorType.FLOAT64,
        TensorType.COMPLEX64,
    }
)
"""Types whose elements take 1, 2, 4 or 8 bytes: what a kernel that dispatches on the size of an element accepts."""

INDEX_TYPES = (TensorType.INT32, TensorType.INT64)


def index_values(
    node: Node,
    operand: str,
    *,
    types: TensorType | Collection[TensorType] = INDEX_TYPES,
    size: int | None = None,
    rank: int | None = None,
    shape: Shape | None = None,
) -> list[int]:
    """The values of an operand that holds axes, sizes or positions, flattened; checked as `Node.input` does.

    size: how many elements it must have, whatever its rank.
    """
    spec = node.input(operand, types=types, rank=rank, shape=shape)
    node.require(
        size is None or spec.size == size,
        "operand '{}' ({}) has {} elements, expected {}",
        operand,
        spec,
        spec.size,
        size,
    )
    return [int(value) for value in node.value(operand).ravel().tolist()]


def per_tensor(spec: TensorSpec) -> tuple[float, int]:
    """Scale and zero point for kernels that merely compare them: 0 and 0 unless there is exactly one of each."""
    quantization = spec.quantization
    if quantization is None or quantization.per_channel or quantization.block_size:
        return 0.0, 0
    return float(quantization.scale[0]), int(quantization.zero_point[0])


def require_same_quantization(node: Node, first: TensorSpec, *others: TensorSpec) -> None:
    """Scales and zero points are equal, because the operator copies raw values."""
    for spec in (first, *others):
        node.require(
            per_tensor(spec) == per_tensor(first),
            "{} has scale and zero point {}, {} has {}: they must be equal, {} does not rescale",
            spec,
            per_tensor(spec),
            first,
            per_tensor(first),
            node.op,
        )


def require_symmetric_int16(node: Node, spec: TensorSpec) -> None:
    """The zero point of an int16 tensor is 0."""
    if spec.type == TensorType.INT16:
        node.require(per_tensor(spec)[1] == 0, "{} (INT16) has zero point {}, expected 0", spec, per_tensor(spec)[1])


def padding_value(node: Node, output: TensorSpec) -> int:
    """What a quantized output is padded with, its zero point; it has to be a value of the type."""
    zero_point = per_tensor(output)[1]
    low, high = integer_range(output.type)
    node.require(low <= zero_point <= high, "{} has zero point {}, expected {} to {}", output, zero_point, low, high)
    return zero_point


def check_bounds(indices: np.ndarray, size: int, what: str) -> None:
    """InvalidInputError for an index outside [0, size)."""
    bad = (indices < 0) | (indices >= size)
    if bad.any():
        raise InvalidInputError(f"{what} {int(indices[bad].flat[0])} is out of range, expected 0 <= index < {size}")


def flat_positions(coordinates: np.ndarray, dims: Sequence[int], what: str) -> np.ndarray:
    """[..., n] coordinates in the first n of dims -> [...] row-major positions; InvalidInputError outside of them."""
    positions = np.zeros(coordinates.shape[:-1], np.int64)
    for axis, size in enumerate(dims[: coordinates.shape[-1]]):
        check_bounds(coordinates[..., axis], size, f"{what} along axis {axis}:")
        positions = positions * size + coordinates[..., axis]
    return positions
