"""CONV_2D as products of bands of images with filters: float32, and 8-bit with 8-bit or 4-bit weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, float_activation
from litejit.kernels.geometry import Window
from litejit.kernels.jit.bands import Geometry, cut
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.choosing import Illegal
from litejit.kernels.jit.float_rescaling import prove
from litejit.kernels.jit.inner_products import inner_sums, is_whole, pack_inner
from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.layouts.inner_products import PICKING, ROW_END, STEP
from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.layouts.splitting import QUAD, QUADS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import (
    PERMUTED,
    pack_float_panels,
    pack_float_stage,
    pack_int8_quads,
    pack_int16_panels,
    pack_stage,
    panels_of,
    sums_fit,
)
from litejit.kernels.jit.splitting import pack_split
from litejit.kernels.jit.target import has_feature
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.output_stage import OutputStage
from litejit.kernels.reference.products import FloatProducts, QuantizedProducts
from litejit.schema import ActivationFunctionType, TensorType

__all__ = [
    "INNER",
    "SPLIT",
    "Way",
    "direct",
    "float_clamp",
    "multiplies_bytes",
    "proved_stage_of_8_bit",
    "stage_of_8_bit",
]

BLOCK_BYTES = 24 << 10
"""Weights up to this size stay in the first-level cache: all of them are used on one tile of pixels before the next."""

MOST_APART = 0.25
"""Of the panels of an operator that is rescaled in floats, how many may keep the fixed-point formula."""

MOST_GROUPS = 16
"""Each group of channels copies the whole image."""


def float_clamp(activation: ActivationFunctionType | None) -> tuple[float, float]:
    """The bounds of a fused activation for floats."""
    if activation is None:
        return -np.inf, np.inf
    low, high = float_activation(activation, np.array([-np.inf, np.inf], np.float32))
    return float(low), float(high)


def direct(lowering: Lowering, way: Way | None = None) -> list[Call] | None:
    """One call for each group of channels. way: in place of the plain one; None where it cannot be gone."""
    kernel, filter = lowering.kernel, lowering.input(1)
    biases = lowering.constant_bias(2, filter.dims[0])
    if filter.value is None or biases is None or lowering.outputs[0].size == 0 or kernel.groups > MOST_GROUPS:
        return None
    weights = kernel.products.weights(filter.value)  # [out_channels, height, width, in_channels]
    calls = [
        convolution(lowering, part, bias_part, group, kernel.groups, way)
        for group, (part, bias_part) in enumerate(
            zip(np.split(weights, kernel.groups), np.split(biases, kernel.groups), strict=True)
        )
    ]
    return None if any(call is None for call in calls) else [call for call in calls if call is not None]


@dataclass(frozen=True)
class Way:
    """How products are computed. kernel: what the names of kernels begin with.

    element_bytes: of copied elements; step: elements of a row that are one, and the cycles that it takes; tiles: how
    many rows they may have. more: elements that a pixel has behind its own when it has been copied.
    """

    kernel: str
    element_bytes: int
    step: int
    tiles: tuple[int, ...] = (6, 5, 4)
    cycles: int = 1
    more: int = 0


_FLOATS, _PAIRS = Way("convolution.float", 4, 1), Way("convolution.int8", 2, 2)
_DOT, _BIASED = (Way(f"dot_products.{name}", 1, 4, (6, 4)) for name in ("int8", "biased"))
SPLIT = Way("split_products.uint8", 1, QUADS * QUAD, (4,), cycles=3)
"""With weights that are made for products in 16 bits."""
INNER = Way("inner_products.bytes", 2, STEP, (4,), cycles=2, more=ROW_END // 2)
"""With products of sums, of rows that are pixels."""


def _way(lowering: Lowering, weights: np.ndarray) -> Way:
    products, input = lowering.kernel.products, lowering.input(0)
    if isinstance(products, FloatProducts):
        return _FLOATS
    if _has_dot_products(products, input, weights):
        return _BIASED if has_feature("avx512vnni") else _DOT
    return _PAIRS


def convolution(
    lowering: Lowering,
    weights: np.ndarray,
    bias: np.ndarray,
    group: int = 0,
    groups: int = 1,
    given: Way | None = None,
) -> Call | None:
    """The call that computes one of the groups of channels."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    way = given or _way(lowering, weights)
    is_float = way is _FLOATS
    by_tap = groups > 1 or lowering.windows[1].dilation > 1
    geometry = Geometry.of(lowering.windows, input.dims[0], input.dims[3], way.element_bytes)
    columns, group_channels = weights.shape[0], weights.shape[3]
    panels = panels_of(columns)
    depth = group_channels * (1 if by_tap else geometry.taps[1])
    segments = geometry.segment_offsets(by_tap) + group * group_channels * geometry.element_bytes
    # [segments, depth, columns]
    matrix = weights.reshape(columns, len(segments), depth).transpose(1, 2, 0)
    if way is INNER:
        if not (geometry.is_by_pixel and groups == 1 and is_whole(matrix)):
            return None
        geometry = geometry.picked()
    packed = (
        _packed_float(kernel.products, matrix, bias)
        if is_float
        else stage_of_8_bit(kernel.products, matrix, bias, slice(group * columns, (group + 1) * columns))
    )
    if packed is None or (given is not None and packed["kind"] != "int8"):
        return None
    wide = packed.pop("kind") == "int8_wide"
    if not is_float:
        packed["weights"] = _packed_bytes(way, matrix, segments)
    if way is _BIASED:
        _take_off_bias(packed["stage"], 2 * 128 * matrix.sum((0, 1), dtype=np.int64))
    elif way is INNER:
        _take_off_bias(packed["stage"], inner_sums(matrix))
    panel_bytes = packed["weights"].nbytes // panels
    name, tiles = way.kernel, way.tiles
    if is_float and columns <= COLUMNS // 2:
        name, tiles = "convolution.float_few", (12, 8)
    elif wide:
        name, tiles = "convolution.int8_wide", (6,)
    steps = len(segments) * -(-depth // way.step) * way.cycles
    in_place = way.element_bytes == input.dtype.itemsize and not geometry.needs_padding
    copied = replace(geometry, channels=geometry.channels + way.more)
    highest = copied.band_rows(1)
    parts = cut(geometry, panels, panel_bytes, steps, lowering.threads, tiles, highest, copied=not in_place)
    rows, tile = parts.rows, parts.tile
    scratch = geometry.rows_below(rows) * geometry.padded_width * copied.channels * geometry.element_bytes
    item_bytes = output.dtype.itemsize
    values: dict[str, Any] = {
        "source": Tensor(input.index),
        "image_bytes": prod(input.dims[1:]) * input.dtype.itemsize,
        "height": geometry.in_size[0],
        "width": geometry.in_size[1],
        "channels": geometry.channels,
        "is_unsigned": int(input.type == TensorType.UINT8),
        "pad_value": 0 if is_float else input.zero_point,
        "top": geometry.pads[0],
        "left": geometry.pads[1],
        "padded_width": geometry.padded_width,
        "extent": geometry.extent,
        "direct": int(in_place),
        "band_rows": rows,
        "bands": parts.bands,
        "out_height": geometry.out_size[0],
        "out_width": geometry.out_size[1],
        "stride_height": geometry.strides[0],
        "panel_groups": parts.groups,
        "group_panels": parts.group_panels,
        "panels": panels,
        "pixels": copied.pixel_offsets(rows),
        "segments": padded(segments.astype(np.int32)),
        "segment_count": len(segments),
        "segment_steps": -(-depth // way.step),
        "block": tile if panels * panel_bytes <= BLOCK_BYTES else rows * geometry.out_size[1],
        "panel_bytes": panel_bytes,
        "out": Tensor(output.index, group * columns * item_bytes),
        "out_channels": columns,
        "out_pitch": output.dims[3] * item_bytes,
        "scratch": Scratch(),
        "scratch_bytes": 0 if in_place else -(-scratch // 64) * 64 + SLACK,
        **packed,
    }
    if way is INNER:
        values |= _steps(lowering.windows, input)
    return Call(
        f"{way.kernel if is_float and tile == 1 else name}_{tile}",
        PICKING if way is INNER else CONVOLUTION,
        values,
        items=geometry.images * parts.bands * parts.groups,
        scratch_bytes=values["scratch_bytes"],
        work=prod(output.dims[:3]) * weights.size,
    )


def _steps(windows: Sequence[Window], input: TensorSpec) -> dict[str, int]:
    """From pixel to pixel of an input of bytes; all follow one another where none is left out, rows of one pixel."""
    height, width = windows
    pixel = input.dims[3] * input.dtype.itemsize
    if all(window.in_size == window.out_size for window in windows):
        return {"row_step": pixel, "pixel_step": pixel}
    return {"row_step": height.stride * input.dims[2] * pixel, "pixel_step": width.stride * pixel}


def _packed_float(products: FloatProducts, matrix: np.ndarray, bias: np.ndarray) -> dict[str, Any]:
    low, high = float_clamp(products.activation)
    whole = np.zeros(panels_of(matrix.shape[2]) * COLUMNS, np.float32)
    whole[: bias.size] = bias
    return {
        "kind": "float",
        "weights": pack_float_panels(matrix.reshape(-1, matrix.shape[2])),
        "stage": padded(whole),
        "zero_point": 0,
        "low": low,
        "high": high,
    }


def multiplies_bytes() -> bool:
    """Whether the processor has an instruction for four products of bytes as they are."""
    return has_feature("dotprod") or has_feature("avx512vnni")


def _has_dot_products(products: Any, input: TensorSpec, weights: np.ndarray) -> bool:
    """Whether bytes are multiplied as they are: the processor can, and the weights are bytes."""
    return (
        multiplies_bytes()
        and input.type == TensorType.INT8
        and isinstance(products, QuantizedProducts)
        and isinstance(products.stage, OutputStage)
        and bool((products.stage.rescale.multiplier.exponent < 0).all())
        and -128 <= int(weights.min()) <= int(weights.max()) <= 127
    )


def _take_off_bias(stage: np.ndarray, excess: np.ndarray) -> None:
    """Starts sums, which are doubled, with [columns] less: of 128 in each element, of weights among themselves."""
    starts = stage.view(np.int32).reshape(-1, STAGE_BYTES // 4)[:, :COLUMNS]
    whole = np.zeros(starts.size, np.int64)
    whole[: excess.size] = excess
    starts[...] = (starts - whole.reshape(starts.shape)[:, PERMUTED]).astype(np.int32)


def _packed_bytes(way: Way, matrix: np.ndarray, segments: np.ndarray) -> np.ndarray:
    if way is _PAIRS:
        return pack_int16_panels(matrix)
    if way is INNER:
        return pack_inner(matrix)
    return pack_int8_quads(matrix) if way.step == QUAD else pack_split(matrix, segments)


def stage_of_8_bit(products: Any, matrix: np.ndarray, bias: np.ndarray, channels: slice) -> dict[str, Any] | None:
    """The output stage of products with a matrix [segments, depth, columns], the channels that it computes.

    None where 32-bit sums might overflow, or the arithmetic is another one.
    """
    if not isinstance(products, QuantizedProducts) or not isinstance(products.stage, OutputStage):
        return None
    stage = products.stage
    if stage.rescale.rounding != "double" or stage.dtype.itemsize != 1:
        return None
    multiplier = stage.rescale.multiplier
    if multiplier.mantissa.size > 1:
        multiplier = Multiplier(multiplier.mantissa[channels], multiplier.exponent[channels])
    # The copied input keeps its zero point; what that adds to the sums is taken off the bias.
    total = bias.astype(np.int64) - products.zero_point * matrix.sum((0, 1), dtype=np.int64)
    left = int(max(multiplier.exponent.max(initial=0), 0))
    raw_low, raw_high = products.low + products.zero_point, products.high + products.zero_point
    if left > 8 or not sums_fit(matrix, np.abs(total), raw_low, raw_high, left):
        return None
    packed_stage, wide = pack_stage(total, multiplier, matrix.shape[2])
    return {
        "kind": "int8_wide" if wide else "int8",
        "stage": packed_stage,
        "zero_point": stage.zero_point,
        "low": stage.low,
        "high": stage.high,
    }


def proved_stage_of_8_bit(
    products: Any, matrix: np.ndarray, bias: np.ndarray, never: bool = False
) -> dict[str, Any] | Illegal:
    """The output stage that rescales in floats, and the factors [columns] of the weights.

    Panels with columns that have not been proved to give the same results keep the fixed-point formula, and all of them
    where floats are never to be used. Illegal where too many would otherwise, or sums might overflow.
    """
    if not isinstance(products, QuantizedProducts) or not isinstance(products.stage, OutputStage):
        return Illegal("the products are not rescaled to 8 bits")
    stage, bias = products.stage, bias.astype(np.int64)
    if stage.rescale.rounding != "double" or stage.dtype.itemsize != 1:
        return Illegal("the rescaling is another one than that of 8 bits with two roundings")
    zero_point = stage.zero_point
    if stage.low < zero_point:
        return Illegal(f"results are clamped to {stage.low}, below their zero point {zero_point}")
    total, largest = matrix.sum((0, 1), dtype=np.int64), np.abs(matrix.astype(np.int16))
    absolute = largest.sum((0, 1), dtype=np.int64)
    positive, negative = (total + absolute) // 2, (total - absolute) // 2
    low, high = products.low, products.high
    ends = bias + np.stack([positive * low + negative * high, positive * high + negative * low])
    rooms = ((1 << 15) - 1) // np.maximum(largest.max((0, 1)).astype(np.int64), 1)
    found = prove(stage.rescale.multiplier, ends, stage.low - zero_point, stage.high - zero_point, rooms)
    if found is None:
        return Illegal("floats have not been proved for any channel")
    starts = found.starts + found.factors * (bias - products.zero_point * total)
    packed, factors = pack_float_stage(starts, found.scales), found.factors
    panel_of = np.arange(factors.size) // COLUMNS
    apart = np.bincount(panel_of, ~found.holds | never) > 0
    if apart.mean() > MOST_APART and not never:
        return Illegal(f"floats have been proved for {int(found.holds.sum())} of {factors.size} channels")
    if apart.any():
        formula = stage_of_8_bit(products, matrix, bias, slice(None))
        if formula is None:
            return Illegal("sums might overflow 32 bits")
        packed[apart] = formula["stage"][apart]
        factors = np.where(apart[panel_of], 2, factors)
    return {"stage": packed, "zero_point": zero_point, "low": stage.low, "high": stage.high, "factors": factors}
