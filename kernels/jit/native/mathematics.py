"""Elementary functions of vectors of floats of any number of lanes, within a few units in the last place."""

from __future__ import annotations

from math import inf, nan

from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import (
    all_of,
    bits_of,
    floats_of_bits,
    like,
    rough_rsqrt,
    to_floats,
    to_integers,
)
from litejit.kernels.jit.native.simd import absolute, fma, maximum, minimum, round_even, select, sqrt
from litejit.kernels.jit.target import has_feature

__all__ = ["erf", "exp", "exp_of_negative", "expm1_of_negative", "log", "logistic", "rsqrt", "tanh"]

FUSED = has_feature("fma")
ROUGH_ROOTS = FUSED and has_feature("avx")


@inline
def _expm1_of_rest(r):
    """e ** r - 1 for |r| <= ln(2) / 2, in pairs of terms, so that fewer wait for each other."""
    z = r * r
    p = fma(like(r, 8.3666106839e-3), r, like(r, 4.1666281399e-2))
    p = fma(like(r, 1.3946496936e-3), z, p)
    p = fma(p, z, fma(like(r, 1.6666542793e-1), r, like(r, 5.0000000621e-1)))
    return fma(p, z, r)


@inline
def exp(x):
    """e ** x = 2 ** n * e ** r with |r| <= ln(2) / 2; subnormal results and NaN included. 1 unit."""
    if not all_of(absolute(x) < like(x, 87.0)):
        return _exp_of_any(x)
    r, power = _reduced(x)
    return fma(_expm1_of_rest(r), power, power)


@inline
def _exp_of_any(x):
    clamped = minimum(like(x, 89.0), maximum(like(x, -104.0), x))
    n = round_even(clamped * like(x, 1.44269504))
    r = fma(n, like(x, -0.693359375), clamped)
    r = fma(n, like(x, 2.12194440e-4), r)
    p = _expm1_of_rest(r) + like(x, 1.0)
    # 2 ** n in two factors, so that neither leaves the range of normal numbers.
    whole = to_integers(select(n == n, n, like(x, 0.0)))
    half = whole >> like(whole, 1)
    bias, place = like(whole, 127), like(whole, 23)
    return p * floats_of_bits((half + bias) << place) * floats_of_bits((whole - half + bias) << place)


@inline
def _reduced(x):
    """(r, 2 ** n) with x = n * ln(2) + r, |r| <= ln(2) / 2, for |x| < 88: n stands in the low bits of a sum."""
    # 1.5 * 2 ** 23 and the bias of exponents.
    rounder = like(x, 12582912.0 + 127.0)
    shifted = fma(x, like(x, 1.44269504), rounder)
    n = shifted - rounder
    r = fma(n, like(x, 2.12194440e-4), fma(n, like(x, -0.693359375), x))
    bits = bits_of(shifted)
    return r, floats_of_bits(bits << like(bits, 23))


@inline
def _expm1_roughly(r):
    """e ** r - 1 for |r| <= ln(2) / 2, a product less."""
    p = like(r, 8.2892906e-3)
    p = fma(p, r, like(r, 4.1897822e-2))
    p = fma(p, r, like(r, 1.6667652e-1))
    p = fma(p, r, like(r, 4.9999151e-1))
    return fma(p, r, like(r, 9.9999970e-1))


@inline
def exp_of_negative(x):
    """e ** x for x < 88, 0 where it is subnormal. 3 units, quicker."""
    r, power = _reduced(x)
    # Without fused products, the rough polynomial's roundings would add a unit.
    e = fma(r * power, _expm1_roughly(r), power) if FUSED else fma(_expm1_of_rest(r), power, power)
    return select(x < like(x, -87.3), like(x, 0.0), e)


@inline
def expm1_of_negative(x):
    """e ** x - 1 for x <= 0: 2 ** n * (e ** r - 1) + (2 ** n - 1). 1 unit."""
    r, power = _reduced(maximum(like(x, -60.0), x))  # below which it is -1
    return fma(_expm1_of_rest(r), power, power - like(x, 1.0))


@inline
def all_normal(x):
    """Whether all are positive, finite and not subnormal: one comparison of their bits, moved to the lowest integer."""
    bits = bits_of(x)
    return all_of(bits + like(bits, 0x7F800000) < like(bits, -0x01000000))


@inline
def log(x):
    """log(x) = n * log(2) + log(1 + r), sqrt(1/2) <= 1 + r < sqrt(2); of 0 -infinity, below it not a number. 1 unit."""
    zero, tiny, infinity = like(x, 0.0), like(x, 1.17549435e-38), like(x, inf)
    if all_normal(x):
        return _log_of_normal(x, zero)
    # Subnormal numbers are made normal first.
    normal = select(x < tiny, x * like(x, 8388608.0), x)
    result = _log_of_normal(normal, select(x < tiny, like(x, 23.0), zero))
    result = select(x < infinity, result, x)  # infinity and what is not a number stay
    return select(x > zero, result, select(x == zero, zero - infinity, like(x, nan)))


