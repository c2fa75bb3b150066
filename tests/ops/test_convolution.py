"""CONV_2D and DEPTHWISE_CONV_2D against the official reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.reference import convolution
from litejit.schema import TensorType
from litejit.testing import Const, Input, check, out, refused, run, single_op
from tests.ops.products import KINDS, Operands, integers, operands, refused_by_both

CONVOLUTIONS = {
    "1x1": ((2, 5, 4, 8), (6, 1, 1, 8), {}),
    "1x1-stride": ((1, 5, 6, 3), (4, 1, 1, 3), {"stride_h": 2, "stride_w": 3}),
    "same": ((1, 7, 6, 5), (4, 3, 3, 5), {}),
    "same-even": ((2, 7, 6, 5), (4, 2, 4, 5), {}),
    "same-stride": ((1, 9, 8, 3), (8, 3, 5, 3), {"stride_h": 2, "stride_w": 3}),
    "valid": ((3, 9, 8, 2), (3, 4, 2, 2), {"padding": "VALID", "stride_w": 2}),
    "dilated-same": ((1, 9, 10, 4), (5, 3, 3, 4), {"dilation_h_factor": 2, "dilation_w_factor": 3}),
    "dilated-valid": (
        (1, 9, 10, 4),
        (5, 3, 2, 4),
        {"padding": "VALID", "dilation_h_factor": 2, "dilation_w_factor": 4},
    ),
    "filter-over-image": ((1, 2, 3, 4), (2, 5, 7, 4), {}),
    "nothing-valid": ((1, 2, 2, 3), (2, 3, 3, 3), {"padding": "VALID"}),
    "one-pixel": ((1, 1, 1, 16), (3, 3, 3, 16), {}),
    "deep": ((1, 3, 3, 600), (2, 3, 3, 600), {"padding": "VALID"}),
}
GROUPED = {
    "groups": ((1, 6, 5, 6), (8, 3, 3, 3), {"stride_h": 2}),
    "every-channel": ((2, 5, 5, 4), (8, 3, 2, 1), {"padding": "VALID"}),
}
DEPTHWISE = {
    "same": ((1, 7, 6, 5), (1, 3, 3, 5), {}),
    "stride": ((2, 8, 9, 4), (1, 3, 5, 4), {"stride_h": 2, "stride_w": 2}),
    "valid": ((1, 8, 9, 3), (1, 4, 2, 3), {"padding": "VALID", "stride_w": 3}),
    "dilated": ((1, 9, 9, 8), (1, 3, 3, 8), {"dilation_h_factor": 2, "dilation_w_factor": 3}),
    "multiplier": ((2, 5, 6, 3), (1, 3, 3, 12), {"depth_multiplier": 4}),
    "one-channel": ((1, 6, 6, 1), (1, 3, 3, 8), {"depth_multiplier": 8}),
    "filter-over-image": ((1, 2, 2, 3), (1, 5, 4, 3), {}),
    "nothing-valid": ((1, 2, 2, 3), (1, 3, 3, 3), {"padding": "VALID"}),
}
CONVOLUTION_KINDS = list(KINDS)
DEPTHWISE_KINDS = [name for name in KINDS if name not in ("int16-int32", "hybrid", "hybrid-int4")]
ACTIVATIONS = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"]


def convolve(op: str, values: Operands, options: dict[str, Any], **keywords: Any) -> list[np.ndarray]:
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, **options}
    problem = single_op(op, [values.input, values.weights, values.bias], outputs=values.outputs, **options)
    return check(problem, atol=values.atol, **keywords)


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("kind", CONVOLUTION_KINDS)
def test_convolution(kind: str, case: str) -> None:
    input_shape, filter_shape, options = CONVOLUTIONS[case]
    values = operands(KINDS[kind], input_shape, filter_shape, channel_axis=0)
    convolve("CONV_2D", values, {**options, **KINDS[kind].options})


@pytest.mark.parametrize("case", GROUPED)
@pytest.mark.parametrize(
    "kind", ["float", "uint8", "int8-channels", "int8-int4", "int16", "int16-int32", "hybrid-channels"]
)
def test_groups(kind: str, case: str) -> None:
    input_shape, filter_shape, options = GROUPED[case]
    values = operands(KINDS[kind], input_shape, filter_shape, channel_axis=0)
    convolve("CONV_2D", values, {**options, **KINDS[kind].options})


@pytest.mark.parametrize("case", DEPTHWISE)
@pytest.mark.parametrize("kind", DEPTHWISE_KINDS)
def test_depthwise(kind: str, case: str) -> None:
    input_shape, filter_shape, options = DEPTHWISE[case]
    values = operands(KINDS[kind], input_shape, filter_shape, channel_axis=3)
    convolve("DEPTHWISE_CONV_2D", values, options)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "kind", ["float", "uint8", "int8-channels", "int16", "int16-int32", "hybrid", "hybrid-channels"]
)
def test_activation(kind: str, activation: str) -> None:
    values = operands(KINDS[kind], (1, 5, 5, 3), (8, 3, 3, 3), channel_axis=0)
    convolve("CONV_2D", values, {"fused_activation_function": activation, **KINDS[kind].options})
    if kind in DEPTHWISE_KINDS:
        values = operands(KINDS[kind], (1, 5, 5, 3), (1, 3, 3, 3), channel_axis=3)
        convolve("DEPTHWISE_CONV_2D", values, {"fused_activation_function": activation})


@pytest.mark.parametrize("kind", ["float", "uint8", "int8-channels", "hybrid-channels"])
def test_weights_from_the_graph(kind: str) -> None:
    values = operands(KINDS[kind], (1, 5, 5, 3), (4, 3, 3, 3), channel_axis=0, constant=False)
    convolve("CONV_2D", values, {})
    values = operands(KINDS[kind], (1, 5, 5, 4), (1, 3, 3, 4), channel_axis=3, constant=False)
    convolve("DEPTHWISE_CONV_2D", values, {})


@pytest.mark.parametrize("kind", ["float", "int8-channels", "hybrid-channels"])
def test_small_boxes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "PATCH_ELEMENTS", 100)
    monkeypatch.setattr(convolution, "TAP_ELEMENTS", 30)
    convolve("CONV_2D", operands(KINDS[kind], (3, 7, 6, 5), (4, 3, 3, 5), channel_axis=0), {})
    convolve("DEPTHWISE_CONV_2D", operands(KINDS[kind], (3, 7, 6, 5), (1, 3, 3, 5), channel_axis=3), {})


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16])
@pytest.mark.parametrize("scale", [2.0**-30, 0.003, 0.9, 3.7, 200.0])
def test_every_size_of_multiplier(dtype: Any, scale: float) -> None:
    x = integers((1, 16, 16, 4), dtype, 3)
    filter = integers((8, 1, 1, 4), dtype if dtype == np.uint8 else np.int8, 4)
    bias = Const(np.arange(8), np.int64 if dtype == np.int16 else np.int32, scale=scale)
    operands = [Input(x, scale=1.0), Const(filter, scale=scale), bias]
    check(single_op("CONV_2D", operands, outputs=[out(dtype, scale=1.0)], stride_h=1, stride_w=1))


def test_int32_sums_wrap() -> None:
    x, filter = np.full((1, 1, 1, 2048), -32768, np.int16), np.full((2, 1, 1, 2048), -128, np.int8)
    bias = Const([5, 2**31 - 1], np.int32, scale=1e-4)
    operands = [Input(x, scale=0.01), Const(filter, scale=0.01), bias]
    options = {"stride_h": 1, "stride_w": 1, "quantized_bias_type": TensorType.INT32}
    check(single_op("CONV_2D", operands, outputs=[out(np.int16, scale=300.0)], **options))


def test_sums_beyond_float32_are_exact() -> None:
    x, filter = np.full((1, 3, 3, 600), -128, np.int8), np.full((1, 3, 3, 600), 127, np.int8)
    filter[0, 1, 1, 1::2] = 126
    operands = [Input(x, scale=1.0, zero_point=127), Const(filter, scale=1.0), Const([1], np.int32)]
    problem = single_op(
        "CONV_2D", operands, outputs=[out(np.int8, scale=2.0**21)], stride_h=1, stride_w=1, padding="VALID"
    )
    check(problem)


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_dead_channels_have_scale_0(op: str) -> None:
    filter = np.zeros((4, 1, 1, 4) if op == "CONV_2D" else (1, 1, 1, 4), np.int8)
    axis = 0 if op == "CONV_2D" else 3
    weights = Const(filter, scale=[0.0, 0.1, 0.0, 0.2], quantized_dimension=axis)
    bias = Const([7, 8, 9, 10], np.int32, scale=[0.0, 0.05, 0.0, 0.1])
    x = Input(integers((1, 3, 3, 4), np.int8, 0), scale=0.5)
    check(single_op(op, [x, weights, bias], outputs=[out(np.int8, scale=0.3)], stride_h=1, stride_w=1))


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_int16_filters_are_read_as_bytes(op: str) -> None:
    filter = integers((4, 3, 3, 4) if op == "CONV_2D" else (1, 3, 3, 4), np.int16, 1)
    x = Input(integers((1, 6, 5, 4), np.int16, 2), scale=0.01)
    operands = [x, Const(filter, scale=0.02), Const(np.arange(4), np.int64, scale=2e-4)]
    check(single_op(op, operands, outputs=[out(np.int16, scale=0.1)], stride_h=1, stride_w=1))


def test_float_specials() -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38, -3e38], np.float32).reshape(1, 2, 4, 1)
    operands = [Input(x), Const(np.array([1, -1, 10], np.float32).reshape(3, 1, 1, 1)), Const(np.zeros(3), np.float32)]
    for activation in ACTIVATIONS:
        check(single_op("CONV_2D", operands, stride_h=1, stride_w=1, fused_activation_function=activation))


def test_depthwise_without_bias() -> None:
    x = Input(integers((1, 4, 4, 3), np.int8, 0), scale=0.1, zero_point=5)
    weights = Const(integers((1, 3, 3, 3), np.int8, 1), scale=0.1)
    check(single_op("DEPTHWISE_CONV_2D", [x, weights], outputs=[out(np.int8, scale=3.0)], stride_h=1, stride_w=1))


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_empty_batch(op: str) -> None:
    weights = np.ones((2, 3, 3, 2) if op == "CONV_2D" else (1, 3, 3, 2), np.float32)
    problem = single_op(
        op,
        [Input(np.zeros((0, 4, 4, 2), np.float32)), Const(weights), Const(np.ones(2, np.float32))],
        stride_h=1,
        stride_w=1,
    )
    assert run(problem)[0].shape == (0, 4, 4, 2)


X, W, B = (1, 4, 4, 4), (2, 3, 3, 4), (2,)
REFUSED = [
    ("CVE-2021-29594-stride-h", X, W, B, {"stride_h": 0}, "stride of height must be at least 1"),
    ("tensorflow-61902-stride-w", X, W, B, {"stride_w": 0}, "stride of width must be at least 1"),
    ("XNNPACK-11244-negative-stride", X, W, B, {"stride_w": -1}, "stride of width must be at least 1"),
    ("dilation", X, W, B, {"dilation_h_factor": 0}, "dilation of height must be at least 1"),
    ("CVE-2023-27579-no-filter-channels", X, (2, 3, 3, 0), B, {}, "no dimension may be empty"),
    ("CVE-2021-29594-no-filters", X, (0, 3, 3, 4), (0,), {}, "no dimension may be empty"),
    ("empty-image", (1, 0, 4, 4), W, B, {}, "no dimension may be empty"),
    ("empty-filter", X, (2, 0, 3, 4), B, {}, "no dimension may be empty"),
    ("tensorflow-60622-groups", X, (2, 3, 3, 3), B, {}, "3 channels do not divide the input's 4"),
    ("tensorflow-60622-more-filter-channels", X, (2, 3, 3, 8), B, {}, "8 channels do not divide the input's 4"),
    ("tensorflow-60622-filters-per-group", X, (3, 3, 3, 2), (3,), {}, "3 filters do not divide into 2 groups"),
    ("CVE-2022-23557-no-bias-elements", X, W, (0,), {}, "bias"),
    ("bias-size", X, W, (3,), {}, "has 3 elements, expected 2"),
    ("rank", (4, 4, 4), W, B, {}, "expected rank 4"),
]
REFUSED_DEPTHWISE = [
    ("CVE-2021-29602-no-channels", (1, 4, 4, 0), (1, 3, 3, 4), (4,), {}, "no dimension may be empty"),
    ("CVE-2022-21741-stride", X, (1, 3, 3, 4), (4,), {"stride_w": 0}, "stride of width must be at least 1"),
    ("tensorflow-61905-stride", X, (1, 3, 3, 4), (4,), {"stride_h": 0x10000}, "at most 32767"),
    ("dilation", X, (1, 3, 3, 4), (4,), {"dilation_w_factor": 0x8000}, "at most 32767"),
    ("first-dimension", X, (2, 3, 3, 4), (4,), {}, "expected 1"),
    ("multiplier", X, (1, 3, 3, 6), (6,), {}, "4 channels do not divide the filter's 6"),
    ("bias-rank", X, (1, 3, 3, 4), (2, 2), {}, "expected rank 1"),
]


@pytest.mark.parametrize(
    ("op", "x", "w", "b", "options", "message"),
    [
        *[pytest.param("CONV_2D", *row[1:], id=row[0]) for row in REFUSED],
        *[pytest.param("DEPTHWISE_CONV_2D", *row[1:], id=f"depthwise-{row[0]}") for row in REFUSED_DEPTHWISE],
    ],
)
def test_refused(op: str, x: Any, w: Any, b: Any, options: dict[str, Any], message: str) -> None:
    operands = [Input(np.ones(x, np.float32)), Const(np.ones(w, np.float32)), Const(np.ones(b, np.float32))]
    refused_by_both(single_op(op, operands, **{"stride_h": 1, "stride_w": 1, **options}), message)


QUANTIZED = {
    "CVE-2021-37682-input": ({}, {"scale": 0.1}, {}, "has no quantization parameters"),
    "CVE-2021-37682-filter": ({"scale": 0.1}, {}, {}, "has no quantization parameters"),
    "scale-count": ({"scale": 0.1}, {"scale": [0.1, 0.2, 0.3]}, {}, "has 3 scales"),
    "scale-axis": ({"scale": 0.1}, {"scale": [0.1, 0.2, 0.3], "quantized_dimension": 1}, {}, "along dimension 1"),
    "scale-nan": ({"scale": 0.1}, {"scale": np.nan}, {}, "scale"),
    "scale-negative": ({"scale": -0.1}, {"scale": 0.1}, {}, "scale"),
    "scale-0": ({"scale": 0.0}, {"scale": 0.1}, {}, "scale"),
    "filter-zero-point": ({"scale": 0.1}, {"scale": 0.1, "zero_point": 1}, {}, "zero points other than 0"),
    "bias-zero-point": ({"scale": 0.1}, {"scale": 0.1}, {"scale": 0.01, "zero_point": 1}, "has zero point 1"),
}


@pytest.mark.parametrize("case", QUANTIZED)
def test_refused_quantization(case: str) -> None:
    input, filter, bias, message = QUANTIZED[case]
    x = Input(np.ones((1, 4, 4, 3), np.int8), **input)
    operands = [x, Const(np.ones((2, 3, 3, 3), np.int8), **filter), Const(np.ones(2, np.int32), **bias)]
    refused(single_op("CONV_2D", operands, outputs=[out(np.int8, scale=1.0)], stride_h=1, stride_w=1), message)


TYPES = {
    "input": (np.int32, np.float32, np.float32, np.int32, "operand 'input'"),
    "filter": (np.int8, np.uint8, np.int32, np.int8, "operand 'filter'"),
    "bias": (np.int8, np.int8, np.float32, np.int8, "operand 'bias'"),
    "output": (np.float32, np.float32, np.float32, np.int8, "output 0"),
}


@pytest.mark.parametrize("case", TYPES)
@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_refused_types(op: str, case: str) -> None:
    input, filter, bias, output, message = TYPES[case]
    operands = [
        Input(np.ones((1, 4, 4, 2), input), scale=1.0),
        Const(np.ones((2, 3, 3, 2) if op == "CONV_2D" else (1, 3, 3, 2), filter), scale=1.0),
        Const(np.ones(2, bias), scale=1.0),
    ]
    refused(single_op(op, operands, outputs=[out(output, scale=1.0)], stride_h=1, stride_w=1), message)


def test_convolution_needs_a_bias() -> None:
    x, w = Input(np.ones(X, np.float32)), Const(np.ones(W, np.float32))
    refused_by_both(single_op("CONV_2D", [x, w], stride_h=1, stride_w=1), "bias")
    refused_by_both(single_op("CONV_2D", [x, w, None], stride_h=1, stride_w=1), "bias")


def test_uint8_bias_scale() -> None:
    operands = [
        Input(np.ones((1, 4, 4, 2), np.uint8), scale=0.5),
        Const(np.ones((2, 3, 3, 2), np.uint8), scale=0.5),
        Const(np.ones(2, np.int32), scale=0.5),
    ]
    problem = single_op("CONV_2D", operands, outputs=[out(np.uint8, scale=1.0)], stride_h=1, stride_w=1)
    refused_by_both(problem, "bias")


def test_convolution_with_a_meaningless_output_scale() -> None:
    rng = np.random.default_rng(5)
    x = Input(rng.integers(-30000, 30000, (1, 3, 4, 3)), np.int16, scale=3e-5)
    weights = Const(rng.integers(-127, 127, (2, 3, 3, 3)), np.int8, scale=3e-3)
    bias = Const(np.array([100, -100]), np.int64, scale=9e-8)
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    check(single_op("CONV_2D", [x, weights, bias], [out(np.int16, scale=3.59e-43)], **options))
