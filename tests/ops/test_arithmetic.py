"""ADD, SUB, MUL, DIV, SQUARED_DIFFERENCE, ADD_N against the official reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.values import BROADCASTS, edges, every, filled, pairs

PLAIN = [
    *[("ADD", dtype) for dtype in (np.float32, np.float16, np.int32, np.int64, np.int16)],
    *[("SUB", dtype) for dtype in (np.float32, np.int32, np.int64)],
    *[("MUL", dtype) for dtype in (np.float32, np.float16, np.int32, np.int64, np.uint32, np.int16)],
    *[("DIV", dtype) for dtype in (np.float32, np.int32)],
    *[("SQUARED_DIFFERENCE", dtype) for dtype in (np.float32, np.int32)],
]
QUANTIZED = [
    *[(op, dtype) for op in ("ADD", "SUB", "MUL", "DIV") for dtype in (np.int8, np.uint8, np.int16)],
    ("SQUARED_DIFFERENCE", np.int8),
]
SCALES = [
    (0.05, 0.02, 0.1),
    (0.5, 0.5, 0.5),
    (1.0, 1.0, 1.0),
    (0.001, 0.7, 0.3),
    (2.7, 0.013, 4.1),
    (0.11, 0.13, 0.017),
]
"""Of input1, input2 and output."""
ACTIVATIONS = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"]


def without_traps(op: str, a: np.ndarray, b: np.ndarray, zero_point: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Division by zero and INT_MIN / -1 are errors; here they become divisions by 2."""
    if op != "DIV" or b.dtype.kind == "f":
        return a, b
    trap = (b == zero_point) | ((b.dtype == np.int32) & (b == -1))
    return a, np.where(trap, zero_point + 2 if zero_point < 100 else zero_point - 2, b).astype(b.dtype)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("op", "dtype"), PLAIN)
def test_plain_numbers(op: str, dtype: Any, activation: str) -> None:
    a, b = without_traps(op, *pairs(edges(dtype)))
    options = {} if op == "SQUARED_DIFFERENCE" else {"fused_activation_function": activation}
    check(single_op(op, [Input(a), Input(b)], **options))


@pytest.mark.parametrize(("op", "dtype"), [*PLAIN, ("MUL", np.complex64)])
@pytest.mark.parametrize(("shape1", "shape2"), BROADCASTS)
def test_plain_broadcast(op: str, dtype: Any, shape1: tuple[int, ...], shape2: tuple[int, ...]) -> None:
    real = np.float32 if dtype == np.complex64 else dtype
    a, b = without_traps(op, filled(shape1, real, 1), filled(shape2, real, 2))
    if dtype == np.complex64:
        a, b = np.nan_to_num(a, posinf=2, neginf=3) / 1e30 + 1j, np.nan_to_num(b, posinf=4) / 1e30 - 2j
    check(single_op(op, [Input(a, dtype), Input(b, dtype)]), atol=1e-20 if dtype == np.complex64 else 0)


@pytest.mark.parametrize("dtype", [np.float16])
@pytest.mark.parametrize("op", ["SUB", "DIV", "SQUARED_DIFFERENCE"])
def test_float16_of_the_delegate(op: str, dtype: Any) -> None:
    a, b = pairs(edges(dtype)[np.isfinite(edges(dtype))])
    keep = (b != 0) & (np.abs(a) < 100) & (np.abs(b) < 100)
    check(single_op(op, [Input(a[keep]), Input(b[keep])]), resolver="auto", ulp=1)


def quantized_pair(op: str, dtype: Any, scales: Any, zero_points: Any, shape: Any = None, **options: Any) -> Problem:
    z1, z2, zo = (0, 0, 0) if dtype == np.int16 else zero_points
    if dtype == np.int16:
        rng = np.random.default_rng(3)
        some = rng.integers(-(1 << 15), 1 << 15, (2, 20000)).astype(dtype)
        a, b = np.concatenate([pairs(edges(dtype)), some], axis=1)
    else:
        a, b = pairs(every(dtype))
    a, b = without_traps(op, a, b, z2)
    if shape is not None:
        a, b = (np.resize(x[::step], s) for x, s, step in zip((a, b), shape, (257, 251), strict=True))
    return single_op(
        op,
        [Input(a, scale=scales[0], zero_point=z1), Input(b, scale=scales[1], zero_point=z2)],
        outputs=[out(dtype, scale=scales[2], zero_point=zo)],
        version=2,
        **options,
    )


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize(("op", "dtype"), QUANTIZED)
def test_quantized_pairs(op: str, dtype: Any, scales: Any) -> None:
    """Every pair of 8-bit values; for int16 a sample with the edges."""
    zero_points = (3, 250, 128) if dtype == np.uint8 else (-128, 5, -7)
    check(quantized_pair(op, dtype, scales, zero_points))


@pytest.mark.parametrize("activation", ACTIVATIONS[1:])
@pytest.mark.parametrize(("op", "dtype"), QUANTIZED[:-1])
def test_quantized_activations(op: str, dtype: Any, activation: str) -> None:
    zero_points = (3, 250, 128) if dtype == np.uint8 else (-128, 5, -7)
    check(quantized_pair(op, dtype, (0.05, 0.02, 0.04), zero_points, fused_activation_function=activation))


