"""Convolutions of bytes as they are, for processors that add up four products of bytes in one instruction.

Nothing is widened: rows are read where they lie, or copied with their padding, and four elements of the depth are one
step. Sums and results are those of `convolution`; the sums are doubled after they are complete.

aarch64 multiplies int8 by int8. AVX-512 VNNI (`vpdpbusd`) multiplies uint8 by int8: elements of rows have 128 added, by
turning their highest bit, and the sums start with 128 times the sum of the weights less.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.native.convolution import driver, padded_rows
from litejit.kernels.jit.native.copying import pad_rows_bytes
from litejit.kernels.jit.native.emission import I32, emit_call, emit_constant, emit_load, emit_shuffle, emit_splat
from litejit.kernels.jit.native.rescaling import FIXED
from litejit.kernels.jit.native.simd import getters
from litejit.kernels.jit.native.tiles import I8x32, I32x8, Operands, emit_start, emit_sums, tile_of_bytes
from litejit.kernels.jit.target import has_feature, triple

get, _ = getters(CONVOLUTION)


def emit_dot(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """i8x32, i8x32, i32x8 -> i32x8: z[i] + the sum of x[4i + j] * y[4i + j] over j = 0..3."""
    if has_feature("dotprod") and triple().startswith(("aarch64", "arm64")):
        return _emit_sdot(b, x, y, z)
    return _emit_plain(b, b.sext(x, _WIDE), y, z)


def emit_unsigned_dot(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """The same of uint8 x."""
    if has_feature("avx512vnni") and has_feature("avx512vl"):
        return emit_call(b, "llvm.x86.avx512.vpdpbusd.256", z.type, z, x, y)
    return _emit_plain(b, b.zext(x, _WIDE), y, z)


_WIDE = ir.VectorType(I32, 32)


def _emit_plain(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    products = b.mul(x, b.sext(y, _WIDE))
    for place in range(4):
        z = b.add(z, emit_shuffle(b, products, products, range(place, 32, 4)))
    return z


def _emit_sdot(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    halves = []
    for half in range(2):
        bytes16, lanes4 = range(16 * half, 16 * half + 16), range(4 * half, 4 * half + 4)
        parts = [emit_shuffle(b, value, value, lanes) for value, lanes in ((z, lanes4), (x, bytes16), (y, bytes16))]
        halves.append(emit_call(b, "llvm.aarch64.neon.sdot.v4i32.v16i8", ir.VectorType(I32, 4), *parts))
    return emit_shuffle(b, *halves, range(8))


INT8_QUADS = Operands(
    lambda b, at, half: emit_load(b, at, I8x32, 32 * half),
    lambda b, at: b.bitcast(emit_splat(b, emit_load(b, at, I32), 8), I8x32),
    emit_dot,
)
"""Four elements of int8 a step."""

BIASED_QUADS = Operands(
    INT8_QUADS.load_column,
    lambda b, at: b.bitcast(emit_splat(b, b.xor(emit_load(b, at, I32), I32(-0x7F7F7F80)), 8), I8x32),
    emit_unsigned_dot,
)
"""Four elements of int8 with 128 added."""


def dot_tile(rows: int, operands: Operands) -> Any:
    """As `tiles.int8_tile`, for rows and panels of bytes; no factor is 1/2 or more."""

    def emit(b, addresses, stage, segments, count, steps, panel):
        one = emit_constant(I32x8, 1)
        start = [b.ashr(value, one) for value in emit_start(b, stage)]
        sums = emit_sums(b, operands, addresses, start, segments, count, steps, [panel])
        return [[b.shl(value, one) for value in row] for row in sums]

    return tile_of_bytes(rows, FIXED, emit)


def _kernels(operands: Operands) -> list[Any]:
    return [
        driver(rows, dot_tile(rows, operands), get, padded_rows(pad_rows_bytes, 1), is_float=False)
        for rows in (1, 4, 6)
    ]


int8_1, int8_4, int8_6 = _kernels(INT8_QUADS)
biased_1, biased_4, biased_6 = _kernels(BIASED_QUADS)
