"""The formulas of quantized ADD, SUB, MUL, DIV and SQUARED_DIFFERENCE: raw values of two tensors to those of a third.

Each formula is prepared from the tensors' scales and zero points and keeps what it derived as attributes. Operands
are int64 arrays of raw values. Semantics: LiteRT tflite/kernels/{add,sub,mul,div,squared_difference}.cc (Prepare) and
internal/reference/{add,sub,mul,div}.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    activation_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_smaller_than_one,
    require_finite,
    round_half_away,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap32,
)
from litejit.kernels.newton import bit_length, reciprocal
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.elementwise import Rescale
from litejit.schema import ActivationFunctionType, TensorType
from litejit.schema.errors import InvalidModelError

__all__ = ["DifferenceSquare", "PotSum", "Product", "Q15Product", "Quotient", "Sum"]


@dataclass
class Rescaled:
    """What all formulas end with: + zero_point, then the clamp [low, high] of type and fused activation."""

    zero_point: int
    low: int
    high: int

    def finish(self, steps: np.ndarray) -> np.ndarray:
        """clip(steps + zero_point, low, high)."""
        return np.clip(steps + self.zero_point, self.low, self.high)


@dataclass
class Sum(Rescaled):
    """ADD and SUB (sign -1): both operands are shifted left and brought to twice the larger input scale.

    rescale(rescale((a - z1) << left_shift, multiplier1) +- rescale((b - z2) << left_shift, multiplier2), multiplier)
    """

    sign: int
    left_shift: int
    offsets: tuple[int, int]
    multiplier1: Multiplier
    multiplier2: Multiplier
    multiplier: Multiplier
    rescale: Rescale = multiply_by_quantized_multiplier
    rescale_sum: Rescale = multiply_by_quantized_multiplier_smaller_than_one

    @classmethod
    def of(
        cls,
        input1: TensorSpec,
        input2: TensorSpec,
        output: TensorSpec,
        activation: ActivationFunctionType,
        sign: int = 1,
        precision: type[np.floating] = np.float64,
    ) -> Sum:
        """The formula for three tensors; left_shift is 20 for 8 bits, 15 for int16, so that the sum fits int32.

        precision: of the divisions of scales.
        """
        left_shift = 15 if output.type == TensorType.INT16 else 20
        common = precision(require_finite(2 * max(input1.scale, input2.scale)))
        return cls(
            output.zero_point,
            *activation_range(activation, output),
            sign,
            left_shift,
            (input1.zero_point, input2.zero_point),
            Multiplier.from_real(precision(input1.scale) / common),
            Multiplier.from_real(precision(input2.scale) / common),
            Multiplier.from_real(require_finite(common / precision(np.float32(1 << left_shift) * output.scale))),
        )

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw sums or differences."""
        a = self.rescale((a - self.offsets[0]) << self.left_shift, self.multiplier1)
        b = self.rescale((b - self.offsets[1]) << self.left_shift, self.multiplier2)
        return self.finish(self.rescale_sum(a + self.sign * b, self.multiplier))


@dataclass
class PotSum(Rescaled):
    """ADD and SUB (sign -1) of int16 tensors whose scales are powers of two: operands are only shifted right.

    RDBPOT(a, shift1) +- RDBPOT(b, shift2); one of the shifts is 0.
    """

    sign: int
    shift1: int
    shift2: int

    @classmethod
    def of(
        cls,
        input1: TensorSpec,
        input2: TensorSpec,
        output: TensorSpec,
        activation: ActivationFunctionType,
        sign: int = 1,
    ) -> PotSum | None:
        """The formula for three tensors, None if one of the scales is no power of two."""
        exponents = [_power_of_two(spec.scale) for spec in (input1, input2, output)]
        if None in exponents:
            return None
        shift1, shift2 = (exponents[2] - exponent for exponent in exponents[:2])
        if min(shift1, shift2) != 0:
            raise InvalidModelError(
                f"scales {input1.scale}, {input2.scale} -> {output.scale} are powers of two: expected one input "
                "with the output's scale, and the other with a scale that is not larger"
            )
        return cls(output.zero_point, *activation_range(activation, output), sign, shift1, shift2)

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw sums or differences."""
        return self.finish(rounding_divide_by_pot(a, self.shift1) + self.sign * rounding_divide_by_pot(b, self.shift2))


def _power_of_two(scale: np.float32) -> int | None:
    # CheckedLog2: near enough is good enough.
    exponent = np.log(scale) * (np.float32(1) / np.log(np.float32(2)))
    rounded = round_half_away(exponent)
    return int(rounded) if abs(exponent - rounded) < np.float32(1e-3) else None


def _multiplier(numerator: np.floating, denominator: np.floating) -> Multiplier:
    """Of a quotient of scales; where a scale is missing, 0 / 0 counts as 0, which x86 makes of it."""
    with np.errstate(all="ignore"):
        quotient = numerator / denominator
    return Multiplier.from_real(0 if np.isnan(quotient) else quotient)


@dataclass
class Product(Rescaled):
    """MUL: rescale((a - z1) * (b - z2), multiplier)."""

    offsets: tuple[int, int]
    multiplier: Multiplier
    rescale: Rescale = multiply_by_quantized_multiplier

    @classmethod
    def of(
        cls,
        input1: TensorSpec,
        input2: TensorSpec,
        output: TensorSpec,
        activation: ActivationFunctionType,
        precision: type[np.floating] = np.float32,
    ) -> Product:
        """The formula for three tensors. precision: of the product and the quotient of scales."""
        scales = [precision(spec.unchecked_scale) for spec in (input1, input2, output)]
        return cls(
            output.unchecked_zero_point,
            *activation_range(activation, output),
            (input1.unchecked_zero_point, input2.unchecked_zero_point),
            _multiplier(scales[0] * scales[1], scales[2]),
        )

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw products."""
        product = (a - self.offsets[0]) * (b - self.offsets[1])
        return self.finish(self.rescale(product, self.multiplier))


