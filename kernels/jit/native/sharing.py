"""How threads share a call: the one that runs the program opens it, and others take portions when they come.

The thread that runs a program (rank 0) opens the calls that are worth it, one at a time, and takes portions itself
until none is left. It then waits for the portions that others have taken, and for nothing else: who is late, asleep or
kept from running by other processes is not waited for. All other calls are its own, without a word to anybody.

What is shared is one int64, the ticket: the number of the opening (40 bits), and the portions [low, high) that nobody
has taken (12 bits each). A portion is taken by exchanging the ticket for one with less in it: rank 0 takes from the
front, helpers take from the back, so that calls over the same data find it with the same core again and again. As long
as much is left much is taken at once. The first portions are rank 0's from the opening on, so that it does not fight
for the ticket while others come to read it. Beside the ticket is the entry that is open; elsewhere, since helpers write
it, `done`: how many portions helpers have done in all openings together.

Why each portion is done exactly once. Those that an opening leaves out are rank 0's, who does them; of the others, low
and high change by successful exchanges only, from an opening to the next.
Numbers of openings do not come again (2^40 of them take days), so an exchange succeeds only if the portions that it
takes belong to the opening that the ticket was read in, and were left. While any are left, rank 0 cannot go on: it
leaves when low = high and `done` has grown by what it has not done itself.

Why a helper computes what was opened. It reads the entry between reading the ticket and exchanging it. Rank 0 writes
the entry before the ticket of its opening, so it is read no older than the ticket; and when the exchange succeeds,
portions were left all the time, in which rank 0 has written no other. Memory of a program, its entries and its
arguments is therefore touched only while rank 0 is in that program, though helpers know nothing of programs.

Why no result is read early, nor overwritten late. A helper adds to `done` behind its last access to memory of the
portion (release), rank 0 reads it before what comes next (acquire). Nobody else writes `done`, and at an opening all
additions to it have been seen, those of all portions that helpers have ever taken: what it grows by after that has been
done in this opening. It may wrap round, as differences do not mind. Helpers read what was written before the opening,
since they have read the ticket that was written after it.

Why no thread is lost. A helper that finds nothing says that it is asleep, looks again at what it could have missed, and
sleeps in a lock. Whoever changes its state from asleep to awake, itself or another, is one, as the state is exchanged;
another then has to release the lock, and does so once for each sleep. Missing an opening costs help with this one: it
is seen asleep by the next program. Missing the end is not possible: the end is written before the state is looked at,
and the helper's state before it looks for the end, all in one order (seq_cst).

After a fork, helpers are not there and nothing waits for them. What was open is closed, so that helpers of the child
take no portion of it.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.programs import (
    ASLEEP,
    AWAKE,
    DONE,
    ENDED,
    MOST_PORTIONS,
    OPEN,
    PORTION_BITS,
    SEAT_BYTES,
    SEATS,
    TICKET,
    TIMES,
)
from litejit.kernels.jit.native.atomics import (
    cycles,
    exchange,
    fetch_add,
    give_way,
    pause,
    read_shared,
    sleep,
    wake,
    write_shared,
)
from litejit.kernels.jit.native.emission import I64
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import load_i64, store

__all__ = ["help_others", "invoke", "share", "stop", "wake_all"]

BITS, MASK = PORTION_BITS, MOST_PORTIONS

SPINS = 1_000
"""Rounds, each with a pause, before a waiting thread gives way to others: some tens of microseconds."""

PATIENCE = 2_000
"""Rounds, giving way in each of them, before a helper that finds nothing falls asleep: about a millisecond."""


@intrinsic
def invoke(context, function, args, first, last, rank):
    """Calls a kernel: int32 kernel(void** result, void** exception, args, first, last, rank)."""

    def emit(c, b, s, a):
        unused = ir.PointerType(ir.IntType(8))
        with b.goto_entry_block():
            result, exception = b.alloca(unused), b.alloca(unused)
        kernel = ir.FunctionType(ir.IntType(32), [unused.as_pointer()] * 2 + [I64] * 4)
        b.call(b.inttoptr(a[0], kernel.as_pointer()), [result, exception, *a[1:]])
        return c.get_dummy_value()

    return types.void(*[types.int64] * 5), emit


@inline
def _may_share(ticket):
    return ((ticket >> BITS) & MASK) < (ticket & MASK)


@inline
def _taken(ticket, ranks):
    """How many portions to take of those that are left."""
    return max(1, ((ticket & MASK) - ((ticket >> BITS) & MASK)) // (2 * ranks))


@inline
def wake_all(meeting, ranks):
    """Wakes the helpers that are asleep."""
    for rank in range(1, ranks):
        seat = meeting + SEATS + SEAT_BYTES * rank
        if read_shared(seat) == ASLEEP and exchange(seat, ASLEEP, AWAKE):
            wake(read_shared(seat + 8))


@inline
def share(meeting, entry, times, ranks, wakes):
    """Computes the call of an entry, with those who come to help.

    times: 0, or where helpers note when they did. wakes: whether those are woken that are asleep.
    """
    function, args, items, grain = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16), load_i64(entry + 24)
    portions, done = (items + grain - 1) // grain, read_shared(meeting + DONE)
    own = _taken(portions, ranks)
    write_shared(meeting + OPEN, entry)
    write_shared(meeting + TIMES, times)
    number = (read_shared(meeting + TICKET) >> (2 * BITS)) + 1
    write_shared(meeting + TICKET, (number << (2 * BITS)) | (own << BITS) | portions)
    if wakes:
        wake_all(meeting, ranks)
    invoke(function, args, 0, min(own * grain, items), 0)
    others = portions - own
    ticket = read_shared(meeting + TICKET)
    while _may_share(ticket):
        count = _taken(ticket, ranks)
        if exchange(meeting + TICKET, ticket, ticket + (count << BITS)):
            low = (ticket >> BITS) & MASK
            invoke(function, args, low * grain, min((low + count) * grain, items), 0)
            others -= count
        ticket = read_shared(meeting + TICKET)
    rounds = 0
    while read_shared(meeting + DONE) - done != others:
        rounds += 1
        if rounds < SPINS:
            pause()
        else:
            give_way()


@inline
def _help(meeting, ticket, rank, ranks, first):
    """Takes portions of the call that is open, and computes them. first: whether none of it have been taken before."""
    entry, times = read_shared(meeting + OPEN), read_shared(meeting + TIMES)
    count = _taken(ticket, ranks)
    if exchange(meeting + TICKET, ticket, ticket - count):
        if times != 0 and first:
            store(times + 16 * rank, cycles())
        high, items, grain = ticket & MASK, load_i64(entry + 16), load_i64(entry + 24)
        invoke(load_i64(entry), load_i64(entry + 8), (high - count) * grain, min(high * grain, items), rank)
        if times != 0:
            store(times + 16 * rank + 8, cycles())
        fetch_add(meeting + DONE, count)
        return True
    return False


@inline
def _fall_asleep(meeting, seat):
    """Sleeps until there may be something to do, unless there is already."""
    exchange(seat, AWAKE, ASLEEP)
    if fetch_add(meeting + ENDED, 0) == 0 and not _may_share(fetch_add(meeting + TICKET, 0)):
        sleep(read_shared(seat + 8))
    elif not exchange(seat, ASLEEP, AWAKE):
        sleep(read_shared(seat + 8))  # somebody is about to end a sleep


@inline
def help_others(meeting, rank, ranks):
    """The life of a helper, until the end."""
    seat, rounds, last = meeting + SEATS + SEAT_BYTES * rank, 0, -1
    while read_shared(meeting + ENDED) == 0:
        ticket = read_shared(meeting + TICKET)
        number = ticket >> (2 * BITS)
        if _may_share(ticket):
            if _help(meeting, ticket, rank, ranks, number != last):
                rounds, last = 0, number
            continue
        rounds += 1
        if rounds < SPINS:
            pause()
        elif rounds < SPINS + PATIENCE:
            give_way()
        else:
            _fall_asleep(meeting, seat)
            rounds = 0


@inline
def stop(meeting, ranks):
    """Sends the helpers home."""
    fetch_add(meeting + ENDED, 1)
    wake_all(meeting, ranks)
