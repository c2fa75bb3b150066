"""Activations that are curves: TANH, LOGISTIC, ELU, GELU.

8-bit tensors go through a table of all 256 values, int16 GELU through one with interpolation (lut.py). Int16 TANH and
LOGISTIC interpolate between the entries of one fixed table of the logistic function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    multiply_by_quantized_multiplier,
    rounding_divide_by_pot,
)
from litejit.kernels.gemmlowp import WORD16, WORD32
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.lut import RealFunction, in_double, look_up, table, table8_xnnpack
from litejit.kernels.reference.pointwise import Activation, Formula, Pointwise, require_zero_point
from litejit.kernels.registry import builtin
from litejit.kernels.special import erfc
from litejit.schema import BuiltinOperator, GeluOptions, TensorType

__all__ = ["Elu", "Gelu", "Logistic", "MicroCurve", "Tanh"]

_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16)
_QUANTIZED = (TensorType.UINT8, TensorType.INT8, TensorType.INT16)

_exp, _tanh, _erfc = in_double(np.exp), in_double(np.tanh), in_double(erfc)
_logistic = in_double(lambda x: 1 / (1 + np.exp(-x)))


def _tabulated(kernel: Activation, function: RealFunction, x: TensorSpec, y: TensorSpec) -> Formula:
    """A function of 8-bit tensors that the XNNPACK delegate takes, too."""
    entries = (table8_xnnpack if kernel.flavour == "xnnpack" else table)(function, x, y)
    return lambda q: look_up(entries, q)


@cache
def _logistic_samples() -> np.ndarray:
    """[256] logistic(i / 24) in units of 2**-16; the last one is 1 - 2**-16.

    Each sample is moved by half the error that interpolation makes in the middle of its segment (second derivative of
    the function / 16). Reproduces sigmoid_table_uint16 of LiteRT tflite/kernels/internal/common.h.
    """
    value = 1 / (1 + np.exp(-np.arange(256) / 24))
    second_derivative = value * (1 - value) * (1 - 2 * value)
    samples = np.rint((value - second_derivative / (16 * 24 * 24)) * 65536).astype(np.int64)
    samples[-1] = 65535
    return samples


def _interpolate(x: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Logistic of x * 2**-bits / 24 for x >= 0 as (value * 2**(16 + bits), whether x lies beyond the table)."""
    samples = _logistic_samples()
    segment = x >> bits
    beyond = segment >= 255
    segment = np.minimum(segment, 254)
    return (samples[segment] << bits) + (x & ((1 << bits) - 1)) * (samples[segment + 1] - samples[segment]), beyond


def _log2_of_power(scale: np.float32) -> int | None:
    """CheckedLog2: the exponent of a scale that is a power of two to within 0.001 of an exponent, else None."""
    log2 = math.log2(scale)
    return round(log2) if abs(log2 - round(log2)) < 1e-3 else None


@dataclass(frozen=True, eq=False)
class MicroCurve:
    """tflite-micro's int8 curves: a function of Q4.27 to Q0.31, rounded to this many fractional bits.

    Inputs beyond 15 (Q4.27 ends at 16), which is a distance of radius from their zero point, give the ends of int8.
    """

    function: Formula
    bits: int
    offset: int
    zero_point: int
    multiplier: Multiplier
    radius: int

    @classmethod
    def of(cls, x: TensorSpec, function: Formula, bits: int, zero_point: int) -> MicroCurve:
        """The curve of an input; zero_point: of the output."""
        multiplier = Multiplier.from_real(float(x.scale) * (1 << 27))
        return cls(
            function, bits, x.zero_point, zero_point, multiplier, int((15 << 27) / 2.0 ** int(multiplier.exponent))
        )

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """Raw results."""
        q = q - self.offset
        inside = multiply_by_quantized_multiplier(np.clip(q, -self.radius, self.radius), self.multiplier)
        result = rounding_divide_by_pot(self.function(inside), 31 - self.bits) + self.zero_point
        return np.where(q <= -self.radius, -128, np.where(q >= self.radius, 127, np.clip(result, -128, 127)))


