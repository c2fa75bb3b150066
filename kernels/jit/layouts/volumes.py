"""Argument block of what puts volumes right whose filter is not finite. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["WITHOUT_MARGIN"]

WITHOUT_MARGIN = Layout(
    # of all channels; the clamp, floats
    "source filter bias out low high "
    # elements of the filter; channels of source and out
    "filter_size channels columns "
    # int64 [depth, height, width] each: sizes of source, of out, of the filter, strides, dilations, zeros before
    "in_sizes out_sizes filter_sizes strides dilations before"
)
"""FLOAT32 volumes [batch, depth, height, width, channels]; an item is a plane of the output."""
