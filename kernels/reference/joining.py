"""Arrays put together and taken apart: CONCATENATION, PACK, UNPACK."""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import round_half_away
from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.moving import per_tensor, require_same_quantization, require_symmetric_int16
from litejit.kernels.registry import builtin
from litejit.schema import (
    ActivationFunctionType,
    BuiltinOperator,
    ConcatenationOptions,
    PackOptions,
    TensorType,
    UnpackOptions,
)

_PLAIN = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16, TensorType.INT32)


@builtin(BuiltinOperator.CONCATENATION, versions=(1, 7))
class Concatenation(Kernel):
    """The inputs one after another along options.axis (negative from the end).

    values: one type and rank, equal in all other dimensions; constant scalars make a vector.
    UINT8 inputs of another scale or zero point than the output's are requantized in float32:
        clip(round_half_away(q * scale + bias) + output zero_point), scale = input_scale * (1 / output_scale),
        bias = -input zero_point * scale.

    Raises InvalidModelError for other differing quantization and for a fused activation.
    Semantics: LiteRT tflite/kernels/concatenation.cc, internal/reference/concatenation.h.
    """

    types = (
        *_PLAIN,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.INT64,
        TensorType.BOOL,
        TensorType.UINT32,
        TensorType.INT4,
    )
    flavours = ALL_FLAVOURS
    options: ConcatenationOptions

    def prepare(self, node: Node) -> None:
        """axis: counted from the start. tables: [256] requantized values for each input, None where it is copied."""
        activation = self.options.fused_activation_function
        node.require(activation == ActivationFunctionType.NONE, "fused activation is {!r}, expected NONE", activation)
        node.require(node.inputs, "the operator has no operands, expected at least one")
        first, output = node.input(0), node.declared[0]
        inputs = [node.input(at, types=first.type, rank=first.rank) for at in range(len(node.inputs))]
        self.tables: list[np.ndarray | None] = [None] * len(inputs)
        if first.rank == 0:
            scalars = self.options.axis == 0 and all(spec.value is not None for spec in inputs)
            node.require(scalars and first.type != TensorType.INT4, "{} is a scalar, expected at least rank 1", first)
            self.axis = 0
            node.output((len(inputs),), types=first.type)
            return
        self.axis = axis = normalize_axis(self.options.axis, first.rank)
        for at, spec in enumerate(inputs):
            node.input(at, shape=(*first.dims[:axis], spec.dims[axis], *first.dims[axis + 1 :]))
        if first.type == TensorType.UINT8:
            self.tables = [_requantization(spec, output) for spec in inputs]
        elif first.type == TensorType.INT8:
            require_same_quantization(node, output, *inputs)
        for spec in (*inputs, output):
            require_symmetric_int16(node, spec)
        size = sum(spec.dims[axis] for spec in inputs)
        node.output((*first.dims[:axis], size, *first.dims[axis + 1 :]), types=first.type)

    def __call__(self, *values: np.ndarray) -> np.ndarray:
        """The output."""
        parts = [value if table is None else table[value] for value, table in zip(values, self.tables, strict=True)]
        return np.stack(parts) if parts[0].ndim == 0 else np.concatenate(parts, self.axis)


def _requantization(spec: TensorSpec, output: TensorSpec) -> np.ndarray | None:
    if per_tensor(spec) == per_tensor(output):
        return None
    scale = spec.scale * (np.float32(1) / output.scale)
    bias = np.float32(-spec.zero_point) * scale
    values = round_half_away(np.arange(256, dtype=np.float32) * scale + bias) + output.zero_point
    return np.clip(values, 0, 255).astype(np.uint8)


@builtin(BuiltinOperator.PACK, versions=(1, 5))
class Pack(Kernel):
    """The inputs one after another along a new dimension options.axis (negative from the end of the output).

    values: options.values_count arrays of one shape, type and quantization.
    Semantics: LiteRT tflite/kernels/pack.cc.
    """

    types = (*_PLAIN, TensorType.UINT32, TensorType.INT64)
    flavours = ALL_FLAVOURS
    options: PackOptions

    def prepare(self, node: Node) -> None:
        """axis: counted from the start."""
        count = self.options.values_count
        node.require(
            count == len(node.inputs) > 0, "values_count is {}, the operator has {} operands", count, len(node.inputs)
        )
        first = node.input(0)
        inputs = [node.input(at, types=first.type, shape=first.dims) for at in range(count)]
        require_same_quantization(node, node.declared[0], *inputs)
        self.axis = normalize_axis(self.options.axis, first.rank + 1)
        node.output((*first.dims[: self.axis], count, *first.dims[self.axis :]), types=first.type)

    def __call__(self, *values: np.ndarray) -> np.ndarray:
        """The output."""
        return np.stack(values, self.axis)


@builtin(BuiltinOperator.UNPACK, versions=(1, 6))
class Unpack(Kernel):
    """The slices of the input along options.axis (negative from the end), options.num of them, without that dimension.

    Raises InvalidModelError when num is not the size of the dimension, the number of outputs, or the input is empty.
    Semantics: LiteRT tflite/kernels/unpack.cc.
    """

    types = (*_PLAIN, TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.BOOL)
    n_outputs = None
    flavours = ALL_FLAVOURS
    options: UnpackOptions

    def prepare(self, node: Node) -> None:
        """axis: counted from the start."""
        input, num = node.input("input"), self.options.num
        node.require(num == len(node.declared), "num is {}, the operator has {} outputs", num, len(node.declared))
        node.require(input.size > 0, "{} of shape {} is empty", input, input.dims)
        self.axis = normalize_axis(self.options.axis, input.rank)
        node.require(
            num == input.dims[self.axis],
            "num is {}, dimension {} of {} is {}",
            num,
            self.axis,
            input,
            input.dims[self.axis],
        )
        require_same_quantization(node, input, *node.declared)
        for at in range(num):
            node.output((*input.dims[: self.axis], *input.dims[self.axis + 1 :]), at=at, types=input.type)

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs."""
        return tuple(np.asarray(part, order="C") for part in np.moveaxis(input, self.axis, 0))
