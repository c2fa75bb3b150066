"""Elements moved between arrays of any strides: copies, transpositions, fills."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.moving import COPY, UNITS
from litejit.kernels.jit.native.bytes import store_first_bytes
from litejit.kernels.jit.native.elements import split
from litejit.kernels.jit.native.emission import I8, emit_load, emit_store
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_i8x32, store

get, _ = getters(COPY)


@inline
def outer_places(args, outer):
    """Addresses of the first elements of a block: of the source, of the output."""
    rest, i5 = split(outer, get(args, "dim5"))
    rest, i4 = split(rest, get(args, "dim4"))
    rest, i3 = split(rest, get(args, "dim3"))
    rest, i2 = split(rest, get(args, "dim2"))
    i0, i1 = split(rest, get(args, "dim1"))
    source = get(args, "source") + i0 * get(args, "source0") + i1 * get(args, "source1") + i2 * get(args, "source2")
    source += i3 * get(args, "source3") + i4 * get(args, "source4") + i5 * get(args, "source5")
    out = get(args, "out") + i0 * get(args, "out0") + i1 * get(args, "out1") + i2 * get(args, "out2")
    out += i3 * get(args, "out3") + i4 * get(args, "out4") + i5 * get(args, "out5")
    return source, out


def _over_rows(row: Any) -> Any:
    """A kernel of row(source, out, inner, source_step, out_step)."""

    def kernel(args, first, last, rank):
        inner, source_step, out_step = get(args, "inner"), get(args, "source_step"), get(args, "out_step")
        rows, source_row, out_row = get(args, "rows"), get(args, "source_row"), get(args, "out_row")
        groups, group_rows = get(args, "groups"), get(args, "group_rows")
        for item in range(first, last):
            start = item % groups * group_rows
            source, out = outer_places(args, item // groups)
            source, out = source + start * source_row, out + start * out_row
            for _ in range(start, min(rows, start + group_rows)):
                row(source, out, inner, source_step, out_step)
                source, out = source + source_row, out + out_row

    return kernel


@inline
def _run(source, out, inner, source_step, out_step):
    whole = inner & -32
    for at in range(0, whole, 32):
        store(out + at, load_i8x32(source + at))
    if whole < inner:
        store_first_bytes(out + whole, load_i8x32(source + whole), inner - whole)


@inline
def _filling(source, out, inner, source_step, out_step):
    pattern = load_i8x32(source)
    whole = inner & -32
    for at in range(0, whole, 32):
        store(out + at, pattern)
    if whole < inner:
        store_first_bytes(out + whole, pattern, inner - whole)


def _mover(size: int) -> Any:
    """A function that moves so many bytes, in as few vectors as there are."""
    parts, at = [], 0
    while at < size:
        part = min(32, 1 << (size - at).bit_length() - 1)
        parts.append((at, part))
        at += part

    @intrinsic
    def move(context, source, out):
        def emit(c, b, s, a):
            loaded = [emit_load(b, a[0], ir.VectorType(I8, part), at) for at, part in parts]
            for (at, _), value in zip(parts, loaded, strict=True):
                emit_store(b, value, a[1], at)
            return c.get_dummy_value()

        return types.void(types.int64, types.int64), emit

    return move


def _units(size: int) -> Any:
    move = _mover(size)

    @inline
    def row(source, out, inner, source_step, out_step):
        for _ in range(inner):
            move(source, out)
            source, out = source + source_step, out + out_step

    return _over_rows(row)


copy, fill = _over_rows(_run), _over_rows(_filling)
copy_1, copy_2, copy_4, copy_8, copy_12, copy_16, copy_24, copy_32, copy_48, copy_64, copy_128 = map(_units, UNITS)
