"""Activations made of straight pieces: RELU and its kin, LEAKY_RELU, PRELU, HARD_SWISH.

Those with a curve (TANH, LOGISTIC, ELU, GELU) are in curves.py.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    float_to_int32,
    integer_range,
    round_half_away,
    rounding_divide_by_pot,
    wrap32,
)
from litejit.kernels.gemmlowp import WORD16
from litejit.kernels.geometry import broadcast_shapes
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.delegation import takes_leaky_relu
from litejit.kernels.reference.elementwise import Quantized, rescale_of
from litejit.kernels.reference.pointwise import Activation, Formula, Pointwise, require_zero_point
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, LeakyReluOptions, TensorType

_FLOAT_OR_8_BIT = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8)
_FLOAT_OR_QUANTIZED = (*_FLOAT_OR_8_BIT, TensorType.INT16)


def _require_symmetric_int16(node: Node, x: TensorSpec, y: TensorSpec) -> None:
    if x.type == TensorType.INT16:
        require_zero_point(node, 0, x, y)


class _Clamp(Activation):
    """min(max(x, lower), upper); quantized tensors are rescaled to the output's scale and clamped there.

    Float32, int8, uint8; RELU and RELU6 also int16 with zero points 0.
    Semantics: LiteRT tflite/kernels/activations.cc (ReluPrepare, QuantizedReluX), reference_ops.h (ReluX).
    """

    lower: ClassVar[float]
    upper: ClassVar[float | None]

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """clip(rescale(q - zero_point) + output zero_point), the clip at the quantized bounds."""
        _require_symmetric_int16(node, x, y)
        multiplier = Multiplier.from_real(x.scale / y.scale)
        low, high = integer_range(y.type)
        low = max(low, self._bound(self.lower, y))
        high = high if self.upper is None else min(high, self._bound(self.upper, y))
        rescale = rescale_of(self.flavour)

        def formula(q: np.ndarray) -> np.ndarray:
            rescaled = rescale(q - x.zero_point, multiplier) + y.zero_point
            return np.minimum(np.maximum(rescaled, low), high)

        return Pointwise(formula, x.dtype, y.dtype)

    @staticmethod
    def _bound(real: float, y: TensorSpec) -> int:
        """The bound in quantized units; what does not fit into int32 wraps around, as in the official kernel."""
        with np.errstate(all="ignore"):
            steps = float_to_int32(round_half_away(np.float32(real) / y.scale))
        return int(wrap32(steps + y.zero_point))

    def plain(self, input: np.ndarray) -> np.ndarray:
        """NaN stays NaN."""
        return np.clip(input, self.lower, self.upper)


@builtin(BuiltinOperator.RELU, versions=(1, 3))
class Relu(_Clamp):
    """max(x, 0), see `_Clamp`."""

    types = _FLOAT_OR_QUANTIZED
    lower, upper = 0.0, None


@builtin(BuiltinOperator.RELU6, versions=(1, 3))
class Relu6(_Clamp):
    """min(max(x, 0), 6), see `_Clamp`."""

    types = _FLOAT_OR_QUANTIZED
    lower, upper = 0.0, 6.0


@builtin(BuiltinOperator.RELU_N1_TO_1)
class ReluN1To1(_Clamp):
    """min(max(x, -1), 1), see `_Clamp`."""

    types = _FLOAT_OR_8_BIT
    lower, upper = -1.0, 1.0


@builtin(BuiltinOperator.RELU_0_TO_1)
class Relu0To1(_Clamp):
    """min(max(x, 0), 1), see `_Clamp`."""

    types = _FLOAT_OR_8_BIT
    lower, upper = 0.0, 1.0


@builtin(BuiltinOperator.LEAKY_RELU, versions=(1, 2))
class LeakyRelu(Activation):
    """x where x > 0, alpha * x elsewhere; alpha of any sign.

    Float32, int8, uint8, int16 (zero points 0). Quantized: each branch has a multiplier of its own; xnnpack gives
    those of 8-bit tensors 8 fractional bits.
    Semantics: LiteRT tflite/kernels/activations.cc (LeakyReluPrepare), internal/reference/leaky_relu.h; XNNPACK
    src/microparams-init.c (init_qs8_lrelu), LiteRT tflite/delegates/xnnpack/xnnpack_delegate.cc.
    """

    types = _FLOAT_OR_QUANTIZED
    options: LeakyReluOptions

    def prepare(self, node: Node) -> None:
        """Checks alpha."""
        self.alpha = np.float32(self.options.alpha)
        node.require(np.isfinite(self.alpha), "alpha is {}, expected a finite number", self.alpha)
        super().prepare(node)

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """Negative alphas multiply by their magnitude, then change the sign."""
        _require_symmetric_int16(node, x, y)
        identity = Multiplier.from_real(x.scale / y.scale)
        slope = Multiplier.from_real(abs(x.scale * self.alpha / y.scale))
        sign = np.sign(self.alpha).astype(np.int64)
        # A negative multiplier, which litert-opt has for int16, takes ties the other way: as a negated operand does.
        inside = x.type == TensorType.INT16 and self.flavour in ("litert-opt", "xnnpack")
        operand_sign, result_sign = (sign, 1) if inside else (1, sign)
        low, high = integer_range(y.type)
        rescale = rescale_of(self.flavour)
        factors = self._xnnpack_factors(x, y) if self.flavour == "xnnpack" else None

        def formula(q: np.ndarray) -> np.ndarray:
            q = q - x.zero_point
            if factors is not None:
                scaled = (q * np.where(q >= 0, *factors) + 128) >> 8
            else:
                scaled = np.where(q >= 0, rescale(q, identity), result_sign * rescale(operand_sign * q, slope))
            return np.clip(scaled + y.zero_point, low, high)

        return Pointwise(formula, x.dtype, y.dtype)

    def _xnnpack_factors(self, x: TensorSpec, y: TensorSpec) -> tuple[np.int64, np.int64] | None:
        """Factors of both branches in units of 1/256; None where the delegate does not take the node."""
        if not takes_leaky_relu(x, y, self.alpha):
            return None
        positive = x.scale / y.scale
        negative = positive * self.alpha
        positive_factor, negative_factor = (np.rint(np.float32(256) * v).astype(np.int64) for v in (positive, negative))
        return positive_factor, negative_factor

    def plain(self, input: np.ndarray) -> np.ndarray:
        """Products are rounded once, in float32."""
        return np.where(input > 0, input, input * self.alpha)


@builtin(BuiltinOperator.PRELU)
class Prelu(Kernel):
    """x where x >= 0, alpha * x elsewhere; alpha broadcasts to the shape of x.

    Float32, int8, uint8 with alpha of the same type; int16 with int8 alpha. Multipliers are computed in float32, those
    of tflm in float64.
    Semantics: LiteRT tflite/kernels/activations.cc (PreluPrepare), internal/reference/prelu.h.
    """

    types = _FLOAT_OR_QUANTIZED
    flavours = ALL_FLAVOURS
    quantized: Quantized | None = None

    def prepare(self, node: Node) -> None:
        """Derives `quantized`, the function of raw values of input and alpha."""
        x = node.input("input")
        alpha = node.input("alpha", types=TensorType.INT8 if x.type == TensorType.INT16 else x.type)
        shape = broadcast_shapes(x.dims, alpha.dims)
        node.require(shape == x.dims, "alpha of shape {} does not broadcast to input of shape {}", alpha.dims, x.dims)
        y = node.output(shape, type=x.type)
        if x.type == TensorType.FLOAT32:
            return
        precision = np.float64 if self.flavour == "tflm" else np.float32
        x_scale, alpha_scale, y_scale = precision(x.scale), precision(alpha.scale), precision(y.scale)
        identity = Multiplier.from_real(x_scale / y_scale)
        slope = Multiplier.from_real(x_scale * alpha_scale / y_scale)
        low, high = integer_range(y.type)
        rescale = rescale_of(self.flavour)

        def formula(q: np.ndarray, slope_q: np.ndarray) -> np.ndarray:
            q = q - x.zero_point
            positive = rescale(q, identity)
            negative = rescale(q * (slope_q - alpha.zero_point), slope)
            return np.clip(np.where(q >= 0, positive, negative) + y.zero_point, low, high)

        self.quantized = Quantized(formula, x.dtype, y.dtype)

    def __call__(self, input: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """The output."""
        if self.quantized is not None:
            return self.quantized(input, alpha)
        with np.errstate(all="ignore"):
            return np.where(input >= 0, input, input * alpha)


@builtin(BuiltinOperator.HARD_SWISH)
class HardSwish(Activation):
    """x * min(max(x + 3, 0), 6) / 6.

    Float32, int8, uint8. Quantized: int16 fixed point throughout; input scale / 128 must not exceed the output scale.
    Semantics: LiteRT tflite/kernels/activations.cc (HardSwishPrepare), internal/reference/hard_swish.h.
    """

    types = _FLOAT_OR_8_BIT

    def quantize(self, node: Node, x: TensorSpec, y: TensorSpec) -> Formula:
        """x on 128 times its scale; gate = clamp(x / 3, -1, 1) with 15 fractional bits; output = (gate + 1) / 2 * x."""
        high_resolution = x.scale / np.float32(128)
        output = Multiplier.from_real(high_resolution / y.scale)
        node.require(
            output.exponent <= 0, "input scale {} is more than 128 times the output scale {}", x.scale, y.scale
        )
        gate = Multiplier.from_real(high_resolution / np.float32(3 / 32768))
        output_factor, gate_factor = (np.minimum((m.mantissa + (1 << 15)) >> 16, 32767) for m in (output, gate))
        left, right = int(gate.left_shift), int(gate.right_shift)
        low, high = integer_range(y.type)

        def formula(q: np.ndarray) -> np.ndarray:
            real = (q - x.zero_point) << 7
            unshifted = WORD16.multiply(real, output_factor)
            # The last bit of a left shift comes after the product: saturation before it cannot be seen in the result.
            reluish = WORD16.multiply(WORD16.shift_left(real, max(left - 1, 0)), gate_factor)
            reluish = WORD16.shift_left(reluish, min(left, 1))
            reluish = (rounding_divide_by_pot(reluish, right) + (1 << 15)) >> 1
            product = reluish * unshifted
            truncated = np.sign(product) * (np.abs(product) >> 15)
            return np.clip(rounding_divide_by_pot(truncated, -output.exponent) + y.zero_point, low, high)

        return Pointwise(formula, x.dtype, y.dtype)

    def plain(self, input: np.ndarray) -> np.ndarray:
        """In float32, in this order; minus infinity gives NaN."""
        three, six = np.float32(3), np.float32(6)
        return input * np.minimum(six, np.fmax(np.float32(0), input + three)) / six
