"""Functions of one number: ABS, NEG, SIGN, FLOOR, CEIL, ROUND, SQUARE, EXP, LOG, SIN, COS, and ZEROS_LIKE.

Float functions are computed in float64 and rounded once. Quantized ones follow the official formula or table. Where the
official builtin kernels have no FLOAT16, the XNNPACK delegate does.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, integer_range
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.elementwise import check_zero_points, rescale_of
from litejit.kernels.reference.lut import RealFunction, in_double, look_up, table
from litejit.kernels.reference.pointwise import Activation, Formula, Pointwise
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = [
    "Abs",
    "Ceil",
    "Cos",
    "Exp",
    "Floor",
    "Log",
    "Neg",
    "Round",
    "Sign",
    "Sin",
    "Square",
    "ZerosLike",
]

_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16)


class SetsType(Activation):
    """Base of functions of plain numbers that give the output the input's type, whatever the file declares."""

    def prepare(self, node: Node) -> None:
        """The output is like the input."""
        input = node.input("input")
        node.output(input.dims, type=input.type)


@builtin(BuiltinOperator.NEG)
class Neg(SetsType):
    """-input. Integers wrap around; INT8 and INT16 are negated raw, whatever their zero point.

    Semantics: LiteRT tflite/kernels/neg.cc.
    """

    types = (*_FLOATS, TensorType.INT64, TensorType.INT32, TensorType.INT16, TensorType.INT8)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The negative."""
        return np.negative(input)


@builtin(BuiltinOperator.SIGN, versions=(1, 2))
class Sign(Activation):
    """-1, 0 or 1; NaN stays NaN. Semantics: LiteRT tflite/kernels/sign.cc."""

    types = (TensorType.FLOAT32, TensorType.FLOAT64, TensorType.INT32)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The sign."""
        return np.sign(input)


@builtin(BuiltinOperator.FLOOR)
class Floor(SetsType):
    """The largest integer that is not above the input. Semantics: LiteRT tflite/kernels/floor.cc."""

    types = _FLOATS

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The integer."""
        return np.floor(input)


@builtin(BuiltinOperator.CEIL)
class Ceil(SetsType):
    """The smallest integer that is not below the input. Semantics: LiteRT tflite/kernels/ceil.cc."""

    types = (TensorType.FLOAT32, TensorType.FLOAT16)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The integer."""
        return np.ceil(input)


@builtin(BuiltinOperator.ROUND)
class Round(SetsType):
    """The nearest integer, ties to even. Semantics: LiteRT tflite/kernels/round.cc, internal/reference/round.h."""

    types = _FLOATS

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The integer."""
        return np.rint(input)


@builtin(BuiltinOperator.SQUARE)
class Square(Activation):
    """input * input. Semantics: LiteRT tflite/kernels/elementwise.cc (SquareEval)."""

    types = (TensorType.FLOAT32, TensorType.FLOAT16)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The square."""
        return np.square(input)


@builtin(BuiltinOperator.SIN, versions=(1, 2))
class Sin(Activation):
    """The sine. Semantics: LiteRT tflite/kernels/elementwise.cc (SinEval)."""

    types = (TensorType.FLOAT32, TensorType.FLOAT16)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The sine."""
        return in_double(np.sin)(input)


@builtin(BuiltinOperator.COS, versions=(1, 2))
class Cos(Activation):
    """The cosine. Semantics: LiteRT tflite/kernels/elementwise.cc (CosEval)."""

    types = (TensorType.FLOAT32, TensorType.FLOAT16)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The cosine."""
        return in_double(np.cos)(input)


@builtin(BuiltinOperator.ZEROS_LIKE)
class ZerosLike(SetsType):
    """Zeros in the shape of the input. Semantics: LiteRT tflite/kernels/zeros_like.cc."""

    types = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The zeros."""
        return np.zeros_like(input)


@builtin(BuiltinOperator.ABS, versions=(1, 5))
class Abs(Activation):
    """|input|. INT32 and INT16 without a scale wrap around; INT8 and INT16 with one are rescaled to the output's.

    clip(|q - z_in| + z_out), or clip(rescale(|q - z_in|, s_in / s_out) + z_out) where the scales differ.
    Semantics: LiteRT tflite/kernels/elementwise.cc (AbsEval).
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT32, TensorType.INT16, TensorType.INT8)

    def prepare(self, node: Node) -> None:
        """Chooses between plain and quantized numbers."""
        x = node.input("input")
        y = node.output(x.dims, types=x.type)
        if x.type == TensorType.INT8 or (x.type == TensorType.INT16 and x.quantization is not None):
            self.quantized = self.quantize(node, x, y)

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """The formula."""
        check_zero_points(node, x, y)
        multiplier = None if x.scale == y.scale else Multiplier.from_real(x.scale / y.scale)
        rescale = rescale_of(self.flavour)

        def formula(q: np.ndarray) -> np.ndarray:
            steps = np.abs(q - x.zero_point)
            if multiplier is not None:
                steps = rescale(steps, multiplier)
            return np.clip(steps + y.zero_point, *integer_range(y.type))

        return Pointwise(formula, x.dtype, y.dtype)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The absolute value."""
        return np.abs(input)


class TableUnary(Activation):
    """Base of functions that INT8 and INT16 tensors look up in a table; INT16 has zero points 0."""

    types = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT16, TensorType.INT8)

    def function(self, y: TensorSpec) -> RealFunction:
        """The real function, given the quantized output that it is for."""
        raise TypeError(f"{type(self).__name__} must define function")

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """The table."""
        check_zero_points(node, x, y)
        return partial(look_up, table(self.function(y), x, y))


@builtin(BuiltinOperator.EXP, versions=(1, 2))
class Exp(TableUnary):
    """e ** input. Semantics: LiteRT tflite/kernels/exp.cc."""

    def function(self, y: TensorSpec) -> RealFunction:
        """exp."""
        return in_double(np.exp)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The power."""
        return in_double(np.exp)(input)


@builtin(BuiltinOperator.LOG, versions=(1, 2))
class Log(TableUnary):
    """The natural logarithm; quantized numbers that are not positive give the output's lowest value.

    Semantics: LiteRT tflite/kernels/elementwise.cc (LogLUTPrepare, LogEval).
    """

    def function(self, y: TensorSpec) -> RealFunction:
        """log, extended to numbers that are not positive."""
        lowest = np.float32(integer_range(y.type)[0] - y.zero_point) * y.scale
        return lambda x: np.where(x <= 0, lowest, in_double(np.log)(x))

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The logarithm."""
        return in_double(np.log)(input)
