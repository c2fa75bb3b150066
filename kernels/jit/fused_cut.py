"""How fused blocks are cut into bands, and which windows there are kernels for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.jit.bands import BAND_BYTES, Geometry
from litejit.kernels.jit.layouts.fused import DILATED, TILE_ROWS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.sliding import Slide
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import panels_of

__all__ = ["SMALL_WIDTH", "Cut", "fits", "rows_of_taps"]

BAND_PIXELS = 112
"""Output pixels of a band: what lies between the convolutions stays in the second-level cache."""

SMALL_WIDTH = 20
"""Output images up to this width are not cut into bands."""


def rows_of_taps(geometry: Geometry) -> np.ndarray:
    """[out_height, an even number] the rows that the taps of each output row lie in; what is too much is the last."""
    taps = np.minimum(np.arange(-(-geometry.taps[0] // 2) * 2), geometry.taps[0] - 1)
    return np.arange(geometry.out_size[0])[:, None] * geometry.strides[0] + taps * geometry.dilations[0]


@dataclass(frozen=True)
class Cut:
    """How the depthwise convolution in the middle is cut. slide: of its tiles."""

    geometry: Geometry
    band_rows: int
    in_bands: bool
    slide: Slide

    @property
    def chunk_bytes(self) -> int:
        """Of an expanded chunk, of so many rows as are kept."""
        pixels = self.geometry.rows_below(self.band_rows) * self.geometry.padded_width
        return pixels * COLUMNS * self.geometry.element_bytes

    @property
    def is_small(self) -> bool:
        """Whether the output images are."""
        return self.geometry.out_size[1] <= SMALL_WIDTH

    @classmethod
    def of(cls, depthwise: Lowering, element_bytes: int, copies: bool) -> Cut:
        """For a depthwise convolution; element_bytes: between the convolutions. copies: nothing is expanded.

        Then operators by themselves would need no more scratch memory than a band of theirs, and neither does this.
        """
        images, *_, channels = depthwise.outputs[0].dims
        geometry = Geometry.of(depthwise.windows, images, channels, element_bytes, by_pixel=False)
        (out_height, out_width), stride = geometry.out_size, geometry.strides[0]
        is_dilated = geometry.dilations[1] > 1
        in_bands = out_width > SMALL_WIDTH and not is_dilated
        band_rows = -(-BAND_PIXELS // out_width) if in_bands else out_height
        if copies and in_bands:
            pixels = BAND_BYTES // (panels_of(channels) * COLUMNS * element_bytes)
            pixels -= (geometry.extent - stride) * geometry.padded_width
            band_rows = max(1, min(band_rows, pixels // (stride * geometry.padded_width + out_width)))
        pixels = 7 if out_width % 7 == 0 else 4
        slide = DILATED if is_dilated else Slide(geometry.taps[1], geometry.strides[1], pixels)
        return cls(geometry, band_rows, in_bands, slide)


def fits(depthwise: Lowering) -> bool:
    """Whether there are kernels for these windows, and tiles for images of this size."""
    rows, columns = depthwise.windows
    is_dilated = columns.dilation > 1
    return (
        depthwise.kernel.depth_multiplier == 1
        and columns.filter_size in ((DILATED.taps,) if is_dilated else (3, 5))
        and columns.stride in ((DILATED.stride,) if is_dilated else (1, 2))
        and columns.in_size >= TILE_ROWS
        and columns.out_size >= 4
        and rows.out_size * columns.out_size >= TILE_ROWS
    )
