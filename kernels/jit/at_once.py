"""Kernels that are run while operators are prepared, by the thread that prepares them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import numpy as np

from litejit.kernels.jit import library
from litejit.kernels.jit.call import Layout
from litejit.kernels.jit.guard import Extent, watched
from litejit.kernels.jit.target import is_checked

__all__ = ["run"]

_Kernel = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 4)


def run(kernel: str, layout: Layout, values: Mapping[str, int | np.ndarray], items: int) -> None:
    """Runs all items. values: for each slot of the layout an integer, or an array that the kernel may read and write.

    The kernel is compiled first where it never was on this machine.
    """
    arrays = [value for value in values.values() if isinstance(value, np.ndarray)]
    addresses = {name: x.ctypes.data if isinstance(x, np.ndarray) else x for name, x in values.items()}
    block = layout.pack(addresses)
    # The first two arguments are where numba's calling convention leaves a result and an exception, which are none.
    unused = np.zeros(2, np.int64)
    at = unused.ctypes.data
    function = _Kernel(library.address(kernel))
    if not is_checked():
        function(at, at + 8, block.ctypes.data, 0, items, 0)
        return
    with watched(kernel, [Extent(x.ctypes.data, x.nbytes, True) for x in (*arrays, block)]):
        function(at, at + 8, block.ctypes.data, 0, items, 0)
