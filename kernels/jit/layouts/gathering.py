"""Argument blocks of operators that take slices from where indices of run time say. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["COORDINATES", "SLICES"]

SLICES = Layout(
    # fault: of the entry; bytes of a position (2, 4 or 8), bytes of a slice
    "source positions out fault width size "
    # positions of a row, rows that share their positions, slices of a row of the source
    "count outer axis "
    # float32 factors: bytes from those of one slice to the next, and from one to the next (0 or 4)
    "scale scale_slice scale_step"
)
"""Rows of slices, a slice an item; for slices that are multiplied by factors, size is the number of their elements."""

COORDINATES = Layout(
    # fault: of the entry; bytes of a coordinate (2, 4 or 8), bytes of a slice
    "source positions out fault width size "
    # coordinates of a slice; table: int64 pairs for each, how many there are and the bytes from one to the next
    "rank table"
)
"""Slices at coordinates, a slice an item."""
