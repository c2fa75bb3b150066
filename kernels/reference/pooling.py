"""Pooling: AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D.

Semantics: LiteRT tflite/kernels/pooling.cc, internal/reference/pooling.h, internal/reference/integer_ops/pooling.h.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import activation_range, float_activation, integer_range
from litejit.kernels.geometry import Window, patches
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, Pool2DOptions, TensorType

__all__ = ["AveragePool2D", "L2Pool2D", "MaxPool2D"]


class Pool2D(Kernel):
    """Base: input [batch, height, width, channels] -> [batch, out_height, out_width, channels].

    Padding takes no part. Derived: height, width (windows), count ([out_height, out_width, 1] elements inside each
    window), low and high (clamp, integers).
    """

    options: Pool2DOptions
    types = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Places the windows."""
        o, x = self.options, node.input("input", rank=4)
        batch, in_height, in_width, channels = x.dims
        self.height = Window.along("height", o.padding, in_height, o.filter_height, o.stride_h)
        self.width = Window.along("width", o.padding, in_width, o.filter_width, o.stride_w)
        y = node.output((batch, self.height.out_size, self.width.out_size, channels), types=x.type)
        self.count = (self.height.taps_inside()[:, None] * self.width.taps_inside())[:, :, None]
        self.integer = x.type != TensorType.FLOAT32
        if not self.integer:
            return
        if x.quantization is not None and y.quantization is not None:
            same = x.scale == y.scale and x.zero_point == y.zero_point
            node.require(same, "input and output must have the same scale and zero point")
        clamped = y.quantization is not None
        self.low, self.high = activation_range(o.fused_activation_function, y) if clamped else integer_range(y.type)

    def sum(self, x: np.ndarray) -> np.ndarray:
        """Sums over the windows, tap by tap."""
        windows = patches(x, self.height, self.width)
        total = np.zeros((*windows.shape[:3], windows.shape[5]), x.dtype)
        for y in range(self.height.filter_size):
            for column in range(self.width.filter_size):
                total += windows[:, :, :, y, column]
        return total


@builtin(BuiltinOperator.AVERAGE_POOL_2D, versions=(1, 3))
class AveragePool2D(Pool2D):
    """Mean over each window's elements inside the input. Integers: nearest, ties away from zero."""

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """Averages."""
        if not self.integer:
            return float_activation(
                self.options.fused_activation_function, self.sum(input) / self.count.astype(np.float32)
            )
        total = self.sum(input.astype(np.int32))
        count = self.count.astype(np.int32)
        mean = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return np.clip(mean, self.low, self.high).astype(input.dtype)


@builtin(BuiltinOperator.MAX_POOL_2D, versions=(1, 3))
class MaxPool2D(Pool2D):
    """Largest element of each window."""

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """Maximum, tap by tap."""
        lowest = np.finfo(np.float32).min if not self.integer else np.iinfo(input.dtype).min
        windows = patches(input, self.height, self.width, lowest)
        best = np.full((*windows.shape[:3], windows.shape[5]), lowest, input.dtype)
        for y in range(self.height.filter_size):
            for column in range(self.width.filter_size):
                np.fmax(best, windows[:, :, :, y, column], out=best)
        if not self.integer:
            return float_activation(self.options.fused_activation_function, best)
        return np.clip(best, self.low, self.high).astype(input.dtype)


@builtin(BuiltinOperator.L2_POOL_2D)
class L2Pool2D(Pool2D):
    """Root of the mean square over each window's elements inside the input."""

    types = (TensorType.FLOAT32,)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """Root mean square."""
        root = np.sqrt(self.sum(input * input) / self.count.astype(np.float32))
        return float_activation(self.options.fused_activation_function, root)
