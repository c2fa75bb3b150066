"""Argument block of fused blocks: expanding, depthwise and projecting convolutions. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout
from litejit.kernels.jit.layouts.sliding import Slide

__all__ = ["DILATED", "FUSED", "TILE_ROWS"]

TILE_ROWS = 6
"""Of the tiles of matrix products; there are smaller ones for small images."""


DILATED = Slide(3, 1, 4, is_dilated=True)
"""For filters with a dilation: their taps may lie anywhere."""

FUSED = Layout(
    # input: bytes of an image, of a pixel; sizes in elements
    "source image_bytes pixel_bytes height width channels is_unsigned "
    # pieces of an image that are computed independently: so many output rows, groups of so many chunks of 16 channels
    "pieces piece_rows band_rows chunk_groups group_chunks chunks "
    # the expanded image: rows above it, pixels left and right of it, what is in them; bytes of a row, of a chunk; how
    # many rows are kept, of how many chunks
    "top left right pad_value row_bytes chunk_bytes ring_rows ring_chunks "
    # int32 offsets in the expanded chunk, of the pixels of the input, and of rows with those above and below the image
    "places rows "
    # rows that the depthwise filter spans; int32 offsets of the rows of each output row's taps, bytes of these; bytes
    # from tap to tap beside it
    "extent tap_rows tap_rows_bytes tap_step "
    # what the expansion reads: bytes of a pixel, for bytes where they are widened to
    "expand_pitch widened "
    # of a filter that sees more than single pixels: number of the entry that copies patches (see below), and these
    "patching patches "
    "expand expand_steps expand_bytes expand_stage expand_zero expand_low expand_high "
    "taps taps_height stride_height taps_bytes taps_stage taps_zero taps_low taps_high "
    # the depthwise output: where it begins in scratch memory, bytes of a chunk, int32 offsets of chunks
    "middle middle_chunk_bytes middle_image_bytes middle_rank_bytes middle_chunks out_height out_width "
    # functions of the elements of the expanded image and of the depthwise output: numbers of entries behind the own one
    # and a jump, counted from 1, 0 if there is none; address of the own entry's fault; where in a thread's scratch
    # memory their argument blocks are
    "expand_function taps_function fault functions "
    # the projection, by itself in groups of so many panels; without panels, the depthwise output is the result
    "panel_groups group_panels panels "
    "project project_bytes project_stage project_zero project_low project_high "
    # the tensor that is added, of the shape of the output, 0 if there is none
    "residual added_low added_high "
    # of bytes: ((result * added_first + that * added_second + added_start) >> added_shift) + added_zero; the mask takes
    # the sign off that
    "added_first added_second added_start added_shift added_zero added_mask "
    "out out_channels out_pitch scratch scratch_bytes"
)
"""low, high: float64 for floats, int64 else."""
