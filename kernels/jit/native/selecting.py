"""SELECT: rows of three broadcast operands."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.layouts.selecting import SELECT
from litejit.kernels.jit.native.bytes import wide_bytes
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    getters,
    load_i8,
    load_i16,
    load_i32,
    load_i32x8,
    load_i64,
    select,
    splat_i32x8,
    store,
    store_first,
)

get, _ = getters(SELECT)


def _over_rows(row: Any, size: int) -> Any:
    """A kernel of row(condition, x, y, out, count, steps of condition, x and y)."""

    def kernel(args, first, last, rank):
        inner = get(args, "inner")
        condition_step, x_step, y_step = get(args, "condition_step"), get(args, "x_step"), get(args, "y_step")
        for item in range(first, last):
            rest, i3 = item // get(args, "dim3"), item % get(args, "dim3")
            rest, i2 = rest // get(args, "dim2"), rest % get(args, "dim2")
            i0, i1 = rest // get(args, "dim1"), rest % get(args, "dim1")
            condition = get(args, "condition") + i0 * get(args, "condition0") + i1 * get(args, "condition1")
            condition += i2 * get(args, "condition2") + i3 * get(args, "condition3")
            x = get(args, "x") + i0 * get(args, "x0") + i1 * get(args, "x1") + i2 * get(args, "x2")
            y = get(args, "y") + i0 * get(args, "y0") + i1 * get(args, "y1") + i2 * get(args, "y2")
            x, y = x + i3 * get(args, "x3"), y + i3 * get(args, "y3")
            row(condition, x, y, get(args, "out") + item * inner * size, inner, condition_step, x_step, y_step)

    return kernel


@inline
def _of_32_bits(condition, x, y, out, count, condition_step, x_step, y_step):
    zero, mask = splat_i32x8(0), splat_i32x8(255)
    one_condition, one_x, one_y = (
        splat_i32x8(int(load_i8(condition))),
        splat_i32x8(load_i32(x)),
        splat_i32x8(load_i32(y)),
    )
    for at in range(0, count, 8):
        chosen = wide_bytes(condition + at, mask) if condition_step > 0 else one_condition
        here = load_i32x8(x + 4 * at) if x_step > 0 else one_x
        there = load_i32x8(y + 4 * at) if y_step > 0 else one_y
        store_first(out + 4 * at, select(chosen == zero, there, here), count - at)


def _one_by_one(load: Any, size: int) -> Any:
    @inline
    def row(condition, x, y, out, count, condition_step, x_step, y_step):
        for _ in range(count):
            store(out, load(x) if load_i8(condition) != 0 else load(y))
            condition, x, y, out = condition + condition_step, x + x_step, y + y_step, out + size

    return _over_rows(row, size)


select_4 = _over_rows(_of_32_bits, 4)
select_1, select_2, select_8 = (_one_by_one(load, size) for load, size in ((load_i8, 1), (load_i16, 2), (load_i64, 8)))
