"""Argument block of operators that take elements from places listed in tables. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["PICK"]

PICK = Layout(
    # int64 offsets in bytes: of rows, of the pieces in a row; how many pieces a row has, bytes of a piece
    "source out rows columns count size"
)
"""Rows of pieces of bytes, a row an item."""
