"""Compiled functions of one tensor against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, out, refused, single_op
from tests.jit.equal import check_compiled

EXACT = [
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "RELU_0_TO_1",
    "LEAKY_RELU",
    "SQRT",
    "ABS",
    "NEG",
    "SQUARE",
    "FLOOR",
    "CEIL",
    "ROUND",
]
CURVES = {
    # op: units in the last place, and an absolute error where the formula itself cancels
    "LOGISTIC": (4, 1e-37),
    "TANH": (4, 0.0),
    "EXP": (2, 0.0),
    "LOG": (2, 0.0),
    "ELU": (4, 0.0),
    "HARD_SWISH": (1, 0.0),
    "RSQRT": (1, 0.0),
    "GELU": (8, 1e-6),
}
SPECIAL = np.array(
    [0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, 88.6, 88.8, -87.5, -103.9],
    np.float32,
)  # fmt: skip


def samples(count: int, positive: bool) -> np.ndarray:
    rng = np.random.default_rng(count)
    x = rng.normal(0, 4, count).astype(np.float32)
    x[: SPECIAL.size] = SPECIAL[:count]
    return np.abs(x) if positive else x


@pytest.mark.parametrize("op", [*EXACT, *CURVES])
def test_floats(op: str) -> None:
    ulp, atol = CURVES.get(op, (0, 0.0))
    variants: list[dict[str, Any]] = [{"approximate": True}, {"approximate": False}] if op == "GELU" else [{}]
    if op == "LEAKY_RELU":
        variants = [{"alpha": 0.2}, {"alpha": -1.5}]
    for options in variants:
        for at, count in enumerate((*range(1, 18), 33, 20001)):
            x = samples(count, op in ("SQRT", "RSQRT"))
            check_compiled(single_op(op, [Input(x)], **options), "pointwise.", ulp=ulp, atol=atol, threads=1 + at % 2)


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH", "EXP", "LOG", "ELU"])
def test_whole_range(op: str) -> None:
    ulp, atol = CURVES[op]
    x = np.concatenate([np.linspace(-110, 100, 40000), np.linspace(-2, 2, 40000), np.geomspace(1e-40, 1e38, 8000)])
    check_compiled(single_op(op, [Input(x.astype(np.float32))]), "pointwise.", ulp=ulp, atol=atol)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize(
    "op", ["LOGISTIC", "TANH", "HARD_SWISH", "RELU", "RELU6", "LEAKY_RELU", "GELU", "ELU", "EXP", "ABS"]
)
def test_quantized(op: str, dtype: Any) -> None:
    if (op in ("ELU", "EXP", "ABS") and dtype == np.uint8) or (op in ("ELU", "HARD_SWISH") and dtype == np.int16):
        return
    info = np.iinfo(dtype)
    is_word = dtype == np.int16
    zero_point = 0 if is_word else 3 + (128 if dtype == np.uint8 else 0)
    curve = op in ("LOGISTIC", "TANH")
    output = {
        "scale": np.float32(1 / 32768 if is_word else 1 / 256 if op == "LOGISTIC" else 1 / 128) if curve else 0.04,
        "zero_point": zero_point if not curve or is_word else info.min if op == "LOGISTIC" else info.min + 128,
    }
    rng = np.random.default_rng(0)
    for count in (1, 5, 31, 32, 33, 256, 1000, 40000):
        x = rng.integers(info.min, info.max + 1, count).astype(dtype)
        if count >= 256:
            x[:256] = np.linspace(info.min, info.max, 256).astype(dtype)
        scale = np.float32(0.001 if is_word else 0.05)
        problem = single_op(op, [Input(x, dtype, scale=scale, zero_point=zero_point)], outputs=[out(dtype, **output)])
        kernels = ("tables.", "slopes.bytes") if op == "LEAKY_RELU" else "tables."
        check_compiled(problem, None if is_word and count < 256 else kernels, threads=1 + count % 2)


@pytest.mark.parametrize("op", ["SIN", "COS"])
def test_turns(op: str) -> None:
    multiples = np.arange(1, 20000) * (np.pi / 2)
    x = np.concatenate([np.linspace(-30, 30, 20000), multiples, np.geomspace(1e-40, 2e9, 8000)]).astype(np.float32)
    check_compiled(single_op(op, [Input(x)]), "trigonometry.", ulp=1)
    large = np.concatenate([np.geomspace(1e9, 3.4e38, 3000), -np.geomspace(1e9, 3.4e38, 300), SPECIAL])
    check_compiled(single_op(op, [Input(large.astype(np.float32))]), "trigonometry.", ulp=1)
    for count in range(1, 18):
        check_compiled(single_op(op, [Input(x[-count:])]), "trigonometry.", ulp=1)


@pytest.mark.parametrize("exponent", [1, 2, 3, 4, 7, 10, 31])
def test_powers(exponent: int) -> None:
    for count in (2, 7, 18, 5000):
        problem = single_op("POW", [Input(samples(count, False)), Const(np.array(exponent, np.float32))])
        check_compiled(problem, "pointwise.power")


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("op", ["SQRT", "RSQRT"])
def test_roots_of_integers(op: str, dtype: Any) -> None:
    zero_point = 0 if dtype == np.int16 else -20
    x = np.random.default_rng(0).integers(zero_point, np.iinfo(dtype).max + 1, 1000).astype(dtype)
    outputs = [out(dtype, scale=0.03, zero_point=0 if dtype == np.int16 else 7)]
    check_compiled(single_op(op, [Input(x, dtype, scale=0.01, zero_point=zero_point)], outputs), "tables.refuse_")
    x[500] = zero_point - 1
    problem = single_op(op, [Input(x, dtype, scale=0.01, zero_point=zero_point)], outputs)
    refused(problem, "below zero", experimental_op_resolver_type=OpResolverType.AUTO)
