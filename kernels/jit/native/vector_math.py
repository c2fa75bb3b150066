"""tanh and logistic of floats bit for bit as the official recurrent kernels compute them, 8 at a time.

What they are is explained in `litejit.kernels.reference.vector_math`.
"""

from __future__ import annotations

from typing import Any

from numba import float32, float64

from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    bits_of_f32x8,
    f32x8_of_bits,
    floor,
    load_f64,
    maximum,
    minimum,
    select,
    splat_f32x8,
    splat_i32x8,
    to_i32x8,
)

__all__ = ["activation_by", "logistic_exact", "official_logistic", "official_tanh"]


@inline
def official_tanh(x):
    """(x + x ** 3 * p(x ** 2)) / q(x ** 2), 1 from 7.9 on."""
    one = splat_f32x8(7.90738964080810547)
    x = minimum(one, maximum(splat_f32x8(0.0) - one, x))
    square = x * x
    p = splat_f32x8(1.394553628e-8) * square + splat_f32x8(2.102733560e-5)
    p = p * square + splat_f32x8(3.520756727e-3)
    p = p * square + splat_f32x8(1.340216100e-1)
    q = splat_f32x8(8.015776984e-7) * square + splat_f32x8(3.326951409e-4)
    q = q * square + splat_f32x8(2.597254514e-2)
    q = q * square + splat_f32x8(4.673548340e-1)
    q = q * square + splat_f32x8(1.0)
    return ((square * x) * p + x) / q


@inline
def official_logistic(x):
    """e ** x / (1 + e ** x), e ** x as the square of 2 ** power * e ** rest."""
    half = minimum(splat_f32x8(16.6355324), x) * splat_f32x8(0.5)
    power = floor(half * splat_f32x8(1.44269504088896341) + splat_f32x8(0.5))
    rest = (half - power * splat_f32x8(0.693359375)) - power * splat_f32x8(-2.12194440e-4)
    square = rest * rest
    even = splat_f32x8(4.1898667812347412109375e-2) * square + splat_f32x8(0.49999141693115234375)
    odd = splat_f32x8(8.33471305668354034423828125e-3) * square + splat_f32x8(0.16666877269744873046875)
    series = square * (rest * odd + even) + (rest + splat_f32x8(1.0))
    # Below -104 the result is 0 whatever the power.
    known = maximum(power, splat_f32x8(-100.0))
    root = series * f32x8_of_bits((to_i32x8(known) + splat_i32x8(127)) << splat_i32x8(23))
    e = select(x < splat_f32x8(-104.0), splat_f32x8(0.0), root * root)
    return e / (splat_f32x8(1.0) + e)


@inline
def logistic_exact(x, powers):
    """The same from the correctly rounded e ** x. powers: address of float64 2 ** -200 .. 2 ** 100."""
    if x != x:
        return x
    real = max(min(float64(x), float64(float32(16.6355324))), -130.0)
    n = int(real * 1.4426950408889634 + 200.5) - 200
    rest = (real - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    series = 1.0
    for k in range(14, 0, -1):
        series = 1.0 + series * rest / k
    e = float32(series * load_f64(powers + 8 * (n + 200)))
    return float32(e / float32(float32(1) + e))


def activation_by(tanh: Any) -> Any:
    """Activations of vectors by their number in the schema; the lower end of a clamp for what is not a number."""

    @inline
    def activated(x, code):
        zero, one = splat_f32x8(0.0), splat_f32x8(1.0)
        if code == 4:
            return tanh(x)
        if code == 1:
            return maximum(x, zero)
        if code == 2:
            return maximum(minimum(one, x), zero - one)
        if code == 3:
            return maximum(minimum(splat_f32x8(6.0), x), zero)
        if code == 5:
            return select(bits_of_f32x8(x) < splat_i32x8(0), one, zero)
        return x

    return activated
