"""Convolutions of bytes whose products are added up in 16 bits, with weights made for that (see `jit/splitting.py`).

x86 multiplies 32 pairs of bytes, uint8 by int8, and adds up neighbours in one instruction, half as many as multiply 32
bytes that have been widened. Two of its results are added up in 16 bits before they are widened to 32. Rows are read
where they lie, or copied with their padding.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.layouts.splitting import HEAD_BYTES, QUAD, QUADS
from litejit.kernels.jit.native.convolution import driver, padded_rows
from litejit.kernels.jit.native.copying import pad_rows_bytes
from litejit.kernels.jit.native.emission import (
    I16,
    I32,
    I64,
    emit_call,
    emit_constant,
    emit_load,
    emit_loop,
    emit_multiply_add_pairs,
    emit_offset,
    emit_shuffle,
    emit_splat,
    emit_variable,
)
from litejit.kernels.jit.native.rescaling import FIXED
from litejit.kernels.jit.native.simd import getters
from litejit.kernels.jit.native.tiles import (
    I8x32,
    I16x16,
    Operands,
    Values,
    emit_start,
    emit_sums,
    tile_of_bytes,
)
from litejit.kernels.jit.target import has_feature

get, _ = getters(CONVOLUTION)

_QUAD_BYTES = 64
"""Of 16 columns."""


def emit_multiply_add_bytes(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """uint8 x, int8 y -> i16x16: x[2i] * y[2i] + x[2i + 1] * y[2i + 1], which have to fit 16 bits."""
    if has_feature("avx2"):
        return emit_call(b, "llvm.x86.avx2.pmadd.ub.sw", I16x16, x, y)
    wide = ir.VectorType(I16, 32)
    products = b.mul(b.zext(x, wide), b.sext(y, wide))
    even, odd = (emit_shuffle(b, products, products, range(first, 32, 2)) for first in range(2))
    return b.add(even, odd)


def _operands(quads: int) -> Operands:
    """So many times 4 elements a step. Columns and rows are lists of vectors; sums are twice what they are."""

    def load_column(b: ir.IRBuilder, at: ir.Value, half: int) -> Values:
        return [emit_load(b, at, I8x32, _QUAD_BYTES * quad + 32 * half) for quad in range(quads)]

    def load_row(b: ir.IRBuilder, at: ir.Value) -> Values:
        return [b.bitcast(emit_splat(b, emit_load(b, at, I32, QUAD * quad), 8), I8x32) for quad in range(quads)]

    def accumulate(b: ir.IRBuilder, x: Values, y: Values, z: ir.Value) -> ir.Value:
        first, *others = (emit_multiply_add_bytes(b, *pair) for pair in zip(x, y, strict=True))
        for other in others:
            first = b.add(first, other)
        return b.add(z, emit_multiply_add_pairs(b, first, emit_constant(I16x16, 2)))

    return Operands(load_column, load_row, accumulate, _QUAD_BYTES * quads, QUAD * quads)


STEPS, EXTRA_STEPS = _operands(QUADS), _operands(1)


def _emit_extra_steps(
    b: ir.IRBuilder, rows: Values, sums: list[Values], panel: ir.Value, weights: ir.Value
) -> list[Values]:
    """sums + what the list of a panel says; weights: of its extra steps."""
    table = b.add(panel, b.sext(emit_load(b, panel, I32, 4), I64))
    variables = [[emit_variable(b, value) for value in row] for row in sums]

    def step(k: ir.Value) -> None:
        offset = b.sext(emit_load(b, b.add(table, b.mul(k, I64(4))), I32), I64)
        at = b.add(weights, b.mul(k, I64(_QUAD_BYTES)))
        columns = [EXTRA_STEPS.load_column(b, at, half) for half in range(2)]
        for row, into in zip(rows, variables, strict=True):
            x = EXTRA_STEPS.load_row(b, b.add(row, offset))
            for y, variable in zip(columns, into, strict=True):
                b.store(EXTRA_STEPS.accumulate(b, x, y, b.load(variable)), variable)

    emit_loop(b, b.sext(emit_load(b, panel, I32), I64), step)
    return [[b.load(variable) for variable in into] for into in variables]


def split_tile(rows: int) -> Any:
    """As `tiles.int8_tile`, for rows of bytes and panels of `splitting.pack_split`; no factor is 1/2 or more."""

    def emit(b, addresses, stage, segments, count, steps, panel):
        weights = emit_offset(b, panel, HEAD_BYTES)
        sums = emit_sums(b, STEPS, addresses, emit_start(b, stage), segments, count, steps, [weights])
        weights = b.add(weights, b.mul(b.mul(count, steps), I64(STEPS.column_bytes)))
        return _emit_extra_steps(b, addresses, sums, panel, weights)

    return tile_of_bytes(rows, FIXED, emit)


uint8_1, uint8_4 = (
    driver(rows, split_tile(rows), get, padded_rows(pad_rows_bytes, 1), is_float=False) for rows in (1, 4)
)
