"""DEPTHWISE_CONV_2D on the fast tier: float32 with one filter for each channel, and 8-bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.bands import Geometry, last_rows
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.choosing import Illegal
from litejit.kernels.jit.convolution import convolution, float_clamp, proved_stage_of_8_bit, stage_of_8_bit
from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.sliding import BYTE_PIXELS, SLIDE_PIXELS, SLIDE_STRIDES, SLIDE_TAPS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import pack_channels, panels_of
from litejit.kernels.reference.products import FloatProducts
from litejit.schema import TensorType

__all__ = ["TAP", "direct", "fixed", "paired_taps", "proved"]

TAP = 3
"""Multiply-adds of a matrix product that take as long as one of a depthwise convolution, which loads more for each."""


def direct(lowering: Lowering) -> list[Call] | Illegal:
    """One call, of floats, or of an image with one channel: all filters see it, as those of any convolution do."""
    operands = _operands(lowering)
    if isinstance(operands, Illegal):
        return operands
    taps, biases = operands
    if lowering.input(0).dims[3] == 1:
        call = convolution(lowering, np.moveaxis(taps, 2, 0)[..., None], biases)
        if call is not None:
            return [call]
    if isinstance(lowering.kernel.products, FloatProducts):
        return _float(lowering, taps, biases)
    return Illegal("several channels of bytes, whose sums are rescaled")


def proved(lowering: Lowering) -> list[Call] | Illegal:
    """One call, of bytes that are rescaled in floats, in panels that have been proved to give the same results."""
    operands = _operands(lowering)
    if isinstance(operands, Illegal):
        return operands
    taps, biases = operands
    stage = proved_stage_of_8_bit(lowering.kernel.products, taps.reshape(1, -1, taps.shape[2]), biases)
    if isinstance(stage, Illegal):
        return stage
    return _int8(lowering, taps, "int8_proved", stage.pop("factors"), stage)


def fixed(lowering: Lowering) -> list[Call] | Illegal:
    """One call, of bytes that are rescaled by the fixed-point formula."""
    operands = _operands(lowering)
    if isinstance(operands, Illegal):
        return operands
    taps, biases = operands
    stage = stage_of_8_bit(lowering.kernel.products, taps.reshape(1, -1, taps.shape[2]), biases, slice(None))
    if stage is None:
        return Illegal("types that have no compiled code, or sums that might overflow 32 bits")
    return _int8(lowering, taps, stage.pop("kind"), 2, stage)


def _operands(lowering: Lowering) -> tuple[np.ndarray, np.ndarray] | Illegal:
    """The filters [height, width, channels] and the biases."""
    filter, output = lowering.input(1), lowering.outputs[0]
    biases = lowering.constant_bias(2, output.dims[3])
    if filter.value is None or biases is None or output.size == 0:
        return Illegal("filters or biases that are no constants, or no output")
    return lowering.kernel.products.weights(filter.value)[0], biases


def _float(lowering: Lowering, taps: np.ndarray, bias: np.ndarray) -> list[Call]:
    kernel, input = lowering.kernel, lowering.input(0)
    channels, panels = taps.shape[2], panels_of(taps.shape[2])
    whole = Geometry.of(lowering.windows, input.dims[0], channels, 4, by_pixel=False)
    repeats = channels // input.dims[3]
    slide = _slide(whole, SLIDE_PIXELS) if repeats == 1 else None
    in_place = slide is not None or (not whole.needs_padding and repeats == 1)
    bands = _Bands(whole, panels) if in_place else _Bands.of(lowering, 4, panels)
    geometry = bands.geometry
    rows = geometry.shared_rows(lowering.threads, bands.groups)
    low, high = float_clamp(kernel.products.activation)
    fewest = last_rows(geometry.out_size[0], rows) * geometry.out_size[1]
    copied = geometry.rows_below(rows) * geometry.padded_width * geometry.channels * 4
    values = {
        **_common(lowering, bands, rows, COLUMNS * 4 if slide else 0 if in_place else copied),
        "pad_value": 0,
        "direct": int(in_place),
        "pixels": geometry.pixel_offsets(rows),
        "segments": geometry.segment_offsets(by_tap=True),
        "segment_count": prod(geometry.taps),
        "segment_steps": geometry.dilations[0],
        "weights": padded(pack_channels(taps.reshape(-1, channels).astype(np.float32))),
        "panel_bytes": prod(geometry.taps) * 64,
        "stage": padded(pack_channels(bias.reshape(1, -1).astype(np.float32))),
        "zero_point": 0,
        "low": low,
        "high": high,
    }
    name = f"{'float' if repeats == 1 else 'repeated'}_{slide or (4 if fewest >= 4 else 1)}"
    return [_call(f"depthwise.{name}", lowering, bands, values, taps)]


def _int8(
    lowering: Lowering, taps: np.ndarray, kind: str, factors: int | np.ndarray, stage: dict[str, Any]
) -> list[Call]:
    kernel, input = lowering.kernel, lowering.input(0)
    panels = panels_of(taps.shape[2])
    if kernel.depth_multiplier == 1:
        bands = _Bands.of(lowering, 2, panels)
    else:
        channels = panels * COLUMNS
        bands = _Bands(Geometry.of(lowering.windows, input.dims[0], channels, 2, by_pixel=False), panels)
    geometry = bands.geometry
    pixel_bytes = bands.group_panels * COLUMNS * 4
    pair_pitch = geometry.padded_width * pixel_bytes
    rows = geometry.shared_rows(lowering.threads, bands.groups)
    offsets, weights = paired_taps(taps, geometry, pair_pitch, pixel_bytes, factors)
    columns = np.arange(geometry.out_size[1]) * geometry.strides[1] * pixel_bytes
    scratch = (geometry.rows_below(rows) + 1) // 2 * pair_pitch
    values = {
        **_common(lowering, bands, rows, scratch),
        "pad_value": input.zero_point,
        "direct": 0,
        "pixels": padded(columns.astype(np.int32)),
        "segments": padded(offsets),
        "segment_count": offsets.shape[1],
        "weights": padded(weights),
        "panel_bytes": offsets.shape[1] * 64,
        **stage,
    }
    slide = _slide(geometry, BYTE_PIXELS) if kind != "int8_wide" else None
    tile = slide or ("4" if geometry.out_size[1] >= 4 else "1")
    return [_call(f"depthwise.{kind}_{tile}", lowering, bands, values, taps)]


def _slide(geometry: Geometry, choices: Sequence[int]) -> str | None:
    """The tile of pixels of a row over which the filter slides, with the least waste; None if there is none."""
    width, taps, stride = geometry.out_size[1], geometry.taps[1], geometry.strides[1]
    fitting = [pixels for pixels in choices if pixels <= width]
    if not fitting or geometry.dilations[1] > 1 or taps not in SLIDE_TAPS or stride not in SLIDE_STRIDES:
        return None
    # Loads of weights and what follows the sums cost a tile about as much as one and a half pixels.
    pixels = min(fitting, key=lambda pixels: -(-width // pixels) * (pixels + 1.5))
    return f"{pixels}_{taps}s{stride}"


@dataclass(frozen=True)
class _Bands:
    """The channels of an image in groups of so many panels, each group cut into bands. geometry: of a group."""

    geometry: Geometry
    group_panels: int
    groups: int = 1

    @classmethod
    def of(cls, lowering: Lowering, element_bytes: int, panels: int) -> _Bands:
        """The groups that copy the least: few channels make high bands, which have few rows in common."""

        def copied(grouped: _Bands) -> float:
            geometry, rows = grouped.geometry, grouped.geometry.band_rows(1)
            # Narrow groups are copied and written in short pieces, which costs a sixth more for a single panel.
            return geometry.rows_below(rows) / (rows * geometry.strides[0]) + 1 / (6 * grouped.group_panels)

        images = lowering.input(0).dims[0]
        choices = []
        for groups in range(1, panels + 1):
            group_panels = -(-panels // groups)
            geometry = Geometry.of(lowering.windows, images, group_panels * COLUMNS, element_bytes, by_pixel=False)
            choices.append(cls(geometry, group_panels, -(-panels // group_panels)))
        return min(choices, key=copied)


def paired_taps(
    taps: np.ndarray, geometry: Geometry, pair_pitch: int, pixel_bytes: int, factor: int | np.ndarray = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The taps for windows that begin at the first and at the second row of a pair.

    Offsets in bytes [2, taps]; weights [2, panels, taps, 16, 2] int16 of the first and the second row, times a factor,
    or one for each channel.
    """
    tables: list[dict[tuple[int, int], np.ndarray]] = []
    for odd in range(2):
        table: dict[tuple[int, int], np.ndarray] = {}
        for y, x in np.ndindex(taps.shape[:2]):
            pair, slot = divmod(odd + y * geometry.dilations[0], 2)
            both = table.setdefault((pair, x), np.zeros((taps.shape[2], 2), np.int16))
            both[:, slot] = factor * taps[y, x]
        tables.append(table)
    count = max(map(len, tables))
    offsets, weights = np.zeros((2, count), np.int32), np.zeros((2, count, taps.shape[2], 2), np.int16)
    for odd, table in enumerate(tables):
        for at, ((pair, x), both) in enumerate(table.items()):
            offsets[odd, at] = pair * pair_pitch + x * geometry.dilations[1] * pixel_bytes
            weights[odd, at] = both
    packed = [np.stack([pack_channels(part[..., slot], permuted=True) for slot in range(2)], -1) for part in weights]
    return offsets, np.stack(packed)


