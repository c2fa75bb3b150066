"""`ModelBuilder`: making models in a few lines, for tests, kernel authors and tools.

    b = ModelBuilder()
    x = b.input("x", (1, 8, 8, 3), np.int8, scale=0.05, zero_point=3)
    y = b.op("AVERAGE_POOL_2D", [x], padding="VALID", stride_w=2, stride_h=2, filter_width=2, filter_height=2)
    b.output(y)
    data = b.to_bytes()

It checks types only, so that malformed models can be built on purpose; reading the model back tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .declare import Kind, Table
from .enums import BuiltinOperator, CustomOptionsFormat, TensorType
from .model import (
    Buffer,
    Metadata,
    Model,
    Operator,
    OperatorCode,
    QuantizationParameters,
    SignatureDef,
    SparsityParameters,
    SubGraph,
    Tensor,
    TensorMap,
)
from .options import BUILTIN_OPTIONS_2, OPTIONS_OF
from .types import BITS_OF, pack_bits, pack_strings, tensor_type
from .writer import write_model

__all__ = ["ModelBuilder", "SubgraphBuilder"]

Handle: TypeAlias = int
DType: TypeAlias = Any
"""A TensorType, or anything that names a NumPy dtype."""


class SubgraphBuilder:
    """One subgraph under construction. Handles of tensors are their indices."""

    def __init__(self, model: ModelBuilder, index: int, name: str) -> None:
        self.index = index
        self._builder = model
        self._graph = SubGraph(name=name, inputs=np.zeros(0, np.int32), outputs=np.zeros(0, np.int32))

    def tensor(
        self,
        name: str | None = None,
        shape: Sequence[int] = (),
        dtype: DType = np.float32,
        *,
        scale: ArrayLike | None = None,
        zero_point: ArrayLike = 0,
        quantized_dimension: int = 0,
        shape_signature: Sequence[int] | None = None,
        is_variable: bool = False,
        sparsity: SparsityParameters | None = None,
        quantization: QuantizationParameters | None = None,
        buffer: int = 0,
    ) -> Handle:
        """Declares a tensor. scale and zero_point: one number, or one for each slice of quantized_dimension."""
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            points = np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape).copy()
            quantization = QuantizationParameters(
                scale=scales, zero_point=points, quantized_dimension=quantized_dimension
            )
        index = len(self._graph.tensors)
        self._graph.tensors.append(
            Tensor(
                name=name if name is not None else f"tensor{index}",
                shape=tuple(map(int, shape)),
                type=tensor_type(dtype),
                buffer=buffer,
                quantization=quantization,
                is_variable=is_variable,
                sparsity=sparsity,
                shape_signature=None if shape_signature is None else tuple(map(int, shape_signature)),
                has_rank=True,
            )
        )
        return index

    def input(self, name: str | None = None, shape: Sequence[int] = (), dtype: DType = np.float32, **keywords: Any) -> Handle:
        """Declares a tensor (see `tensor`) that is an input of the graph."""
        handle = self.tensor(name, shape, dtype, **keywords)
        self._graph.inputs = np.append(self._graph.inputs, np.int32(handle))
        return handle

    def constant(
        self, value: ArrayLike, name: str | None = None, type: TensorType | None = None, shape: Sequence[int] | None = None, **keywords: Any
    ) -> Handle:
        """A constant tensor (see `tensor`). type packs integers into 4 or 2 bits; shape is for sparse values."""
        array = np.asarray(value)
        kind = tensor_type(array.dtype) if type is None else type
        if kind == TensorType.STRING:
            data = np.frombuffer(pack_strings(array), np.uint8)
        elif kind in BITS_OF:
            data = pack_bits(array, kind)
        else:
            data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        return self.tensor(
            name, array.shape if shape is None else shape, kind, buffer=self._builder.buffer(data), **keywords
        )

    def variable(self, shape: Sequence[int], dtype: DType = np.float32, name: str | None = None, **keywords: Any) -> Handle:
        """A variable tensor: state that operators keep between invokes."""
        return self.tensor(name, shape, dtype, is_variable=True, **keywords)

    def op(
        self,
        name: str,
        inputs: Sequence[Handle | None],
        *,
        outputs: Sequence[Handle | Mapping[str, Any]] | None = None,
        n_outputs: int = 1,
        version: int = 1,
        intermediates: Sequence[Handle] | None = None,
        custom: bool = False,
        custom_options: bytes | None = None,
        options: Table | None = None,
        **fields: Any,
    ) -> Any:
        """Appends an operator and returns its output, or a tuple of them.

        name: of a BuiltinOperator, or with custom=True any. inputs: None leaves an optional operand out.
        outputs: handles, or keywords of `tensor`; by default tensors like the first input.
        options: an option table; or fields of the operator's own one, where enum values may be given by name.
        """
        if outputs is None:
            outputs = [self._like(inputs)] * n_outputs
        handles = [item if isinstance(item, (int, np.integer)) else self.tensor(**item) for item in outputs]
        operator = Operator(
            opcode_index=self._builder.operator_code(name, version, custom),
            inputs=np.array([-1 if handle is None else handle for handle in inputs], np.int32),
            outputs=np.array(handles, np.int32),
            custom_options=None if custom_options is None else np.frombuffer(custom_options, np.uint8),
            custom_options_format=CustomOptionsFormat.FLEXBUFFERS,
        )
        if intermediates is not None:
            operator.intermediates = np.array(intermediates, np.int32)
        if options is None and not custom:
            options = _options(name, fields)
        if type(options) in BUILTIN_OPTIONS_2:
            operator.builtin_options_2 = options
        else:
            operator.builtin_options = options
        self._graph.operators.append(operator)
        return handles[0] if len(handles) == 1 else tuple(handles)

    def output(self, *handles: Handle) -> None:
        """Marks tensors as outputs of the graph."""
        self._graph.outputs = np.append(self._graph.outputs, np.array(handles, np.int32))

    def _like(self, inputs: Sequence[Handle | None]) -> dict[str, Any]:
        first = next((handle for handle in inputs if handle is not None), None)
        if first is None:
            return {}
        tensor = self._graph.tensors[first]
        return {"shape": tensor.shape, "dtype": tensor.type, "quantization": tensor.quantization}


class ModelBuilder(SubgraphBuilder):
    """A model under construction; itself the builder of its main subgraph."""

    def __init__(self, description: str = "", name: str = "main") -> None:
        super().__init__(self, 0, name)
        self._description = description
        self._buffers = [Buffer()]
        self._codes: dict[tuple[str, int, bool], int] = {}
        self._operator_codes: list[OperatorCode] = []
        self._subgraphs: list[SubgraphBuilder] = [self]
        self._signatures: list[SignatureDef] = []
        self._metadata: list[Metadata] = []

    def subgraph(self, name: str = "") -> SubgraphBuilder:
        """A further subgraph, for control flow or for a signature; its `index` is what operators refer to."""
        builder = SubgraphBuilder(self, len(self._subgraphs), name)
        self._subgraphs.append(builder)
        return builder

    def signature(self, key: str, inputs: Mapping[str, Handle], outputs: Mapping[str, Handle], subgraph: int = 0) -> None:
        """Names an entry point: a subgraph with names for its inputs and outputs."""
        self._signatures.append(
            SignatureDef(
                signature_key=key,
                inputs=[TensorMap(name=name, tensor_index=handle) for name, handle in inputs.items()],
                outputs=[TensorMap(name=name, tensor_index=handle) for name, handle in outputs.items()],
                subgraph_index=subgraph,
            )
        )

    def metadata(self, name: str, data: bytes) -> None:
        """Attaches a named buffer."""
        self._metadata.append(Metadata(name=name, buffer=self.buffer(np.frombuffer(data, np.uint8))))

    def buffer(self, data: np.ndarray[Any, Any]) -> int:
        """Adds a buffer and returns its index."""
        self._buffers.append(Buffer(data=data))
        return len(self._buffers) - 1

    def operator_code(self, name: str, version: int, custom: bool) -> int:
        """Index of an operator code, made when it is new."""
        key = name, version, custom
        if key not in self._codes:
            operator = BuiltinOperator.CUSTOM if custom else BuiltinOperator[name]
            self._operator_codes.append(
                OperatorCode(
                    deprecated_builtin_code=min(int(operator), 127),
                    builtin_code=operator,
                    version=version,
                    custom_code=name if custom else "",
                )
            )
            self._codes[key] = len(self._operator_codes) - 1
        return self._codes[key]

    def build(self) -> Model:
        """The model."""
        return Model(
            version=3,
            description=self._description,
            operator_codes=self._operator_codes,
            subgraphs=[builder._graph for builder in self._subgraphs],
            buffers=self._buffers,
            signature_defs=self._signatures,
            metadata=self._metadata,
        )

    def to_bytes(self) -> bytes:
        """The model as the bytes of a .tflite file."""
        return write_model(self.build())


def _options(name: str, fields: Mapping[str, Any]) -> Table | None:
    kind = OPTIONS_OF.get(BuiltinOperator[name])
    if kind is None:
        if fields:
            raise TypeError(f"{name} has no options, not {', '.join(fields)}")
        return None
    declared = {field.name: field for field in kind.fields_}
    values = {}
    for key, value in fields.items():
        field = declared.get(key)
        if field is not None and field.enum is not None and isinstance(value, (str, int)):
            value = _enum_value(field.enum, value)
        elif field is not None and field.kind is Kind.VECTOR:
            value = np.asarray(value, field.dtype)
        values[key] = value
    return kind(**values)


def _enum_value(enum: type[IntEnum], value: str | int) -> int:
    if isinstance(value, str):
        return enum[value]
    return enum(value) if value in set(enum) else value
