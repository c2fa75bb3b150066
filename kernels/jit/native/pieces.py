"""Copies of as many bytes as there are, in one function for others to call."""

from __future__ import annotations

from litejit.kernels.jit.native.bytes import store_first_bytes
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import load_i8, load_i8x32, load_i32, store

__all__ = ["copy_piece"]


@inline
def copy_piece(source, out, size):
    """The last vector over part of the one before it."""
    if size >= 32:
        for at in range(0, size - 31, 32):
            store(out + at, load_i8x32(source + at))
        store(out + size - 32, load_i8x32(source + size - 32))
    elif size == 4:
        store(out, load_i32(source))
    elif size == 1:
        store(out, load_i8(source))
    else:
        store_first_bytes(out, load_i8x32(source), size)
