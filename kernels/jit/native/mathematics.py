"""Elementary functions of vectors of floats of any number of lanes, within a few units in the last place."""

from __future__ import annotations

from math import inf, nan

from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import all_of, bits_of, floats_of_bits, like, to_floats, to_integers
from litejit.kernels.jit.native.simd import absolute, fma, maximum, minimum, round_even, select
from litejit.kernels.jit.target import has_feature

__all__ = ["erf", "exp", "exp_of_negative", "expm1_of_negative", "log", "logistic", "tanh"]

FUSED = has_feature("fma")


@inline
def _expm1_of_rest(r):
    """e ** r - 1 for |r| <= ln(2) / 2."""
    p = like(r, 1.9875691500e-4)
    p = fma(p, r, like(r, 1.3981999507e-3))
    p = fma(p, r, like(r, 8.3334519073e-3))
    p = fma(p, r, like(r, 4.1665795894e-2))
    p = fma(p, r, like(r, 1.6666665459e-1))
    p = fma(p, r, like(r, 5.0000001201e-1))
    return fma(p, r * r, r)


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
def log(x):
    """log(x) = n * log(2) + log(1 + r), sqrt(1/2) <= 1 + r < sqrt(2); of 0 -infinity, below it not a number. 1 unit."""
    zero, tiny, infinity = like(x, 0.0), like(x, 1.17549435e-38), like(x, inf)
    if all_of(x >= tiny) and all_of(x < infinity):
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
    p = like(x, 7.0376836292e-2)
    p = fma(p, r, like(x, -1.1514610310e-1))
    p = fma(p, r, like(x, 1.1676998740e-1))
    p = fma(p, r, like(x, -1.2420140846e-1))
    p = fma(p, r, like(x, 1.4249322787e-1))
    p = fma(p, r, like(x, -1.6668057665e-1))
    p = fma(p, r, like(x, 2.0000714765e-1))
    p = fma(p, r, like(x, -2.4999993993e-1))
    p = fma(p, r, like(x, 3.3333331174e-1))
    rest = fma(n, like(x, -2.12194440e-4), p * r * z) - z * like(x, 0.5)
    return fma(n, like(x, 0.693359375), r + rest)


@inline
def _with_sign(magnitude, x):
    """magnitude with the sign of x."""
    bits = bits_of(x)
    return floats_of_bits(bits_of(magnitude) | (bits & like(bits, -2147483648)))


@inline
def tanh(x):
    """-t / (t + 2) for t = e ** -2|x| - 1, with the sign of x."""
    t = expm1_of_negative(_with_sign(x, like(x, -1.0)) * like(x, 2.0))
    return _with_sign(absolute(t) / (t + like(x, 2.0)), x)


@inline
def logistic(x):
    """1 / (1 + e ** -x); below -9 the power alone, as the official kernel has it."""
    one, zero = like(x, 1.0), like(x, 0.0)
    e = exp_of_negative(_with_sign(x, like(x, -1.0)))
    numerator = select(x < zero, e, one)
    return numerator / (one + select(x < like(x, -9.0), zero, e))


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
