"""Argument block of patches: what filters see of pixels, copied side by side. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["PATCHES"]

PATCHES = Layout(
    # input: bytes of an image; sizes in elements
    "source image_bytes height width channels is_unsigned "
    # the filter and its strides; rows and pixels of padding before the first ones, what is in them, and the pixels of a
    # row with its padding
    "rows columns row_stride column_stride top left pad_value padded_width "
    # the image of patches: its size in pixels, bytes of a pixel
    "out_height out_width pitch "
    # in the scratch memory of each thread: padded rows, and the patches
    "padded patches scratch_bytes"
)
