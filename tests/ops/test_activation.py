"""RELU and its kin, LEAKY_RELU, PRELU, HARD_SWISH, TANH, LOGISTIC, ELU, GELU against the official reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.values import edges, every, filled

RELUS = ["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"]
FLOATS: list[tuple[str, dict[str, Any], Any, int, float]] = [
    *[(op, {}, np.float32, 0, 0.0) for op in RELUS],
    *[("LEAKY_RELU", {"alpha": alpha}, np.float32, 0, 0.0) for alpha in (0.2, 0.0, -0.3, 3.0)],
    ("HARD_SWISH", {}, np.float32, 1, 0.0),
    ("ELU", {}, np.float32, 2, 0.0),
    *[(op, {}, dtype, 2, 0.0) for op in ("TANH", "LOGISTIC") for dtype in (np.float32, np.float16)],
    # The official erf cancels in the negative tail; ours, by erfc, does not.
    *[("GELU", {"approximate": approximate}, np.float32, 4, 5e-7) for approximate in (False, True)],
    *[("GELU", {"approximate": approximate}, np.float16, 2, 1e-3) for approximate in (False, True)],
]
"""Operator, options, dtype, ULP, absolute tolerance."""
QUANTIZED: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    *[(op, {}, (np.int8, np.uint8, np.int16)) for op in RELUS[:2]],
    *[(op, {}, (np.int8, np.uint8)) for op in RELUS[2:]],
    *[("LEAKY_RELU", {"alpha": alpha}, (np.int8, np.uint8, np.int16)) for alpha in (0.2, 0.0, -0.3, 3.0)],
    ("HARD_SWISH", {}, (np.int8, np.uint8)),
    ("TANH", {}, (np.int8, np.uint8)),
    ("ELU", {}, (np.int8,)),
    *[("GELU", {"approximate": approximate}, (np.int8, np.uint8, np.int16)) for approximate in (False, True)],
]
SCALES = [(0.05, 0.05), (0.1, 0.02), (0.003, 0.5), (1.0, 0.01), (2.0**-7, 2.0**-5)]
"""Of input and output; those of int16 tensors are divided by 256."""


def quantized(
    op: str, dtype: Any, scale: float, output_scale: float, output_zero_point: int, **options: Any
) -> Problem:
    """All values of a quantized type through an operator."""
    if np.dtype(dtype).itemsize == 2:
        scale, zero_point, output_scale, output_zero_point = scale / 256, 0, output_scale / 256, 0
    else:
        zero_point = int(np.iinfo(dtype).max) - 100
    x = Input(every(dtype), scale=scale, zero_point=zero_point)
    return single_op(op, [x], [out(dtype, scale=output_scale, zero_point=output_zero_point)], **options)


@pytest.mark.parametrize(("op", "options", "dtype", "ulp", "atol"), FLOATS)
def test_floats(op: str, options: dict[str, Any], dtype: Any, ulp: int, atol: float) -> None:
    x = np.concatenate([edges(dtype), np.random.default_rng(0).normal(0, 4, 300).astype(dtype)])
    with np.errstate(all="ignore"):
        check(single_op(op, [Input(x)], [out(dtype)], **options), ulp=ulp, atol=atol)


@pytest.mark.parametrize("shape", [(), (0,), (1, 1), (2, 0, 3), (1, 2, 1, 3, 1, 2)])
@pytest.mark.parametrize("op", ["RELU", "HARD_SWISH", "TANH", "GELU"])
def test_shapes(op: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(0, 4, shape)
    check(single_op(op, [Input(x, np.float32)]), ulp=2, atol=1e-6)
    q = filled(shape, np.int8)
    check(single_op(op, [Input(q, scale=0.05, zero_point=3)], [out(np.int8, scale=0.02, zero_point=-5)]))


@pytest.mark.parametrize(
    ("op", "options", "dtype"), [(op, options, dtype) for op, options, dtypes in QUANTIZED for dtype in dtypes]
)
@pytest.mark.parametrize("scales", SCALES)
def test_quantized(op: str, options: dict[str, Any], dtype: Any, scales: tuple[float, float]) -> None:
    scale, output_scale = scales
    if op == "HARD_SWISH":
        output_scale = max(output_scale, scale / 100)
    check(quantized(op, dtype, scale, output_scale, 20, **options))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("scale", [0.05, 0.01, 0.3, 5.0])
def test_logistic_8_bits(dtype: Any, scale: float) -> None:
    zero_point = int(np.iinfo(dtype).min)
    check(quantized("LOGISTIC", dtype, scale, 1 / 256, zero_point))
    check(quantized("LOGISTIC", dtype, scale, 0.01, zero_point))


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale", [2**-12, 2**-11, 2**-13, 3e-4, 1e-5, 0.01, 1.0, 3.0])
@pytest.mark.parametrize(("resolver", "numerics"), [("ref", "litert-ref"), ("opt", "litert-opt")])
def test_curves_16_bits(op: str, scale: float, resolver: str, numerics: str) -> None:
    x = Input(every(np.int16), scale=scale, zero_point=0)
    problem = single_op(op, [x], [out(np.int16, scale=1 / 32768, zero_point=0)])
    check(problem, resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("op", ["RELU", "RELU6", "LEAKY_RELU"])
def test_quotient_of_scales_beyond_float32(op: str) -> None:
    check(quantized(op, np.int16, 2e-4, 3.6e-43, 0))


def test_relu_bound_beyond_int32() -> None:
    check(quantized("RELU6", np.int16, 1e-3, 1e-40, 0))


def test_relu6_ignores_the_declared_shape() -> None:
    """tensorflow#62159: the file declares an output smaller than the input."""
    check(single_op("RELU6", [Input(edges(np.float32))], [out(shape=(2,))]))


