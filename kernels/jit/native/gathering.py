"""Slices taken from where indices of run time say. An index out of range is a fault, and 0 is taken for it."""

from __future__ import annotations

from numba import float32

from litejit.kernels.jit.layouts.gathering import COORDINATES, SLICES
from litejit.kernels.jit.native.elements import split
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.pieces import copy_piece
from litejit.kernels.jit.native.simd import getters, load_f32, load_i8, load_i16, load_i32, load_i64, store

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
def _start(args, item):
    """Where an item is: (row of the source, position in a row of positions, which of the rows that share positions)."""
    row, at = split(item, get(args, "count"))
    return row, at, split(row, get(args, "outer"))


@inline
def _following(args, place):
    """The next item's place: counting takes less than dividing."""
    row, at, (group, within) = place
    at += 1
    if at == get(args, "count"):
        row, at, within = row + 1, 0, within + 1
        if within == get(args, "outer"):
            group, within = group + 1, 0
    return row, at, (group, within)


@inline
def _slice(args, place):
    """Which slice of the source an item is."""
    row, at, (group, _) = place
    axis, width = get(args, "axis"), get(args, "width")
    position = get(args, "positions") + (group * get(args, "count") + at) * width
    return row * axis + _index(position, width, axis, get(args, "fault"))


def slices(args, first, last, rank):
    """Slices as they are."""
    size, place = get(args, "size"), _start(args, first)
    for item in range(first, last):
        copy_piece(get(args, "source") + _slice(args, place) * size, get(args, "out") + item * size, size)
        place = _following(args, place)


def scaled(args, first, last, rank):
    """Bytes times factors, as floats."""
    size, step, place = get(args, "size"), get(args, "scale_step"), _start(args, first)
    for item in range(first, last):
        index = _slice(args, place)
        source, out = get(args, "source") + index * size, get(args, "out") + 4 * item * size
        factor = get(args, "scale") + index * get(args, "scale_slice")
        for at in range(size):
            store(out + 4 * at, float32(load_i8(source + at)) * load_f32(factor + at * step))
        place = _following(args, place)


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
