"""Quantized activations under every numerics flavour.

litert-opt and xnnpack against the official kernel sets of those names, on all values of 8-bit and 16-bit types; tflm
and single-rounding against scalar models in plain Python.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, Problem, check, out, refused, run, single_op
from tests.numerics.test_arithmetic import OFFICIAL, rescale_once, rescale_twice
from tests.ops.values import every, pairs

RELUS = ["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"]
SCALES = [(0.05, 0.05), (0.1, 0.02), (0.003, 0.5), (1.0, 0.01), (2.0**-7, 2.0**-5), (0.0712, 0.0713)]


def unary(op: str, dtype: Any, scale: float, output_scale: float, zero_point: int = 0, **options: Any) -> Problem:
    """Every value of a type and 3 more, so that blocks of vector lanes leave elements over."""
    x = np.concatenate([every(dtype), every(dtype)[[5, 100, 200]]])
    wide = dtype == np.int16
    if wide:
        scale, output_scale = scale / 256, output_scale / 256
    zero_point = 0 if wide else int(np.iinfo(dtype).max) - 100 + zero_point
    declared = out(dtype, scale=output_scale, zero_point=0 if wide else zero_point + 7, shape=x.shape)
    return single_op(op, [Input(x, scale=scale, zero_point=zero_point)], [declared], **options)


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_relus(flavour: str, resolver: str, dtype: Any, scales: tuple[float, float]) -> None:
    for op in RELUS[:2] if dtype == np.int16 else RELUS:
        check(unary(op, dtype, *scales), resolver=resolver, numerics=flavour)


ALPHAS = [0.2, 0.01, 3.0, 0.0, -0.3, -5.0, 1.0, 1e-39, 0.00391, 0.0039]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_leaky_relu(flavour: str, resolver: str, dtype: Any, alpha: float) -> None:
    """Both sides of the delegate's limits: 1/256 and 128 for the scale, the same for its product with alpha."""
    random = np.exp(np.random.default_rng(0).uniform(-7, 7, 12))
    for ratio in [1.0, 0.5, 1 / 256, 0.9999 / 256, 128.0, 128.01, 42.6, 42.7, 640.0, *random]:
        problem = unary("LEAKY_RELU", dtype, 0.05, float(np.float32(0.05) / np.float32(ratio)), alpha=alpha)
        check(problem, resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("scales", [(0.05, 0.01, 0.05), (1.0, 0.5, 0.02), (0.003, 2.0, 0.1)])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_prelu(flavour: str, resolver: str, dtype: Any, scales: tuple[float, float, float]) -> None:
    problem = wide_prelu(scales) if dtype == np.int16 else prelu(dtype, scales)
    check(problem, resolver=resolver, numerics=flavour)


def prelu(dtype: Any, scales: tuple[float, float, float]) -> Problem:
    x, alpha = pairs(every(dtype))
    zero = int(every(dtype)[120])
    operands = [Input(x, scale=scales[0], zero_point=zero), Input(alpha, scale=scales[1], zero_point=zero - 20)]
    return single_op("PRELU", operands, [out(dtype, scale=scales[2], zero_point=zero + 20, shape=x.shape)])


CURVES: list[tuple[str, Any, dict[str, Any]]] = [
    *[("HARD_SWISH", dtype, {}) for dtype in (np.int8, np.uint8)],
    *[("TANH", dtype, {}) for dtype in (np.int8, np.uint8)],
    ("ELU", np.int8, {}),
    *[("GELU", dtype, {"approximate": a}) for dtype in (np.int8, np.uint8, np.int16) for a in (False, True)],
]


@pytest.mark.parametrize(("op", "dtype", "options"), CURVES)
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_curves(flavour: str, resolver: str, op: str, dtype: Any, options: dict[str, Any]) -> None:
    random = np.exp(np.random.default_rng(0).uniform(-5, 0, (20, 2)))
    # Samples of int16 GELU are as good as the erfcf of the machine's C library, which on other scales shows.
    for scale, output_scale in [*SCALES, *([] if dtype == np.int16 else random.tolist())]:
        if op == "HARD_SWISH":
            output_scale = max(output_scale, scale / 100)
        problem = unary(op, dtype, scale, output_scale, zero_point=-20, **options)
        check(problem, resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_logistic(flavour: str, resolver: str, dtype: Any) -> None:
    low = int(np.iinfo(dtype).min)
    x = np.concatenate([every(dtype), every(dtype)[:3]])
    for scale in [0.05, 0.1, 1.0, *np.exp(np.random.default_rng(0).uniform(-5, 0, 30)).tolist()]:
        operand = Input(x, scale=scale, zero_point=low + 120)
        declared = out(dtype, scale=1 / 256, zero_point=low, shape=x.shape)
        check(single_op("LOGISTIC", [operand], [declared]), resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale", [2.0**-12, 2.0**-11, 2.0**-10, 1e-4, 0.0011])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_curves_of_16_bits(flavour: str, resolver: str, op: str, scale: float) -> None:
    operand = Input(every(np.int16), scale=scale, zero_point=0)
    problem = single_op(op, [operand], [out(np.int16, scale=1 / 32768, zero_point=0)])
    check(problem, resolver=resolver, numerics=flavour)


# Scalar models -------------------------------------------------------------------------------------------------------


def ratio(*scales: float) -> float:
    """scales[0] * scales[1] ... / scales[-1] in float32."""
    product = np.float32(1)
    for scale in scales[:-1]:
        product *= np.float32(scale)
    return float(product / np.float32(scales[-1]))


def clip(x: int, dtype: Any) -> int:
    return max(int(np.iinfo(dtype).min), min(int(np.iinfo(dtype).max), x))


LIBRARIES = {"tflm": rescale_twice, "single-rounding": rescale_once}
BOUNDS = {"RELU": (0, None), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1), "RELU_0_TO_1": (0, 1)}
LINEAR = [
    *[("RELU", dtype, flavour) for dtype in (np.int8, np.int16) for flavour in LIBRARIES],
    *[("LEAKY_RELU", dtype, flavour) for dtype in (np.int8, np.int16) for flavour in LIBRARIES],
    *[(op, np.uint8, "single-rounding") for op in (*BOUNDS, "LEAKY_RELU")],
    *[(op, np.int8, "single-rounding") for op in list(BOUNDS)[1:]],
    ("RELU6", np.int16, "single-rounding"),
]


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize(("op", "dtype", "flavour"), LINEAR)
def test_relu_and_leaky_relu_of_kernel_libraries(
    op: str, dtype: Any, flavour: str, scales: tuple[float, float]
) -> None:
    rescale = LIBRARIES[flavour]
    options = {"alpha": 0.3} if op == "LEAKY_RELU" else {}
    problem = unary(op, dtype, *scales, **options)
    wide = dtype == np.int16
    zero, shift = (0, 0) if wide else (int(np.iinfo(dtype).max) - 100, 7)
    x_scale, y_scale = (np.float32(scale / 256 if wide else scale) for scale in scales)
    real, sloped = ratio(x_scale, y_scale), ratio(x_scale, 0.3, y_scale)
    low, high = (
        None if bound is None else nearest(np.float32(bound) / y_scale) for bound in BOUNDS.get(op, (None,) * 2)
    )
    expected = []
    for q in problem.inputs[0].tolist()[:: 61 if wide else 1]:
        steps = rescale(q - zero, sloped if op == "LEAKY_RELU" and q < zero else real)
        steps = steps if low is None else max(steps, low)
        steps = steps if high is None else min(steps, high)
        expected.append(clip(steps + zero + shift, dtype))
    assert run(problem, numerics=flavour)[0].tolist()[:: 61 if wide else 1] == expected


def nearest(x: Any) -> int:
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), x))


