"""Two broadcast operands of plain numbers, floats and 32-bit integers, 8 elements at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.elements import broadcast_float, over_rows, store_within
from litejit.kernels.jit.native.emission import F32, emit_load, emit_shuffle
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    f32x8,
    load_f32,
    load_f32x8,
    load_i32,
    load_i32x8,
    maximum,
    minimum,
    select,
    splat_f32x8,
    splat_i32x8,
    store,
)


def _repeater(period: int) -> Any:
    @intrinsic
    def repeated(context, address):
        def emit(c, b, s, a):
            elements = emit_load(b, a[0], ir.VectorType(F32, period))
            return emit_shuffle(b, elements, elements, [at % period for at in range(8)])

        return f32x8(types.int64), emit

    return repeated


repeated_pair, repeated_four = _repeater(2), _repeater(4)


@inline
def _repeated(address, step):
    """The first element in all lanes; of a negative step, as many elements as it says over and over again."""
    if step == -2:
        return repeated_pair(address)
    if step == -4:
        return repeated_four(address)
    return splat_f32x8(load_f32(address))


def _of_floats(operation: Any) -> Any:
    """The operation, then the clamp of an activation, in which NaN stays NaN."""

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        low, high = splat_f32x8(broadcast_float(args, "low")), splat_f32x8(broadcast_float(args, "high"))
        one_a, one_b = _repeated(a, a_step), _repeated(b, b_step)
        whole = count & -8
        if a_step == 1 and b_step == 1:
            for at in range(0, whole, 8):
                x = operation(load_f32x8(a + 4 * at), load_f32x8(b + 4 * at))
                store(out + 4 * at, minimum(high, maximum(low, x)))
        elif a_step == 1:
            for at in range(0, whole, 8):
                x = operation(load_f32x8(a + 4 * at), one_b)
                store(out + 4 * at, minimum(high, maximum(low, x)))
        else:
            for at in range(0, whole, 8):
                x = operation(one_a, load_f32x8(b + 4 * at) if b_step == 1 else one_b)
                store(out + 4 * at, minimum(high, maximum(low, x)))
        if whole < count:
            x = load_f32x8(a + 4 * whole) if a_step == 1 else one_a
            x = operation(x, load_f32x8(b + 4 * whole) if b_step == 1 else one_b)
            store_within(out + 4 * whole, minimum(high, maximum(low, x)), count - whole, room - whole, 8)

    return over_rows(row, 4)


def _of_integers(operation: Any) -> Any:
    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        one_a, one_b = splat_i32x8(load_i32(a)), splat_i32x8(load_i32(b))
        for at in range(0, count, 8):
            x = load_i32x8(a + 4 * at) if a_step == 1 else one_a
            y = load_i32x8(b + 4 * at) if b_step == 1 else one_b
            store_within(out + 4 * at, operation(x, y), count - at, room - at, 8)

    return over_rows(row, 4)


@inline
def _sum(x, y):
    return x + y


@inline
def _difference(x, y):
    return x - y


@inline
def _product(x, y):
    return x * y


@inline
def _quotient(x, y):
    return x / y


@inline
def _squared_difference(x, y):
    return (x - y) * (x - y)


@inline
def _larger(x, y):
    return maximum(x, y)


@inline
def _smaller(x, y):
    return minimum(x, y)


@inline
def _prelu(x, y):
    return select(x >= splat_f32x8(0.0), x, x * y)


add_f32, sub_f32, mul_f32, div_f32 = (_of_floats(each) for each in (_sum, _difference, _product, _quotient))
squared_difference_f32, maximum_f32, minimum_f32, prelu_f32 = (
    _of_floats(each) for each in (_squared_difference, _larger, _smaller, _prelu)
)
add_i32, sub_i32, mul_i32, maximum_i32, minimum_i32 = (
    _of_integers(each) for each in (_sum, _difference, _product, _larger, _smaller)
)
