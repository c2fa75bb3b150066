"""Variables read and assigned. Reading before anything is assigned is a fault."""

from __future__ import annotations

from litejit.kernels.jit.layouts.variables import ASSIGN, READ
from litejit.kernels.jit.native.pieces import copy_piece
from litejit.kernels.jit.native.simd import getters, load_i64, store

get, _ = getters(READ)
assigned, _ = getters(ASSIGN)


def read(args, first, last, rank):
    """The variable's bytes."""
    state, number = load_i64(get(args, "state")), get(args, "number")
    if state == 0 or (number != 0 and state != number):
        store(get(args, "fault"), 1)
    start, stop = first * get(args, "piece"), min(get(args, "count"), last * get(args, "piece"))
    copy_piece(get(args, "source") + start, get(args, "out") + start, stop - start)


def assign(args, first, last, rank):
    """The variable's bytes, and that there are some."""
    start, stop = first * assigned(args, "piece"), min(assigned(args, "count"), last * assigned(args, "piece"))
    copy_piece(assigned(args, "source") + start, assigned(args, "out") + start, stop - start)
    store(assigned(args, "state"), assigned(args, "number"))
