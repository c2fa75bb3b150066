"""Patches: what a filter sees of each pixel, copied side by side, so that a convolution with it is a 1 x 1 one."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.layouts.patching import PATCHES
from litejit.kernels.jit.native.copying import copy_f32, copy_i8, pad_rows_float, pad_rows_widened
from litejit.kernels.jit.native.simd import getters

get, _ = getters(PATCHES)


def _patches(pad_rows: Any, copy: Any, element_bytes: int, parts: int) -> Any:
    """A kernel for elements of so many bytes, each of them so many parts for `copy`."""

    def compute(args, first, last, rank):
        """Rows first .. last of the images of patches, counted through all of them: rows of one image.

        A patch is one row of what the filter sees after the other; rows of the input are copied with their padding
        first. What is written too much lies in the next row of the patch, or the next patch.
        """
        rows, columns, channels = get(args, "rows"), get(args, "columns"), get(args, "channels")
        width, pitch, stride = get(args, "out_width"), get(args, "pitch"), get(args, "row_stride")
        image, row = first // get(args, "out_height"), first % get(args, "out_height")
        padded = get(args, "padded") + rank * get(args, "scratch_bytes")
        pad_rows(
            get(args, "source") + image * get(args, "image_bytes"), get(args, "height"), get(args, "width"), channels,
            padded, row * stride - get(args, "top"), (last - first - 1) * stride + rows, get(args, "left"),
            get(args, "padded_width"), get(args, "pad_value"), get(args, "is_unsigned"),
        )  # fmt: skip
        row_bytes = get(args, "padded_width") * channels * element_bytes
        step, some_bytes = get(args, "column_stride") * channels * element_bytes, columns * channels * element_bytes
        to = get(args, "patches") + rank * get(args, "scratch_bytes")
        for number in range(last - first):
            at = padded + number * stride * row_bytes
            for _ in range(width):
                for each in range(rows):
                    copy(at + each * row_bytes, columns * channels * parts, to + each * some_bytes)
                at += step
                to += pitch

    return compute


float32 = _patches(pad_rows_float, copy_f32, 4, 1)
int16 = _patches(pad_rows_widened, copy_i8, 2, 2)
"""Of bytes, widened."""
