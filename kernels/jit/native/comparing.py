"""Two broadcast operands compared: to booleans, and to the larger or smaller one of 8-bit and 16-bit integers."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.bytes import as_bytes, store_bytes_within
from litejit.kernels.jit.native.elements import broadcast, over_rows, store_within
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    load_f32,
    load_f32x8,
    load_i8,
    load_i8x32,
    load_i16,
    load_i16x16,
    load_i32,
    load_i32x8,
    maximum,
    minimum,
    narrow_i32x8,
    select,
    splat_f32x8,
    splat_i8x32,
    splat_i16x16,
    splat_i32x8,
    store,
)


def _comparison(holds: Any, load: Any, load_one: Any, splat: Any) -> Any:
    """A kernel of holds(x, y), 1 or 0 in each lane, of 32-bit numbers."""

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        one_a, one_b = splat(load_one(a)), splat(load_one(b))
        for at in range(0, count, 8):
            x = load(a + 4 * at) if a_step == 1 else one_a
            y = load(b + 4 * at) if b_step == 1 else one_b
            store_within(out + at, narrow_i32x8(holds(x, y)), count - at, room - at, 8)

    return over_rows(row, 1)


@inline
def _equal(x, y):
    return select(x == y, splat_i32x8(1), splat_i32x8(0))


@inline
def _not_equal(x, y):
    return select(x == y, splat_i32x8(0), splat_i32x8(1))


@inline
def _less(x, y):
    return select(x < y, splat_i32x8(1), splat_i32x8(0))


@inline
def _less_equal(x, y):
    return select(x <= y, splat_i32x8(1), splat_i32x8(0))


_COMPARISONS = (_equal, _not_equal, _less, _less_equal)
equal_f32, not_equal_f32, less_f32, less_equal_f32 = (
    _comparison(holds, load_f32x8, load_f32, splat_f32x8) for holds in _COMPARISONS
)
equal_i32, not_equal_i32, less_i32, less_equal_i32 = (
    _comparison(holds, load_i32x8, load_i32, splat_i32x8) for holds in _COMPARISONS
)


def _extremum(choose: Any, load: Any, load_one: Any, splat: Any, size: int) -> Any:
    """A kernel of integers of so many bytes; p3: 255 if they are unsigned bytes."""

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        flip = splat(-128 if broadcast(args, "p3") == 255 else 0)
        one_a, one_b = splat(load_one(a)), splat(load_one(b))
        whole = count * size & -32
        if a_step == 1 and b_step == 1:
            for at in range(0, whole, 32):
                store(out + at, choose(load(a + at) ^ flip, load(b + at) ^ flip) ^ flip)
        else:
            vectors, one = (a, one_b) if a_step == 1 else (b, one_a)
            one = one ^ flip
            for at in range(0, whole if a_step != b_step else 0, 32):
                store(out + at, choose(load(vectors + at) ^ flip, one) ^ flip)
        for at in range(whole if a_step + b_step > 0 else 0, count * size, 32):
            x = load(a + at) if a_step == 1 else one_a
            y = load(b + at) if b_step == 1 else one_b
            chosen = as_bytes(choose(x ^ flip, y ^ flip) ^ flip)
            store_bytes_within(out + at, chosen, count * size - at, room * size - at)

    return over_rows(row, size)


maximum_bytes, minimum_bytes = (_extremum(choose, load_i8x32, load_i8, splat_i8x32, 1) for choose in (maximum, minimum))
maximum_words, minimum_words = (
    _extremum(choose, load_i16x16, load_i16, splat_i16x16, 2) for choose in (maximum, minimum)
)
