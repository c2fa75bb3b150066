"""StableHLO operators on elements that the official runtime has: ADD, MULTIPLY, MAXIMUM, MINIMUM, AND, SHIFT_LEFT; PAD.

Quantized tensors are taken as the plain integers that they are stored as. Nothing is broadcast.
Semantics: LiteRT tflite/kernels/{stablehlo_elementwise.h,stablehlo_elementwise.cc,stablehlo_shift_left.cc,
stablehlo_pad.cc}; where they leave something open, the StableHLO specification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from litejit.kernels.geometry import spread
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.first_elements import first_elements, first_elements_of
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, StablehloPadOptions, TensorType

__all__ = ["FLOATS", "INTEGERS", "Binary", "StablehloPad", "shift"]

FLOATS = (TensorType.FLOAT16, TensorType.FLOAT32, TensorType.FLOAT64)
SIGNED = (TensorType.INT8, TensorType.INT16, TensorType.INT32, TensorType.INT64)
INTEGERS = (*SIGNED, TensorType.UINT8, TensorType.UINT16, TensorType.UINT32, TensorType.UINT64)


class Binary(Kernel):
    """Base: lhs and rhs of one shape and type -> function of each pair of elements. Integers wrap around."""

    types = (*FLOATS, *INTEGERS, TensorType.BOOL)
    flavours = ALL_FLAVOURS
    function: ClassVar[Callable[[np.ndarray, np.ndarray], np.ndarray]]

    def prepare(self, node: Node) -> None:
        """Both operands have one shape and type."""
        lhs = node.input("lhs")
        node.input("rhs", types=lhs.type, shape=lhs.dims)
        node.output(lhs.dims, types=lhs.type)

    def __call__(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Applies the function."""
        with np.errstate(all="ignore"):
            return type(self).function(lhs, rhs)


@builtin(BuiltinOperator.STABLEHLO_ADD)
class StablehloAdd(Binary):
    """lhs + rhs, of bools the logical or."""

    function = np.add


@builtin(BuiltinOperator.STABLEHLO_MULTIPLY)
class StablehloMultiply(Binary):
    """lhs * rhs, of bools the logical and."""

    function = np.multiply


@builtin(BuiltinOperator.STABLEHLO_MAXIMUM)
class StablehloMaximum(Binary):
    """The larger one; lhs where they do not compare."""

    @staticmethod
    def function(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Maximum."""
        return np.where(lhs < rhs, rhs, lhs)


@builtin(BuiltinOperator.STABLEHLO_MINIMUM)
class StablehloMinimum(Binary):
    """The smaller one; lhs where they do not compare."""

    @staticmethod
    def function(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Minimum."""
        return np.where(rhs < lhs, rhs, lhs)


@builtin(BuiltinOperator.STABLEHLO_AND)
class StablehloAnd(Binary):
    """Bit by bit and."""

    types = (*INTEGERS, TensorType.BOOL)
    function = np.bitwise_and


def shift(function: np.ufunc, x: np.ndarray, count: np.ndarray, beyond: np.ndarray | int) -> np.ndarray:
    """function (a NumPy shift) of x; where count is negative or not less than the number of bits, beyond."""
    defined = (count >= 0) & (count < 8 * x.dtype.itemsize)
    return np.where(defined, function(x, np.where(defined, count, 0)), beyond).astype(x.dtype)


@builtin(BuiltinOperator.STABLEHLO_SHIFT_LEFT)
class StablehloShiftLeft(Binary):
    """lhs shifted left by rhs bits; 0 where rhs is negative or not less than the number of bits.

    Of a rhs that is larger, the first elements count.
    """

    types = (TensorType.INT8, TensorType.INT16, TensorType.INT32)

    def prepare(self, node: Node) -> None:
        """The output has the shape of lhs."""
        lhs = node.input("lhs")
        first_elements(node, "rhs", lhs.dims, axes=(), types=lhs.type)
        node.output(lhs.dims, types=lhs.type)

    @staticmethod
    def function(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Shifts."""
        return shift(np.left_shift, lhs, first_elements_of(rhs, lhs.shape), 0)


@builtin(BuiltinOperator.STABLEHLO_PAD)
class StablehloPad(Kernel):
    """Puts interior_padding values between neighbours, then edge_padding_low and _high around (below 0: crops).

    input: rank 1 to 8, any type of fixed size; padding_value: one element of it. Options: lists of one length, at most
    8; further dimensions have zeros, and numbers beyond the rank do not count.
    A result without elements has the shape [0, …, 0].
    """

    options: StablehloPadOptions
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Derives the output shape."""
        x = node.input("input", rank=range(1, 9))
        node.require(x.dtype != object, "strings have no fixed size")
        value = node.input("padding_value", types=x.type)
        node.require(value.size == 1, "operand 'padding_value' has shape {}, expected one element", value.dims)
        names = ("edge_padding_low", "edge_padding_high", "interior_padding")
        sizes = {name: tuple(map(int, getattr(self.options, name))) for name in names}
        count = len(sizes[names[0]])
        for name in names:
            is_right = 1 <= count <= 8 and len(sizes[name]) == count
            node.require(is_right, "{} is {}, expected as many numbers as {}, 1 to 8", name, sizes[name], names[0])
        low, high, interior = ((*sizes[name], *[0] * x.rank)[: x.rank] for name in names)
        node.require(min(interior) >= 0, "interior_padding is {}, it must not be negative", interior)
        self.padding = tuple(zip(low, high, strict=True))
        self.steps = tuple(gap + 1 for gap in interior)
        shape = tuple(
            max(0, (size - 1) * step + 1) + sum(around)
            for size, step, around in zip(x.dims, self.steps, self.padding, strict=True)
        )
        self.shape = shape if min(shape) > 0 else (0,) * x.rank
        node.output(self.shape, types=x.type)

    def __call__(self, input: np.ndarray, padding_value: np.ndarray) -> np.ndarray:
        """Pads."""
        return spread(input, self.steps, self.padding, self.shape, padding_value.reshape(-1)[0])
