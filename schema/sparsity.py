"""How the elements of a sparse constant are stored."""

from .declare import Array, Table, enum8, int32, int32s, tables, uint8s, uint16s, union
from .enums import DimensionType

__all__ = ["DimensionMetadata", "Int32Vector", "SparsityParameters", "Uint8Vector", "Uint16Vector"]


class Int32Vector(Table):
    """Segments or indices of a sparse dimension."""

    values: Array = int32s()


class Uint16Vector(Table):
    """Segments or indices of a sparse dimension, in two bytes each."""

    values: Array = uint16s(align=4)


class Uint8Vector(Table):
    """Segments or indices of a sparse dimension, in one byte each."""

    values: Array = uint8s(align=4)


class DimensionMetadata(Table):
    """How one dimension of a sparse tensor is stored: its size if DENSE, segments and indices if SPARSE_CSR."""

    format: DimensionType = enum8(DimensionType)
    dense_size: int = int32()
    array_segments: Table | None = union(Int32Vector, Uint16Vector, Uint8Vector)
    array_indices: Table | None = union(Int32Vector, Uint16Vector, Uint8Vector)


class SparsityParameters(Table):
    """The storage of a sparse constant: order of its dimensions, its blocks, and how each dimension is stored."""

    traversal_order: Array = int32s()
    block_map: Array = int32s()
    dim_metadata: list[DimensionMetadata] = tables(DimensionMetadata)
