"""Which nodes of scaled integers XNNPACK's delegate takes: limits as data, and the questions that kernels ask.

Under the flavour xnnpack, these compute as XNNPACK does, all others as litert-opt. Float nodes are not a question:
their results are within the bounds of all kernel sets.
Sources: LiteRT tflite/delegates/xnnpack/xnnpack_delegate.cc, XNNPACK src/subgraph/*.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.output_stage import scale_of_products
from litejit.schema import ActivationFunctionType, Padding, TensorType
from litejit.schema.errors import UnsupportedError

__all__ = [
    "FULLY_CONNECTED_VERSION",
    "fits_depthwise",
    "fits_transposed",
    "fully_connected_types",
    "has_clamp",
    "is_float_delegable",
    "is_integer_delegable",
    "takes_eight_bits",
    "takes_leaky_relu",
    "takes_pair",
    "takes_reduction",
    "takes_requantization",
    "takes_resize",
]

_UINT8, _INT8 = TensorType.UINT8, TensorType.INT8
_EIGHT_BITS = (_INT8, _UINT8)
_MOST_DIMENSIONS = 6
_TINY = np.finfo(np.float32).tiny
"""Scales below are subnormal, which the delegate refuses."""

FULLY_CONNECTED_VERSION = 8
"""The version of FULLY_CONNECTED that is left alone: the converter writes it for sparse weights."""


@dataclass(frozen=True)
class _Limits:
    """Of a ratio of scales: at least low; at most high, or below it if it is open."""

    low: float
    high: float
    open: bool = True

    def __contains__(self, ratio: object) -> bool:
        value = float(ratio)  # type: ignore[arg-type]
        return self.low <= value and (value < self.high if self.open else value <= self.high)


_LIMITS = {
    "ADD": _Limits(2**-10, 2**8),
    "SUB": _Limits(2**-10, 2**8),
    "MUL": _Limits(2**-16, 2**8),
    "QUANTIZE": _Limits(2**-8, 2**7, open=False),
    "LEAKY_RELU": _Limits(2**-8, 2**7, open=False),
    "negative LEAKY_RELU": _Limits(-(2**7) + 2**-8, 2**7, open=False),
    "products": _Limits(0, 2**8),
}
"""Of input scale / output scale; of MUL and of matrix products, of the product of both input scales."""

_NO_CLAMPS = (ActivationFunctionType.TANH, ActivationFunctionType.SIGN_BIT)


def has_clamp(activation: ActivationFunctionType) -> bool:
    """Whether XNNPACK knows the fused activation."""
    return activation not in _NO_CLAMPS


def takes_eight_bits(spec: TensorSpec) -> bool:
    """Operators without limits: QUANTIZE of floats, DEQUANTIZE, tables of functions."""
    return spec.type in _EIGHT_BITS


def takes_pair(
    op: str, input1: TensorSpec, input2: TensorSpec, output: TensorSpec, activation: ActivationFunctionType
) -> bool:
    """ADD, SUB, MUL."""
    if op == "MUL":
        ratios = [input1.scale * input2.scale / output.scale]
    else:
        ratios = [spec.scale / output.scale for spec in (input1, input2)]
    ranks = max(input1.rank, input2.rank)
    known = input1.type in _EIGHT_BITS and ranks <= _MOST_DIMENSIONS and has_clamp(activation)
    return known and all(ratio in _LIMITS[op] for ratio in ratios)


def takes_requantization(x: TensorSpec, y: TensorSpec) -> bool:
    """QUANTIZE of integers."""
    ratio = np.float64(x.scale) / np.float64(y.scale)
    return x.type == y.type and x.type in _EIGHT_BITS and ratio in _LIMITS["QUANTIZE"]


def takes_leaky_relu(x: TensorSpec, y: TensorSpec, alpha: np.float32) -> bool:
    """LEAKY_RELU: both slopes have limits."""
    positive = x.scale / y.scale
    negative = positive * alpha
    fits = positive in _LIMITS["LEAKY_RELU"] and negative in _LIMITS["negative LEAKY_RELU"]
    return x.type in _EIGHT_BITS and abs(alpha) >= _TINY and fits and bool(abs(negative) >= 2**-8)


def takes_reduction(input: TensorSpec, output: TensorSpec, static: bool) -> bool:
    """SUM, MEAN. static: the axes are constant, and there are any.

    Raises UnsupportedError for what the delegate takes and then cannot do: the official runtime refuses such models.
    """
    one_scale = all(spec.quantized.axis == 0 for spec in (input, output))
    taken = static and input.type in _EIGHT_BITS and one_scale
    if taken and input.rank > _MOST_DIMENSIONS:
        raise UnsupportedError(f"numerics 'xnnpack' has no reductions of rank {input.rank}")
    return taken


def takes_resize(x: TensorSpec, size: TensorSpec) -> bool:
    """RESIZE_BILINEAR to a constant size."""
    return x.type in _EIGHT_BITS and size.value is not None


def fits_depthwise(out_channels: int, depth_multiplier: int) -> bool:
    """Whether the option of DEPTHWISE_CONV_2D, which nothing else looks at, is accepted."""
    return depth_multiplier > 0 and out_channels % depth_multiplier == 0


def fits_transposed(padding: Padding, windows: Sequence[Window]) -> bool:
    """Whether there are such windows of TRANSPOSE_CONV."""
    if padding == Padding.SAME:
        return all(window.filter_size >= window.stride for window in windows)
    return all(window.filter_size <= window.in_size for window in windows)


def fully_connected_types(weights: TensorSpec) -> tuple[TensorType, ...]:
    """Types of weights that XNNPACK takes for FULLY_CONNECTED if they are like these: rows have to fill whole bytes."""
    features = weights.dims[1]
    types = [_INT8]
    if features % 2 == 0:
        types.append(TensorType.INT4)
    if features % 4 == 0 and weights.quantized.scale.size == weights.dims[weights.quantized.axis]:
        types.append(TensorType.INT2)
    return tuple(types)


def is_float_delegable(
    filter: TensorSpec, bias: TensorSpec | None, axis: int, types: tuple[TensorType, ...] = (_INT8,)
) -> bool:
    """Whether XNNPACK takes integer weights for float inputs: constants, with proper scales, along axis if several."""
    return (
        filter.value is not None
        and filter.type in types
        and _has_proper_scales(filter, axis)
        and (bias is None or bias.value is not None)
    )


def is_integer_delegable(
    input: TensorSpec,
    filter: TensorSpec,
    bias: TensorSpec | None,
    output: TensorSpec,
    axis: int,
    types: tuple[TensorType, ...] = (_INT8,),
    constant: bool = True,
) -> bool:
    """Whether XNNPACK takes such weights for 8-bit inputs: constants, with proper scales, and a bias likewise.

    axis: the dimension that the filter's scales may be along. types: of the filter of an INT8 input. constant: whether
    the filter has to be.
    """
    if input.type not in (_INT8, _UINT8) or output.type != input.type or (constant and filter.value is None):
        return False
    per_tensor = all(tensor.quantized.axis == 0 for tensor in (input, output))
    proper = _has_proper_scales(filter, 0 if filter.type == _UINT8 else axis)
    proper_bias = bias is None or (bias.value is not None and _has_proper_scales(bias, 0) and bias.quantized.axis == 0)
    allowed = types if input.type == _INT8 else (_UINT8,)
    if not (filter.type in allowed and per_tensor and proper and proper_bias):
        return False
    return scale_of_products(input, filter.quantized.scale, output, "float32").max() in _LIMITS["products"]


def _has_proper_scales(tensor: TensorSpec, axis: int) -> bool:
    """One scale or several along this axis, none 0 or subnormal. UINT8 has its axis checked for one scale, too."""
    quantization = tensor.quantization
    if quantization is None or quantization.block_size or (quantization.scale < _TINY).any():
        return False
    return quantization.axis == axis or not (quantization.per_channel or tensor.type == _UINT8)
