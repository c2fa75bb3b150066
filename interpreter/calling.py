"""Calling a program from Python: a built-in method made of compiled code, or a function of ctypes where that is not to
be had.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from litejit.kernels.jit import library

__all__ = ["PROGRAM_KERNELS", "caller"]

PROGRAM_KERNELS = ("executor.run", "calling.method")
"""What runs programs, and what calls that."""

_BUSY = b"This interpreter is running in another thread: one interpreter must not be used from two threads at once."

_NO_ARGUMENTS = 0x0004
_Run = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)


class _MethodDef(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("ml_name", ctypes.c_char_p),
        ("ml_meth", ctypes.c_void_p),
        ("ml_flags", ctypes.c_int),
        ("ml_doc", ctypes.c_char_p),
    )


@cache
def _definition() -> _MethodDef:
    return _MethodDef(b"run", library.address(PROGRAM_KERNELS[1]), _NO_ARGUMENTS, None)


def caller(argument: int, kept: Any, busy: np.ndarray | None = None) -> Callable[[], int]:
    """A function that calls `executor.run` with this argument and returns the status. kept: lives as long.

    busy: [1] int64 that is 1 while the function runs, 0 otherwise, for all functions that must not run at once; None:
    there are no others. One that is called meanwhile raises RuntimeError, if it is a built-in method.
    """
    run = library.address(PROGRAM_KERNELS[0])
    if sys.implementation.name != "cpython":
        # The first two arguments are where numba's calling convention leaves a result and an exception, which are none.
        unused = np.zeros(2, np.int64)
        at = unused.ctypes.data
        return partial(_call, _Run(run), at, at + 8, argument, (kept, unused))
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = python.PyCFunction_NewEx.restype = ctypes.py_object
    busy = np.zeros(1, np.int64) if busy is None else busy
    message = ctypes.create_string_buffer(_BUSY)
    addresses = busy.ctypes.data, id(RuntimeError), ctypes.addressof(message)
    block = np.array([run, argument, *addresses], np.int64)
    capsule = python.PyCapsule_New(ctypes.c_void_p(block.ctypes.data), None, None)
    # What is given as the name of the function's module is any object; it lives as long as the function.
    method: Callable[[], int] = python.PyCFunction_NewEx(
        ctypes.byref(_definition()), ctypes.py_object(capsule), ctypes.py_object((kept, block, busy, message))
    )
    return method


def _call(run: Callable[..., int], result: int, exception: int, argument: int, _: Any) -> int:
    return run(result, exception, argument)
