"""How products with images are cut: bands of an image's rows, and for threads groups of panels of filters, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.jit.call import padded

__all__ = ["BAND_BYTES", "LATE", "Cut", "Geometry", "cut", "last_rows", "tile_rows"]

BAND_BYTES = 160 << 10
"""Of a band's copied rows: they and a panel stay in the second-level cache."""

CACHED_BYTES = 256 << 10
"""Weights beyond this do not stay in the second-level cache from one item to the next."""

_FAR, _NEAR = 8, 32
"""Bytes of weights that a cycle brings from behind the second-level cache, and from there."""

_ITEM = 400
"""Cycles that it takes to begin with an item."""

LATE = 0.1
"""Of an item that threads wait for the last one, as they are not equally quick: the more items there are, the less."""

_HANDED_OVER = 1
"""Cycles for a byte, as it is copied, that another thread has written or is to read."""


@dataclass(frozen=True)
class Geometry:
    """How a convolution is cut into bands. One that sees single pixels is a matrix product of all pixels at once.

    images: how many; in_size, out_size: (height, width); pads: (top, left); padded_width: of a copied row.
    taps, strides, dilations: of the filter; element_bytes: of a copied element.
    """

    images: int
    in_size: tuple[int, int]
    out_size: tuple[int, int]
    pads: tuple[int, int]
    padded_width: int
    taps: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    channels: int
    element_bytes: int
    needs_padding: bool

    @classmethod
    def of(
        cls, windows: Sequence[Window], images: int, channels: int, element_bytes: int, by_pixel: bool = True
    ) -> Geometry:
        """The geometry of sliding windows over the height and the width; by_pixel: whether images may be one line."""
        height, width = windows
        needs_padding = any(window.before or window.after for window in windows)
        sees_all = all(window.filter_size == 1 and window.in_size == window.out_size for window in windows)
        if by_pixel and not needs_padding and sees_all:
            pixels = images * height.in_size * width.in_size
            return cls(1, (pixels, 1), (pixels, 1), (0, 0), 1, (1, 1), (1, 1), (1, 1), channels, element_bytes, False)
        reach = (width.out_size - 1) * width.stride + width.extent
        return cls(
            images,
            (height.in_size, width.in_size),
            (height.out_size, width.out_size),
            (height.before, width.before),
            max(reach, width.before + width.in_size),
            (height.filter_size, width.filter_size),
            (height.stride, width.stride),
            (height.dilation, width.dilation),
            channels,
            element_bytes,
            needs_padding,
        )

    @property
    def is_by_pixel(self) -> bool:
        """Whether the filter sees single pixels."""
        return self.taps == (1, 1) and not self.needs_padding

    def picked(self) -> Geometry:
        """Of single pixels, an image of those alone that the filter sees."""
        return replace(self, in_size=self.out_size, padded_width=self.out_size[1], strides=(1, 1))

    @property
    def extent(self) -> int:
        """Input rows that the filter spans."""
        return (self.taps[0] - 1) * self.dilations[0] + 1

    def rows_below(self, rows: int) -> int:
        """Input rows that this many output rows are computed from."""
        return (rows - 1) * self.strides[0] + self.extent

    def band_rows(self, pieces: int) -> int:
        """Output rows of a band: as many as fit the cache, few enough for `pieces` bands of all images."""
        row_bytes = self.padded_width * self.channels * self.element_bytes
        fitting = (BAND_BYTES // row_bytes - self.extent) // self.strides[0] + 1
        sharing = -(-self.out_size[0] * self.images // pieces)
        return max(1, min(fitting, sharing, self.out_size[0]))

    def shared_rows(self, threads: int, groups: int) -> int:
        """Output rows of a band with which threads that share bands of so many groups of channels are done first.

        Input rows that two bands have in common are copied twice; a row takes about twice as long as copying one.
        """
        highest = self.band_rows(1)
        if threads == 1:
            return highest

        def time(rows: int) -> float:
            items = self.images * groups * -(-self.out_size[0] // rows)
            return (-(-items // threads) + LATE) * (self.rows_below(rows) + 2 * rows + 1)

        return min(range(highest, 0, -1), key=time)

    def pixel_offsets(self, rows: int) -> np.ndarray:
        """[rows * out_width] int32: where the window of each output pixel of a band begins, in bytes."""
        y, x = np.arange(rows) * self.strides[0], np.arange(self.out_size[1]) * self.strides[1]
        pixels = (y[:, None] * self.padded_width + x) * self.channels * self.element_bytes
        return padded(pixels.ravel().astype(np.int32))

    def segment_offsets(self, by_tap: bool) -> np.ndarray:
        """int32: where the rows of the filter, or its taps, begin in the window of a pixel, in bytes."""
        y, x = np.arange(self.taps[0]) * self.dilations[0], np.arange(self.taps[1]) * self.dilations[1]
        offsets = y[:, None] * self.padded_width + (x if by_tap else 0)
        return padded((offsets * self.channels * self.element_bytes).ravel().astype(np.int32))


@dataclass(frozen=True)
class Cut:
    """rows: of a band; groups: of group_panels panels each (the last one may have fewer); tile: its rows."""

    rows: int
    bands: int
    groups: int
    group_panels: int
    tile: int


def tile_rows(pixels: int, choices: Sequence[int]) -> int:
    """Rows of the tiles that compute this many pixels with the least waste, the first of equals; 1 if there are few."""
    fitting = [rows for rows in choices if rows <= pixels]
    # A tile of fewer rows reads the weights more often: it has to save at least a twelfth of the rows.
    return min(fitting, key=lambda rows: -(-pixels // rows) * (rows + 0.5), default=1)


def last_rows(out_height: int, rows: int) -> int:
    """Output rows of the last band of an image."""
    return out_height - (-(-out_height // rows) - 1) * rows


def cut(
    geometry: Geometry,
    panels: int,
    panel_bytes: int,
    steps: int,
    threads: int,
    tiles: Sequence[int],
    highest: int,
    *,
    copied: bool,
    at_least: int = 1,
) -> Cut:
    """The quickest way: a single thread takes the highest bands that there may be, several share the work.

    steps: of a product of a row with a panel, panel_bytes: of its weights. tiles: how many rows they may have. copied:
    whether the rows of a band are. at_least: panels of a group.
    """
    if threads == 1:
        return _cut(geometry, panels, highest, 1, tiles)
    far = panels * panel_bytes > CACHED_BYTES
    image_bytes = geometry.images * prod(geometry.in_size) * geometry.channels * geometry.element_bytes

    def time(cut: Cut) -> float:
        """Cycles until the last thread is done, if all are equally quick."""
        pixels = cut.rows * geometry.out_size[1]
        products = cut.group_panels * steps * -(-pixels // cut.tile) * (cut.tile + 0.5) * (1 if cut.tile > 1 else 2)
        weights = cut.group_panels * panel_bytes / (_FAR if far else _NEAR)
        copies = 0 if not copied else geometry.rows_below(cut.rows) * geometry.padded_width * geometry.channels / 16
        item = max(products, weights) + weights / 4 + copies + _ITEM
        items = geometry.images * cut.bands * cut.groups
        handed = _HANDED_OVER * max(0, 1 / (geometry.images * cut.bands) - 1 / threads)
        return item * (-(-items // threads) + LATE) + handed * image_bytes

    return min(_choices(geometry, panels, highest, threads, tiles, at_least), key=time)


def _choices(
    geometry: Geometry, panels: int, highest: int, threads: int, tiles: Sequence[int], at_least: int
) -> Iterator[Cut]:
    heights = {min(highest, -(-geometry.out_size[0] // bands)) for bands in range(1, 4 * threads + 1)} | {highest}
    for rows in sorted(heights, reverse=True):
        # Of single pixels, a band of whole tiles.
        whole = {rows, *(min(highest, -(-rows // tile) * tile) for tile in tiles if geometry.out_size[1] == 1)}
        for height in sorted(whole, reverse=True):
            for groups in range(1, min(panels // at_least, 4 * threads) + 1):
                yield _cut(geometry, panels, height, groups, tiles)


def _cut(geometry: Geometry, panels: int, rows: int, groups: int, tiles: Sequence[int]) -> Cut:
    height, width = geometry.out_size
    tile = min(tile_rows(count * width, tiles) for count in (rows, last_rows(height, rows)))
    group_panels = -(-panels // groups)
    return Cut(rows, -(-height // rows), -(-panels // group_panels), group_panels, tile)
