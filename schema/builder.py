"""`ModelBuilder`: models made by hand, one call for each tensor and operator.

The builder checks nothing beyond Python types, so that it can also make models that are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .declare import Array, Field, Kind, Table
from .enums import BuiltinOperator, TensorType
from .model import (
    Buffer,
    Metadata,
    Model,
    QuantizationParameters,
    SignatureDef,
    SubGraph,
    Tensor,
    TensorMap,
)
from .operators import Operator, OperatorCode
from .options import BUILTIN_OPTIONS, OPTIONS_OF
from .sparsity import SparsityParameters
from .types import pack, tensor_type
from .writer import write_model

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ModelBuilder", "SubgraphBuilder"]

Handle: TypeAlias = int
"""What stands for a tensor: its index in its subgraph."""
DType: TypeAlias = "npt.DTypeLike | TensorType"


class SubgraphBuilder:
    """Builds one subgraph of a model."""

    def __init__(self, model: Model, name: str) -> None:
        self.index = len(model.subgraphs)
        self._model = model
        self._graph = SubGraph(name=name, inputs=_indices([]), outputs=_indices([]))
        model.subgraphs.append(self._graph)

    def tensor(
        self,
        name: str | None = None,
        shape: Sequence[int] = (),
        dtype: DType = np.float32,
        *,
        scale: npt.ArrayLike | None = None,
        zero_point: npt.ArrayLike = 0,
        quantized_dimension: int = 0,
        shape_signature: Sequence[int] | None = None,
        quantization: QuantizationParameters | None = None,
        **fields: Any,
    ) -> Handle:
        """Declare a tensor. `fields` are further fields of the schema's Tensor."""
        if quantization is None and scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            zero_points = np.atleast_1d(np.asarray(zero_point, np.int64))
            if zero_points.size == 1:
                zero_points = np.repeat(zero_points, scales.size)
            quantization = QuantizationParameters(
                scale=scales, zero_point=zero_points, quantized_dimension=quantized_dimension
            )
        index = len(self._graph.tensors)
        tensor = Tensor(
            name=f"tensor_{index}" if name is None else name,
            shape=tuple(int(dim) for dim in shape),
            type=tensor_type(dtype),
            quantization=quantization,
            shape_signature=None if shape_signature is None else tuple(int(dim) for dim in shape_signature),
            **fields,
        )
        self._graph.tensors.append(tensor)
        return index

    def input(
        self, name: str | None = None, shape: Sequence[int] = (), dtype: DType = np.float32, **fields: Any
    ) -> Handle:
        """Declare an input of the graph; see `tensor`."""
        handle = self.tensor(name, shape, dtype, **fields)
        self._graph.inputs = _indices([*self._graph.inputs, handle])
        return handle

    def variable(
        self, shape: Sequence[int], dtype: DType = np.float32, name: str | None = None, **fields: Any
    ) -> Handle:
        """Declare a variable, a tensor that keeps its value between inferences; see `tensor`."""
        return self.tensor(name, shape, dtype, is_variable=True, **fields)

    def constant(
        self,
        array: npt.ArrayLike,
        name: str | None = None,
        type: TensorType | None = None,
        *,
        shape: Sequence[int] | None = None,
        sparsity: SparsityParameters | None = None,
        **fields: Any,
    ) -> Handle:
        """Declare a constant. `type` is that of the array unless given: INT4 and the like are packed.

        `shape` is that of the array unless given, as it must be for sparse constants; for further fields, `tensor`.
        """
        array = np.asarray(array)
        type = tensor_type(array.dtype) if type is None else type
        return self.tensor(
            name,
            array.shape if shape is None else shape,
            type,
            buffer=self.buffer(pack(array, type)),
            sparsity=sparsity,
            **fields,
        )

    def op(
        self,
        operator: str | BuiltinOperator,
        inputs: Sequence[Handle | None],
        outputs: Sequence[Handle | Mapping[str, Any]] | None = None,
        *,
        n_outputs: int = 1,
        version: int = 1,
        intermediates: Sequence[Handle] | None = None,
        custom: bool = False,
        custom_options: bytes | Array | None = None,
        options: Table | None = None,
        mutating_variable_inputs: Sequence[bool] | None = None,
        **option_fields: Any,
    ) -> Any:
        """Add an operator; return the handle of its output, or a tuple of handles if there are several.

        outputs: handles, or dicts of the arguments of `tensor`; by default `n_outputs` tensors with type, shape and
        quantization of the first input.
        options, option_fields: the option table, or its fields; enum values also by name.
        custom: `operator` is the name of a custom operator.
        """
        code = BuiltinOperator.CUSTOM if custom else _enum(BuiltinOperator, operator)
        if options is None and code in OPTIONS_OF:
            options = _options(OPTIONS_OF[code], option_fields)
        elif option_fields:
            raise TypeError(f"{operator} has no options of its own, it was given {', '.join(option_fields)}")
        if outputs is None:
            outputs = [self._like(inputs)] * n_outputs
        handles = [self.tensor(**output) if isinstance(output, Mapping) else output for output in outputs]
        in_first_union = type(options) in BUILTIN_OPTIONS
        fields: dict[str, Any] = {"builtin_options" if in_first_union else "builtin_options_2": options}
        if custom_options is not None:
            fields["custom_options"] = np.frombuffer(custom_options, np.uint8)
        if intermediates is not None:
            fields["intermediates"] = _indices(intermediates)
        if mutating_variable_inputs is not None:
            fields["mutating_variable_inputs"] = np.asarray(mutating_variable_inputs, np.bool_)
        self._graph.operators.append(
            Operator(
                opcode_index=self.operator_code(code, str(operator) if custom else "", version),
                inputs=_indices([-1 if handle is None else handle for handle in inputs]),
                outputs=_indices(handles),
                **fields,
            )
        )
        return handles[0] if len(handles) == 1 else tuple(handles)

    def buffer(self, data: bytes | Array) -> int:
        """Add a buffer; return its index."""
        self._model.buffers.append(Buffer(data=np.frombuffer(data, np.uint8)))
        return len(self._model.buffers) - 1

    def output(self, *handles: Handle) -> None:
        """Make tensors outputs of the graph."""
        self._graph.outputs = _indices([*self._graph.outputs, *handles])

    def _like(self, inputs: Sequence[Handle | None]) -> dict[str, Any]:
        first = next((self._graph.tensors[handle] for handle in inputs if handle is not None), Tensor())
        return {"shape": first.shape, "dtype": first.type, "quantization": first.quantization}

    def operator_code(self, code: BuiltinOperator, custom_code: str, version: int) -> int:
        """The index of an operator code, added if the model does not have it yet."""
        wanted = OperatorCode(
            deprecated_builtin_code=min(code, BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES),
            builtin_code=code,
            custom_code=custom_code,
            version=version,
        )
        codes = self._model.operator_codes
        if wanted not in codes:
            codes.append(wanted)
        return codes.index(wanted)


