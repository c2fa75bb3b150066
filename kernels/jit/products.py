"""Calls of `native.products`: what matrix products of every operator have in common, and convolutions of INT16 and of
dynamic range.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.bands import Geometry, cut
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.convolution import BLOCK_BYTES
from litejit.kernels.jit.layouts.products import PRODUCT, QUANTIZE
from litejit.kernels.jit.packing import pack_float_panels, panels_of
from litejit.kernels.jit.stages import PackedStage, pack_pairs, wide_segments
from litejit.schema import TensorType

__all__ = ["Left", "Right", "matrix_rows", "pitch_of", "product", "quantize_rows"]

CHUNK = 1 << 14
"""Floats of a row that are quantized at a time."""

INT16, FLOAT = 0, 3
ELEMENTS = {TensorType.INT16: INT16, TensorType.INT8: 1, TensorType.UINT8: 2, TensorType.FLOAT32: FLOAT}
"""How kernels know the types of the left matrix."""


@dataclass(frozen=True, eq=False)
class Left:
    """The left matrix: images, whose pixels and taps are rows. image_offsets: in bytes, of each image.

    shared_bytes: of scratch memory that is in use by all threads. scales: of rows; bytes from image to image and from
    pixel to pixel. by_tap: whether a segment is a tap, else a row of the filter. planes: offsets at which the segments
    come again.
    """

    source: Tensor | Scratch
    geometry: Geometry
    image_offsets: np.ndarray
    element: int = 0
    pad_value: int = 0
    shared_bytes: int = 0
    scales: Tensor | Scratch | None = None
    scale_image_bytes: int = 0
    scale_pixel_bytes: int = 0
    by_tap: bool = False
    first_channel: int = 0
    needs_copy: bool = False
    planes: np.ndarray | None = None

    @property
    def direct(self) -> bool:
        """Whether rows are read where they are."""
        return self.element in (INT16, FLOAT) and not self.geometry.needs_padding and not self.needs_copy


@dataclass(frozen=True, eq=False)
class Right:
    """The right matrix, packed: where it is, of how many columns; offsets for each image.

    matrix: [segments, depth, columns], if it is constant.
    """

    columns: int
    depth: int
    matrix: np.ndarray | None = None
    source: Scratch | None = None
    panel_bytes: int = 0
    image_offsets: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Out:
    """Where results go; bytes between images, rows and pixels."""

    target: Tensor | Scratch
    image_bytes: int
    row_bytes: int
    pixel_bytes: int


def pitch_of(size: int) -> int:
    """Bytes from one row of int16 to the next in scratch memory."""
    return -(-size // 32) * 64


def rounded(size: int) -> int:
    """Bytes up to a multiple of 64."""
    return -(-size // 64) * 64


def matrix_rows(rows: int, pitch: int, element_bytes: int = 2) -> Geometry:
    """The geometry of rows of a matrix, `pitch` bytes apart."""
    return Geometry(
        1, (rows, 1), (rows, 1), (0, 0), 1, (1, 1), (1, 1), (1, 1), pitch // element_bytes, element_bytes, False
    )


def quantize_rows(
    source: Tensor | Scratch, rows: int, size: int, symmetric: bool, at: int = 0, together: int = 0
) -> tuple[list[Call], int, Scratch]:
    """Calls that put rows of floats, quantized, into the scratch memory from `at` on, and where their scales are.

    Also where in it all of this ends. Rows are pitch_of(size) apart.
    together: rows that are zeros where they are counted as such, see `litejit.kernels.reference.hybrid`; 0: none is.
    """
    chunks = max(1, -(-size // CHUNK))
    chunk = -(-size // chunks)
    chunk += -chunk % 16
    chunks = max(1, -(-size // chunk))
    scales = at + rows * pitch_of(size) + 64
    extremes = rounded(scales + 4 * rows + SLACK)
    shared = rounded(extremes + 12 * rows * chunks + SLACK)
    values = {
        "source": source,
        "size": size,
        "chunk": chunk,
        "chunks": chunks,
        "symmetric": int(symmetric),
        "together": together,
        "extremes": Scratch(extremes),
        "values": Scratch(at),
        "pitch": pitch_of(size),
        "scales": Scratch(scales),
    }
    grain = max(1, 2048 // max(1, chunk))
    calls = [
        Call(f"quantizing.{name}", QUANTIZE, values, rows * chunks, grain, scratch_bytes=shared, work=rows * size // 4)
        for name in ("extremes", "quantize")
    ]
    return calls, shared, Scratch(scales)


def product(left: Left, right: Right, out: Out, stage: PackedStage, threads: int) -> Call:
    """The call that computes out = stage(left x right)."""
    geometry = left.geometry
    segments = geometry.segment_offsets(left.by_tap) + left.first_channel * geometry.element_bytes
    if left.planes is not None:
        segments = np.add.outer(left.planes, segments).ravel()
    matrix, depth = right.matrix, right.depth
    if stage.wide and matrix is not None:
        matrix, segments = wide_segments(matrix, segments, 2, 1 << 15)
        depth = matrix.shape[1]
    panels = panels_of(right.columns)
    is_float = stage.kind == "float"
    tiles = (4,) if stage.wide else (6, 4)
    steps = len(segments) * (depth if is_float else -(-depth // 2))
    highest = geometry.out_size[0] if left.direct else geometry.band_rows(1)
    # The panels of a group must be as many as are computed at once, which are several for single rows.
    at_least = 4 if panels >= 4 and not stage.wide and prod(geometry.out_size) < 4 else 1
    parts = cut(geometry, panels, 64 * steps, steps, threads, tiles, highest, copied=not left.direct, at_least=at_least)
    rows, tile = parts.rows, parts.tile
    at_once = 4 if tile == 1 and parts.group_panels >= 4 and not stage.wide else 1
    narrow = tile == 1 and not is_float and not stage.wide and stage.factor == 1
    narrow = narrow and matrix is not None and bool(matrix.min() >= -128 and matrix.max() <= 127)
    weights: Any = right.source
    panel_bytes = right.panel_bytes
    if matrix is not None:
        weights = (
            pack_float_panels(matrix.reshape(-1, right.columns))
            if is_float
            else pack_pairs(matrix, stage.factor, narrow)
        )
        panel_bytes = weights.nbytes // panels
    copied = geometry.rows_below(rows) * geometry.padded_width * geometry.channels * geometry.element_bytes
    pixels = geometry.pixel_offsets(rows)
    targets = np.add.outer(np.arange(rows) * out.row_bytes, np.arange(geometry.out_size[1]) * out.pixel_bytes)
    own = 0 if left.direct else rounded(copied + SLACK)
    nothing = padded(np.zeros(16, np.float32))
    offsets = right.image_offsets if right.image_offsets is not None else np.zeros(geometry.images, np.int64)
    values = {
        "source": left.source,
        "images": padded(left.image_offsets.astype(np.int64)),
        "height": geometry.in_size[0],
        "width": geometry.in_size[1],
        "channels": geometry.channels,
        "element": left.element,
        "pad_value": left.pad_value,
        "top": geometry.pads[0],
        "left": geometry.pads[1],
        "padded_width": geometry.padded_width,
        "extent": geometry.extent,
        "direct": int(left.direct),
        "band_rows": rows,
        "bands": parts.bands,
        "out_height": geometry.out_size[0],
        "out_width": geometry.out_size[1],
        "stride_height": geometry.strides[0],
        "panel_groups": parts.groups,
        "group_panels": parts.group_panels,
        "panels": panels,
        "pixels": pixels,
        "segments": padded(segments.astype(np.int32)),
        "segment_count": len(segments),
        "segment_steps": depth if is_float else -(-depth // 2),
        "block": tile if panels * panel_bytes <= BLOCK_BYTES else rows * geometry.out_size[1],
        "targets": padded(targets.ravel().astype(np.int32)),
        "out_image_bytes": out.image_bytes,
        "out_row_bytes": out.row_bytes,
        "weights": weights,
        "weight_images": padded(offsets.astype(np.int64)),
        "panel_bytes": panel_bytes,
        "stage": stage.data,
        "out": out.target,
        "out_channels": right.columns,
        "zero_point": stage.zero_point,
        "low": stage.low,
        "high": stage.high,
        "scales": nothing if left.scales is None else left.scales,
        "scale_image_bytes": left.scale_image_bytes,
        "scale_pixel_bytes": left.scale_pixel_bytes,
        "scratch": Scratch(left.shared_bytes),
        "scratch_bytes": own,
    }
    return Call(
        f"products.{stage.kind}{'_bytes' if narrow else ''}_{tile}x{at_once}",
        PRODUCT,
        values,
        items=geometry.images * parts.bands * parts.groups,
        scratch_bytes=own + left.shared_bytes,
        work=geometry.images * prod(geometry.out_size) * right.columns * max(1, depth * len(segments)),
    )
