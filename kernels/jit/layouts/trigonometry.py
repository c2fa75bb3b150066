"""The table of quarter turns of SIN and COS."""

from __future__ import annotations

__all__ = ["LOW_BITS"]

LOW_BITS = 38
"""Of the second number of a row: what the first one, in units of 2**-62 of a full circle, leaves."""
