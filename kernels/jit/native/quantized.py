"""Two broadcast quantized operands of 8 bits, in arithmetic that was proved equal to the fixed-point formula."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.bytes import pack_bytes, store_bytes_within, wide_bytes
from litejit.kernels.jit.native.elements import broadcast, broadcast_float, over_rows
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    load_i8,
    load_u8,
    maximum,
    minimum,
    select,
    splat_f32x8,
    splat_i8x32,
    splat_i32x8,
    to_f32x8,
    to_i32x8,
)


@inline
def _one_byte(address, mask):
    return int(load_u8(address)) if mask == 255 else int(load_i8(address))


def _of_bytes(constants: Any, term_of: Any, combine: Any) -> Any:
    """Row of 8-bit operands: combine(constants, term of a, term of b, 8 times each), packed, clamped."""

    @inline
    def terms(address, step, mask, c, which, one):
        if step == 0:
            return one, one, one, one
        return (
            term_of(wide_bytes(address, mask), c, which),
            term_of(wide_bytes(address + 8, mask), c, which),
            term_of(wide_bytes(address + 16, mask), c, which),
            term_of(wide_bytes(address + 24, mask), c, which),
        )

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        signs, c = broadcast(args, "p3"), constants(args)
        mask = splat_i32x8(signs)
        flip = splat_i8x32(-128 if signs == 255 else 0)
        low, high = splat_i8x32(broadcast(args, "low")), splat_i8x32(broadcast(args, "high"))
        one_a = term_of(splat_i32x8(_one_byte(a, signs)), c, 0)
        one_b = term_of(splat_i32x8(_one_byte(b, signs)), c, 1)
        for at in range(0, count, 32):
            x0, x1, x2, x3 = terms(a + at, a_step, mask, c, 0, one_a)
            y0, y1, y2, y3 = terms(b + at, b_step, mask, c, 1, one_b)
            packed = pack_bytes(combine(x0, y0, c), combine(x1, y1, c), combine(x2, y2, c), combine(x3, y3, c))
            packed = minimum(maximum(packed, low), high) ^ flip
            store_bytes_within(out + at, packed, count - at, room - at)

    return over_rows(row, 1)


@inline
def _linear_constants(args):
    return (
        splat_i32x8(broadcast(args, "p0")),
        splat_i32x8(broadcast(args, "p1")),
        splat_i32x8(broadcast(args, "p2")),
        splat_i32x8(broadcast(args, "table")),
    )


@inline
def _linear_term(x, c, which):
    return x * c[which]


@inline
def _linear(x, y, c):
    return (x + y + c[2]) >> c[3]


@inline
def _product_constants(args):
    zero_points = splat_i32x8(broadcast(args, "p0")), splat_i32x8(broadcast(args, "p1"))
    halves = splat_f32x8(broadcast_float(args, "p4")), splat_f32x8(broadcast_float(args, "p5"))
    return zero_points, splat_f32x8(broadcast_float(args, "p2")), halves, splat_i32x8(broadcast(args, "table"))


@inline
def _centred(x, c, which):
    return to_f32x8(x - c[0][which])


@inline
def _product(x, y, c):
    _, scale, (above, below), zero_point = c
    product = x * y
    half = select(product < splat_f32x8(0.0), below, above)
    return to_i32x8(product * scale + half) + zero_point


linear = _of_bytes(_linear_constants, _linear_term, _linear)
product = _of_bytes(_product_constants, _centred, _product)
