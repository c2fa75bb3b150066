"""Argument blocks of operators on elements. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["BROADCAST", "ELEMENTS"]

BROADCAST = Layout(
    # operands; 1 if they advance with the elements of a row, 0 if one element serves a row
    "a b out a_step b_step "
    # elements of a row and of the last row; rows of a block, bytes from one to the next
    "inner last_inner rows a_row b_row "
    # rows are taken in groups; up to four outer dimensions (all but the first given), bytes from one index to the next
    "groups group_rows dim1 dim2 dim3 a0 a1 a2 a3 b0 b1 b2 b3 "
    # clamp as float64 (of integers as int64); what the operator needs besides
    "low high p0 p1 p2 p3 p4 p5 table"
)
"""Operators on two operands that are broadcast."""

ELEMENTS = Layout("source out count piece p0 p1 p2 p3 p4 p5 table planes")
"""Operators on each of `count` elements, `piece` of them an item. p0 .. p5: float64, or int64 for integers."""
