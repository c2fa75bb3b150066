"""MEAN, SUM, CUMSUM, extremes along axes, and where these are, on the fast tier."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from litejit.kernels.fixedpoint import multiply_by_quantized_multiplier
from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import Call, Scratch, Tensor
from litejit.kernels.jit.layouts.reduction import REDUCE
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.moving import copy
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.arg import ArgMax, ArgMin
from litejit.kernels.reference.cumsum import Cumsum
from litejit.kernels.reference.reduction import (
    Extremum,
    Mean,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    Sum,
)
from litejit.kernels.reference.reduction_flavours import FixedPoint, RoundedAway
from litejit.schema import TensorType

__all__ = ["sum_of_squares"]

_BLOCK = 64
_MOST = (1 << 31) - 1
_FLOAT_SIGN = -(1 << 31)

_LARGEST = (ReduceMax, ReduceAny, ArgMax)
_KINDS = {
    TensorType.FLOAT32: "f32",
    TensorType.BOOL: "bytes",
    TensorType.INT8: "bytes",
    TensorType.UINT8: "bytes",
    TensorType.INT16: "words",
    TensorType.INT32: "i32",
    TensorType.INT64: "i64",
}


def _middle(input: TensorSpec, axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """The input as [outer, count, inner], if the axes that are not 1 are adjacent."""
    reduced = [axis for axis in axes if input.dims[axis] != 1]
    if not reduced:
        return input.size, 1, 1
    first, last = min(reduced), max(reduced)
    if any(input.dims[axis] != 1 and axis not in axes for axis in range(first, last + 1)):
        return None
    return prod(input.dims[:first]), prod(input.dims[first : last + 1]), prod(input.dims[last + 1 :])


def _call(
    lowering: Lowering, kernel: str, source: Tensor | Scratch, dims: tuple[int, int, int], slots: dict[str, Any]
) -> Call:
    outer, count, inner = dims
    blocks = -(-inner // _BLOCK)
    values = {
        **dict.fromkeys(REDUCE.names, 0),
        "source": source,
        "out": Tensor(lowering.outputs[0].index),
        "count": count,
        "inner": inner,
        "blocks": blocks,
        "block": _BLOCK,
        **slots,
    }
    grain = max(1, 256 // (count * min(inner, _BLOCK)))
    return Call(kernel, REDUCE, values, items=outer * blocks, grain=grain, work=outer * count * inner // 2)


@lowers(Mean, Sum, ReduceMax, ReduceMin, ReduceAny, ReduceAll)
def reduction(lowering: Lowering) -> list[Call] | None:
    """One call: columns side by side, or rows. Axes that are not adjacent are moved behind the others first."""
    kernel, input = lowering.kernel, lowering.input(0)
    if input.size == 0:
        return None
    dims = _middle(input, kernel.axes)
    kept = [axis for axis in range(input.rank) if axis not in kernel.axes]
    moved = dims is None
    if dims is None:
        dims = prod(input.dims[axis] for axis in kept), kernel.count, 1
    found = _arithmetic(kernel, input, dims[1], dims[2])
    if found is None:
        return None
    if not moved:
        return [_call(lowering, found[0], Tensor(input.index), dims, found[1])]
    order = (*kept, *kernel.axes)
    shape, strides = [input.dims[axis] for axis in order], contiguous(input.dims)
    size = input.dtype.itemsize
    gathered = copy(Tensor(input.index), Scratch(), shape, [strides[axis] for axis in order], contiguous(shape), size)
    if gathered is None:
        return None
    scratch_bytes = -(-input.size * size // 64) * 64 + 64
    calls = gathered, _call(lowering, found[0], Scratch(), dims, found[1])
    return [replace(call, scratch_bytes=scratch_bytes) for call in calls]


def sum_of_squares(lowering: Lowering) -> list[Call] | None:
    """What MEAN or SUM of floats makes of the squares of its operand, if it sums rows."""
    input = lowering.input(0)
    dims = _middle(input, lowering.kernel.axes)
    if dims is None or dims[2] != 1 or input.size == 0:
        return None
    found = _arithmetic(lowering.kernel, input, dims[1], 1)
    if found is None or found[0] != "reduction.sum_rows_f32":
        return None
    return [_call(lowering, "reduction.sum_rows_of_squares_f32", Tensor(input.index), dims, found[1])]


def _arithmetic(kernel: Any, input: TensorSpec, count: int, inner: int) -> tuple[str, dict[str, Any]] | None:
    """Kernel and what it needs besides shapes."""
    kind = _KINDS.get(input.type)
    if kind is None:
        return None
    if isinstance(kernel, (Extremum, ReduceAny, ReduceAll)):
        name = kind if kind in ("words", "i32", "i64") else f"{'rows' if inner == 1 else 'columns'}_{kind}"
        return f"extremes.{name}", {"flip": _flip(kernel, input), "whole": len(kernel.axes) == input.rank}
    if kind == "f32":
        divisor = float(count) if isinstance(kernel, Mean) else 1.0
        return "reduction.sum_rows_f32" if inner == 1 else "reduction.sum_f32", {"divisor": divisor}
    rescaling = _rescaling(kernel, input, count)
    if rescaling is None or kind not in ("bytes", "words"):
        return None
    slots = {"mask": 255 if input.type == TensorType.UINT8 else -1, "low": kernel.low, "high": kernel.high}
    return f"reduction.sum_{'rows_' if inner == 1 else ''}{kind}", {**slots, **rescaling}


def _rescaling(kernel: Any, input: TensorSpec, count: int) -> dict[str, Any] | None:
    """How sums of integers become results, where no step of it leaves 32 bits."""
    rescaled, largest = kernel.rescaled, (1 << 8 * input.dtype.itemsize) * count
    if isinstance(rescaled, RoundedAway):
        scale, bias = float(rescaled.scale), float(rescaled.bias)
        if not largest * abs(scale) + abs(bias) < _MOST >> 1 or largest > _MOST:
            return None
        return {"in_float": 1, "scale": scale, "bias": bias, "zero_point": rescaled.zero_point}
    if not isinstance(rescaled, FixedPoint) or rescaled.rescale is not multiply_by_quantized_multiplier:
        return None
    exponent = int(rescaled.multiplier.exponent)
    if not -30 <= exponent <= 30 or largest << max(0, exponent) > _MOST:
        return None
    return {
        "mantissa": int(rescaled.multiplier.mantissa),
        "exponent": exponent,
        "offset": rescaled.offset,
        "zero_point": rescaled.zero_point,
    }


def _flip(kernel: object, input: TensorSpec) -> int:
    """The bits to change so that the largest of signed numbers, or of floats, is what is looked for."""
    if input.type == TensorType.FLOAT32:
        return 0 if isinstance(kernel, _LARGEST) else _FLOAT_SIGN
    return (0 if isinstance(kernel, _LARGEST) else -1) ^ (-128 if input.type == TensorType.UINT8 else 0)


@lowers(ArgMax, ArgMin)
def arg(lowering: Lowering) -> list[Call] | None:
    """One call."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    kind = _KINDS.get(input.type)
    if kind in (None, "i64") or input.size == 0:
        return None
    dims = prod(input.dims[: kernel.axis]), input.dims[kernel.axis], prod(input.dims[kernel.axis + 1 :])
    slots = {"flip": _flip(kernel, input), "wide": output.type == TensorType.INT64, "lanes": kernel.lanes}
    kernel_name = f"searching.{'rows' if dims[2] == 1 else 'columns'}_{kind}"
    return [_call(lowering, kernel_name, Tensor(input.index), dims, slots)]


@lowers(Cumsum)
def cumsum(lowering: Lowering) -> list[Call] | None:
    """One call."""
    kernel, input = lowering.kernel, lowering.input(0)
    kind = _KINDS.get(input.type)
    if kind not in ("f32", "i32", "i64") or input.size == 0:
        return None
    dims = prod(input.dims[: kernel.axis]), input.dims[kernel.axis], prod(input.dims[kernel.axis + 1 :])
    slots = {"flip": kernel.options.reverse, "whole": kernel.options.exclusive}
    return [_call(lowering, f"accumulating.sum_{kind}", Tensor(input.index), dims, slots)]
