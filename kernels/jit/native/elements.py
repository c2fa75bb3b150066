"""How kernels walk through elements: rows of broadcast operands, pieces of one operand."""

from __future__ import annotations

from litejit.kernels.jit.layouts.elements import BROADCAST, ELEMENTS
from litejit.kernels.jit.native.simd import getters

__all__ = ["broadcast", "broadcast_float", "element", "element_float", "over_pieces", "over_rows"]

broadcast, broadcast_float = getters(BROADCAST)
element, element_float = getters(ELEMENTS)


def over_rows(row, out_bytes):
    """A kernel that calls row(args, a, b, out, count, a_step, b_step) for every row of a broadcast."""

    def kernel(args, first, last, rank):
        a_step, b_step = broadcast(args, "a_step"), broadcast(args, "b_step")
        inner, rows, a_row, b_row = (
            broadcast(args, "inner"), broadcast(args, "rows"), broadcast(args, "a_row"), broadcast(args, "b_row"),
        )  # fmt: skip
        groups, group_rows = broadcast(args, "groups"), broadcast(args, "group_rows")
        for item in range(first, last):
            outer, start = item // groups, item % groups * group_rows
            rest, i3 = outer // broadcast(args, "dim3"), outer % broadcast(args, "dim3")
            rest, i2 = rest // broadcast(args, "dim2"), rest % broadcast(args, "dim2")
            i0, i1 = rest // broadcast(args, "dim1"), rest % broadcast(args, "dim1")
            a = broadcast(args, "a") + start * a_row + i0 * broadcast(args, "a0") + i1 * broadcast(args, "a1")
            b = broadcast(args, "b") + start * b_row + i0 * broadcast(args, "b0") + i1 * broadcast(args, "b1")
            a += i2 * broadcast(args, "a2") + i3 * broadcast(args, "a3")
            b += i2 * broadcast(args, "b2") + i3 * broadcast(args, "b3")
            out = broadcast(args, "out") + (outer * rows + start) * inner * out_bytes
            for at in range(start, min(rows, start + group_rows)):
                count = inner if at < rows - 1 else broadcast(args, "last_inner")
                row(args, a, b, out, count, a_step, b_step)
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
