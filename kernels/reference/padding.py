"""Borders around arrays: PAD, PADV2, MIRROR_PAD."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.elementwise import QUANTIZED_TYPES
from litejit.kernels.reference.moving import (
    INDEX_TYPES,
    SIZED_TYPES,
    index_values,
    padding_value,
    require_same_quantization,
    require_symmetric_int16,
)
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, MirrorPadMode, MirrorPadOptions, TensorType


@builtin(BuiltinOperator.PAD, versions=(1, 6))
class Pad(Kernel):
    """Puts elements before and after each dimension.

    input: rank at most 5; paddings: [rank, 2] numbers of elements before and after, none negative;
    constant_values (optional): the one element to pad with. Without it: 0, or the output's zero point where the input
    is quantized.
    Raises InvalidModelError when constant_values is not quantized as the output is.
    Semantics: LiteRT tflite/kernels/pad.cc.
    """

    types = (
        *QUANTIZED_TYPES,
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.BOOL,
    )
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """paddings: (before, after) for each dimension. pad_value: what is padded with unless it is an operand."""
        input, output = node.input("input", rank=range(6)), node.declared[0]
        constant_values = node.optional("constant_values", types=input.type)
        self.pad_value = 0
        if constant_values is not None:
            node.require(
                constant_values.size == 1, "{} has {} elements, expected 1", constant_values, constant_values.size
            )
        padding_types = (*INDEX_TYPES, TensorType.INT8, TensorType.INT16, TensorType.BOOL)
        self.paddings = padding_pairs(node, input.rank, padding_types)
        node.output(
            [before + dim + after for dim, (before, after) in zip(input.dims, self.paddings, strict=True)],
            types=input.type,
        )
        if input.type in QUANTIZED_TYPES and (input.type == TensorType.UINT8 or input.quantization is not None):
            self.pad_value = padding_value(node, output)
            if constant_values is not None:
                require_same_quantization(node, output, constant_values)

    def __call__(
        self, input: np.ndarray, paddings: np.ndarray, constant_values: np.ndarray | None = None
    ) -> np.ndarray:
        """The output."""
        pad_value = self.pad_value if constant_values is None else constant_values.reshape(())
        output = np.full(
            [before + dim + after for dim, (before, after) in zip(input.shape, self.paddings, strict=True)],
            pad_value,
            input.dtype,
        )
        inside = tuple(slice(before, before + dim) for dim, (before, _) in zip(input.shape, self.paddings, strict=True))
        output[inside] = input
        return output


@builtin(BuiltinOperator.PADV2, versions=(1, 6))
class PadV2(Pad):
    """PAD under another name: both take two or three operands."""


@builtin(BuiltinOperator.MIRROR_PAD, versions=(1, 3))
class MirrorPad(Kernel):
    """Pads with the input mirrored at its border: REFLECT leaves the border element out, SYMMETRIC repeats it.

    input: any sized type; paddings: [rank, 2] int32 or int64, at most the dimension (REFLECT: less one).
    Semantics: LiteRT tflite/kernels/mirror_pad.cc.
    """

    types = SIZED_TYPES
    flavours = ALL_FLAVOURS
    options: MirrorPadOptions

    def prepare(self, node: Node) -> None:
        """paddings: (before, after) for each dimension. mode: NumPy's name."""
        input, mode = node.input("input"), self.options.mode
        self.mode = "reflect" if mode == MirrorPadMode.REFLECT else "symmetric"
        if input.type in QUANTIZED_TYPES:
            require_same_quantization(node, input, node.declared[0])
            require_symmetric_int16(node, input)
        self.paddings = padding_pairs(node, input.rank, INDEX_TYPES)
        for dim, pair in zip(input.dims, self.paddings, strict=True):
            most = dim - (mode == MirrorPadMode.REFLECT)
            node.require(max(pair) <= most, "paddings {} exceed {}, the most for a dimension of {}", pair, most, dim)
        node.output(
            [before + dim + after for dim, (before, after) in zip(input.dims, self.paddings, strict=True)],
            types=input.type,
        )

    def __call__(self, input: np.ndarray, paddings: np.ndarray) -> np.ndarray:
        """The output."""
        return np.pad(input, self.paddings, mode=self.mode) if input.ndim else input.copy()  # type: ignore[call-overload]


def padding_pairs(node: Node, rank: int, types: tuple[TensorType, ...]) -> list[tuple[int, int]]:
    """The operand "paddings", [rank, 2], as (before, after) of each dimension; none may be negative."""
    values = index_values(node, "paddings", types=types, shape=(rank, 2))
    pairs = list(zip(values[::2], values[1::2], strict=True))
    node.require(min(values, default=0) >= 0, "paddings {} has a negative one", pairs)
    return pairs
