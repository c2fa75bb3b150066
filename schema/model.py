"""The tables of a model: subgraphs, tensors with their quantization, buffers, signatures.

Names, types and defaults are those of the TFLite schema. The tables only hold what the file says;
`validate.check_model` tells whether that makes sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .declare import (
    Array,
    Table,
    boolean,
    dims,
    enum8,
    float32s,
    int32,
    int32s,
    int64s,
    string,
    table,
    tables,
    uint8s,
    uint32,
    uint64,
    union,
)
from .tensor_types import TensorType

if TYPE_CHECKING:
    from .operators import Operator, OperatorCode
    from .sparsity import SparsityParameters

__all__ = [
    "BlockwiseQuantization",
    "Buffer",
    "CustomQuantization",
    "ExternalBuffer",
    "ExternalBufferGroup",
    "Metadata",
    "Model",
    "MultiAxisQuantization",
    "QuantizationParameters",
    "SignatureDef",
    "SubGraph",
    "Tensor",
    "TensorMap",
    "VariantSubType",
]


class CustomQuantization(Table):
    """Quantization parameters of a scheme that is not the standard one."""

    custom: Array = uint8s(align=16)


class BlockwiseQuantization(Table):
    """One scale for each block of `block_size` elements; `scales` and `zero_points` are indices of tensors."""

    scales: int = int32()
    zero_points: int = int32()
    block_size: int = int32()


class MultiAxisQuantization(Table):
    """Like BlockwiseQuantization, along several dimensions."""

    scales: int = int32()
    zero_points: int = int32()
    block_size: int = int32()
    quantized_dimensions: Array = int32s()


class QuantizationParameters(Table):
    """real = scale * (quantized - zero_point), with one scale for the tensor or one for each slice.

    With several scales, scale[i] is that of slice i along `quantized_dimension`. An empty `scale` means the tensor is
    not quantized.
    """

    min: Array = float32s()
    max: Array = float32s()
    scale: Array = float32s()
    zero_point: Array = int64s()
    details: Table | None = union(CustomQuantization, BlockwiseQuantization, MultiAxisQuantization)
    quantized_dimension: int = int32()


class VariantSubType(Table):
    """Shape and type of the tensors inside a VARIANT tensor."""

    shape: tuple[int, ...] = dims()
    type: TensorType = enum8(TensorType)
    has_rank: bool = boolean()


class Tensor(Table):
    """A tensor of a subgraph. `shape_signature`, where present, has -1 for dimensions that are not fixed."""

    shape: tuple[int, ...] = dims()
    type: TensorType = enum8(TensorType)
    buffer: int = uint32()
    name: str = string()
    quantization: QuantizationParameters | None = table(QuantizationParameters)
    is_variable: bool = boolean()
    sparsity: SparsityParameters | None = table("sparsity.SparsityParameters")
    shape_signature: tuple[int, ...] | None = dims(optional=True)
    has_rank: bool = boolean()
    variant_tensors: list[VariantSubType] = tables(VariantSubType, optional=True)
    external_buffer: int = uint32()


class SubGraph(Table):
    """A graph: tensors, the operators in execution order, and which tensors go in and come out."""

    tensors: list[Tensor] = tables(Tensor)
    inputs: Array = int32s()
    outputs: Array = int32s()
    operators: list[Operator] = tables("operators.Operator")
    name: str = string()
    debug_metadata_index: int = int32(-1)


class Buffer(Table):
    """Raw bytes. The reader resolves `offset` and `size` (data outside of the flatbuffer) into `data`."""

    data: Array | None = uint8s(align=16, optional=True)
    offset: int = uint64()
    size: int = uint64()


class ExternalBufferGroup(Table):
    """A file that holds external buffers."""

    name: str = string()


class ExternalBuffer(Table):
    """A slice of an external file."""

    id: int = uint32()
    group: int = uint32()
    offset: int = uint64()
    length: int = uint64()
    packing: str = string()


class Metadata(Table):
    """A named buffer."""

    name: str = string()
    buffer: int = uint32()


class TensorMap(Table):
    """The name of a tensor in a signature."""

    name: str = string(optional=False)
    tensor_index: int = uint32()


class SignatureDef(Table):
    """A named entry point: a subgraph, and names for its inputs and outputs."""

    inputs: list[TensorMap] = tables(TensorMap)
    outputs: list[TensorMap] = tables(TensorMap)
    signature_key: str = string(optional=False)
    subgraph_index: int = uint32(slot=4)


class Model(Table):
    """A whole file. Subgraph 0 is the main one; buffer 0 is empty by convention."""

    version: int = uint32()
    operator_codes: list[OperatorCode] = tables("operators.OperatorCode")
    subgraphs: list[SubGraph] = tables(SubGraph)
    description: str = string()
    buffers: list[Buffer] = tables(Buffer)
    metadata_buffer: Array = int32s()
    metadata: list[Metadata] = tables(Metadata, optional=True)
    signature_defs: list[SignatureDef] = tables(SignatureDef, optional=True)
    external_buffer_groups: list[ExternalBufferGroup] = tables(ExternalBufferGroup, optional=True)
    external_buffers: list[ExternalBuffer] = tables(ExternalBuffer, optional=True)
