"""What operators of one tensor share: the two ways to compute a quantized one, and the base classes of those that treat
every element, or every row of the last dimension, by itself.

A formula takes raw values (int64) and returns raw results within the range of the output's type. For 8-bit operands it
is evaluated once for all 256 values and looked up; for wider ones it is evaluated in blocks that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from litejit.kernels.fixedpoint import CHUNK
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.elementwise import values_of
from litejit.kernels.reference.lut import look_up
from litejit.schema import TensorType

__all__ = ["Activation", "Formula", "OverRows", "Pointwise", "in_blocks", "require_zero_point"]

Formula = Callable[[np.ndarray], np.ndarray]


def in_blocks(function: Formula, x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """function(x), evaluated on blocks small enough for the cache; dtype: of the result."""
    flat = x.reshape(-1)
    result = np.empty(flat.shape, dtype)
    for start in range(0, flat.size, CHUNK):
        result[start : start + CHUNK] = function(flat[start : start + CHUNK])
    return result.reshape(x.shape)


class Pointwise:
    """A formula ready to run on the arrays of a node: `table` for 8-bit operands ([256]), None for wider ones."""

    def __init__(self, formula: Formula, operand: np.dtype, result: np.dtype) -> None:
        self.formula = formula
        self.result = result
        self.table = formula(values_of(operand)).astype(result) if operand.itemsize == 1 else None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The result, in the shape of x."""
        if self.table is not None:
            return look_up(self.table, x)
        return in_blocks(lambda block: self.formula(block.astype(np.int64)), x, self.result)


def require_zero_point(node: Node, expected: int, *specs: TensorSpec) -> None:
    """Checks zero points that an operator's arithmetic takes for granted."""
    for spec in specs:
        node.require(
            spec.zero_point == expected, "{} has zero point {}, {} needs {}", spec, spec.zero_point, node.op, expected
        )


class Activation(Kernel):
    """Base of activations, input -> output of the same type and shape.

    quantized: how the node is computed on scaled integers, None for floats, which `plain` computes.
    """

    flavours = ALL_FLAVOURS
    quantized: Formula | None = None

    def prepare(self, node: Node) -> None:
        """Declares the output; derives `quantized`."""
        x = node.input("input")
        y = node.output(x.dims, types=x.type)
        if x.type in (TensorType.INT8, TensorType.UINT8, TensorType.INT16):
            self.quantized = self.quantize(node, x, y)

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """The function of quantized arrays."""
        raise TypeError(f"{type(self).__name__} must define quantize")

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The function of float arrays."""
        raise TypeError(f"{type(self).__name__} must define plain")

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        if self.quantized is not None:
            return self.quantized(input)
        with np.errstate(all="ignore"):
            return in_blocks(self.plain, input, input.dtype)


class OverRows(Kernel):
    """Base of operators that treat every row of the last dimension by itself.

    rows: the function of some rows, [rows, depth] -> [rows, depth].
    """

    flavours = ALL_FLAVOURS
    rows: Formula

    def declare(
        self, node: Node, outputs: Mapping[TensorType, Collection[TensorType]] | None = None
    ) -> tuple[TensorSpec, TensorSpec]:
        """Input and output; outputs: which types the output of each type of input may have, by default the same."""
        x = node.input("input")
        node.require(x.rank >= 1, "input ({}) has rank 0, expected at least 1", x)
        y = node.output(x.dims, types=(outputs or {}).get(x.type, x.type))
        self.dtype = y.dtype
        return x, y

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        result = np.empty(input.shape, self.dtype)
        if input.size:
            depth = input.shape[-1]
            rows, results = input.reshape(-1, depth), result.reshape(-1, depth)
            step = max(1, CHUNK // depth)
            with np.errstate(all="ignore"):
                for start in range(0, len(rows), step):
                    results[start : start + step] = self.rows(rows[start : start + step])
        return result
