"""Argument block of the largest elements of rows. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["LARGEST"]

LARGEST = Layout("source values indices count k width")
"""A row of `count` elements an item; the k largest of it. width: bytes of an index, 2 or 4."""