@pytest.mark.parametrize(
    ("dtype", "flavour"),
    [(np.int8, "single-rounding"), (np.int8, "tflm"), (np.uint8, "single-rounding"), (np.int16, "single-rounding")],
)
@pytest.mark.parametrize("scales", [(0.05, 0.01, 0.05), (1.0, 0.5, 0.02), (0.0712, 0.0313, 0.0017)])
def test_prelu_models(scales: tuple[float, float, float], dtype: Any, flavour: str) -> None:
    """tflite-micro divides the scales in double precision."""
    wide = dtype == np.int16
    zero = 0 if wide else int(every(dtype)[120])
    alpha_zero = 0 if wide else zero - 20
    rescale = LIBRARIES[flavour]
    if flavour == "tflm":
        s = [float(np.float32(scale)) for scale in scales]
        real, sloped = s[0] / s[2], s[0] * s[1] / s[2]
    else:
        real, sloped = ratio(scales[0], scales[2]), ratio(*scales)
    problem = wide_prelu(scales) if wide else prelu(dtype, scales)
    expected = []
    for q, alpha in zip(*(x[::3].tolist() for x in problem.inputs), strict=True):
        v = q - zero
        steps = rescale(v, real) if v >= 0 else rescale(v * (alpha - alpha_zero), sloped)
        expected.append(clip(steps + (0 if wide else zero + 20), dtype))
    assert run(problem, numerics=flavour)[0][::3].tolist() == expected


