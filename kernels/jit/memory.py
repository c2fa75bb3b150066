"""Memory that kernels may be given: aligned, and with some more bytes behind it that they may read."""

from __future__ import annotations

import numpy as np

__all__ = ["SLACK", "aligned_buffer", "padded"]

_ALIGNMENT = 64

SLACK = 64
"""Bytes after every tensor, constant and scratch area that kernels may read (never write), so that the last vector of a
row needs no special case."""


def aligned_buffer(size: int) -> np.ndarray:
    """Zeroed bytes at an address that is a multiple of 64, with SLACK more of them behind."""
    buffer = np.zeros(size + _ALIGNMENT + SLACK, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + size + SLACK]


def padded(array: np.ndarray) -> np.ndarray:
    """A C-contiguous copy at such an address, with the same behind it."""
    array = np.asarray(array)
    copy = aligned_buffer(array.nbytes)[: array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
