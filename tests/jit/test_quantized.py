"""Compiled operators on quantized tensors against the reference tier: every result is equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, out, single_op
from tests.jit.equal import check_compiled
from tests.jit.test_arithmetic import BROADCASTS, numbers

_TYPES = [np.int8, np.uint8, np.int16]


def zero(dtype: Any, rng: np.random.Generator) -> int:
    return 0 if dtype == np.int16 else int(rng.integers(-40, 40)) + (128 if dtype == np.uint8 else 0)


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM"])
def test_two_operands(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    if op in ("SQUARED_DIFFERENCE", "MAXIMUM") and dtype != np.int8:
        return
    for at, shapes in enumerate(BROADCASTS):
        scales = rng.uniform(0.02, 0.09, 3).astype(np.float32)
        if op in ("MUL", "SQUARED_DIFFERENCE"):
            scales[2] = scales[0] * scales[1] * rng.uniform(1, 300)
        if dtype == np.int16 and op == "MUL":
            scales[2] *= 200
        same = op == "MAXIMUM"
        operands = [
            Input(numbers(rng, dtype, shape), dtype, scale=scales[0 if same else which], zero_point=zero(dtype, rng))
            for which, shape in enumerate(shapes)
        ]
        activation = {} if op in ("SQUARED_DIFFERENCE", "MAXIMUM") else {
            "fused_activation_function": ["NONE", "RELU", "RELU6"][at % 3]
        }  # fmt: skip
        outputs = [out(dtype, scale=scales[2], zero_point=zero(dtype, rng))]
        kernels = None if op == "MAXIMUM" else ("quantized.", "tables.pairs", "words.")
        check_compiled(single_op(op, operands, outputs=outputs, **activation), kernels, threads=1 + at % 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
def test_all_pairs(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(2)
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)
    for at in range(12):
        scales = np.float32(10) ** rng.uniform(-3, 0, 3).astype(np.float32) if at > 2 else np.float32([0.5, 0.25, 0.5])
        if op == "ADD":
            scales[2] = max(scales[2], scales[0] * 1e-3)
        operands = [
            Input(values[:, None], dtype, scale=scales[0], zero_point=zero(dtype, rng)),
            Input(values, dtype, scale=scales[1], zero_point=zero(dtype, rng)),
        ]
        check_compiled(single_op(op, operands, outputs=[out(dtype, scale=scales[2], zero_point=zero(dtype, rng))]))


@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
def test_words(op: str) -> None:
    """All of one operand with the ends and the middle of the other; scales with and without ties, and to saturation."""
    a = np.arange(-(1 << 15), 1 << 15)[:, None]
    b = np.array([-32768, -32767, -12345, -1, 0, 1, 3, 20000, 32767])
    for first, second, total in (
        (3, 3, 6),
        (3, 3, 3),
        (3, 1.5, 12),
        (0.011, 0.02, 0.031),
        (0.3, 1e-4, 0.2),
        (1, 3, 700),
    ):
        scales = (first, second, total * (second * 20000 if op == "MUL" else 1))
        left, right = Input(a, np.int16, scale=scales[0]), Input(b, np.int16, scale=scales[1])
        for operands in ((left, right), (right, left)):
            check_compiled(single_op(op, operands, outputs=[out(np.int16, scale=scales[2])]), "words.")


@pytest.mark.parametrize("op", ["ADD", "SUB"])
def test_sums_on_halves(op: str) -> None:
    values = np.arange(-128, 128)
    for scales, zeros in (((0.5, 0.25, 0.5), (-11, 36, 69)), ((1, 1, 2), (0, 5, -9))):
        operands = [
            Input(shape, np.int8, scale=scale, zero_point=zero_point)
            for shape, scale, zero_point in zip((values[:, None], values), scales, zeros, strict=False)
        ]
        problem = single_op(op, operands, outputs=[out(np.int8, scale=scales[2], zero_point=zeros[2])])
        check_compiled(problem, "quantized.linear")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_requantization(dtype: Any) -> None:
    rng = np.random.default_rng(4)
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1)
    for scale in (0.7, 0.35, 0.1, 1.4, 0.0071, 91):
        operand = Input(values, dtype, scale=0.7, zero_point=zero(dtype, rng))
        outputs = [out(dtype, scale=np.float32(scale), zero_point=zero(dtype, rng))]
        check_compiled(single_op("QUANTIZE", [operand], outputs), ("quantized.linear", "tables.bytes", "slopes.bytes"))


@pytest.mark.parametrize("dtype", _TYPES)
def test_every_step_of_quantize(dtype: Any) -> None:
    """The numbers on both sides of where results step from one integer to the next."""
    rng = np.random.default_rng(5)
    for scale in (*rng.uniform(1e-3, 1, 6), 1 / 255, 2.0**-7, 1e-30, 3e30):
        reach = 300 if dtype != np.int16 else 33000
        steps = ((np.arange(-reach, reach) + 0.5) * np.float32(scale)).astype(np.float32)
        x = (steps.view(np.int32)[:, None] + np.arange(-2, 3, dtype=np.int32)).view(np.float32).ravel()
        outputs = [out(dtype, scale=np.float32(scale), zero_point=zero(dtype, rng))]
        check_compiled(single_op("QUANTIZE", [Input(x)], outputs), "affine.", threads=2)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 24, 25, 31, 32, 33, 100, 40000])
@pytest.mark.parametrize("dtype", _TYPES)
def test_quantize(dtype: Any, count: int) -> None:
    rng = np.random.default_rng(count)
    x = rng.normal(0, 3, count).astype(np.float32)
    special = np.array([np.nan, np.inf, -np.inf, 0.5, -0.5, 1.5, -1.5, 1e30, -1e30, 2147483520.0, 2.5], np.float32)
    x[: min(count, 11)] = special[: min(count, 11)]
    for scale, zero_point in ((1.0, 0), (0.05, zero(dtype, rng)), (1.0, -3 if dtype != np.uint8 else 255)):
        if dtype == np.int16:
            zero_point = 0
        check_compiled(
            single_op("QUANTIZE", [Input(x)], outputs=[out(dtype, scale=np.float32(scale), zero_point=zero_point)]),
            "affine.",
        )
        q = Input(numbers(rng, dtype, (count,)), dtype, scale=np.float32(scale), zero_point=zero_point)
        check_compiled(single_op("DEQUANTIZE", [q]), "affine.dequantize")