PRELU_SHAPES = [
    ((4, 3), (3,)),
    ((2, 4, 3), (1, 1, 3)),
    ((2, 4, 3), (2, 4, 3)),
    ((1, 2, 2, 3), (1, 1, 1)),
    ((0, 3), (3,)),
]


@pytest.mark.parametrize(("shape", "alpha_shape"), PRELU_SHAPES)
def test_prelu_floats(shape: tuple[int, ...], alpha_shape: tuple[int, ...]) -> None:
    alpha = np.random.default_rng(1).normal(size=alpha_shape).astype(np.float32)
    check(single_op("PRELU", [Input(filled(shape, np.float32)), Const(alpha)]))
    check(single_op("PRELU", [Input(filled(shape, np.float32)), Input(alpha)]))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("scales", [(0.05, 0.01, 0.05), (1.0, 0.5, 0.02), (0.003, 2.0, 0.1)])
def test_prelu_all_pairs(dtype: Any, scales: tuple[float, float, float]) -> None:
    scale, alpha_scale, output_scale = scales
    values = every(dtype)
    x = Input(np.repeat(values, 256).reshape(256, 256), scale=scale, zero_point=int(values[120]))
    alpha = Const(values, scale=alpha_scale, zero_point=int(values[100]))
    check(single_op("PRELU", [x, alpha], [out(dtype, scale=output_scale, zero_point=int(values[140]))]))


def test_prelu_16_bits() -> None:
    x = Input(np.stack([every(np.int16)] * 3, axis=-1), scale=0.01, zero_point=0)
    alpha = Const([-128, 5, 127], np.int8, scale=0.02, zero_point=3)
    check(single_op("PRELU", [x, alpha], [out(np.int16, scale=0.03, zero_point=0)]))


