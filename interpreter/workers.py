"""Threads that help to run native programs.

They are threads of Python that spend their life in one native call without the GIL: they look for calls to share for
about a millisecond after the last one, and sleep until they are woken by the next program. How they share, and why
nothing waits for them, is told in `litejit.kernels.jit.native.sharing`.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from litejit.calling import caller
from litejit.kernels.jit.guard import alone
from litejit.kernels.jit.layouts.programs import (
    AWAKE,
    HELP,
    PORTION_BITS,
    PROGRAM,
    SEAT_BYTES,
    SEATS,
    STARTED,
    STOP,
    TICKET,
)
from litejit.kernels.jit.target import is_checked

__all__ = ["Workers"]

_LEAVING = 1.0
"""Seconds that the end of the process waits for a helper, which needs far less."""


class Workers:
    """Runs programs (see `litejit.kernels.jit.native.executor`) on `count` threads, the caller's among them.

    Not for use from two threads at once, which programs refuse with RuntimeError. The GIL is released while a program
    runs. Helpers are started when they are first needed, and leave with the last reference to this object; where there
    can be none, programs run without.
    """

    def __init__(self, count: int) -> None:
        self.count = count if sys.implementation.name == "cpython" else 1  # whose locks helpers sleep in
        self._meeting: _Meeting | None = None
        self._busy = np.zeros(1, np.int64)
        _everybody.add(self)

    def program(self, program: int, entries: int, threads: int, trace: int = 0, every: int = 1) -> Callable[[], int]:
        """A function that runs a program (its address and number of entries), with helpers if threads > 1.

        It returns 0, or the number of the entry (from 1) whose fault has been set.
        trace: address of memory for times, see the executor; 0: none are taken. every: how many runs it takes to wake
        helpers that are asleep, see `litejit.sharing`.
        """
        if threads == 1 or self.count == 1:
            run = _call(self._busy, PROGRAM, 0, 1, None, program, entries, trace)
            return partial(alone, run) if is_checked() else run
        if self._meeting is None:
            self._meeting = _Meeting(self.count)
            weakref.finalize(self, self._meeting.end)
            _meetings.add(self._meeting)
        meeting = self._meeting
        return partial(self._run, meeting, meeting.call(PROGRAM, program, entries, trace, every, busy=self._busy))

    def _run(self, meeting: _Meeting, run: Callable[[], int]) -> int:
        status = run()
        if status < 0:
            meeting.start()
            status = run()
        return status

    def forget(self) -> None:
        """What a process has to do that has been forked while another thread ran a program: nobody runs it here."""
        self._busy[0] = 0
        if self._meeting is not None:
            self._meeting.forget()


class _Meeting:
    """The memory in which threads meet, and the helpers that do; they keep it, and it does not keep their `Workers`."""

    def __init__(self, count: int) -> None:
        self.count = count
        whole = np.zeros((SEATS + SEAT_BYTES * (count + 1)) // 8, np.int64)
        # The parts are where the layout has them, counted from a multiple of their distance.
        self._memory = whole[-whole.ctypes.data % SEAT_BYTES // 8 :]
        self._locks = [_lock() for _ in range(1, count)]
        self._take_seats()
        weakref.finalize(self, _free, self._locks).atexit = False
        self._threads: list[threading.Thread] = []
        self._stop = self.call(STOP)

    def _take_seats(self) -> None:
        for rank, lock in enumerate(self._locks, 1):
            at = (SEATS + SEAT_BYTES * rank) // 8
            self._memory[at : at + 2] = AWAKE, lock

    def call(self, task: int, *rest: int, busy: np.ndarray | None = None) -> Callable[[], int]:
        """A call of the executor. It keeps the memory, but not this object."""
        return _call(busy, task, self._memory.ctypes.data, self.count, self._memory, *rest)

    def start(self) -> None:
        """Starts the helpers, as many as the system grants."""
        self._memory[STARTED // 8] = 1
        for rank in range(1, self.count):
            name = f"litejit-{rank}"
            thread = threading.Thread(target=_help, args=(self, self.call(HELP, rank)), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads
                return
            self._threads.append(thread)

    def end(self, wait: float = 0.0) -> None:
        """Sends the helpers home. wait: seconds for each to have gone."""
        self._stop()
        for thread in self._threads if wait else ():
            thread.join(wait)

    def forget(self) -> None:
        """What a process has to do that has been forked from that with the helpers: they are not there."""
        self._threads.clear()
        self._memory[STARTED // 8] = 0
        self._memory[TICKET // 8] &= -1 << (2 * PORTION_BITS)
        self._locks[:] = [_lock() for _ in self._locks]
        self._take_seats()


_everybody: weakref.WeakSet[Workers] = weakref.WeakSet()
_meetings: weakref.WeakSet[_Meeting] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    """Compiled code goes away at exit: no thread may be in it any more."""
    for meeting in list(_meetings):
        meeting.end(_LEAVING)


def _forget() -> None:
    for workers in list(_everybody):
        workers.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _help(meeting: _Meeting, call: Callable[[], int]) -> None:
    """What a helper does. meeting: lives as long."""
    call()


def _lock() -> int:
    """The address of a lock of Python's, taken."""
    python = ctypes.pythonapi
    python.PyThread_allocate_lock.restype = ctypes.c_void_p
    lock = python.PyThread_allocate_lock()
    if not lock:
        raise MemoryError("no lock for a thread")
    python.PyThread_acquire_lock(ctypes.c_void_p(lock), 0)
    return int(lock)


def _free(locks: list[int]) -> None:
    for lock in locks:
        ctypes.pythonapi.PyThread_free_lock(ctypes.c_void_p(lock))


def _call(busy: np.ndarray | None, task: int, meeting: int, ranks: int, kept: Any, *rest: int) -> Callable[[], int]:
    block = np.zeros(7, np.int64)
    block[: 3 + len(rest)] = task, meeting, ranks, *rest
    return caller(block.ctypes.data, (kept, block), busy)
