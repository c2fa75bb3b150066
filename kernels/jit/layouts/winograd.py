"""Argument block of convolutions by Winograd's algorithm. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["TILE_ROWS", "WINOGRAD"]

TILE_ROWS = 6
"""Blocks hold a multiple of this many tiles: the rows of a product that are computed at once."""

WINOGRAD = Layout(
    # input: bytes of an image; sizes in elements; bits that make bytes signed; what padding holds
    "source image_bytes height width channels flip pad_value top left "
    # tiles from left to right, of an image, of a block; blocks of an image; groups of panels, and panels of one
    "across tiles block_tiles blocks panel_groups group_panels "
    # a row of transformed tiles, and all rows of one position; sums of one position
    "row_bytes plane_bytes sum_bytes "
    "steps weights position_bytes panel_bytes panels stage "
    "out out_height out_width out_channels zero_point low high "
    # of a rank: where the sums, a tile at the border, and what lies outside the output are
    "scratch scratch_bytes sums border outside"
)
"""low, high: float64 for floats, int64 else. sums, border, outside: bytes from the start of the scratch memory."""
