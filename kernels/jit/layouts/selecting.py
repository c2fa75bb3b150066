"""Argument block of choices between two operands. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["SELECT"]

SELECT = Layout(
    # bytes from one element of a row to the next (0: one serves all); elements of a row
    "condition x y out condition_step x_step y_step inner "
    # up to four outer dimensions (all but the first given), bytes from one index to the next
    "dim1 dim2 dim3 condition0 condition1 condition2 condition3 x0 x1 x2 x3 y0 y1 y2 y3"
)
"""Three broadcast operands, a row an item."""
