"""Elementary functions of 8 floats, within a few units in the last place."""

from __future__ import annotations

from math import inf, nan

from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    absolute,
    bits_of_f32x8,
    f32x8_of_bits,
    fma,
    maximum,
    minimum,
    round_even,
    select,
    splat_f32x8,
    splat_i32x8,
    to_f32x8,
    to_i32x8,
)

__all__ = ["erfc", "exp", "exp_of_negative", "expm1_of_negative", "log", "logistic", "tanh"]


@inline
def _expm1_of_rest(r):
    """e ** r - 1 for |r| <= ln(2) / 2."""
    p = splat_f32x8(1.9875691500e-4)
    p = fma(p, r, splat_f32x8(1.3981999507e-3))
    p = fma(p, r, splat_f32x8(8.3334519073e-3))
    p = fma(p, r, splat_f32x8(4.1665795894e-2))
    p = fma(p, r, splat_f32x8(1.6666665459e-1))
    p = fma(p, r, splat_f32x8(5.0000001201e-1))
    return fma(p, r * r, r)


@inline
def _exp_of_rest(r):
    return _expm1_of_rest(r) + splat_f32x8(1.0)


@inline
def exp(x):
    """e ** x = 2 ** n * e ** r with |r| <= ln(2) / 2; subnormal results and NaN included. 1 unit."""
    clamped = minimum(splat_f32x8(89.0), maximum(splat_f32x8(-104.0), x))
    n = round_even(clamped * splat_f32x8(1.44269504))
    r = fma(n, splat_f32x8(-0.693359375), clamped)
    r = fma(n, splat_f32x8(2.12194440e-4), r)
    p = _exp_of_rest(r)
    # 2 ** n in two factors, so that neither leaves the range of normal numbers.
    known = select(n == n, n, splat_f32x8(0.0))
    whole = to_i32x8(known)
    half = whole >> splat_i32x8(1)
    bias, place = splat_i32x8(127), splat_i32x8(23)
    first = f32x8_of_bits((half + bias) << place)
    second = f32x8_of_bits((whole - half + bias) << place)
    return p * first * second


@inline
def exp_of_negative(x):
    """The same for x < 40, quicker: n stands in the low bits of a sum; of 2 ** n, only 2 ** -64 is another factor."""
    clamped = maximum(splat_f32x8(-104.0), x)
    # 1.5 * 2 ** 23, the bias of exponents and the 64 that are taken back.
    rounder = splat_f32x8(12582912.0 + 127.0 + 64.0)
    shifted = fma(clamped, splat_f32x8(1.44269504), rounder)
    n = shifted - rounder
    r = fma(n, splat_f32x8(2.12194440e-4), fma(n, splat_f32x8(-0.693359375), clamped))
    return _exp_of_rest(r) * f32x8_of_bits(bits_of_f32x8(shifted) << splat_i32x8(23)) * splat_f32x8(2.0**-64)


@inline
def expm1_of_negative(x):
    """e ** x - 1 for x <= 0: 2 ** n * (e ** r - 1) + (2 ** n - 1). 1 unit."""
    clamped = maximum(splat_f32x8(-60.0), x)  # below which it is -1
    rounder = splat_f32x8(12582912.0 + 127.0)
    shifted = fma(clamped, splat_f32x8(1.44269504), rounder)
    n = shifted - rounder
    r = fma(n, splat_f32x8(2.12194440e-4), fma(n, splat_f32x8(-0.693359375), clamped))
    power = f32x8_of_bits(bits_of_f32x8(shifted) << splat_i32x8(23))
    return fma(_expm1_of_rest(r), power, power - splat_f32x8(1.0))


@inline
def log(x):
    """log(x) = n * log(2) + log(1 + r), sqrt(1/2) <= 1 + r < sqrt(2); of 0 -infinity, below it not a number. 1 unit."""
    zero, tiny = splat_f32x8(0.0), splat_f32x8(1.17549435e-38)
    # Subnormal numbers are made normal first.
    normal = select(x < tiny, x * splat_f32x8(8388608.0), x)
    bits = bits_of_f32x8(normal) - splat_i32x8(0x3F3504F3)
    n = to_f32x8(bits >> splat_i32x8(23)) - select(x < tiny, splat_f32x8(23.0), zero)
    r = f32x8_of_bits((bits & splat_i32x8(0x7FFFFF)) + splat_i32x8(0x3F3504F3)) - splat_f32x8(1.0)
    z = r * r
    p = splat_f32x8(7.0376836292e-2)
    p = fma(p, r, splat_f32x8(-1.1514610310e-1))
    p = fma(p, r, splat_f32x8(1.1676998740e-1))
    p = fma(p, r, splat_f32x8(-1.2420140846e-1))
    p = fma(p, r, splat_f32x8(1.4249322787e-1))
    p = fma(p, r, splat_f32x8(-1.6668057665e-1))
    p = fma(p, r, splat_f32x8(2.0000714765e-1))
    p = fma(p, r, splat_f32x8(-2.4999993993e-1))
    p = fma(p, r, splat_f32x8(3.3333331174e-1))
    rest = fma(n, splat_f32x8(-2.12194440e-4), p * r * z) - z * splat_f32x8(0.5)
    result = fma(n, splat_f32x8(0.693359375), r + rest)
    infinity = splat_f32x8(inf)
    result = select(x < infinity, result, x)  # infinity and what is not a number stay
    return select(x > zero, result, select(x == zero, zero - infinity, splat_f32x8(nan)))


@inline
def _with_sign(magnitude, x):
    """magnitude with the sign of x."""
    return f32x8_of_bits(bits_of_f32x8(magnitude) | (bits_of_f32x8(x) & splat_i32x8(-2147483648)))


@inline
def tanh(x):
    """-t / (t + 2) for t = e ** -2|x| - 1, with the sign of x."""
    t = expm1_of_negative(splat_f32x8(-2.0) * absolute(x))
    return _with_sign(absolute(t) / (t + splat_f32x8(2.0)), x)


@inline
def logistic(x):
    """1 / (1 + e ** -x); below -9 the power alone, as the official kernel has it."""
    one = splat_f32x8(1.0)
    e = exp_of_negative(_with_sign(x, splat_f32x8(-1.0)))
    numerator = select(x < splat_f32x8(0.0), e, one)
    return numerator / select(x < splat_f32x8(-9.0), one, one + e)


@inline
def erfc(x):
    """t * e ** (-x * x + polynomial in t), t = 1 / (1 + |x| / 2); 2 - that of the magnitude for x < 0."""
    magnitude = absolute(x)
    t = splat_f32x8(1.0) / fma(magnitude, splat_f32x8(0.5), splat_f32x8(1.0))
    p = splat_f32x8(0.17087277)
    p = fma(p, t, splat_f32x8(-0.82215223))
    p = fma(p, t, splat_f32x8(1.48851587))
    p = fma(p, t, splat_f32x8(-1.13520398))
    p = fma(p, t, splat_f32x8(0.27886807))
    p = fma(p, t, splat_f32x8(-0.18628806))
    p = fma(p, t, splat_f32x8(0.09678418))
    p = fma(p, t, splat_f32x8(0.37409196))
    p = fma(p, t, splat_f32x8(1.00002368))
    p = fma(p, t, splat_f32x8(-1.26551223))
    result = t * exp_of_negative(p - magnitude * magnitude)
    return select(x < splat_f32x8(0.0), splat_f32x8(2.0) - result, result)
