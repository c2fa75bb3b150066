"""Threads that help to run a native program. They sleep between programs and take part in all of one."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from litejit.calling import caller

__all__ = ["Workers"]


class Workers:
    """Runs programs (see `litejit.kernels.jit.native.executor`) on `count` threads, the caller's among them.

    Not for use from two threads at once. The GIL is released while a program runs.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._meeting = np.zeros(16, np.int64)
        self._queues: list[queue.SimpleQueue[Any]] = []

    def program(self, program: int, steps: int, threads: int, trace: int = 0) -> Callable[[], int]:
        """A function that runs a program (its address and number of entries) on this many of the threads.

        It returns 0, or the number of the entry (from 1) whose fault has been set.

        trace: address of memory for times, see the executor; 0: none are taken.
        """
        blocks = np.zeros((threads, 8), np.int64)
        for rank, block in enumerate(blocks):
            block[:6] = program, steps, rank, threads, self._meeting.ctypes.data, trace
        # A thread may still be on its way out of the program when nobody else needs this memory any more.
        own, *others = (caller(block.ctypes.data, (blocks, self._meeting)) for block in blocks)
        return partial(self._run, own, others) if others else own

    def _run(self, own: Callable[[], int], others: list[Callable[[], int]]) -> int:
        for calls, other in zip(self._started(), others, strict=False):
            calls.put(other)
        return own()

    def _started(self) -> list[queue.SimpleQueue[Any]]:
        """The queues of the other threads, which are started when they are first needed."""
        while len(self._queues) < self.count - 1:
            calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._queues.append(calls)
            # The thread must not keep the pool alive: it would never end.
            name = f"litejit-{len(self._queues)}"
            threading.Thread(target=_serve, args=(calls,), name=name, daemon=True).start()
            weakref.finalize(self, calls.put, None)
        return self._queues


def _serve(calls: queue.SimpleQueue[Any]) -> None:
    while (call := calls.get()) is not None:
        call()
