"""What counts the rounds of a loop, so that one without end is a fault."""

from __future__ import annotations

from litejit.kernels.jit.layouts.looping import ROUNDS
from litejit.kernels.jit.native.simd import getters, load_i64, store

get, _ = getters(ROUNDS)


def begin(args, first, last, rank):
    """None have been made."""
    store(get(args, "rounds"), 0)


def count(args, first, last, rank):
    """One more."""
    rounds = load_i64(get(args, "rounds")) + 1
    store(get(args, "rounds"), rounds)
    if rounds >= get(args, "limit"):
        store(get(args, "fault"), 1)
