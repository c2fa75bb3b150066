"""Pooling against the official kernels; MaxPoolingWithArgmax2D and MaxUnpooling2D against the XNNPACK delegate."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.testing import Input, Problem, assert_same, check, out, refused, run, single_op
from tests.oracle import oracle

SHAPES = [(1, 4, 5, 3), (2, 7, 3, 2), (1, 1, 1, 4), (1, 13, 17, 3), (1, 9, 9, 1), (0, 3, 3, 2), (1, 3, 4, 0)]
WINDOWS = [
    (1, 1, 1, 1),
    (2, 2, 2, 2),
    (3, 3, 1, 1),
    (3, 2, 2, 3),
    (5, 7, 1, 1),
    (2, 2, 3, 3),
    (7, 7, 4, 4),
    (13, 17, 1, 1),
    (2, 2, 40, 40),
]
"""filter_height, filter_width, stride_h, stride_w."""
ACTIVATIONS = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6"]


def pool_options(window: tuple[int, int, int, int], padding: str, activation: str = "NONE") -> dict[str, Any]:
    filter_height, filter_width, stride_h, stride_w = window
    return {
        "padding": padding,
        "filter_height": filter_height,
        "filter_width": filter_width,
        "stride_h": stride_h,
        "stride_w": stride_w,
        "fused_activation_function": activation,
    }


CASES = [
    (shape, window, padding)
    for shape in SHAPES
    for window in WINDOWS
    for padding in ("SAME", "VALID")
    if padding == "SAME" or (window[0] <= shape[1] and window[1] <= shape[2])
]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"])
def test_floats(op: str, activation: str) -> None:
    for shape, window, padding in CASES:
        x = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
        check(single_op(op, [Input(x)], **pool_options(window, padding, activation)), ulp=4, atol=2e-6)


@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize(("resolver", "numerics"), [("ref", "litert-ref"), ("opt", "litert-opt"), ("auto", "xnnpack")])
def test_quantized(op: str, dtype: Any, resolver: str, numerics: str) -> None:
    info = np.iinfo(dtype)
    quantization = {"scale": 0.05, "zero_point": 0 if dtype == np.int16 else int(info.min) + 100}
    for at, (shape, window, padding) in enumerate(CASES):
        if resolver != "ref" and 0 in shape:
            continue  # XNNPACK returns a shape that it has not computed.
        x = np.random.default_rng(at).integers(info.min, info.max + 1, shape).astype(dtype)
        options = pool_options(window, padding, ACTIVATIONS[at % 4])
        problem = single_op(op, [Input(x, **quantization)], [out(dtype, **quantization)], **options)
        check(problem, resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"])
def test_special_floats(op: str) -> None:
    x = np.ones((1, 8, 8, 2), np.float32)
    x[0, 0, 0, 0], x[0, 2, 2, 1], x[0, 3, 3], x[0, 4:6, 4:6], x[0, 6:, 6:] = np.nan, np.inf, -np.inf, np.nan, -np.inf
    check(single_op(op, [Input(x)], **pool_options((2, 2, 2, 2), "VALID")), ulp=2)


def test_average_of_large_windows() -> None:
    """Sums of int16 beyond 2**24."""
    x = np.random.default_rng(0).integers(30000, 32768, (1, 40, 50, 2)).astype(np.int16)
    declared = out(np.int16, scale=0.1, zero_point=0)
    problem = single_op(
        "AVERAGE_POOL_2D", [Input(x, scale=0.1, zero_point=0)], [declared], **pool_options((40, 50, 1, 1), "SAME")
    )
    check(problem)


def test_huge_filter_on_a_small_image() -> None:
    x = Input(np.ones((1, 3, 3, 1)), np.float32)
    problem = single_op("MAX_POOL_2D", [x], **pool_options((2**30, 2**30, 1, 1), "SAME"))
    assert_same(run(problem)[0], np.ones((1, 3, 3, 1), np.float32))


_X = Input(np.ones((1, 4, 4, 1)), np.float32)
REFUSED: list[Any] = [
    pytest.param(op, [_X], pool_options(window, "SAME"), fragment, id=f"{issue}-{op}")
    for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
    for issue, window, fragment in (
        ("CVE-2021-29586", (2, 2, 0, 1), "stride of height must be at least 1, it is 0"),
        ("XNNPACK-11244", (2, 2, 1, 0), "stride of width must be at least 1, it is 0"),
        ("negative-stride", (2, 2, -1, 1), "stride of height must be at least 1, it is -1"),
    )
] + [
    pytest.param(
        "MAX_POOL_2D", [Input([1.0], np.float32)], pool_options((1, 1, 1, 1), "SAME"), "expected rank 4", id="rank"
    ),
    pytest.param(
        "MAX_POOL_2D", [Input([1], np.int32)], pool_options((1, 1, 1, 1), "SAME"), "is INT32, expected", id="type"
    ),
    pytest.param(
        "L2_POOL_2D", [Input([1], np.int8)], pool_options((1, 1, 1, 1), "SAME"), "is INT8, expected", id="l2-type"
    ),
    pytest.param(
        "AVERAGE_POOL_2D",
        [Input(np.ones((1, 2, 2, 1)), np.int8)],
        pool_options((2, 2, 1, 1), "SAME", "RELU"),
        "has no quantization parameters",
        id="CVE-2021-37682",
    ),
]


@pytest.mark.parametrize("window", [(0, 2), (2, 0), (-3, 2), (9, 2), (2, 9), (0, 9)], ids=str)  # CVE-2021-37684
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"])
def test_filters_that_fit_nowhere(op: str, padding: str, window: tuple[int, int]) -> None:
    """No pixel, or one stride beyond the image with VALID padding: outputs without elements, as official kernels do."""
    problem = single_op(op, [Input(np.ones((1, 4, 5, 2)), np.float32)], **pool_options((*window, 1, 1), padding))
    check(problem, atol=1e-6)
    check(problem, atol=1e-6, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize(("op", "operands", "options", "fragment"), REFUSED)
def test_refused(op: str, operands: Any, options: dict[str, Any], fragment: str) -> None:
    refused(single_op(op, operands, **options), fragment)


def parameters(padding: int, filter_height: int, filter_width: int, activation: int = 0) -> bytes:
    """A TfLitePoolParams whose strides are the filter's size; padding: 1 is SAME, 2 is VALID."""
    return struct.pack("<6i", padding, filter_width, filter_height, filter_width, filter_height, activation) + bytes(16)