@dataclass
class Q15Product(Rescaled):
    """MUL of int16 tensors to an 8-bit one: fixed-point numbers in [-1, 1), whatever the scales say.

    RDBPOT(SRDHM16(a, b), 8), clamped before the zero point is added.
    """

    @classmethod
    def of(cls, output: TensorSpec, activation: ActivationFunctionType) -> Q15Product:
        """The formula for an output tensor."""
        return cls(output.zero_point, *activation_range(activation, output))

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw products."""
        high_half = np.minimum((a * b + (1 << 14)) >> 15, (1 << 15) - 1)
        return self.finish(rounding_divide_by_pot(high_half, 8))


@dataclass
class Quotient(Rescaled):
    """DIV: (a - z1) * (1 / (b - z2)) in fixed point, each factor normalised to use all bits, then rescaled.

    A divisor equal to its zero point is the caller's to refuse; here it counts as 1.
    """

    offsets: tuple[int, int]
    multiplier: Multiplier

    @classmethod
    def of(
        cls, input1: TensorSpec, input2: TensorSpec, output: TensorSpec, activation: ActivationFunctionType
    ) -> Quotient:
        """The formula for three tensors; the multiplier comes from a float32 quotient of scales."""
        return cls(
            output.unchecked_zero_point,
            *activation_range(activation, output),
            (input1.unchecked_zero_point, input2.unchecked_zero_point),
            _multiplier(input1.unchecked_scale, input2.unchecked_scale * output.unchecked_scale),
        )

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw quotients."""
        dividend, divisor = a - self.offsets[0], b - self.offsets[1]
        dividend = np.where(divisor < 0, -dividend, dividend)
        inverse, inverse_shift = reciprocal(np.maximum(np.abs(divisor), 1))
        headroom = 31 - bit_length(np.where(dividend < 0, ~dividend, dividend))
        quotient = saturating_rounding_doubling_high_mul(wrap32(dividend << headroom), inverse)
        multiplier = Multiplier(self.multiplier.mantissa, self.multiplier.exponent - inverse_shift - headroom)
        return self.finish(multiply_by_quantized_multiplier_smaller_than_one(quotient, multiplier))


@dataclass
class DifferenceSquare(Rescaled):
    """SQUARED_DIFFERENCE: operands as in Sum with left_shift 7, so that the square of their difference fits int32."""

    offsets: tuple[int, int]
    multiplier1: Multiplier
    multiplier2: Multiplier
    multiplier: Multiplier
    rescale: Rescale = multiply_by_quantized_multiplier

    left_shift: ClassVar[int] = 7

    @classmethod
    def of(cls, input1: TensorSpec, input2: TensorSpec, output: TensorSpec) -> DifferenceSquare:
        """The formula for three tensors."""
        common = 2 * float(max(input1.scale, input2.scale))
        return cls(
            output.zero_point,
            *activation_range(ActivationFunctionType.NONE, output),
            (input1.zero_point, input2.zero_point),
            Multiplier.from_real(float(input1.scale) / common),
            Multiplier.from_real(float(input2.scale) / common),
            Multiplier.from_real(common * common / float(np.float32(1 << 2 * cls.left_shift) * output.scale)),
        )

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The raw squares."""
        a = self.rescale((a - self.offsets[0]) << self.left_shift, self.multiplier1)
        b = self.rescale((b - self.offsets[1]) << self.left_shift, self.multiplier2)
        return self.finish(self.rescale((a - b) * (a - b), self.multiplier))