_X = Input([[1.0, -2.0]], np.float32)
_Q8 = Input([[1, -2]], np.int8, scale=0.1, zero_point=0)
_Q16 = Input([[1, -2]], np.int16, scale=0.1, zero_point=0)
_SCALED = {"scale": 0.1, "zero_point": 0}
REFUSED: list[Any] = [
    pytest.param("RELU", [Input([1], np.int32)], None, {}, "is INT32, expected FLOAT32 or UINT8 or", id="int32"),
    pytest.param("RELU", [_X], [out(np.int8, **_SCALED)], {}, "is INT8, expected FLOAT32", id="output-type"),
    pytest.param("RELU_0_TO_1", [_Q16], None, {}, "is INT16, expected", id="int16"),
    pytest.param("RELU", [None], None, {}, "operand 'input' is missing", id="CVE-2020-15211"),
    pytest.param("RELU", [Input([1], np.int8)], None, {}, "has no quantization parameters", id="CVE-2021-37682-relu"),
    pytest.param("TANH", [Input([1], np.int8)], None, {}, "has no quantization parameters", id="CVE-2021-37682-tanh"),
    pytest.param(
        "RELU",
        [Input([1], np.int16, scale=0.1, zero_point=4)],
        None,
        {},
        "has zero point 4, RELU needs 0",
        id="relu-zero-point",
    ),
    pytest.param(
        "LEAKY_RELU",
        [_Q16],
        [out(np.int16, scale=0.1, zero_point=-3)],
        {"alpha": 0.1},
        "has zero point -3, LEAKY_RELU needs 0",
        id="leaky-zero-point",
    ),
    pytest.param("LEAKY_RELU", [_X], None, {"alpha": np.inf}, "alpha is inf, expected a finite number", id="alpha"),
    pytest.param(
        "PRELU",
        [_X, Const([[1.0, 2.0, 3.0]], np.float32)],
        None,
        {},
        "(1, 2) and (1, 3) do not broadcast",
        id="prelu-shapes",
    ),
    pytest.param(
        "PRELU",
        [_X, Input([[1.0], [2.0]], np.float32)],
        None,
        {},
        "alpha of shape (2, 1) does not broadcast to input of shape (1, 2)",
        id="prelu-larger",
    ),
    pytest.param(
        "PRELU", [_Q16, Const([1, 2], np.int16, **_SCALED)], None, {}, "is INT16, expected INT8", id="prelu-alpha-type"
    ),
    pytest.param(
        "HARD_SWISH",
        [_Q8],
        [out(np.int8, scale=1e-4, zero_point=0)],
        {},
        "is more than 128 times the output scale",
        id="hard-swish-scale",
    ),
    pytest.param("LOGISTIC", [_Q16], None, {}, "expected 1/32768", id="logistic-scale-16"),
    pytest.param("TANH", [_Q16], None, {}, "output scale is 0.1", id="tanh-scale"),
    pytest.param(
        "TANH",
        [Input([1], np.int16, scale=0.1, zero_point=1)],
        [out(np.int16, scale=1 / 32768, zero_point=0)],
        {},
        "has zero point 1, TANH needs 0",
        id="tanh-zero-point",
    ),
    pytest.param(
        "ELU", [Input([1], np.uint8, **_SCALED)], None, {}, "is UINT8, expected FLOAT32 or INT8", id="elu-type"
    ),
]


OFFICIALLY_ACCEPTED = {
    "has no quantization parameters",
    "alpha is inf, expected a finite number",
    "is INT16, expected INT8",
}
"""Refused here only: the official kernels read what is not there, or compute garbage."""


@pytest.mark.parametrize(("op", "operands", "outputs", "options", "fragment"), REFUSED)
def test_refused(op: str, operands: Any, outputs: Any, options: dict[str, Any], fragment: str) -> None:
    refused(single_op(op, operands, outputs, **options), fragment, official_too=fragment not in OFFICIALLY_ACCEPTED)


def test_bfloat16() -> None:
    dtype = pytest.importorskip("ml_dtypes").bfloat16
    x = np.random.default_rng(0).normal(0, 4, 300).astype(dtype)
    for op in ("TANH", "LOGISTIC"):
        check(single_op(op, [Input(x)], [out(TensorType.BFLOAT16)]), ulp=1)
