"""RESIZE_BILINEAR on the fast tier: float32, int8 and uint8."""

from __future__ import annotations

import numpy as np

from litejit.kernels.jit.call import Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.resizing import RESIZE
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.resize import Interpolation, ResizeBilinear
from litejit.schema import TensorType

__all__: list[str] = []

_KERNELS = {
    # type: kernel, rows of 32-bit elements between the two steps
    TensorType.FLOAT32: ("resizing.floats", 1),
    TensorType.UINT8: ("resizing.unsigned", 2),
    TensorType.INT8: ("resizing.signed", 1),
}
_LARGEST_WEIGHT = 4096
"""Of int8, in units of 2**-10: sums of products stay below 2**31."""


def _weights(interpolation: Interpolation) -> np.ndarray:
    return interpolation.weight.astype(np.float32 if interpolation.weight.dtype.kind == "f" else np.int32)


@lowers(ResizeBilinear)
def resize_bilinear(lowering: Lowering) -> list[Call] | None:
    """One call."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    found = _KERNELS.get(input.type)
    if found is None:
        return None
    if output.size == 0:
        return []
    rows, columns = kernel.rows, kernel.columns
    largest = max(int(np.abs(part.weight).max()) for part in (rows, columns))
    if input.type == TensorType.INT8 and largest > _LARGEST_WEIGHT:
        return None
    name, scratch_rows = found
    batch, height, width, channels = input.dims
    row_bytes = width * channels * input.dtype.itemsize
    images = np.arange(batch)[:, None] * height * row_bytes
    scratch_bytes = scratch_rows * -(-width * channels // 8) * 32 + 64
    values = {
        "source": Tensor(input.index),
        "out": Tensor(output.index),
        "in_width": width,
        "out_width": output.dims[2],
        "channels": channels,
        "tops": padded((images + rows.lower * row_bytes).ravel()),
        "bottoms": padded((images + rows.upper * row_bytes).ravel()),
        "row_weights": padded(np.tile(_weights(rows), batch)),
        "lefts": padded(columns.lower * channels * 4),
        "rights": padded(columns.upper * channels * 4),
        "column_weights": padded(_weights(columns)),
        "scratch": Scratch(),
        "scratch_bytes": scratch_bytes,
    }
    return [Call(name, RESIZE, values, items=batch * output.dims[1], scratch_bytes=scratch_bytes, work=2 * output.size)]
