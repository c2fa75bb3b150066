"""How kernels walk through elements: rows of broadcast operands, pieces of one operand."""

from __future__ import annotations

from litejit.kernels.jit.layouts.elements import BROADCAST, ELEMENTS
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, store, store_first

__all__ = [
    "broadcast",
    "broadcast_float",
    "element",
    "element_float",
    "over_pieces",
    "over_rows",
    "split",
    "store_within",
]

broadcast, broadcast_float = getters(BROADCAST)
element, element_float = getters(ELEMENTS)


@inline
def store_within(address, value, count, room, lanes):
    """Stores the first `count` lanes; all of them, which is quicker, where that many are written later anyway.

    room: elements from the address on that nobody else writes.
    """
    if room >= lanes:
        store(address, value)
    else:
        store_first(address, value, count)


@inline
def split(index, dim):
    """(index // dim, index % dim); most dimensions are 1, and divisions take long."""
    if dim == 1:
        return index, 0
    return index // dim, index % dim


def over_rows(row, out_bytes):
    """A kernel that calls row(args, a, b, out, count, a_step, b_step, room) for every row of a broadcast.

    room: elements from `out` on that this row and those after it will fill; see `store_within`.
    """

    def kernel(args, first, last, rank):
        a_step, b_step = broadcast(args, "a_step"), broadcast(args, "b_step")
        inner, rows, a_row, b_row = (
            broadcast(args, "inner"), broadcast(args, "rows"), broadcast(args, "a_row"), broadcast(args, "b_row"),
        )  # fmt: skip
        groups, group_rows = broadcast(args, "groups"), broadcast(args, "group_rows")
        for item in range(first, last):
            outer, group = split(item, groups)
            start = group * group_rows
            stop = min(rows, start + group_rows)
            rest, i3 = split(outer, broadcast(args, "dim3"))
            rest, i2 = split(rest, broadcast(args, "dim2"))
            i0, i1 = split(rest, broadcast(args, "dim1"))
            a = broadcast(args, "a") + start * a_row + i0 * broadcast(args, "a0") + i1 * broadcast(args, "a1")
            b = broadcast(args, "b") + start * b_row + i0 * broadcast(args, "b0") + i1 * broadcast(args, "b1")
            a += i2 * broadcast(args, "a2") + i3 * broadcast(args, "a3")
            b += i2 * broadcast(args, "b2") + i3 * broadcast(args, "b3")
            out = broadcast(args, "out") + (outer * rows + start) * inner * out_bytes
            last_inner = broadcast(args, "last_inner") if stop == rows else inner
            for at in range(start, stop):
                count = inner if at < stop - 1 else last_inner
                row(args, a, b, out, count, a_step, b_step, (stop - 1 - at) * inner + last_inner)
                a, b, out = a + a_row, b + b_row, out + inner * out_bytes

    return kernel


def over_pieces(run, source_bytes, out_bytes):
    """A kernel that calls run(args, source, out, count) for every piece of its elements."""

    def kernel(args, first, last, rank):
        count, piece = element(args, "count"), element(args, "piece")
        start, stop = first * piece, min(count, last * piece)
        run(
            args, element(args, "source") + start * source_bytes, element(args, "out") + start * out_bytes, stop - start
        )

    return kernel