def wide_prelu(scales: tuple[float, float, float]) -> Problem:
    """INT16 with slopes of INT8."""
    x, alpha = pairs(every(np.int16)[::331])
    operands = [Input(x, scale=scales[0]), Input((alpha >> 8).astype(np.int8), scale=scales[1])]
    return single_op("PRELU", operands, [out(np.int16, scale=scales[2], shape=x.shape)])


def test_elu_of_tflm() -> None:
    """exp(x) - 1 in float32 where LiteRT has expm1."""
    scale, output_scale = np.float32(0.011), np.float32(0.0071)
    expected = []
    for q in range(-128, 128):
        x = scale * np.float32(q - 20)
        y = np.float32(math.exp(x)) - np.float32(1) if x < 0 else x
        steps = y * (np.float32(1) / output_scale)
        expected.append(clip(int(math.copysign(math.floor(abs(steps) + 0.5), steps)) + 5, np.int8))
    operand = Input(every(np.int8), scale=scale, zero_point=20)
    problem = single_op("ELU", [operand], [out(np.int8, scale=output_scale, zero_point=5)])
    assert run(problem, numerics="tflm")[0].tolist() == expected


@pytest.mark.parametrize(("op", "steps", "zero"), [("LOGISTIC", 256, -128), ("TANH", 128, 0)])
@pytest.mark.parametrize("scale", [0.05, 0.003, 0.12, 1.0])
def test_curves_of_tflm(op: str, steps: int, zero: int, scale: float) -> None:
    """Fixed point of 31 bits: the nearest step wherever the real function is not almost a tie, saturated from 15 on."""
    function = math.tanh if op == "TANH" else lambda x: 1 / (1 + math.exp(-x))
    problem = single_op(
        op,
        [Input(every(np.int8), scale=scale, zero_point=-9)],
        [out(np.int8, scale=1 / steps, zero_point=zero)],
    )
    result = run(problem, numerics="tflm")[0].tolist()
    for q, actual in zip(range(-128, 128), result, strict=True):
        x = float(np.float32(scale)) * (q + 9)
        exact = function(x) * steps + zero
        if abs(x) > 15.5:
            assert actual == (127 if x > 0 else -128)
        elif abs(exact - math.floor(exact) - 0.5) > 1e-4:
            assert actual == clip(round(exact), np.int8)


REFUSED = [
    ("RELU6", np.int8, {}),
    ("RELU", np.uint8, {}),
    ("LEAKY_RELU", np.uint8, {"alpha": 0.1}),
    ("HARD_SWISH", np.uint8, {}),
    ("GELU", np.int8, {"approximate": False}),
    ("TANH", np.uint8, {}),
]


@pytest.mark.parametrize(("op", "dtype", "options"), REFUSED)
def test_not_in_tflm(op: str, dtype: Any, options: dict[str, Any]) -> None:
    problem = unary(op, dtype, 0.1, 0.1, **options)
    refused(problem, f"numerics 'tflm' is not established for {op} of {np.dtype(dtype).name.upper()}", numerics="tflm")
    floats = single_op(op, [Input([1.0, -2.0], np.float32)], **options)
    assert run(floats, numerics="tflm")[0].shape == (2,)
