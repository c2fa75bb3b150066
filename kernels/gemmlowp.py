"""Functions of fixed-point numbers: exp, tanh, logistic, log and quotients by integer arithmetic alone.

A number is a raw integer in a word of 16 or 32 bits with m integer bits: value = raw / 2**(bits - 1 - m), between
-2**m and 2**m. Functions take raws of any integer dtype and return int64; results of m = 0 lie in [-1, 1).
Sources: gemmlowp fixedpoint/fixedpoint.h, LiteRT tflite/kernels/internal/common.h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import rounding_divide_by_pot

__all__ = ["WORD16", "WORD32", "Word", "bit_length", "log"]

_EXP_FACTORS = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}
"""e -> exp(-2**e) with 31 fractional bits."""


@dataclass(frozen=True)
class Word:
    """Arithmetic and functions in words of so many bits."""

    bits: int

    @property
    def max(self) -> int:
        """The largest raw, which stands for 1 where there are no integer bits."""
        return (1 << (self.bits - 1)) - 1

    def constant(self, raw32: int) -> np.ndarray:
        """A constant given with 32 bits, rounded to this word."""
        return rounding_divide_by_pot(np.int64(raw32), 32 - self.bits)

    def saturate(self, x: np.ndarray) -> np.ndarray:
        """x clipped to the raws of this word."""
        return np.clip(x, -self.max - 1, self.max)

    def multiply(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """SaturatingRoundingDoublingHighMul: the product, its integer bits are the sum of its factors'."""
        product = (a * b + (1 << (self.bits - 2))) >> (self.bits - 1)
        return np.minimum(product, self.max)

    def shift_left(self, x: np.ndarray, amount: np.ndarray | int) -> np.ndarray:
        """SaturatingRoundingMultiplyByPOT, exponent >= 0; also Rescale to so many fewer integer bits."""
        return self.saturate(x << amount)

    def exp_on_negative_values(self, a: np.ndarray, integer_bits: int) -> np.ndarray:
        """exp(a) for a <= 0, no integer bits.

        a = -quarters / 4 + rest: a Taylor polynomial for the rest in [-1/4, 0), a factor for each bit of quarters.
        """
        a = np.asarray(a, np.int64)
        fractional_bits = self.bits - 1 - integer_bits
        quarter = 1 << (fractional_bits - 2)
        rest = (a & (quarter - 1)) - quarter
        quarters = rest - a
        result = self._exp_within_quarter(self.shift_left(rest, integer_bits))
        for exponent, factor in _EXP_FACTORS.items():
            if exponent < integer_bits:
                bit = (quarters >> (fractional_bits + exponent)) & 1
                result = np.where(bit, self.multiply(result, self.constant(factor)), result)
        if integer_bits > 5:
            result = np.where(a < -32 << fractional_bits, 0, result)
        return np.where(a == 0, self.max, result)

    def _exp_within_quarter(self, a: np.ndarray) -> np.ndarray:
        """exp(a) for -1/4 <= a < 0: fourth order around -1/8."""
        multiply = self.multiply
        exp_minus_eighth, third = self.constant(1895147668), self.constant(715827883)
        x = a + (1 << (self.bits - 4))
        x2 = multiply(x, x)
        x3 = multiply(x2, x)
        x4_over_4 = rounding_divide_by_pot(multiply(x2, x2), 2)
        tail = rounding_divide_by_pot(multiply(x4_over_4 + x3, third) + x2, 1)
        return self.saturate(exp_minus_eighth + multiply(exp_minus_eighth, x + tail))

    def _two_over_one_plus_x(self, a: np.ndarray) -> np.ndarray:
        """2 / (1 + a) for 0 <= a <= 1, two integer bits: three Newton-Raphson steps."""
        half_denominator = (a + self.max + 1) >> 1
        one = 1 << (self.bits - 3)
        x = self.constant(1515870810) + self.multiply(half_denominator, self.constant(-1010580540))
        for _ in range(3):
            error = one - self.multiply(half_denominator, x)
            x = x + self.shift_left(self.multiply(x, error), 2)
        return x

    def one_over_one_plus_x(self, a: np.ndarray) -> np.ndarray:
        """1 / (1 + a) for 0 <= a <= 1, no integer bits in and out."""
        return self.shift_left(self._two_over_one_plus_x(np.asarray(a, np.int64)), 1)

    def one_minus_x_over_one_plus_x(self, a: np.ndarray) -> np.ndarray:
        """(1 - a) / (1 + a) for 0 <= a <= 1, no integer bits in and out."""
        return self.shift_left(self._two_over_one_plus_x(np.asarray(a, np.int64)) - (1 << (self.bits - 3)), 2)

    def tanh(self, a: np.ndarray, integer_bits: int) -> np.ndarray:
        """tanh(a), no integer bits."""
        a = np.asarray(a, np.int64)
        magnitude = self.one_minus_x_over_one_plus_x(self.exp_on_negative_values(-np.abs(a), integer_bits + 1))
        return np.sign(a) * magnitude

    def logistic(self, a: np.ndarray, integer_bits: int) -> np.ndarray:
        """1 / (1 + exp(-a)), no integer bits."""
        a = np.asarray(a, np.int64)
        positive = self.one_over_one_plus_x(self.exp_on_negative_values(-np.abs(a), integer_bits))
        return np.where(a == 0, self.constant(1 << 30), np.where(a > 0, positive, self.max - positive))


WORD16, WORD32 = Word(16), Word(32)


def bit_length(x: np.ndarray) -> np.ndarray:
    """How many bits a non-negative integer below 2**53 takes, 0 for 0."""
    return np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def log(x: np.ndarray, input_bits: int, output_bits: int) -> np.ndarray:
    """log(x) for 32-bit x >= 1 with input_bits integer bits; the result has output_bits.

    x = 2**e * r with r near sqrt(sqrt(1/2)), the smaller of two candidates; log(x) = e * log(2) + a rational function
    of r.
    Source: log_x_for_x_greater_than_or_equal_to_1_impl in common.h.
    """
    multiply, x = WORD32.multiply, np.asarray(x, np.int64)
    log_2, sqrt_sqrt_half, sqrt_half = 1488522236, 1805811301, 1518500250
    accumulator_bits = output_bits + 1
    unit = 31 - accumulator_bits
    quarter = 1 << (unit - 2)

    a_headroom = 32 - bit_length(x)
    a = WORD32.shift_left(multiply(WORD32.shift_left(x, a_headroom - 1), sqrt_half), 1)
    a_exponent = WORD32.saturate(WORD32.shift_left(input_bits - a_headroom, unit) + quarter)
    b_headroom = 31 - bit_length(multiply(x, sqrt_half))
    b = WORD32.shift_left(x, b_headroom)
    b_exponent = WORD32.saturate(WORD32.shift_left(input_bits - b_headroom, unit) - quarter)
    r, exponent = np.minimum(a, b), np.maximum(a_exponent, b_exponent)

    p = (r + sqrt_sqrt_half + 1) >> 1
    q = 2 * (r - sqrt_sqrt_half)
    square = multiply(q, q)
    numerator = multiply(q, r) + multiply(multiply(q, square), 117049297)
    denominator_minus_one = multiply(p, 1057819769 + q + multiply(127690142, square)) + multiply(638450708, q)
    reciprocal = WORD32.one_over_one_plus_x(denominator_minus_one)
    quotient = multiply(rounding_divide_by_pot(numerator, accumulator_bits), reciprocal)
    return WORD32.shift_left(multiply(exponent, log_2) + quotient, accumulator_bits - output_bits)
