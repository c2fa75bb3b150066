"""Argument block of products of few rows with matrices of run time. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["FEW_ROWS"]

FEW_ROWS = Layout(
    # rows of floats or int16: int64 offsets of images, bytes from row to row; how many an image has; their depth
    "left left_images left_pitch rows depth "
    # floats or int8: int64 offsets of images, bytes from row to row; columns, panels of 16; what is taken off bytes
    "right right_images right_pitch columns panels right_zero_point factor "
    # panels of an item, items of an image; float32 scales of rows; bytes between images, between rows
    "group_panels groups scales out out_image_bytes out_row_bytes stage zero_point low high"
)
"""low, high: float64 or int64, as the output stage wants it. factor: what sums are multiplied with before it."""
