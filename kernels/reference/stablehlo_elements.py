"""StableHLO operators on elements that the official runtime does not have, as the StableHLO specification has them.

Nothing is broadcast, except where said. Integers wrap around. Floats are computed in their own type by NumPy's
functions. The specification computes with the real numbers that quantized tensors stand for: they are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.stablehlo import FLOATS, INTEGERS, SIGNED, Binary
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["COMPLEX", "NUMBERS", "PlainBinary", "Unary", "kin", "refuse_quantized"]

COMPLEX = (TensorType.COMPLEX64, TensorType.COMPLEX128)
NUMBERS = (*FLOATS, *INTEGERS, *COMPLEX)


def kin(type: TensorType) -> tuple[TensorType, ...]:
    """The types that are integers, floats or complex numbers, as this one is."""
    return next(kind for kind in (INTEGERS, FLOATS, COMPLEX) if type in kind)


def refuse_quantized(node: Node) -> None:
    """Requires operands and outputs to be plain numbers. Raises UnsupportedError that names the tensor."""
    for spec in (*node.inputs, *node.declared):
        if spec is not None and spec.quantization is not None and spec.quantization.scale.size:
            node.unsupported("{} is quantized, expected plain numbers", spec)


class Unary(Kernel):
    """Base: operand -> function of each element, of the same type."""

    types = (*FLOATS, *COMPLEX)
    flavours = ALL_FLAVOURS
    function: ClassVar[Callable[[np.ndarray], np.ndarray]]

    def prepare(self, node: Node) -> None:
        """The output is like the operand."""
        refuse_quantized(node)
        operand = node.input("operand")
        node.output(operand.dims, type=operand.type)

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """Applies the function."""
        with np.errstate(all="ignore"):
            return np.asarray(type(self).function(operand)).astype(operand.dtype, copy=False)


@builtin(BuiltinOperator.STABLEHLO_LOGISTIC)
class StablehloLogistic(Unary):
    """1 / (1 + exp(-operand))."""

    @staticmethod
    def function(operand: np.ndarray) -> np.ndarray:
        """The logistic function."""
        return operand.dtype.type(1) / (operand.dtype.type(1) + np.exp(-operand))


@builtin(BuiltinOperator.STABLEHLO_ABS)
class StablehloAbs(Unary):
    """The absolute value; of complex numbers in the type of their parts."""

    types = (*FLOATS, *SIGNED, *COMPLEX)

    def prepare(self, node: Node) -> None:
        """The output is like the operand, or a part of it."""
        refuse_quantized(node)
        operand = node.input("operand")
        parts = {TensorType.COMPLEX64: TensorType.FLOAT32, TensorType.COMPLEX128: TensorType.FLOAT64}
        node.output(operand.dims, type=parts.get(operand.type, operand.type))

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """The absolute value."""
        return np.asarray(np.abs(operand))


@builtin(BuiltinOperator.STABLEHLO_COSINE)
class StablehloCosine(Unary):
    """The cosine."""

    function = np.cos


@builtin(BuiltinOperator.STABLEHLO_EXPONENTIAL)
class StablehloExponential(Unary):
    """e to the power of operand."""

    function = np.exp


@builtin(BuiltinOperator.STABLEHLO_FLOOR)
class StablehloFloor(Unary):
    """The largest whole number not above operand."""

    types = FLOATS
    function = np.floor


@builtin(BuiltinOperator.STABLEHLO_LOG)
class StablehloLog(Unary):
    """The natural logarithm."""

    function = np.log


@builtin(BuiltinOperator.STABLEHLO_NEGATE)
class StablehloNegate(Unary):
    """-operand; of unsigned integers modulo 2**bits."""

    types = NUMBERS
    function = np.negative


@builtin(BuiltinOperator.STABLEHLO_RSQRT)
class StablehloRsqrt(Unary):
    """1 / sqrt(operand)."""

    @staticmethod
    def function(operand: np.ndarray) -> np.ndarray:
        """The inverse square root."""
        return operand.dtype.type(1) / np.sqrt(operand)


@builtin(BuiltinOperator.STABLEHLO_TANH)
class StablehloTanh(Unary):
    """The hyperbolic tangent."""

    function = np.tanh


@builtin(BuiltinOperator.STABLEHLO_CBRT)
class StablehloCbrt(Unary):
    """The cube root; of complex numbers the principal one."""

    @staticmethod
    def function(operand: np.ndarray) -> np.ndarray:
        """The root."""
        return np.power(operand, operand.dtype.type(1 / 3)) if operand.dtype.kind == "c" else np.cbrt(operand)


class PlainBinary(Binary):
    """Base: as Binary, but quantized tensors are refused."""

    def prepare(self, node: Node) -> None:
        """Both operands have one shape and type."""
        refuse_quantized(node)
        super().prepare(node)


@builtin(BuiltinOperator.STABLEHLO_SUBTRACT)
class StablehloSubtract(PlainBinary):
    """lhs - rhs."""

    types = NUMBERS
    function = np.subtract


@builtin(BuiltinOperator.STABLEHLO_OR)
class StablehloOr(PlainBinary):
    """Bit by bit or."""

    types = (*INTEGERS, TensorType.BOOL)
    function = np.bitwise_or


@builtin(BuiltinOperator.STABLEHLO_POWER)
class StablehloPower(PlainBinary):
    """lhs to the power of rhs. Integers modulo 2**bits; with a negative rhs only 1 and -1 stay what they are.

    Then 0 gives -1, as division by zero does, and every other number 0.
    """

    types = NUMBERS

    @staticmethod
    def function(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The power."""
        if lhs.dtype.kind != "i":
            return np.power(lhs, rhs)
        odd = np.where(rhs & 1, -1, 1)
        inverse = np.select([lhs == 1, lhs == -1, lhs == 0], [1, odd, -1], 0).astype(lhs.dtype)
        return np.where(rhs < 0, inverse, np.power(lhs, np.maximum(rhs, 0)))


@builtin(BuiltinOperator.STABLEHLO_DIVIDE)
class StablehloDivide(PlainBinary):
    """lhs / rhs; of integers rounded towards 0. By zero: -1 (all bits set). The least integer by -1: itself."""

    types = NUMBERS

    @staticmethod
    def function(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The quotient."""
        if lhs.dtype.kind not in "iu":
            return np.divide(lhs, rhs)
        by_zero, negated = rhs == 0, (rhs == -1) if lhs.dtype.kind == "i" else np.False_
        safe = np.where(by_zero | negated, 1, rhs).astype(lhs.dtype)
        quotient = lhs // safe
        quotient = quotient + ((quotient * safe != lhs) & ((lhs < 0) != (safe < 0))).astype(lhs.dtype)
        quotient = np.where(negated, np.negative(lhs), quotient)
        return np.where(by_zero, np.invert(np.zeros_like(lhs)), quotient)


@builtin(BuiltinOperator.STABLEHLO_REMAINDER)
class StablehloRemainder(PlainBinary):
    """What is left of lhs / rhs rounded towards 0, with the sign of lhs. Of integers by zero: lhs."""

    types = (*FLOATS, *INTEGERS)

    @staticmethod
    def function(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The remainder."""
        if lhs.dtype.kind not in "iu":
            return np.fmod(lhs, rhs)
        safe = np.where(rhs == 0, 1, rhs).astype(lhs.dtype)
        return np.where(rhs == 0, lhs, np.fmod(lhs, safe))
