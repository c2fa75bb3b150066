"""Argument blocks of what is a fault where data are not as they were supposed. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["NONZERO", "REPLACED", "SAME"]

SAME = Layout("source supposed fault size")
"""size bytes at both addresses."""

NONZERO = Layout(
    # fault: of the entry; bytes of an element; the bits of it that tell whether it is zero
    "source out fault width mask "
    # elements; how many of them are supposed not to be zero; their dimensions, int64
    "count found rank dims"
)
"""Coordinates of the elements that are not zero."""

REPLACED = Layout(
    # fault: of the entry; bytes of the position (4 or 8), bytes of an item, items of the list
    "source position item out fault width size count"
)
"""A list with another item at a position."""
