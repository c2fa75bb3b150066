"""What depends on data in a way that is only supposed: programs find a fault where the supposition does not hold."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.jit.call import Call, Fault, Tensor, padded
from litejit.kernels.jit.layouts.supposing import NONZERO, REPLACED, SAME
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.gather_scatter import Where
from litejit.kernels.reference.list_items import SetListItem

__all__ = ["same_values"]


def same_values(index: int, supposed: np.ndarray) -> Call:
    """A fault where a tensor does not hold these values."""
    values = {"source": Tensor(index), "supposed": padded(supposed), "fault": Fault(), "size": supposed.nbytes}
    return Call("supposing.same", SAME, values, work=supposed.nbytes)


@lowers(Where)
def where(lowering: Lowering) -> list[Call] | None:
    """A fault where there are more or fewer elements than the output has room for."""
    condition, output = lowering.input(0), lowering.outputs[0]
    if condition.size == 0:
        return []
    values = {
        "source": Tensor(condition.index),
        "out": Tensor(output.index),
        "fault": Fault(),
        "width": condition.dtype.itemsize,
        # -0.0 is zero.
        "mask": 0x7FFFFFFF if condition.dtype.kind == "f" else -1,
        "count": condition.size,
        "found": output.dims[0],
        "rank": condition.rank,
        "dims": padded(np.array(condition.dims, np.int64)),
    }
    return [Call("supposing.nonzero", NONZERO, values, work=condition.size)]


@lowers(SetListItem)
def set_list_item(lowering: Lowering) -> list[Call] | None:
    """Copies."""
    items, position, item, output = *map(lowering.input, range(3)), lowering.outputs[0]
    values = {
        "source": Tensor(items.index),
        "position": Tensor(position.index),
        "item": Tensor(item.index),
        "out": Tensor(output.index),
        "fault": Fault(),
        "width": position.dtype.itemsize,
        "size": prod(items.dims[1:]) * items.dtype.itemsize,
        "count": items.dims[0],
    }
    return [Call("supposing.replaced", REPLACED, values, work=output.size // 4)]
