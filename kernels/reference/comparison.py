"""EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL of plain numbers, quantized ones and strings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    multiply_by_quantized_multiplier_single,
    multiply_by_quantized_multiplier_smaller_than_one,
)
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.elementwise import Broadcast, values_of
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "NotEqual"]

_PLAIN = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT64, TensorType.INT32)
_QUANTIZED = (TensorType.INT8, TensorType.UINT8)


class Comparison(Broadcast):
    """Base: input1 (ufunc) input2, broadcast, as BOOL.

    ufunc: the comparison. quantized_types: types that are compared by what they stand for.
    scaled: for a quantized node, two tables from the bits of a raw value to what is compared,
    rescale((q - zero_point) << 8, scale). Scales above 1 are beyond what the official rescaling can do, and it makes
    most values equal; so does this. A scale of 1, on which it aborts, is compared as it is.
    Semantics: LiteRT tflite/kernels/comparisons.cc, internal/reference/comparisons.h.
    """

    ufunc: ClassVar[np.ufunc]
    quantized_types: ClassVar[tuple[TensorType, ...]] = _QUANTIZED
    scaled: tuple[np.ndarray, np.ndarray] | None = None

    def prepare(self, node: Node) -> None:
        """Tabulates the rescaling of quantized operands."""
        input1, input2, _ = self.operands_of(node, sets=TensorType.BOOL)
        plain_int16 = input1.type == TensorType.INT16 and input1.quantization is None
        if input1.type in self.quantized_types and not plain_int16:
            if self.flavour == "tflm" and max(input1.scale, input2.scale) >= 1:
                node.unsupported("numerics 'tflm' is not established for {} with a scale of 1 or more", node.op)
            single = self.flavour == "single-rounding"
            self.scaled = _rescaled_values(input1, single), _rescaled_values(input2, single)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """Whether the comparison holds."""
        if self.scaled is not None:
            unsigned = np.dtype(f"u{input1.dtype.itemsize}")
            input1, input2 = self.scaled[0][input1.view(unsigned)], self.scaled[1][input2.view(unsigned)]
        return self.ufunc(input1, input2).astype(np.bool_, copy=False)


def _rescaled_values(spec: TensorSpec, single: bool) -> np.ndarray:
    values = values_of(spec.dtype) - spec.zero_point << 8
    if spec.scale == 1:
        return values
    rescale = multiply_by_quantized_multiplier_single if single else multiply_by_quantized_multiplier_smaller_than_one
    return rescale(values, Multiplier.from_real(spec.scale))


@builtin(BuiltinOperator.EQUAL, versions=(1, 5))
class Equal(Comparison):
    """input1 == input2; INT16 is compared as what it stands for if it has a scale."""

    types = (*_PLAIN, TensorType.BOOL, TensorType.STRING, TensorType.INT16, *_QUANTIZED)
    quantized_types = (*_QUANTIZED, TensorType.INT16)
    ufunc = np.equal


@builtin(BuiltinOperator.NOT_EQUAL, versions=(1, 4))
class NotEqual(Comparison):
    """input1 != input2; INT16 is compared as what it stands for if it has a scale."""

    types = (*_PLAIN, TensorType.BOOL, TensorType.STRING, TensorType.INT16, *_QUANTIZED)
    quantized_types = (*_QUANTIZED, TensorType.INT16)
    ufunc = np.not_equal


@builtin(BuiltinOperator.LESS, versions=(1, 3))
class Less(Comparison):
    """input1 < input2; INT16 is compared by its raw values."""

    types = (*_PLAIN, TensorType.BFLOAT16, TensorType.INT16, *_QUANTIZED)
    ufunc = np.less


@builtin(BuiltinOperator.LESS_EQUAL, versions=(1, 2))
class LessEqual(Comparison):
    """input1 <= input2; INT16 is compared by its raw values."""

    types = (*_PLAIN, TensorType.INT16, *_QUANTIZED)
    ufunc = np.less_equal


@builtin(BuiltinOperator.GREATER, versions=(1, 2))
class Greater(Comparison):
    """input1 > input2; INT16 is compared by its raw values."""

    types = (*_PLAIN, TensorType.BFLOAT16, TensorType.INT16, *_QUANTIZED)
    ufunc = np.greater


@builtin(BuiltinOperator.GREATER_EQUAL, versions=(1, 3))
class GreaterEqual(Comparison):
    """input1 >= input2; INT16 is compared by its raw values."""

    types = (*_PLAIN, TensorType.INT16, *_QUANTIZED)
    ufunc = np.greater_equal
