"""Which calls of a program are worth sharing among threads: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.programs import MOST_PORTIONS

__all__ = ["cost", "grains", "is_worth_sharing"]

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
    shared = [call for call in calls if call is not None and is_worth_sharing(call, size)]
    if sum(cost(call, size) for call in shared) <= WORTH_WAKING:
        return [0] * len(calls)
    return [_grain(call) if call is not None and is_worth_sharing(call, size) else 0 for call in calls]


def is_worth_sharing(call: Call, size: Callable[[int], int]) -> bool:
    """Whether others may help with a call, in a program that has helpers; size: as above."""
    return call.items > call.grain and cost(call, size) > WORTH_SHARING


def _grain(call: Call) -> int:
    """The call's own, or so many of them that there are not too many portions."""
    own = max(1, call.grain)
    return own * -(-call.items // (own * MOST_PORTIONS))
