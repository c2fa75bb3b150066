"""What a program looks like and where its threads meet, as the executor and its callers know it."""

from __future__ import annotations

__all__ = ["ASLEEP", "BLOCK_BYTES", "DOOR_BYTES", "ENTRY", "FAULT", "POSTED", "WAITING"]

ENTRY, FAULT = 6, 5
"""int64s of a program's entry (see `native.executor`), and which of them is the fault."""

BLOCK_BYTES = 64
"""From the argument of a thread to that of the next one."""

DOOR_BYTES = 64
"""From the door of a thread to that of the next one; the first is where they meet."""

ASLEEP, WAITING, POSTED = 0, 1, 2
"""Where a thread is: it has to be woken, it looks for a program, it has got one and has not come back from it."""
