"""Copies between arrays of which each has another dimension side by side: in tiles of 16 bytes, in registers.

`inner` elements lie side by side in the source, `rows` in the output. Where they are no multiple of a tile, the last
tile is moved back over the one before it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import I8, I16, I32, emit_load, emit_shuffle, emit_store
from litejit.kernels.jit.native.moving import get, outer_places


def _transposer(element: Any, lanes: int, tiles: int) -> Any:
    """A function of tiles of `lanes` rows of as many elements, so many of them below each other."""

    @intrinsic
    def transpose(context, source, source_row, out, out_step):
        def emit(c, b, s, a):
            source, source_row, out, out_step = a
            loaded = []
            for _ in range(tiles * lanes):
                loaded.append(emit_load(b, source, ir.VectorType(element, lanes)))
                source = b.add(source, source_row)
            rows = loaded[:lanes]
            if tiles == 2:
                rows = [emit_shuffle(b, *loaded[at::lanes], range(2 * lanes)) for at in range(lanes)]
            half, width = lanes // 2, tiles * lanes
            low = [
                at + by for tile in range(tiles) for at in range(tile * lanes, tile * lanes + half) for by in (0, width)
            ]
            high = [at + half for at in low]
            for _ in range(lanes.bit_length() - 1):
                pairs = [(rows[at], rows[at + half]) for at in range(half)]
                rows = [emit_shuffle(b, *pair, part) for pair in pairs for part in (low, high)]
            for row in rows:
                emit_store(b, row, out)
                out = b.add(out, out_step)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 4), emit

    return transpose


def _transposition(element: Any, lanes: int, size: int) -> Any:
    """A kernel of elements of so many bytes; an item is a group of the elements that lie side by side in the source."""
    one, two = _transposer(element, lanes, 1), _transposer(element, lanes, 2)

    def kernel(args, first, last, rank):
        inner, rows, source_row, out_step = (
            get(args, "inner"), get(args, "rows"), get(args, "source_row"), get(args, "out_step"),
        )  # fmt: skip
        groups, group = get(args, "groups"), get(args, "group_rows")
        step = 2 * lanes if rows >= 2 * lanes else lanes
        for item in range(first, last):
            source, out = outer_places(args, item // groups)
            start = item % groups * group
            stop = min(inner, start + group)
            for row in range(0, rows, step):
                row = min(row, rows - step)
                for column in range(start, stop, lanes):
                    column = min(column, inner - lanes)
                    place = source + row * source_row + column * size
                    target = out + column * out_step + row * size
                    if step > lanes:
                        two(place, source_row, target, out_step)
                    else:
                        one(place, source_row, target, out_step)

    return kernel


transpose_1, transpose_2, transpose_4 = (
    _transposition(element, 16 // size, size) for element, size in ((I8, 1), (I16, 2), (I32, 4))
)