class ModelBuilder(SubgraphBuilder):
    """Builds a model; its own methods are those of the main subgraph.

    >>> b = ModelBuilder()
    >>> x = b.input("x", (1, 8, 8, 3), np.float32)
    >>> b.output(b.op("SPACE_TO_DEPTH", [x], [{"shape": (1, 4, 4, 12)}], block_size=2))
    >>> data = b.to_bytes()
    """

    def __init__(self, description: str = "", name: str = "main") -> None:
        # Buffer 0 is empty by convention: tensors without data refer to it.
        super().__init__(Model(version=3, description=description, buffers=[Buffer()]), name)

    def subgraph(self, name: str = "") -> SubgraphBuilder:
        """Add a subgraph; its `index` is what control flow operators refer to."""
        return SubgraphBuilder(self._model, name)

    def signature(
        self, key: str, inputs: Mapping[str, Handle], outputs: Mapping[str, Handle], subgraph: int = 0
    ) -> None:
        """Add a named entry point."""

        def maps(tensors: Mapping[str, Handle]) -> list[TensorMap]:
            return [TensorMap(name=name, tensor_index=tensor) for name, tensor in tensors.items()]

        self._model.signature_defs.append(
            SignatureDef(signature_key=key, inputs=maps(inputs), outputs=maps(outputs), subgraph_index=subgraph)
        )

    def metadata(self, name: str, data: bytes) -> None:
        """Add a named buffer."""
        self._model.metadata.append(Metadata(name=name, buffer=self.buffer(data)))

    def build(self) -> Model:
        """The model. It is the builder's own: later calls change it."""
        return self._model

    def to_bytes(self) -> bytes:
        """The model as a .tflite file."""
        return write_model(self._model)


def _indices(tensors: Sequence[Handle] | Array) -> Array:
    return np.array(list(tensors), np.int32)


def _enum(enum: type[IntEnum], value: str | int) -> Any:
    return enum[value] if isinstance(value, str) else enum(value)


def _options(cls: type[Table], values: Mapping[str, Any]) -> Table:
    declared = {field.name: field for field in cls.fields_}
    return cls(**{name: _field_value(declared[name], v) if name in declared else v for name, v in values.items()})


def _field_value(field: Field, value: Any) -> Any:
    if field.kind is Kind.SCALAR and field.enum is not None:
        known = isinstance(value, str) or value in field.enum._value2member_map_
        return _enum(field.enum, value) if known else value
    return np.asarray(value, field.dtype) if field.kind is Kind.VECTOR and value is not None else value
