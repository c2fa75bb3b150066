"""Functions of one number, quantized and plain, against the official runtime."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from litejit.testing import Input, check, out, refused, run, single_op
from tests.ops.values import edges, every

BF16 = ml_dtypes.bfloat16
EXACT = [
    *[("NEG", dtype) for dtype in (np.float32, np.float16, BF16, np.int64, np.int32, np.int16, np.int8)],
    *[("SIGN", dtype) for dtype in (np.float32, np.float64, np.int32)],
    *[("FLOOR", dtype) for dtype in (np.float32, np.float16, BF16)],
    *[("ROUND", dtype) for dtype in (np.float32, np.float16, BF16)],
    ("CEIL", np.float32),
    *[("ABS", dtype) for dtype in (np.float32, np.int32, np.int16)],
    *[("ZEROS_LIKE", dtype) for dtype in (np.float32, np.int64, np.int32)],
    ("LOGICAL_NOT", np.bool_),
    ("SQUARE", np.float32),
    ("SQRT", np.float32),
]
ROUNDED = [("EXP", 1), ("LOG", 1), ("SIN", 1), ("COS", 1), ("RSQRT", 1)]
"""Float functions, and the ULPs that the official math library may be off."""
FLOAT16 = [("ABS", 0), ("SQRT", 1), ("RSQRT", 1), ("SQUARE", 0), ("EXP", 4), ("LOG", 2), ("CEIL", 0)]
SHAPES = [(), (1,), (0, 3), (2, 3, 1, 2, 2, 1)]


@pytest.mark.parametrize(("op", "dtype"), EXACT)
def test_exact(op: str, dtype: Any) -> None:
    x = edges(dtype)
    if x.dtype.kind == "f":
        x = np.concatenate([x, np.linspace(-5, 5, 101).astype(dtype), np.arange(-4.5, 5).astype(dtype)])
    check(single_op(op, [Input(x)]))


@pytest.mark.parametrize(("op", "ulp"), ROUNDED)
def test_rounded(op: str, ulp: int) -> None:
    x = np.concatenate([edges(np.float32), np.linspace(-100, 100, 4001, dtype=np.float32)])
    check(single_op(op, [Input(x)]), ulp=ulp)


@pytest.mark.parametrize("op", ["SIN", "COS"])
def test_half_precision(op: str) -> None:
    check(single_op(op, [Input(edges(np.float16))]))


@pytest.mark.parametrize(("op", "ulp"), FLOAT16)
def test_half_precision_of_the_delegate(op: str, ulp: int) -> None:
    x = np.concatenate([np.linspace(0.01, 9, 500), [1, 2, 100]]).astype(np.float16)
    check(single_op(op, [Input(x)]), resolver="auto", ulp=ulp, atol=2e-3 if op == "LOG" else 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", ["NEG", "ABS", "EXP", "SQRT", "RSQRT", "LOGICAL_NOT", "FLOOR"])
def test_shapes(op: str, shape: tuple[int, ...]) -> None:
    check(single_op(op, [Input(np.ones(shape, np.bool_ if op == "LOGICAL_NOT" else np.float32))]), ulp=1)


SCALES = [(0.1, 0.1), (0.05, 0.2), (0.5, 0.03), (2.0, 1.0), (1e-4, 3e-3), (0.007, 1.7)]
EXTREMES = [("EXP", 1.0, 1.0), ("EXP", 1.0, 1e-30), ("LOG", 1e-7, 1e-9), ("RSQRT", 1e-9, 1e-9), ("SQRT", 3e37, 1e-9)]
EXTREMES += [("RSQRT", 0.5, 1e-45), ("ABS", 3e38, 1e-45)]
QUANTIZED = [(op, dtype) for op in ("ABS", "EXP", "LOG", "SQRT", "RSQRT") for dtype in (np.int8, np.int16)]


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("zero_points", [(0, 0), (-128, 127), (-128, -128), (-5, 3), (100, -100)], ids=str)
@pytest.mark.parametrize(("op", "dtype"), QUANTIZED)
def test_every_quantized_value(op: str, dtype: Any, scales: tuple[float, float], zero_points: tuple[int, int]) -> None:
    if dtype == np.int16 and zero_points != (0, 0):
        zero_points = (0, 0)
        scales = (scales[0] * 1.37, scales[1] * 0.71)
    x = every(dtype)
    if op in ("SQRT", "RSQRT"):
        x = x[x >= zero_points[0]]
    operand = Input(x, scale=scales[0], zero_point=zero_points[0])
    check(single_op(op, [operand], outputs=[out(dtype, scale=scales[1], zero_point=zero_points[1])], version=2))


@pytest.mark.parametrize(("op", "scale", "output_scale"), EXTREMES)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_results_out_of_range(op: str, scale: float, output_scale: float, dtype: Any) -> None:
    x = every(dtype)
    x = x[x >= 0] if op in ("SQRT", "RSQRT") else x
    check(single_op(op, [Input(x, scale=scale)], outputs=[out(dtype, scale=output_scale)], version=2))


def test_negation_sets_the_type() -> None:
    """Converters declare FLOAT32 for the output of an INT16 NEG; the operator knows better."""
    assert run(single_op("NEG", [Input([3], np.int16)], outputs=[out(np.float32)]))[0].dtype == np.int16


QUANTIZED_ONE = Input([-1, 3], np.int8, scale=0.1)
ERRORS = {
    "tensorflow#62163": ("EXP", None, {}, "operand 'input' is missing"),
    "SQRT of -0.1": ("SQRT", QUANTIZED_ONE, {}, "SQRT is not defined for negative numbers, 1 elements"),
    "RSQRT of -0.1": ("RSQRT", QUANTIZED_ONE, {}, "RSQRT is not defined for negative numbers"),
    "RSQRT int16": ("RSQRT", Input([-1], np.int16, scale=0.1), {}, "RSQRT is not defined for negative numbers"),
    "CVE-2021-37682": ("LOG", Input([1], np.int8), {}, "has no quantization parameters"),
    "SQRT plain int16": ("SQRT", Input([1], np.int16), {}, "has no quantization parameters"),
    "int16 zero point": ("ABS", Input([1], np.int16, scale=0.1, zero_point=2), {}, "has zero point 2"),
    "scale 0": ("EXP", Input([1], np.int8, scale=0.0), {}, "scale"),
    "output scale": ("EXP", QUANTIZED_ONE, {"outputs": [out(np.int8)]}, "has no quantization parameters"),
    "type": ("SIN", Input([1], np.int32), {}, "is INT32, expected FLOAT32"),
    "no bools": ("NEG", Input([True]), {}, "is BOOL"),
    "output type": ("ABS", Input([1], np.int32), {"outputs": [out(np.float32)]}, "is FLOAT32, expected INT32"),
    "LOGICAL_NOT type": ("LOGICAL_NOT", Input([1], np.int32), {}, "is INT32, expected BOOL"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operand, keywords, fragment = ERRORS[name]
    refused(single_op(op, [operand], **keywords), fragment)
