"""Convolutions over images: CONV_2D, DEPTHWISE_CONV_2D.

An ordinary convolution is a matrix product of patches of the input with the filters; a depthwise one is a sum of
shifted images, each times one tap of the filter. Both work through the output in boxes that fit the cache, so that
memory stays bounded however large the image.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from litejit.kernels.geometry import boxes, sliding
from litejit.kernels.kernel import ALL_FLAVOURS
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.delegation import fits_depthwise
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix
from litejit.kernels.reference.hybrid_flavours import (
    HybridArithmetic,
    asymmetric,
    depthwise_blocks,
    filter_scale_first,
    product_of_scales,
    symmetric,
    xnnpack,
)
from litejit.kernels.reference.products import (
    BIAS_TYPES,
    adds_in_int64,
    check_bias,
    convolution_products,
    require_one_scale_if_int16,
)
from litejit.kernels.reference.sliding import Sliding, add_inside, image_windows, require_filled, require_padded
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, Conv2DOptions, DepthwiseConv2DOptions, TensorType

__all__ = ["Conv2D", "Convolution", "DepthwiseConv2D"]

_FLOAT, _UINT8, _INT8, _INT16, _INT4 = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT4,
)

PATCH_ELEMENTS = 1 << 19
"""Elements of the patches that are gathered for one matrix product."""

TAP_ELEMENTS = 1 << 16
"""Output elements that a depthwise convolution adds all taps to before it goes on."""


class Convolution(Sliding):
    """Base of convolutions that are matrix products of patches with filters, over any number of dimensions.

    groups: how many independent convolutions lie side by side in the channels.
    """

    groups: int

    def pack(self, filter: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """The filter as a matrix: [groups, taps * in_channels, out_channels of the group]."""
        raise TypeError(f"{type(self).__name__} must define pack")

    def __call__(self, input: np.ndarray, filter: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        """The output, box by box."""
        matrix = self.packed(filter)
        if self.leaves_margin_out(filter):
            return self._without_margin(input, matrix, bias)
        values, scale = self.products.inputs(input, matrix.dtype)
        patches = sliding(values, self.windows)
        spatial = 1 + len(self.windows)
        patches = patches.reshape(*patches.shape[:-1], self.groups, patches.shape[-1] // self.groups)
        patches = np.moveaxis(patches, -2, 0)
        depth, channels = prod(patches.shape[spatial + 1 :]), self.output.dims[-1]
        result = np.empty(self.output.dims, self.output.dtype)
        for box in boxes(self.output.dims[:-1], PATCH_ELEMENTS // max(depth * self.groups, channels)):
            part = result[box]
            rows = patches[(slice(None), *box)].reshape(self.groups, part.size // channels, depth)
            sums = np.moveaxis(matrix(rows), 0, 1).reshape(part.shape)
            part[...] = self.products.finish(sums, bias, None if scale is None else scale[box[: scale.ndim]])
        return result

    def _without_margin(self, input: np.ndarray, matrix: Any, bias: np.ndarray | None) -> np.ndarray:
        """The output of floats, tap by tap."""
        sizes = [window.filter_size for window in self.windows]
        weights = matrix.weights.reshape(self.groups, *sizes, input.shape[-1] // self.groups, -1)

        def product(x: np.ndarray, tap: tuple[int, ...]) -> np.ndarray:
            rows = x.reshape(x[..., 0].size, self.groups, -1).swapaxes(0, 1)
            return (rows @ weights[(slice(None), *tap)]).swapaxes(0, 1).reshape(*x.shape[:-1], -1)

        sums = np.zeros(self.output.dims, np.float32)
        add_inside(sums, input, self.windows, product)
        return self.products.finish(sums, bias, None)


@builtin(BuiltinOperator.CONV_2D, versions=(1, 8))
class Conv2D(Convolution):
    """Convolution of images, in groups where the filter has fewer channels than the input.

    input: [batch, in_height, in_width, in_channels]
    filter: [out_channels, filter_height, filter_width, in_channels / groups]; bias: [out_channels]
    -> [batch, out_height, out_width, out_channels], type of the input

    FLOAT32; UINT8; INT8 and INT16 with weights of 8 or 4 bits, which may have a scale for each out_channel. Integers:
    sums of (input - zero_point) * (filter - zero_point) + bias, rescaled by input scale * filter scale / output scale.
    FLOAT32 input with integer weights is quantized image by image, symmetrically if the filter has one scale, otherwise
    asymmetrically.

    Raises InvalidModelError for strides and dilations below 1, empty images or filters, channels that do not divide
    into groups, a bias or scales of another number than out_channels.
    Semantics: LiteRT tflite/kernels/conv.cc, internal/reference/conv.h, internal/reference/integer_ops/conv.h.
    """

    types = (_FLOAT, _UINT8, _INT8, _INT16)
    flavours = ALL_FLAVOURS
    filter_types = {
        _FLOAT: (_FLOAT, _INT8, _INT4, _UINT8),
        _UINT8: (_UINT8,),
        _INT8: (_INT8, _INT4),
        _INT16: (_INT8, _INT4, _INT16),
    }
    options: Conv2DOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps a constant filter."""
        input = node.input("input", rank=4)
        filter = node.input("filter", rank=4, types=self.filter_types[input.type])
        bias = node.input("bias", types=BIAS_TYPES[input.type])
        batch, in_height, in_width, in_channels = input.dims
        out_channels, filter_height, filter_width, group_channels = filter.dims
        require_filled(node, input, filter)
        node.require(
            in_channels % group_channels == 0,
            "the filter's {} channels do not divide the input's {}",
            group_channels,
            in_channels,
        )
        self.groups = in_channels // group_channels
        node.require(
            out_channels % self.groups == 0, "{} filters do not divide into {} groups", out_channels, self.groups
        )
        check_bias(node, bias, out_channels)
        self.windows = image_windows(self.options, (in_height, in_width), (filter_height, filter_width))
        require_padded(node, batch, self.windows, in_channels)
        shape = (batch, *(window.out_size for window in self.windows), out_channels)
        self.output = node.output(shape, types=input.type)
        if input.type in (_INT8, _INT16):
            node.require(not filter.quantized.zero_point.any(), "{} has zero points other than 0", filter)
            require_one_scale_if_int16(node, filter)
        self.products = convolution_products(
            node,
            "conv" if self.groups == 1 else "grouped",
            input,
            filter,
            bias,
            self.output,
            channel_axis=0,
            delegable=True,
            wide=adds_in_int64(node, input, bias),
            hybrid=lambda delegated: self.hybrid_arithmetic(filter, delegated),
        )
        self.constant = filter.value
        self.multiplies_margin = node.numerics == "xnnpack" or (node.numerics == "litert-opt" and self.groups == 1)

    def hybrid_arithmetic(self, filter: TensorSpec, delegated: bool) -> HybridArithmetic:
        """How float images meet integer filters; XNNPACK quantizes pixel by pixel if filters see only one."""
        if delegated:
            by_pixel = all(window.filter_size == window.stride == 1 for window in self.windows)
            return xnnpack(row_axes=3 if by_pixel else 1)
        if self.groups == 1 and np.unique(filter.quantized.scale).size == 1:
            return symmetric(product_of_scales)
        optimised = self.flavour in ("litert-opt", "xnnpack") and self.groups == 1
        return asymmetric(product_of_scales if optimised else filter_scale_first)

    def pack(self, filter: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """The filter with out_channels split into groups and turned to the end."""
        weights = self.products.weights(_bytes_if_int16(filter))
        return self.products.matrix(weights.reshape(self.groups, len(weights) // self.groups, -1).swapaxes(1, 2))


@builtin(BuiltinOperator.DEPTHWISE_CONV_2D, versions=(1, 7))
class DepthwiseConv2D(Sliding):
    """Convolution of each channel of images by itself, with one or several filters for each channel.

    input: [batch, in_height, in_width, in_channels]
    filter: [1, filter_height, filter_width, in_channels * depth_multiplier]; bias: [in_channels * depth_multiplier]
    -> [batch, out_height, out_width, in_channels * depth_multiplier], type of the input

    Types and arithmetic as for CONV_2D; FLOAT32 with integer weights is always quantized asymmetrically. The depth
    multiplier is what the shapes say, the option of that name is not looked at.

    Raises InvalidModelError for strides and dilations outside 1 .. 32767, empty images or filters, channels that do not
    divide those of the filter, a bias or scales of another number than there are output channels.
    Semantics: LiteRT tflite/kernels/depthwise_conv.cc, internal/reference/depthwiseconv_{float,uint8}.h,
    internal/reference/integer_ops/depthwise_conv.h.
    """

    types = (_FLOAT, _UINT8, _INT8, _INT16)
    flavours = ALL_FLAVOURS
    filter_types = {_FLOAT: (_FLOAT, _INT8), _UINT8: (_UINT8,), _INT8: (_INT8, _INT4), _INT16: (_INT8, _INT16)}
    options: DepthwiseConv2DOptions

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps a constant filter."""
        input = node.input("input", rank=4)
        filter = node.input("filter", rank=4, types=self.filter_types[input.type])
        bias = node.optional("bias", rank=1, types=TensorType.INT64 if input.type == _INT16 else BIAS_TYPES[input.type])
        batch, in_height, in_width, in_channels = input.dims
        filters, filter_height, filter_width, out_channels = filter.dims
        require_filled(node, input, filter)
        node.require(filters == 1, "the filter has {} as its first dimension, expected 1", filters)
        node.require(
            out_channels % in_channels == 0,
            "the input's {} channels do not divide the filter's {}",
            in_channels,
            out_channels,
        )
        check_bias(node, bias, out_channels)
        options = self.options
        for step in (options.stride_h, options.stride_w, options.dilation_h_factor, options.dilation_w_factor):
            node.require(step <= 0x7FFF, "a stride or dilation is {}, at most 32767 is allowed", step)
        self.windows = image_windows(options, (in_height, in_width), (filter_height, filter_width))
        require_padded(node, batch, self.windows, out_channels)
        shape = (batch, *(window.out_size for window in self.windows), out_channels)
        self.output = node.output(shape, types=input.type)
        self.depth_multiplier = out_channels // in_channels
        optimised = self.flavour in ("litert-opt", "xnnpack")
        require_one_scale_if_int16(node, filter)
        self.products = convolution_products(
            node,
            "depthwise",
            input,
            filter,
            bias,
            self.output,
            channel_axis=3,
            delegable=input.type != _FLOAT
            and bias is not None
            and fits_depthwise(out_channels, options.depth_multiplier),
            wide=input.type == _INT16,
            hybrid=lambda delegated: asymmetric(depthwise_blocks if optimised else product_of_scales),
        )
        self.constant = filter.value
        self.multiplies_margin = node.numerics == "xnnpack"

    def pack(self, filter: np.ndarray) -> np.ndarray:
        """The filter as [filter_height, filter_width, channels], in a type that sums are exact in."""
        weights = self.products.weights(_bytes_if_int16(filter))[0]
        return weights.astype(self.products.dtype(weights.reshape(-1, weights.shape[2])))

    def __call__(self, input: np.ndarray, filter: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        """The output, box by box and in each box tap by tap."""
        taps = self.packed(filter)
        values, scale = self.products.inputs(input, taps.dtype.type)
        if self.depth_multiplier > 1:
            values = np.repeat(values, self.depth_multiplier, axis=3)
        if self.leaves_margin_out(filter):
            sums = np.zeros(self.output.dims, np.float32)
            add_inside(sums, values, self.windows, lambda x, tap: x * taps[tap])
            return self.products.finish(sums, bias, None)
        patches = sliding(values, self.windows)
        result = np.empty(self.output.dims, self.output.dtype)
        for box in boxes(self.output.dims[:-1], TAP_ELEMENTS // taps.shape[2]):
            part = result[box]
            sums, product = np.zeros(part.shape, taps.dtype), np.empty(part.shape, taps.dtype)
            with np.errstate(all="ignore"):
                for tap in np.ndindex(taps.shape[:2]):
                    sums += np.multiply(patches[(*box, *tap)], taps[tap], out=product)
            part[...] = self.products.finish(sums, bias, None if scale is None else scale[box[: scale.ndim]])
        return result


def _bytes_if_int16(filter: np.ndarray) -> np.ndarray:
    """A filter as the official kernels read it: they take the bytes of INT16 ones, the first half of them, for INT8."""
    if filter.dtype != np.int16:
        return filter
    return filter.ravel().view(np.int8)[: filter.size].reshape(filter.shape)
