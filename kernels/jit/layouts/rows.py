"""Argument block of operators on rows. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["ROWS"]

ROWS = Layout("source out depth beta scale zero_point low high mask bits limit exps terms reals")
"""Operators on rows of `depth` elements, a row an item. Tables by distance from the largest element of a row."""
