"""Convolutions over volumes: CONV_3D and CONV_3D_TRANSPOSE, floats only."""

from __future__ import annotations

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.kernel import ALL_FLAVOURS
from litejit.kernels.node import Node, Shape
from litejit.kernels.reference.convolution import Convolution
from litejit.kernels.reference.exact_product import FloatMatrix
from litejit.kernels.reference.products import FloatProducts, check_bias
from litejit.kernels.reference.sliding import require_filled, require_padded
from litejit.kernels.reference.transpose_convolution import TransposedConvolution
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, Conv3DOptions, TensorType

__all__ = ["Conv3D", "Conv3DTranspose"]

_FLOAT = TensorType.FLOAT32


@builtin(BuiltinOperator.CONV_3D)
class Conv3D(Convolution):
    """Convolution of volumes.

    input: [batch, in_depth, in_height, in_width, in_channels]
    filter: [filter_depth, filter_height, filter_width, in_channels, out_channels]; bias: [out_channels]
    -> [batch, out_depth, out_height, out_width, out_channels], all FLOAT32

    Raises InvalidModelError for strides and dilations below 1, empty volumes or filters, a filter that does not have
    the input's channels.
    Semantics: LiteRT tflite/kernels/conv3d.cc, internal/reference/conv3d.h.
    """

    types = (_FLOAT,)
    flavours = ALL_FLAVOURS
    options: Conv3DOptions
    groups = 1

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps a constant filter."""
        input = node.input("input", rank=5)
        filter = node.input("filter", rank=5, types=_FLOAT)
        bias = node.optional("bias", types=_FLOAT)
        *filter_sizes, in_channels, out_channels = filter.dims
        require_filled(node, input, filter)
        node.require(
            input.dims[4] == in_channels, "the input has {} channels, the filter has {}", input.dims[4], in_channels
        )
        check_bias(node, bias, out_channels)
        steps = _steps(self.options, input.dims[1:4], tuple(filter_sizes))
        self.windows = tuple(Window.along(axis, self.options.padding, *sizes) for axis, sizes in steps.items())
        require_padded(node, input.dims[0], self.windows, in_channels)
        shape = (input.dims[0], *(window.out_size for window in self.windows), out_channels)
        self.output = node.output(shape, types=_FLOAT)
        self.products = FloatProducts(self.options.fused_activation_function)
        self.constant = filter.value

    def pack(self, filter: np.ndarray) -> FloatMatrix:
        """The filter as one group of [taps * in_channels, out_channels]."""
        return FloatMatrix(filter.reshape(1, -1, filter.shape[4]))


@builtin(BuiltinOperator.CONV_3D_TRANSPOSE)
class Conv3DTranspose(TransposedConvolution):
    """Transposed convolution of volumes.

    output_shape: [5] int32; filter: [filter_depth, filter_height, filter_width, out_channels, in_channels]
    input: [batch, in_depth, in_height, in_width, in_channels]; bias: [out_channels]
    -> [batch, out_depth, out_height, out_width, out_channels] as output_shape says, all FLOAT32

    Raises InvalidModelError for strides and dilations below 1, empty volumes or filters, an output_shape that CONV_3D
    would not turn into the input's shape, a bias of another size than out_channels.
    Semantics: LiteRT tflite/kernels/conv3d_transpose.cc, internal/reference/conv3d_transpose.h.
    """

    types = (_FLOAT,)
    typed_by = "input"
    flavours = ALL_FLAVOURS
    options: Conv3DOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps a constant filter."""
        node.input("output_shape", shape=(5,), types=TensorType.INT32)
        input = node.input("input", rank=5)
        filter = node.input("filter", rank=5, types=_FLOAT)
        bias = node.optional("bias", types=_FLOAT)
        *filter_sizes, out_channels, in_channels = filter.dims
        require_filled(node, input, filter)
        node.require(
            input.dims[4] == in_channels, "the input has {} channels, the filter has {}", input.dims[4], in_channels
        )
        check_bias(node, bias, out_channels)
        shape = tuple(map(int, node.value("output_shape")))
        node.require(
            shape[0] == input.dims[0] and shape[4] == out_channels and min(shape) >= 0,
            "output_shape is {}, expected [{}, depth, height, width, {}]",
            list(shape),
            input.dims[0],
            out_channels,
        )
        self.padding = self.options.padding
        steps = _steps(self.options, shape[1:4], tuple(filter_sizes))
        self.prepare_windows(node, input.dims[1:4], steps, shape[0], out_channels)
        self.output = node.output(shape, types=_FLOAT)
        self.products = FloatProducts(self.options.fused_activation_function)
        self.constant = filter.value

    def filter_taps(self, filter: np.ndarray) -> np.ndarray:
        """[depth, height, width, out_channels, in_channels] -> [taps, in_channels, out_channels]."""
        return filter.reshape(-1, *filter.shape[3:]).swapaxes(1, 2)

    def __call__(
        self, output_shape: np.ndarray, filter: np.ndarray, input: np.ndarray, bias: np.ndarray | None = None
    ) -> np.ndarray:
        """The output."""
        return self.compute(input, filter, bias)


def _steps(options: Conv3DOptions, sizes: Shape, filter_sizes: Shape) -> dict[str, tuple[int, int, int, int]]:
    """(size, filter size, stride, dilation) along each axis."""
    return {
        "depth": (sizes[0], filter_sizes[0], options.stride_d, options.dilation_d_factor),
        "height": (sizes[1], filter_sizes[1], options.stride_h, options.dilation_h_factor),
        "width": (sizes[2], filter_sizes[2], options.stride_w, options.dilation_w_factor),
    }
