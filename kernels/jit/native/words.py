"""Two broadcast operands of INT16, rescaled by the fixed-point formula, 8 at a time."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.elements import broadcast, over_rows, store_within
from litejit.kernels.jit.native.fixedpoint import rescaled_eight
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    load_i8,
    load_i16,
    load_i16x8,
    maximum,
    minimum,
    narrow_i32x8_i16,
    splat_i32x8,
    widen_i16x8,
)


def _of_words(constants: Any, term: Any, combine: Any) -> Any:
    """A kernel of combine(constants, term of a, term of b), clamped; term(vector, constants, which operand)."""

    @inline
    def row(args, a, b, out, count, a_step, b_step, room):
        c = constants(args)
        low, high = splat_i32x8(broadcast(args, "low")), splat_i32x8(broadcast(args, "high"))
        one_a, one_b = term(splat_i32x8(load_i16(a)), c, 0), term(splat_i32x8(load_i16(b)), c, 1)
        for at in range(0, count, 8):
            x = term(widen_i16x8(load_i16x8(a + 2 * at)), c, 0) if a_step == 1 else one_a
            y = term(widen_i16x8(load_i16x8(b + 2 * at)), c, 1) if b_step == 1 else one_b
            z = minimum(maximum(combine(x, y, c), low), high)
            store_within(out + 2 * at, narrow_i32x8_i16(z), count - at, room - at, 8)

    return over_rows(row, 2)


@inline
def _sum_constants(args):
    """p0, p1: mantissas of the operands; p2, p3: of the sum, sign of the second; table: exponents and left shift."""
    exponents = broadcast(args, "table")
    rights = -int(load_i8(exponents)), -int(load_i8(exponents + 1)), -int(load_i8(exponents + 2))
    mantissas = broadcast(args, "p0"), broadcast(args, "p1"), broadcast(args, "p2")
    return mantissas, rights, splat_i32x8(load_i8(exponents + 3)), splat_i32x8(broadcast(args, "p3"))


@inline
def _sum_term(x, c, which):
    return rescaled_eight(x << c[2], c[0][which], c[1][which])


@inline
def _sum(x, y, c):
    return rescaled_eight(x + y * c[3], c[0][2], c[1][2])


@inline
def _product_constants(args):
    return broadcast(args, "p0"), -broadcast(args, "p1")


@inline
def _product_term(x, c, which):
    return x


@inline
def _product(x, y, c):
    return rescaled_eight(x * y, c[0], c[1])


sum = _of_words(_sum_constants, _sum_term, _sum)
product = _of_words(_product_constants, _product_term, _product)
