"""SOFTMAX and LOG_SOFTMAX over the last dimension: floats, int8 and uint8 in fixed point, int16 through tables.

Under litert-opt and xnnpack, 8-bit tensors use a float32 table of exponentials instead. So does, under every flavour, a
row whose sum of exponentials is too large for the fixed-point formats: the official reference kernels abort on it or
return noise.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    integer_range,
    require_finite,
    round_half_away,
    rounding_divide_by_pot,
)
from litejit.kernels.gemmlowp import WORD32, bit_length, log
from litejit.kernels.newton import reciprocal
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.elementwise import rescale_of
from litejit.kernels.reference.lut import in_double, look_up, table16
from litejit.kernels.reference.pointwise import Formula, OverRows, require_zero_point
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, SoftmaxOptions, TensorType

__all__ = ["LogSoftmax", "Softmax"]

_8_BIT = (TensorType.INT8, TensorType.UINT8)
_INPUT_BITS, _SUM_BITS = 5, 12


def _shifted(x: np.ndarray) -> np.ndarray:
    """x less the largest of its row."""
    return x - x.max(axis=-1, keepdims=True, initial=np.finfo(x.dtype).min)


def _distance(x: np.ndarray) -> np.ndarray:
    """How far 8-bit values lie below the largest of their row, as uint8."""
    return x.max(axis=-1, keepdims=True).view(np.uint8) - x.view(np.uint8)


class _FixedPointExp:
    """exp(-d * input scale * beta) for distances d = 0 .. 255 of 8-bit values.

    differences: [256] -d * scale * beta with 5 integer bits. smallest: the smallest -d whose exponential counts.
    exps: [256] no integer bits; terms: [256] the same with 12 integer bits, in which rows are summed.
    Source: LiteRT tflite/kernels/internal/quantization_util.cc (PreprocessSoftmaxScaling, CalculateInputRadius).
    """

    def __init__(self, node: Node, scale: np.float32, beta: float) -> None:
        flavour = node.numerics
        largest = (1 << (30 if flavour == "single-rounding" else 31)) - 1
        real = min(beta * float(scale) * (1 << (31 - _INPUT_BITS)), float(largest))
        node.require(real > 1, "beta {} times the input scale {} must be greater than 2**-26", beta, scale)
        self.multiplier = Multiplier.from_real(real)
        left = int(self.multiplier.left_shift)
        self.smallest = -(((1 << _INPUT_BITS) - 1 << (31 - _INPUT_BITS)) >> left)
        d = -np.arange(256)
        self.differences = rescale_of(flavour)(d, self.multiplier)
        self.exps = np.where(d >= self.smallest, WORD32.exp_on_negative_values(self.differences, _INPUT_BITS), 0)
        self.terms = rounding_divide_by_pot(self.exps, _SUM_BITS)


class _TableExp:
    """The same exponentials in float32; sums of rows are rounded after every addition."""

    def __init__(self, x: TensorSpec, beta: float) -> None:
        step = np.float32(require_finite(-x.scale * np.float32(beta)))
        self.exps = np.exp((step * np.arange(256, dtype=np.float32)).astype(np.float64)).astype(np.float32)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """exp of every element, and the sums of the rows, [rows, 1]."""
        terms = self.exps.take(_distance(x))
        return terms, np.add.accumulate(terms, axis=-1)[:, -1:]


def _replacing(rows: Formula, where: np.ndarray, x: np.ndarray, result: np.ndarray) -> np.ndarray:
    """result, with rows(x) in the rows where a [rows, 1] mask is set."""
    if where.any():
        at = where[:, 0]
        result[at] = rows(x[at])
    return result


@builtin(BuiltinOperator.SOFTMAX, versions=(1, 4))
class Softmax(OverRows):
    """exp(beta * x) / sum(exp(beta * x)) over the last dimension.

    float32, float16 (exponentials rounded to float16), int8 -> int8 (scale 1/256, zero point -128) or int16,
    uint8 -> uint8 or int16, int16 -> int16 (scale 1/32768, zero points 0).
    Semantics: LiteRT tflite/kernels/activations.cc (SoftmaxPrepare), internal/reference/softmax.h.
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT16, *_8_BIT, TensorType.INT16)
    options: SoftmaxOptions

    def prepare(self, node: Node) -> None:
        """Derives `rows`.

        Of 8 bits, exp (in fixed point), table (in floats), rounds_up and limit, too; of int16 multiplier (of
        differences), exps and inverses (tables with interpolation).
        """
        wider = {type: (type, TensorType.INT16) for type in _8_BIT}
        x, y = self.declare(node, wider)
        self.beta = float(self.options.beta)
        if x.type in _8_BIT:
            if y.type == TensorType.INT8:
                self._require_output(node, y, 256, -128)
            self.rows = self._of_8_bits(node, x, y)
        elif x.type == TensorType.INT16:
            self._require_output(node, y, 32768, 0)
            self.rows = self._of_16_bits(node, x)
        else:
            self.rows = self._of_floats

    @staticmethod
    def _require_output(node: Node, y: TensorSpec, steps: int, zero_point: int) -> None:
        require_zero_point(node, zero_point, y)
        near = abs(y.scale - np.float32(1 / steps)) <= np.float32(0.001 / steps)
        node.require(near, "{} has scale {}, expected 1/{}", y, y.scale, steps)

    def _of_floats(self, x: np.ndarray) -> np.ndarray:
        exps = np.exp(_shifted(x.astype(np.float32)) * np.float32(self.beta))
        return exps.astype(x.dtype).astype(np.float32) / exps.sum(axis=-1, keepdims=True)

    def _of_8_bits(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        rounded_up = self.rounds_up = x.type == y.type == TensorType.UINT8
        low, high = integer_range(y.type)
        table = self.table = _TableExp(x, self.beta)

        def in_floats(x: np.ndarray) -> np.ndarray:
            exps, total = table(x)
            steps = exps * (np.float32(1) / (total * y.scale))
            rounded = np.trunc(steps + np.float32(0.5)) if rounded_up else round_half_away(steps) + y.zero_point
            return np.clip(rounded, low, high)

        if self.flavour in ("litert-opt", "xnnpack"):
            return in_floats
        fixed = self.exp = _FixedPointExp(node, x.scale, self.beta)
        bits = 8 * y.dtype.itemsize
        limit = self.limit = 1 << (28 if bits == 8 else 32)

        def in_fixed_point(x: np.ndarray) -> np.ndarray:
            distance = _distance(x)
            total = fixed.terms.take(distance).sum(axis=-1, keepdims=True)
            inverse, shift = reciprocal(np.minimum(total, limit - 1))
            share = WORD32.multiply(fixed.exps.take(distance), inverse)
            result = np.clip(rounding_divide_by_pot(share, shift + _SUM_BITS - bits) + low, low, high)
            return _replacing(in_floats, total >= limit, x, result)

        return in_fixed_point

    def _of_16_bits(self, node: Node, x: TensorSpec) -> Formula:
        require_zero_point(node, 0, x)
        # The official tables and the product of scale and beta are in float64 and float32, those of tflm the other way.
        real = np.float32 if self.flavour == "tflm" else np.float64
        product = float(x.scale) * self.beta if self.flavour == "tflm" else float(x.scale * np.float32(self.beta))
        full = (1 << 16) - 1
        multiplier = Multiplier.from_real(product / (10 / full))
        exps = table16(in_double(np.exp), real(10) / real(full), 32767, real(2) / real(full), 0, real)
        inverses = table16(lambda x: 1 / (1 + x), real(1) / real(full), -32768, real(2) / real(full), 0, real)
        rescale = rescale_of(self.flavour)
        self.multiplier, self.exps, self.inverses = multiplier, exps, inverses

        def rows(x: np.ndarray) -> np.ndarray:
            x = x.astype(np.int64)
            difference = rescale(x - x.max(axis=-1, keepdims=True), multiplier)
            exp = look_up(exps, np.clip(difference + 32767, -32768, 32767).astype(np.int16)).astype(np.int64)
            total = exp.sum(axis=-1, keepdims=True)
            length = bit_length(total)
            # 1 + fraction = total / 2**(length - 1), with 16 fractional bits; the table wants the fraction centred.
            fraction = (((total << (32 - length)) + (1 << 14)) >> 15) - (1 << 16) - (1 << 15)
            inverse = look_up(inverses, np.clip(fraction, -32768, 32767).astype(np.int16)).astype(np.int64)
            half = (np.int64(1) << (length - 1)) >> 1
            return np.clip((exp * inverse + half) >> (length - 1), 0, 32767)

        return rows


@builtin(BuiltinOperator.LOG_SOFTMAX, versions=(1, 2))
class LogSoftmax(OverRows):
    """x - max - log(sum(exp(x - max))) over the last dimension.

    float32, int8, uint8 (output scale 1/16, zero point the largest value of the type).
    Semantics: LiteRT tflite/kernels/activations.cc (LogSoftmaxPrepare), internal/reference/log_softmax.h,
    internal/reference/integer_ops/log_softmax.h.
    """

    types = (TensorType.FLOAT32, *_8_BIT)

    def prepare(self, node: Node) -> None:
        """Derives `rows`; of 8 bits, exp (in fixed point) and inverse (of its multiplier), too."""
        x, y = self.declare(node)
        if x.type == TensorType.FLOAT32:
            self.rows = self._of_floats
            return
        node.require(y.scale == 1 / 16, "{} has scale {}, expected 1/16", y, y.scale)
        require_zero_point(node, integer_range(y.type)[1], y)
        self.rows = self._of_8_bits(node, x, y)

    @staticmethod
    def _of_floats(x: np.ndarray) -> np.ndarray:
        shifted = _shifted(x)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

    def _of_8_bits(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        low, high = integer_range(y.type)
        scale, table = x.scale, _TableExp(x, 1.0)

        def in_floats(x: np.ndarray) -> np.ndarray:
            log_total = np.log(table(x)[1].astype(np.float64)).astype(np.float32)
            offset = (scale * x.max(axis=-1, keepdims=True).astype(np.float32) + log_total) / y.scale
            return np.clip(np.rint((scale / y.scale) * x.astype(np.float32) - offset) + high, low, high)

        if self.flavour in ("litert-opt", "xnnpack"):
            return in_floats
        fixed = self.exp = _FixedPointExp(node, x.scale, 1.0)
        rescale = rescale_of(self.flavour)
        real = (1 << 31 - int(fixed.multiplier.exponent)) / float(fixed.multiplier.mantissa)
        inverse = self.inverse = Multiplier.from_real(real)

        def in_fixed_point(x: np.ndarray) -> np.ndarray:
            distance = _distance(x)
            total = fixed.terms.take(distance).sum(axis=-1, keepdims=True)
            log_total = log(np.minimum(total, WORD32.max), _SUM_BITS, _INPUT_BITS)
            smallest = np.maximum(fixed.smallest - 1, rescale(log_total - (1 << 31), inverse))
            result = rounding_divide_by_pot(fixed.differences.take(distance) - log_total, 31 - _INPUT_BITS - 4) + high
            result = np.where(-distance.astype(np.int64) > smallest, np.clip(result, low, high), low)
            return _replacing(in_floats, total > WORD32.max, x, result)

        return in_fixed_point
