"""Threads that help to run a native program. They sleep between programs and take part in all of one."""

from __future__ import annotations

import ctypes
import queue
import threading
import weakref
from typing import Any

import numpy as np

from litejit.kernels.jit import library

__all__ = ["Workers"]

_Run = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 6)


class Workers:
    """Runs programs (see `litejit.kernels.jit.native.executor`) on `count` threads, the caller's among them.

    Not for use from two threads at once. The GIL is released while a program runs.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._run = _Run(library.address("executor.run"))
        self._meeting = np.zeros(16, np.int64)
        self._calls: list[queue.SimpleQueue[Any]] = []

    def run(self, program: int, steps: int, threads: int, trace: int = 0) -> None:
        """Runs a program (its address and number of entries) on this many of the threads.

        trace: address of memory for times, see the executor; 0: none are taken.
        """
        meeting = self._meeting.ctypes.data
        if threads > 1:
            if not self._calls:
                self._start()
            for rank in range(1, threads):
                self._calls[rank - 1].put((program, steps, rank, threads, meeting, trace))
        _invoke(self._run, (program, steps, 0, threads, meeting, trace))

    def _start(self) -> None:
        for rank in range(1, self.count):
            calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._calls.append(calls)
            # The thread must not keep the pool alive: it would never end.
            arguments = (self._run, calls, self._meeting)
            threading.Thread(target=_serve, args=arguments, name=f"litejit-{rank}", daemon=True).start()
            weakref.finalize(self, calls.put, None)


def _invoke(run: Any, arguments: tuple[int, ...]) -> None:
    unused = (ctypes.c_void_p * 2)()
    address = ctypes.addressof(unused)
    run(address, address + 8, *arguments)


def _serve(run: Any, calls: queue.SimpleQueue[Any], meeting: np.ndarray) -> None:
    while (arguments := calls.get()) is not None:
        _invoke(run, arguments)
