"""Functions of one float, 16 elements at a time."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.elements import element, element_float, over_pieces
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import bits_of, floats_of_bits, like, load_f32x16
from litejit.kernels.jit.native.mathematics import erf, exp, expm1_of_negative, log, logistic, rsqrt, tanh
from litejit.kernels.jit.native.simd import (
    absolute,
    floor,
    fma,
    load_f32x8,
    maximum,
    minimum,
    round_even,
    select,
    sqrt,
    store,
    store_first,
)


def _map(function: Any) -> Any:
    """A kernel of function(x, first parameter, second parameter), 16 elements at a time and 8 at the end."""

    @inline
    def run(args, source, out, count):
        first, second = element_float(args, "p0"), element_float(args, "p1")
        whole = count & -16
        for at in range(0, whole, 16):
            x = load_f32x16(source + 4 * at)
            store(out + 4 * at, function(x, like(x, first), like(x, second)))
        for at in range(whole, count, 8):
            x = load_f32x8(source + 4 * at)
            store_first(out + 4 * at, function(x, like(x, first), like(x, second)), count - at)

    return over_pieces(run, 4, 4)


@inline
def _clamp(x, low, high):
    return minimum(high, maximum(low, x))


@inline
def _leaky(x, slope, unused):
    return select(x > like(x, 0.0), x, x * slope)


@inline
def _logistic(x, unused, none):
    return logistic(x)


@inline
def _swish(x, unused, none):
    return x * logistic(x)


@inline
def _tanh(x, unused, none):
    return tanh(x)


@inline
def _exp(x, unused, none):
    return exp(x)


@inline
def _log(x, unused, none):
    return log(x)


@inline
def _elu(x, unused, none):
    return select(x < like(x, 0.0), expm1_of_negative(x), x)


@inline
def _hard_swish(x, unused, none):
    # A NaN stays one, since it is multiplied by itself.
    gate = minimum(like(x, 6.0), maximum(x + like(x, 3.0), like(x, 0.0)))
    return x * gate * like(x, 1 / 6)


@inline
def _gelu(x, unused, none):
    half = like(x, 0.5) * x
    return fma(half, erf(x * like(x, 0.70710678118654752)), half)


@inline
def _gelu_tanh(x, unused, none):
    half = like(x, 0.5) * x
    inner = x * fma(x * x, like(x, 0.79788456080286536 * 0.044715), like(x, 0.79788456080286536))
    return fma(half, tanh(inner), half)


@inline
def _sqrt(x, unused, none):
    return sqrt(x)


@inline
def _rsqrt(x, unused, none):
    return rsqrt(x)


@inline
def _abs(x, unused, none):
    return absolute(x)


@inline
def _neg(x, unused, none):
    bits = bits_of(x)
    return floats_of_bits(bits ^ like(bits, -2147483648))


@inline
def _square(x, unused, none):
    return x * x


@inline
def _floor(x, unused, none):
    return floor(x)


@inline
def _ceil(x, unused, none):
    zero = like(x, -0.0)
    return zero - floor(zero - x)


@inline
def _round(x, unused, none):
    return round_even(x)


clamp, leaky, logistic_f32, swish, tanh_f32, exp_f32, log_f32, elu = (
    _map(each) for each in (_clamp, _leaky, _logistic, _swish, _tanh, _exp, _log, _elu)
)
hard_swish, gelu, gelu_tanh, sqrt_f32, rsqrt_f32, abs_f32, neg, square, floor_f32, round_f32 = (
    _map(each) for each in (_hard_swish, _gelu, _gelu_tanh, _sqrt, _rsqrt, _abs, _neg, _square, _floor, _round)
)
ceil_f32 = _map(_ceil)


@inline
def _powers(args, source, out, count):
    """By repeated squaring, as the official kernel does it: what is infinite becomes the largest float."""
    exponent = element(args, "p0")
    top = 0
    while exponent >> (top + 1) > 0:
        top += 1
    for at in range(0, count, 8):
        x = load_f32x8(source + 4 * at)
        low, high = like(x, -3.4028234663852886e38), like(x, 3.4028234663852886e38)
        power = x
        for bit in range(top - 1, -1, -1):
            power = _clamp(power * power, low, high)
            if (exponent >> bit) & 1 == 1:
                power = _clamp(x * power, low, high)
        store_first(out + 4 * at, power, count - at)


power = over_pieces(_powers, 4, 4)
