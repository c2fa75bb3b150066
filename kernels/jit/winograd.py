"""CONV_2D with filters of 3 x 3 and stride 1 by Winograd's algorithm F(2 x 2, 3 x 3), see `native/winograd.py`.

Integers are exact: G g G' is taken four times, which makes integers of it; its sums over tiles B' d B then are four
times the outputs. A tile of 8-bit values reaches 4 * 128, a filter 9 * 255, both of which 16 bits hold; sums may wrap
round, as long as four times an output does not: that is proved here for every channel. Floats differ from the direct
algorithm by the rounding of the transforms, whose factors are 1/2 and 1; an infinite input makes not-a-numbers of the
outputs that see it, since it is taken off itself.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.choosing import Illegal
from litejit.kernels.jit.convolution import float_clamp, stage_of_8_bit
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.winograd import TILE_ROWS, WINOGRAD
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import pack_float_panels, pack_int16_panels, panels_of, sums_fit
from litejit.kernels.reference.products import FloatProducts
from litejit.schema import TensorType

__all__ = ["winograd2"]

BLOCK_BYTES = 320 << 10
"""Of the transformed tiles of a block and of their sums: they stay in the second-level cache."""

G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
"""Twice the G of the algorithm."""


def winograd2(lowering: Lowering) -> list[Call] | Illegal:
    """One call; illegal where the convolution is another one, or sums might not fit."""
    operands = _operands(lowering)
    if isinstance(operands, Illegal):
        return operands
    products = lowering.kernel.products
    if isinstance(products, FloatProducts):
        packed: dict[str, Any] | Illegal = _packed_floats(products, *operands)
    else:
        packed = _packed_bytes(lowering, *operands)
    return packed if isinstance(packed, Illegal) else [_call(lowering, packed)]


def _operands(lowering: Lowering) -> tuple[np.ndarray, np.ndarray] | Illegal:
    """[out_channels, 3, 3, in_channels] weights and [out_channels] bias of a convolution of the right kind."""
    kernel, filter = lowering.kernel, lowering.input(1)
    windows = [(window.filter_size, window.stride, window.dilation) for window in lowering.windows]
    if any(window != (3, 1, 1) for window in windows):
        return Illegal("the filter is not 3 x 3 with stride 1")
    if kernel.groups > 1:
        return Illegal(f"{kernel.groups} groups of channels")
    bias = lowering.constant_bias(2, filter.dims[0])
    if filter.value is None or bias is None:
        return Illegal("weights or biases are known at run time only")
    if lowering.outputs[0].size == 0:
        return Illegal("the output is empty")
    return kernel.products.weights(filter.value), bias


def _transformed(weights: np.ndarray) -> np.ndarray:
    """4 G g G': [out_channels, 3, 3, in_channels] -> [16, in_channels, out_channels]."""
    squares = np.einsum("iy,nyxc,jx->ijcn", G.astype(weights.dtype), weights, G.astype(weights.dtype))
    return squares.reshape(16, weights.shape[3], weights.shape[0])


def _packed_floats(products: FloatProducts, weights: np.ndarray, bias: np.ndarray) -> dict[str, Any]:
    positions = _transformed(weights.astype(np.float64)) / 4
    panels = np.stack([pack_float_panels(matrix.astype(np.float32)) for matrix in positions], axis=1)
    low, high = float_clamp(products.activation)
    whole = np.zeros(panels_of(bias.size) * COLUMNS, np.float32)
    whole[: bias.size] = bias
    slots = {"zero_point": 0, "low": low, "high": high, "steps": weights.shape[3]}
    return {"kind": "float", "weights": padded(panels), "stage": padded(whole), **slots}


def _packed_bytes(lowering: Lowering, weights: np.ndarray, bias: np.ndarray) -> dict[str, Any] | Illegal:
    products, input = lowering.kernel.products, lowering.input(0)
    matrix = weights.reshape(len(weights), 9, -1).transpose(1, 2, 0)
    # Unsigned bytes are taken less 128.
    less = 128 if input.type == TensorType.UINT8 else 0
    stage = stage_of_8_bit(
        products, matrix, bias.astype(np.int64) + less * matrix.sum((0, 1), dtype=np.int64), slice(None)
    )
    if stage is None or stage.pop("kind") != "int8":
        return Illegal("the arithmetic is another one, sums may leave 32 bits, or a factor is 1/2 or more")
    if not sums_fit(matrix, np.zeros(len(weights)), -128, 127, 1):
        return Illegal("four times a sum may leave 32 bits")
    positions = _transformed(weights.astype(np.int64))
    return {"kind": "int8", "weights": pack_int16_panels(positions, 1), "steps": -(-weights.shape[3] // 2), **stage}


def _call(lowering: Lowering, packed: dict[str, Any]) -> Call:
    input, output, kind = lowering.input(0), lowering.outputs[0], packed.pop("kind")
    item_bytes, lanes = (4, 8) if kind == "float" else (1, 16)
    (images, height, width, channels), columns = output.dims[:1] + input.dims[1:], output.dims[3]
    across, tiles = -(-output.dims[2] // 2), -(-output.dims[1] // 2) * -(-output.dims[2] // 2)
    row_bytes = -(-channels // lanes) * 32
    fitting = max(1, BLOCK_BYTES // (16 * (row_bytes + 64)) // TILE_ROWS)
    pieces = 1 if lowering.threads == 1 else -(-3 * lowering.threads // images)
    blocks = max(-(-tiles // (fitting * TILE_ROWS)), min(pieces, -(-tiles // TILE_ROWS)))
    block_tiles = -(-tiles // (blocks * TILE_ROWS)) * TILE_ROWS
    # A cache line between positions keeps them from sharing places in the caches.
    plane_bytes, sum_bytes = block_tiles * row_bytes + 64, block_tiles * 64 + 64
    sums = 16 * plane_bytes
    border = sums + 16 * sum_bytes
    outside = border + -(-16 * channels * item_bytes // 64) * 64 + SLACK
    panels = panels_of(columns)
    values = {
        "source": Tensor(input.index),
        "image_bytes": prod(input.dims[1:]) * item_bytes,
        "height": height,
        "width": width,
        "channels": channels,
        "flip": 128 if input.type == TensorType.UINT8 else 0,
        "pad_value": 0 if kind == "float" else input.zero_point,
        "top": lowering.windows[0].before,
        "left": lowering.windows[1].before,
        "across": across,
        "tiles": tiles,
        "block_tiles": block_tiles,
        "blocks": -(-tiles // block_tiles),
        "row_bytes": row_bytes,
        "plane_bytes": plane_bytes,
        "sum_bytes": sum_bytes,
        "position_bytes": packed["weights"].nbytes // panels // 16,
        "panel_bytes": packed["weights"].nbytes // panels,
        "panels": panels,
        "out": Tensor(output.index),
        "out_height": output.dims[1],
        "out_width": output.dims[2],
        "out_channels": columns,
        "scratch": Scratch(),
        "scratch_bytes": outside + 2 * SLACK,
        "sums": sums,
        "border": border,
        "outside": outside,
        **packed,
    }
    items = images * values["blocks"]
    work = prod(output.dims) * channels * 9
    return Call(f"winograd.{kind}", WINOGRAD, values, items=items, scratch_bytes=values["scratch_bytes"], work=work)
