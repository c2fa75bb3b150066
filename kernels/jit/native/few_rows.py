"""Products of few rows with matrices of run time, read where they lie: to pack them takes longer than to use them once.

"along": a row of the right matrix holds one element of the depth for all columns. "across": it holds the whole depth of
one column, which is how transposed matrices and the weights of FULLY_CONNECTED lie; 8 columns are computed at a time,
"singly" one after the other. Sums of 16 columns go to the output stages of `products`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.few_rows import FEW_ROWS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.native.emission import (
    F32,
    I8,
    I16,
    I32,
    I64,
    emit_constant,
    emit_fma,
    emit_load,
    emit_loop,
    emit_min,
    emit_multiply_add_pairs,
    emit_offset,
    emit_shuffle,
    emit_splat,
    emit_variable,
)
from litejit.kernels.jit.native.simd import getters, load_i64
from litejit.kernels.jit.native.stages import STAGES, Stage, Values, emit_store_columns

get, get_float = getters(FEW_ROWS)

F32x8, I32x8 = ir.VectorType(F32, 8), ir.VectorType(I32, 8)
I16x16, I8x16 = ir.VectorType(I16, 16), ir.VectorType(I8, 16)

_HALVES = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
"""Columns of the two vectors of sums of integers, see `stages`; lanes of two vectors that are added half to half."""

_NEIGHBOURS = [0, 2, 8, 10, 4, 6, 12, 14], [1, 3, 9, 11, 5, 7, 13, 15]
"""Lanes of two vectors that are added to one another within each half."""


@dataclass(frozen=True)
class _Right:
    """A right matrix, from the first of some columns on; columns: how many there are from there on."""

    at: ir.Value
    pitch: ir.Value
    depth: ir.Value
    columns: ir.Value
    zero_point: ir.Value


@dataclass(frozen=True)
class _Elements:
    """Floats, or int16 times int8.

    bytes: of a column. pair: elements of the depth that "along" takes at a time. along: (row, step, right, offset of
    16 columns, sums) -> sums. lanes: elements that "across" takes at a time. across: (vector of the row, address of as
    many of a column, lanes that count or None, right, sum) -> sum.
    """

    bytes: int
    pair: int
    along: Callable[[ir.IRBuilder, ir.Value, ir.Value, _Right, int, Values], Values]
    lanes: int
    row_bytes: int
    row: ir.VectorType
    across: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value | None, _Right, ir.Value], ir.Value]
    sums: ir.VectorType
    add: str


def _floats_along(b: ir.IRBuilder, row: ir.Value, k: ir.Value, right: _Right, offset: int, sums: Values) -> Values:
    x = emit_splat(b, emit_load(b, b.add(row, b.mul(k, I64(4))), F32), 8)
    at = emit_offset(b, b.add(right.at, b.mul(k, right.pitch)), offset)
    return [emit_fma(b, x, emit_load(b, at, F32x8, 32 * half), value) for half, value in enumerate(sums)]


def _floats_across(
    b: ir.IRBuilder, x: ir.Value, at: ir.Value, exist: ir.Value | None, right: _Right, value: ir.Value
) -> ir.Value:
    y = emit_load(b, at, F32x8)
    return emit_fma(b, x, y if exist is None else b.select(exist, y, emit_constant(F32x8, 0)), value)


def _centred(b: ir.IRBuilder, at: ir.Value, right: _Right) -> ir.Value:
    return b.sub(b.sext(emit_load(b, at, I8x16), I16x16), emit_splat(b, b.trunc(right.zero_point, I16), 16))


def _bytes_along(b: ir.IRBuilder, row: ir.Value, k: ir.Value, right: _Right, offset: int, sums: Values) -> Values:
    """Pairs; the second element of the last one may not exist, and counts as nothing then."""
    first = b.mul(k, I64(2))
    second = emit_min(b, b.add(first, I64(1)), b.sub(right.depth, I64(1)))
    pair = emit_load(b, b.add(row, b.mul(k, I64(4))), I32)
    pair = b.select(b.icmp_signed("==", first, second), b.and_(pair, I32(0xFFFF)), pair)
    x = b.bitcast(emit_splat(b, pair, 8), I16x16)
    one, other = (
        _centred(b, emit_offset(b, b.add(right.at, b.mul(at, right.pitch)), offset), right) for at in (first, second)
    )
    columns = [emit_shuffle(b, one, other, [at + by for at in half for by in (0, 16)]) for half in _HALVES]
    return [b.add(value, emit_multiply_add_pairs(b, x, column)) for column, value in zip(columns, sums, strict=True)]


def _bytes_across(
    b: ir.IRBuilder, x: ir.Value, at: ir.Value, exist: ir.Value | None, right: _Right, value: ir.Value
) -> ir.Value:
    return b.add(value, emit_multiply_add_pairs(b, x, _centred(b, at, right)))


_FLOATS = _Elements(4, 1, _floats_along, 8, 4, F32x8, _floats_across, F32x8, "fadd")
_BYTES = _Elements(1, 2, _bytes_along, 16, 2, I16x16, _bytes_across, I32x8, "add")


def _emit_along(b: ir.IRBuilder, of: _Elements, row: ir.Value, right: _Right, panels: int) -> list[Values]:
    """[panels][2] sums. Of one panel every fourth step is a sum of its own: a single one would wait for itself."""
    chains = 1 if panels > 1 else 4
    sums = [
        [[emit_variable(b, emit_constant(of.sums, 0)) for _ in range(2)] for _ in range(panels)] for _ in range(chains)
    ]

    def add(k: ir.Value, chain: int) -> None:
        for panel, variables in enumerate(sums[chain]):
            before = [b.load(variable) for variable in variables]
            after = of.along(b, row, k, right, COLUMNS * of.bytes * panel, before)
            for variable, value in zip(variables, after, strict=True):
                b.store(value, variable)

    steps = b.udiv(b.add(right.depth, I64(of.pair - 1)), I64(of.pair))
    rounds = b.udiv(steps, I64(chains))

    def together(at: ir.Value) -> None:
        for chain in range(chains):
            add(b.add(b.mul(at, I64(chains)), I64(chain)), chain)

    emit_loop(b, rounds, together)
    done = b.mul(rounds, I64(chains))
    if chains > 1:
        emit_loop(b, b.sub(steps, done), lambda at: add(b.add(done, at), 0))
    parts = [[[b.load(variable) for variable in variables] for variables in chain] for chain in sums]
    return [[_added(b, of, [chain[panel][half] for chain in parts]) for half in range(2)] for panel in range(panels)]


def _emit_across(b: ir.IRBuilder, of: _Elements, row: ir.Value, right: _Right) -> list[Values]:
    """[1][2] sums, 8 columns after the other 8. Columns that do not exist are the last one again."""
    halves = []
    for half in range(2):
        numbers = [emit_min(b, I64(8 * half + at), b.sub(right.columns, I64(1))) for at in range(8)]
        columns = [b.add(right.at, b.mul(number, right.pitch)) for number in numbers]
        sums = [emit_variable(b, emit_constant(of.sums, 0)) for _ in columns]
        rounds = b.udiv(right.depth, I64(of.lanes))

        def add(k: ir.Value, exist: ir.Value | None, columns: Values = columns, sums: list[Any] = sums) -> None:
            x = emit_load(b, b.add(row, b.mul(k, I64(of.row_bytes))), of.row)
            if exist is not None:
                x = b.select(exist, x, emit_constant(of.row, 0))
            for column, variable in zip(columns, sums, strict=True):
                at = b.add(column, b.mul(k, I64(of.bytes)))
                b.store(of.across(b, x, at, exist, right, b.load(variable)), variable)

        emit_loop(b, rounds, lambda at, add=add: add(b.mul(at, I64(of.lanes)), None))
        done = b.mul(rounds, I64(of.lanes))
        _emit_rest(b, of, b.sub(right.depth, done), lambda exist, add=add, done=done: add(done, exist))
        halves.append(_emit_totals(b, of, [b.load(variable) for variable in sums]))
    if of is _BYTES:
        halves = [emit_shuffle(b, *halves, lanes) for lanes in _HALVES]
    return [halves]


def _emit_singly(b: ir.IRBuilder, of: _Elements, row: ir.Value, right: _Right) -> list[Values]:
    """[1][2] sums, one column at a time, the depth in four sums."""
    with b.goto_entry_block():
        place = b.alloca(ir.ArrayType(of.sums.element, COLUMNS))
    b.store(ir.Constant(place.type.pointee, None), place)

    def column(number: ir.Value) -> None:
        at = b.add(right.at, b.mul(number, right.pitch))
        sums = [emit_variable(b, emit_constant(of.sums, 0)) for _ in range(4)]

        def add(k: ir.Value, chain: int, exist: ir.Value | None = None) -> None:
            x = emit_load(b, b.add(row, b.mul(k, I64(of.row_bytes))), of.row)
            if exist is not None:
                x = b.select(exist, x, emit_constant(of.row, 0))
            y = b.add(at, b.mul(k, I64(of.bytes)))
            b.store(of.across(b, x, y, exist, right, b.load(sums[chain])), sums[chain])

        rounds = b.udiv(right.depth, I64(4 * of.lanes))

        def together(round: ir.Value) -> None:
            for chain in range(4):
                add(b.add(b.mul(round, I64(4 * of.lanes)), I64(chain * of.lanes)), chain)

        emit_loop(b, rounds, together)
        done = b.mul(rounds, I64(4 * of.lanes))
        left = b.udiv(b.sub(right.depth, done), I64(of.lanes))
        emit_loop(b, left, lambda step: add(b.add(done, b.mul(step, I64(of.lanes))), 0))
        done = b.add(done, b.mul(left, I64(of.lanes)))
        _emit_rest(b, of, b.sub(right.depth, done), lambda exist: add(done, 1, exist))
        total = _added(b, of, [b.load(variable) for variable in sums])
        for half in (4, 2, 1):
            parts = [emit_shuffle(b, total, total, range(start, start + half)) for start in (0, half)]
            total = getattr(b, of.add)(*parts)
        b.store(b.extract_element(total, I32(0)), b.gep(place, [I32(0), b.trunc(number, I32)]))

    emit_loop(b, emit_min(b, right.columns, I64(COLUMNS)), column)
    whole = b.load(b.bitcast(place, ir.VectorType(of.sums.element, COLUMNS).as_pointer()), align=4)
    halves = _HALVES if of is _BYTES else ([*range(8)], [*range(8, 16)])
    return [[emit_shuffle(b, whole, whole, lanes) for lanes in halves]]


def _emit_rest(b: ir.IRBuilder, of: _Elements, rest: ir.Value, add: Callable[[ir.Value], None]) -> None:
    """The last elements of the depth, where they do not fill a vector; add(which of its lanes exist)."""
    with b.if_then(b.icmp_signed(">", rest, I64(0))):
        numbers = ir.Constant(ir.VectorType(I64, of.lanes), list(range(of.lanes)))
        add(b.icmp_signed("<", numbers, emit_splat(b, rest, of.lanes)))


def _added(b: ir.IRBuilder, of: _Elements, values: Values) -> ir.Value:
    while len(values) > 1:
        values = [getattr(b, of.add)(*values[at : at + 2]) for at in range(0, len(values), 2)]
    return values[0]


def _emit_totals(b: ir.IRBuilder, of: _Elements, vectors: Values) -> ir.Value:
    """Eight vectors of 8 -> the totals of their lanes."""
    for _ in range(2):
        vectors = [
            _added(b, of, [emit_shuffle(b, *vectors[at : at + 2], lanes) for lanes in _NEIGHBOURS])
            for at in range(0, len(vectors), 2)
        ]
    return _added(b, of, [emit_shuffle(b, *vectors, lanes) for lanes in _HALVES])


_EMIT = {"across": _emit_across, "singly": _emit_singly}


def _tile(stage: Stage, of: _Elements, how: str, panels: int) -> Any:
    """out = stage(row x panels): `panels` of 16 columns from an address on, of which `columns` exist."""
    bound = types.float64 if stage.float_clamp else types.int64

    @intrinsic
    def tile(context, row, depth, at, pitch, columns, right_zero, factor, scales, stages, out, zero_point, low, high):
        def emit(c, b, s, a):
            row, depth, at, pitch, columns, right_zero, factor, scales, stages, out, zero_point, low, high = a
            right = _Right(at, pitch, depth, columns, right_zero)
            sums = _EMIT[how](b, of, row, right) if how in _EMIT else _emit_along(b, of, row, right, panels)
            scale = emit_splat(b, emit_load(b, scales, F32), 8)
            for panel, values in enumerate(sums):
                own = emit_offset(b, stages, stage.bytes * panel)
                if of is _BYTES:
                    factors = emit_splat(b, b.trunc(factor, I32), 8)
                    values = [b.mul(value, factors) for value in values]
                values = [
                    getattr(b, of.add)(value, start) for value, start in zip(values, stage.start(b, own), strict=True)
                ]
                results = [stage.prepare(b, own, zero_point, low, high)(values, scale)]
                target = emit_offset(b, out, COLUMNS * stage.item_bytes * panel)
                emit_store_columns(b, results, [target], b.sub(columns, I64(COLUMNS * panel)))
            return c.get_dummy_value()

        return types.void(*[types.int64] * 11, bound, bound), emit

    return tile


def _products(kind: str, how: str, at_once: int) -> Any:
    stage, of = STAGES[kind], _FLOATS if kind == "float" else _BYTES
    tile = _tile(stage, of, how, at_once)
    across = how in _EMIT
    read = get_float if stage.float_clamp else get
    stage_bytes, panel_out, column_bytes = stage.bytes, COLUMNS * stage.item_bytes, of.bytes

    def multiply(args, first, last, rank):
        groups, group_panels, panels = get(args, "groups"), get(args, "group_panels"), get(args, "panels")
        rows, depth, left_pitch, pitch = (
            get(args, "rows"), get(args, "depth"), get(args, "left_pitch"), get(args, "right_pitch"),
        )  # fmt: skip
        columns, right_zero, factor = get(args, "columns"), get(args, "right_zero_point"), get(args, "factor")
        zero_point, low, high = get(args, "zero_point"), read(args, "low"), read(args, "high")
        stages, out_row, step = get(args, "stage"), get(args, "out_row_bytes"), pitch if across else column_bytes
        for item in range(first, last):
            image, begin = item // groups, item % groups * group_panels
            left = get(args, "left") + load_i64(get(args, "left_images") + 8 * image)
            right = get(args, "right") + load_i64(get(args, "right_images") + 8 * image)
            out = get(args, "out") + image * get(args, "out_image_bytes")
            end = min(panels, begin + group_panels)
            for next_panel in range(begin, end, at_once):
                panel = min(next_panel, end - at_once)
                for row in range(rows):
                    tile(
                        left + row * left_pitch, depth, right + COLUMNS * panel * step, pitch,
                        columns - COLUMNS * panel, right_zero, factor, get(args, "scales") + 4 * (image * rows + row),
                        stages + panel * stage_bytes, out + row * out_row + panel * panel_out, zero_point, low, high,
                    )  # fmt: skip

    return multiply


for _kind in ("float", "fixed8", "double8", "scaled"):
    for _how in _EMIT:
        globals()[f"{_kind}_{_how}"] = _products(_kind, _how, 1)
    for _panels in (1, 4):
        globals()[f"{_kind}_along_{_panels}"] = _products(_kind, "along", _panels)
