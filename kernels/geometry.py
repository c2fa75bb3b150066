"""Geometry: where windows lie, how large outputs are, how shapes broadcast, what a negative axis means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from litejit.kernels.node import Shape
from litejit.schema import Padding
from litejit.schema.errors import InvalidModelError

__all__ = [
    "Window",
    "boxes",
    "broadcast_shapes",
    "normalize_axes",
    "normalize_axis",
    "patches",
    "require_positive",
    "sliding",
    "spread",
    "strides_of",
]


def require_positive(**sizes: int) -> None:
    """Raises InvalidModelError for the first size (stride_w=…, dilation_h_factor=…) that is not at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise InvalidModelError(f"{name} must be at least 1, it is {size}")


@dataclass(frozen=True)
class Window:
    """A window sliding along one dimension: its output size and how much padding lies before and after the input.

    Source: LiteRT tflite/kernels/padding.h (SAME: the odd element of padding comes last).
    """

    in_size: int
    filter_size: int
    stride: int
    dilation: int
    out_size: int
    before: int

    @classmethod
    def along(
        cls, axis: str, padding: Padding, in_size: int, filter_size: int, stride: int, dilation: int = 1
    ) -> Window:
        """The window for a padding scheme; axis ("height", "width", …) names it in errors."""
        require_positive(
            **{f"stride of {axis}": stride, f"dilation of {axis}": dilation, f"filter {axis}": filter_size}
        )
        extent = (filter_size - 1) * dilation + 1
        if padding == Padding.SAME:
            out_size = (in_size + stride - 1) // stride
        elif padding == Padding.VALID:
            out_size = int((in_size + stride - extent) / stride)
        else:
            raise InvalidModelError(f"padding is {padding}, expected SAME or VALID")
        if out_size < 0 or max(stride, dilation, extent) > 1 << 31:
            raise InvalidModelError(
                f"output {axis} would be {out_size} "
                f"(input {in_size}, filter {filter_size}, stride {stride}, dilation {dilation})"
            )
        return cls(
            in_size, filter_size, stride, dilation, out_size, max(0, cls._total(out_size, stride, extent, in_size)) // 2
        )

    @staticmethod
    def _total(out_size: int, stride: int, extent: int, in_size: int) -> int:
        return (out_size - 1) * stride + extent - in_size

    @property
    def extent(self) -> int:
        """Input elements that the dilated filter spans."""
        return (self.filter_size - 1) * self.dilation + 1

    @property
    def after(self) -> int:
        """Padding after the input that the last window reaches into (at least 0)."""
        return max(0, self._total(self.out_size, self.stride, self.extent, self.in_size) - self.before)

    def inside(self, tap: int) -> tuple[slice, slice]:
        """The outputs whose tap lies inside of the input, and the inputs where it lies."""
        offset = tap * self.dilation - self.before
        first = max(0, -(offset // self.stride))
        count = max(0, min(self.out_size, (self.in_size - 1 - offset) // self.stride + 1) - first)
        start = first * self.stride + offset
        return slice(first, first + count), slice(start, start + count * self.stride, self.stride)

    def taps_inside(self) -> np.ndarray:
        """[out_size] how many taps of each window lie inside the input."""
        starts = np.arange(self.out_size) * self.stride - self.before
        first = np.maximum(0, -(starts // self.dilation))
        last = np.minimum(self.filter_size - 1, (self.in_size - 1 - starts) // self.dilation)
        return np.maximum(0, last - first + 1)


def patches(x: np.ndarray, height: Window, width: Window, pad_value: Any = 0) -> np.ndarray:
    """All windows of an image batch as a view of its padded copy.

    x: [batch, in_height, in_width, channels] -> [batch, out_height, out_width, filter_height, filter_width, channels].
    """
    return sliding(x, (height, width), pad_value)


def sliding(x: np.ndarray, windows: Sequence[Window], pad_value: Any = 0) -> np.ndarray:
    """All windows over the middle dimensions of x, one Window for each, as a view of x or of its padded copy.

    x: [batch, *in_sizes, channels] -> [batch, *out_sizes, *filter_sizes, channels].
    """
    if any(window.before or window.after for window in windows):
        pads = [(0, 0), *((window.before, window.after) for window in windows), (0, 0)]
        x = np.pad(x, pads, constant_values=pad_value)
    batch, *steps, channel = x.strides
    outer = [step * window.stride for step, window in zip(steps, windows, strict=True)]
    inner = [step * window.dilation for step, window in zip(steps, windows, strict=True)]
    sizes = [window.out_size for window in windows] + [window.filter_size for window in windows]
    return as_strided(x, (x.shape[0], *sizes, x.shape[-1]), (batch, *outer, *inner, channel), writeable=False)


def boxes(shape: Shape, limit: int) -> Iterator[tuple[slice, ...]]:
    """Contiguous boxes that cover an array of this shape in row-major order, each of at most max(1, limit) elements."""
    axis, inner = len(shape), 1
    while axis > 0 and inner * shape[axis - 1] <= limit:
        axis -= 1
        inner *= shape[axis]
    whole = (slice(None),) * (len(shape) - axis)
    if axis == 0:
        yield whole
        return
    step = max(1, limit // max(1, inner))
    for outer in np.ndindex(shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*(slice(at, at + 1) for at in outer), slice(start, start + step), *whole)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy broadcasting, an InvalidModelError where the shapes do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise InvalidModelError(f"shapes {' and '.join(map(str, shapes))} do not broadcast") from None


def normalize_axis(axis: int, rank: int, name: str = "axis") -> int:
    """An axis counted from either end -> counted from the start; InvalidModelError outside [-rank, rank)."""
    if not -rank <= axis < rank:
        raise InvalidModelError(f"{name} is {axis}, expected {-rank} <= {name} < {rank}")
    return int(axis) % rank


def normalize_axes(axes: Iterable[int] | np.ndarray, rank: int, name: str = "axis") -> tuple[int, ...]:
    """Sorted distinct axes, counted from the start; a rank-0 tensor takes any of -1 and 0 as no axis at all."""
    return tuple(sorted({normalize_axis(int(axis), rank, name) for axis in np.ravel(np.asarray(axes))}))


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides of a shape, in elements."""
    strides = [1]
    for dim in reversed(shape[1:]):
        strides.append(strides[-1] * dim)
    return tuple(reversed(strides))


def spread(
    x: np.ndarray, steps: Sequence[int], padding: Sequence[tuple[int, int]], shape: Shape, fill: Any
) -> np.ndarray:
    """x with its neighbours `steps` apart along each dimension, then padded (or, below 0, cropped) low and high.

    shape is the result's, ((size - 1) * step + 1) + low + high; gaps and padding hold fill.
    """
    result = np.full(shape, fill, x.dtype)
    source, target = [], []
    for size, step, (low, _), out_size in zip(x.shape, steps, padding, shape, strict=True):
        first = max(0, -(low // step))
        last = min(size, -((low - out_size) // step))
        source.append(slice(first, max(first, last)))
        target.append(slice(first * step + low, max(0, last * step + low), step) if last > first else slice(0, 0))
    result[tuple(target)] = x[tuple(source)]
    return result
