"""What a program looks like and where its threads meet, as the executor and its callers know it."""

from __future__ import annotations

__all__ = [
    "ASLEEP",
    "AWAKE",
    "DONE",
    "ENDED",
    "ENTRY",
    "FAULT",
    "HELP",
    "MOST_PORTIONS",
    "OPEN",
    "PORTION_BITS",
    "PROGRAM",
    "RUNS",
    "SEATS",
    "SEAT_BYTES",
    "STARTED",
    "STOP",
    "TICKET",
    "TIMES",
]

ENTRY, FAULT = 5, 4
"""int64s of a program's entry (see `native.executor`), and which of them is the fault."""

PROGRAM, HELP, STOP = 0, 1, 2
"""What the executor is to do: run a program, help others to run theirs, send those home that help."""

TICKET, OPEN, TIMES, RUNS, DONE, STARTED, ENDED, SEATS = 0, 8, 16, 128, 256, 384, 392, 512
"""Where things lie in the memory in which threads meet, in bytes: see `native.sharing`. What different threads write at
the same time is 128 bytes apart, since processors fetch two lines of 64 together; what is read with the ticket lies
beside it, and comes with it."""

SEAT_BYTES = 128
"""From the seat of a thread to that of the next one: its state, and the address of the lock that it sleeps in."""

AWAKE, ASLEEP = 0, 1

PORTION_BITS = 12
"""Of the ticket, for where the portions that are left begin, and as many for where they end."""

MOST_PORTIONS = (1 << PORTION_BITS) - 1
"""Of one call."""
