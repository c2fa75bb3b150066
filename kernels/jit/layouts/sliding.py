"""For which filters there are kernels that slide over the pixels of a row, see `native/sliding.py`."""

from __future__ import annotations

__all__ = ["BYTE_PIXELS", "SLIDE_PIXELS", "SLIDE_STRIDES", "SLIDE_TAPS"]

SLIDE_PIXELS, SLIDE_TAPS, SLIDE_STRIDES = (8, 7, 6, 4), (3, 5), (1, 2)
"""Pixels of a tile; widths and strides of the filters."""

BYTE_PIXELS = (7, 4)
"""Those of bytes, whose kernels take long to compile."""
