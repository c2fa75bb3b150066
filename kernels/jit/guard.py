"""The checked build: every load and store of a kernel is held against the blocks of memory that its call was given.

LITEJIT_CHECKED=1 compiles kernels with a call of `litejit_check` before each access (see `native.emission`), which
lives here: a few lines of LLVM that search a table of blocks. The normal build has no trace of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from litejit.schema.errors import LitejitError

__all__ = ["Extent", "MemoryAccessError", "alone", "define", "watched"]

_MOST = 64
_HEAD = 4
_kept: list[Any] = []


class MemoryAccessError(LitejitError, AssertionError):
    """A kernel of the checked build has read or written outside the memory that it was given."""


class Extent(NamedTuple):
    """Bytes that a call may read, or write as well."""

    address: int
    size: int
    writable: bool


@cache
def _table() -> np.ndarray:
    """[blocks, accesses outside of all, address and size of the first such, then first, end, writable of each]."""
    return np.zeros(_HEAD + 3 * _MOST, np.int64)


_running = threading.RLock()
"""There is one table: whoever runs compiled code of the checked build does it alone."""


def alone(run: Callable[[], int]) -> int:
    """What a program returns, run while no other thread runs one."""
    with _running:
        return run()


@contextmanager
def watched(name: str, extents: Iterable[Extent]) -> Iterator[None]:
    """Compiled code that is run meanwhile, by this thread alone, may access these blocks; otherwise MemoryAccessError.

    name: of what is run, for the message.
    """
    with _running:
        table = _table()
        rows = [(extent.address, extent.address + extent.size, int(extent.writable)) for extent in extents]
        table[_HEAD : _HEAD + 3 * len(rows)] = np.ravel(rows)
        table[:_HEAD] = len(rows), 0, 0, 0
        try:
            yield
        finally:
            violations, address, size = map(int, table[1:_HEAD])
            table[:_HEAD] = 0
    if violations:
        place = f"first {size} bytes at {address:#x}"
        raise MemoryAccessError(f"{name}: {violations} accesses outside the given memory, {place}")


@cache
def define() -> int:
    """Compiles the check; its address."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(_source(_table().ctypes.data)), machine)
    engine.finalize_object()
    _kept.append(engine)
    return int(engine.get_function_address("check"))


def _source(table: int) -> str:
    return f"""
define void @check(i64 %address, i64 %bytes, i64 %writes) {{
start:
  %end = add i64 %address, %bytes
  %table = inttoptr i64 {table} to ptr
  %count = load i64, ptr %table
  %watching = icmp sgt i64 %count, 0
  br i1 %watching, label %next, label %done
next:
  %at = phi i64 [ 0, %start ], [ %after, %block ]
  %more = icmp slt i64 %at, %count
  br i1 %more, label %block, label %outside
block:
  %slot = mul i64 %at, 3
  %first.at = add i64 %slot, {_HEAD}
  %first.ptr = getelementptr i64, ptr %table, i64 %first.at
  %last.ptr = getelementptr i64, ptr %first.ptr, i64 1
  %writable.ptr = getelementptr i64, ptr %first.ptr, i64 2
  %first = load i64, ptr %first.ptr
  %last = load i64, ptr %last.ptr
  %writable = load i64, ptr %writable.ptr
  %begins = icmp sge i64 %address, %first
  %ends = icmp sle i64 %end, %last
  %allowed = icmp sge i64 %writable, %writes
  %inside = and i1 %begins, %ends
  %fine = and i1 %inside, %allowed
  %after = add i64 %at, 1
  br i1 %fine, label %done, label %next
outside:
  %violations.ptr = getelementptr i64, ptr %table, i64 1
  %violations = load i64, ptr %violations.ptr
  %again = add i64 %violations, 1
  store i64 %again, ptr %violations.ptr
  %known = icmp sgt i64 %violations, 0
  br i1 %known, label %done, label %first.one
first.one:
  %where.ptr = getelementptr i64, ptr %table, i64 2
  store i64 %address, ptr %where.ptr
  %size.ptr = getelementptr i64, ptr %table, i64 3
  store i64 %bytes, ptr %size.ptr
  br label %done
done:
  ret void
}}
"""
