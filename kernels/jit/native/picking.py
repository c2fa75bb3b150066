"""Rows put together from pieces that lie anywhere in the source."""

from __future__ import annotations

from litejit.kernels.jit.layouts.picking import PICK
from litejit.kernels.jit.native.bytes import store_first_bytes
from litejit.kernels.jit.native.simd import getters, load_i8x32, load_i64, store

get, _ = getters(PICK)


def pick(args, first, last, rank):
    """Large pieces by whole vectors, the last of them over part of the one before it.

    Small pieces by one vector each: what is too much is written over by the next piece, at the end of a row left out.
    """
    columns, count, size = get(args, "columns"), get(args, "count"), get(args, "size")
    for item in range(first, last):
        source = get(args, "source") + load_i64(get(args, "rows") + 8 * item)
        out = get(args, "out") + item * count * size
        if size >= 32:
            for column in range(count):
                piece = source + load_i64(columns + 8 * column)
                for at in range(0, size - 31, 32):
                    store(out + at, load_i8x32(piece + at))
                store(out + size - 32, load_i8x32(piece + size - 32))
                out += size
        else:
            safe = max(0, count - (31 + size) // size + 1)
            for column in range(safe):
                store(out, load_i8x32(source + load_i64(columns + 8 * column)))
                out += size
            for column in range(safe, count):
                piece = load_i8x32(source + load_i64(columns + 8 * column))
                store_first_bytes(out, piece, size)
                out += size
