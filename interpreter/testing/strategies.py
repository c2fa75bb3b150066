"""Hypothesis strategies that draw legal operator problems, and shrink: smaller images, simpler numbers.

@given(strategies.conv2d(dtype="int8"))
def test_mine(problem): check(problem)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.schema.errors import UnsupportedError
from litejit.testing.harness import Const, Input, Problem, out, single_op

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp
except ImportError:
    raise UnsupportedError("litejit.testing.strategies needs Hypothesis: pip install 'litejit[test]'") from None

__all__ = [
    "add",
    "average_pool_2d",
    "conv2d",
    "depthwise_conv2d",
    "fully_connected",
    "max_pool_2d",
    "mul",
    "softmax",
    "sub",
]

Draw = Any
_BIASES = {"int8": np.int32, "uint8": np.int32, "int16": np.int64}
_SCALES = st.sampled_from([2.0**-6, 2.0**-5, 2.0**-4, 2.0**-3, 0.05, 0.011])
"""Most of them powers of two: only their quotients make the ties at which kernels round in different ways."""
_ACTIVATIONS = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])


def _checked(dtype: str, allowed: tuple[str, ...] = ("float32", "int8", "uint8", "int16")) -> str:
    if dtype not in allowed:
        raise ValueError(f"dtype is '{dtype}', expected one of {', '.join(allowed)}")
    return dtype


def _values(draw: Draw, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        numbers = st.floats(-4, 4, width=32, allow_subnormal=False)
        return draw(hnp.arrays(dtype, shape, elements=numbers))
    info = np.iinfo(dtype)
    simple = draw(hnp.arrays(dtype, shape, elements=st.integers(info.min, info.max)))
    # Rounding only shows where many different numbers are. A seed shrinks to 0, which stands for simple numbers.
    seed = draw(st.integers(0, 999))
    if seed == 0:
        return simple
    return np.random.default_rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


def _zero_point(draw: Draw, dtype: str) -> int:
    if dtype == "int16":
        return 0
    info = np.iinfo(dtype)
    return draw(st.integers(info.min, info.max))


def _operand(draw: Draw, shape: tuple[int, ...], dtype: str) -> Input:
    if dtype == "float32":
        return Input(_values(draw, shape, dtype))
    return Input(_values(draw, shape, dtype), scale=draw(_SCALES), zero_point=_zero_point(draw, dtype))


def _output(draw: Draw, dtype: str) -> dict[str, Any]:
    if dtype == "float32":
        return out()
    return out(np.dtype(dtype), scale=draw(_SCALES) * 8, zero_point=_zero_point(draw, dtype))


def _with_weights(draw: Draw, x: Input, dtype: str, shape: tuple[int, ...], axis: int) -> list[Any]:
    """The input, weights of a shape and a bias for each channel along axis."""
    channels = shape[axis]
    if dtype == "float32":
        return [x, Const(_values(draw, shape, dtype)), Const(_values(draw, (channels,), dtype))]
    if dtype == "uint8":
        scale: Any = np.float32(draw(_SCALES))
        weights = Const(_values(draw, shape, np.uint8), scale=scale, zero_point=draw(st.integers(0, 255)))
    else:
        per_channel = draw(st.booleans())
        scale = np.array([draw(_SCALES) for _ in range(channels if per_channel else 1)], np.float32)
        numbers = np.maximum(_values(draw, shape, np.int8), -127)
        weights = Const(numbers, scale=scale, quantized_dimension=axis if per_channel else 0)
    bias = draw(hnp.arrays(_BIASES[dtype], channels, elements=st.integers(-(1 << 14), 1 << 14)))
    return [x, weights, Const(bias, scale=np.float32(x.keywords["scale"]) * scale)]


def _window(draw: Draw, x: tuple[int, ...]) -> tuple[dict[str, Any], tuple[int, int]]:
    """padding and strides, and a filter that fits the image."""
    filter_size = draw(st.integers(1, min(3, x[1]))), draw(st.integers(1, min(3, x[2])))
    options = {"padding": draw(st.sampled_from(["VALID", "SAME"]))}
    options |= {"stride_h": draw(st.integers(1, 2)), "stride_w": draw(st.integers(1, 2))}
    return options, filter_size


def _image(draw: Draw) -> tuple[int, int, int, int]:
    return draw(st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)))


@st.composite
def conv2d(draw: Draw, dtype: str = "int8") -> Problem:
    """CONV_2D, per tensor or per channel."""
    shape = _image(draw)
    options, (height, width) = _window(draw, shape)
    filter_shape = draw(st.integers(1, 4)), height, width, shape[3]
    operands = _with_weights(draw, _operand(draw, shape, _checked(dtype)), dtype, filter_shape, 0)
    activation = draw(_ACTIVATIONS)
    return single_op("CONV_2D", operands, [_output(draw, dtype)], fused_activation_function=activation, **options)


@st.composite
def depthwise_conv2d(draw: Draw, dtype: str = "int8") -> Problem:
    """DEPTHWISE_CONV_2D with a depth multiplier of 1 or 2."""
    shape = _image(draw)
    options, (height, width) = _window(draw, shape)
    multiplier = draw(st.integers(1, 2))
    filter_shape = 1, height, width, shape[3] * multiplier
    operands = _with_weights(draw, _operand(draw, shape, _checked(dtype)), dtype, filter_shape, 3)
    outputs = [_output(draw, dtype)]
    return single_op("DEPTHWISE_CONV_2D", operands, outputs, depth_multiplier=multiplier, **options)


@st.composite
def fully_connected(draw: Draw, dtype: str = "int8") -> Problem:
    """FULLY_CONNECTED."""
    rows, features, units = (draw(st.integers(1, 6)) for _ in range(3))
    x = _operand(draw, (rows, features), _checked(dtype))
    operands = _with_weights(draw, x, dtype, (units, features), 0)
    activation = draw(_ACTIVATIONS)
    return single_op("FULLY_CONNECTED", operands, [_output(draw, dtype)], fused_activation_function=activation)


def _pool(draw: Draw, op: str, dtype: str) -> Problem:
    shape = _image(draw)
    options, (height, width) = _window(draw, shape)
    x = _operand(draw, shape, _checked(dtype))
    return single_op(op, [x], filter_height=height, filter_width=width, **options)


@st.composite
def average_pool_2d(draw: Draw, dtype: str = "int8") -> Problem:
    """AVERAGE_POOL_2D."""
    return _pool(draw, "AVERAGE_POOL_2D", dtype)


@st.composite
def max_pool_2d(draw: Draw, dtype: str = "int8") -> Problem:
    """MAX_POOL_2D."""
    return _pool(draw, "MAX_POOL_2D", dtype)


def _pair(draw: Draw, op: str, dtype: str) -> Problem:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    other = tuple(1 if draw(st.booleans()) else size for size in shape)
    operands = [_operand(draw, shape, _checked(dtype)), _operand(draw, other, dtype)]
    if draw(st.booleans()):
        operands.reverse()
    # int16 sums whose scales are all powers of two would have to fit together.
    options = {} if op == "MUL" else {"pot_scale_int16": False}
    return single_op(op, operands, [_output(draw, dtype)], fused_activation_function=draw(_ACTIVATIONS), **options)


@st.composite
def add(draw: Draw, dtype: str = "int8") -> Problem:
    """ADD with broadcasting."""
    return _pair(draw, "ADD", dtype)


@st.composite
def sub(draw: Draw, dtype: str = "int8") -> Problem:
    """SUB with broadcasting."""
    return _pair(draw, "SUB", dtype)


@st.composite
def mul(draw: Draw, dtype: str = "int8") -> Problem:
    """MUL with broadcasting."""
    return _pair(draw, "MUL", dtype)


@st.composite
def softmax(draw: Draw, dtype: str = "int8") -> Problem:
    """SOFTMAX over the last dimension."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 12)))
    x = _operand(draw, shape, _checked(dtype, ("float32", "int8", "uint8", "int16")))
    ranges = {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)}
    scale, zero_point = ranges.get(dtype, (1, 0))
    outputs = [out() if dtype == "float32" else out(np.dtype(dtype), scale=scale, zero_point=zero_point)]
    return single_op("SOFTMAX", [x], outputs, beta=draw(st.sampled_from([1.0, 0.5])))
