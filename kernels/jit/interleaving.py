"""Calls on the same elements that are done piece by piece instead of one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from litejit.kernels.jit.call import Call, Fault, Jump, Label
from litejit.kernels.jit.layouts.elements import BROADCAST, ELEMENTS
from litejit.kernels.jit.layouts.interleaving import INTERLEAVED

__all__ = ["interleaved", "item_elements"]

_KERNELS = ("arithmetic.", "pointwise.")
"""Kernels whose item i is made of the elements i k to (i + 1) k of a result, and of operands that are as large."""


def item_elements(call: Call) -> int | None:
    """Elements of an item, of which only the last one may have fewer; None where it is not that simple."""
    if not call.kernel.startswith(_KERNELS) or any(isinstance(value, Fault) for value in call.values.values()):
        return None
    values = call.values
    if call.layout is ELEMENTS:
        return int(values["piece"])
    if call.layout is not BROADCAST:
        return None
    blocks = call.items // int(values["groups"])
    rows, group = int(values["rows"]), int(values["group_rows"])
    return group * int(values["inner"]) if blocks == 1 or rows % group == 0 else None


def interleaved(calls: Sequence[Call]) -> tuple[Call | Jump | Label, ...]:
    """What does all items of several calls at once; their own entries, which it reads, are jumped over."""
    end = Label()
    (items,) = {call.items for call in calls}
    values = {"fault": Fault(), "count": len(calls)}
    whole = Call("interleaving.pieces", INTERLEAVED, values, items=items, work=sum(call.work for call in calls))
    return whole, Jump(end), *calls, end