@inline
def _log_of_normal(x, less):
    """log(x / 2 ** less)."""
    root = like(bits_of(x), 0x3F3504F3)
    bits = bits_of(x) - root
    n = to_floats(bits >> like(bits, 23)) - less
    r = floats_of_bits((bits & like(bits, 0x7FFFFF)) + root) - like(x, 1.0)
    z = r * r
    first = fma(like(x, -2.4999993993e-1), r, like(x, 3.3333331174e-1))
    first = fma(fma(like(x, -1.6668057665e-1), r, like(x, 2.0000714765e-1)), z, first)
    last = fma(like(x, -1.2420140846e-1), r, like(x, 1.4249322787e-1))
    last = fma(fma(like(x, -1.1514610310e-1), r, like(x, 1.1676998740e-1)), z, last)
    square = z * z
    p = fma(fma(like(x, 7.0376836292e-2), square, last), square, first)
    rest = fma(z, like(x, -0.5), fma(n, like(x, -2.12194440e-4), p * (r * z)))
    return fma(n, like(x, 0.693359375), r + rest)


@inline
def rsqrt(x):
    """1 / sqrt(x), both rounded. 1 unit.

    In place of the division, a rough y is multiplied by 1 + g + g ** 2 for g = 1 - y sqrt(x).
    """
    root = sqrt(x)
    if ROUGH_ROOTS and all_normal(x):
        rough = rough_rsqrt(x)
        g = fma(like(x, -0.0) - root, rough, like(x, 1.0))
        return fma(fma(g, g, g), rough, rough)
    return like(x, 1.0) / root


@inline
def _with_sign(magnitude, x):
    """magnitude with the sign of x."""
    bits = bits_of(x)
    return floats_of_bits(bits_of(magnitude) | (bits & like(bits, -2147483648)))


@inline
def tanh(x):
    """2 p q / (q ** 2 + p ** 2) for p / q = tanh(x / 2), 1 from 8.7 on; p and q / x in x ** 2. 4 units.

    Where the result gets near 1, it hardly changes with p / q, so that a quotient of few terms is enough and errors of
    rounding fade: that of tanh(x) itself takes more terms and is off by more.
    """
    x = minimum(like(x, 8.7), maximum(like(x, -8.7), x))
    z = x * x
    p = fma(fma(like(x, 1.1479588592e-04), z, like(x, 2.9798609879e-02)), x * z, x)
    q = fma(like(x, 2.4811559733e-06), z, like(x, 2.4183085960e-03))
    q = fma(fma(q, z, like(x, 2.2626382560e-01)), z, like(x, 2.0))
    return (p + p) * q / fma(q, q, p * p)


@inline
def logistic(x):
    """e / (1 + e) for e = e ** x; below -9 the power alone, as the official kernel has it. 4 units.

    e = 2 ** n * (b + r) / (b - r) for b = r / tanh(r / 2), an even function of r: the one division serves for all.
    """
    zero, bits = like(x, 0.0), bits_of(x)
    # From -88 on, 2 ** n is 0.
    r, power = _reduced(maximum(like(x, -88.0), _with_sign(x, like(x, -1.0))))
    z = r * r
    b = fma(fma(like(x, -2.7657508760e-3), z, like(x, 1.6666615725e-1)), z, like(x, 2.0))
    e, one = (b + r) * power, b - r
    return select(bits < like(bits, 0), e, one) / (one + select(x < like(x, -9.0), zero, e))


@inline
def erf(x):
    """x * p(x ** 2) / q(x ** 2), from +-4 on the sign of x; within 4e-7."""
    x = minimum(like(x, 4.0), maximum(like(x, -4.0), x))
    z = x * x
    p = like(x, -2.72614225801306e-10)
    p = fma(p, z, like(x, 2.77068142495902e-08))
    p = fma(p, z, like(x, -2.10102402082508e-06))
    p = fma(p, z, like(x, -5.69250639462346e-05))
    p = fma(p, z, like(x, -7.34990630326855e-04))
    p = fma(p, z, like(x, -2.95459980854025e-03))
    p = fma(p, z, like(x, -1.60960333262415e-02))
    q = like(x, -1.45660718464996e-05)
    q = fma(q, z, like(x, -2.13374055278905e-04))
    q = fma(q, z, like(x, -1.68282697438203e-03))
    q = fma(q, z, like(x, -7.37332916720468e-03))
    q = fma(q, z, like(x, -1.42647390514189e-02))
    return x * p / q
