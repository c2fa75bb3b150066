"""SIN and COS of floats: quarter turns are taken off, what is left goes into polynomials.

x = quadrant * pi / 2 + r with |r| <= pi / 4. Below 2**13, a processor that fuses products with sums subtracts
quadrant * pi / 2 in three floats: the first difference is exact, the second one is rounded once, and the third part is
added at the end. Below 2**31, they are three parts in float64, which leaves r within 2**-53. Above, x is a whole
number m * 2**e, and a table has (2**e * 2 / pi mod 4) in 100 bits for every
e: m times that is the quadrant and the rest, in integers that wrap around with whole turns (Payne and Hanek's way).
"""

from __future__ import annotations

from math import pi
from typing import Any

from llvmlite import ir
from numba import float64
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.trigonometry import LOW_BITS
from litejit.kernels.jit.native.elements import element, over_pieces
from litejit.kernels.jit.native.emission import F32, F64, I32, emit_shuffle
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import bits_of, floats_of_bits, like, load_f32x16
from litejit.kernels.jit.native.simd import (
    bits_of_f32x8,
    f32x8,
    f32x8_of_bits,
    f64x4,
    fma,
    i32x8,
    largest,
    load_f32,
    load_f32x8,
    load_i32,
    load_i64,
    maximum,
    round_even,
    select,
    splat_f32x8,
    splat_f64x4,
    splat_i32x8,
    store,
    store_first,
)
from litejit.kernels.jit.target import has_feature

FUSED = has_feature("fma")

_QUARTER, _QUARTER_NEXT, _QUARTER_REST = 1.570796012878418, 3.139164164167596e-07, 6.223372171896613e-14
"""pi / 2 in 22 bits, in 22 more, and what is left: products of the first two with 31 bits are exact in float64."""
_SHORT_QUARTER, _SHORT_QUARTER_REST = 1.5707963705062866, -4.371139000186241e-08
"""pi / 2 in 24 bits, of which products with 24 bits are exact, and what is left of it."""


def _half(first: int) -> Any:
    @intrinsic
    def half(context, x):
        lanes = range(first, first + 4)
        return f64x4(f32x8), lambda c, b, s, a: b.fpext(emit_shuffle(b, a[0], a[0], lanes), ir.VectorType(F64, 4))

    return half


_first_half, _second_half = _half(0), _half(4)


@intrinsic
def _joined(context, x, y):
    """Two f64x4 -> f32x8."""

    def emit(c, b, s, a):
        return emit_shuffle(b, *(b.fptrunc(each, ir.VectorType(F32, 4)) for each in a), range(8))

    return f32x8(f64x4, f64x4), emit


@intrinsic
def _joined_whole(context, x, y):
    """Two f64x4 of whole numbers -> i32x8."""

    def emit(c, b, s, a):
        return emit_shuffle(b, *(b.fptosi(each, ir.VectorType(I32, 4)) for each in a), range(8))

    return i32x8(f64x4, f64x4), emit


@inline
def _rest(x, quarters):
    """Exact up to the last step, with fused multiply-adds or without."""
    x = fma(quarters, splat_f64x4(-_QUARTER_NEXT), fma(quarters, splat_f64x4(-_QUARTER), x))
    return fma(quarters, splat_f64x4(-_QUARTER_REST), x)


@inline
def _cubic(z, third, second, first, constant):
    p = fma(fma(z, splat_f64x4(third), splat_f64x4(second)), z, splat_f64x4(first))
    return fma(p, z, splat_f64x4(constant))


@inline
def _sine_of_rest(r):
    z = r * r
    p = _cubic(z, 2.7183114939898219e-6, -1.9839334836096632e-4, 8.33332938588946e-3, -0.16666666641626524)
    return fma(p, z * r, r)


@inline
def _cosine_of_rest(r):
    z = r * r
    p = _cubic(z, 2.439044879627741e-5, -1.388676377460993e-3, 4.16666233237390632e-2, -0.499999997251031)
    return fma(p, z, splat_f64x4(1.0))


@inline
def _sine(first, second, quadrant):
    """sin(r + quadrant * pi / 2), r in two halves; rounded once, so that it is within a unit of what is right."""
    sine = _joined(_sine_of_rest(first), _sine_of_rest(second))
    cosine = _joined(_cosine_of_rest(first), _cosine_of_rest(second))
    chosen = select((quadrant & splat_i32x8(1)) == splat_i32x8(0), sine, cosine)
    return f32x8_of_bits(bits_of_f32x8(chosen) ^ ((quadrant & splat_i32x8(2)) << splat_i32x8(30)))


