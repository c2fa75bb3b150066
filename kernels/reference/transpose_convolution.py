"""Transposed convolutions: TRANSPOSE_CONV and the custom operator Convolution2DTransposeBias.

Each input element adds its products with a whole filter to the output, so the output is a sum of as many spread-out
images as the filter has taps. The windows slide over the output here, and each input element is where one of them lies.
"""

from __future__ import annotations

import struct
from math import prod

import numpy as np

from litejit.kernels.geometry import Window, boxes
from litejit.kernels.kernel import ALL_FLAVOURS
from litejit.kernels.node import Node, Shape
from litejit.kernels.reference.delegation import fits_transposed
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix
from litejit.kernels.reference.hybrid_flavours import transposed, xnnpack
from litejit.kernels.reference.products import (
    BIAS_TYPES,
    FloatProducts,
    HybridProducts,
    adds_in_int64,
    check_bias,
    convolution_products,
)
from litejit.kernels.reference.sliding import Sliding, require_filled, require_padded
from litejit.kernels.registry import builtin, custom
from litejit.schema import BuiltinOperator, Padding, TensorType, TransposeConvOptions

__all__ = ["Convolution2DTransposeBias", "TransposeConv", "TransposedConvolution"]

_FLOAT, _UINT8, _INT8, _INT16 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16

COLUMN_ELEMENTS = 1 << 19
"""Products that are computed at a time before they are added to the output."""


