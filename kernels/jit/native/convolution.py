"""Convolutions without a matrix of patches: bands of the padded image times panels of filters.

A band of output rows is computed from the input rows below it, which are copied once with their padding (8-bit ones
widened to 16 bits); every row of the filter is then a run of consecutive elements.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from litejit.kernels.jit.layouts.convolution import CONVOLUTION
from litejit.kernels.jit.layouts.panels import COLUMNS, STAGE_BYTES
from litejit.kernels.jit.native.copying import pad_rows_float, pad_rows_widened
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.rescaling import FIXED, WIDE
from litejit.kernels.jit.native.simd import getters
from litejit.kernels.jit.native.tiles import float_tile, int8_tile

get, get_float = getters(CONVOLUTION)

IS_UNROLLED = True
"""See `compiler`."""


@cache
def padded_rows(pad: Any, element_bytes: int) -> Any:
    """The input rows of a band, which lie where they are or are copied by `pad` with their padding."""

    @inline
    def lay(args, image, first, rows, scratch):
        """Address of the rows that these output rows of an image are computed from."""
        stride, width, channels = get(args, "stride_height"), get(args, "width"), get(args, "channels")
        if get(args, "direct") == 1:
            return image + first * stride * width * channels * element_bytes
        pad(
            image,
            get(args, "height"),
            width,
            channels,
            scratch,
            first * stride - get(args, "top"),
            (rows - 1) * stride + get(args, "extent"),
            get(args, "left"),
            get(args, "padded_width"),
            get(args, "pad_value"),
            get(args, "is_unsigned"),
        )
        return scratch

    return lay


def driver(rows: int, tile: Any, bound: Any, lay: Any, is_float: bool) -> Any:
    """A kernel of tiles of so many rows. bound: reads a clamp's bound; lay: see `padded_rows`."""
    element_bytes, stage_bytes = (4, 4 * COLUMNS) if is_float else (1, STAGE_BYTES)
    column_bytes = COLUMNS * element_bytes

    def convolve(args, first, last, rank):
        groups, group_panels, panels = get(args, "panel_groups"), get(args, "group_panels"), get(args, "panels")
        pixels, segments = get(args, "pixels"), get(args, "segments")
        segment_count, steps = get(args, "segment_count"), get(args, "segment_steps")
        weights, panel_bytes, stage = get(args, "weights"), get(args, "panel_bytes"), get(args, "stage")
        channels, pitch, width = get(args, "out_channels"), get(args, "out_pitch"), get(args, "out_width")
        zero_point, low, high = get(args, "zero_point"), bound(args, "low"), bound(args, "high")
        block, bands, height = get(args, "block"), get(args, "bands"), get(args, "out_height")
        scratch = get(args, "scratch") + rank * get(args, "scratch_bytes")
        for item in range(first, last):
            band = item // groups
            image, row = band // bands, band % bands * get(args, "band_rows")
            band_rows = min(get(args, "band_rows"), height - row)
            source = lay(args, get(args, "source") + image * get(args, "image_bytes"), row, band_rows, scratch)
            count = band_rows * width
            out = get(args, "out") + (image * height + row) * width * pitch
            begin = item % groups * group_panels
            end = min(panels, begin + group_panels)
            for start in range(0, count, block):
                stop = min(count, start + block)
                for panel in range(begin, end):
                    for at in range(start, stop, rows):
                        pixel = min(at, count - rows)
                        tile(
                            source, pixels + 4 * pixel, segments, segment_count, steps, weights + panel * panel_bytes,
                            stage + panel * stage_bytes, out + pixel * pitch + panel * column_bytes, pitch,
                            zero_point, low, high, channels - panel * COLUMNS,
                        )  # fmt: skip

    return convolve


def _int8(rows: int, rescaling: str = FIXED) -> Any:
    return driver(rows, int8_tile(rows, rescaling), get, padded_rows(pad_rows_widened, 1), is_float=False)


def _float(rows: int, few: bool = False) -> Any:
    return driver(rows, float_tile(rows, few), get_float, padded_rows(pad_rows_float, 4), is_float=True)


int8_1, int8_4, int8_5, int8_6 = (_int8(rows) for rows in (1, 4, 5, 6))
int8_wide_1, int8_wide_6 = (_int8(rows, WIDE) for rows in (1, 6))
float_1, float_4, float_5, float_6 = (_float(rows) for rows in (1, 4, 5, 6))
float_few_8, float_few_12 = (_float(rows, few=True) for rows in (8, 12))