@pytest.mark.parametrize(("shape1", "shape2"), BROADCASTS)
@pytest.mark.parametrize(("op", "dtype"), QUANTIZED)
def test_quantized_broadcast(op: str, dtype: Any, shape1: tuple[int, ...], shape2: tuple[int, ...]) -> None:
    check(quantized_pair(op, dtype, (0.05, 0.02, 0.1), (1, 2, 3), shape=(shape1, shape2)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("op", ["MUL", "DIV"])
def test_scales_that_are_missing(op: str, dtype: Any) -> None:
    """They count as 0, and what is divided by them as 0, too."""
    values = np.arange(1, 13, dtype=dtype).reshape(2, 6)
    for given in ((1, 1, 0), (1, 0, 1), (0, 1, 1), (0, 0, 0), (1, 0, 0)):
        a, b, c = ({"scale": 0.1 + at, "zero_point": 0} if has else {} for at, has in enumerate(given))
        problem = single_op(op, [Input(values, **a), Input(values[:1] * 9, **b)], [out(dtype, **c)])
        check(problem)
        check(problem, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize("op", ["ADD", "SUB"])
@pytest.mark.parametrize(
    "exponents", [(-10, -10, -10), (-12, -10, -10), (-10, -13, -10), (-25, -10, -10), (-10, -11, -9.5)], ids=str
)
@pytest.mark.parametrize("pot_scale_int16", [True, False])
def test_power_of_two_scales(op: str, exponents: Any, pot_scale_int16: bool) -> None:
    """The last one has a scale that is no power of two, so the general formula applies."""
    scales = tuple(2.0**e for e in exponents)
    check(quantized_pair(op, np.int16, scales, None, pot_scale_int16=pot_scale_int16))


def test_subtraction_with_a_multiplier_above_one() -> None:
    """The official kernel shifts by a negative count there; the result is what processors make of it."""
    check(quantized_pair("SUB", np.int8, (1.0, 1.0, 1e-7), (0, 0, 0)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_int16_product_to_8_bits(dtype: Any) -> None:
    a, b = pairs(np.array([*edges(np.int16), 16384, -16384, 12345], np.int16))
    operands = [Input(a, scale=1 / 32768), Input(b, scale=1 / 32768)]
    zero_point = 128 if dtype == np.uint8 else -3
    check(single_op("MUL", operands, outputs=[out(dtype, scale=1 / 128, zero_point=zero_point)]))


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_add_n(dtype: Any, count: int) -> None:
    check(single_op("ADD_N", [Input(filled((20, 30), dtype, seed)) for seed in range(count)]))


def one(value: Any, dtype: Any = np.int8, **keywords: Any) -> Input:
    return Input([value], dtype, **keywords)


Q = {"scale": 0.1}
ERRORS = {
    "types differ": ("ADD", [one(1, np.int32), one(1, np.float32)], None, {}, "is FLOAT32, expected INT32"),
    "shapes": ("SUB", [Input([1.0, 2], np.float32), Input([1.0, 2, 3], np.float32)], None, {}, "do not broadcast"),
    "output type": (
        "MUL",
        [one(1, np.int32)] * 2,
        [out(np.float32)],
        {},
        "(tensor 2 'tensor_2') is FLOAT32, expected INT32",
    ),
    "missing": ("DIV", [one(1, np.float32), None], None, {}, "operand 'input2' is missing"),
    "type": ("SUB", [one(1, np.uint32)] * 2, None, {}, "is UINT32, expected FLOAT32"),
    "CVE-2021-37682": ("ADD", [one(1, **Q), one(1)], None, {}, "has no quantization parameters"),
    "plain int16 SUB": ("SUB", [one(1, np.int16)] * 2, None, {}, "has no quantization parameters"),
    "CVE-2021-37683": ("DIV", [one(1, np.int32), one(0, np.int32)], None, {}, "division by zero"),
    "quantized zero": ("DIV", [one(1, **Q), one(5, scale=0.1, zero_point=5)], None, {}, "division by zero"),
    "int16 zero": ("DIV", [one(1, np.int16, **Q), one(0, np.int16, **Q)], None, {}, "division by zero"),
    "LiteRT#9189": ("DIV", [one(-(1 << 31), np.int32), one(-1, np.int32)], None, {}, "-2147483648 / -1"),
    "int16 zero point": ("MUL", [one(1, np.int16, scale=0.1, zero_point=1)] * 2, None, {}, "has zero point 1"),
    "per channel": (
        "ADD",
        [Input([1, 2], np.int8, scale=[0.1, 0.2]), one(1, **Q)],
        None,
        {},
        "is quantized per channel",
    ),
    "complex activation": (
        "MUL",
        [one(1, np.complex64)] * 2,
        None,
        {"fused_activation_function": "RELU"},
        "activation RELU of COMPLEX64",
    ),
    "fine output scale": ("ADD", [one(1, **Q)] * 2, [out(np.int8, scale=1e-9)], {}, "is too small"),
    "fine difference scale": (
        "SQUARED_DIFFERENCE",
        [one(1, **Q)] * 2,
        [out(np.int8, scale=1e-9)],
        {},
        "is too small",
    ),
    "pot scales": (
        "ADD",
        [one(1, np.int16, scale=0.5)] * 2,
        [out(np.int16, scale=0.25)],
        {"pot_scale_int16": True},
        "are powers of two",
    ),
    "ADD_N of one": ("ADD_N", [one(1, np.float32)], None, {}, "at least 2 operands"),
    "ADD_N shapes": ("ADD_N", [Input([1.0], np.float32), Input([1.0, 2], np.float32)], None, {}, "has shape (2,)"),
    "ADD_N types": ("ADD_N", [one(1, np.float32), one(1, np.int32)], None, {}, "is INT32, expected FLOAT32"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, outputs, options, fragment = ERRORS[name]
    refused(single_op(op, operands, outputs, **options), fragment)


@pytest.mark.parametrize("version", [0, 7])
def test_versions(version: int) -> None:
    problem = single_op("ADD", [one(1, np.float32), Const([1.0], np.float32)], version=version)
    refused(problem, f"version {version} is not known")
