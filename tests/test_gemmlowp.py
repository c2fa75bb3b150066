"""Functions of fixed-point numbers against real ones; operators that use them test their exact bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litejit.kernels.gemmlowp import WORD16, WORD32, Word, bit_length, log
from litejit.kernels.newton import inverse_sqrt, reciprocal
from litejit.kernels.special import erfc

FORMATS = [(word, integer_bits) for word in (WORD16, WORD32) for integer_bits in (0, 1, 3, 4, 5, 6, 8)]


def raws(word: Word) -> np.ndarray:
    """Every raw of 16 bits, or random ones of all magnitudes."""
    if word is WORD16:
        return np.arange(-(1 << 15), 1 << 15)
    rng = np.random.default_rng(0)
    random = rng.integers(-(1 << 31), 1 << 31, 50000) >> rng.integers(0, 31, 50000)
    return np.concatenate([random, [0, 1, -1, (1 << 31) - 1, -(1 << 31)]])


@pytest.mark.parametrize(("word", "integer_bits"), FORMATS)
@pytest.mark.parametrize("name", ["tanh", "logistic", "exp_on_negative_values"])
def test_functions(word: Word, integer_bits: int, name: str) -> None:
    raw = raws(word)
    if name == "exp_on_negative_values":
        raw = np.minimum(raw, 0)
    real = raw / 2.0 ** (word.bits - 1 - integer_bits)
    expected = {
        "tanh": np.tanh,
        "logistic": lambda x: 1 / (1 + np.exp(-x)),
        "exp_on_negative_values": np.exp,
    }[name](real)
    result = getattr(word, name)(raw, integer_bits) / 2.0 ** (word.bits - 1)
    assert np.abs(result - expected).max() < (5e-4 if word is WORD16 else 5e-7)
    if name != "exp_on_negative_values":
        mirrored = getattr(word, name)(-raw[raw > -word.max], integer_bits) / 2.0 ** (word.bits - 1)
        total = mirrored + result[raw > -word.max]
        assert np.abs(total - (name == "logistic")).max() <= 2.0 ** (1 - word.bits)


@pytest.mark.parametrize("word", [WORD16, WORD32])
def test_quotients(word: Word) -> None:
    raw = np.abs(raws(word))
    raw = raw[raw <= word.max]
    real, one = raw / 2.0 ** (word.bits - 1), 2.0 ** (word.bits - 1)
    bound = 5e-4 if word is WORD16 else 1e-8
    assert np.abs(word.one_over_one_plus_x(raw) / one - 1 / (1 + real)).max() < bound
    assert np.abs(word.one_minus_x_over_one_plus_x(raw) / one - (1 - real) / (1 + real)).max() < bound


def test_log() -> None:
    rng = np.random.default_rng(0)
    raw = np.concatenate(
        [rng.integers(1 << 19, 1 << 31, 50000), (1 << rng.integers(19, 31, 999)), [1 << 19, (1 << 31) - 1]]
    )
    assert np.abs(log(raw, 12, 5) / 2.0**26 - np.log(raw / 2.0**19)).max() < 2e-6


def test_reciprocal_and_inverse_sqrt() -> None:
    x = np.concatenate([np.arange(1, 5000), np.random.default_rng(0).integers(1, 1 << 31, 50000), [(1 << 31) - 1]])
    mantissa, shift = reciprocal(x)
    assert np.abs(mantissa / 2.0**31 / 2.0**shift * x - 1).max() < 1e-8
    multiplier = inverse_sqrt(x)
    real = multiplier.mantissa / 2.0**31 * 2.0**multiplier.exponent
    assert np.abs(real * np.sqrt(x) - 1).max() < 2e-6


def test_bit_length() -> None:
    x = np.array([0, 1, 2, 3, 4, 255, 256, (1 << 31) - 1, 1 << 31, (1 << 53) - 1])
    assert bit_length(x).tolist() == [int(value).bit_length() for value in x]


def test_erfc() -> None:
    x = np.concatenate([np.linspace(-7, 26, 5000), [0.0, -0.0]])
    expected = np.array([math.erfc(value) for value in x])
    assert np.abs(erfc(x) / expected - 1).max() < 1e-12
    assert erfc(np.array([np.inf, -np.inf, 30.0, -30.0])).tolist() == [0.0, 2.0, 0.0, 2.0]
    assert np.isnan(erfc(np.array([np.nan])))[0]