class _Saturating(Activation):
    """What quantized TANH and LOGISTIC share: int16 input scales and how they reach the sample table's; tflm's int8."""

    fixed_shift: int | None = None
    power_shifts: tuple[int, ...]
    """Left shifts n for which an input scale of 2**(n - 12) counts as a power of two."""

    def quantize16(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """multiplier, shift: input / 2**-12 * 3 = (input * multiplier + half) >> shift, in int32.

        fixed_shift: input << fixed_shift goes through `fixed_point` instead; None: it does not.
        """
        require_zero_point(node, 0, x, y)
        node.require(_log2_of_power(y.scale) == -15, "output scale is {}, expected 1/32768", y.scale)
        exponent = _log2_of_power(x.scale)
        shift = None if exponent is None else exponent + 12
        if shift in self.power_shifts:
            self.multiplier, self.shift = 3 << shift, 0
            if self.flavour in ("litert-opt", "xnnpack"):
                self.fixed_shift = shift
                return Pointwise(lambda q: self.fixed_point(WORD16.shift_left(q, shift)), x.dtype, y.dtype)
        else:
            real, self.shift = float(x.scale) * 4096 * 3, 0
            while real <= 32767 / 2 and self.shift <= 30:
                real, self.shift = real * 2, self.shift + 1
            node.require(real < 1 << 31, "input scale {} is too large", x.scale)
            self.multiplier = int(real)
        half = (1 << self.shift) >> 1

        def formula(q: np.ndarray) -> np.ndarray:
            scaled = (q * self.multiplier + half).astype(np.int32).astype(np.int64) >> self.shift
            return self.from_samples(scaled)

        return Pointwise(formula, x.dtype, y.dtype)

    def from_samples(self, x: np.ndarray) -> np.ndarray:
        """The function of x * 2**-12 / 3 by interpolation, in units of 2**-15."""
        raise TypeError(f"{type(self).__name__} must define from_samples")

    def fixed_point(self, x: np.ndarray) -> np.ndarray:
        """The function of x * 2**-12 by gemmlowp's arithmetic, in units of 2**-15."""
        raise TypeError(f"{type(self).__name__} must define fixed_point")


@builtin(BuiltinOperator.TANH, versions=(1, 3))
class Tanh(_Saturating):
    """tanh(x).

    Floats of 32 and 16 bits (computed in float32), int8, uint8 (table), int16 with zero points 0 and output scale
    1/32768. Under litert-opt and xnnpack, int16 with input scale 2**-12 or 2**-11 goes through gemmlowp's tanh, under
    tflm int8.
    Semantics: LiteRT tflite/kernels/activations.cc (TanhPrepare), internal/reference/integer_ops/tanh.h.
    """

    types = (*_FLOATS, *_QUANTIZED)
    power_shifts = (0, 1)

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """See `quantize16` for int16."""
        if x.type == TensorType.INT16:
            return self.quantize16(node, x, y)
        if self.flavour == "tflm":
            return Pointwise(MicroCurve.of(x, lambda raw: WORD32.tanh(raw, 4), 7, 0), x.dtype, y.dtype)
        return _tabulated(self, self.real, x, y)

    @staticmethod
    def real(x: np.ndarray) -> np.ndarray:
        """In float32, correctly rounded."""
        return _tanh(x)

    def from_samples(self, x: np.ndarray) -> np.ndarray:
        """tanh(x) = 2 * logistic(2 * x) - 1: the samples are read at twice the position."""
        value, beyond = _interpolate(np.abs(x), 8)
        value = np.where(beyond, 0xFFFF << 8, value) - (1 << 23)
        return np.where(x >= 0, value + 128, 127 - value) >> 8

    def fixed_point(self, x: np.ndarray) -> np.ndarray:
        """Three integer bits."""
        return WORD16.tanh(x, 3)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """In float32."""
        return np.tanh(input.astype(np.float32)).astype(input.dtype)


@builtin(BuiltinOperator.LOGISTIC, versions=(1, 3))
class Logistic(_Saturating):
    """1 / (1 + exp(-x)).

    Floats of 32 and 16 bits (computed in float32), int8, uint8 (table; LiteRT takes output scales other than 1/256 only
    in XNNPACK, they are computed alike), int16 with zero points 0 and output scale 1/32768. Under litert-opt and
    xnnpack, int16 with input scale 2**-12 goes through gemmlowp's logistic, under tflm int8.
    Semantics: LiteRT tflite/kernels/activations.cc (SigmoidPrepare), internal/reference/{,integer_ops/}logistic.h.
    """

    types = (*_FLOATS, *_QUANTIZED)
    power_shifts = (0,)

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """See `quantize16` for int16."""
        if x.type == TensorType.INT16:
            node.require(y.scale == 1 / 32768, "output scale is {}, expected 1/32768", y.scale)
            return self.quantize16(node, x, y)
        if self.flavour == "tflm":
            require_zero_point(node, -128, y)
            return Pointwise(MicroCurve.of(x, lambda raw: WORD32.logistic(raw, 4), 8, -128), x.dtype, y.dtype)
        return _tabulated(self, self.real, x, y)

    def real(self, x: np.ndarray) -> np.ndarray:
        """In float32, of a correctly rounded exponential; in XNNPACK all in float64."""
        return _logistic(x) if self.flavour == "xnnpack" else 1 / (1 + _exp(-x))

    def from_samples(self, x: np.ndarray) -> np.ndarray:
        """logistic(-x) = 1 - logistic(x)."""
        value, beyond = _interpolate(np.abs(x), 9)
        value = np.where(beyond, 0x7FFF << 10, value)
        return np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10

    def fixed_point(self, x: np.ndarray) -> np.ndarray:
        """Three integer bits."""
        return WORD16.logistic(x, 3)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """exp(x) below -9, where that is as good, and 1 where nothing else is representable."""
        x = input.astype(np.float32)
        e = np.exp(np.where(x < -9, x, -x))
        return np.where(x < -9, e, np.where(x > np.float32(16.619047164916992188), 1, 1 / (1 + e))).astype(input.dtype)


@builtin(BuiltinOperator.ELU)
class Elu(Activation):
    """x where x >= 0, exp(x) - 1 elsewhere. Float32, int8 (table).

    Semantics: LiteRT tflite/kernels/activations.cc (EluPrepare), internal/reference/elu.h.
    """

    types = (TensorType.FLOAT32, TensorType.INT8)

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """expm1 of every negative value, exp(x) - 1 in tflm."""
        below = (lambda real: _exp(real) - 1) if self.flavour == "tflm" else in_double(np.expm1)
        return _tabulated(self, lambda real: np.where(real < 0, below(real), real), x, y)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """NaN stays NaN."""
        return np.where(input < 0, np.expm1(np.minimum(input, 0)), input)


@builtin(BuiltinOperator.GELU, versions=(1, 3))
class Gelu(Activation):
    """x * Phi(x) = x / 2 * erfc(-x / sqrt(2)); approximate: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))).

    Float32, float16 (every operation rounded to float16), int8, uint8, int16 (tables).
    Semantics: LiteRT tflite/kernels/activations.cc (GeluPrepare), internal/reference/gelu.h.
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, *_QUANTIZED)
    options: GeluOptions

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """The float32 function at every entry."""
        entries = table(self.plain, x, y)
        return lambda q: look_up(entries, q)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """In the input's precision."""
        real = input.dtype.type
        if not self.options.approximate:
            return real(0.5) * input * _erfc(input * real(-math.sqrt(0.5)))
        inner = input + real(0.044715) * input * input * input
        return real(0.5) * input * (real(1) + _tanh(real(math.sqrt(2 / math.pi)) * inner))
