"""What the kernels of fused blocks are told of sizes, and of where everything lies."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.fused_cut import Cut, rows_of_taps
from litejit.kernels.jit.layouts.elements import ELEMENTS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.patching import depth_of, has_patches, padded_bytes, patch_call
from litejit.kernels.jit.products import rounded
from litejit.schema import TensorType

if TYPE_CHECKING:
    from litejit.kernels.jit.fused import Block

__all__ = ["patching", "places", "sizes"]

_FUNCTION_BYTES = 2 * 8 * len(ELEMENTS.names)


def sizes(block: Block, cut: Cut) -> dict[str, Any]:
    """How the block is cut, for so many threads."""
    geometry, threads = cut.geometry, block.depthwise.threads
    (height, width), (out_height, out_width), (top, left) = geometry.in_size, geometry.out_size, geometry.pads
    chunks, panels = panels_of(geometry.channels), 0 if block.project is None else panels_of(block.output.dims[3])
    piece_rows = block.piece_rows(cut)
    groups = 1 if threads == 1 or cut.in_bands else min(chunks, 6 * threads)
    panel_groups = 1 if threads == 1 or panels == 0 else panels
    return {
        "height": height,
        "width": width,
        "channels": block.input.dims[3],
        "is_unsigned": int(block.input.type == TensorType.UINT8),
        "pieces": -(-out_height // piece_rows),
        "piece_rows": piece_rows,
        "band_rows": cut.band_rows,
        "group_chunks": -(-chunks // groups),
        "chunk_groups": -(-chunks // -(-chunks // groups)),
        "chunks": chunks,
        "top": top,
        "left": left,
        "right": geometry.padded_width - left - width,
        "out_height": out_height,
        "out_width": out_width,
        "taps_height": geometry.taps[0],
        "extent": geometry.extent,
        "stride_height": geometry.strides[0],
        "panel_groups": panel_groups,
        "group_panels": -(-panels // panel_groups),
        "panels": panels,
    }


def places(block: Block, cut: Cut) -> dict[str, Any]:
    """Where everything lies."""
    geometry, input, output = cut.geometry, block.input, block.output
    (height, width), (out_height, out_width), (top, left) = geometry.in_size, geometry.out_size, geometry.pads
    chunks, element_bytes = panels_of(geometry.channels), geometry.element_bytes
    pixel = element_bytes * COLUMNS
    row_bytes = geometry.padded_width * pixel
    ring_rows = geometry.rows_below(cut.band_rows)
    ring_chunks = chunks if cut.band_rows < block.piece_rows(cut) else 1
    y, x = np.divmod(np.arange(height * width), width)
    places = (y + top) % ring_rows * row_bytes + (left + x) * pixel
    rows = np.arange(geometry.rows_below(out_height)) % ring_rows * row_bytes
    tap_rows = rows[rows_of_taps(geometry)]
    middle = (cut.band_rows if cut.in_bands else out_height) * out_width * pixel
    # Chunks a multiple of a page apart would fall on the same lines of the cache.
    middle += 64 if middle % 4096 == 0 else 0
    # What is not projected is taken out chunk by chunk.
    kept = chunks if block.project is not None else 1
    shared = 0 if block.is_in_one_call else rounded(geometry.images * chunks * middle)
    expanded = rounded(ring_chunks * ring_rows * row_bytes)
    functions = expanded + (rounded(kept * middle) if block.is_in_one_call else 0)
    own = functions + (_FUNCTION_BYTES if any(block.functions) else 0)
    pitch = element_bytes * (0 if block.expand is None else depth_of(block.expand))
    most_rows = min(ring_rows, height)
    padding = padded_bytes(block.expand, most_rows, element_bytes)
    # The last pair of a patch of an odd length reaches into the next one; its weight there is 0.
    widens = padding > 0 or input.dtype.itemsize < element_bytes
    scratch_bytes = own + rounded(padding + (most_rows * width * pitch if widens else 0)) + SLACK
    return {
        "source": Tensor(input.index),
        "image_bytes": prod(input.dims[1:]) * input.dtype.itemsize,
        "pixel_bytes": input.dims[3] * input.dtype.itemsize,
        "row_bytes": row_bytes,
        "chunk_bytes": ring_rows * row_bytes if ring_chunks > 1 else 0,
        "ring_rows": ring_rows,
        "ring_chunks": ring_chunks,
        "places": padded(places.astype(np.int32)),
        "rows": padded(rows.astype(np.int32)),
        "tap_rows": padded(tap_rows.astype(np.int32)),
        "tap_rows_bytes": 4 * tap_rows.shape[1],
        "tap_step": geometry.dilations[1] * pixel,
        "expand_pitch": pitch,
        "widened": Scratch(shared + own),
        "patches": Scratch(shared + own + padding),
        "middle": Scratch(expanded if block.is_in_one_call else 0),
        "middle_chunk_bytes": middle if block.project is not None else 0,
        "middle_image_bytes": 0 if block.is_in_one_call else chunks * middle,
        "middle_rank_bytes": scratch_bytes if block.is_in_one_call else 0,
        "middle_chunks": padded((np.arange(chunks) * middle).astype(np.int32)),
        "out": Tensor(output.index),
        "out_channels": output.dims[3],
        "out_pitch": output.dims[3] * output.dtype.itemsize,
        "functions": functions,
        "scratch": Scratch(shared),
        "scratch_bytes": scratch_bytes,
        "shared": shared,
    }


def patching(block: Block, slots: dict[str, Any]) -> list[Call]:
    """What a block calls that begins with a filter which sees more than single pixels; slots: the block's `places`."""
    if block.expand is None or not has_patches(block.expand):
        return []
    memory = slots["widened"], slots["patches"], slots["scratch_bytes"]
    return [patch_call(block.expand, slots["expand_pitch"] // depth_of(block.expand), memory)]
