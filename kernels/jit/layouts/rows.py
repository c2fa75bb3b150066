"""Argument block of operators on rows. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["ROWS"]

ROWS = Layout(
    "source out depth beta "
    # mask of a byte; range of the results; sums from which floats are used
    "mask low high limit scale zero_point rounds_up "
    # of an operator on integers, by distance from the largest element of a row: in fixed point, in floats
    "exps terms reals inverses smallest mantissa exponent"
)
"""Operators on rows of `depth` elements, a row an item. beta, scale: float64."""
