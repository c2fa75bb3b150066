"""MEAN, SUM and REDUCE_MAX along adjacent dimensions, on the fast tier."""

from __future__ import annotations

from math import prod
from typing import Any

from litejit.kernels.fixedpoint import multiply_by_quantized_multiplier
from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.reduction import REDUCE
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.reduction import Mean, ReduceMax, Sum
from litejit.kernels.reference.reduction_flavours import FixedPoint
from litejit.schema import TensorType

__all__: list[str] = []

_BLOCK = 64
_MOST_BYTES = 1 << 22
"""Sums of so many bytes, and their products with a mantissa, fit."""


def _middle(input: TensorSpec, axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """The input as [outer, count, inner], if the axes that are not 1 are adjacent."""
    reduced = [axis for axis in axes if input.dims[axis] != 1]
    if not reduced:
        return input.size, 1, 1
    first, last = min(reduced), max(reduced)
    if any(input.dims[axis] != 1 and axis not in axes for axis in range(first, last + 1)):
        return None
    return prod(input.dims[:first]), prod(input.dims[first : last + 1]), prod(input.dims[last + 1 :])


@lowers(Mean, Sum, ReduceMax)
def reduction(lowering: Lowering) -> list[Call] | None:
    """One call: columns side by side, or rows."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    middle = _middle(input, kernel.axes)
    if middle is None or input.size == 0:
        return None
    outer, count, inner = middle
    found = _arithmetic(kernel, input, count, inner)
    if found is None:
        return None
    name, slots = found
    blocks = -(-inner // _BLOCK)
    values = {
        **dict.fromkeys(REDUCE.names, 0),
        "source": Tensor(input.index),
        "out": Tensor(output.index),
        "count": count,
        "inner": inner,
        "blocks": blocks,
        "block": _BLOCK,
        **slots,
    }
    return [Call(f"reduction.{name}", REDUCE, values, items=outer * blocks, grain=4, work=input.size // 2)]


def _arithmetic(kernel: Any, input: TensorSpec, count: int, inner: int) -> tuple[str, dict[str, Any]] | None:
    rows = "_rows" if inner == 1 else ""
    if input.type == TensorType.FLOAT32:
        kind = "max" if isinstance(kernel, ReduceMax) else "sum"
        return f"{kind}{rows}_f32", {"divisor": float(count) if isinstance(kernel, Mean) else 1.0}
    if input.type not in (TensorType.INT8, TensorType.UINT8) or isinstance(kernel, ReduceMax) or count > _MOST_BYTES:
        return None
    rescaled = kernel.rescaled
    if not isinstance(rescaled, FixedPoint) or rescaled.rescale is not multiply_by_quantized_multiplier:
        return None
    exponent = int(rescaled.multiplier.exponent)
    if not -30 <= exponent <= 0:
        return None
    return "sum_bytes", {
        "mask": 255 if input.type == TensorType.UINT8 else -1,
        "mantissa": int(rescaled.multiplier.mantissa),
        "exponent": -exponent,
        "offset": rescaled.offset,
        "zero_point": rescaled.zero_point,
        "low": kernel.low,
        "high": kernel.high,
    }
