"""Filters that slide over the pixels of a row: what their tiles see, and for which there are kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["BYTE_PIXELS", "SLIDE_PIXELS", "SLIDE_STRIDES", "SLIDE_TAPS", "Slide"]

SLIDE_PIXELS, SLIDE_TAPS, SLIDE_STRIDES = (8, 7, 6, 4), (3, 5), (1, 2)
"""Pixels of a tile; widths and strides of the filters."""

BYTE_PIXELS = (7, 4)
"""Those of bytes, whose kernels take long to compile."""


@dataclass(frozen=True)
class Slide:
    """What a tile sees in a row: the taps of so many pixels of the output, side by side. `str` is part of names."""

    taps: int
    stride: int
    pixels: int
    is_dilated: bool = False

    def __str__(self) -> str:
        return f"{self.taps}{'d' if self.is_dilated else 'x'}{self.stride}_{self.pixels}"

    @property
    def width(self) -> int:
        """Pixels of the input that a tile without a dilation sees."""
        return (self.pixels - 1) * self.stride + self.taps

    def uses(self) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
        """(tap, pixels right of it, [(pixel of the output, its tap)]) of each pixel of the input, from left to right.

        Without a dilation, all lie right of the first tap, and taps of several pixels meet in one of them.
        """
        for tap in range(self.taps if self.is_dilated else 0):
            for pixel in range(self.pixels):
                yield tap, pixel * self.stride, [(pixel, tap)]
        for column in range(0 if self.is_dilated else self.width):
            taps = [(pixel, column - pixel * self.stride) for pixel in range(self.pixels)]
            yield 0, column, [(pixel, tap) for pixel, tap in taps if 0 <= tap < self.taps]
