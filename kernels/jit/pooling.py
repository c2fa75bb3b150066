"""MAX_POOL_2D and AVERAGE_POOL_2D on the fast tier: float32, 8-bit and int16."""

from __future__ import annotations

from math import prod
from typing import Any

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.convolution import float_clamp
from litejit.kernels.jit.layouts.pooling import POOL
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.pooling import AveragePool2D, MaxPool2D
from litejit.schema import TensorType

__all__: list[str] = []

_MOST_TAPS = {TensorType.INT8: 1 << 16, TensorType.UINT8: 1 << 16, TensorType.INT16: 500}
"""Sums of so many integers, and half the count, are exact in float32."""


@lowers(MaxPool2D, AveragePool2D)
def pool(lowering: Lowering) -> list[Call] | None:
    """One call."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    rows, columns = kernel.windows
    taps = rows.filter_size * columns.filter_size
    name = "max" if isinstance(kernel, MaxPool2D) else "mean"
    clamp: dict[str, Any]
    if input.type == TensorType.FLOAT32:
        low, high = float_clamp(kernel.options.fused_activation_function)
        kind, clamp = "f32", {"mask": 0, "low": low, "high": high}
    elif name == "mean" and taps > _MOST_TAPS[input.type]:
        return None
    elif input.type == TensorType.INT16:
        kind, clamp = "words", {"mask": 0, "low": kernel.low, "high": kernel.high}
    else:
        shift = 128 if input.type == TensorType.UINT8 else 0
        kind = "bytes"
        clamp = {"mask": 255 if shift else -1, "low": kernel.low - shift, "high": kernel.high - shift}
    if output.size == 0:
        return []
    values = {
        "source": Tensor(input.index),
        "out": Tensor(output.index),
        "height": input.dims[1],
        "width": input.dims[2],
        "channels": input.dims[3],
        "out_height": rows.out_size,
        "out_width": columns.out_size,
        "filter_height": rows.filter_size,
        "filter_width": columns.filter_size,
        "stride_height": rows.stride,
        "stride_width": columns.stride,
        "top": rows.before,
        "left": columns.before,
        **clamp,
    }
    items = prod(output.dims[:2])
    return [Call(f"pooling.{name}_{kind}", POOL, values, items=items, work=output.size * taps // 4)]
