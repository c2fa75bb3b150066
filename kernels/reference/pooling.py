"""Pooling: AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D, MaxPoolingWithArgmax2D, MaxUnpooling2D."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from litejit.kernels.fixedpoint import activation_range, float_activation
from litejit.kernels.geometry import Window, require_positive, sliding
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.registry import builtin, custom
from litejit.schema import BuiltinOperator, Padding, Pool2DOptions, TensorType

__all__ = ["AveragePool2D", "L2Pool2D", "MaxPool2D", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "reduce_windows"]

_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16)


def reduce_windows(
    ufunc: np.ufunc, x: np.ndarray, axis: int, window: Window, start: object, dtype: np.dtype
) -> np.ndarray:
    """Combines what each window along one axis sees of x with a binary ufunc, from a start value; dtype of the result.

    Loops over whichever is fewer, taps of the window or outputs, each step on all other axes at once.
    """
    shape = list(x.shape)
    shape[axis] = window.out_size
    result = np.full(shape, start, dtype)
    before = (slice(None),) * axis
    if window.out_size < window.filter_size:
        for out in range(window.out_size):
            first = out * window.stride - window.before
            seen = x[(*before, slice(max(0, first), min(window.in_size, first + window.filter_size)))]
            at = (*before, out)
            result[at] = ufunc(result[at], ufunc.reduce(seen, axis=axis, dtype=dtype, initial=start))
        return result
    for tap in range(min(window.filter_size, window.in_size + window.before)):
        offset = tap - window.before
        low = max(0, -(offset // window.stride))
        high = min(window.out_size, (window.in_size - 1 - offset) // window.stride + 1)
        if low < high:
            at = (*before, slice(low, high))
            first = low * window.stride + offset
            seen = x[(*before, slice(first, first + (high - low - 1) * window.stride + 1, window.stride))]
            ufunc(result[at], seen, out=result[at])
    return result


def _pool_windows(
    padding: Padding, sizes: Sequence[int], filters: Sequence[int], strides: Sequence[int]
) -> list[Window]:
    """The windows along height and width, from (height, width) of everything.

    Filters without a pixel and, with VALID padding, those that reach one stride or more beyond the image have no
    outputs along their dimension; along the width, none at all. Source: LiteRT tflite/kernels/padding.h.
    """
    windows: list[Window] = []
    require_positive(**{"stride of height": strides[0], "stride of width": strides[1]})
    for axis, in_size, filter_size, stride in reversed(
        list(zip(("height", "width"), sizes, filters, strides, strict=True))
    ):
        beyond = padding == Padding.VALID and filter_size - in_size >= 2 * stride
        if filter_size < 1 or beyond or (windows and windows[0].filter_size == 0):
            windows.insert(0, Window(in_size, 0, stride, 1, 0, 0))
        else:
            windows.insert(0, Window.along(axis, padding, in_size, filter_size, stride))
    return windows


class _Pool2D(Kernel):
    """Base of pooling, [batch, height, width, channels]. windows: along height and width."""

    types = _TYPES
    flavours = ALL_FLAVOURS
    options: Pool2DOptions

    def prepare(self, node: Node) -> None:
        """Infers the output's shape; derives the clamp of integers."""
        o = self.options
        x = node.input("input", rank=4)
        batch, height, width, channels = x.dims
        self.windows = _pool_windows(
            o.padding, (height, width), (o.filter_height, o.filter_width), (o.stride_h, o.stride_w)
        )
        self.is_compilable = all(window.filter_size for window in self.windows)
        y = node.output((batch, *(window.out_size for window in self.windows), channels), types=x.type)
        if x.type != TensorType.FLOAT32:
            self.low, self.high = activation_range(o.fused_activation_function, y)

    def count(self, node: Node) -> np.ndarray:
        """[out_height, out_width, 1] pixels inside of each window, or [1] if they are all the same; none may be 0."""
        rows, columns = (window.taps_inside() for window in self.windows)
        count = rows[:, None, None] * columns[:, None]
        node.require(count.all(), "a window lies entirely in the padding, it has no average")
        return count.ravel()[:1] if count.size and (count == count.flat[0]).all() else count

    def clamp(self, x: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Applies the fused activation."""
        if dtype == np.float32:
            return float_activation(self.options.fused_activation_function, x)
        return np.clip(x, self.low, self.high).astype(dtype)

    def reduce(self, ufunc: np.ufunc, x: np.ndarray, start: object, dtype: np.dtype) -> np.ndarray:
        """Over both dimensions, the width first."""
        with np.errstate(all="ignore"):
            for axis, window in ((2, self.windows[1]), (1, self.windows[0])):
                x = reduce_windows(ufunc, x, axis, window, start, dtype)
        return x


@builtin(BuiltinOperator.AVERAGE_POOL_2D, versions=(1, 3))
class AveragePool2D(_Pool2D):
    """The mean of the pixels of each window that lie inside of the image; integers are rounded half away from zero.

    float32, int8, uint8, int16; the scale and zero point of input and output are taken to be the same.
    Semantics: LiteRT tflite/kernels/pooling.cc, internal/reference/{,integer_ops/}pooling.h.
    """

    def prepare(self, node: Node) -> None:
        """Derives `divisor`, see `count`."""
        super().prepare(node)
        self.divisor = self.count(node)
        # Floats hold sums and their quotients' whole parts exactly below 2**24 and 2**53.
        largest = int(self.divisor.max(initial=1)) << 15
        self.sum_dtype = np.dtype(np.float32 if largest < 1 << 24 else np.float64)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        if input.dtype == np.float32:
            return self.clamp(self.reduce(np.add, input, 0, input.dtype) / self.divisor.astype(np.float32), input.dtype)
        total = self.reduce(np.add, input, 0, self.sum_dtype)
        magnitude = np.abs(total)
        magnitude += (self.divisor // 2).astype(self.sum_dtype)
        magnitude /= self.divisor.astype(self.sum_dtype)
        return self.clamp(np.copysign(np.floor(magnitude, out=magnitude), total, out=magnitude), input.dtype)


@builtin(BuiltinOperator.MAX_POOL_2D, versions=(1, 3))
class MaxPool2D(_Pool2D):
    """The largest pixel of each window; NaN never is, and a window of nothing else gives the smallest number.

    float32, int8, uint8, int16; the scale and zero point of input and output are taken to be the same.
    Semantics: LiteRT tflite/kernels/pooling.cc, internal/reference/{,integer_ops/}pooling.h.
    """

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        if input.dtype == np.float32:
            smallest, largest_of = np.finfo(input.dtype).min, np.fmax
        else:
            smallest, largest_of = np.iinfo(input.dtype).min, np.maximum
        return self.clamp(self.reduce(largest_of, input, smallest, input.dtype), input.dtype)


@builtin(BuiltinOperator.L2_POOL_2D)
class L2Pool2D(_Pool2D):
    """The root of the mean square of the pixels of each window that lie inside of the image. float32.

    Semantics: LiteRT tflite/kernels/pooling.cc, internal/reference/pooling.h.
    """

    types = (TensorType.FLOAT32,)

    def prepare(self, node: Node) -> None:
        """Derives `divisor`, see `count`."""
        super().prepare(node)
        self.divisor = self.count(node).astype(np.float32)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        with np.errstate(over="ignore"):
            squares = np.square(input)
        total = self.reduce(np.add, squares, 0, input.dtype)
        return self.clamp(np.sqrt(total / self.divisor), input.dtype)


def _pool_parameters(node: Node) -> tuple[Padding, int, int]:
    """padding, filter_height, filter_width of a custom operator whose options are a TfLitePoolParams structure."""
    node.require(len(node.options) >= 24, "options have {} bytes, a TfLitePoolParams has 24 or more", len(node.options))
    padding, stride_w, stride_h, filter_width, filter_height, activation = struct.unpack_from("<6i", node.options)
    node.require(padding in (1, 2), "padding is {}, expected 1 (SAME) or 2 (VALID)", padding)
    node.require(
        (stride_h, stride_w) == (filter_height, filter_width),
        "stride {} x {} is not filter height x width {} x {}",
        stride_h,
        stride_w,
        filter_height,
        filter_width,
    )
    node.require(activation == 0, "fused activation {} is not supported", activation)
    return Padding.SAME if padding == 1 else Padding.VALID, filter_height, filter_width


@custom("MaxPoolingWithArgmax2D")
class MaxPoolingWithArgmax2D(Kernel):
    """The largest pixel of each window, and where in the window it is; windows do not overlap.

    input: [batch, height, width, channels] float32 -> output, and indices of the same shape: filter_x * filter_height +
    filter_y of the first largest pixel, a uint32 in the bytes of the float32 tensor. NaN is never the largest.
    Semantics: LiteRT tflite/delegates/xnnpack/xnnpack_delegate.cc, the only place that has this operator; XNNPACK
    src/f32-argmaxpool, src/indirection.c.
    """

    types = (TensorType.FLOAT32,)
    n_outputs = 2
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Derives windows, along height and width."""
        x = node.input("input", rank=4)
        padding, *filter_sizes = _pool_parameters(node)
        self.windows = tuple(
            Window.along(axis, padding, in_size, size, size)
            for axis, in_size, size in zip(("height", "width"), x.dims[1:3], filter_sizes, strict=True)
        )
        shape = (x.dims[0], *(window.out_size for window in self.windows), x.dims[3])
        node.output(shape, types=TensorType.FLOAT32)
        node.output(shape, types=TensorType.FLOAT32, at=1)

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Taps in the padding see the nearest pixel of the image."""
        pads = [(0, 0), *((window.before, window.after) for window in self.windows), (0, 0)]
        padded = np.pad(np.where(np.isnan(input), -np.inf, input).astype(np.float32), pads, mode="edge")
        inside = tuple(
            Window(
                window.in_size + window.before + window.after, window.filter_size, window.stride, 1, window.out_size, 0
            )
            for window in self.windows
        )
        taps = sliding(padded, inside).transpose(0, 1, 2, 5, 4, 3)
        taps = taps.reshape(*taps.shape[:4], taps.shape[4] * taps.shape[5])
        index = taps.argmax(axis=-1)
        return np.take_along_axis(taps, index[..., None], axis=-1)[..., 0], index.astype(np.uint32).view(np.float32)


@custom("MaxUnpooling2D")
class MaxUnpooling2D(Kernel):
    """The inverse of MaxPoolingWithArgmax2D: each value goes where its index says, 0 everywhere else.

    input: [batch, height, width, channels] float32; indices: as that operator returns them; an index outside of the
    window is ignored. -> [batch, height * filter_height, width * filter_width, channels].
    Semantics: LiteRT tflite/delegates/xnnpack/xnnpack_delegate.cc, XNNPACK src/x32-unpool.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Derives filter_height and filter_width."""
        x: TensorSpec = node.input("input", rank=4)
        node.input("indices", types=TensorType.FLOAT32, shape=x.dims)
        _, self.filter_height, self.filter_width = _pool_parameters(node)
        node.require(min(self.filter_height, self.filter_width) >= 1, "the filter must have at least one pixel")
        batch, height, width, channels = x.dims
        node.output((batch, height * self.filter_height, width * self.filter_width, channels), types=x.type)

    def __call__(self, input: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Compares the index of every window with every tap's."""
        batch, height, width, channels = input.shape
        index = np.ascontiguousarray(indices).view(np.uint32)
        taps = np.arange(self.filter_height * self.filter_width, dtype=np.uint32)
        taps = taps.reshape(self.filter_width, self.filter_height).T[:, None, :, None]
        output = np.where(index[:, :, None, :, None] == taps, input[:, :, None, :, None], np.float32(0))
        return output.reshape(batch, height * self.filter_height, width * self.filter_width, channels)
