"""Slices taken from where indices of run time say. An index out of range is a fault, and 0 is taken for it."""

from __future__ import annotations

from numba import float32

from litejit.kernels.jit.layouts.gathering import COORDINATES, SLICES
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.pieces import copy_piece
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32,
    load_i8,
    load_i16,
    load_i32,
    load_i64,
    store,
)

get, _ = getters(SLICES)
coordinate, _ = getters(COORDINATES)


@inline
def _index(address, width, count, fault):
    """The index at an address, 0 if it is not below count."""
    index = load_i64(address) if width == 8 else int(load_i32(address)) if width == 4 else int(load_i16(address))
    if index < 0 or index >= count:
        store(fault, 1)
        return 0
    return index


@inline
def _slice(args, item):
    """Which slice of the source an item is: [row, position of the row]."""
    count, axis, width = get(args, "count"), get(args, "axis"), get(args, "width")
    row, at = item // count, item % count
    position = get(args, "positions") + (row // get(args, "outer") * count + at) * width
    return row * axis + _index(position, width, axis, get(args, "fault"))


def slices(args, first, last, rank):
    """Slices as they are."""
    size = get(args, "size")
    for item in range(first, last):
        copy_piece(get(args, "source") + _slice(args, item) * size, get(args, "out") + item * size, size)


def scaled(args, first, last, rank):
    """Bytes times factors, as floats."""
    size, step = get(args, "size"), get(args, "scale_step")
    for item in range(first, last):
        index = _slice(args, item)
        source, out = get(args, "source") + index * size, get(args, "out") + 4 * item * size
        factor = get(args, "scale") + index * get(args, "scale_slice")
        for at in range(size):
            store(out + 4 * at, float32(load_i8(source + at)) * load_f32(factor + at * step))


def at_coordinates(args, first, last, rank):
    """Slices at one index or more."""
    size, rank, width = coordinate(args, "size"), coordinate(args, "rank"), coordinate(args, "width")
    for item in range(first, last):
        source = coordinate(args, "source")
        position = coordinate(args, "positions") + item * rank * width
        for at in range(rank):
            pair = coordinate(args, "table") + 16 * at
            index = _index(position + at * width, width, load_i64(pair), coordinate(args, "fault"))
            source += index * load_i64(pair + 8)
        copy_piece(source, coordinate(args, "out") + item * size, size)
