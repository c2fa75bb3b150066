"""Which calls of a program are worth sharing among threads: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.programs import MOST_PORTIONS

__all__ = ["Shares", "cost", "is_worth_sharing", "shares"]

_STEPS, _BYTES = 32, 20
"""Multiply-adds (or steps of elements), and bytes of tensors, that a processor of today does in a nanosecond."""

WORTH_SHARING = 2_000
"""Nanoseconds of a call above which others may help with it: to open it and to see it done takes some hundreds."""

WORTH_HELPERS = 10_000
"""Nanoseconds of all calls to share above which a program has helpers."""

WORTH_WAKING = 100_000
"""Nanoseconds above which every run wakes them. That takes some tens of thousands, as long as they take to come."""

SOME_RUNS = 16
"""Of a smaller program, every so many runs: those that come one after the other have helpers that are awake."""


class Shares(NamedTuple):
    """grains: of each call the number of items that a thread takes at a time, 0 for those of one thread.

    every: how many runs of the program it takes to wake helpers that are asleep.
    """

    grains: list[int]
    every: int = 1


def cost(call: Call, size: Callable[[int], int]) -> float:
    """A rough number of nanoseconds that a call takes one thread. size: bytes of a tensor that is no constant."""
    tensors = {value.index for value in call.values.values() if isinstance(value, Tensor)}
    return max(call.work / _STEPS, sum(map(size, tensors)) / _BYTES)


def shares(calls: Sequence[Call | None], size: Callable[[int], int]) -> Shares:
    """How the calls of a program are shared; None: no call. size: bytes of a tensor that is no constant."""
    shared = [call if call is not None and is_worth_sharing(call, size) else None for call in calls]
    whole = sum(cost(call, size) for call in shared if call is not None)
    if whole <= WORTH_HELPERS:
        return Shares([0] * len(calls))
    return Shares([0 if call is None else _grain(call) for call in shared], 1 if whole > WORTH_WAKING else SOME_RUNS)


def is_worth_sharing(call: Call, size: Callable[[int], int]) -> bool:
    """Whether others may help with a call, in a program that has helpers; size: as above."""
    return call.items > call.grain and cost(call, size) > WORTH_SHARING


def _grain(call: Call) -> int:
    """The call's own, or so many of them that there are not too many portions."""
    own = max(1, call.grain)
    return own * -(-call.items // (own * MOST_PORTIONS))
