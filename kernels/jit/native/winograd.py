"""Convolutions of 3 x 3 by Winograd's algorithm F(2 x 2, 3 x 3): 16 products for 4 outputs instead of 36.

A tile of 4 x 4 inputs d and the filter g give 2 x 2 outputs A' [(G g G') * (B' d B)] A, element by element in the
brackets; summed over the channels, that is one matrix product for each of the 16 positions. Filters come transformed;
of integers four times as large, since G has halves: everything is exact then, modulo 2 ** 32 where it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.layouts.winograd import TILE_ROWS, WINOGRAD
from litejit.kernels.jit.native.copying import copy_f32, copy_i8, fill_f32, fill_i8
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    I8,
    I64,
    emit_constant,
    emit_load,
    emit_max,
    emit_min,
    emit_splat,
    emit_store,
    getters,
)
from litejit.kernels.jit.native.tiles import (
    FLOATS,
    INT16_PAIRS,
    F32x8,
    I8x16,
    I16x16,
    I32x8,
    Operands,
    emit_products,
    emit_requantized,
    emit_store_rows,
)

get, get_float = getters(WINOGRAD)

B_TRANSPOSED = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
A_TRANSPOSED = ((1, 1, 1, 0), (0, 1, -1, -1))

Binary = Callable[[ir.Value, ir.Value], ir.Value]


def _combined(row: Sequence[int], values: Sequence[ir.Value], add: Binary, subtract: Binary) -> ir.Value:
    """The sum of values times -1, 0 or 1; the first that counts is not negative or is followed by one that is not."""
    plus = [value for factor, value in zip(row, values, strict=True) if factor > 0]
    minus = [value for factor, value in zip(row, values, strict=True) if factor < 0]
    total = plus[0]
    for value in plus[1:]:
        total = add(total, value)
    for value in minus:
        total = subtract(total, value)
    return total


def _transformed(
    matrix: Sequence[Sequence[int]], tile: list[list[ir.Value]], add: Binary, subtract: Binary
) -> list[list[ir.Value]]:
    """matrix x tile x matrix', of a tile of 4 x 4 vectors."""
    columns = [[_combined(row, [line[x] for line in tile], add, subtract) for row in matrix] for x in range(4)]
    return [
        [_combined(row, [column[y] for column in columns], add, subtract) for row in matrix] for y in range(len(matrix))
    ]


def _input_tile(is_float: bool) -> Any:
    """Stores the 16 positions of B' d B for a vector of channels, plane_bytes from one to the next."""

    @intrinsic
    def transform(context, source, row_pitch, pixel_pitch, flip, target, plane_bytes):
        def emit(c, b, s, a):
            source, row_pitch, pixel_pitch, flip, target, plane_bytes = a
            flips = emit_splat(b, b.trunc(flip, I8), 16)

            def load(y: int, x: int) -> ir.Value:
                at = b.add(source, b.add(b.mul(row_pitch, I64(y)), b.mul(pixel_pitch, I64(x))))
                if is_float:
                    return emit_load(b, at, F32x8)
                return b.sext(b.xor(emit_load(b, at, I8x16), flips), I16x16)

            tile = [[load(y, x) for x in range(4)] for y in range(4)]
            add, subtract = (b.fadd, b.fsub) if is_float else (b.add, b.sub)
            for y, row in enumerate(_transformed(B_TRANSPOSED, tile, add, subtract)):
                for x, value in enumerate(row):
                    emit_store(b, value, b.add(target, b.mul(plane_bytes, I64(4 * y + x))))
            return c.get_dummy_value()

        return types.void(*[types.int64] * 6), emit

    return transform


def _sums_tile(operands: Operands) -> Any:
    """Sums of 6 rows times a panel, 64 bytes for each row."""

    @intrinsic
    def tile(context, source, row_bytes, steps, panel, out):
        def emit(c, b, s, a):
            source, row_bytes, steps, panel, out = a
            rows = [b.add(source, b.mul(row_bytes, I64(row))) for row in range(TILE_ROWS)]
            vector = F32x8 if operands is FLOATS else I32x8
            zero = emit_constant(vector, 0)
            for row, sums in enumerate(emit_products(b, operands, rows, [zero, zero], steps, [panel])):
                for half, value in enumerate(sums):
                    emit_store(b, value, out, 64 * row + 32 * half)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 5), emit

    return tile