@inline
def _sine_in_floats(x, ahead):
    """sin(x + ahead * pi / 2) for |x| < 2 ** 13; within a unit, tried for every fourth of them."""
    rounder = like(x, 12582912.0)  # 1.5 * 2 ** 23, in whose low bits the quadrant stands
    shifted = fma(x, like(x, 2 / pi), rounder)
    n = shifted - rounder
    quadrant = bits_of(shifted) + like(bits_of(shifted), ahead)
    first = fma(n, like(x, -1.5707963705062866), x)
    r = fma(n, like(x, 4.371138828673793e-08), first)
    z = r * r
    # What r has lost by rounding matters beyond 2 ** -7; below, it cannot be had in this way.
    lost = fma(n, like(x, 4.371138828673793e-08), first - r)
    lost = fma(n, like(x, 1.7151244994428829e-15), select(z > like(x, 2.0**-14), lost, like(x, 0.0)))
    p = fma(fma(z, like(x, -1.9515367e-4), like(x, 8.33216429e-3)), z, like(x, -0.16666654731920827))
    sine = r + fma(p, z * r, lost)
    q = fma(fma(z, like(x, 2.44362843e-5), like(x, -1.3887349259e-3)), z, like(x, 4.16666465086e-2))
    cosine = fma(fma(q, z, like(x, -0.5)), z, like(x, 1.0))
    chosen = select(quadrant << like(quadrant, 31) < like(quadrant, 0), cosine, sine)
    return floats_of_bits(bits_of(chosen) ^ ((quadrant & like(quadrant, 2)) << like(quadrant, 30)))


@inline
def _turned(address, table):
    """(r, quadrant) of one float of any size."""
    bits = int(load_i32(address))
    exponent = ((bits >> 23) & 255) - 150
    if exponent == 105:
        return float64(load_f32(address)) * 0.0 / 0.0, 0
    if exponent < 0:
        x = float64(load_f32(address))
        quadrant = int(x * (2 / pi) + (0.5 if x >= 0 else -0.5))
        return (x - quadrant * _SHORT_QUARTER) - quadrant * _SHORT_QUARTER_REST, quadrant
    mantissa = (bits & 0x7FFFFF) | 0x800000
    low = mantissa * load_i64(table + 16 * exponent + 8)
    turns = mantissa * load_i64(table + 16 * exponent) + (low >> LOW_BITS)
    quadrant = (turns + (1 << 61)) >> 62
    rest = float64(turns - (quadrant << 62)) + float64(low & ((1 << LOW_BITS) - 1)) * 2.0**-LOW_BITS
    r = rest * (pi / 2 * 2.0**-62)
    return (-r, -quadrant) if bits < 0 else (r, quadrant)


def _kernel(ahead: int) -> Any:
    """sin(x + ahead * pi / 2)."""

    @inline
    def run(args, source, out, count):
        table, ahead_of = element(args, "table"), splat_i32x8(ahead)
        most = splat_i32x8(0)
        for at in range(0, count & -8, 8):
            most = maximum(bits_of_f32x8(load_f32x8(source + 4 * at)) & splat_i32x8(0x7FFFFFFF), most)
        top = largest(most)
        for at in range(count & -8, count):
            top = max(top, load_i32(source + 4 * at) & 0x7FFFFFFF)
        if FUSED and top < 0x46000000:  # 2 ** 13
            whole = count & -16
            for at in range(0, whole, 16):
                store(out + 4 * at, _sine_in_floats(load_f32x16(source + 4 * at), ahead))
            for at in range(whole, count, 8):
                store_first(out + 4 * at, _sine_in_floats(load_f32x8(source + 4 * at), ahead), count - at)
        elif top < 0x4F000000:  # 2 ** 31
            for at in range(0, count, 8):
                x = load_f32x8(source + 4 * at)
                x = select(bits_of_f32x8(x) & splat_i32x8(0x7FFFFFFF) < splat_i32x8(0x4F000000), x, splat_f32x8(0.0))
                first, second = _first_half(x), _second_half(x)
                q0, q1 = round_even(first * splat_f64x4(2 / pi)), round_even(second * splat_f64x4(2 / pi))
                result = _sine(_rest(first, q0), _rest(second, q1), _joined_whole(q0, q1) + ahead_of)
                if at + 8 <= count:
                    store(out + 4 * at, result)
                else:
                    store_first(out + 4 * at, result, count - at)
        else:
            for at in range(count):
                r, quadrant = _turned(source + 4 * at, table)
                same = splat_f64x4(r)
                store_first(out + 4 * at, _sine(same, same, splat_i32x8(quadrant & 3) + ahead_of), 1)

    return over_pieces(run, 4, 4)


sin, cos = _kernel(0), _kernel(1)
