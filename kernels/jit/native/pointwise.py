"""Functions of one float, 8 elements at a time."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.elements import element_float, over_pieces
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.mathematics import erfc, exp, expm1_of_negative, log, logistic, tanh
from litejit.kernels.jit.native.simd import (
    absolute,
    bits_of_f32x8,
    f32x8_of_bits,
    floor,
    load_f32x8,
    maximum,
    minimum,
    round_even,
    select,
    splat_f32x8,
    splat_i32x8,
    sqrt,
    store,
    store_first,
)


def _map(function: Any) -> Any:
    """A kernel of function(x, first parameter, second parameter)."""

    @inline
    def run(args, source, out, count):
        p0, p1 = splat_f32x8(element_float(args, "p0")), splat_f32x8(element_float(args, "p1"))
        whole = count & -8
        for at in range(0, whole, 8):
            store(out + 4 * at, function(load_f32x8(source + 4 * at), p0, p1))
        if whole < count:
            store_first(out + 4 * whole, function(load_f32x8(source + 4 * whole), p0, p1), count - whole)

    return over_pieces(run, 4, 4)


@inline
def _clamp(x, low, high):
    return minimum(high, maximum(low, x))


@inline
def _leaky(x, slope, unused):
    return select(x > splat_f32x8(0.0), x, x * slope)


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
    return select(x < splat_f32x8(0.0), expm1_of_negative(x), x)


@inline
def _hard_swish(x, unused, none):
    # A NaN stays one, since it is multiplied by itself.
    gate = minimum(splat_f32x8(6.0), maximum(x + splat_f32x8(3.0), splat_f32x8(0.0)))
    return x * gate / splat_f32x8(6.0)


@inline
def _gelu(x, unused, none):
    return splat_f32x8(0.5) * x * erfc(x * splat_f32x8(-0.70710678118654752))


@inline
def _gelu_tanh(x, unused, none):
    # (1 + tanh(y)) / 2 is the logistic function of 2 * y.
    inner = x + splat_f32x8(0.044715) * x * x * x
    return x * logistic(splat_f32x8(2.0 * 0.79788456080286536) * inner)


@inline
def _sqrt(x, unused, none):
    return sqrt(x)


@inline
def _rsqrt(x, unused, none):
    return splat_f32x8(1.0) / sqrt(x)


@inline
def _abs(x, unused, none):
    return absolute(x)


@inline
def _neg(x, unused, none):
    return f32x8_of_bits(bits_of_f32x8(x) ^ splat_i32x8(-2147483648))


@inline
def _square(x, unused, none):
    return x * x


@inline
def _floor(x, unused, none):
    return floor(x)


@inline
def _ceil(x, unused, none):
    zero = splat_f32x8(-0.0)
    return zero - floor(zero - x)


@inline
def _round(x, unused, none):
    return round_even(x)


clamp, leaky, logistic_f32, swish, tanh_f32, exp_f32, log_f32, elu = (
    _map(each) for each in (_clamp, _leaky, _logistic, _swish, _tanh, _exp, _log, _elu)
)
hard_swish, gelu, gelu_tanh, sqrt_f32, rsqrt, abs_f32, neg, square, floor_f32, round_f32 = (
    _map(each) for each in (_hard_swish, _gelu, _gelu_tanh, _sqrt, _rsqrt, _abs, _neg, _square, _floor, _round)
)
ceil_f32 = _map(_ceil)
