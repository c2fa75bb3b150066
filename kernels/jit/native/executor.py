"""Runs a program: one native call for a whole inference.

A program is a row of entries [kernel address, argument block address, items, grain, counter, fault]. With several
threads, every thread runs the whole program and takes chunks of each entry's items from its counter; all meet before
the next entry. Waiting threads spin for a while and then give way to others.

A kernel that meets an illegal value at run time goes on with a legal one and sets its entry's fault. The program ends
after that entry, and its number, counted from 1, is the status that the caller gets; it is 0 otherwise.

An entry with 0 for the kernel is a jump [0, condition address, entries to go, 0, counter, 0], taken where the byte of
the condition is 0, or where its address is. Threads meet after they have read it, so that all take the same way.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.programs import ASLEEP, BLOCK_BYTES, DOOR_BYTES, ENTRY, FAULT, POSTED, WAITING
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import I64, emit_call, load_i8, load_i64, store

ENTRY_BYTES, FAULT_BYTES = 8 * ENTRY, 8 * FAULT
SPINS = 20_000
"""Rounds before a waiting thread gives way, some tens of microseconds."""

PATIENCE = 2_000
"""Rounds, giving way in each of them, before a thread without a program falls asleep: about a millisecond."""


@intrinsic
def _invoke(context, function, args, first, last, rank):
    """Calls a kernel: int32 kernel(void** result, void** exception, args, first, last, rank)."""

    def emit(c, b, s, a):
        unused = ir.PointerType(ir.IntType(8))
        with b.goto_entry_block():
            result, exception = b.alloca(unused), b.alloca(unused)
        kernel = ir.FunctionType(ir.IntType(32), [unused.as_pointer()] * 2 + [I64] * 4)
        b.call(b.inttoptr(a[0], kernel.as_pointer()), [result, exception, *a[1:]])
        return c.get_dummy_value()

    return types.void(*[types.int64] * 5), emit


@intrinsic
def _fetch_add(context, address, amount):
    """Adds to an int64 that several threads share; the value before."""

    def emit(c, b, s, a):
        return b.atomic_rmw("add", b.inttoptr(a[0], cgutils.intp_t.as_pointer()), a[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def _read_shared(context, address):
    def emit(c, b, s, a):
        return b.load_atomic(b.inttoptr(a[0], I64.as_pointer()), "acquire", 8)

    return types.int64(types.int64), emit


@intrinsic
def _write_shared(context, address, value):
    def emit(c, b, s, a):
        b.store_atomic(a[1], b.inttoptr(a[0], I64.as_pointer()), "release", 8)
        return c.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def _exchange(context, address, before, after):
    """Sets an int64 that several threads share, if it is what it should be; whether it was."""

    def emit(c, b, s, a):
        pointer = b.inttoptr(a[0], I64.as_pointer())
        return b.extract_value(b.cmpxchg(pointer, a[1], a[2], "seq_cst", "seq_cst"), 1)

    return types.boolean(*[types.int64] * 3), emit


@intrinsic
def _give_way(context):
    def emit(c, b, s, a):
        emit_call(b, "litejit_give_way", ir.IntType(32))
        return c.get_dummy_value()

    return types.void(), emit


@intrinsic
def _cycles(context):
    def emit(c, b, s, a):
        return emit_call(b, "llvm.readcyclecounter", I64)

    return types.int64(), emit


@intrinsic
def _leave_with(context, status):
    """Leaves the function with this int32 as its status, which is what a caller from outside gets, unless it is 0."""

    def emit(c, b, s, a):
        with b.if_then(b.icmp_signed("!=", a[0], I64(0))):
            b.ret(b.trunc(a[0], ir.IntType(32)))
        return c.get_dummy_value()

    return types.void(types.int64), emit


@inline
def _taken(entry):
    """The fault of an entry, which is none from then on."""
    fault = load_i64(entry + FAULT_BYTES)
    if fault != 0:
        store(entry + FAULT_BYTES, 0)
    return fault


@inline
def _meet(meeting, entry, ranks):
    """Waits for all threads; whether the entry has a fault. The last one to come prepares the entry for another run.

    It tells the others of the fault, since the program's caller may go on before they have looked.
    """
    round = _read_shared(meeting + 8)
    if _fetch_add(meeting, 1) == ranks - 1:
        _write_shared(meeting, 0)
        _write_shared(meeting + 16, _taken(entry))
        _write_shared(entry + 32, 0)
        _write_shared(meeting + 8, round + 1)
    else:
        spins = 0
        while _read_shared(meeting + 8) == round:
            spins += 1
            if spins > SPINS:
                _give_way()
    return _read_shared(meeting + 16)


@inline
def _program(args):
    """One run of a program, the part of one thread; the status."""
    program, count, rank, ranks, meeting, trace = (
        _read_shared(args), _read_shared(args + 8), _read_shared(args + 16), _read_shared(args + 24),
        _read_shared(args + 32), _read_shared(args + 40),
    )  # fmt: skip
    at, fault = 0, 0
    while at < count:
        entry = program + at * ENTRY_BYTES
        function, args, items, grain = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16), load_i64(entry + 24)
        if function == 0:
            jumps = args == 0 or load_i8(args) == 0
            if ranks > 1:
                _meet(meeting, entry, ranks)
            at += items if jumps else 1
            continue
        if trace != 0:
            store(trace + (at * ranks + rank) * 16, _cycles())
        if ranks == 1:
            _invoke(function, args, 0, items, 0)
        else:
            first = _fetch_add(entry + 32, grain)
            while first < items:
                _invoke(function, args, first, min(first + grain, items), rank)
                first = _fetch_add(entry + 32, grain)
        if trace != 0:
            store(trace + (at * ranks + rank) * 16 + 8, _cycles())
        at += 1
        if (_taken(entry) if ranks == 1 else _meet(meeting, entry, ranks)) != 0:
            fault, count = at, 0
    return fault


@inline
def _posted(args, ranks, meeting):
    """Gives the other threads their part of a program; whether all of them were waiting for it."""
    all_waiting = True
    for rank in range(1, ranks):
        door = meeting + DOOR_BYTES * rank
        while _read_shared(door) == POSTED:  # on its way out of the last program
            _give_way()
        _write_shared(door + 8, args + BLOCK_BYTES * rank)
        all_waiting = _exchange(door, WAITING, POSTED) and all_waiting
    return all_waiting


@inline
def _next_program(door):
    """Waits a while for another program: its argument, or 0."""
    _write_shared(door, WAITING)
    rounds = 0
    while _read_shared(door) != POSTED:
        rounds += 1
        if rounds > SPINS:
            _give_way()
        if rounds > SPINS + PATIENCE and _exchange(door, WAITING, ASLEEP):
            return 0
    return _read_shared(door + 8)


def run(args):
    """args: address of seven int64s: program, count, rank, ranks, meeting, trace, started.

    Those of the ranks of a program lie BLOCK_BYTES apart and differ in `rank` only. meeting: address of three int64s,
    how many threads have arrived, how often all have, the last fault; behind it, DOOR_BYTES apart, the doors of ranks 1
    and up: where the thread is, and the argument of the program that it is to run. trace: 0, or address of [count,
    ranks, 2] int64s for the processor's clock before and after each entry.

    Rank 0 posts the program to the others, which wait a while for the next one when they have done theirs. If some have
    fallen asleep, nothing more happens and the status is -1: the caller wakes them, and calls again with started = 1.
    """
    rank, ranks, meeting = _read_shared(args + 16), _read_shared(args + 24), _read_shared(args + 32)
    if rank == 0:
        if ranks > 1 and _read_shared(args + 48) == 0 and not _posted(args, ranks, meeting):
            _leave_with(-1)
        _leave_with(_program(args))
    else:
        while args != 0:
            _program(args)
            args = _next_program(meeting + DOOR_BYTES * rank)
