"""Convolutions of 3 x 3 by Winograd's algorithm F(m x m, 3 x 3): 16 products for 4 outputs, or 36 for 16 outputs.

A tile of inputs d and the filter g give m x m outputs A' [(G g G') * (B' d B)] A, element by element in the brackets;
summed over the channels, that is one matrix product for each position in a tile. Filters come transformed; of integers
4 or 576 times as large, since G has fractions: everything is exact then, modulo 2 ** 32 where it does not fit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.layouts.winograd import WINOGRAD
from litejit.kernels.jit.native.copying import copy_f32, copy_i8, fill_f32, fill_i8
from litejit.kernels.jit.native.emission import I8, I64, emit_constant, emit_load, emit_splat, emit_store
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rescaling import FIXED, emit_requantized
from litejit.kernels.jit.native.simd import getters
from litejit.kernels.jit.native.storing import emit_clamped, emit_store_rows
from litejit.kernels.jit.native.tiles import (
    FLOATS,
    INT16_PAIRS,
    F32x8,
    I8x16,
    I16x16,
    I32x8,
    Operands,
    emit_products,
)
from litejit.kernels.jit.native.transforms import Lanes, Transforms, transforms

get, get_float = getters(WINOGRAD)

INVERSE_OF_9 = pow(9, -1, 1 << 32) - (1 << 32 if pow(9, -1, 1 << 32) >> 31 else 0)


def _input_tile(means: Transforms, is_float: bool) -> Any:
    """Stores the positions of B' d B for a vector of channels, plane_bytes from one to the next."""

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

            tile = [[load(y, x) for x in range(means.size)] for y in range(means.size)]
            for y, row in enumerate(means.of_inputs(Lanes(b, is_float), tile)):
                for x, value in enumerate(row):
                    emit_store(b, value, b.add(target, b.mul(plane_bytes, I64(means.size * y + x))))
            return c.get_dummy_value()

        return types.void(*[types.int64] * 6), emit

    return transform


def _sums_tile(operands: Operands, rows: int) -> Any:
    """Sums of some rows times a panel, 64 bytes for each row; meanwhile the next position's weights are fetched."""

    @intrinsic
    def tile(context, source, row_bytes, steps, panel, out):
        def emit(c, b, s, a):
            source, row_bytes, steps, panel, out = a
            addresses = [b.add(source, b.mul(row_bytes, I64(row))) for row in range(rows)]
            zero = emit_constant(F32x8 if operands is FLOATS else I32x8, 0)
            after = b.add(panel, b.mul(steps, I64(operands.column_bytes)))
            products = emit_products(b, operands, addresses, [zero, zero], steps, [panel], after)
            for row, sums in enumerate(products):
                for half, value in enumerate(sums):
                    emit_store(b, value, out, 64 * row + 32 * half)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 5), emit

    return tile


def _twice(b: ir.IRBuilder, scaled: ir.Value, outputs: int) -> ir.Value:
    """Twice a sum, of 4 or of 576 times a sum modulo 2 ** 32: 576 = 9 * 64, and 9 has an inverse."""
    if outputs == 2:
        return b.ashr(scaled, emit_constant(scaled.type, 1))
    return b.ashr(b.mul(scaled, emit_constant(scaled.type, INVERSE_OF_9)), emit_constant(scaled.type, 5))


def _output_tile(means: Transforms, is_float: bool) -> Any:
    """Stores clamp(A' m A + bias), rescaled if of integers, as pixels of an image.

    out: address of the first pixel; below, right: how many rows and columns of pixels there are; outside: where those
    beyond the last column go.
    """
    bound = types.float32 if is_float else types.int64
    vector = F32x8 if is_float else I32x8

    @intrinsic
    def transform(
        context, sums, plane_bytes, stage, out, row_pitch, pitch, below, right, outside, zero_point, low, high, columns
    ):
        def emit(c, b, s, a):
            sums, plane_bytes, stage, out, row_pitch, pitch, below, right, outside, zero_point, low, high, columns = a
            halves = []
            for half in range(2):

                def load(y: int, x: int, half: int = half) -> ir.Value:
                    return emit_load(b, b.add(sums, b.mul(plane_bytes, I64(means.size * y + x))), vector, 32 * half)

                tile = [[load(y, x) for x in range(means.size)] for y in range(means.size)]
                halves.append(means.of_sums(Lanes(b, is_float), tile))
            bias = [emit_load(b, stage, vector, 32 * half) for half in range(2)]
            for y, row in enumerate(zip(*halves, strict=True)):
                with b.if_then(b.icmp_signed("<", I64(y), below)):
                    line = b.add(out, b.mul(row_pitch, I64(y)))
                    addresses = [
                        b.select(b.icmp_signed("<", I64(x), right), b.add(line, b.mul(pitch, I64(x))), outside)
                        for x in range(means.outputs)
                    ]
                    pairs = [list(pair) for pair in zip(*row, strict=True)]
                    if is_float:
                        pairs = [[b.fadd(v, z) for v, z in zip(pair, bias, strict=True)] for pair in pairs]
                        emit_store_rows(b, emit_clamped(b, pairs, low, high), addresses, columns)
                    else:
                        pairs = [
                            [b.add(_twice(b, v, means.outputs), z) for v, z in zip(pair, bias, strict=True)]
                            for pair in pairs
                        ]
                        emit_requantized(b, pairs, stage, addresses, zero_point, low, high, columns, FIXED)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 10, bound, bound, types.int64), emit

    return transform


