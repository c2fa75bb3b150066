"""Calls of programs from Python."""

from __future__ import annotations

import gc
import sys
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from litejit import calling
from litejit.kernels.jit import library
from litejit.kernels.jit.layouts.programs import ENTRY, PROGRAM
from litejit.workers import Workers


def empty_program(kept: object = None) -> np.ndarray:
    """The argument of `executor.run` for a program without entries."""
    return np.array([PROGRAM, 0, 1, 0, 0, 0], np.int64)


@pytest.mark.parametrize("implementation", ["cpython", "another"])
def test_status(implementation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("executor.run", "calling.method"):
        library.address(name)  # compilers look at the implementation, too
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name=implementation, version=sys.version_info))
    block = empty_program()
    run = calling.caller(block.ctypes.data, block)
    monkeypatch.undo()
    assert [run() for _ in range(1000)] == [0] * 1000


def test_memory_lives_as_long_as_the_function() -> None:
    class Kept:
        pass

    kept, block = Kept(), empty_program()
    gone = weakref.ref(kept)
    run = calling.caller(block.ctypes.data, (kept, block))
    del kept, block
    gc.collect()
    assert run() == 0
    assert gone() is not None
    del run
    gc.collect()
    assert gone() is None


def test_nobody_else_while_it_runs() -> None:
    block, busy = empty_program(), np.ones(1, np.int64)
    run = calling.caller(block.ctypes.data, block, busy)
    with pytest.raises(RuntimeError, match="must not be used from two threads"):
        run()
    busy[0] = 0
    assert [run(), run()] == [0, 0]
    assert busy[0] == 0


def test_programs_of_workers() -> None:
    entries = np.zeros((1, ENTRY), np.int64)
    for threads in (1, 2, 3):
        run = Workers(threads).program(entries.ctypes.data, 0, threads)
        assert run() == 0
