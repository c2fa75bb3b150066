"""Threads that share calls: every item once and in order, nobody waited for, nobody left behind."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter
from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.elements import ELEMENTS
from litejit.kernels.jit.layouts.programs import ASLEEP, ENTRY, FAULT, MOST_PORTIONS, SEAT_BYTES, SEATS
from litejit.sharing import SOME_RUNS, shares
from litejit.workers import Workers
from tests.jit.equal import prepared
from tests.jit.test_machinery import chain, output

numba = pytest.importorskip("numba")

WIDTH = 13
"""Items of a call."""


_dawdle = ctypes.CDLL(None).usleep
_dawdle.argtypes, _dawdle.restype = (ctypes.c_uint,), ctypes.c_int


@numba.cfunc("int32(voidptr, voidptr, CPointer(int64), int64, int64, int64)")
def _mix(result: Any, exception: Any, args: Any, first: int, last: int, rank: int) -> int:
    """args: int64s from here to the source, to the output, to the fault and to the counts of items by thread; the item
    that sets the fault; whether the first thread takes its time, so that others come to help.

    Every number needs numbers of other items.
    """
    source, out = args[0], args[1]
    args[args[3] + 8 * rank] += last - first
    if rank == 0 and args[5]:
        _dawdle(30)
    for item in range(first, last):
        args[out + item] += args[source + item] + 3 * args[source + WIDTH - 1 - item] + item
        if item == args[4]:
            args[args[2]] = 1
    return 0


class Mixing:
    """A program of many tiny calls, each of which reads all that the one before it has written."""

    def __init__(self, calls: int, fault: int = -1) -> None:
        self.buffers = np.zeros((2, WIDTH), np.int64)
        self.entries = np.zeros((calls, ENTRY), np.int64)
        self.blocks = np.zeros((calls, 6), np.int64)
        self.done = np.zeros((8, 8), np.int64)
        for at, (entry, block) in enumerate(zip(self.entries, self.blocks, strict=True)):
            source, out = self.buffers[at % 2], self.buffers[1 - at % 2]
            faulty = WIDTH - 1 if at == fault else -1
            places = source.ctypes.data, out.ctypes.data, entry[FAULT:].ctypes.data, self.done.ctypes.data
            block[:] = *((place - block.ctypes.data) // 8 for place in places), faulty, at % 8 == 0
            entry[:4] = _mix.address, block.ctypes.data, WIDTH, 0 if at % 5 == 4 else 1 + at % 3

    def program(self, workers: Workers, threads: int) -> Callable[[], int]:
        return workers.program(self.entries.ctypes.data, len(self.entries), threads)

    def start(self) -> None:
        self.buffers[...] = 0

    @property
    def helped(self) -> int:
        """Items that helpers have done."""
        return int(self.done[1:, 0].sum())

    def expected(self, runs: int) -> np.ndarray:
        buffers = np.zeros((2, WIDTH), np.int64)
        with np.errstate(over="ignore"):
            for _ in range(runs):
                for at in range(len(self.entries)):
                    source = buffers[at % 2]
                    buffers[1 - at % 2] += source + 3 * source[::-1] + np.arange(WIDTH)
        return buffers


ENOUGH, PATIENCE = 300, 10.0
"""Items that helpers should do, and seconds to wait for it where other processes keep them from running."""


def check_many_runs(threads: int) -> None:
    mixing = Mixing(200)
    run = mixing.program(Workers(threads), threads)
    runs, end = 0, time.monotonic() + PATIENCE
    while runs < 20 or (threads > 1 and mixing.helped < ENOUGH and time.monotonic() < end):
        runs += 1
        assert run() == 0
    assert mixing.done.sum() == runs * WIDTH * len(mixing.entries)
    np.testing.assert_array_equal(mixing.buffers, mixing.expected(runs))
    assert (mixing.helped > 0) == (threads > 1)


@pytest.mark.parametrize("threads", range(1, 9))
def test_each_item_once_and_in_order(threads: int) -> None:
    check_many_runs(threads)


def test_each_item_is_computed_by_one_thread() -> None:
    """With a kernel in Python, whose calls can be looked at."""
    seen: list[tuple[int, int, int, int]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 4)
    def kernel(result: int, exception: int, args: int, first: int, last: int, rank: int) -> int:
        time.sleep(0.001)
        seen.append((args, first, last, rank))
        return 0

    entries = np.zeros((6, ENTRY), np.int64)
    address = ctypes.cast(kernel, ctypes.c_void_p).value
    for at, entry in enumerate(entries):
        entry[:4] = address, at, 20, 3 if at else 0
    run = Workers(3).program(entries.ctypes.data, len(entries), 3)
    for _ in range(5):
        seen.clear()
        assert run() == 0
        assert [call[0] for call in seen] == sorted(call[0] for call in seen)
        for at in range(len(entries)):
            portions = sorted(call[1:3] for call in seen if call[0] == at)
            assert [item for first, last in portions for item in range(first, last)] == list(range(20))
            assert at or len(portions) == 1
    assert {call[3] for call in seen} == {0, 1, 2}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_faults_of_any_thread_are_seen(threads: int) -> None:
    mixing = Mixing(40, fault=22)
    run = mixing.program(Workers(threads), threads)
    end = time.monotonic() + PATIENCE
    while True:
        assert [run() for _ in range(30)] == [23] * 30
        if threads == 1 or mixing.helped >= ENOUGH or time.monotonic() > end:
            break


def test_several_workers_at_once() -> None:
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(check_many_runs, threads) for threads in (2, 3, 2)]:
            done.result()


def helpers() -> int:
    return sum(thread.name.startswith("litejit-") for thread in threading.enumerate())


@pytest.mark.parametrize("idle", [0.0, 0.1])
def test_helpers_leave_with_their_workers(idle: float) -> None:
    gc.collect()
    before = helpers()
    for _ in range(5):
        workers = Workers(3)
        run = Mixing(10).program(workers, 3)
        del workers
        assert run() == 0
        time.sleep(idle)
        assert helpers() >= before + 2
        del run
        gc.collect()
        end = time.monotonic() + 60
        while helpers() > before and time.monotonic() < end:
            time.sleep(0.01)
        assert helpers() <= before


def test_helpers_that_sleep_come_back() -> None:
    mixing, workers = Mixing(100), Workers(2)
    run = mixing.program(workers, 2)
    for _ in range(10):
        assert run() == 0
        time.sleep(0.02)
    np.testing.assert_array_equal(mixing.buffers, mixing.expected(10))


def test_small_programs_wake_helpers_now_and_then() -> None:
    mixing, workers = Mixing(100), Workers(2)
    run = mixing.program(workers, 2)
    assert run() == 0
    small = workers.program(mixing.entries.ctypes.data, len(mixing.entries), 2, every=SOME_RUNS)
    meeting = workers._meeting
    assert meeting is not None
    seat = meeting._memory[(SEATS + SEAT_BYTES) // 8 :]

    def is_asleep() -> bool:
        end = time.monotonic() + 60
        while seat[0] != ASLEEP and time.monotonic() < end:
            time.sleep(0.01)
        return bool(seat[0] == ASLEEP)

    assert is_asleep()
    before = mixing.helped
    for _ in range(SOME_RUNS - 1):
        assert small() == 0
        assert seat[0] == ASLEEP
    assert mixing.helped == before
    end = time.monotonic() + PATIENCE
    while mixing.helped == before and time.monotonic() < end:
        assert small() == 0
    assert mixing.helped > before


def test_programs_do_without_helpers_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    mixing = Mixing(100)
    assert mixing.program(Workers(4), 4)() == 0
    np.testing.assert_array_equal(mixing.buffers, mixing.expected(1))


FORKED = """
import os, sys, threading, time
from litejit.kernels.jit.layouts.programs import TICKET
from tests.jit.test_workers import WIDTH, Mixing, Workers

