"""Threads that help to run a native program.

They take part in all of one, look for another one for about a millisecond, and fall asleep: to wake them takes longer
than many a program.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.calling import caller
from litejit.kernels.jit.layouts.programs import ASLEEP, BLOCK_BYTES, DOOR_BYTES, POSTED

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["Workers"]

_STARTED = 6
"""Slot of the executor's argument: whether the other threads have been started."""


class Workers:
    """Runs programs (see `litejit.kernels.jit.native.executor`) on `count` threads, the caller's among them.

    Not for use from two threads at once. The GIL is released while a program runs.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._meeting = np.zeros((count, DOOR_BYTES // 8), np.int64)
        self._queues: list[SimpleQueue[Any]] = []

    def program(self, program: int, steps: int, threads: int, trace: int = 0) -> Callable[[], int]:
        """A function that runs a program (its address and number of entries) on this many of the threads.

        It returns 0, or the number of the entry (from 1) whose fault has been set.
        trace: address of memory for times, see the executor; 0: none are taken.
        """
        blocks = np.zeros((threads, BLOCK_BYTES // 8), np.int64)
        for rank, block in enumerate(blocks):
            block[:6] = program, steps, rank, threads, self._meeting.ctypes.data, trace
        # A thread may still be on its way out of the program, or wait where threads meet, when nobody else needs this
        # memory any more.
        own, *others = (caller(block.ctypes.data, (blocks, self._meeting)) for block in blocks)
        return partial(self._run, own, others, blocks[0]) if others else own

    def _run(self, own: Callable[[], int], others: list[Callable[[], int]], block: np.ndarray) -> int:
        status = own()
        if status >= 0:
            return status
        for calls, other, door in zip(self._started(), others, self._meeting[1:], strict=False):
            if door[0] == ASLEEP:
                door[0] = POSTED
                calls.put(other)
        block[_STARTED] = 1
        try:
            return own()
        finally:
            block[_STARTED] = 0

    def _started(self) -> list[SimpleQueue[Any]]:
        """The queues of the other threads, which are started when they are first needed."""
        from queue import SimpleQueue

        while len(self._queues) < self.count - 1:
            calls: SimpleQueue[Any] = SimpleQueue()
            self._queues.append(calls)
            # The thread must not keep the pool alive: it would never end.
            name = f"litejit-{len(self._queues)}"
            thread = threading.Thread(target=_serve, args=(calls,), name=name, daemon=True)
            thread.start()
            weakref.finalize(self, calls.put, None)
            _serving[thread] = calls
        return self._queues


_serving: weakref.WeakKeyDictionary[threading.Thread, SimpleQueue[Any]] = weakref.WeakKeyDictionary()


@atexit.register
def _end() -> None:
    """Compiled code goes away at exit: no thread may be in it any more."""
    for thread, calls in list(_serving.items()):
        calls.put(None)
        thread.join(1.0)


def _serve(calls: SimpleQueue[Any]) -> None:
    while (call := calls.get()) is not None:
        call()
