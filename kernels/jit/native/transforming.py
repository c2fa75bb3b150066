"""RFFT2D of single rows: Fourier transforms of real numbers in float64, four rows side by side in a vector.

Neighbours are taken as one complex number, and half as many of these are transformed by halves, each step in order of
the next (Stockham's way); what belongs to the even and to the odd numbers is taken apart in the end.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.layouts.transforming import TRANSFORM
from litejit.kernels.jit.native.emission import F32, F64, I32, I64, emit_load, emit_store
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import f64x4, fma, getters, load_f64, load_f64x4, splat_f64x4, store

get, _ = getters(TRANSFORM)

_POINT = 64
"""Bytes of a complex number of four rows: real parts, imaginary parts."""


def _row(b, number, step, last):
    """Bytes to a row, or to the last one there is."""
    wanted = b.mul(step, I64(number))
    return b.select(b.icmp_signed("<", wanted, last), wanted, last)


@intrinsic
def _gathered(context, address, step, last):
    """f64x4: floats so many bytes apart, the last one again where there are fewer."""

    def emit(c, b, s, a):
        value = ir.Constant(f64x4.llvm, ir.Undefined)
        for lane in range(4):
            element = emit_load(b, b.add(a[0], _row(b, lane, a[1], a[2])), F32)
            value = b.insert_element(value, b.fpext(element, F64), I32(lane))
        return value

    return f64x4(address, step, last), emit


@intrinsic
def _scatter(context, address, step, last, value):
    """Stores four numbers as floats so many bytes apart; those beyond the last row equal it."""

    def emit(c, b, s, a):
        floats = b.fptrunc(a[3], ir.VectorType(F32, 4))
        for lane in range(4):
            emit_store(b, b.extract_element(floats, I32(lane)), b.add(a[0], _row(b, lane, a[1], a[2])))
        return c.get_dummy_value()

    return types.void(address, step, last, f64x4), emit


@inline
def _transformed(source, target, points, turns):
    """Where the transform is: one of both places, between which it goes to and fro."""
    half, stride = points >> 1, 1
    while half > 0:
        for block in range(half):
            turn = turns + 32 * block * stride
            cosine, sine = splat_f64x4(load_f64(turn)), splat_f64x4(load_f64(turn + 8))
            first, out = source + _POINT * stride * block, target + _POINT * stride * 2 * block
            second, other = first + _POINT * stride * half, out + _POINT * stride
            for at in range(0, _POINT * stride, _POINT):
                a, b = load_f64x4(first + at), load_f64x4(first + at + 32)
                c, d = load_f64x4(second + at), load_f64x4(second + at + 32)
                store(out + at, a + c)
                store(out + at + 32, b + d)
                real, imaginary = a - c, b - d
                store(other + at, fma(real, cosine, splat_f64x4(-0.0) - imaginary * sine))
                store(other + at + 32, fma(real, sine, imaginary * cosine))
        source, target = target, source
        half, stride = half >> 1, stride << 1
    return source


def rows(args, first, last, rank):
    """Packs neighbours, transforms them, takes them apart."""
    points, used, turns = get(args, "points"), get(args, "used"), get(args, "turns")
    step, out_step = get(args, "row_step"), 8 * (points + 1)
    scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
    half, zero = splat_f64x4(0.5), splat_f64x4(0.0)
    for item in range(first, last):
        left = get(args, "rows") - 1 - 4 * item
        source, out = get(args, "source") + 4 * item * step, get(args, "out") + 4 * item * out_step
        end, out_end = left * step, left * out_step
        for at in range(2 * points):
            value = _gathered(source + 4 * at, step, end) if at < used else zero
            store(scratch + 32 * at, value)
        found = _transformed(scratch, scratch + _POINT * points, points, turns)
        for at in range(points + 1):
            here, there = found + _POINT * (at % points), found + _POINT * ((points - at) % points)
            a, b, c, d = load_f64x4(here), load_f64x4(here + 32), load_f64x4(there), load_f64x4(there + 32)
            # Even numbers have (z + z') / 2, odd ones (z - z') / 2i, with z' the conjugate of the opposite one.
            turn = turns + 16 * at if at < points else turns
            cosine, sine = splat_f64x4(load_f64(turn)), splat_f64x4(load_f64(turn + 8))
            if at == points:
                cosine = zero - cosine
            odd, odd_imaginary = (b + d) * half, (c - a) * half
            real = fma(odd, cosine, (a + c) * half - odd_imaginary * sine)
            imaginary = fma(odd, sine, fma(odd_imaginary, cosine, (b - d) * half))
            _scatter(out + 8 * at, out_step, out_end, real)
            _scatter(out + 8 * at + 4, out_step, out_end, imaginary)
