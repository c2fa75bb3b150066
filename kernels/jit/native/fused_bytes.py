"""Fused blocks of bytes: what `fused` is made of. Between the convolutions, bytes are 16 bits wide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.fused import FUSED
from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.layouts.sliding import Slide
from litejit.kernels.jit.native.copying import widen
from litejit.kernels.jit.native.depthwise import load_16
from litejit.kernels.jit.native.emission import (
    I16,
    I32,
    I64,
    emit_call,
    emit_load,
    emit_loop,
    emit_max,
    emit_min,
    emit_multiply_add_pairs,
    emit_offset,
    emit_shuffle,
    emit_splat,
    emit_store,
    emit_variable,
)
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rescaling import FIXED, FLOATS, emit_words, low_bytes, pack_to_i16
from litejit.kernels.jit.native.simd import getters, i16x16, load_i16x16, load_i32, splat_i16x16, store
from litejit.kernels.jit.native.storing import emit_store_bytes, rows_at
from litejit.kernels.jit.native.tiles import (
    INT16_PAIRS,
    I8x16,
    I16x16,
    I32x8,
    Values,
    emit_products,
    emit_start,
    emit_sums,
    row_addresses,
)

__all__ = ["IS_FLOAT", "OUT", "PIXEL", "ROWS_AT_ONCE", "STAGE", "copy", "depthwise_tile"]
__all__ += ["expand_tile", "pad", "project_tile", "read", "spread"]

get, _ = getters(FUSED)

IS_FLOAT = False
"""What clamps are."""

PIXEL, STAGE, OUT = 2 * COLUMNS, STAGE_BYTES, COLUMNS
"""Bytes of a pixel of a chunk, of what follows the sums of a panel, of a pixel of a panel of the output."""

ROWS_AT_ONCE = 2
"""Of the depthwise filter: pairs."""

_HALVES = [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]]
"""Columns in packed order, half by half."""


def expand_tile(rows: int) -> Any:
    """Pixels of the widened input times a panel, each to its place in the expanded chunk."""

    @intrinsic
    def tile(context, source, pitch, steps, panel, stage, chunk, places, zero, low, high):
        def emit(c, b, s, a):
            source, pitch, steps, panel, stage, chunk, places, zero, low, high = a
            sums = emit_products(b, INT16_PAIRS, rows_at(b, source, pitch, rows), emit_start(b, stage), steps, [panel])
            results = emit_words(b, sums, stage, zero, low, high, FLOATS)
            for address, words in zip(row_addresses(b, chunk, places, rows), results, strict=True):
                emit_store(b, words, address)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 10), emit

    return tile


def depthwise_tile(slide: Slide) -> Any:
    """Output pixels side by side. Two rows of the input are interleaved, so that one multiplication serves both."""

    @intrinsic
    def tile(context, source, offsets, pairs, step, taps, stage, out, zero, low, high):
        def emit(c, b, s, a):
            source, offsets, pairs, step, taps, stage, out, zero, low, high = a
            halves = []
            for half, begin in enumerate(emit_start(b, stage)):
                lanes = [at for column in _HALVES[half] for at in (column, column + COLUMNS)]
                sums = [emit_variable(b, begin) for _ in range(slide.pixels)]

                def pair(number: ir.Value, half: int = half, lanes: Any = lanes, sums: Values = sums) -> None:
                    table = b.add(offsets, b.mul(number, I64(8)))
                    rows = row_addresses(b, source, table, 2)
                    weights = b.add(taps, b.mul(number, I64(slide.taps * 2 * PIXEL)))
                    factors = [emit_load(b, weights, I16x16, 2 * PIXEL * x + 32 * half) for x in range(slide.taps)]
                    for tap, column, uses in slide.uses():
                        right = b.mul(step, I64(tap))
                        both = [emit_load(b, b.add(row, right), I16x16, PIXEL * column) for row in rows]
                        value = emit_shuffle(b, *both, lanes)
                        for pixel, its_tap in uses:
                            product = emit_multiply_add_pairs(b, value, factors[its_tap])
                            b.store(b.add(b.load(sums[pixel]), product), sums[pixel])

                emit_loop(b, pairs, pair)
                halves.append([b.load(variable) for variable in sums])
            words = emit_words(b, list(map(list, zip(*halves, strict=True))), stage, zero, low, high, FLOATS)
            for pixel, value in enumerate(words):
                emit_store(b, value, out, PIXEL * pixel)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 10), emit

    return tile


def project_tile(rows: int) -> Any:
    """Pixels of all chunks times a panel, with the residual added if its address is not 0.

    added: address of the slots that say how.
    """

    @intrinsic
    def tile(context, source, offsets, chunks, panel, stage, out, pitch, columns, zero, low, high, residual, added):
        def emit(c, b, s, a):
            source, offsets, chunks, panel, stage, out, pitch, columns, zero, low, high, residual, added = a
            addresses = [emit_offset(b, source, PIXEL * row) for row in range(rows)]
            steps = I64(COLUMNS // 2)
            sums = emit_sums(b, INT16_PAIRS, addresses, emit_start(b, stage), offsets, chunks, steps, [panel])
            results = [emit_variable(b, words) for words in emit_words(b, sums, stage, zero, low, high, FIXED)]
            with b.if_then(b.icmp_signed("!=", residual, I64(0))):
                add = _adder(b, added)
                for result, at in zip(results, rows_at(b, residual, pitch, rows), strict=True):
                    b.store(add(b.load(result), b.sext(emit_load(b, at, I8x16), I16x16)), result)
            final = [low_bytes(b, b.load(result)) for result in results]
            emit_store_bytes(b, final, rows_at(b, out, pitch, rows), columns)
            return c.get_dummy_value()

        return types.void(*[types.int64] * 13), emit

    return tile


def _adder(b: ir.IRBuilder, slots: ir.Value) -> Callable[[ir.Value, ir.Value], ir.Value]:
    """(16 results, 16 bytes of the other operand, sign-extended) -> their quantized sums, 16 words."""
    low, high, first, second, start, shift, zero, mask = (emit_load(b, slots, I64, 8 * slot) for slot in range(8))
    low, high, zero, mask = (emit_splat(b, b.trunc(value, I16), COLUMNS) for value in (low, high, zero, mask))
    first, second, start, shift = (emit_splat(b, b.trunc(value, I32), 8) for value in (first, second, start, shift))

    def halves(words: ir.Value) -> Values:
        return [b.sext(emit_shuffle(b, words, words, columns), I32x8) for columns in _HALVES]

    def add(result: ir.Value, other: ir.Value) -> ir.Value:
        sums = [
            b.ashr(b.add(b.add(b.mul(x, first), b.mul(y, second)), start), shift)
            for x, y in zip(halves(result), halves(b.and_(other, mask)), strict=True)
        ]
        words = emit_call(b, "llvm.sadd.sat.v16i16", I16x16, pack_to_i16(b, *sums), zero)
        return emit_min(b, emit_max(b, words, low), high)

    return add


@inline
def pad(args, target, pixels):
    """Pixels that are not in the image."""
    filling = splat_i16x16(get(args, "pad_value"))
    for pixel in range(pixels):
        store(target + pixel * PIXEL, filling)


@inline
def read(args, source, pixel, count, rank):
    """Address of the image that expansions of these pixels read: they are widened."""
    if get(args, "expand_steps") == 0:
        return source
    pitch, channels = get(args, "expand_pitch"), get(args, "channels")
    target = get(args, "widened") + rank * get(args, "scratch_bytes")
    widen(source + pixel * channels, count * channels, target, get(args, "is_unsigned"))
    return target - pixel * pitch


@inline
def copy(args, source, number, pixel, count, chunk):
    """Pixels of a chunk of the input, where nothing is expanded. Weights of channels that are not there are 0."""
    pitch, places, is_unsigned = get(args, "pixel_bytes"), get(args, "places") + 4 * pixel, get(args, "is_unsigned")
    source += pixel * pitch + number * COLUMNS
    for at in range(count):
        store(chunk + load_i32(places + 4 * at), load_16(source, is_unsigned))
        source += pitch


@intrinsic
def _store_low_bytes(context, address, words, columns):
    """Of the first 16 words, or fewer."""

    def emit(c, b, s, a):
        emit_store_bytes(b, [low_bytes(b, a[1])], [a[0]], a[2])
        return c.get_dummy_value()

    return types.void(types.int64, i16x16, types.int64), emit


@inline
def spread(args, source, number, out, pixels):
    """Pixels of a chunk, each to its place in the output."""
    channels, pitch = get(args, "out_channels") - number * COLUMNS, get(args, "out_pitch")
    out += number * OUT
    for _ in range(pixels):
        _store_low_bytes(out, load_i16x16(source), channels)
        source += PIXEL
        out += pitch
