"""What becomes of sums of integer products: output stages, emitted behind the tiles of `products`.

Sums come as two vectors of 8 columns in packed order (0-3, 8-11 and 4-7, 12-15); results leave in order. What a stage
reads is packed by `litejit.kernels.jit.stages`, for each panel of 16 columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from litejit.kernels.jit.layouts.panels import STAGE_BYTES
from litejit.kernels.jit.native.emission import (
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    emit_call,
    emit_constant,
    emit_load,
    emit_loop,
    emit_max,
    emit_min,
    emit_offset,
    emit_shuffle,
    emit_splat,
    emit_store,
    emit_store_first,
)
from litejit.kernels.jit.native.rescaling import Factors, low_bytes, pack_to_i16, sign_extended

__all__ = ["STAGES", "Stage", "emit_store_columns"]

F32x8, F64x4 = ir.VectorType(F32, 8), ir.VectorType(F64, 4)
I32x8, I32x4, I64x4, I64x8 = ir.VectorType(I32, 8), ir.VectorType(I32, 4), ir.VectorType(I64, 4), ir.VectorType(I64, 8)
I16x16 = ir.VectorType(I16, 16)

Values = list[ir.Value]
Finish = Callable[[Values, ir.Value], Values]
"""(sums of a row, its scale) -> results of 16 columns, in one or two vectors."""

_BELOW_HALF = 0.49999999999999994
"""Added away from zero before truncation, it rounds to the nearest integer, ties away from zero."""


@dataclass(frozen=True)
class Stage:
    """prepare: loads what all rows of a tile share -> Finish. start: what sums begin with.

    bytes: of a panel; item_bytes: of a result. float_clamp: low and high are float64. wide: sums are of 64 bits, in
    four vectors of 4 columns in order.
    """

    prepare: Callable[..., Finish]
    start: Callable[[ir.IRBuilder, ir.Value], Values]
    bytes: int
    item_bytes: int
    float_clamp: bool = False
    wide: bool = False


def _zeros(b: ir.IRBuilder, stage: ir.Value) -> Values:
    return [emit_constant(I32x8, 0)] * 2


def _biases(b: ir.IRBuilder, stage: ir.Value) -> Values:
    return [emit_load(b, stage, I32x8, 32 * half) for half in range(2)]


def _wide_biases(b: ir.IRBuilder, stage: ir.Value) -> Values:
    return [emit_load(b, stage, I64x4, 32 * quarter) for quarter in range(4)]


def _in_order(b: ir.IRBuilder, pair: Values) -> Values:
    return [emit_shuffle(b, *pair, [at, at + 1, at + 2, at + 3, at + 8, at + 9, at + 10, at + 11]) for at in (0, 4)]


def _clamped(b: ir.IRBuilder, x: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    """Not a number stays not a number."""
    return emit_min(b, high, emit_max(b, low, x))


def _scaled(apart: bool) -> Stage:
    """clamp(sum * (filter scale * row scale) + bias) in FLOAT32; apart: (sum * filter scale) * row scale."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        scales, biases = ([emit_load(b, stage, F32x8, at + 32 * half) for half in range(2)] for at in (0, 64))
        low, high = (emit_splat(b, b.fptrunc(bound, F32), 8) for bound in (low, high))

        def finish(pair: Values, row: ir.Value) -> Values:
            results = []
            for value, scale, bias in zip(pair, scales, biases, strict=True):
                x = b.sitofp(value, F32x8)
                x = b.fmul(b.fmul(x, scale), row) if apart else b.fmul(x, b.fmul(scale, row))
                results.append(_clamped(b, b.fadd(x, bias), low, high))
            return _in_order(b, results)

        return finish

    return Stage(prepare, _zeros, 128, 4, float_clamp=True)