def _convolution(outputs: int, is_float: bool) -> Any:
    means = transforms(outputs, is_float)
    size, positions = means.size, means.size**2
    input_tile, output_tile = _input_tile(means, is_float), _output_tile(means, is_float)
    six_rows, four_rows, two_rows = (_sums_tile(FLOATS if is_float else INT16_PAIRS, rows) for rows in (6, 4, 2))
    element_bytes, lanes, stage_bytes = (4, 8, 4 * COLUMNS) if is_float else (1, 16, STAGE_BYTES)
    fill, copy, bound = (fill_f32, copy_f32, get_float) if is_float else (fill_i8, copy_i8, get)

    @inline
    def transform_inputs(args, source, start, count, target, border):
        height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
        row_bytes, plane_bytes, flip = get(args, "row_bytes"), get(args, "plane_bytes"), get(args, "flip")
        pixel_bytes, pad_value = channels * element_bytes, get(args, "pad_value")
        for number in range(start, start + count):
            top = number // get(args, "across") * outputs - get(args, "top")
            left = number % get(args, "across") * outputs - get(args, "left")
            if top >= 0 and top + size <= height and left >= 0 and left + size <= width:
                begin, pitch = source + (top * width + left) * pixel_bytes, width * pixel_bytes
            else:
                begin, pitch = border, size * pixel_bytes
                for at in range(positions):
                    y, x = top + at // size, left + at % size
                    if 0 <= y < height and 0 <= x < width:
                        copy(source + (y * width + x) * pixel_bytes, channels, border + at * pixel_bytes)
                    else:
                        fill(border + at * pixel_bytes, channels, pad_value)
            for vector in range((channels + lanes - 1) // lanes):
                at = begin + vector * lanes * element_bytes
                input_tile(at, pitch, pixel_bytes, flip, target + vector * 32, plane_bytes)
            target += row_bytes

    @inline
    def multiply(source, row_bytes, count, steps, panel, out):
        row = 0
        while count - row >= 5:
            six_rows(source + row * row_bytes, row_bytes, steps, panel, out + row * 64)
            row += 6
        if count - row >= 3:
            four_rows(source + row * row_bytes, row_bytes, steps, panel, out + row * 64)
        elif count - row >= 1:
            two_rows(source + row * row_bytes, row_bytes, steps, panel, out + row * 64)

    def convolve(args, first, last, rank):
        blocks, block_tiles, tiles = get(args, "blocks"), get(args, "block_tiles"), get(args, "tiles")
        row_bytes, plane_bytes, sum_bytes = get(args, "row_bytes"), get(args, "plane_bytes"), get(args, "sum_bytes")
        weights, position_bytes, panel_bytes = (
            get(args, "weights"), get(args, "position_bytes"), get(args, "panel_bytes"),
        )  # fmt: skip
        height, width, channels = get(args, "out_height"), get(args, "out_width"), get(args, "out_channels")
        zero_point, low, high = get(args, "zero_point"), bound(args, "low"), bound(args, "high")
        steps, across, pixel_bytes = get(args, "steps"), get(args, "across"), channels * element_bytes
        groups, group_panels = get(args, "panel_groups"), get(args, "group_panels")
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        sums, outside = scratch + get(args, "sums"), scratch + get(args, "outside")
        transformed = -1
        for item in range(first, last):
            block, group = item // groups, item % groups
            image, start = block // blocks, block % blocks * block_tiles
            count = min(block_tiles, tiles - start)
            if block != transformed:
                source = get(args, "source") + image * get(args, "image_bytes")
                transform_inputs(args, source, start, count, scratch, scratch + get(args, "border"))
                transformed = block
            for panel in range(group * group_panels, min((group + 1) * group_panels, get(args, "panels"))):
                begin = weights + panel * panel_bytes
                for position in range(positions):
                    multiply(
                        scratch + position * plane_bytes, row_bytes, count, steps,
                        begin + position * position_bytes, sums + position * sum_bytes,
                    )  # fmt: skip
                out = get(args, "out") + image * height * width * pixel_bytes + panel * COLUMNS * element_bytes
                for at in range(count):
                    y, x = (start + at) // across * outputs, (start + at) % across * outputs
                    output_tile(
                        sums + at * 64, sum_bytes, get(args, "stage") + panel * stage_bytes,
                        out + (y * width + x) * pixel_bytes, width * pixel_bytes, pixel_bytes, height - y, width - x,
                        outside, zero_point, low, high, channels - panel * COLUMNS,
                    )  # fmt: skip

    return convolve


int8_2, int8_4 = _convolution(2, False), _convolution(4, False)
float_2, float_4 = _convolution(2, True), _convolution(4, True)
