"""Fused blocks on the fast tier: expand (1 x 1) -> depthwise -> project (1 x 1) and what is added, of floats.

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

from litejit.kernels.jit.bands import tile_rows
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.convolution import float_clamp
from litejit.kernels.jit.layouts.fused import FUSED
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import pack_channels, pack_float_panels, panels_of
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.products import FloatProducts

__all__ = ["Block", "is_enabled"]

ROWS = 6
"""Of the tiles of matrix products."""

BAND_PIXELS = 112
"""Output pixels of a band: what lies between the convolutions stays in the second-level cache."""

SMALL_WIDTH = 20
"""Output images up to this width are not cut into bands."""


def is_enabled() -> bool:
    """Whether blocks are fused: LITEJIT_FUSION=off leaves operators apart."""
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

    def calls(self) -> list[Call] | None:
        """One or two calls; None if the operators have to stay apart."""
        parts = [part for part in (self.expand, self.depthwise, self.project) if part is not None]
        if not all(_is_of_floats(part) for part in parts) or not _fits(self.depthwise):
            return None
        plan = _Plan.of(self.depthwise)
        values = {**self._sizes(plan), **self._memory(plan), **self._packed()}
        own, shared = values["scratch_bytes"], values.pop("shared")
        kernel, filter = f"fused.float_{plan.width}x{plan.stride}_{plan.tile}", self.depthwise.input(1)
        work = self.depthwise.outputs[0].size * prod(filter.dims[1:3])
        work += 0 if self.expand is None else self.expand.outputs[0].size * self.input.dims[3]
        project_work = self.output.size * self.depthwise.outputs[0].dims[3]
        items = plan.images * values["pieces"] * values["chunk_groups"]
        if plan.in_bands:
            return [Call(kernel, FUSED, values, items, 1, own + shared, work + project_work)]
        rows = tile_rows(plan.out_pixels, (6, 5, 4))
        more = plan.images * values["pixel_pieces"] * values["panel_groups"]
        return [
            Call(kernel, FUSED, values, items, 1, own + shared, work),
            Call(f"fused.project_{rows}", FUSED, values, more, 1, own + shared, project_work),
        ]

    def _sizes(self, plan: _Plan) -> dict[str, Any]:
        """How the block is cut."""
        threads, chunks, panels = self.depthwise.threads, panels_of(plan.channels), panels_of(self.output.dims[3])
        pieces = 1 if threads == 1 or not plan.in_bands else min(2 * threads, -(-plan.out_height // plan.band_rows))
        piece_rows = -(-plan.out_height // pieces)
        groups = 1 if threads == 1 or plan.in_bands else chunks
        panel_groups = 1 if threads == 1 else panels
        return {
            "height": plan.height,
            "width": plan.columns,
            "channels": self.input.dims[3],
            "pieces": -(-plan.out_height // piece_rows),
            "piece_rows": piece_rows,
            "band_rows": min(plan.band_rows, piece_rows),
            "chunk_groups": groups,
            "group_chunks": -(-chunks // groups),
            "chunks": chunks,
            "top": plan.top,
            "left": plan.left,
            "right": plan.padded_width - plan.left - plan.columns,
            "out_height": plan.out_height,
            "out_width": plan.out_width,
            "taps_height": plan.taps_height,
            "stride_height": plan.stride_height,
            "projects": int(plan.in_bands),
            "pixel_pieces": 1,
            "piece_pixels": plan.out_pixels,
            "panel_groups": panel_groups,
            "group_panels": -(-panels // panel_groups),
            "panels": panels,
        }

    def _memory(self, plan: _Plan) -> dict[str, Any]:
        """Where everything lies."""
        chunks, pixel = panels_of(plan.channels), 4 * COLUMNS
        row_bytes = plan.padded_width * pixel
        ring_rows = (plan.band_rows - 1) * plan.stride_height + plan.taps_height
        ring_chunks = chunks if plan.in_bands else 1
        chunk_bytes = ring_rows * row_bytes
        y, x = np.divmod(np.arange(plan.height * plan.columns), plan.columns)
        places = (y + plan.top) % ring_rows * row_bytes + (plan.left + x) * pixel
        padded_rows = (plan.out_height - 1) * plan.stride_height + plan.taps_height
        pixels = (plan.band_rows if plan.in_bands else plan.out_height) * plan.out_width
        middle = pixels * pixel
        # Chunks a multiple of a page apart would fall on the same lines of the cache.
        middle += 64 if middle % 4096 == 0 else 0
        expanded = -(-ring_chunks * chunk_bytes // 64) * 64
        shared = 0 if plan.in_bands else plan.images * chunks * middle
        input, output = self.input, self.output
        return {
            "source": Tensor(input.index),
            "image_bytes": prod(input.dims[1:]) * 4,
            "pixel_bytes": input.dims[3] * 4,
            "row_bytes": row_bytes,
            "chunk_bytes": chunk_bytes if plan.in_bands else 0,
            "ring_rows": ring_rows,
            "ring_chunks": ring_chunks,
            "places": padded(places.astype(np.int32)),
            "rows": padded((np.arange(padded_rows) % ring_rows * row_bytes).astype(np.int32)),
            "middle": Scratch(expanded if plan.in_bands else 0),
            "middle_chunk_bytes": middle,
            "middle_image_bytes": 0 if plan.in_bands else chunks * middle,
            "middle_chunks": padded((np.arange(chunks) * middle).astype(np.int32)),
            "residual": 0 if self.residual is None else Tensor(self.residual.index),
            "out": Tensor(output.index),
            "out_channels": output.dims[3],
            "out_pitch": output.dims[3] * 4,
            "scratch": Scratch(shared),
            "scratch_bytes": expanded + SLACK + (chunks * middle if plan.in_bands else 0),
            "shared": shared,
        }

    def _packed(self) -> dict[str, Any]:
        """Weights, biases and clamps."""
        taps = self.depthwise.input(1).value
        assert taps is not None
        nothing = {"expand": 0, "expand_bytes": 0, "expand_stage": 0, "expand_low": 0.0, "expand_high": 0.0}
        added = (0.0, 0.0) if self.addition is None else _clamp(self.addition)
        return {
            **(nothing if self.expand is None else _panels(self.expand, "expand")),
            "expand_steps": 0 if self.expand is None else self.input.dims[3],
            "taps": padded(pack_channels(taps.reshape(-1, taps.shape[3]))),
            "taps_bytes": prod(taps.shape[1:3]) * 4 * COLUMNS,
            **_stage(self.depthwise, taps.shape[3], "taps"),
            **_panels(self.project, "project", panels_of(taps.shape[3]) * COLUMNS),
            "added_low": added[0],
            "added_high": added[1],
        }


@dataclass(frozen=True)
class _Plan:
    """Sizes of the depthwise convolution in the middle, and how it is cut. columns: width of the input."""

    images: int
    channels: int
    height: int
    columns: int
    top: int
    left: int
    padded_width: int
    taps_height: int
    width: int
    stride_height: int
    stride: int
    out_height: int
    out_width: int
    band_rows: int
    in_bands: bool
    tile: int

    @classmethod
    def of(cls, depthwise: Lowering) -> _Plan:
        """For a depthwise convolution."""
        (rows, columns), (images, *_, channels) = depthwise.windows, depthwise.outputs[0].dims
        in_bands = columns.out_size > SMALL_WIDTH
        reach = (columns.out_size - 1) * columns.stride + columns.extent
        return cls(
            images,
            channels,
            rows.in_size,
            columns.in_size,
            rows.before,
            columns.before,
            max(reach, columns.before + columns.in_size),
            rows.filter_size,
            columns.filter_size,
            rows.stride,
            columns.stride,
            rows.out_size,
            columns.out_size,
            -(-BAND_PIXELS // columns.out_size) if in_bands else rows.out_size,
            in_bands,
            7 if columns.out_size % 7 == 0 else 4,
        )

    @property
    def out_pixels(self) -> int:
        """Of an image."""
        return self.out_height * self.out_width


def _is_of_floats(part: Lowering) -> bool:
    filter = part.input(1)
    constant = filter.value is not None and part.constant_bias(2, filter.dims[0]) is not None
    return isinstance(part.kernel.products, FloatProducts) and constant and part.outputs[0].size > 0


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


def _stage(part: Lowering, channels: int, name: str) -> dict[str, Any]:
    bias = part.constant_bias(2, channels)
    assert bias is not None
    low, high = float_clamp(part.kernel.products.activation)
    stage = padded(pack_channels(bias.reshape(1, -1).astype(np.float32)))
    return {f"{name}_stage": stage, f"{name}_low": low, f"{name}_high": high}


def _panels(part: Lowering, name: str, depth: int = 0) -> dict[str, Any]:
    """Of a 1 x 1 convolution, its depth filled up with zeros."""
    filter = part.input(1).value
    assert filter is not None
    matrix = part.kernel.products.weights(filter).reshape(len(filter), -1).T
    whole = np.zeros((max(depth, len(matrix)), matrix.shape[1]), np.float32)
    whole[: len(matrix)] = matrix
    return {
        name: padded(pack_float_panels(whole)),
        f"{name}_bytes": len(whole) * 4 * COLUMNS,
        **_stage(part, matrix.shape[1], name),
    }
