"""Argument block of copies. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["COPY", "UNITS"]

UNITS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128)
"""Bytes that are moved at once, of which there may be many rows."""

COPY = Layout(
    # elements (bytes, where they lie side by side) of a row, bytes from one to the next; rows of a block
    "source out inner source_step out_step rows source_row out_row groups group_rows "
    # up to six outer dimensions (all but the first given), bytes from one index to the next
    "dim1 dim2 dim3 dim4 dim5 source0 source1 source2 source3 source4 source5 out0 out1 out2 out3 out4 out5"
)
"""Copies between arrays of any strides; fills read the same 32 bytes again and again."""
