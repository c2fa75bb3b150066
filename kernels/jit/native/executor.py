"""Runs a program: one native call for a whole inference.

A program is a row of entries [kernel address, argument block address, items, grain, fault]. One thread goes through
them. With several threads, others help with the calls that are worth it (see `sharing`): those with a grain, which is
how many items are taken at a time; the items of the others, whose grain is 0, are not divided.

A kernel that meets an illegal value at run time goes on with a legal one and sets its entry's fault. The program ends
after that entry, and its number, counted from 1, is the status that the caller gets; it is 0 otherwise.

An entry with 0 for the kernel is a jump [0, condition address, entries to go, 0, fault], taken where the byte of the
condition is 0, or where its address is.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.programs import ENTRY, FAULT, HELP, RUNS, STARTED, STOP
from litejit.kernels.jit.native.atomics import cycles, read_shared, write_shared
from litejit.kernels.jit.native.emission import I64
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.sharing import help_others, invoke, share, stop, wake_all
from litejit.kernels.jit.native.simd import load_i8, load_i64, store

ENTRY_BYTES, FAULT_BYTES = 8 * ENTRY, 8 * FAULT


@intrinsic
def _leave_with(context, status):
    """Leaves the function with this int32 as its status, which is what a caller from outside gets, unless it is 0."""

    def emit(c, b, s, a):
        with b.if_then(b.icmp_signed("!=", a[0], I64(0))):
            b.ret(b.trunc(a[0], ir.IntType(32)))
        return c.get_dummy_value()

    return types.void(types.int64), emit


@inline
def _program(program, count, meeting, ranks, trace, wakes):
    """One run of a program; the status."""
    at = 0
    while at < count:
        entry = program + at * ENTRY_BYTES
        function, args, items, grain = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16), load_i64(entry + 24)
        if function == 0:
            at += items if args == 0 or load_i8(args) == 0 else 1
            continue
        times = trace + at * ranks * 16 if trace != 0 else 0
        if times != 0:
            store(times, cycles())
        if ranks > 1 and grain != 0:
            share(meeting, entry, times, ranks, wakes)
        else:
            invoke(function, args, 0, items, 0)
        if times != 0:
            store(times + 8, cycles())
        at += 1
        if load_i64(entry + FAULT_BYTES) != 0:
            store(entry + FAULT_BYTES, 0)
            return at
    return 0


def run(args):
    """args: address of int64s: task, meeting, ranks; for a program also its address, its number of entries, trace,
    every; for a helper its rank.

    task: PROGRAM, HELP, STOP (see `layouts.programs`). meeting: address of memory that is 0 at first but for the locks
    of the seats, see `sharing`; not needed for one thread. trace: 0, or address of [count, ranks, 2] int64s for the
    processor's clock before and after each entry. every: how many runs it takes to wake helpers that are asleep; where
    it takes one, those that fall asleep meanwhile are woken, too.

    The status is -1 if a program needs helpers and none have been started: nothing has happened, then.
    """
    task, meeting, ranks = read_shared(args), read_shared(args + 8), read_shared(args + 16)
    first, count, trace, every = (
        read_shared(args + 24), read_shared(args + 32), read_shared(args + 40), read_shared(args + 48),
    )  # fmt: skip
    if task == HELP:
        help_others(meeting, first, ranks)
    elif task == STOP:
        stop(meeting, ranks)
    else:
        if ranks > 1:
            if read_shared(meeting + STARTED) == 0:
                _leave_with(-1)
            runs = read_shared(meeting + RUNS) + 1
            if runs >= every:
                wake_all(meeting, ranks)
                runs = 0
            write_shared(meeting + RUNS, runs)
        _leave_with(_program(first, count, meeting, ranks, trace, every == 1))
