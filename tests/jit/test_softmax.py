"""Compiled SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.gemmlowp import WORD32
from litejit.kernels.jit.native import fixedpoint
from litejit.testing import Input, out, single_op
from tests.jit.equal import check_compiled

PROBABILITIES = {
    np.int8: {"scale": 1 / 256, "zero_point": -128},
    np.uint8: {"scale": 1 / 256, "zero_point": 7},
    np.int16: {"scale": 1 / 32768, "zero_point": 0},
}
TYPES = [(np.int8, np.int8), (np.int8, np.int16), (np.uint8, np.uint8), (np.uint8, np.int16), (np.int16, np.int16)]


def test_floats() -> None:
    rng = np.random.default_rng(0)
    for depth in (*range(1, 18), 33, 1001):
        x = rng.normal(0, 5, (3, depth)).astype(np.float32)
        x[1] += 500
        for beta in (1.0, 0.3):
            check_compiled(single_op("SOFTMAX", [Input(x)], beta=beta), "softmax.floats", atol=3e-7)
        check_compiled(single_op("LOG_SOFTMAX", [Input(x)]), "softmax.log_floats", ulp=2, atol=4e-6)


def test_special_floats() -> None:
    x = np.array([[1, np.nan, 2], [np.inf, 0, 1], [-np.inf, 0, 1], [-np.inf] * 3, [3e38, -3e38, 0], [0, -0.0, 1e-40]])
    check_compiled(single_op("SOFTMAX", [Input(x, np.float32)], beta=1.0), "softmax.floats", ulp=2)
    check_compiled(single_op("LOG_SOFTMAX", [Input(x, np.float32)]), "softmax.log_floats", ulp=2)


def rows(dtype: Any, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Random rows, the first of them of equal values; with odd seeds they lie close together."""
    info = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    spread = (info.max - info.min) // (16 if seed % 2 else 1)
    x = (info.max - rng.integers(0, spread + 1, shape)).astype(dtype)
    x[0] = x[0, 0]
    return x


@pytest.mark.parametrize(("dtype", "result"), TYPES)
def test_integers(dtype: Any, result: Any) -> None:
    kernel = "integer_softmax.words" if dtype == np.int16 else "integer_softmax.bytes"
    for seed, depth in enumerate((*range(1, 18), 31, 32, 33, 64, 100, 511, 1001, 9001)):
        for scale in (1e-6, 0.003, 0.05, 0.2, 1.0, 30.0):
            operand = Input(rows(dtype, (3, depth), seed), dtype, scale=scale, zero_point=3)
            if dtype == np.int16:
                operand = Input(rows(dtype, (3, depth), seed), dtype, scale=scale / 256, zero_point=0)
            outputs = [out(result, **PROBABILITIES[result])]
            problem = single_op("SOFTMAX", [operand], outputs, beta=(1.0, 0.3, 2.0)[seed % 3])
            check_compiled(problem, kernel, threads=1 + seed % 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_logarithms_of_integers(dtype: Any) -> None:
    outputs = [out(dtype, scale=1 / 16, zero_point=int(np.iinfo(dtype).max))]
    for seed, depth in enumerate((1, 2, 3, 7, 16, 31, 33, 100, 1001, 4095, 4096)):
        for scale in (1e-6, 0.003, 0.05, 0.2, 1.0):
            operand = Input(rows(dtype, (3, depth), seed), dtype, scale=scale, zero_point=3)
            kernel = "integer_softmax.log_bytes" if depth < 4096 else None
            check_compiled(single_op("LOG_SOFTMAX", [operand], outputs), kernel, threads=1 + seed % 2)


def test_norms() -> None:
    rng = np.random.default_rng(0)
    for depth in (*range(1, 18), 40, 1000):
        x = rng.normal(0, 5, (5, depth)).astype(np.float32)
        x[0], x[1], x[2, 0], x[3, -1] = 0, x[1] * 1e-9, np.nan, np.inf
        check_compiled(single_op("L2_NORMALIZATION", [Input(x)]), "normalizing.floats", ulp=4, threads=1 + depth % 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_norms_of_integers(dtype: Any) -> None:
    zero_point = 0 if dtype == np.int8 else 128
    outputs = [out(dtype, scale=1 / 128, zero_point=zero_point)]
    for seed, (depth, middle) in enumerate(
        ((1, 3), (2, 0), (15, -128), (16, 127), (33, 5), (1000, -128), (40000, 127))
    ):
        middle += zero_point
        x = rows(dtype, (5, depth), seed)
        x[0], x[1], x[2] = middle, middle, np.iinfo(dtype).max - middle + np.iinfo(dtype).min
        x[1, -1] ^= 1
        operand = Input(x, dtype, scale=0.05, zero_point=middle)
        problem = single_op("L2_NORMALIZATION", [operand], outputs)
        check_compiled(problem, "normalizing.bytes", threads=1 + seed % 2)


def test_reciprocals(monkeypatch: pytest.MonkeyPatch) -> None:
    """All 31 bits of 1 / (1 + x), at ties and where it saturates, too."""
    monkeypatch.setattr(fixedpoint, "_product", fixedpoint._product.py_func)
    drawn = np.random.default_rng(0).integers(0, 1 << 31, 3000)
    x = np.concatenate([np.arange(0, 1 << 31, 1 << 24), np.arange(9), (1 << 31) - np.arange(1, 9), drawn])
    found = [fixedpoint.one_over_one_plus_x.py_func(int(each)) for each in x]
    np.testing.assert_array_equal(found, WORD32.one_over_one_plus_x(x))
