"""Argument block of interpolation between pixels. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["RESIZE"]

RESIZE = Layout(
    # pixels of a row of the input and of the output, elements of a pixel
    "source out in_width out_width channels "
    # of each output row: int64 offsets of two input rows in bytes, share of the second
    "tops bottoms row_weights "
    # of each output pixel: int64 offsets of two pixels in a row of 32-bit elements in bytes, share of the second
    "lefts rights column_weights scratch scratch_bytes"
)
"""An output row an item. Shares are float32, or int32 in units of 2**-10; scratch: one or two rows of the input."""
