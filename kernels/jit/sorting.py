"""TOPK_V2 on the fast tier."""

from __future__ import annotations

from math import prod

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.sorting import LARGEST
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.sorting import TopK
from litejit.schema import TensorType

__all__: list[str] = []

_NAMES = {
    TensorType.FLOAT32: "f32",
    TensorType.UINT8: "u8",
    TensorType.INT8: "i8",
    TensorType.INT16: "i16",
    TensorType.INT32: "i32",
    TensorType.INT64: "i64",
}
_MOST_STEPS = 1 << 20
"""Of a row that rises all along: beyond that, sorting is quicker."""


@lowers(TopK)
def largest(lowering: Lowering) -> list[Call] | None:
    """A row an item."""
    input, (values, indices), k = lowering.input(0), lowering.outputs, lowering.kernel.k
    if input.type not in _NAMES or k * input.dims[-1] > _MOST_STEPS:
        return None
    if values.size == 0:
        return []
    slots = {
        "source": Tensor(input.index),
        "values": Tensor(values.index),
        "indices": Tensor(indices.index),
        "count": input.dims[-1],
        "k": k,
        "width": indices.dtype.itemsize,
    }
    rows = prod(input.dims[:-1])
    return [Call(f"sorting.largest_{_NAMES[input.type]}", LARGEST, slots, items=rows, work=4 * input.size)]
