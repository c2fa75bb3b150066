"""CONV_2D of INT16 and of dynamic range, with any number of groups, and of floats and bytes in very many groups."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.bands import Geometry
from litejit.kernels.jit.call import Call, Scratch, Tensor
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.products import (
    ELEMENTS,
    INT16,
    Left,
    Out,
    Right,
    pitch_of,
    product,
    quantize_rows,
)
from litejit.kernels.jit.stages import (
    PackedStage,
    channels_of,
    float_stage,
    integer_stage,
    scaled_stage,
    without_still_columns,
)
from litejit.kernels.reference.convolution import Conv2D, _bytes_if_int16
from litejit.kernels.reference.products import FloatProducts, HybridProducts, QuantizedProducts
from litejit.schema import TensorType

__all__ = ["left_images", "stage_of"]

MOST_GROUPS = 64
"""Each group is a call."""


def left_images(lowering: Lowering, position: int, products: Any) -> tuple[list[Call], dict[str, Any], int]:
    """The images of an operand as rows of products: calls that make them ready, fields of `Left`, element bytes."""
    input = lowering.input(position)
    images, size = input.dims[0], prod(input.dims[1:])
    fields: dict[str, Any] = {}
    calls: list[Call] = []
    if isinstance(products, HybridProducts):
        symmetric = products.arithmetic.span == 127
        calls, fields["shared_bytes"], fields["scales"] = quantize_rows(Tensor(input.index), images, size, symmetric)
        fields |= {"source": Scratch(0), "element": INT16, "scale_image_bytes": 4}
        fields["image_offsets"] = np.arange(images) * pitch_of(size)
        return calls, fields, 2
    fields |= {"source": Tensor(input.index), "element": ELEMENTS[input.type]}
    fields["image_offsets"] = np.arange(images) * size * input.dtype.itemsize
    if input.type != TensorType.FLOAT32:
        fields["pad_value"] = input.zero_point
    return calls, fields, 4 if input.type == TensorType.FLOAT32 else 2


def stage_of(
    products: Any, activation: Any, matrix: np.ndarray, biases: np.ndarray | None, channels: slice
) -> PackedStage | None:
    """The output stage of channels of a convolution, products with a matrix [segments, depth, columns]."""
    columns = matrix.shape[2]
    if isinstance(products, FloatProducts):
        return float_stage(products.activation, biases, columns)
    if isinstance(products, HybridProducts):
        if (np.abs(matrix).sum((0, 1), dtype=np.int64) * products.arithmetic.span >= 1 << 31).any():
            return None
        return scaled_stage(channels_of(products, channels), activation, biases, columns, infinite=False)
    return integer_stage(channels_of(products, channels), matrix, 0 if biases is None else biases, centred=False)


@lowers(Conv2D)
def conv2d(lowering: Lowering) -> Sequence[Call] | None:
    """One call for each group of channels."""
    kernel, filter, output = lowering.kernel, lowering.input(1), lowering.outputs[0]
    bias = lowering.given(2)
    if filter.value is None or output.size == 0 or kernel.groups > MOST_GROUPS or bias is None or bias.value is None:
        return None
    products, groups = kernel.products, kernel.groups
    weights = products.weights(_bytes_if_int16(filter.value))  # [out_channels, height, width, in_channels]
    calls, fields, element_bytes = left_images(lowering, 0, products)
    input = lowering.input(0)
    by_pixel = not isinstance(products, HybridProducts)
    geometry = Geometry.of(kernel.windows, input.dims[0], input.dims[3], element_bytes, by_pixel)
    if geometry.images != input.dims[0]:
        fields["image_offsets"] = np.zeros(1, np.int64)
    by_tap = groups > 1 or kernel.windows[1].dilation > 1
    columns, group_channels = len(weights) // groups, weights.shape[3]
    depth = group_channels * (1 if by_tap else geometry.taps[1])
    pixel_bytes = output.dims[3] * output.dtype.itemsize
    row_bytes = geometry.out_size[1] * pixel_bytes
    calls = list(calls)
    for group in range(groups):
        own = slice(group * columns, (group + 1) * columns)
        matrix = weights[own].reshape(columns, -1, depth).transpose(1, 2, 0)
        if isinstance(products, QuantizedProducts):
            matrix = without_still_columns(channels_of(products, own), matrix, bias.value.ravel()[own])
        stage = stage_of(products, kernel.options.fused_activation_function, matrix, bias.value.ravel()[own], own)
        if stage is None:
            return None
        left = Left(geometry=geometry, by_tap=by_tap, first_channel=group * group_channels, **fields)
        offset = own.start * output.dtype.itemsize
        out = Out(Tensor(output.index, offset), geometry.out_size[0] * row_bytes, row_bytes, pixel_bytes)
        calls.append(product(left, Right(columns, depth, matrix), out, stage, lowering.threads))
    return calls
