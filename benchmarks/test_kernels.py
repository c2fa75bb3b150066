"""Single operators in the shapes of well-known models, beside the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.conftest import compare
from litejit.testing import Const, Input, Problem, out, single_op

POINTWISE = [(56, 64, 128), (28, 192, 64), (14, 384, 96), (7, 960, 320), (112, 16, 96), (7, 2048, 512)]
"""Side, channels and filters of 1x1 convolutions."""
SPATIAL = [(56, 64, 64, 3, 1), (28, 128, 128, 3, 1), (14, 256, 256, 3, 1), (7, 512, 512, 3, 1), (224, 3, 32, 3, 2)]
"""Side, channels, filters, size and stride of others."""
SPATIAL.append((224, 3, 64, 7, 2))
DEPTHWISE = [(112, 32, 1), (56, 144, 1), (56, 144, 2), (14, 576, 1), (7, 960, 1)]
"""Side, channels and stride of 3x3 ones."""
DTYPES = [np.float32, np.int8, np.uint8, np.int16]


def operands(shape: tuple[int, ...], filters: tuple[int, ...], axis: int, dtype: Any) -> tuple[list[Any], Any]:
    """(image, weights and bias, the outputs' declaration); bell-shaped weights, as trained ones are."""
    rng = np.random.default_rng(0)
    count = filters[axis]
    if dtype == np.float32:
        values = [rng.uniform(-1, 1, shape), rng.normal(0, 0.1, filters), rng.normal(0, 0.1, count)]
        return [Input(values[0], dtype), Const(values[1], dtype), Const(values[2], dtype)], None
    info = np.iinfo(dtype)
    depth = int(np.prod(filters)) // count
    zero_point = 128 if dtype == np.uint8 else 0
    x = Input(rng.integers(info.min, info.max + 1, shape), dtype, scale=0.05, zero_point=zero_point)
    bell = np.clip(np.rint(rng.normal(0, 35, filters)), -127, 127)
    per_channel = dtype != np.uint8
    scales = rng.uniform(0.5, 1, count if per_channel else 1).astype(np.float32) / np.float32(35 * depth**0.5)
    keywords = {"scale": scales, "zero_point": [zero_point] * len(scales)}
    axes = {"quantized_dimension": axis} if per_channel else {}
    weights = Const(bell + zero_point, np.int8 if dtype == np.int16 else dtype, **keywords, **axes)
    bias_type = np.int64 if dtype == np.int16 else np.int32
    bias = Const(
        rng.integers(-900, 900, count), bias_type, scale=np.float32(0.05) * scales, zero_point=[0] * len(scales)
    )
    return [x, weights, bias], [out(dtype, scale=0.1, zero_point=zero_point)]


def convolution(side: int, channels: int, filters: int, size: int, stride: int, dtype: Any) -> Problem:
    """A CONV_2D with SAME padding and RELU6."""
    arrays, outputs = operands((1, side, side, channels), (filters, size, size, channels), 0, dtype)
    options = {"stride_h": stride, "stride_w": stride, "padding": "SAME", "fused_activation_function": "RELU6"}
    return single_op("CONV_2D", arrays, outputs, **options)


def depthwise(side: int, channels: int, stride: int, dtype: Any) -> Problem:
    """A 3x3 DEPTHWISE_CONV_2D with SAME padding and RELU6."""
    arrays, outputs = operands((1, side, side, channels), (1, 3, 3, channels), 3, dtype)
    options = {"stride_h": stride, "stride_w": stride, "padding": "SAME", "fused_activation_function": "RELU6"}
    return single_op("DEPTHWISE_CONV_2D", arrays, outputs, depth_multiplier=1, **options)


def fully_connected(depth: int, filters: int, dtype: Any) -> Problem:
    """A FULLY_CONNECTED of one row."""
    arrays, outputs = operands((1, depth), (filters, depth), 0, dtype)
    return single_op("FULLY_CONNECTED", arrays, outputs)


def dynamic_range(problem_depth: int, filters: int) -> Problem:
    """A FULLY_CONNECTED of floats with weights of int8."""
    rng = np.random.default_rng(0)
    weights = np.clip(np.rint(rng.normal(0, 35, (filters, problem_depth))), -127, 127)
    x = Input(rng.uniform(-1, 1, (1, problem_depth)), np.float32)
    return single_op("FULLY_CONNECTED", [x, Const(weights, np.int8, scale=0.01, zero_point=0), None])


def elementwise(name: str, dtype: Any, count: int, **options: Any) -> Problem:
    """An operator on feature maps of 56x56x64."""
    rng = np.random.default_rng(0)
    shape = (1, 56, 56, 64)
    if dtype == np.float32:
        return single_op(name, [Input(rng.uniform(-1, 1, shape), dtype) for _ in range(count)], **options)
    inputs = [Input(rng.integers(-128, 128, shape), dtype, scale=0.05 + 0.01 * at, zero_point=3) for at in range(count)]
    fixed = {"LOGISTIC": (1 / 256, -128), "SOFTMAX": (1 / 256, -128)}
    like_input = {"AVERAGE_POOL_2D": (0.05, 3), "MAX_POOL_2D": (0.05, 3)}
    scale, zero_point = (fixed | like_input).get(name, (0.1, -3))
    return single_op(name, inputs, [out(dtype, scale=scale, zero_point=zero_point)], **options)


POOL = {"filter_width": 3, "filter_height": 3, "stride_w": 2, "stride_h": 2, "padding": "SAME"}
OTHERS: list[tuple[str, int, dict[str, Any]]] = [
    ("ADD", 2, {}),
    ("MUL", 2, {}),
    ("AVERAGE_POOL_2D", 1, POOL),
    ("MAX_POOL_2D", 1, POOL),
    ("LOGISTIC", 1, {}),
    ("SOFTMAX", 1, {"beta": 1.0}),
]


def label(dtype: Any) -> str:
    """The name of a dtype in a test's name."""
    return "int16x8" if dtype == np.int16 else np.dtype(dtype).name


CASES: dict[str, Any] = {}
for _dtype in DTYPES:
    for _shape in POINTWISE:
        CASES[f"1x1 {_shape} {label(_dtype)}"] = lambda s=_shape, d=_dtype: convolution(*s, 1, 1, d)
    for _spatial in SPATIAL:
        CASES[f"conv {_spatial} {label(_dtype)}"] = lambda s=_spatial, d=_dtype: convolution(*s, d)
    for _deep in DEPTHWISE:
        CASES[f"depthwise {_deep} {label(_dtype)}"] = lambda s=_deep, d=_dtype: depthwise(*s, d)
    CASES[f"fully connected 1280x1000 {label(_dtype)}"] = lambda d=_dtype: fully_connected(1280, 1000, d)
CASES["fully connected 1280x1000 dynamic range"] = lambda: dynamic_range(1280, 1000)
for _dtype in (np.float32, np.int8):
    for _name, _count, _options in OTHERS:
        CASES[f"{_name} {label(_dtype)}"] = lambda n=_name, c=_count, o=_options, d=_dtype: elementwise(n, d, c, **o)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_kernel(benchmark: Any, case: str, threads: int) -> None:
    problem = CASES[case]()
    compare(benchmark, problem.model, problem.inputs, threads)
