"""CUMSUM: running sums of [outer, count, inner] along the middle, columns side by side, in the order of the rows."""

from __future__ import annotations

from typing import Any

from numba import float32, int32, int64

from litejit.kernels.jit.native.reduction import get
from litejit.kernels.jit.native.simd import (
    load_f32,
    load_f32x8,
    load_i32,
    load_i32x8,
    load_i64,
    load_i64x4,
    splat_f32x8,
    splat_i32x8,
    splat_i64x4,
    store,
    store_first,
)


def _running(load: Any, load_one: Any, splat: Any, dtype: Any, lanes: int, size: int) -> Any:
    """A kernel of elements of so many bytes. flip: it begins at the end; whole: sums leave out the element itself."""

    def kernel(args, first, last, rank):
        count, inner = get(args, "count"), get(args, "inner")
        backwards, excludes = get(args, "flip") != 0, get(args, "whole") != 0
        step = -inner * size if backwards else inner * size
        skipped = (count - 1) * inner * size if backwards else 0
        blocks, block = get(args, "blocks"), get(args, "block")
        for item in range(first, last):
            begin = item % blocks * block
            columns = min(block, inner - begin)
            offset = (item // blocks * count * inner + begin) * size + skipped
            source, out = get(args, "source") + offset, get(args, "out") + offset
            if inner == 1:
                total = dtype(0)
                for at in range(count):
                    before, total = total, dtype(total + load_one(source + at * step))
                    store(out + at * step, before if excludes else total)
            else:
                for column in range(0, columns, lanes):
                    sums = splat(dtype(0))
                    for at in range(count):
                        place_of = column * size + at * step
                        before, sums = sums, sums + load(source + place_of)
                        store_first(out + place_of, before if excludes else sums, columns - column)

    return kernel


sum_f32 = _running(load_f32x8, load_f32, splat_f32x8, float32, 8, 4)
sum_i32 = _running(load_i32x8, load_i32, splat_i32x8, int32, 8, 4)
sum_i64 = _running(load_i64x4, load_i64, splat_i64x4, int64, 4, 8)
