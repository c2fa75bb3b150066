"""L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION against the official kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, check, out, refused, single_op

SHAPES = [(5,), (1,), (3, 7), (0, 4), (2, 3, 4, 9), (1, 1, 2, 1, 17), (1, 3000)]
UNIT = {np.int8: {"scale": 1 / 128, "zero_point": 0}, np.uint8: {"scale": 1 / 128, "zero_point": 128}}


@pytest.mark.parametrize("shape", SHAPES)
def test_l2_floats(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    check(single_op("L2_NORMALIZATION", [Input(x)]), ulp=2 if shape[-1] < 100 else 16)


def test_l2_special_floats() -> None:
    rows = [[0, 0, 0], [1e-7, 0, -1e-8], [np.nan, 1, 2], [np.inf, 1, 2], [3e38, 3e38, 0], [1e-30, 1e-30, 0]]
    check(single_op("L2_NORMALIZATION", [Input(rows, np.float32)]), ulp=2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize(("resolver", "numerics"), [("ref", "litert-ref"), ("opt", "litert-opt"), ("auto", "xnnpack")])
def test_l2_quantized(shape: tuple[int, ...], dtype: Any, resolver: str, numerics: str) -> None:
    info, rng = np.iinfo(dtype), np.random.default_rng(0)
    for zero_point in (info.min, info.max, info.min + 130):
        near = np.clip(zero_point + rng.integers(-1, 2, shape), info.min, info.max)
        for q in (rng.integers(info.min, info.max + 1, shape), near, np.full(shape, zero_point)):
            operand = Input(q, dtype, scale=0.1, zero_point=int(zero_point))
            problem = single_op("L2_NORMALIZATION", [operand], [out(dtype, **UNIT[dtype])])
            check(problem, resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 20])
@pytest.mark.parametrize("beta", [1.0, 0.5, 0.75, -0.3])
def test_local_response(radius: int, beta: float) -> None:
    """The official reference kernel forgets the last channel of its window; the optimised one does not."""
    x = np.random.default_rng(0).normal(0, 3, (2, 3, 4, 9)).astype(np.float32)
    options = {"radius": radius, "bias": 1.5, "alpha": 0.1, "beta": beta}
    check(single_op("LOCAL_RESPONSE_NORMALIZATION", [Input(x)], **options), resolver="opt", ulp=16)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.75, 1.0, -1.0])
def test_windows_slide_over_what_is_not_finite(beta: float) -> None:
    """What is taken away from a sum again leaves its traces, as do large numbers."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1, 6, 5, 11)).astype(np.float32)
    x[0, :, :4, 3] = (np.nan, np.inf, -1e20, 3e38)
    for radius in (0, 2, 12):
        options = {"radius": radius, "bias": 0.5, "alpha": 0.5, "beta": beta}
        check(single_op("LOCAL_RESPONSE_NORMALIZATION", [Input(x)], **options), resolver="opt")


@pytest.mark.parametrize("shape", [(0, 2, 2, 3), (1, 1, 1, 1)])
def test_local_response_shapes(shape: tuple[int, ...]) -> None:
    options = {"radius": 2, "bias": 1.0, "alpha": 1.0, "beta": 0.5}
    check(
        single_op("LOCAL_RESPONSE_NORMALIZATION", [Input(np.ones(shape), np.float32)], **options), resolver="opt", ulp=2
    )


_F = Input([[1.0, 2.0]], np.float32)
_Q = Input([[1, 2]], np.int8, scale=0.1, zero_point=0)
_LRN = {"bias": 1.0, "alpha": 1.0, "beta": 0.5}
REFUSED: list[Any] = [
    pytest.param("L2_NORMALIZATION", [Input(1.0, np.float32)], {}, "has rank 0, expected at least 1", id="rank-0"),
    pytest.param("L2_NORMALIZATION", [Input([1], np.int16)], {}, "is INT16, expected FLOAT32", id="type"),
    pytest.param("L2_NORMALIZATION", [_Q], {}, "expected 1/128", id="scale"),
    pytest.param(
        "L2_NORMALIZATION", [_F], {"fused_activation_function": "RELU"}, "fused activation", id="fused-activation"
    ),
    pytest.param("LOCAL_RESPONSE_NORMALIZATION", [_F], {"radius": 1, **_LRN}, "expected rank 4", id="lrn-rank"),
    pytest.param(
        "LOCAL_RESPONSE_NORMALIZATION",
        [Input(np.ones((1, 1, 1, 1)), np.float32)],
        {"radius": -1, **_LRN},
        "radius is -1",
        id="lrn-radius",
    ),
    pytest.param(
        "LOCAL_RESPONSE_NORMALIZATION", [Input([1], np.int8)], {"radius": 1, **_LRN}, "is INT8, expected", id="lrn-type"
    ),
]


@pytest.mark.parametrize(("op", "operands", "options", "fragment"), REFUSED)
def test_refused(op: str, operands: Any, options: dict[str, Any], fragment: str) -> None:
    refused(single_op(op, operands, **options), fragment)
