"""Quotients and remainders of integers, one by one. A divisor of 0 is a fault, and 1 is taken for it.

The slot named table holds the address of the entry's fault.
"""

from __future__ import annotations

from typing import Any

from numba import int8, int16, int32

from litejit.kernels.jit.native.elements import broadcast, element, over_pieces, over_rows
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import load_i8, load_i16, load_i32, load_i64, store

_INT32_MIN = -(1 << 31)


def _division(operation: Any, load: Any, narrow: Any, size: int) -> Any:
    """A kernel of operation(x, y, fault), on int64."""

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        fault = broadcast(args, "table")
        for at in range(count):
            x, y = int(load(a + at * a_step * size)), int(load(b + at * b_step * size))
            if y == 0:
                store(fault, 1)
                y = 1
            store(out + at * size, narrow(operation(x, y, fault)))

    return over_rows(row, size)


@inline
def _floor(x, y, fault):
    return x // y


@inline
def _remainder(x, y, fault):
    return x % y


@inline
def _truncated(x, y, fault):
    """Whose result has to fit 32 bits."""
    if x == _INT32_MIN and y == -1:
        store(fault, 1)
    floor = x // y
    return floor + 1 if floor < 0 and floor * y != x else floor


@inline
def _same(x):
    return x


floor_i8, floor_i16, floor_i32 = (
    _division(_floor, *kind) for kind in ((load_i8, int8, 1), (load_i16, int16, 2), (load_i32, int32, 4))
)
remainder_i8, remainder_i16, remainder_i32, remainder_i64 = (
    _division(_remainder, *kind)
    for kind in ((load_i8, int8, 1), (load_i16, int16, 2), (load_i32, int32, 4), (load_i64, _same, 8))
)
truncated_i32 = _division(_truncated, load_i32, int32, 4)


@inline
def _refuse(args, source, out, count):
    """Nothing but a fault if one of the bytes is p0."""
    value = element(args, "p0")
    for at in range(count):
        if int(load_i8(source + at)) == value:
            store(element(args, "table"), 1)


refuse_bytes = over_pieces(_refuse, 1, 0)
