"""SQRT and RSQRT. Their FLOAT16 is the XNNPACK delegate's, the official builtin kernels have none."""

from __future__ import annotations

from functools import partial

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, float_to_int32, integer_range, wrap32
from litejit.kernels.newton import inverse_sqrt
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.elementwise import check_zero_points, rescale_of
from litejit.kernels.reference.lut import look_up, table
from litejit.kernels.reference.pointwise import Activation, Formula, Pointwise
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType
from litejit.schema.errors import InvalidInputError

__all__ = ["Rsqrt", "Sqrt"]


def _refuse_negatives(op: str, input: np.ndarray, zero_point: int) -> None:
    if np.any(input < zero_point):
        raise InvalidInputError(
            f"{op} is not defined for negative numbers, {np.sum(input < zero_point)} elements are below zero"
        )


@builtin(BuiltinOperator.SQRT, versions=(1, 2))
class Sqrt(Activation):
    """The square root. Quantized: trunc(sqrt(s_in * (q - z_in)) / s_out) + z_out in float32; INT16 has zero points 0.

    Raises InvalidInputError for quantized numbers below 0 (a FLOAT32 one gives NaN).
    Semantics: LiteRT tflite/kernels/elementwise.cc (SqrtEvalQuantized).
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT16, TensorType.INT8)
    zero_point: int | None = None

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """The formula."""
        check_zero_points(node, x, y)
        self.zero_point = x.zero_point

        def formula(q: np.ndarray) -> np.ndarray:
            with np.errstate(over="ignore"):
                real = np.sqrt(x.scale * np.maximum(q - x.zero_point, 0).astype(np.float32))
                steps = float_to_int32(real / y.scale)
            return np.clip(wrap32(steps + y.zero_point), *integer_range(y.type))

        return Pointwise(formula, x.dtype, y.dtype)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The square root."""
        return np.sqrt(input)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        if self.zero_point is not None:
            _refuse_negatives("SQRT", input, self.zero_point)
        return super().__call__(input)


@builtin(BuiltinOperator.RSQRT, versions=(1, 3))
class Rsqrt(Activation):
    """1 / sqrt(input). Quantized zeros give the largest value.

    INT8: clip(rescale(rescale(1, inverse_sqrt(q - z_in) * 2**20), 2**-20 / (sqrt(s_in) * s_out)) + z_out).
    INT16: a table; zero points are 0. Raises InvalidInputError for quantized numbers below 0.
    Semantics: LiteRT tflite/kernels/elementwise.cc (RsqrtEvalQuantizedInt8, RsqrtEvalQuantizedInt16).
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT16, TensorType.INT8)
    zero_point: int | None = None

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """The formula of INT8, the table of INT16."""
        check_zero_points(node, x, y)
        self.zero_point = x.zero_point
        if x.type == TensorType.INT16:
            largest = np.float32(np.iinfo(np.int16).max) * y.scale
            return partial(look_up, table(lambda r: np.where(r <= 0, largest, np.float32(1) / np.sqrt(r)), x, y))
        multiplier = Multiplier.from_real(np.divide(1.0, np.float64(np.sqrt(x.scale) * y.scale)))
        multiplier = Multiplier(multiplier.mantissa, multiplier.exponent - 20)
        rescale = rescale_of(self.flavour)

        def formula(q: np.ndarray) -> np.ndarray:
            value = np.maximum(q - x.zero_point, 0)
            inverse = inverse_sqrt(value)
            root = rescale(np.ones_like(value), Multiplier(inverse.mantissa, inverse.exponent + 20))
            low, high = integer_range(y.type)
            steps = rescale(root, multiplier) + y.zero_point
            return np.where(value == 0, high, np.clip(steps, low, high))

        return Pointwise(formula, x.dtype, y.dtype)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """The inverse of the square root."""
        return np.reciprocal(np.sqrt(input))

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        if self.zero_point is not None:
            _refuse_negatives("RSQRT", input, self.zero_point)
        return super().__call__(input)
