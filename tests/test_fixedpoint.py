"""The fixed-point primitives against their one-line specifications in plain Python integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litejit.kernels import fixedpoint as fp
from litejit.kernels.node import TensorSpec
from litejit.schema import ActivationFunctionType, TensorType

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIER = st.one_of(st.integers(2**30, 2**31 - 1), st.just(0))


def srdhm(a: int, b: int) -> int:
    return min((a * b + 2**30) >> 31, 2**31 - 1)


def rdbpot(x: int, exponent: int) -> int:
    half = Fraction(abs(x), 2**exponent)
    rounded = int(half + Fraction(1, 2))
    return rounded if x >= 0 else -rounded


def wrap(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def multiplier(mantissa: int, exponent: int) -> fp.Multiplier:
    return fp.Multiplier(np.int64(mantissa), np.int64(exponent))


@given(INT32, INT32)
def test_saturating_rounding_doubling_high_mul(a: int, b: int) -> None:
    assert fp.saturating_rounding_doubling_high_mul(np.array([a]), b)[0] == srdhm(a, b)


@given(INT32, st.integers(0, 31))
def test_rounding_divide_by_pot(x: int, exponent: int) -> None:
    assert fp.rounding_divide_by_pot(np.array([x]), exponent)[0] == rdbpot(x, exponent)


@settings(max_examples=400)
@given(INT32, MULTIPLIER, st.integers(-31, 8))
def test_multiply_by_quantized_multiplier(x: int, mantissa: int, exponent: int) -> None:
    expected = rdbpot(srdhm(wrap(x << max(exponent, 0)), mantissa), max(-exponent, 0))
    assert fp.multiply_by_quantized_multiplier(np.array([x]), multiplier(mantissa, exponent))[0] == expected


@settings(max_examples=400)
@given(INT32, MULTIPLIER, st.integers(-31, 8))
def test_multiply_by_quantized_multiplier_up(x: int, mantissa: int, exponent: int) -> None:
    high = (wrap(x << max(exponent, 0)) * mantissa + 2**30) >> 31
    right = max(-exponent, 0)
    expected = (high + (2**right >> 1)) >> right
    assert fp.multiply_by_quantized_multiplier_up(np.array([x]), multiplier(mantissa, exponent))[0] == expected


@given(st.integers(-(2**40), 2**40), MULTIPLIER, st.integers(-31, 7))
def test_multiply_by_quantized_multiplier_q15(x: int, mantissa: int, exponent: int) -> None:
    short = 0x7FFF if mantissa >= 0x7FFF0000 else (mantissa + 2**15) >> 16
    expected = (x * short + 2 ** (14 - exponent)) >> (15 - exponent)
    assert fp.multiply_by_quantized_multiplier_q15(np.array([x]), multiplier(mantissa, exponent))[0] == expected


@settings(max_examples=400)
@given(INT32, MULTIPLIER, st.integers(-31, 8))
def test_multiply_by_quantized_multiplier_single(x: int, mantissa: int, exponent: int) -> None:
    expected = (x * mantissa + 2 ** (30 - exponent)) >> (31 - exponent)
    assert fp.multiply_by_quantized_multiplier_single(np.array([x]), multiplier(mantissa, exponent))[0] == expected


@given(st.floats(width=32))
def test_float_to_int32(x: float) -> None:
    whole = np.trunc(np.float32(x))
    expected = int(whole) if -(2**31) <= whole < 2**31 else -(2**31)
    assert fp.float_to_int32(np.float32([whole]))[0] == expected


@given(st.floats(2.0**-40, 2.0**20))
def test_quantize_multiplier_is_the_nearest_mantissa(real: float) -> None:
    m = fp.Multiplier.from_real(real)
    if real < 2.0**-33:
        assert (int(m.mantissa), int(m.exponent)) == (0, 0)
    elif m.mantissa:
        assert 2**30 <= m.mantissa < 2**31
        value = Fraction(int(m.mantissa)) * Fraction(2) ** (int(m.exponent) - 31)
        assert abs(value - Fraction(real)) <= Fraction(2) ** (int(m.exponent) - 32)


@pytest.mark.parametrize("value", [0.5, -0.5, 1.5, -1.5, 2.4999, -2.4999, 0.49999997, 8388609.0, -3.0, 0.0])
def test_round_half_away(value: float) -> None:
    expected = int(abs(Fraction(np.float32(value).item())) + Fraction(1, 2)) * (1 if value >= 0 else -1)
    assert fp.round_half_away(np.float32([value]))[0] == expected


def test_requantize_blocks_crosses_blocks() -> None:
    accumulator = np.arange(-100_000, 100_000, dtype=np.int32).reshape(-1, 8)
    result = fp.requantize_blocks(accumulator, lambda x: x.astype(np.int64) >> 10, 3, -128, 127, np.dtype(np.int8))
    np.testing.assert_array_equal(result, np.clip((accumulator >> 10) + 3, -128, 127).astype(np.int8))


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("NONE", (-128, 127)), ("RELU", (3, 127)), ("RELU6", (3, 63)), ("RELU_N1_TO_1", (-7, 13)), ("TANH", (-128, 127))],
)
def test_activation_range(activation: str, expected: tuple[int, int]) -> None:
    from litejit.kernels.node import Quantization

    spec = TensorSpec("y", 0, TensorType.INT8, (1,), Quantization(np.float32([0.1]), np.array([3])))
    assert fp.activation_range(ActivationFunctionType[activation], spec) == expected
