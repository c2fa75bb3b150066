"""Argument block of operators on rows. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["KNOWN_BYTES", "ROWS", "ROWS_AT_ONCE"]

ROWS = Layout(
    "source out depth beta "
    # mask of a byte; range of the results; sums from which floats are used
    "mask low high limit scale zero_point rounds_up "
    # of an operator on integers, by distance from the largest element of a row, of SOFTMAX of bytes by difference from
    # it, as unsigned bytes, and 255: in fixed point, in floats
    "exps terms reals inverses smallest mantissa exponent "
    # of SOFTMAX of bytes: what is known of ROWS_AT_ONCE rows, KNOWN_BYTES each
    "scratch scratch_bytes"
)
"""Operators on rows of `depth` elements, a row an item. beta, scale: float64."""

ROWS_AT_ONCE, KNOWN_BYTES = 32, 4 * 8
"""Of each row: what tables are moved by, a sum, its reciprocal, and a shift."""
