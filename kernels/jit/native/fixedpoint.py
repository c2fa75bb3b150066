"""Fixed-point functions of single 32-bit numbers, held in 64 bits: as in `litejit.kernels.gemmlowp` and `newton`."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import (
    I1,
    I32,
    I64,
    emit_call,
    emit_constant,
    emit_min,
    emit_shuffle,
    emit_splat,
)
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rescaling import sign_extended
from litejit.kernels.jit.native.simd import i32x8

__all__ = ["bit_length", "divided_by_pot", "inverse_sqrt", "log", "multiply", "one_over_one_plus_x", "reciprocal"]
__all__ += ["rescaled", "rescaled_eight"]

_MOST = (1 << 31) - 1
_I32x8, _I64x4 = ir.VectorType(I32, 8), ir.VectorType(I64, 4)


@intrinsic
def bit_length(context, x):
    """How many bits a non-negative number takes."""

    def emit(c, b, s, a):
        return b.sub(I64(64), emit_call(b, "llvm.ctlz.i64", I64, a[0], I1(0)))

    return types.int64(types.int64), emit


@intrinsic
def multiply(context, x, y):
    """SaturatingRoundingDoublingHighMul."""

    def emit(c, b, s, a):
        product = b.ashr(b.add(b.mul(*a), I64(1 << 30)), I64(31))
        return emit_min(b, product, I64(_MOST))

    return types.int64(types.int64, types.int64), emit


@inline
def _product(x, y):
    """The same of two numbers that are not both the least one there is."""
    return (x * y + (1 << 30)) >> 31


@inline
def divided_by_pot(x, exponent):
    """RoundingDivideByPOT for exponents above 0."""
    return (x + (1 << (exponent - 1)) + (x >> 63)) >> exponent


@inline
def rescaled(x, mantissa, exponent):
    """MultiplyByQuantizedMultiplier: what is shifted left fits 32 bits."""
    left, right = max(exponent, 0), max(-exponent, 0)
    half = (1 << right) >> 1
    ties = (1 << 31) if right > 0 else 0
    x = x << left
    return (x * mantissa + (half << 31) + (1 << 30) + ((x >> 63) & -ties)) >> (right + 31)


@intrinsic
def rescaled_eight(context, x, mantissa, right):
    """The same of i32x8, for exponents -right up to 0.

    ((x M + 2^30 + 2^(right-1) 2^31) >> 31) >> right, one less before the second shift where x is negative and there is
    one. Even and odd lanes apart have 64 bits; what is left of these after the first shift fits 32.
    """

    def emit(c, b, s, a):
        x, mantissa, right = a
        half = b.lshr(b.shl(I64(1), right), I64(1))
        rounding = emit_splat(b, b.add(b.shl(half, I64(31)), I64(1 << 30)), 4)
        factor = sign_extended(b, emit_splat(b, mantissa, 4))
        lanes = b.bitcast(x, _I64x4)
        even, odd = (
            b.add(b.mul(sign_extended(b, part), factor), rounding)
            for part in (lanes, b.lshr(lanes, emit_constant(_I64x4, 32)))
        )
        low = b.bitcast(b.lshr(even, emit_constant(_I64x4, 31)), _I32x8)
        high = b.bitcast(b.shl(odd, emit_constant(_I64x4, 1)), _I32x8)
        once = emit_shuffle(b, low, high, [0, 9, 2, 11, 4, 13, 6, 15])
        again = emit_splat(b, b.sext(b.icmp_signed(">", right, I64(0)), I32), 8)
        sign = b.and_(b.ashr(x, emit_constant(_I32x8, 31)), again)
        return b.ashr(b.add(once, sign), emit_splat(b, b.trunc(right, I32), 8))

    return i32x8(i32x8, types.int64, types.int64), emit


@inline
def _shift_left(x, amount):
    return min(max(x << amount, -_MOST - 1), _MOST)


@inline
def one_over_one_plus_x(x):
    """1 / (1 + x) for 0 <= x <= 1, no integer bits in and out: three Newton-Raphson steps.

    Nothing saturates on the way: the first estimate, of two integer bits, is off by at most 1 / 17.
    """
    half_denominator = (x + _MOST + 1) >> 1
    inverse = 1515870810 + _product(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - _product(half_denominator, inverse)
        inverse += _product(inverse, error) << 2
    return min(inverse << 1, _MOST)


@inline
def reciprocal(x):
    """1 / x for positive x, as raw / 2**31 * 2**-shift: (raw, shift), shift = floor(log2(x))."""
    shift = bit_length(x) - 1
    return one_over_one_plus_x((x << (31 - shift)) - (1 << 31)), shift


@inline
def inverse_sqrt(x):
    """1 / sqrt(x) for non-negative x, 0 counts as 1: (mantissa, exponent), by five Newton-Raphson steps."""
    scaled = x >> 2 if x >= 1 << 29 else max(x, 2)
    pairs = (31 - bit_length(scaled)) // 2 - 1
    half = (scaled << 2 * pairs) >> 1
    quarter = (half + 1) >> 1
    root = 1 << 28
    for _ in range(5):
        cube = _shift_left(multiply(multiply(root, root), root), 6)
        root = _shift_left(multiply((1 << 28) + (1 << 27), root) - multiply(quarter, cube), 3)
    right = (12 if x >= 1 << 29 else 11) - pairs
    mantissa = multiply(root, 1518500250) << max(-right, 0)
    wrapped = ((mantissa + _MOST + 1) & 0xFFFFFFFF) - _MOST - 1
    return (_MOST, 0) if x <= 1 else (wrapped, -max(right, 0))


@inline
def log(x, input_bits, output_bits):
    """log(x) for x >= 1 with input_bits integer bits; the result has output_bits."""
    bits = output_bits + 1
    unit = 31 - bits
    quarter = 1 << (unit - 2)
    headroom = 32 - bit_length(x)
    a = _shift_left(multiply(_shift_left(x, headroom - 1), 1518500250), 1)
    a_exponent = min(max(_shift_left(input_bits - headroom, unit) + quarter, -_MOST - 1), _MOST)
    headroom = 31 - bit_length(multiply(x, 1518500250))
    b = _shift_left(x, headroom)
    b_exponent = min(max(_shift_left(input_bits - headroom, unit) - quarter, -_MOST - 1), _MOST)
    r, exponent = min(a, b), max(a_exponent, b_exponent)
    p, q = (r + 1805811301 + 1) >> 1, 2 * (r - 1805811301)
    square = multiply(q, q)
    numerator = multiply(q, r) + multiply(multiply(q, square), 117049297)
    denominator = multiply(p, 1057819769 + q + multiply(127690142, square)) + multiply(638450708, q)
    quotient = multiply(divided_by_pot(numerator, bits), one_over_one_plus_x(denominator))
    return _shift_left(multiply(exponent, 1488522236) + quotient, bits - output_bits)
