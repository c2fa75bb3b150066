"""Memory that several threads read and write, and how a thread waits: as LLVM has it."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import I64, emit_call
from litejit.kernels.jit.target import triple

__all__ = ["cycles", "exchange", "fetch_add", "give_way", "pause", "read_shared", "sleep", "wake", "write_shared"]

_PAUSE = {
    "x86_64": ("llvm.x86.sse2.pause", ()),
    "aarch64": ("llvm.aarch64.hint", (1,)),
    "arm64": ("llvm.aarch64.hint", (1,)),
}
"""What tells a processor that a loop waits, so that its other half and its clock are spared; by kind of machine."""


@intrinsic
def fetch_add(context, address, amount):
    """Adds to an int64; the value before."""

    def emit(c, b, s, a):
        return b.atomic_rmw("add", b.inttoptr(a[0], I64.as_pointer()), a[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def read_shared(context, address):
    """Nothing that comes later is done before it."""

    def emit(c, b, s, a):
        return b.load_atomic(b.inttoptr(a[0], I64.as_pointer()), "acquire", 8)

    return types.int64(types.int64), emit


@intrinsic
def write_shared(context, address, value):
    """All that comes before has been done."""

    def emit(c, b, s, a):
        b.store_atomic(a[1], b.inttoptr(a[0], I64.as_pointer()), "release", 8)
        return c.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def exchange(context, address, before, after):
    """Sets an int64, if it is what it should be; whether it was."""

    def emit(c, b, s, a):
        pointer = b.inttoptr(a[0], I64.as_pointer())
        return b.extract_value(b.cmpxchg(pointer, a[1], a[2], "seq_cst", "seq_cst"), 1)

    return types.boolean(*[types.int64] * 3), emit


@intrinsic
def pause(context):
    """A moment, some tens of nanoseconds at most."""

    def emit(c, b, s, a):
        machine = triple().partition("-")[0]
        if machine in _PAUSE:
            name, arguments = _PAUSE[machine]
            emit_call(b, name, ir.VoidType(), *map(ir.IntType(32), arguments))
        return c.get_dummy_value()

    return types.void(), emit


@intrinsic
def give_way(context):
    """Lets another thread run that wants to."""

    def emit(c, b, s, a):
        emit_call(b, "litejit_give_way", ir.IntType(32))
        return c.get_dummy_value()

    return types.void(), emit


@intrinsic
def sleep(context, lock):
    """Waits for `wake`, which may have come before."""

    def emit(c, b, s, a):
        emit_call(b, "PyThread_acquire_lock", ir.IntType(32), b.inttoptr(a[0], _POINTER), ir.IntType(32)(1))
        return c.get_dummy_value()

    return types.void(types.int64), emit


@intrinsic
def wake(context, lock):
    """Ends the sleep of the thread that sleeps in a lock, or of the next one; not twice for one sleep."""

    def emit(c, b, s, a):
        emit_call(b, "PyThread_release_lock", ir.VoidType(), b.inttoptr(a[0], _POINTER))
        return c.get_dummy_value()

    return types.void(types.int64), emit


@intrinsic
def cycles(context):
    """The processor's clock."""

    def emit(c, b, s, a):
        return emit_call(b, "llvm.readcyclecounter", I64)

    return types.int64(), emit


_POINTER = ir.IntType(8).as_pointer()
