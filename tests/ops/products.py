"""Operands for operators that add up products: random numbers and scales for every combination of types they take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, out, refused
from tests.oracle import oracle

__all__ = ["KINDS", "Kind", "Operands", "integers", "operands", "refused_by_both"]


@dataclass(frozen=True)
class Kind:
    """Types of input, weights and bias. per_channel: a scale for each output channel; output: None for the input's."""

    input: Any
    weights: TensorType
    bias: Any
    per_channel: bool = False
    output: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def hybrid(self) -> bool:
        return self.input is np.float32 and self.weights != TensorType.FLOAT32

    @property
    def floats(self) -> bool:
        return self.input is np.float32


_INT8, _INT4, _INT2 = TensorType.INT8, TensorType.INT4, TensorType.INT2
_INT32_SUMS = {"quantized_bias_type": TensorType.INT32}
KINDS = {
    "float": Kind(np.float32, TensorType.FLOAT32, np.float32),
    "uint8": Kind(np.uint8, TensorType.UINT8, np.int32),
    "int8": Kind(np.int8, _INT8, np.int32),
    "int8-channels": Kind(np.int8, _INT8, np.int32, per_channel=True),
    "int8-int4": Kind(np.int8, _INT4, np.int32, per_channel=True),
    "int16": Kind(np.int16, _INT8, np.int64),
    "int16-channels": Kind(np.int16, _INT8, np.int64, per_channel=True),
    "int16-int32": Kind(np.int16, _INT8, np.int32, per_channel=True, options=_INT32_SUMS),
    "hybrid": Kind(np.float32, _INT8, np.float32),
    "hybrid-channels": Kind(np.float32, _INT8, np.float32, per_channel=True),
    "hybrid-int4": Kind(np.float32, _INT4, np.float32, per_channel=True),
}


@dataclass
class Operands:
    """Input, weights, bias and output of one operator; atol: how far sums of floats may be off."""

    input: Input
    weights: Input
    bias: Input
    outputs: list[dict[str, Any]]
    atol: float


def integers(shape: tuple[int, ...], type: Any, seed: int) -> np.ndarray:
    """Random integers of the whole range of a dtype or TensorType (that of INT4 or INT2 in int8)."""
    rng = np.random.default_rng(seed)
    if type in (_INT4, _INT2):
        limit = 8 if type == _INT4 else 2
        return rng.integers(-limit, limit, shape).astype(np.int8)
    dtype = {_INT8: np.int8, TensorType.UINT8: np.uint8, TensorType.INT16: np.int16}.get(type, type)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


def operands(
    kind: Kind,
    input_shape: tuple[int, ...],
    weights_shape: tuple[int, ...],
    *,
    channel_axis: int,
    constant: bool = True,
    seed: int = 0,
) -> Operands:
    """Random operands; the output's scale is such that outputs fill most of its range and some saturate."""
    rng = np.random.default_rng(seed)
    channels = weights_shape[channel_axis]
    depth = int(np.prod(weights_shape)) // max(1, channels)
    make = Const if constant else Input
    if kind.weights == TensorType.FLOAT32:
        values = [rng.normal(size=shape).astype(np.float32) for shape in (input_shape, weights_shape, (channels,))]
        return Operands(Input(values[0]), make(values[1]), Const(values[2]), [out()], 2e-6 * depth**0.5 * 4)
    scales = rng.uniform(0.002, 0.02, channels if kind.per_channel else 1).astype(np.float32)
    weights = integers(weights_shape, kind.weights, seed)
    if kind.hybrid:
        # The official x86 code for dot products gets weights of -128, which converters never write, wrong.
        weights = np.maximum(weights, -127)
    zero_point = 131 if kind.weights == TensorType.UINT8 else 0
    filter_fields: dict[str, Any] = {"scale": scales, "zero_point": zero_point}
    if kind.per_channel:
        filter_fields["quantized_dimension"] = channel_axis
    if kind.weights in (_INT4, _INT2):
        filter_fields["type"] = kind.weights
    filter = make(weights, **filter_fields)
    if kind.hybrid:
        x = (rng.normal(size=input_shape) * 3).astype(np.float32)
        return Operands(Input(x), filter, Const(rng.normal(size=channels), np.float32), [out()], 0.0)
    info = np.iinfo(kind.input)
    input_zero_point = 0 if kind.input is np.int16 else int(rng.integers(info.min, info.max))
    x = integers(input_shape, kind.input, seed + 1)
    spread = (info.max - info.min) / 3 * float(np.std(weights - float(zero_point))) * depth**0.5 + 1
    input_scale = np.float32(0.017)
    output = kind.output or kind.input
    span = np.iinfo(output).max - np.iinfo(output).min
    bias = (rng.normal(size=channels) * spread).astype(kind.bias)
    output_scale = np.float32(input_scale * scales.mean() * spread * 4 / span)
    output_zero_point = 0 if output is np.int16 else (np.iinfo(output).max + np.iinfo(output).min) // 2 + 9
    return Operands(
        Input(x, scale=input_scale, zero_point=input_zero_point),
        filter,
        Const(bias, scale=input_scale * scales),
        [out(output, scale=output_scale, zero_point=output_zero_point)],
        0.0,
    )


def refused_by_both(problem: Problem, fragment: str) -> None:
    """Asserts that the model is refused by the official reference kernel, too."""
    refused(problem, fragment)
    assert oracle.run(problem.model, problem.inputs, "ref").error is not None
