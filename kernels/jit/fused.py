"""Fused blocks on the fast tier: expand (1 x 1) -> depthwise -> project (1 x 1), and of floats what is added.

Large images are cut into bands of rows, each computed from the input to the output by one thread before the next.
Small ones are computed in two calls, chunks of channels first and then columns of the projection, because rows that
bands have in common would have to be expanded twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.bands import BAND_BYTES, tile_rows
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.convolution import float_clamp
from litejit.kernels.jit.fused_packing import pack_bytes, pack_floats
from litejit.kernels.jit.layouts.fused import FUSED
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.node import TensorSpec
from litejit.schema import TensorType

__all__ = ["Block", "is_enabled"]

ROWS = 6
"""Of the tiles of matrix products."""

BAND_PIXELS = 112
"""Output pixels of a band: what lies between the convolutions stays in the second-level cache."""

SMALL_WIDTH = 20
"""Output images up to this width are not cut into bands."""


def is_enabled() -> bool:
    """Whether blocks are fused: LITEJIT_FUSION=off leaves operators apart, =always fuses where it does not pay, too."""
    return os.environ.get("LITEJIT_FUSION") != "off"


@dataclass(frozen=True, eq=False)
class Block:
    """Operators that are computed at once. expand: None if the depthwise convolution reads the input itself.

    residual: what is added to the projection, with the addition.
    """

    expand: Lowering | None
    depthwise: Lowering
    project: Lowering
    residual: TensorSpec | None = None
    addition: Lowering | None = None

    @property
    def input(self) -> TensorSpec:
        """The tensor that the block reads."""
        return (self.expand or self.depthwise).input(0)

    @property
    def output(self) -> TensorSpec:
        """The tensor that the block writes."""
        return (self.addition or self.project).outputs[0]

    @property
    def cut(self) -> _Cut:
        """How the block is cut."""
        pixel_bytes = COLUMNS * (2 if self.input.dtype.itemsize == 1 else 4)
        return _Cut.of(self.depthwise, pixel_bytes, self.expand is None)

    @property
    def is_worthwhile(self) -> bool:
        """Whether the block is quicker than its operators by themselves, as far as has been measured.

        Where channels do not become many more, little is gained, and nothing in small images; channels that fill up a
        chunk are for nothing.
        """
        cut = self.cut
        filled = cut.channels / (panels_of(cut.channels) * COLUMNS)
        if self.expand is not None:
            return filled >= 0.75 and cut.channels > 2 * self.input.dims[3]
        return cut.in_bands and filled == 1 and (cut.stride_height == 1 or self.input.dtype.itemsize == 1)

    @property
    def parts(self) -> list[Lowering]:
        """The convolutions."""
        return [part for part in (self.expand, self.depthwise, self.project) if part is not None]

    def calls(self) -> list[Call] | None:
        """One or two calls; None if the operators have to stay apart."""
        if not all(_is_constant(part) for part in self.parts) or not _fits(self.depthwise):
            return None
        if not self.is_worthwhile and os.environ.get("LITEJIT_FUSION") != "always":
            return None
        pack = {4: pack_floats, 1: pack_bytes}.get(self.input.dtype.itemsize)
        packed = None if pack is None else pack(self.expand, self.depthwise, self.project)
        if packed is None:
            return None
        cut = self.cut
        added = (0, 0) if self.addition is None else _clamp(self.addition)
        values = {
            **self._sizes(cut),
            **self._memory(cut, 4 if packed.numbers == "float" else 2),
            **packed.values,
            "residual": 0 if self.residual is None else Tensor(self.residual.index),
            "added_low": added[0],
            "added_high": added[1],
        }
        scratch = values.pop("shared") + values["scratch_bytes"]
        work = self.depthwise.outputs[0].size * prod(self.depthwise.input(1).dims[1:3])
        work += 0 if self.expand is None else self.expand.outputs[0].size * self.input.dims[3]
        project_work = self.output.size * self.depthwise.outputs[0].dims[3]
        shape = f"{cut.taps_width}x{cut.stride_width}_{cut.tile}"
        items = cut.images * values["pieces"] * values["chunk_groups"]
        if cut.in_bands:
            return [Call(f"fused.{packed.numbers}_{shape}", FUSED, values, items, 1, scratch, work + project_work)]
        rows = tile_rows(cut.height * cut.width, (6, 5))
        project = f"fused.{packed.numbers}_project_{tile_rows(cut.out_height * cut.out_width, (6, 5, 4))}"
        return [
            Call(f"fused.{packed.numbers}_chunks_{shape}_{rows}", FUSED, values, items, 1, scratch, work),
            Call(project, FUSED, values, cut.images * values["panel_groups"], 1, scratch, project_work),
        ]

    def _sizes(self, cut: _Cut) -> dict[str, Any]:
        """How the block is cut, for so many threads."""
        threads, chunks, panels = self.depthwise.threads, panels_of(cut.channels), panels_of(self.output.dims[3])
        pieces = 1 if threads == 1 or not cut.in_bands else min(2 * threads, -(-cut.out_height // cut.band_rows))
        piece_rows = -(-cut.out_height // pieces)
        groups = 1 if threads == 1 or cut.in_bands else min(chunks, 6 * threads)
        panel_groups = 1 if threads == 1 else panels
        return {
            "height": cut.height,
            "width": cut.width,
            "channels": self.input.dims[3],
            "is_unsigned": int(self.input.type == TensorType.UINT8),
            "pieces": -(-cut.out_height // piece_rows),
            "piece_rows": piece_rows,
            "band_rows": min(cut.band_rows, piece_rows),
            "group_chunks": -(-chunks // groups),
            "chunk_groups": -(-chunks // -(-chunks // groups)),
            "chunks": chunks,
            "top": cut.top,
            "left": cut.left,
            "right": cut.padded_width - cut.left - cut.width,
            "out_height": cut.out_height,
            "out_width": cut.out_width,
            "taps_height": cut.taps_height,
            "stride_height": cut.stride_height,
            "panel_groups": panel_groups,
            "group_panels": -(-panels // panel_groups),
            "panels": panels,
        }

    def _memory(self, cut: _Cut, element_bytes: int) -> dict[str, Any]:
        """Where everything lies; elements between the convolutions have so many bytes."""
        chunks, pixel, input, output = panels_of(cut.channels), element_bytes * COLUMNS, self.input, self.output
        row_bytes = cut.padded_width * pixel
        ring_rows = (cut.band_rows - 1) * cut.stride_height + cut.taps_height
        ring_chunks = chunks if cut.in_bands else 1
        y, x = np.divmod(np.arange(cut.height * cut.width), cut.width)
        places = (y + cut.top) % ring_rows * row_bytes + (cut.left + x) * pixel
        # One more: filter rows are taken in pairs.
        rows = np.arange((cut.out_height - 1) * cut.stride_height + cut.taps_height + 1) % ring_rows * row_bytes
        middle = (cut.band_rows if cut.in_bands else cut.out_height) * cut.out_width * pixel
        # Chunks a multiple of a page apart would fall on the same lines of the cache.
        middle += 64 if middle % 4096 == 0 else 0
        shared = 0 if cut.in_bands else _whole_lines(cut.images * chunks * middle)
        expanded = _whole_lines(ring_chunks * ring_rows * row_bytes)
        own = expanded + (_whole_lines(chunks * middle) if cut.in_bands else 0)
        widens = self.expand is not None and input.dtype.itemsize < element_bytes
        widened = min(ring_rows, cut.height) * cut.width * input.dims[3] * element_bytes if widens else 0
        return {
            "source": Tensor(input.index),
            "image_bytes": prod(input.dims[1:]) * input.dtype.itemsize,
            "pixel_bytes": input.dims[3] * input.dtype.itemsize,
            "row_bytes": row_bytes,
            "chunk_bytes": ring_rows * row_bytes if cut.in_bands else 0,
            "ring_rows": ring_rows,
            "ring_chunks": ring_chunks,
            "places": padded(places.astype(np.int32)),
            "rows": padded(rows.astype(np.int32)),
            "expand_pitch": input.dims[3] * element_bytes,
            "widened": Scratch(shared + own),
            "middle": Scratch(expanded if cut.in_bands else 0),
            "middle_chunk_bytes": middle,
            "middle_image_bytes": 0 if cut.in_bands else chunks * middle,
            "middle_chunks": padded((np.arange(chunks) * middle).astype(np.int32)),
            "out": Tensor(output.index),
            "out_channels": output.dims[3],
            "out_pitch": output.dims[3] * output.dtype.itemsize,
            "scratch": Scratch(shared),
            "scratch_bytes": own + _whole_lines(widened) + SLACK,
            "shared": shared,
        }


def _whole_lines(size: int) -> int:
    return -(-size // 64) * 64


@dataclass(frozen=True)
class _Cut:
    """Sizes of the depthwise convolution in the middle, and how it is cut. tile: its output pixels side by side."""

    images: int
    channels: int
    height: int
    width: int
    top: int
    left: int
    padded_width: int
    taps_height: int
    taps_width: int
    stride_height: int
    stride_width: int
    out_height: int
    out_width: int
    band_rows: int
    in_bands: bool
    tile: int

    @classmethod
    def of(cls, depthwise: Lowering, pixel_bytes: int, copies: bool) -> _Cut:
        """For a depthwise convolution; pixel_bytes: of a chunk. copies: nothing is expanded.

        Then operators by themselves would need no more scratch memory than a band of theirs, and neither does this.
        """
        (rows, columns), (images, *_, channels) = depthwise.windows, depthwise.outputs[0].dims
        in_bands = columns.out_size > SMALL_WIDTH
        padded_width = max((columns.out_size - 1) * columns.stride + columns.extent, columns.before + columns.in_size)
        band_rows = -(-BAND_PIXELS // columns.out_size) if in_bands else rows.out_size
        if copies and in_bands:
            pixels = BAND_BYTES // (panels_of(channels) * pixel_bytes) - (rows.extent - rows.stride) * padded_width
            band_rows = max(1, min(band_rows, pixels // (rows.stride * padded_width + columns.out_size)))
        return cls(
            images,
            channels,
            rows.in_size,
            columns.in_size,
            rows.before,
            columns.before,
            padded_width,
            rows.filter_size,
            columns.filter_size,
            rows.stride,
            columns.stride,
            rows.out_size,
            columns.out_size,
            band_rows,
            in_bands,
            7 if columns.out_size % 7 == 0 else 4,
        )


def _is_constant(part: Lowering) -> bool:
    filter, output = part.input(1), part.outputs[0]
    return filter.value is not None and part.constant_bias(2, output.dims[3]) is not None and output.size > 0


def _fits(depthwise: Lowering) -> bool:
    """Whether there are kernels for these windows, and tiles for images of this size."""
    rows, columns = depthwise.windows
    return (
        depthwise.kernel.depth_multiplier == 1
        and rows.dilation == columns.dilation == 1
        and columns.filter_size in (3, 5)
        and columns.stride in (1, 2)
        and columns.in_size >= ROWS
        and columns.out_size >= 4
        and rows.out_size * columns.out_size >= ROWS
    )


def _clamp(part: Lowering) -> tuple[float, float]:
    return float_clamp(part.kernel.options.fused_activation_function)
