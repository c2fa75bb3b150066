"""Calls that count the rounds of a loop."""

from __future__ import annotations

from litejit.kernels.jit.call import Call, Fault, State
from litejit.kernels.jit.layouts.looping import ROUNDS

__all__ = ["begin_rounds", "count_round"]


def begin_rounds(rounds: State) -> Call:
    """rounds: [1] int64."""
    return Call("looping.begin", ROUNDS, {"rounds": rounds, "fault": 0, "limit": 0}, work=1)


def count_round(rounds: State, limit: int) -> Call:
    """A fault when there have been as many as the limit."""
    return Call("looping.count", ROUNDS, {"rounds": rounds, "fault": Fault(), "limit": limit}, work=1)
