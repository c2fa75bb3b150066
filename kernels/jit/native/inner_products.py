"""1 x 1 convolutions of bytes with half the multiplications (see `jit/inner_products.py`).

Rows are copied as 16 bits, the first two of every four elements doubled, each with its own sum of products behind it.
A tile has 4 rows: with its sums, the columns of a step stay in registers, as each of them is added to every row.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.inner_products import PICKING, ROW_END, STEP
from litejit.kernels.jit.native.convolution import driver
from litejit.kernels.jit.native.emission import I32, I64, emit_load, emit_multiply_add_pairs, emit_shuffle, emit_splat
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rescaling import FIXED
from litejit.kernels.jit.native.simd import (
    getters,
    i16x16,
    load_i8x16,
    multiply_add_pairs,
    splat_i32x8,
    store,
    total,
    widen_i8x16,
    widen_u8x16,
)
from litejit.kernels.jit.native.tiles import (
    I16x16,
    Operands,
    Values,
    emit_products,
    emit_start,
    tile_of_bytes,
)

get, _ = getters(PICKING)


def _load_column(b: ir.IRBuilder, at: ir.Value, half: int) -> Values:
    return [emit_load(b, at, I16x16, 64 * half + 32 * part) for part in range(2)]


def _load_row(b: ir.IRBuilder, at: ir.Value) -> Values:
    return [b.bitcast(emit_splat(b, emit_load(b, at, I32, 4 * part), 8), I16x16) for part in range(2)]


def _accumulate(b: ir.IRBuilder, x: Values, y: Values, z: ir.Value) -> ir.Value:
    first, second = (b.add(one, other) for one, other in zip(x, y, strict=True))
    return b.add(z, emit_multiply_add_pairs(b, first, second))


FOURS = Operands(_load_column, _load_row, _accumulate, column_bytes=128, row_bytes=2 * STEP)
"""Four elements of int16 a step. Columns and rows are the first two of them and the last two."""


def _tile(rows: int) -> Any:
    def emit(b, addresses, stage, segments, count, steps, panel):
        sums = emit_products(b, FOURS, addresses, emit_start(b, stage), steps, [panel])
        end = b.mul(steps, I64(FOURS.row_bytes))
        for address, row in zip(addresses, sums, strict=True):
            own = emit_splat(b, emit_load(b, b.add(address, end), I32), 8)
            row[:] = [b.sub(value, own) for value in row]
        return sums

    return tile_of_bytes(rows, FIXED, emit)


@intrinsic
def _doubled(context, x):
    """The first two of every four lanes twice."""

    def emit(c, b, s, a):
        lanes = ir.Constant(I16x16, [-1, -1, 0, 0] * 4)
        return b.add(a[0], b.and_(a[0], lanes))

    return i16x16(x), emit


@intrinsic
def _turned(context, x):
    """The last two of every four lanes before the first two."""
    lanes = [at + other for at in range(0, 16, 4) for other in (2, 3, 0, 1)]
    return i16x16(x), lambda c, b, s, a: emit_shuffle(b, a[0], a[0], lanes)


@inline
def lay_pixels(args, image, first, rows, scratch):
    """Copies the pixels of these rows, which are whole vectors, as they are multiplied; address of the copies.

    Each has the sum of twice the products of its elements behind it.
    """
    channels, is_unsigned, target = get(args, "channels"), get(args, "is_unsigned"), scratch
    for row in range(first, first + rows):
        source = image + row * get(args, "row_step")
        for _ in range(get(args, "width")):
            own = splat_i32x8(0)
            for at in range(0, channels, 16):
                x = widen_u8x16(load_i8x16(source + at)) if is_unsigned else widen_i8x16(load_i8x16(source + at))
                store(target + 2 * at, _doubled(x))
                own = own + multiply_add_pairs(x, _turned(x))
            store(target + 2 * channels, total(own))
            source += get(args, "pixel_step")
            target += 2 * channels + ROW_END
    return scratch


bytes_1, bytes_4 = (driver(rows, _tile(rows), get, lay_pixels, is_float=False) for rows in (1, 4))