def pool_and_unpool(x: np.ndarray, padding: int, filter_height: int, filter_width: int) -> Problem:
    batch, height, width, channels = x.shape
    up = padding == 1
    pooled = (
        batch,
        -(-height // filter_height) if up else height // filter_height,
        -(-width // filter_width) if up else width // filter_width,
        channels,
    )
    unpooled = (batch, pooled[1] * filter_height, pooled[2] * filter_width, channels)
    b = ModelBuilder()
    image = b.input("image", x.shape, x.dtype)
    halves = b.op(
        "MaxPoolingWithArgmax2D",
        [image],
        [out(shape=pooled)] * 2,
        custom=True,
        custom_options=parameters(padding, filter_height, filter_width),
    )
    restored = b.op(
        "MaxUnpooling2D",
        halves,
        [out(shape=unpooled)],
        custom=True,
        custom_options=parameters(2, filter_height, filter_width),
    )
    b.output(*halves, restored)
    return Problem(b.to_bytes(), [x])


@pytest.mark.parametrize(
    ("shape", "padding", "filter_height", "filter_width"),
    [
        ((1, 6, 6, 2), 2, 3, 2),
        ((2, 5, 7, 3), 2, 2, 2),
        ((2, 5, 7, 3), 1, 2, 2),
        ((1, 7, 5, 4), 1, 3, 3),
        ((1, 5, 6, 9), 1, 4, 4),
        ((1, 4, 4, 1), 2, 4, 1),
    ],
)
def test_argmax(shape: tuple[int, ...], padding: int, filter_height: int, filter_width: int) -> None:
    """Small integers, so that windows have several largest pixels."""
    x = np.random.default_rng(0).integers(-3, 3, shape).astype(np.float32)
    problem = pool_and_unpool(x, padding, filter_height, filter_width)
    official, ours = oracle.run(problem.model, problem.inputs, "auto"), run(problem)
    assert official.error is None
    for a, b in zip(ours, official.outputs, strict=True):
        assert_same(np.ascontiguousarray(a).view(np.uint32), np.ascontiguousarray(b).view(np.uint32))


def custom_op(name: str, operands: list[Input], options: bytes, outputs: int) -> Problem:
    return single_op(name, operands, [out()] * outputs, custom=True, custom_options=options)


CUSTOM_REFUSED = [
    ("MaxPoolingWithArgmax2D", [_X], b"", "options have 0 bytes"),
    ("MaxPoolingWithArgmax2D", [_X], parameters(0, 2, 2), "padding is 0"),
    ("MaxPoolingWithArgmax2D", [_X], parameters(2, 0, 2), "stride of height must be at least 1, it is 0"),
    ("MaxPoolingWithArgmax2D", [_X], parameters(2, 2, 2, 1), "fused activation 1"),
    (
        "MaxPoolingWithArgmax2D",
        [_X],
        struct.pack("<6i", 2, 1, 2, 2, 2, 0),
        "stride 2 x 1 is not filter height x width 2 x 2",
    ),
    ("MaxUnpooling2D", [_X, Input([1.0], np.float32)], parameters(2, 2, 2), "has shape (1,), expected (1, 4, 4, 1)"),
    ("MaxUnpooling2D", [_X, _X], parameters(2, -2, 2), "the filter must have at least one pixel"),
]


@pytest.mark.parametrize(("name", "operands", "options", "fragment"), CUSTOM_REFUSED)
def test_custom_refused(name: str, operands: list[Input], options: bytes, fragment: str) -> None:
    refused(custom_op(name, operands, options, 2 if name.startswith("MaxPooling") else 1), fragment)
