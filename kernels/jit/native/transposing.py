"""Copies between arrays of which each has another dimension side by side: in tiles of 16 bytes, in registers.

Colours of pixels, threes of elements, are taken apart 32 bytes of each at a time.

`inner` elements lie side by side in the source, `rows` in the output. Where they are no multiple of a tile, the last
tile is moved back over the one before it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import I8, I16, I32, emit_load, emit_shuffle, emit_store
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.moving import get, outer_places

SAME_LINES = 1024
"""Bytes from row to row of which few lie in the cache at once: such rows are written a whole line at a time."""


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

    @inline
    def move(source, source_row, out, out_step, row, column, is_tall):
        """A tile, or two below each other."""
        place, target = source + row * source_row + column * size, out + column * out_step + row * size
        if is_tall:
            two(place, source_row, target, out_step)
        else:
            one(place, source_row, target, out_step)

    def kernel(args, first, last, rank):
        inner, rows, source_row, out_step = (
            get(args, "inner"), get(args, "rows"), get(args, "source_row"), get(args, "out_step"),
        )  # fmt: skip
        groups, group = get(args, "groups"), get(args, "group_rows")
        is_tall = rows >= 2 * lanes
        step = 2 * lanes if is_tall else lanes
        source, out = outer_places(args, first // groups)
        for item in range(first, last):
            if item % groups == 0:
                source, out = outer_places(args, item // groups)
            start = item % groups * group
            stop = min(inner, start + group)
            if out_step % SAME_LINES == 0 and rows > step:
                for above in range(0, rows, group):
                    for column in range(start, stop, lanes):
                        column = min(column, inner - lanes)
                        for row in range(above, min(rows, above + group), step):
                            move(source, source_row, out, out_step, min(row, rows - step), column, is_tall)
                continue
            for row in range(0, rows, step):
                row = min(row, rows - step)
                for column in range(start, stop, lanes):
                    move(source, source_row, out, out_step, row, min(column, inner - lanes), is_tall)

    return kernel


def _taker(element: Any, lanes: int, size: int) -> Any:
    """A function that takes so many threes of elements apart."""

    @intrinsic
    def take(context, source, out, out_step):
        def emit(c, b, s, a):
            source, out, out_step = a
            parts = [emit_load(b, source, ir.VectorType(element, lanes), lanes * size * at) for at in range(3)]
            first, last = (emit_shuffle(b, *pair, range(2 * lanes)) for pair in (parts[:2], [parts[2]] * 2))
            for column in range(3):
                emit_store(b, emit_shuffle(b, first, last, range(column, 3 * lanes, 3)), out)
                out = b.add(out, out_step)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 3), emit

    return take


def _threes(element: Any, lanes: int, size: int) -> Any:
    """A kernel of threes of elements that follow one another; an item is a group of threes."""
    take = _taker(element, lanes, size)

    def kernel(args, first, last, rank):
        rows, groups, group = get(args, "rows"), get(args, "groups"), get(args, "group_rows")
        out_step = get(args, "out_step")
        for item in range(first, last):
            source, out = outer_places(args, item // groups)
            start = item % groups * group
            for row in range(start, min(rows, start + group), lanes):
                row = min(row, rows - lanes)
                take(source + 3 * size * row, out + size * row, out_step)

    return kernel


transpose_1, transpose_2, transpose_4 = (
    _transposition(element, 16 // size, size) for element, size in ((I8, 1), (I16, 2), (I32, 4))
)
threes_1, threes_2, threes_4 = (_threes(element, 32 // size, size) for element, size in ((I8, 1), (I16, 2), (I32, 4)))
