"""Argument block of reductions. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["REDUCE"]

REDUCE = Layout(
    # numbers of elements; an item is a block of so many of the inner ones
    "source out count inner blocks block "
    # of a byte, all ones for int8; what turns the order of numbers round, or makes unsigned ones signed: its bits
    "mask flip whole divisor mantissa exponent offset zero_point low high wide lanes "
    # 1: integers are rescaled as sum * scale + bias (float64)
    "in_float scale bias"
)
"""Reductions of [outer, count, inner] along the middle. wide: whether indices are int64. lanes: see ArgExtremum.

whole: whether the largest is that of all there is, and so starts from the first float instead of the least finite one.
"""