def _round_away(b: ir.IRBuilder, x: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    """float64 -> int32 within whole bounds, ties away from zero."""
    x = _clamped(b, x, low, high)
    half = emit_call(b, "llvm.copysign.v4f64", F64x4, emit_constant(F64x4, _BELOW_HALF), x)
    return b.fptosi(b.fadd(x, half), I32x4)


def _narrowed(b: ir.IRBuilder, words: ir.Value, item_bytes: int) -> Values:
    return [low_bytes(b, words) if item_bytes == 1 else words]


def _double(item_bytes: int, wide: bool) -> Stage:
    """clamp(round((sum + bias) * factor) + zero_point), the product in float64; the clamp is without the zero point."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        first = 128 if wide else 64
        factors = [emit_load(b, stage, F64x4, first + 32 * quarter) for quarter in range(4)]
        low, high = emit_splat(b, low, 4), emit_splat(b, high, 4)
        zero = emit_splat(b, b.trunc(zero, I16), 16)

        def finish(sums: Values, row: ir.Value) -> Values:
            if not wide:
                sums = [emit_shuffle(b, x, x, lanes) for x in sums for lanes in (range(4), range(4, 8))]
            parts = [
                _round_away(b, b.fmul(b.sitofp(x, F64x4), factor), low, high)
                for x, factor in zip(sums, factors, strict=True)
            ]
            if wide:
                parts = [parts[0], parts[2], parts[1], parts[3]]
            words = pack_to_i16(b, *(emit_shuffle(b, *parts[at : at + 2], range(8)) for at in (0, 2)))
            return _narrowed(b, b.add(words, zero), item_bytes)

        return finish

    return Stage(prepare, _wide_biases if wide else _biases, 256 if wide else 192, item_bytes, True, wide)


def _shifted(b: ir.IRBuilder, x: ir.Value, shift: ir.Value, offset: ir.Value) -> ir.Value:
    """x >> shift of int64, which AVX2 has for unsigned numbers only: 2^62 is in x already, offset is 2^62 >> shift."""
    return b.sub(b.lshr(x, shift), offset)


def _fifteen_bits() -> Stage:
    """clamp(((sum + bias) * mantissa + rounding) >> shift) in 16 bits, mantissas of 15 bits."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        tables = [
            [
                [emit_load(b, stage, I64x4, 64 + 256 * half + 64 * slot + 32 * odd) for odd in range(2)]
                for slot in range(4)
            ]
            for half in range(2)
        ]
        low, high, zero = (emit_splat(b, b.trunc(value, I16), 16) for value in (low, high, zero))

        def finish(pair: Values, row: ir.Value) -> Values:
            halves = []
            for value, (mantissas, roundings, shifts, offsets) in zip(pair, tables, strict=True):
                even = b.bitcast(value, I64x4)
                both = []
                for odd, x in enumerate((even, b.lshr(even, emit_constant(I64x4, 32)))):
                    product = b.mul(sign_extended(b, x), sign_extended(b, mantissas[odd]))
                    x = _shifted(b, b.add(product, roundings[odd]), shifts[odd], offsets[odd])
                    both.append(b.bitcast(x, I32x8))
                halves.append(emit_shuffle(b, *both, [0, 8, 2, 10, 4, 12, 6, 14]))
            words = pack_to_i16(b, *halves)
            words = emit_call(b, "llvm.sadd.sat.v16i16", I16x16, words, zero)
            return [emit_min(b, emit_max(b, words, low), high)]

        return finish

    return Stage(prepare, _biases, 576, 2)


