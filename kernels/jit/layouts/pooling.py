"""Argument block of pooling. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["POOL"]

POOL = Layout(
    "source out height width channels out_height out_width filter_height filter_width stride_height stride_width "
    "top left mask low high"
)
"""Pooling, an output row an item. mask: of a byte, all ones for int8. low, high: float64 for floats, else int64."""
