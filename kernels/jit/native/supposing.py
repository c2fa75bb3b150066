"""What is a fault where data are not as they were supposed when the program was made."""

from __future__ import annotations

from litejit.kernels.jit.layouts.supposing import NONZERO, REPLACED, SAME
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.pieces import copy_piece
from litejit.kernels.jit.native.simd import getters, load_i8, load_i32, load_i64, store

same_of, _ = getters(SAME)
get, _ = getters(NONZERO)
replaced_of, _ = getters(REPLACED)


def same(args, first, last, rank):
    """Bytes are what they were."""
    source, supposed = same_of(args, "source"), same_of(args, "supposed")
    for at in range(same_of(args, "size")):
        if load_i8(source + at) != load_i8(supposed + at):
            store(same_of(args, "fault"), 1)


@inline
def _element(address, width):
    return load_i64(address) if width == 8 else int(load_i32(address)) if width == 4 else int(load_i8(address))


def nonzero(args, first, last, rank):
    """Coordinates in row-major order, no more than there is room for."""
    width, mask, dims, found = get(args, "width"), get(args, "mask"), get(args, "dims"), get(args, "found")
    axes, out, number = get(args, "rank"), get(args, "out"), 0
    for at in range(get(args, "count")):
        if _element(get(args, "source") + at * width, width) & mask != 0:
            if number < found:
                rest = at
                for axis in range(axes - 1, -1, -1):
                    dim = load_i64(dims + 8 * axis)
                    store(out + 8 * (number * axes + axis), rest % dim)
                    rest //= dim
            number += 1
    if number != found:
        store(get(args, "fault"), 1)


def replaced(args, first, last, rank):
    """All items, then the one over what was there."""
    size, count, out = replaced_of(args, "size"), replaced_of(args, "count"), replaced_of(args, "out")
    position = _element(replaced_of(args, "position"), replaced_of(args, "width"))
    if position < 0 or position >= count:
        store(replaced_of(args, "fault"), 1)
        position = 0
    copy_piece(replaced_of(args, "source"), out, size * count)
    copy_piece(replaced_of(args, "item"), out + position * size, size)
