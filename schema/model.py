"""The tables of a model: subgraphs, tensors with their quantization and sparsity, operators, buffers, signatures.

Names, types and defaults are those of the TFLite schema. The tables only hold what the file says;
`validate.check_model` tells whether that makes sense.
"""

from .declare import (
    Array,
    Table,
    boolean,
    bools,
    dims,
    enum8,
    enum32,
    float32s,
    int8,
    int32,
    int32s,
    int64s,
    string,
    table,
    tables,
    uint8s,
    uint16s,
    uint32,
    uint64,
    union,
)
from .enums import BuiltinOperator, CustomOptionsFormat, DimensionType, TensorType
from .options import BUILTIN_OPTIONS, BUILTIN_OPTIONS_2

__all__ = [
    "BlockwiseQuantization",
    "Buffer",
    "CustomQuantization",
    "DimensionMetadata",
    "ExternalBuffer",
    "ExternalBufferGroup",
    "Int32Vector",
    "Metadata",
    "Model",
    "MultiAxisQuantization",
    "Operator",
    "OperatorCode",
    "QuantizationParameters",
    "SignatureDef",
    "SparsityParameters",
    "SubGraph",
    "Tensor",
    "TensorMap",
    "Uint8Vector",
    "Uint16Vector",
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
    sparsity: SparsityParameters | None = table(SparsityParameters)
    shape_signature: tuple[int, ...] | None = dims(optional=True)
    has_rank: bool = boolean()
    variant_tensors: list[VariantSubType] = tables(VariantSubType, optional=True)
    external_buffer: int = uint32()


class OperatorCode(Table):
    """An operator that the model uses: a builtin one, or a custom one by name. `operator` is which."""

    deprecated_builtin_code: int = int8()
    custom_code: str = string()
    version: int = int32(1)
    builtin_code: BuiltinOperator = enum32(BuiltinOperator)

    @property
    def operator(self) -> BuiltinOperator:
        """The builtin code, whichever of the two fields holds it; a plain int if this schema does not have it."""
        # Codes below 127 fit the deprecated int8 field; older writers fill only that one.
        code = max(self.deprecated_builtin_code, self.builtin_code)
        return BuiltinOperator(code) if code in _OPERATOR_CODES else code  # type: ignore[return-value]


_OPERATOR_CODES = frozenset(BuiltinOperator)


class Operator(Table):
    """A node of a subgraph. Inputs of -1 are optional inputs left out."""

    opcode_index: int = uint32()
    inputs: Array = int32s()
    outputs: Array = int32s()
    builtin_options: Table | None = union(*BUILTIN_OPTIONS)
    custom_options: Array | None = uint8s(optional=True)
    custom_options_format: CustomOptionsFormat = enum8(CustomOptionsFormat)
    mutating_variable_inputs: Array = bools()
    intermediates: Array = int32s()
    large_custom_options_offset: int = uint64()
    large_custom_options_size: int = uint64()
    builtin_options_2: Table | None = union(*BUILTIN_OPTIONS_2)
    debug_metadata_index: int = int32(-1)

    @property
    def options(self) -> Table | None:
        """The option table, whichever of the two unions holds it."""
        return self.builtin_options if self.builtin_options is not None else self.builtin_options_2


class SubGraph(Table):
    """A graph: tensors, the operators in execution order, and which tensors go in and come out."""

    tensors: list[Tensor] = tables(Tensor)
    inputs: Array = int32s()
    outputs: Array = int32s()
    operators: list[Operator] = tables(Operator)
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
    operator_codes: list[OperatorCode] = tables(OperatorCode)
    subgraphs: list[SubGraph] = tables(SubGraph)
    description: str = string()
    buffers: list[Buffer] = tables(Buffer)
    metadata_buffer: Array = int32s()
    metadata: list[Metadata] = tables(Metadata, optional=True)
    signature_defs: list[SignatureDef] = tables(SignatureDef, optional=True)
    external_buffer_groups: list[ExternalBufferGroup] = tables(ExternalBufferGroup, optional=True)
    external_buffers: list[ExternalBuffer] = tables(ExternalBuffer, optional=True)
