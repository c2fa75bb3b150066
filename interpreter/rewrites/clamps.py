"""Activations that are a clamp, done by the code that computes what they clamp."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from litejit.kernels.jit.call import Call, Tensor
from litejit.rewrites.task import Task

__all__ = ["fold_clamps"]

_CLAMP = "pointwise.clamp"
_CLAMPED = (
    "arithmetic.add_",
    "arithmetic.mul_",
    "arithmetic.sub_",
    "convolution.",
    "depthwise.",
    "pooling.",
    "products.float_",
    "winograd.",
)
"""Kernels that end with the same clamp of floats, not a number staying what it is."""


def fold_clamps(tasks: Sequence[Task], needed: Collection[int]) -> list[Task]:
    """RELU and its kin on floats, where nobody else reads what they clamp. The tasks have been lowered."""
    readers: dict[int, int] = {}
    for task in tasks:
        for index in task.inputs:
            readers[index] = readers.get(index, 0) + 1
    writers = {index: at for at, task in enumerate(tasks) for index in task.outputs}
    result = list(tasks)
    for at, task in enumerate(tasks):
        if [call.kernel for call in task.calls] != [_CLAMP]:
            continue
        (clamp,), source = task.calls, task.inputs[0]
        writer = writers.get(source)
        if writer is None or source in needed or readers[source] > 1:
            continue
        calls = [_clamped(call, source, task.outputs[0], clamp) for call in result[writer].calls]
        if calls and all(call is not None for call in calls):
            result[writer] = replace(result[writer], outputs=task.outputs, result=tuple(filter(None, calls)))
            result[at] = task.dropped
    return result


def _clamped(call: Call, source: int, target: int, clamp: Call) -> Call | None:
    """The call that writes the clamped values to another tensor; None where it cannot."""
    out, low, high = (call.values.get(name) for name in ("out", "low", "high"))
    if not call.kernel.startswith(_CLAMPED) or not isinstance(low, float) or not isinstance(high, float):
        return None
    if not isinstance(out, Tensor) or out.index != source:
        return None
    low, high = max(low, clamp.values["p0"]), min(high, clamp.values["p1"])
    if low > high:
        return None
    return replace(call, values={**call.values, "out": replace(out, index=target), "low": low, "high": high})
