"""What the packing of inner products and the kernels that compute them agree on."""

from __future__ import annotations

__all__ = ["ROW_END", "STEP", "WHOLE"]

STEP = 4
"""Elements of a step: two products of sums."""

WHOLE = 16
"""Elements of a row are a multiple of this."""

ROW_END = 16
"""Bytes behind the elements of a copied row, which begin with what its own products add up to, int32."""
