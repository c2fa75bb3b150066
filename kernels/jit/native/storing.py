"""How tiles store their results, of which the last few columns may not exist."""

from __future__ import annotations

from llvmlite import ir

from litejit.kernels.jit.native.emission import (
    I32,
    I64,
    emit_loop,
    emit_max,
    emit_min,
    emit_shuffle,
    emit_splat,
    emit_store,
)

__all__ = ["emit_clamped", "emit_store_bytes", "emit_store_rows", "rows_at"]

Values = list[ir.Value]


def emit_clamped(b: ir.IRBuilder, rows: list[Values], low: ir.Value, high: ir.Value) -> list[Values]:
    """Vectors of 8 floats, clamped. NaN stays NaN: a comparison with it fails, and picks the second operand."""
    low, high = emit_splat(b, low, 8), emit_splat(b, high, 8)
    return [[emit_min(b, high, emit_max(b, low, value)) for value in row] for row in rows]


def rows_at(b: ir.IRBuilder, out: ir.Value, pitch: ir.Value, rows: int) -> Values:
    """Addresses of rows that lie pitch bytes apart."""
    return [b.add(out, b.mul(pitch, I64(row))) for row in range(rows)]


def emit_store_rows(b: ir.IRBuilder, rows: list[Values], addresses: Values, columns: ir.Value) -> None:
    """Stores [rows][1 or 2] vectors of 8 lanes of 4 bytes; columns: how many of the lanes exist."""
    halves = len(rows[0])
    whole = b.icmp_signed(">=", columns, I64(8 * halves))
    with b.if_else(whole, likely=True) as (all_columns, some):
        with all_columns:
            for address, vectors in zip(addresses, rows, strict=True):
                for half, value in enumerate(vectors):
                    emit_store(b, value, address, 32 * half)
        with some:
            last = [vectors[0] for vectors in rows]
            if halves == 2:
                first = b.icmp_signed(">=", columns, I64(8))
                with b.if_then(first):
                    for address, value in zip(addresses, last, strict=True):
                        emit_store(b, value, address)
                last = [b.select(first, pair[1], pair[0]) for pair in rows]
                addresses = [b.add(address, b.select(first, I64(32), I64(0))) for address in addresses]
            _store_first_lanes(b, last, addresses, columns)


def _store_first_lanes(b: ir.IRBuilder, vectors: Values, addresses: Values, columns: ir.Value) -> None:
    """Stores columns % 8 lanes of each: 4, 2 and 1 of them. Processors take long for masked stores."""
    lanes = 8
    while lanes > 1:
        lanes //= 2
        given = b.icmp_signed("!=", b.and_(columns, I64(lanes)), I64(0))
        low, high = ([emit_shuffle(b, x, x, range(at, at + lanes)) for x in vectors] for at in (0, lanes))
        with b.if_then(given):
            for address, value in zip(addresses, low, strict=True):
                emit_store(b, value, address)
        vectors = [b.select(given, second, first) for first, second in zip(low, high, strict=True)]
        addresses = [b.add(address, b.select(given, I64(4 * lanes), I64(0))) for address in addresses]


def emit_store_bytes(b: ir.IRBuilder, rows: Values, addresses: Values, columns: ir.Value) -> None:
    """Stores vectors of 16 bytes; columns: how many of them exist."""
    whole = b.icmp_signed(">=", columns, I64(16))
    with b.if_else(whole, likely=True) as (all_columns, some):
        with all_columns:
            for address, value in zip(addresses, rows, strict=True):
                emit_store(b, value, address)
        with some:
            for address, value in zip(addresses, rows, strict=True):
                _store_first_bytes(b, value, address, columns)


def _store_first_bytes(b: ir.IRBuilder, value: ir.Value, address: ir.Value, count: ir.Value) -> None:
    """Stores fewer than 16 bytes: 8 at once if there are as many, the others one by one."""
    with b.if_then(b.icmp_signed(">=", count, I64(8))):
        emit_store(b, b.extract_element(b.bitcast(value, ir.VectorType(I64, 2)), I32(0)), address)
    done = b.and_(count, I64(8))

    def one(at: ir.Value) -> None:
        index = b.add(at, done)
        emit_store(b, b.extract_element(value, index), b.add(address, index))

    emit_loop(b, b.sub(count, done), one)
