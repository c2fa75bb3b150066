"""LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT of BOOL tensors."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.elementwise import Broadcast
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["LogicalAnd", "LogicalNot", "LogicalOr"]


@builtin(BuiltinOperator.LOGICAL_AND)
class LogicalAnd(Broadcast):
    """input1 and input2, broadcast. Semantics: LiteRT tflite/kernels/logical.cc."""

    types = (TensorType.BOOL,)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The conjunction."""
        return np.logical_and(input1, input2)


@builtin(BuiltinOperator.LOGICAL_OR)
class LogicalOr(Broadcast):
    """input1 or input2, broadcast. Semantics: LiteRT tflite/kernels/logical.cc."""

    types = (TensorType.BOOL,)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The disjunction."""
        return np.logical_or(input1, input2)


@builtin(BuiltinOperator.LOGICAL_NOT)
class LogicalNot(Kernel):
    """Not input. Semantics: LiteRT tflite/kernels/elementwise.cc (LogicalNotEval)."""

    types = (TensorType.BOOL,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """The output is like the input."""
        node.output(node.input("input").dims, types=TensorType.BOOL)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return np.logical_not(input)
