"""Argument block of the search for rescalings in floats. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["SEARCH"]

SEARCH = Layout(
    # int64 of each channel: mantissas shifted to the left, shifts to the right, the smallest and the largest sum and
    # their results, the largest factor that weights have room for
    "mantissas shifts least most first_results last_results rooms "
    # the clamp of results and its middle; room for 3 * (high - low + 2) int64
    "low high middle scratch "
    # what is found: int64 factors and starts, float32 scales, int64 whether there is any
    "factors starts scales holds"
)
"""A channel an item, whose results at both ends differ."""
