"""Argument block of products with weights that have a scale for each block. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["BLOCKS"]

BLOCKS = Layout(
    # float32 rows of `depth` elements, cut into blocks; columns, panels of them (by four) and of an item
    "source depth block_size blocks columns panels group_panels groups "
    # int8 pairs; of each block [columns] float32 scales and int32 sums of weights, then sums of all and bias
    "weights panel_bytes scales sums column_sums bias zeros nothing out scratch scratch_bytes"
)
"""An item is a row and a group of panels; tables are as wide as the panels."""
