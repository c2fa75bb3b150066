"""Whether a tensor makes sense: its shape, the size of its constant, its quantization and its sparsity."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .declare import Array
from .enums import DimensionType, TensorType
from .errors import InvalidModelError, UnsupportedError
from .model import BlockwiseQuantization, Model, MultiAxisQuantization, QuantizationParameters, Tensor
from .sparsity import DimensionMetadata, Int32Vector, SparsityParameters, Uint8Vector, Uint16Vector
from .types import packed_size, string_offsets, tensor_data

__all__ = ["MAX_TENSOR_BYTES", "check_tensor"]

MAX_TENSOR_BYTES = 1 << 34
"""The largest tensor that a model may declare."""

_ZERO_POINTS = {
    TensorType.INT2: (-2, 1),
    TensorType.INT4: (-8, 7),
    TensorType.UINT4: (0, 15),
    TensorType.INT8: (-128, 127),
    TensorType.UINT8: (0, 255),
    TensorType.INT16: (-(2**15), 2**15 - 1),
    TensorType.UINT16: (0, 2**16 - 1),
}


def check_tensor(model: Model, tensor: Tensor, where: str, tensors: int) -> None:
    """Raise InvalidModelError, starting with `where`, unless the tensor, one of `tensors`, makes sense."""
    try:
        _check_shape(tensor)
        if tensor.quantization is not None:
            _check_quantization(tensor, tensor.quantization, tensors)
        if tensor.buffer >= len(model.buffers):
            raise InvalidModelError(f"buffer is {tensor.buffer}, the model has {len(model.buffers)} buffers")
        data = tensor_data(model, tensor)
        if data is not None:
            _check_constant(tensor, data)
    except (InvalidModelError, UnsupportedError) as error:
        raise type(error)(f"{where} ({tensor.name!r}): {error}") from None


def _check_shape(tensor: Tensor) -> None:
    if tensor.type not in TensorType._value2member_map_:
        raise UnsupportedError(f"type {tensor.type} is newer than this schema")
    if tensor.external_buffer != 0:
        raise UnsupportedError("its data are in another file (external_buffer), which is not supported")
    shape, signature = tensor.shape, tensor.shape_signature
    if shape and min(shape) < 0:
        raise InvalidModelError(f"shape {list(shape)} has a negative dimension")
    size = packed_size(tensor.type, math.prod(shape)) or 0
    if size > MAX_TENSOR_BYTES:
        raise InvalidModelError(
            f"shape {list(shape)} of {tensor.type.name} takes {size} bytes, more than the limit of {MAX_TENSOR_BYTES}"
        )
    if signature and (len(signature) != len(shape) or min(signature) < -1):
        raise InvalidModelError(f"shape_signature {list(signature)} does not go with shape {list(shape)}")


def _check_constant(tensor: Tensor, data: Array) -> None:
    if tensor.is_variable:
        raise InvalidModelError("it is a variable, but has constant data")
    count = math.prod(tensor.shape)
    if tensor.sparsity is not None:
        count = _count_stored(tensor.sparsity, tensor.shape)
    if tensor.type is TensorType.STRING:
        strings = string_offsets(data).size - 1
        if strings != count:
            raise InvalidModelError(f"its data are {strings} strings, shape {list(tensor.shape)} takes {count}")
        return
    expected = packed_size(tensor.type, count)
    if expected is not None and data.size != expected:
        stored = f"{count} stored elements" if tensor.sparsity is not None else f"shape {list(tensor.shape)}"
        raise InvalidModelError(f"its data are {data.size} bytes, {stored} of {tensor.type.name} takes {expected}")


def _check_quantization(tensor: Tensor, quantization: QuantizationParameters, tensors: int) -> None:
    if isinstance(quantization.details, (BlockwiseQuantization, MultiAxisQuantization)):
        _check_blocks(tensor, quantization.details, tensors)
        return
    scale, zero_point, dimension = quantization.scale, quantization.zero_point, quantization.quantized_dimension
    if scale.size == 0:
        return
    if scale.size != zero_point.size:
        raise InvalidModelError(f"quantization has {scale.size} scale and {zero_point.size} zero_point values")
    rank = len(tensor.shape)
    if dimension < 0 or (rank and dimension >= rank):
        raise InvalidModelError(f"quantized_dimension is {dimension}, the shape {list(tensor.shape)} has rank {rank}")
    if scale.size != 1 and rank and scale.size != tensor.shape[dimension]:
        raise InvalidModelError(
            f"quantization has {scale.size} scales, dimension {dimension} of shape "
            f"{list(tensor.shape)} has {tensor.shape[dimension]}"
        )
    if not (scale.min() >= 0 and scale.max() < math.inf):  # False for NaN, too
        at = int(np.flatnonzero(~((scale >= 0) & (scale < math.inf)))[0])
        raise InvalidModelError(f"quantization: scale[{at}] is {scale[at]}, it must be positive and finite")
    if tensor.type in _ZERO_POINTS:
        low, high = _ZERO_POINTS[tensor.type]
        if zero_point.min() < low or zero_point.max() > high:
            at = int(np.flatnonzero((zero_point < low) | (zero_point > high))[0])
            raise InvalidModelError(
                f"quantization: zero_point[{at}] is {zero_point[at]}, outside of {tensor.type.name}"
            )


def _check_blocks(tensor: Tensor, details: BlockwiseQuantization | MultiAxisQuantization, tensors: int) -> None:
    kind = type(details).__name__
    for name, index, lowest in (("scales", details.scales, 0), ("zero_points", details.zero_points, -1)):
        if not lowest <= index < tensors:
            raise InvalidModelError(f"{kind}: {name} is tensor {index}, the subgraph has {tensors} tensors")
    if details.block_size < 0:
        raise InvalidModelError(f"{kind}: block_size is {details.block_size}, it must not be negative")
    if isinstance(details, MultiAxisQuantization):
        dimensions, rank = details.quantized_dimensions, len(tensor.shape)
        if dimensions.size == 0 or dimensions.min() < 0 or (rank and dimensions.max() >= rank):
            raise InvalidModelError(
                f"{kind}: quantized_dimensions are {dimensions.tolist()}, the shape "
                f"{list(tensor.shape)} has rank {rank}"
            )


# Sparsity ------------------------------------------------------------------------------------------------------------


def _count_stored(sparsity: SparsityParameters, shape: tuple[int, ...]) -> int:
    """How many elements a sparse tensor stores, from the structure of its dimensions, outermost first."""
    order, levels = sparsity.traversal_order.tolist(), sparsity.dim_metadata
    sizes = _level_sizes(sparsity, shape)
    count = 1
    for i, (dimension, level) in enumerate(zip(order, levels, strict=True)):
        where, size = f"sparsity: dim_metadata[{i}]", sizes[dimension]
        if level.format == DimensionType.DENSE:
            if level.dense_size != size:
                raise InvalidModelError(f"{where}: dense_size is {level.dense_size}, the dimension has {size}")
            count *= size
        elif level.format == DimensionType.SPARSE_CSR:
            count = _count_csr(level, count, size, where)
        else:
            raise UnsupportedError(f"{where}: format {level.format} is newer than this schema")
    return count


def _level_sizes(sparsity: SparsityParameters, shape: tuple[int, ...]) -> list[int]:
    """Sizes of the dimensions of the shape, in blocks where they are blocked, then those of the blocks."""
    order, blocks, levels = sparsity.traversal_order.tolist(), sparsity.block_map.tolist(), sparsity.dim_metadata
    rank = len(shape)
    if len(order) != rank + len(blocks) or len(levels) != len(order):
        raise InvalidModelError(
            f"sparsity: traversal_order has {len(order)}, dim_metadata {len(levels)} and block_map "
            f"{len(blocks)} elements for a tensor of rank {rank}"
        )
    if sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, len(order))):
        raise InvalidModelError(
            f"sparsity: traversal_order {order} is not a permutation of the dimensions, blocks last"
        )
    sizes = [*shape, *[0] * len(blocks)]
    for i, dimension in enumerate(order[rank:]):
        size, mapped = levels[rank + i].dense_size, blocks[dimension - rank]
        if not 0 <= mapped < rank:
            raise InvalidModelError(f"sparsity: block_map {blocks} has a dimension outside of rank {rank}")
        if size <= 0 or sizes[mapped] % size:
            raise InvalidModelError(
                f"sparsity: blocks of {size} elements do not divide the {sizes[mapped]} of dimension {mapped}"
            )
        sizes[dimension] = size
        sizes[mapped] //= size
    return sizes


def _count_csr(level: DimensionMetadata, rows: int, size: int, where: str) -> int:
    segments = _index_vector(level, lambda level: level.array_segments, f"{where}: array_segments")
    indices = _index_vector(level, lambda level: level.array_indices, f"{where}: array_indices")
    if segments.size != rows + 1:
        raise InvalidModelError(f"{where}: array_segments has {segments.size} elements for {rows} rows")
    if segments[0] != 0 or np.any(segments[1:] < segments[:-1]):
        raise InvalidModelError(f"{where}: array_segments does not start at 0 or decreases")
    if segments[-1] != indices.size:
        raise InvalidModelError(f"{where}: array_segments ends at {segments[-1]}, array_indices has {indices.size}")
    if indices.size and not 0 <= indices.min() <= indices.max() < size:
        raise InvalidModelError(f"{where}: array_indices has an index outside of the dimension of {size}")
    return indices.size


def _index_vector(level: DimensionMetadata, field: Callable[[DimensionMetadata], object], where: str) -> Array:
    vector = field(level)
    if not isinstance(vector, (Int32Vector, Uint16Vector, Uint8Vector)):
        raise InvalidModelError(f"{where} is absent or of an unknown kind")
    return vector.values
