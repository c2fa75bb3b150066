"""Argument block of calls that are done piece by piece."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["INTERLEAVED", "SKIPPED"]

INTERLEAVED = Layout("fault count")
"""fault: address of the own entry's, behind which the other entries lie. count: how many of these are called."""

SKIPPED = 1
"""Entries between the own one and those that are called: the jump over these."""
