"""Comparisons and logic on the fast tier."""

from __future__ import annotations

import numpy as np

from litejit.kernels.jit.broadcasting import broadcast_call
from litejit.kernels.jit.call import Call, padded
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.tables import elements_call, table_slots
from litejit.kernels.kernel import Kernel
from litejit.kernels.reference.comparison import Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual
from litejit.kernels.reference.logical import LogicalAnd, LogicalNot, LogicalOr
from litejit.schema import TensorType

__all__: list[str] = []

_COMPARISONS: dict[type[Kernel], tuple[str, bool]] = {
    # kernel, and whether the operands change places
    Equal: ("equal", False),
    NotEqual: ("not_equal", False),
    Less: ("less", False),
    LessEqual: ("less_equal", False),
    Greater: ("less", True),
    GreaterEqual: ("less_equal", True),
}
_NUMBERS = {TensorType.FLOAT32: "f32", TensorType.INT32: "i32"}


@lowers(*_COMPARISONS)
def comparison(lowering: Lowering) -> list[Call] | None:
    """32-bit numbers by comparison, 8-bit ones by a table of all pairs."""
    kernel, a, b = lowering.kernel, lowering.input(0), lowering.input(1)
    if a.type in _NUMBERS:
        name, swaps = _COMPARISONS[type(kernel)]
        return broadcast_call(lowering, f"comparing.{name}_{_NUMBERS[a.type]}", *((b, a) if swaps else (a, b)), {})
    if a.dtype.itemsize != 1:
        return None
    bits = np.arange(256, dtype=np.uint8).view(a.dtype)
    table = kernel.plain(bits[:, None], bits[None])
    return broadcast_call(lowering, "tables.pairs", a, b, {"table": padded(table.ravel())})


@lowers(LogicalAnd, LogicalOr)
def logical(lowering: Lowering) -> list[Call] | None:
    """Booleans are the integers 0 and 1."""
    name = "minimum" if isinstance(lowering.kernel, LogicalAnd) else "maximum"
    return broadcast_call(lowering, f"comparing.{name}_bytes", lowering.input(0), lowering.input(1), {"p3": -1})


@lowers(LogicalNot)
def logical_not(lowering: Lowering) -> list[Call] | None:
    """By table."""
    table = np.arange(256, dtype=np.uint8) == 0
    return elements_call(lowering, "tables.bytes", table_slots(table))
