"""The quantizers of activations against the official ones, bit for bit, seen through a FULLY_CONNECTED by 1."""

from __future__ import annotations

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.kernels.reference.hybrid import quantize_rows
from litejit.testing import Const, Input, check, out, single_op


def rows(size: int) -> np.ndarray:
    """Rows of very different ranges, positive, negative and mixed ones, with ties and zeros."""
    rng = np.random.default_rng(size)
    x = rng.normal(size=(40, size)) * 10.0 ** rng.integers(-30, 30, (40, 1))
    x[10:14] = np.abs(x[10:14])
    x[14:18] = -np.abs(x[14:18])
    x[18:24] = rng.integers(-127, 128, (6, size)) / 2
    x[24] = 0
    x[25] = -0.0
    x[26] = 7
    x[27] = 1e-44
    x[28] = rng.normal(size=size) * 1e-42
    x[29] = x[28] * rng.integers(0, 2, size)
    x[30:34] = rng.uniform([[0], [-1], [-2], [-1]], [[1], [0], [1], [2]], (4, size)) * 1e-41
    return x.astype(np.float32)


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 16, 31, 64])
def test_same_bits(size: int, asymmetric: bool) -> None:
    for weights in (np.eye(size, dtype=np.int8), np.eye(size, dtype=np.int8)[::-1] * np.int8(100)):
        x = rows(size)
        operands = [Input(x), Const(weights, scale=1.0)]
        problem = single_op("FULLY_CONNECTED", operands, outputs=[out()], asymmetric_quantize_inputs=asymmetric)
        check(problem)


@pytest.mark.parametrize("asymmetric", [False, True])
def test_no_value_is_off_by_more_than_half_a_step(asymmetric: bool) -> None:
    x = rows(31)
    x = x[np.abs(x).max(axis=1) > 1e-30]
    quantized = quantize_rows(x, asymmetric)
    assert (quantized.zero_point == 0).all() or asymmetric
    error = np.abs(quantized.centred() * quantized.scale[:, None] - x) / quantized.scale[:, None]
    # An end of the range may be off by a whole step: the zero point is rounded, too.
    assert error.max() < (1.0001 if asymmetric else 0.5001)


def strange_rows(size: int) -> np.ndarray:
    """Rows with infinities and with what is not a number, in many places: which ones are compared first matters."""
    rng = np.random.default_rng(size)
    x = rng.normal(size=(64, size)).astype(np.float32)
    x[rng.random(x.shape) < rng.uniform(0, 1.2, (64, 1))] = np.nan
    x[rng.random(x.shape) < rng.choice([0, 0, 0.2, 1], (64, 1))] = np.inf
    x[::5] *= np.float32(-1)
    return x


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 13, 21])
def test_rows_that_are_not_numbers(size: int, asymmetric: bool) -> None:
    operands = [Input(strange_rows(size)), Const(np.eye(size, dtype=np.int8), scale=1.0)]
    problem = single_op("FULLY_CONNECTED", operands, outputs=[out()], asymmetric_quantize_inputs=asymmetric)
    check(problem)
    check(problem, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("size", [3, 4, 7, 8])
def test_zeros_and_what_is_not_a_number(size: int, asymmetric: bool) -> None:
    """All rows are one vector that may count as zeros; not with another number, or with a NaN after the last four."""
    x = np.zeros((2, size), np.float32)
    x[:, ::2] = np.nan
    for last in (0, -0.0, np.nan, 1):
        x[1, -1] = last
        operands = [Input(x.copy()), Const(np.eye(size, dtype=np.int8), scale=1.0), Const(np.arange(size), np.float32)]
        problem = single_op("FULLY_CONNECTED", operands, outputs=[out()], asymmetric_quantize_inputs=asymmetric)
        check(problem)
        check(problem, experimental_op_resolver_type=OpResolverType.AUTO)


def test_no_rows() -> None:
    assert quantize_rows(np.zeros((0, 4), np.float32), True).values.shape == (0, 4)
    assert quantize_rows(np.zeros((4, 0), np.float32), False).values.shape == (4, 0)
