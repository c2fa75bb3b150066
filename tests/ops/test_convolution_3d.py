"""CONV_3D and CONV_3D_TRANSPOSE against the official reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.reference import convolution, transpose_convolution
from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.products import refused_by_both

CONVOLUTIONS = {
    "1x1x1": ((2, 3, 4, 5, 6), (1, 1, 1, 6, 3), {}),
    "same": ((1, 4, 5, 6, 3), (3, 2, 4, 3, 5), {}),
    "stride": ((2, 5, 7, 6, 2), (3, 3, 3, 2, 4), {"stride_d": 2, "stride_h": 3, "stride_w": 2}),
    "valid": ((1, 5, 7, 6, 2), (2, 3, 4, 2, 4), {"padding": "VALID", "stride_h": 2}),
    "dilated": (
        (1, 7, 8, 9, 2),
        (3, 2, 3, 2, 3),
        {"dilation_d_factor": 2, "dilation_h_factor": 3, "dilation_w_factor": 4},
    ),
    "dilated-valid": (
        (1, 7, 8, 9, 2),
        (3, 2, 3, 2, 3),
        {"padding": "VALID", "dilation_d_factor": 3, "dilation_w_factor": 4},
    ),
}
TRANSPOSED = {
    "same": ((1, 3, 4, 5, 6), (3, 2, 4, 3, 6), (1, 3, 4, 5, 3), {}),
    "stride": ((2, 3, 4, 5, 2), (3, 3, 2, 4, 2), (2, 6, 12, 10, 4), {"stride_d": 2, "stride_h": 3, "stride_w": 2}),
    "odd": ((1, 3, 4, 5, 2), (3, 3, 3, 4, 2), (1, 5, 10, 9, 4), {"stride_d": 2, "stride_h": 3, "stride_w": 2}),
    "valid": ((1, 3, 4, 5, 2), (2, 3, 4, 4, 2), (1, 6, 6, 8, 4), {"padding": "VALID", "stride_d": 2}),
    "dilated": ((1, 6, 7, 8, 2), (3, 2, 3, 3, 2), (1, 6, 7, 8, 3), {"dilation_d_factor": 2, "dilation_h_factor": 3}),
}
STRIDES = {"stride_d": 1, "stride_h": 1, "stride_w": 1, "padding": "SAME"}
ACTIVATIONS = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH"]


def numbers(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def convolution_of(x: Any, w: Any, b: Any, options: dict[str, Any], constant: bool = True) -> Problem:
    make = Const if constant else Input
    return single_op("CONV_3D", [Input(x), make(w), *([] if b is None else [make(b)])], **{**STRIDES, **options})


def transposed_of(shape: Any, w: Any, x: Any, b: Any, options: dict[str, Any], constant: bool = True) -> Problem:
    make = Const if constant else Input
    operands = [make(np.array(shape, np.int32)), make(w), Input(x), *([] if b is None else [make(b)])]
    return single_op("CONV_3D_TRANSPOSE", operands, outputs=[out()], **{**STRIDES, **options})


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case: str, constant: bool) -> None:
    x_shape, w_shape, options = CONVOLUTIONS[case]
    x, w, b = numbers(x_shape, w_shape, w_shape[4:])
    check(convolution_of(x, w, b, options, constant), atol=2e-5)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed(case: str, constant: bool) -> None:
    x_shape, w_shape, shape, options = TRANSPOSED[case]
    x, w, b = numbers(x_shape, w_shape, w_shape[3:4])
    check(transposed_of(shape, w, x, b, options, constant), atol=2e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_and_no_bias(activation: str) -> None:
    options = {"fused_activation_function": activation}
    x, w = numbers((1, 3, 4, 5, 2), (2, 3, 2, 2, 4))
    check(convolution_of(x * 3, w, None, options), atol=2e-5)
    x, w = numbers((1, 3, 4, 5, 2), (2, 3, 2, 4, 2))
    check(transposed_of((1, 3, 4, 5, 4), w, x * 3, None, options), atol=2e-5)


def test_small_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "PATCH_ELEMENTS", 300)
    monkeypatch.setattr(transpose_convolution, "COLUMN_ELEMENTS", 300)
    test_convolution("dilated", True)
    test_transposed("odd", True)


X, W = (1, 4, 4, 4, 2), (3, 3, 3, 2, 3)
REFUSED = [
    ("stride-d", X, W, 3, {"stride_d": 0}, "stride of depth must be at least 1"),
    ("stride-w", X, W, 3, {"stride_w": -1}, "stride of width must be at least 1"),
    ("dilation", X, W, 3, {"dilation_h_factor": 0}, "dilation of height must be at least 1"),
    ("channels", X, (3, 3, 3, 1, 3), 3, {}, "the input has 2 channels, the filter has 1"),
    ("empty-filter", X, (3, 0, 3, 2, 3), 3, {}, "no dimension may be empty"),
    ("empty-volume", (1, 0, 4, 4, 2), W, 3, {}, "no dimension may be empty"),
    ("bias", X, W, 2, {}, "has 2 elements, expected 3"),
    ("rank", X[1:], W, 3, {}, "expected rank 5"),
]


@pytest.mark.parametrize(("x", "w", "b", "options", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_convolution_refused(x: Any, w: Any, b: int, options: dict[str, Any], message: str) -> None:
    arrays = [np.ones(shape, np.float32) for shape in (x, w, (b,))]
    refused_by_both(convolution_of(*arrays, options), message)


REFUSED_TRANSPOSED = [
    ("CVE-2022-41894-bias", (1, 4, 4, 4, 3), 2, {}, "has 2 elements, expected 3"),
    ("CVE-2022-41894-channels", (1, 4, 4, 4, 2), 3, {}, "expected [1, depth, height, width, 3]"),
    ("batch", (2, 4, 4, 4, 3), 3, {}, "expected [1, depth, height, width, 3]"),
    ("negative", (1, -4, 4, 4, 3), 3, {}, "expected [1, depth, height, width, 3]"),
    ("size", (1, 4, 5, 4, 3), 3, {}, "an output height of 5 takes an input height of 5, it is 4"),
    ("stride", (1, 4, 4, 4, 3), 3, {"stride_d": 0}, "stride of depth must be at least 1"),
]


@pytest.mark.parametrize(
    ("shape", "b", "options", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED_TRANSPOSED]
)
def test_transposed_refused(shape: Any, b: int, options: dict[str, Any], message: str) -> None:
    x, w, b = np.ones(X, np.float32), np.ones((3, 3, 3, 3, 2), np.float32), np.ones(b, np.float32)
    (refused if "stride" in message else refused_by_both)(transposed_of(shape, w, x, b, options), message)


def test_types() -> None:
    x, w = np.ones(X, np.int8), np.ones(W, np.int8)
    refused_by_both(convolution_of(x, w, np.ones(3, np.int32), {}), "operand 'input'")
