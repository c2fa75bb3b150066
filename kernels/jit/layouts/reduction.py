"""Argument block of reductions. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["REDUCE"]

REDUCE = Layout("source out count inner blocks block mask divisor mantissa exponent offset zero_point low high")
"""Reductions of [outer, count, inner], an item a block of so many of the inner elements."""
