"""What operators of two broadcast operands share: shapes, and the two ways to compute a quantized one.

A formula takes the raw values of both operands (int64 arrays that broadcast) and returns the raw result. For 8-bit
operands it is evaluated once for all 65536 pairs and looked up; for int16 it is evaluated in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from litejit.kernels.fixedpoint import (
    CHUNK,
    Multiplier,
    integer_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_single,
)
from litejit.kernels.geometry import broadcast_shapes
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.schema import TensorType

__all__ = [
    "QUANTIZED_TYPES",
    "Broadcast",
    "Formula",
    "Quantized",
    "Rescale",
    "check_zero_points",
    "rescale_of",
    "values_of",
]

QUANTIZED_TYPES = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)

Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]
Rescale = Callable[[np.ndarray, Multiplier], np.ndarray]
"""A way to multiply by a real factor and round."""


def values_of(dtype: np.dtype) -> np.ndarray:
    """All values of an 8-bit or 16-bit integer dtype as int64, in the order of their bits seen as unsigned numbers."""
    bits = 8 * dtype.itemsize
    return np.arange(1 << bits, dtype=np.dtype(f"u{dtype.itemsize}")).view(dtype).astype(np.int64)


def check_zero_points(node: Node, *specs: TensorSpec) -> None:
    """Zero points lie in their type's range; those of int16 are 0."""
    for spec in specs:
        low, high = (0, 0) if spec.type == TensorType.INT16 else integer_range(spec.type)
        node.require(
            low <= spec.zero_point <= high,
            "{} ({}) has zero point {}, expected {} to {}",
            spec,
            spec.type.name,
            spec.zero_point,
            low,
            high,
        )


def rescale_of(flavour: str) -> Rescale:
    """MultiplyByQuantizedMultiplier where the official kernel sets agree on it: only single-rounding builds differ."""
    single = flavour == "single-rounding"
    return multiply_by_quantized_multiplier_single if single else multiply_by_quantized_multiplier


class Quantized:
    """A formula ready to run on the arrays of a node: `table` for 8-bit operands ([65536]), None for int16."""

    def __init__(self, formula: Formula, operand: np.dtype, result: np.dtype) -> None:
        self.formula = formula
        self.result = result
        self.table: np.ndarray | None = None
        if operand.itemsize == 1:
            values = values_of(operand)
            self.table = formula(values[:, None], values).astype(result).ravel()

    def __call__(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The result, in the broadcast shape."""
        if self.table is not None:
            return self.table[input1.view(np.uint8).astype(np.uint16) << 8 | input2.view(np.uint8)]
        input1, input2 = np.broadcast_arrays(input1, input2)
        flat1, flat2 = input1.reshape(-1), input2.reshape(-1)
        result = np.empty(flat1.shape, self.result)
        for start in range(0, flat1.size, CHUNK):
            block = slice(start, start + CHUNK)
            result[block] = self.formula(flat1[block].astype(np.int64), flat2[block].astype(np.int64))
        return result.reshape(input1.shape)


class Broadcast(Kernel):
    """Base of operators on input1 and input2 of one type, with NumPy broadcasting.

    quantized: how the node is computed on scaled integers, None for plain numbers, which `plain` computes.
    Semantics of shapes: LiteRT tflite/kernels/kernel_util.cc (CalculateShapeForBroadcast).
    """

    flavours = ALL_FLAVOURS
    quantized: Formula | None = None

    def operands_of(
        self, node: Node, *, declares: Collection[TensorType] | None = None, sets: TensorType | None = None
    ) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
        """input1, input2 and the output.

        declares: types of which the file declares one for the output. sets: the type it gets otherwise (input1's).
        """
        input1 = node.input("input1")
        input2 = node.input("input2", types=input1.type)
        shape = broadcast_shapes(input1.dims, input2.dims)
        if declares is not None:
            return input1, input2, node.output(shape, types=declares)
        return input1, input2, node.output(shape, type=input1.type if sets is None else sets)

    def prepare(self, node: Node) -> None:
        """Checks types and shapes."""
        self.operands_of(node)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The result on plain numbers."""
        raise TypeError(f"{type(self).__name__} must define plain")

    def __call__(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The output."""
        if self.quantized is not None:
            return self.quantized(input1, input2)
        with np.errstate(all="ignore"):
            return self.plain(input1, input2)
