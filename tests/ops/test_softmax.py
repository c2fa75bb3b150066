"""SOFTMAX and LOG_SOFTMAX against the official kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, assert_same, check, out, refused, run, single_op
from tests.oracle import oracle

SHAPES = [(5,), (1,), (3, 7), (0, 4), (2, 3, 4, 9), (1, 1, 2, 1, 17), (40, 21), (1, 1001)]
FLAVOURS = [("ref", "litert-ref"), ("opt", "litert-opt"), ("auto", "xnnpack")]
PROBABILITIES = {
    np.int8: {"scale": 1 / 256, "zero_point": -128},
    np.uint8: {"scale": 1 / 256, "zero_point": 0},
    np.int16: {"scale": 1 / 32768, "zero_point": 0},
}
TYPES = [(np.int8, np.int8), (np.int8, np.int16), (np.uint8, np.uint8), (np.uint8, np.int16), (np.int16, np.int16)]
SCALES = [0.003, 0.05, 0.2, 1.0]
"""Those of int16 inputs are divided by 256."""


def softmax(x: np.ndarray, scale: float, beta: float, result: Any) -> Problem:
    wide = x.dtype == np.int16
    operand = Input(x, scale=scale / 256 if wide else scale, zero_point=0 if wide else 3)
    return single_op("SOFTMAX", [operand], [out(result, **PROBABILITIES[result])], beta=beta)


def log_softmax(x: np.ndarray, scale: float) -> Problem:
    largest = int(np.iinfo(x.dtype).max)
    return single_op(
        "LOG_SOFTMAX", [Input(x, scale=scale, zero_point=3)], [out(x.dtype, scale=1 / 16, zero_point=largest)]
    )


def rows(dtype: Any, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Random rows; with odd seeds their values lie close together, so that no exponential is negligible."""
    info = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    spread = (info.max - info.min) // (16 if seed % 2 else 1)
    return (info.max - rng.integers(0, spread + 1, shape)).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("beta", [1.0, 0.25, 3.0])
def test_floats(shape: tuple[int, ...], beta: float) -> None:
    x = np.random.default_rng(0).normal(0, 3, shape)
    # The official kernel adds in order, which for a thousand terms is worth a few dozen ULP.
    check(single_op("SOFTMAX", [Input(x, np.float32)], beta=beta), ulp=4 if shape[-1] < 100 else 64)
    check(single_op("LOG_SOFTMAX", [Input(x, np.float32)]), ulp=4, atol=2e-6)
    check(single_op("SOFTMAX", [Input(x, np.float16)], beta=beta), ulp=1)


def test_special_floats() -> None:
    x = np.array([[1, np.nan, 2], [np.inf, 0, 1], [-np.inf, 0, 1], [-np.inf] * 3, [3e38, -3e38, 0], [0, -0.0, 1e-40]])
    check(single_op("SOFTMAX", [Input(x, np.float32)], beta=1.0), ulp=2)
    check(single_op("LOG_SOFTMAX", [Input(x, np.float32)]), ulp=2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "result"), TYPES)
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_quantized(shape: tuple[int, ...], dtype: Any, result: Any, resolver: str, numerics: str) -> None:
    for seed, scale in enumerate(SCALES):
        if shape[-1] > 500:  # Long rows of close values are what the official reference kernel aborts on.
            seed, scale = 2 * seed, scale + 0.1
        problem = softmax(rows(dtype, shape, seed), scale, [1.0, 0.3, 2.0][seed % 3], result)
        check(problem, resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_quantized_log(shape: tuple[int, ...], dtype: Any, resolver: str, numerics: str) -> None:
    for seed, scale in enumerate(SCALES):
        check(log_softmax(rows(dtype, shape, seed), scale), resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("depth", [511, 512, 600, 4096])
def test_sums_beyond_the_fixed_point_format(dtype: Any, depth: int) -> None:
    """A sum of exponentials of 512 or more aborts the official reference kernel; there the optimised one is right."""
    problem = softmax(np.full((2, depth), 7, dtype), 0.1, 1.0, dtype)
    reference = oracle.run(problem.model, problem.inputs, "ref")
    assert (reference.error is None) == (depth < 512)
    check(problem, resolver="ref" if depth < 512 else "opt")
    ordinary = softmax(np.vstack([np.arange(depth) % 100, np.zeros(depth)]).astype(dtype), 0.5, 1.0, dtype)
    assert_same(run(ordinary)[0][0], run(softmax(ordinary.inputs[0][:1], 0.5, 1.0, dtype))[0][0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_log_of_sums_beyond_the_fixed_point_format(dtype: Any) -> None:
    """From 4096 on, the official reference kernel overflows."""
    check(log_softmax(np.full((2, 4095), 7, dtype), 0.1), resolver="ref")
    check(log_softmax(np.full((2, 5000), 7, dtype), 0.1), resolver="opt")


_Q = {"scale": 0.1, "zero_point": 0}
REFUSED: list[Any] = [
    pytest.param(
        "SOFTMAX", [Input(1.0, np.float32)], None, {"beta": 1.0}, "has rank 0, expected at least 1", id="rank-0"
    ),
    pytest.param(
        "SOFTMAX",
        [Input([1], np.int32)],
        None,
        {"beta": 1.0},
        "is INT32, expected FLOAT32 or FLOAT16 or INT8",
        id="type",
    ),
    pytest.param(
        "SOFTMAX",
        [Input([1], np.int8, **_Q)],
        None,
        {"beta": 1.0},
        "has zero point 0, SOFTMAX needs -128",
        id="zero-point",
    ),
    pytest.param(
        "SOFTMAX",
        [Input([1], np.int8, **_Q)],
        [out(np.int8, scale=1 / 200, zero_point=-128)],
        {"beta": 1.0},
        "expected 1/256",
        id="scale",
    ),
    pytest.param(
        "SOFTMAX",
        [Input([1], np.int8, **_Q)],
        [out(np.uint8, scale=1 / 256, zero_point=0)],
        {"beta": 1.0},
        "is UINT8, expected INT8 or INT16",
        id="output-type",
    ),
    pytest.param(
        "SOFTMAX",
        [Input([1], np.int8, **_Q)],
        [out(np.int8, **PROBABILITIES[np.int8])],
        {"beta": 0.0},
        "must be greater than 2**-26",
        id="beta",
    ),
    pytest.param(
        "SOFTMAX",
        [Input([1], np.int16, scale=0.1, zero_point=2)],
        [out(np.int16, **PROBABILITIES[np.int16])],
        {"beta": 1.0},
        "has zero point 2, SOFTMAX needs 0",
        id="int16-zero-point",
    ),
    pytest.param("LOG_SOFTMAX", [Input([1], np.int8, **_Q)], None, {}, "expected 1/16", id="log-scale"),
    pytest.param(
        "LOG_SOFTMAX",
        [Input([1], np.int8, **_Q)],
        [out(np.int8, scale=1 / 16, zero_point=0)],
        {},
        "has zero point 0, LOG_SOFTMAX needs 127",
        id="log-zero-point",
    ),
    pytest.param("LOG_SOFTMAX", [Input([1], np.int16, **_Q)], None, {}, "is INT16, expected", id="log-type"),
    pytest.param("LOG_SOFTMAX", [Const(1.0, np.float32)], None, {}, "has rank 0", id="log-rank-0"),
]


@pytest.mark.parametrize(("op", "operands", "outputs", "options", "fragment"), REFUSED)
def test_refused(op: str, operands: Any, outputs: Any, options: dict[str, Any], fragment: str) -> None:
    refused(single_op(op, operands, outputs, **options), fragment)
