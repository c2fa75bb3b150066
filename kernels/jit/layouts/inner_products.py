"""What the packing of inner products and the kernels that compute them agree on."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout
from litejit.kernels.jit.layouts.convolution import CONVOLUTION

__all__ = ["PICKING", "ROW_END", "STEP", "WHOLE"]

PICKING = Layout(" ".join((*CONVOLUTION.names, "row_step", "pixel_step")))
"""Argument block of a convolution that sees single pixels: bytes from one to the next below and beside it, too."""

STEP = 4
"""Elements of a step: two products of sums."""

WHOLE = 16
"""Elements of a row are a multiple of this."""

ROW_END = 16
"""Bytes behind the elements of a copied row, which begin with what its own products add up to, int32."""