def _output_tile(is_float: bool) -> Any:
    """Stores clamp(A' m A + bias), rescaled if of integers, at the addresses of four pixels."""
    bound = types.float32 if is_float else types.int64

    @intrinsic
    def transform(context, sums, plane_bytes, stage, at0, at1, at2, at3, zero_point, low, high, columns):
        def emit(c, b, s, a):
            sums, plane_bytes, stage, *addresses, zero_point, low, high, columns = a
            add, subtract = (b.fadd, b.fsub) if is_float else (b.add, b.sub)
            halves = []
            for half in range(2):
                vector = F32x8 if is_float else I32x8

                def load(y: int, x: int, vector: Any = vector, half: int = half) -> ir.Value:
                    return emit_load(b, b.add(sums, b.mul(plane_bytes, I64(4 * y + x))), vector, 32 * half)

                tile = [[load(y, x) for x in range(4)] for y in range(4)]
                pixels = [pixel for row in _transformed(A_TRANSPOSED, tile, add, subtract) for pixel in row]
                bias = emit_load(b, stage, vector, 32 * half)
                if not is_float:  # four times the sums: the rescaling wants twice the sums
                    pixels = [b.ashr(pixel, emit_constant(vector, 1)) for pixel in pixels]
                halves.append([add(pixel, bias) for pixel in pixels])
            pairs = [list(pair) for pair in zip(*halves, strict=True)]
            if is_float:
                low, high = emit_splat(b, low, 8), emit_splat(b, high, 8)
                results = [[emit_min(b, high, emit_max(b, low, value)) for value in pair] for pair in pairs]
                emit_store_rows(b, results, addresses, columns)
            else:
                emit_requantized(b, pairs, stage, addresses, zero_point, low, high, columns, wide=False)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 8, bound, bound, types.int64), emit

    return transform


def _convolution(is_float: bool, fill: Any, copy: Any, bound: Any) -> Any:
    input_tile, output_tile = _input_tile(is_float), _output_tile(is_float)
    sums_tile = _sums_tile(FLOATS if is_float else INT16_PAIRS)
    element_bytes, lanes, stage_bytes = (4, 8, 4 * COLUMNS) if is_float else (1, 16, STAGE_BYTES)

    @inline
    def transform_inputs(args, source, start, count, target, border):
        height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
        row_bytes, plane_bytes, flip = get(args, "row_bytes"), get(args, "plane_bytes"), get(args, "flip")
        pixel_bytes, pad_value = channels * element_bytes, get(args, "pad_value")
        for number in range(start, start + count):
            top = number // get(args, "across") * 2 - get(args, "top")
            left = number % get(args, "across") * 2 - get(args, "left")
            if top >= 0 and top + 4 <= height and left >= 0 and left + 4 <= width:
                begin, pitch = source + (top * width + left) * pixel_bytes, width * pixel_bytes
            else:
                begin, pitch = border, 4 * pixel_bytes
                for at in range(16):
                    y, x = top + at // 4, left + at % 4
                    if 0 <= y < height and 0 <= x < width:
                        copy(source + (y * width + x) * pixel_bytes, channels, border + at * pixel_bytes)
                    else:
                        fill(border + at * pixel_bytes, channels, pad_value)
            for vector in range((channels + lanes - 1) // lanes):
                at = begin + vector * lanes * element_bytes
                input_tile(at, pitch, pixel_bytes, flip, target + vector * 32, plane_bytes)
            target += row_bytes

    def convolve(args, first, last, rank):
        blocks, block_tiles, tiles = get(args, "blocks"), get(args, "block_tiles"), get(args, "tiles")
        row_bytes, plane_bytes, sum_bytes = get(args, "row_bytes"), get(args, "plane_bytes"), get(args, "sum_bytes")
        weights, position_bytes, panel_bytes = (
            get(args, "weights"), get(args, "position_bytes"), get(args, "panel_bytes"),
        )  # fmt: skip
        height, width, channels = get(args, "out_height"), get(args, "out_width"), get(args, "out_channels")
        zero_point, low, high = get(args, "zero_point"), bound(args, "low"), bound(args, "high")
        steps, across, pixel_bytes = get(args, "steps"), get(args, "across"), channels * element_bytes
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        sums, outside = scratch + get(args, "sums"), scratch + get(args, "outside")
        for item in range(first, last):
            image, start = item // blocks, item % blocks * block_tiles
            count = min(block_tiles, tiles - start)
            source = get(args, "source") + image * get(args, "image_bytes")
            transform_inputs(args, source, start, count, scratch, scratch + get(args, "border"))
            for panel in range(get(args, "panels")):
                begin = weights + panel * panel_bytes
                for position in range(16):
                    for row in range(0, count, TILE_ROWS):
                        sums_tile(
                            scratch + position * plane_bytes + row * row_bytes, row_bytes, steps,
                            begin + position * position_bytes, sums + position * sum_bytes + row * 64,
                        )  # fmt: skip
                out = get(args, "out") + image * height * width * pixel_bytes + panel * COLUMNS * element_bytes
                for at in range(count):
                    y, x = (start + at) // across * 2, (start + at) % across * 2
                    pixel = out + (y * width + x) * pixel_bytes
                    right, below = x + 1 < width, y + 1 < height
                    output_tile(
                        sums + at * 64, sum_bytes, get(args, "stage") + panel * stage_bytes,
                        pixel, pixel + pixel_bytes if right else outside,
                        pixel + width * pixel_bytes if below else outside,
                        pixel + (width + 1) * pixel_bytes if right and below else outside,
                        zero_point, low, high, channels - panel * COLUMNS,
                    )  # fmt: skip

    return convolve


int8 = _convolution(False, fill_i8, copy_i8, get)
float = _convolution(True, fill_f32, copy_f32, get_float)