class TransposedConvolution(Sliding):
    """Base of transposed convolutions over any number of dimensions. windows: sliding over the output."""

    sum_dtype: type[np.floating]

    def leaves_margin_out(self, weights: np.ndarray) -> bool:
        """Always, whatever the windows: between what the filters put there, there are zeros for compiled code."""
        return isinstance(self.products, FloatProducts) and not np.isfinite(weights).all()

    def filter_taps(self, filter: np.ndarray) -> np.ndarray:
        """The filter's numbers as [taps, in_channels, out_channels]."""
        raise TypeError(f"{type(self).__name__} must define filter_taps")

    def pack(self, filter: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """The filter as a matrix: [in_channels, taps * out_channels]."""
        taps = self.filter_taps(filter)
        self.sum_dtype = self.products.dtype(taps.reshape(-1, taps.shape[2]))
        return self.products.matrix(taps.swapaxes(0, 1).reshape(taps.shape[1], -1))

    def prepare_windows(
        self, node: Node, in_sizes: Shape, steps: dict[str, tuple[int, int, int, int]], batch: int, channels: int
    ) -> None:
        """Sets the windows from (output size, filter size, stride, dilation) by axis; they must fit the input.

        batch, channels: of the output.
        """
        padding = self.padding
        self.windows = tuple(Window.along(axis, padding, *sizes) for axis, sizes in steps.items())
        for axis, window, in_size in zip(steps, self.windows, in_sizes, strict=True):
            node.require(
                window.out_size == in_size,
                "an output {} of {} takes an input {} of {}, it is {}",
                axis,
                window.in_size,
                axis,
                window.out_size,
                in_size,
            )
        require_padded(node, batch, self.windows, channels)

    def compute(self, input: np.ndarray, filter: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """The output: each box of the input times the filter, tap by tap added where that tap falls."""
        matrix = self.packed(filter)
        values, scale = self.products.inputs(input, matrix.dtype)
        if isinstance(self.products, HybridProducts) and self.products.arithmetic.scaled_products:
            sums = self._blank_sums(len(input), np.float32)
            self._add_scaled(sums, values, filter, scale, self.products.filter_scales)
        else:
            sums = self._blank_sums(len(input), self.sum_dtype)
            self._add_products(sums, values, matrix)
        inside = (slice(window.before, window.before + window.in_size) for window in self.windows)
        return self.products.finish(sums[(slice(None), *inside)], bias, scale)

    def _blank_sums(self, batch: int, dtype: type[np.floating]) -> np.ndarray:
        """Zeros for the output and all the padding that filters reach into."""
        reach = (window.before + max(window.in_size, window.after + window.in_size) for window in self.windows)
        return np.zeros((batch, *reach, self.output.dims[-1]), dtype)

    def _add_products(self, sums: np.ndarray, values: np.ndarray, matrix: FloatMatrix | IntegerMatrix) -> None:
        """Adds each box of the input times the filter, tap by tap where that tap falls."""
        windows, channels = self.windows, self.output.dims[-1]
        filter_sizes = tuple(window.filter_size for window in windows)
        for box in boxes(values.shape[:-1], COLUMN_ELEMENTS // (prod(filter_sizes) * channels)):
            block = values[box]
            columns = matrix(block.reshape(-1, block.shape[-1])).reshape(*block.shape[:-1], *filter_sizes, channels)
            for tap in np.ndindex(*filter_sizes):
                target = map(_spread, windows, box[1:], block.shape[1:], tap)
                with np.errstate(all="ignore"):
                    sums[(box[0], *target)] += columns[(..., *tap, slice(None))]

    def _add_scaled(
        self, sums: np.ndarray, values: np.ndarray, filter: np.ndarray, scale: np.ndarray, filter_scales: np.ndarray
    ) -> None:
        """Adds products that are scaled first, in the order in which the official loops get to them at each output.

        They run over the input, so the last tap comes first, and at each tap the input's channels in turn.
        """
        windows = self.windows
        taps = self.filter_taps(filter).astype(np.float32)
        scale = scale.reshape(-1, *(1,) * (values.ndim - 1))
        positions = list(np.ndindex(*(window.filter_size for window in windows)))
        everywhere = (slice(None),) * len(windows)
        for at, tap in reversed(list(zip(taps, positions, strict=True))):
            target = (slice(None), *map(_spread, windows, everywhere, values.shape[1:], tap))
            for channel, weights in enumerate(at):
                with np.errstate(all="ignore"):
                    sums[target] += values[..., channel, None] * weights * filter_scales * scale


def _spread(window: Window, part: slice, size: int, tap: int) -> slice:
    """Where one tap of the filter puts a run of input elements."""
    start = (part.start or 0) * window.stride + tap * window.dilation
    return slice(start, start + (size - 1) * window.stride + 1, window.stride)


class TransposedConvolution2D(TransposedConvolution):
    """Base of transposed convolutions of images."""

    def filter_taps(self, filter: np.ndarray) -> np.ndarray:
        """[out_channels, filter_height, filter_width, in_channels] -> [taps, in_channels, out_channels]."""
        weights = self.products.weights(filter)
        return weights.reshape(len(filter), -1, filter.shape[3]).transpose(1, 2, 0)


@builtin(BuiltinOperator.TRANSPOSE_CONV, versions=(1, 5))
class TransposeConv(TransposedConvolution2D):
    """Transposed convolution of images: the gradient of CONV_2D, used to enlarge images.

    output_shape: [4] int32; weights: [out_channels, filter_height, filter_width, in_channels]
    input: [batch, in_height, in_width, in_channels]; bias: [out_channels]
    -> [batch, out_height, out_width, out_channels] as output_shape says, type of the input

    Types and arithmetic as for CONV_2D, weights of 8 bits; FLOAT32 with integer weights is quantized asymmetrically.

    Raises InvalidModelError for strides outside 1 .. 32767, empty images or filters, an output_shape that CONV_2D would
    not turn into the input's shape, a bias or scales of another number than out_channels.
    Semantics: LiteRT tflite/kernels/transpose_conv.cc, internal/reference/transpose_conv.h,
    internal/reference/integer_ops/transpose_conv.h.
    """

    types = (_FLOAT, _UINT8, _INT8, _INT16)
    typed_by = "input"
    flavours = ALL_FLAVOURS
    filter_types = {_FLOAT: (_FLOAT, _INT8), _UINT8: (_UINT8,), _INT8: (_INT8,), _INT16: (_INT8,)}
    options: TransposeConvOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps constant weights."""
        node.input("output_shape", rank=1, types=TensorType.INT32)
        input = node.input("input", rank=4)
        weights = node.input("weights", rank=4, types=self.filter_types[input.type])
        bias = node.optional("bias", types=BIAS_TYPES[input.type])
        options = self.options
        self.padding = options.padding
        out_channels, filter_height, filter_width, in_channels = weights.dims
        require_filled(node, input, weights)
        node.require(
            input.dims[3] == in_channels, "the input has {} channels, the weights have {}", input.dims[3], in_channels
        )
        check_bias(node, bias, out_channels)
        for stride in (options.stride_h, options.stride_w):
            node.require(stride <= 0x7FFF, "a stride is {}, at most 32767 is allowed", stride)
        shape = tuple(map(int, node.value("output_shape")))
        node.require(
            len(shape) == 4 and shape[0] == input.dims[0] and shape[3] == out_channels and min(shape[1:3]) > 0,
            "output_shape is {}, expected [{}, height, width, {}]",
            list(shape),
            input.dims[0],
            out_channels,
        )
        self.prepare_windows(
            node,
            input.dims[1:3],
            {
                "height": (shape[1], filter_height, options.stride_h, 1),
                "width": (shape[2], filter_width, options.stride_w, 1),
            },
            shape[0],
            out_channels,
        )
        self.output = node.output(shape, types=input.type)
        self.products = convolution_products(
            node,
            "transposed",
            input,
            weights,
            bias,
            self.output,
            channel_axis=0,
            delegable=node.input("output_shape").value is not None and fits_transposed(self.padding, self.windows),
            wide=adds_in_int64(node, input, bias),
            hybrid=lambda delegated: xnnpack() if delegated else transposed(),
        )
        self.constant = weights.value

    def __call__(
        self, output_shape: np.ndarray, weights: np.ndarray, input: np.ndarray, bias: np.ndarray | None = None
    ) -> np.ndarray:
        """The output."""
        return self.compute(input, weights, bias)


@custom("Convolution2DTransposeBias")
class Convolution2DTransposeBias(TransposedConvolution2D):
    """TRANSPOSE_CONV of floats in the form MediaPipe's models have it.

    input: [batch, in_height, in_width, in_channels]; filter: [out_channels, filter_height, filter_width, in_channels]
    bias: [out_channels] -> [batch, out_height, out_width, out_channels], all FLOAT32

    The options are the bytes of a C struct: padding (1 SAME, 2 VALID), stride_width, stride_height, int32 each. The
    output has the declared height and width if they fit the input, otherwise the input's times the strides.

    Raises InvalidModelError for options that are too short or out of range, strides below 1, empty images or filters.
    Semantics: LiteRT tflite/delegates/xnnpack/xnnpack_delegate.cc (VisitMediaPipeDeconvolutionNode); there is no
    other official kernel of this operator.
    """

    types = (_FLOAT,)
    flavours = ALL_FLAVOURS
    options: bytes

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps a constant filter."""
        input = node.input("input", rank=4)
        filter = node.input("filter", rank=4, types=_FLOAT)
        bias = node.input("bias", rank=1, types=_FLOAT)
        out_channels, filter_height, filter_width, in_channels = filter.dims
        require_filled(node, input, filter)
        node.require(
            input.dims[3] == in_channels, "the input has {} channels, the filter has {}", input.dims[3], in_channels
        )
        check_bias(node, bias, out_channels)
        node.require(len(self.options) >= 12, "the options have {} bytes, expected at least 12", len(self.options))
        padding, stride_width, stride_height = struct.unpack_from("<3i", self.options)
        node.require(padding in (1, 2), "padding is {}, expected 1 (SAME) or 2 (VALID)", padding)
        self.padding = Padding.SAME if padding == 1 else Padding.VALID
        declared = node.declared[0].shape or ()
        declared = declared if len(declared) == 4 else ()
        sizes = {
            axis: (
                self._out_size(axis, declared[at : at + 1], input.dims[at], filter_size, stride),
                filter_size,
                stride,
                1,
            )
            for axis, at, filter_size, stride in (
                ("height", 1, filter_height, stride_height),
                ("width", 2, filter_width, stride_width),
            )
        }
        self.prepare_windows(node, input.dims[1:3], sizes, input.dims[0], out_channels)
        shape = (input.dims[0], *(window.in_size for window in self.windows), out_channels)
        self.output = node.output(shape, types=_FLOAT)
        self.products = FloatProducts(None)
        self.constant = filter.value

    def _out_size(self, axis: str, declared: Shape, in_size: int, filter_size: int, stride: int) -> int:
        """The declared size if a window slides over it in_size times, otherwise the smallest or the usual one."""
        for size in declared:
            if Window.along(axis, self.padding, size, filter_size, stride).out_size == in_size:
                return size
        return in_size * stride if self.padding == Padding.SAME else (in_size - 1) * stride + filter_size

    def __call__(self, input: np.ndarray, filter: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """The output."""
        return self.compute(input, filter, bias)
