"""Which calls of a program are worth sharing among threads: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.programs import MOST_PORTIONS

__all__ = ["cost", "grains"]

_STEPS, _BYTES = 32, 20
"""Multiply-adds (or steps of elements), and bytes of tensors, that a processor of today does in a nanosecond."""

WORTH_SHARING = 2_000
"""Nanoseconds of a call above which others may help with it: to open it and to see it done takes some hundreds."""

WORTH_WAKING = 10_000
"""Nanoseconds of all calls to share above which a program has helpers: to wake them takes some thousands."""


def cost(call: Call, size: Callable[[int], int]) -> float:
    """A rough number of nanoseconds that a call takes one thread. size: bytes of a tensor that is no constant."""
    tensors = {value.index for value in call.values.values() if isinstance(value, Tensor)}
    return max(call.work / _STEPS, sum(map(size, tensors)) / _BYTES)


def grains(calls: Sequence[Call | None], size: Callable[[int], int]) -> list[int]:
    """For each call the number of items that a thread takes at a time; 0 for those of one thread. None: no call."""
    costs = [0 if call is None or call.items <= call.grain else cost(call, size) for call in calls]
    shared = [cost > WORTH_SHARING for cost in costs]
    if sum(cost for cost, is_shared in zip(costs, shared, strict=True) if is_shared) <= WORTH_WAKING:
        return [0] * len(calls)
    return [
        _grain(call) if is_shared and call is not None else 0 for call, is_shared in zip(calls, shared, strict=True)
    ]


def _grain(call: Call) -> int:
    """The call's own, or so many of them that there are not too many portions."""
    own = max(1, call.grain)
    return own * -(-call.items // (own * MOST_PORTIONS))