def _fifteen_bits_wide() -> Stage:
    """The same with sums of 64 bits."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        tables = [[emit_load(b, stage, I64x4, 128 + 128 * slot + 32 * at) for slot in range(4)] for at in range(4)]
        low, high = emit_splat(b, low, 4), emit_splat(b, high, 4)
        zero = emit_splat(b, zero, 4)

        def finish(sums: Values, row: ir.Value) -> Values:
            parts = []
            for x, (mantissa, rounding, shift, offset) in zip(sums, tables, strict=True):
                x = _shifted(b, b.add(b.mul(x, mantissa), rounding), shift, offset)
                x = emit_min(b, emit_max(b, b.add(x, zero), low), high)
                parts.append(b.trunc(x, I32x4))
            parts = [parts[0], parts[2], parts[1], parts[3]]
            return [pack_to_i16(b, *(emit_shuffle(b, *parts[at : at + 2], range(8)) for at in (0, 2)))]

        return finish

    return Stage(prepare, _wide_biases, 640, 2, wide=True)


def _fixed(item_bytes: int) -> Stage:
    """clamp(rescale(2 * (sum + bias)) + zero_point) with 31-bit mantissas, rounded twice; see rescaling.Factors."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        factors = [Factors(b, stage, half) for half in range(2)]
        low, high, zero = (emit_splat(b, b.trunc(value, I16), 16) for value in (low, high, zero))

        def finish(pair: Values, row: ir.Value) -> Values:
            words = pack_to_i16(b, *(factor.apply(b, x, True) for factor, x in zip(factors, pair, strict=True)))
            words = emit_call(b, "llvm.sadd.sat.v16i16", I16x16, words, zero)
            return _narrowed(b, emit_min(b, emit_max(b, words, low), high), item_bytes)

        return finish

    return Stage(prepare, _biases, STAGE_BYTES, item_bytes)


def _fixed_sums() -> Stage:
    """rescale(2 * (sum + bias)), INT32."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        factors = [Factors(b, stage, half) for half in range(2)]
        return lambda pair, row: _in_order(b, [f.apply(b, x, True) for f, x in zip(factors, pair, strict=True)])

    return Stage(prepare, _biases, STAGE_BYTES, 4)


def _float() -> Stage:
    """clamp(sum) of floats, columns in order."""

    def start(b: ir.IRBuilder, stage: ir.Value) -> Values:
        return [emit_load(b, stage, F32x8, 32 * half) for half in range(2)]

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        low, high = (emit_splat(b, b.fptrunc(bound, F32), 8) for bound in (low, high))
        return lambda pair, row: [_clamped(b, x, low, high) for x in pair]

    return Stage(prepare, start, 64, 4, float_clamp=True)


def _plain() -> Stage:
    """The sums, INT32."""

    def prepare(b: ir.IRBuilder, stage: ir.Value, zero: ir.Value, low: ir.Value, high: ir.Value) -> Finish:
        return lambda pair, row: _in_order(b, pair)

    return Stage(prepare, _biases, 64, 4)


STAGES = {
    "float": _float(),
    "scaled": _scaled(False),
    "scaled_apart": _scaled(True),
    "double8": _double(1, False),
    "double16": _double(2, False),
    "double16_wide": _double(2, True),
    "q15": _fifteen_bits(),
    "q15_wide": _fifteen_bits_wide(),
    "fixed8": _fixed(1),
    "fixed16": _fixed(2),
    "fixed32": _fixed_sums(),
    "plain": _plain(),
}
"""By name, as `litejit.kernels.jit.stages` calls them."""


def emit_store_columns(b: ir.IRBuilder, rows: list[Values], addresses: Values, columns: ir.Value) -> None:
    """Stores the first `columns` elements of each row's 16, none if it is not positive."""
    whole = b.icmp_signed(">=", columns, I64(16))
    with b.if_else(whole, likely=True) as (all_columns, some):
        with all_columns:
            for address, row in zip(addresses, rows, strict=True):
                at = 0
                for value in row:
                    emit_store(b, value, address, at)
                    at += _bytes_of(value.type)
        with some:
            for address, row in zip(addresses, rows, strict=True):
                if len(row) == 2:
                    for half, value in enumerate(row):
                        emit_store_first(b, value, emit_offset(b, address, 32 * half), b.sub(columns, I64(8 * half)))
                else:
                    _store_one_by_one(b, row[0], address, columns)


def _bytes_of(type: ir.VectorType) -> int:
    return type.count * (4 if type.element in (F32, I32) else type.element.width // 8)


def _store_one_by_one(b: ir.IRBuilder, value: ir.Value, address: ir.Value, count: ir.Value) -> None:
    element = value.type.element
    assert element in (I8, I16)

    def one(index: ir.Value) -> None:
        emit_store(b, b.extract_element(value, index), b.add(address, b.mul(index, I64(element.width // 8))))

    emit_loop(b, count, one)
