"""Quantized functions and comparisons that the official kernel sets agree on, and how single-rounding builds differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.newton import inverse_sqrt
from litejit.testing import Input, Problem, check, out, refused, run, single_op
from tests.numerics.test_arithmetic import OFFICIAL, quantize_multiplier, rescale_once, rescale_twice
from tests.ops.values import every, pairs

UNARY = ["ABS", "EXP", "LOG", "SQRT", "RSQRT"]
BINARY = ["DIV", "SQUARED_DIFFERENCE", "EQUAL", "LESS_EQUAL", "GREATER", "MAXIMUM", "MINIMUM"]


def unary(op: str, dtype: Any, scales: tuple[float, float]) -> Problem:
    x = every(dtype)
    x = x[x >= 0] if op in ("SQRT", "RSQRT") else x
    return single_op(op, [Input(x, scale=scales[0])], outputs=[out(dtype, scale=scales[1])], version=2)


def binary(op: str, dtype: Any) -> Problem:
    a, b = (np.concatenate([x, x[:5]]) for x in pairs(every(dtype)))
    zero = 3
    b = np.where((b == zero) & (op == "DIV"), 77, b).astype(dtype)
    result = out(np.bool_) if op in ("EQUAL", "LESS_EQUAL", "GREATER") else out(dtype, scale=0.7)
    operands = [Input(a, scale=0.3, zero_point=5), Input(b, scale=0.2, zero_point=zero)]
    return single_op(op, operands, outputs=[result], version=2)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("scales", [(0.1, 0.1), (0.05, 0.2), (0.5, 0.03)], ids=str)
@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_unary(flavour: str, resolver: str, op: str, scales: Any, dtype: Any) -> None:
    check(unary(op, dtype, scales), resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_binary(flavour: str, resolver: str, op: str, dtype: Any) -> None:
    if op == "SQUARED_DIFFERENCE" and dtype == np.uint8:
        dtype = np.int8
    check(binary(op, dtype), resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("scales", [(0.05, 0.2), (0.5, 0.03), (0.3, 0.7)], ids=str)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_absolute_value_rounded_once(dtype: Any, scales: tuple[float, float]) -> None:
    ratio = float(np.float32(scales[0]) / np.float32(scales[1]))
    info = np.iinfo(dtype)
    expected = [min(rescale_once(abs(int(q)), ratio), info.max) for q in every(dtype)]
    assert np.array_equal(run(unary("ABS", dtype, scales), numerics="single-rounding")[0], expected)


LIBRARIES = {"tflm": rescale_twice, "single-rounding": rescale_once}


@pytest.mark.parametrize("flavour", LIBRARIES)
def test_squared_difference_of_kernel_libraries(flavour: str) -> None:
    rescale = LIBRARIES[flavour]
    s1, s2, so = (np.float32(s) for s in (0.3, 0.2, 0.7))
    problem = binary("SQUARED_DIFFERENCE", np.int8)
    common = 2 * float(s1)
    expected = []
    for a, b in zip(*problem.inputs, strict=True):
        first = rescale((int(a) - 5) << 7, float(s1) / common)
        second = rescale((int(b) - 3) << 7, float(s2) / common)
        steps = rescale((first - second) ** 2, common**2 / float(np.float32(1 << 14) * so))
        expected.append(min(max(steps, -128), 127))
    assert np.array_equal(run(problem, numerics=flavour)[0], expected)


ORDERS = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
}


@pytest.mark.parametrize(
    ("dtype", "flavour"),
    [(np.int8, "tflm"), *[(dtype, "single-rounding") for dtype in (np.int8, np.uint8, np.int16)]],
)
@pytest.mark.parametrize("op", ORDERS)
def test_comparisons_of_kernel_libraries(op: str, dtype: Any, flavour: str) -> None:
    """INT16 is ordered by its raw values."""
    wide = dtype == np.int16
    a, b = pairs(every(dtype)[:: 257 if wide else 1])
    zeros = (0, 0) if wide else (5, 3)
    operands = [
        Input(x, scale=scale, zero_point=zero) for x, scale, zero in zip((a, b), (0.3, 0.2), zeros, strict=True)
    ]
    raw = wide and op not in ("EQUAL", "NOT_EQUAL")
    values = []
    for x, zero, scale in zip((a, b), zeros, (0.3, 0.2), strict=True):
        compared = {q: LIBRARIES[flavour]((q - zero) << 8, float(np.float32(scale))) for q in set(x.tolist())}
        values.append(x if raw else np.array([compared[q] for q in x.tolist()]))
    problem = single_op(op, operands, [out(np.bool_)], version=2)
    assert np.array_equal(run(problem, numerics=flavour)[0], ORDERS[op](*values))


def test_inverse_square_root_rounded_once() -> None:
    scales = np.float32(0.1), np.float32(0.03)
    problem = unary("RSQRT", np.int8, scales)
    mantissa, exponent = quantize_multiplier(1 / float(np.sqrt(scales[0]) * scales[1]))
    inverse = inverse_sqrt(np.arange(128))
    expected = [127]
    for m, e in zip(inverse.mantissa.tolist()[1:], inverse.exponent.tolist()[1:], strict=True):
        root = (m + (1 << (10 - e))) >> (11 - e)
        expected.append(min((root * mantissa + (1 << (50 - exponent))) >> (51 - exponent), 127))
    assert np.array_equal(run(problem, numerics="single-rounding")[0], expected)


@pytest.mark.parametrize("op", ["ABS", "RSQRT"])
def test_tflite_micro_agrees(op: str) -> None:
    problem = unary(op, np.int8, (0.1, 0.03))
    assert np.array_equal(run(problem, numerics="tflm")[0], run(problem)[0])


REFUSED = [
    (unary("EXP", np.int8, (0.1, 0.1)), "EXP of INT8"),
    (unary("LOG", np.int16, (0.1, 0.1)), "LOG of INT16"),
    (unary("SQRT", np.int8, (0.1, 0.1)), "SQRT of INT8"),
    (unary("RSQRT", np.int16, (0.1, 0.1)), "RSQRT of INT16"),
    (binary("EQUAL", np.uint8), "EQUAL of UINT8"),
]


@pytest.mark.parametrize(("problem", "fragment"), REFUSED)
def test_what_tflite_micro_has_not(problem: Problem, fragment: str) -> None:
    refused(problem, f"numerics 'tflm' is not established for {fragment}", numerics="tflm")
