"""TRANSPOSE_CONV and Convolution2DTransposeBias against the official kernels."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from litejit.kernels.reference import transpose_convolution
from litejit.testing import Const, Input, Problem, check, out, refused, run, single_op
from tests.ops.products import KINDS, Operands, integers, operands, refused_by_both

CASES = {
    "same": ((2, 4, 5, 3), (6, 3, 3, 3), (2, 4, 5, 6), {}),
    "same-stride": ((1, 4, 5, 3), (2, 3, 4, 3), (1, 8, 10, 2), {"stride_h": 2, "stride_w": 2}),
    "same-odd-output": ((1, 4, 5, 3), (2, 3, 3, 3), (1, 7, 9, 2), {"stride_h": 2, "stride_w": 2}),
    "same-stride-over-filter": ((1, 3, 3, 2), (4, 2, 1, 2), (1, 9, 9, 4), {"stride_h": 3, "stride_w": 3}),
    "valid": ((3, 3, 4, 2), (4, 3, 2, 2), (3, 5, 5, 4), {"padding": "VALID"}),
    "valid-stride": ((1, 3, 4, 5), (3, 3, 2, 5), (1, 7, 8, 3), {"padding": "VALID", "stride_h": 2, "stride_w": 2}),
    "valid-larger": ((1, 3, 4, 5), (3, 3, 2, 5), (1, 8, 9, 3), {"padding": "VALID", "stride_h": 2, "stride_w": 2}),
    "one-pixel": ((1, 1, 1, 7), (5, 4, 4, 7), (1, 4, 4, 5), {"padding": "VALID", "stride_h": 4, "stride_w": 4}),
    "filter-over-output": ((1, 2, 2, 3), (2, 7, 7, 3), (1, 3, 4, 2), {"stride_h": 2, "stride_w": 2}),
}
KIND_NAMES = [
    "float", "uint8", "int8", "int8-channels", "int16", "int16-channels", "int16-int32", "hybrid", "hybrid-channels"
]  # fmt: skip


def transposed(
    values: Operands, shape: Any, options: dict[str, Any], constant: bool = True, bias: bool = True
) -> Problem:
    shape = (Const if constant else Input)(np.array(shape, np.int32))
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, **options}
    operands = [shape, values.weights, values.input, *([values.bias] if bias else [])]
    return single_op("TRANSPOSE_CONV", operands, outputs=values.outputs, **options)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_transposed(kind: str, case: str) -> None:
    input_shape, weights_shape, shape, options = CASES[case]
    values = operands(KINDS[kind], input_shape, weights_shape, channel_axis=0)
    check(transposed(values, shape, {**options, **KINDS[kind].options}), atol=values.atol)


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH"])
@pytest.mark.parametrize("kind", ["float", "uint8", "int8-channels", "int16", "hybrid"])
def test_activation(kind: str, activation: str) -> None:
    input_shape, weights_shape, shape, options = CASES["same-stride"]
    values = operands(KINDS[kind], input_shape, weights_shape, channel_axis=0)
    check(transposed(values, shape, {**options, "fused_activation_function": activation}), atol=values.atol)


@pytest.mark.parametrize("kind", ["float", "uint8", "int8-channels", "int16", "hybrid"])
def test_without_bias(kind: str) -> None:
    input_shape, weights_shape, shape, options = CASES["same-stride"]
    values = operands(KINDS[kind], input_shape, weights_shape, channel_axis=0)
    check(transposed(values, shape, options, bias=False), atol=values.atol)


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_operands_from_the_graph(kind: str) -> None:
    input_shape, weights_shape, shape, options = CASES["valid-stride"]
    values = operands(KINDS[kind], input_shape, weights_shape, channel_axis=0, constant=False)
    check(transposed(values, shape, options, constant=False), atol=values.atol)


@pytest.mark.parametrize("case", CASES)
def test_small_boxes(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transpose_convolution, "COLUMN_ELEMENTS", 150)
    input_shape, weights_shape, shape, options = CASES[case]
    values = operands(KINDS["int8-channels"], input_shape, weights_shape, channel_axis=0)
    check(transposed(values, shape, options))


X, W, SHAPE = (1, 4, 4, 2), (3, 3, 3, 2), (1, 8, 8, 3)
REFUSED = [
    ("CVE-2021-29588-stride-h", X, W, SHAPE, {"stride_h": 0}, "stride of height must be at least 1"),
    ("CVE-2021-29588-stride-w", X, W, SHAPE, {"stride_w": -2}, "stride of width must be at least 1"),
    ("stride", X, W, SHAPE, {"stride_w": 0x8000}, "at most 32767"),
    ("output-height", X, W, (1, 9, 8, 3), {}, "an output height of 9 takes an input height of 5, it is 4"),
    ("output-channels", X, W, (1, 8, 8, 4), {}, "expected [1, height, width, 3]"),
    ("output-batch", X, W, (2, 8, 8, 3), {}, "expected [1, height, width, 3]"),
    ("output-empty", X, W, (1, 0, 8, 3), {}, "expected [1, height, width, 3]"),
    ("output-negative", X, W, (1, -8, 8, 3), {}, "expected [1, height, width, 3]"),
    ("output-rank", X, W, (8, 8, 3), {}, "expected [1, height, width, 3]"),
    ("channels", X, (3, 3, 3, 1), SHAPE, {}, "the input has 2 channels, the weights have 1"),
    ("empty-filter", X, (3, 0, 3, 2), SHAPE, {}, "no dimension may be empty"),
    ("empty-image", (1, 4, 0, 2), W, SHAPE, {}, "no dimension may be empty"),
    ("rank", (4, 4, 2), W, SHAPE, {}, "expected rank 4"),
]


@pytest.mark.parametrize(
    ("x", "w", "shape", "options", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED]
)
def test_refused(x: Any, w: Any, shape: Any, options: dict[str, Any], message: str) -> None:
    operands = [Const(np.array(shape, np.int32)), Const(np.ones(w, np.float32)), Input(np.ones(x, np.float32))]
    problem = single_op(
        "TRANSPOSE_CONV", operands, outputs=[out(shape=(1, 8, 8, 3))], **{"stride_h": 2, "stride_w": 2, **options}
    )
    refused_by_both(problem, message)


def test_refused_bias_size() -> None:
    values = operands(KINDS["float"], X, W, channel_axis=0)
    values.bias = Const(np.ones(2, np.float32))
    problem = transposed(values, SHAPE, {"stride_h": 2, "stride_w": 2})
    refused_by_both(problem, "has 2 elements, expected 3")


def test_refused_scales() -> None:
    values = operands(KINDS["int8"], X, W, channel_axis=0)
    values.weights = Const(integers(W, np.int8, 0), scale=[0.1, 0.2], quantized_dimension=3)
    refused_by_both(transposed(values, (1, 4, 4, 3), {}), "expected one for each of 3 output channels")


def media_pipe(x: np.ndarray, w: np.ndarray, b: np.ndarray, shape: Any, options: bytes) -> Problem:
    return single_op(
        "Convolution2DTransposeBias",
        [Input(x), Const(w), Const(b)],
        outputs=[out(shape=shape)],
        custom=True,
        custom_options=options,
    )


@pytest.mark.parametrize(
    ("padding", "strides", "filter_sizes", "out_sizes"),
    [
        (1, (2, 2), (2, 2), (8, 10)),
        (1, (2, 2), (3, 3), (7, 9)),
        (2, (2, 3), (3, 4), (9, 16)),
        (2, (2, 2), (3, 3), (10, 12)),
    ],
)
def test_media_pipe(padding: int, strides: tuple[int, int], filter_sizes: Any, out_sizes: Any) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=s).astype(np.float32) for s in ((1, 4, 5, 6), (3, *filter_sizes, 6), (3,)))
    options = struct.pack("<3i", padding, strides[1], strides[0])
    check(media_pipe(x, w, b, (1, *out_sizes, 3), options), resolver="auto", atol=2e-5)


def test_media_pipe_without_a_declared_size() -> None:
    x, w, b = np.ones((1, 4, 5, 2), np.float32), np.ones((3, 3, 3, 2), np.float32), np.zeros(3, np.float32)
    for padding, size in ((1, (1, 8, 10, 3)), (2, (1, 9, 11, 3))):
        problem = media_pipe(x, w, b, (1, 1, 1, 3), struct.pack("<3i", padding, 2, 2))
        assert run(problem)[0].shape == size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (b"", "the options have 0 bytes"),
        (struct.pack("<3i", 0, 2, 2), "padding is 0"),
        (struct.pack("<3i", 1, 0, 2), "stride of width must be at least 1"),
    ],
)
def test_media_pipe_refused(options: bytes, message: str) -> None:
    x, w, b = np.ones((1, 4, 5, 2), np.float32), np.ones((3, 3, 3, 2), np.float32), np.zeros(3, np.float32)
    refused(media_pipe(x, w, b, (1, 8, 10, 3), options), message)