def _common(lowering: Lowering, bands: _Bands, rows: int, scratch: int) -> dict[str, Any]:
    input, output, geometry = lowering.input(0), lowering.outputs[0], bands.geometry
    return {
        "source": Tensor(input.index),
        "image_bytes": prod(input.dims[1:]) * input.dtype.itemsize,
        "height": geometry.in_size[0],
        "width": geometry.in_size[1],
        "channels": input.dims[3],
        "is_unsigned": int(input.type == TensorType.UINT8),
        "top": geometry.pads[0],
        "left": geometry.pads[1],
        "padded_width": geometry.padded_width,
        "extent": geometry.extent,
        "band_rows": rows,
        "bands": -(-geometry.out_size[0] // rows),
        "out_height": geometry.out_size[0],
        "out_width": geometry.out_size[1],
        "stride_height": geometry.strides[0],
        "panel_groups": bands.groups,
        "group_panels": bands.group_panels,
        "panels": panels_of(output.dims[3]),
        "segment_steps": 0,
        "block": 0,
        "out": Tensor(output.index),
        "out_channels": output.dims[3],
        "out_pitch": output.dims[3] * output.dtype.itemsize,
        "scratch": Scratch(),
        "scratch_bytes": -(-scratch // 64) * 64 + SLACK,
    }


def _call(kernel: str, lowering: Lowering, bands: _Bands, values: dict[str, Any], taps: np.ndarray) -> Call:
    items = bands.geometry.images * values["bands"] * bands.groups
    work = TAP * lowering.outputs[0].size * prod(taps.shape[:2])
    return Call(kernel, CONVOLUTION, values, items=items, scratch_bytes=values["scratch_bytes"], work=work)
