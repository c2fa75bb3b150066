"""SELECT and SELECT_V2: elements of x where a condition holds, elements of y elsewhere."""

from __future__ import annotations

import numpy as np

from litejit.kernels.geometry import broadcast_shapes
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, Shape
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["Select", "SelectV2"]

_ANY = tuple(
    type
    for type in TensorType
    if type.name.startswith(("FLOAT", "INT", "UINT", "BOOL", "BFLOAT", "COMPLEX64"))
    and type not in (TensorType.INT4, TensorType.UINT4, TensorType.INT2)
)
"""Types whose elements take 8, 16, 32 or 64 bits."""


class _Select(Kernel):
    """Base: prepare of both versions. condition: BOOL; x, y: any type of 8 to 64 bits."""

    types = _ANY
    typed_by = "x"
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Infers the shape; where everything is one element, the output keeps the shape that the file declares."""
        condition = node.input("condition", types=TensorType.BOOL)
        x = node.input("x")
        y = node.input("y", types=x.type)
        declared = node.declared[0].shape
        if condition.size == x.size == y.size == 1 and declared is not None and set(declared) <= {1}:
            self.shape: Shape = declared
        elif condition.dims == x.dims == y.dims:
            self.shape = x.dims
        else:
            self.shape = self.combined_shape(node, condition.dims, x.dims, y.dims)
        node.output(self.shape, type=x.type)

    def combined_shape(self, node: Node, condition: Shape, x: Shape, y: Shape) -> Shape:
        """The output's shape, where the operands' differ."""
        raise TypeError(f"{type(self).__name__} must define combined_shape")


@builtin(BuiltinOperator.SELECT, versions=(1, 4))
class Select(_Select):
    """x where condition else y; x and y have the same shape.

    condition: the shape of x, or a scalar, or [rows] for x of [rows, ...], which takes whole rows.
    Semantics: LiteRT tflite/kernels/select.cc, internal/reference/select.h (Select, RankOneSelect).
    """

    def combined_shape(self, node: Node, condition: Shape, x: Shape, y: Shape) -> Shape:
        """The shape of x."""
        node.require(x == y, "x has shape {}, y has {}, expected the same", x, y)
        node.require(
            condition == () or (len(condition) == 1 and x[:1] == condition),
            "condition has shape {}, expected {}, {} or ()",
            condition,
            x,
            x[:1],
        )
        return x

    def __call__(self, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The output."""
        rows = condition.reshape(condition.shape + (1,) * (x.ndim - condition.ndim))
        return np.where(rows, x, y).reshape(self.shape)


@builtin(BuiltinOperator.SELECT_V2, versions=(1, 2))
class SelectV2(_Select):
    """x where condition else y, all three broadcast, to 8 dimensions at most.

    Semantics: LiteRT tflite/kernels/select.cc, internal/reference/select.h (BroadcastSelect5DSlow).
    """

    def combined_shape(self, node: Node, condition: Shape, x: Shape, y: Shape) -> Shape:
        """The broadcast shape."""
        shape = broadcast_shapes(condition, x, y)
        node.require(len(shape) <= 8, "{} is broadcast to {} dimensions, at most 8 are supported", node.op, len(shape))
        return shape

    def __call__(self, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The output."""
        return np.where(condition, x, y).reshape(self.shape)