mixing, workers = Mixing(100), Workers(2)
run = mixing.program(workers, 2)
assert run() == 0
for _ in range(3):
    child = os.fork()
    if child == 0:
        memory = workers._meeting._memory
        memory[TICKET // 8] = memory[TICKET // 8] >> 24 << 24 | WIDTH  # as when another thread has opened a call
        workers.forget()
        mixing.start()
        workers._meeting.start()
        time.sleep(0.02)
        ok = [run() for _ in range(5)] == [0] * 5 and (mixing.buffers == mixing.expected(5)).all()
        ok = ok and [thread.name for thread in threading.enumerate()][1:] == ["litejit-1"]
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
mixing.start()
assert run() == 0 and (mixing.buffers == mixing.expected(1)).all()
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_processes_may_fork() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr


def test_interpreters_with_threads_are_pickled() -> None:
    import pickle

    interpreter = prepared(chain(layers=2), num_threads=2)
    expected = output(interpreter)
    again = pickle.loads(pickle.dumps(interpreter))
    assert isinstance(again, Interpreter)
    again.allocate_tensors()
    for detail in interpreter.get_input_details():
        again.set_tensor(detail["index"], interpreter.get_tensor(detail["index"]))
    np.testing.assert_array_equal(output(again), expected)


def call(items: int, grain: int = 1, work: int = 10**7, **values: Any) -> Call:
    return Call("none", ELEMENTS, values, items=items, grain=grain, work=work)


def test_what_is_shared() -> None:
    def size(index: int) -> int:
        return 10**index

    few, many = call(1), call(50)
    assert shares([few, None, many], size) == ([0, 0, 1], 1)
    assert shares([call(50, work=10)], size) == ([0], 1)
    assert shares([call(50, work=10, source=Tensor(6)), call(50, work=10)], size) == ([1, 0], SOME_RUNS)
    assert shares([call(50, 4), call(4, 4)], size) == ([4, 0], 1)
    most = shares([call(10**6, 3)], size).grains[0]
    assert most % 3 == 0
    assert 10**6 / most <= MOST_PORTIONS < 10**6 / (most - 3)
