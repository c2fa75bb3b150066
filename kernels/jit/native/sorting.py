"""The largest elements of rows, by insertion among those that are the largest so far."""

from __future__ import annotations

from typing import Any

from numba import int16, int32

from litejit.kernels.jit.layouts.sorting import LARGEST
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_f32, load_i8, load_i16, load_i32, load_i64, load_u8, store

get, _ = getters(LARGEST)


@inline
def _is_before(x, y):
    """What is not a number comes last."""
    return x > y or (y != y and x == x)


@inline
def _set_index(address, width, index):
    if width == 4:
        store(address, int32(index))
    else:
        store(address, int16(index))


def _largest(load: Any, size: int) -> Any:
    def kernel(args, first, last, rank):
        count, k, width = get(args, "count"), get(args, "k"), get(args, "width")
        for row in range(first, last):
            source = get(args, "source") + row * count * size
            values, indices = get(args, "values") + row * k * size, get(args, "indices") + row * k * width
            for at in range(count):
                x = load(source + at * size)
                place = min(at, k)
                if place == k and not _is_before(x, load(values + (k - 1) * size)):
                    continue
                place = min(place, k - 1)
                while place > 0 and _is_before(x, load(values + (place - 1) * size)):
                    store(values + place * size, load(values + (place - 1) * size))
                    before = indices + (place - 1) * width
                    index = int(load_i32(before)) if width == 4 else int(load_i16(before))
                    _set_index(indices + place * width, width, index)
                    place -= 1
                store(values + place * size, x)
                _set_index(indices + place * width, width, at)

    return kernel


largest_f32, largest_u8, largest_i8 = _largest(load_f32, 4), _largest(load_u8, 1), _largest(load_i8, 1)
largest_i16, largest_i32, largest_i64 = _largest(load_i16, 2), _largest(load_i32, 4), _largest(load_i64, 8)
