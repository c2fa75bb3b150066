"""Argument block of convolutions, depthwise too. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["CONVOLUTION"]

CONVOLUTION = Layout(
    # input: bytes of an image; sizes in elements; what padding holds (how often channels are repeated)
    "source image_bytes height width channels is_unsigned pad_value "
    # padding before the image; width with padding; rows that the filter spans; 1 if there is nothing to pad or widen
    "top left padded_width extent direct "
    # output rows of a band and bands of an image; groups of panels that a band is computed in, panels in each
    "band_rows bands out_height out_width stride_height panel_groups group_panels panels "
    # int32 offsets, from the start of a band, of the pixels of its outputs and of the segments of the filter; steps of
    # a segment (of depthwise filters: rows from tap to tap)
    "pixels segments segment_count segment_steps block "
    "weights panel_bytes stage out out_channels out_pitch zero_point low high scratch scratch_bytes"
)
"""Convolutions as products of bands of images with panels of filters. low, high: float64 for floats, int64 else."""
