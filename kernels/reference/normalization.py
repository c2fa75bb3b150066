"""Normalization: L2_NORMALIZATION of rows, LOCAL_RESPONSE_NORMALIZATION across neighbouring channels."""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import (
    Multiplier,
    integer_range,
    multiply_by_quantized_multiplier_single,
    multiply_by_quantized_multiplier_smaller_than_one,
    wrap32,
)
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.newton import inverse_sqrt
from litejit.kernels.node import Node
from litejit.kernels.reference.elementwise import rescale_of
from litejit.kernels.reference.pointwise import OverRows, require_zero_point
from litejit.kernels.registry import builtin
from litejit.schema import (
    ActivationFunctionType,
    BuiltinOperator,
    L2NormOptions,
    LocalResponseNormalizationOptions,
    TensorType,
)

__all__ = ["L2Normalization", "LocalResponseNormalization"]


@builtin(BuiltinOperator.L2_NORMALIZATION, versions=(1, 2))
class L2Normalization(OverRows):
    """x / max(sqrt(sum(x**2)), 1e-6) over the last dimension.

    float32; int8 (output zero point 0) and uint8 (128) with output scale 1/128, where a row of zeros stays zero.
    Raises InvalidModelError for a fused activation.
    Semantics: LiteRT tflite/kernels/l2norm.cc, internal/reference/{,integer_ops/}l2normalization.h.
    """

    types = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8)
    options: L2NormOptions

    def prepare(self, node: Node) -> None:
        """Derives `rows`; checks what the fixed-point arithmetic takes for granted."""
        x, y = self.declare(node)
        activation = self.options.fused_activation_function
        node.require(activation == ActivationFunctionType.NONE, "fused activation {} is not supported", activation)
        self.rows = self._of_floats
        if x.type != TensorType.FLOAT32:
            node.require(y.scale == 1 / 128, "{} has scale {}, expected 1/128", y, y.scale)
            require_zero_point(node, 0 if x.type == TensorType.INT8 else 128, y)
            self.type, self.zero_point = x.type, x.zero_point
            self.rows = self._of_8_bits

    @staticmethod
    def _of_floats(x: np.ndarray) -> np.ndarray:
        norm = np.sqrt(np.square(x).sum(axis=-1, keepdims=True))
        return x / np.maximum(norm, np.float32(1e-6))

    def _of_8_bits(self, x: np.ndarray) -> np.ndarray:
        """The factor 128 of the output scale goes into the multiplier for int8, into the value for uint8."""
        x = x.astype(np.int64) - self.zero_point
        inverse = inverse_sqrt(np.maximum(wrap32(np.square(x).sum(axis=-1, keepdims=True)), 0))
        low, high = integer_range(self.type)
        if self.type == TensorType.UINT8:
            single = self.flavour == "single-rounding"
            rescale = (
                multiply_by_quantized_multiplier_single if single else multiply_by_quantized_multiplier_smaller_than_one
            )
            return np.clip(rescale(128 * x, inverse) + 128, low, high)
        scaled = Multiplier(inverse.mantissa, inverse.exponent + 7)
        return np.clip(rescale_of(self.flavour)(x, scaled), low, high)


@builtin(BuiltinOperator.LOCAL_RESPONSE_NORMALIZATION)
class LocalResponseNormalization(Kernel):
    """x * (bias + alpha * sum of x**2 over the channels c - radius .. c + radius)**-beta.

    x: [batch, height, width, channels] float32. The official reference kernel leaves channel c + radius out of the sum;
    this is what the optimised one and TensorFlow compute.
    Semantics: LiteRT tflite/kernels/local_response_norm.cc, internal/optimized/optimized_ops.h.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS
    options: LocalResponseNormalizationOptions

    def prepare(self, node: Node) -> None:
        """Checks radius."""
        x = node.input("input", rank=4)
        node.output(x.dims, types=x.type)
        node.require(self.options.radius >= 0, "radius is {}, it must not be negative", self.options.radius)
        self.radius = min(self.options.radius, max(x.dims[-1] - 1, 0))

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output. A window's sum is the one before it, with a square added and another one taken away."""
        bias, alpha, beta = (np.float32(v) for v in (self.options.bias, self.options.alpha, self.options.beta))
        channels, radius = input.shape[-1], self.radius
        with np.errstate(all="ignore"):
            squares = np.pad(np.square(input) * alpha, [(0, 0)] * 3 + [(radius, radius)])
            changes = np.empty((*input.shape[:3], 2 * radius + 2 * channels), np.float32)
            changes[..., : 2 * radius] = squares[..., : 2 * radius]
            changes[..., 2 * radius :: 2] = squares[..., 2 * radius :]
            changes[..., 2 * radius + 1 :: 2] = -squares[..., :channels]
            total = bias + np.add.accumulate(changes, axis=-1)[..., 2 * radius :: 2]
            if beta == 1:
                return input * (1 / total)
            return input * (1 / np.sqrt(total) if beta == 0.5 else np.power(total, -beta))
