"""TRANSPOSE_CONV on the fast tier: floats and integers.

Output pixels of the same remainders by the strides see the same taps of the filter: each such set of pixels is an
ordinary convolution of the input with stride 1. Where windows do not overlap, all sets are one 1 x 1 convolution, whose
results are moved to their places: for few channels, that fills panels better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product as pairs

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.jit.bands import Geometry
from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.convolution import convolution
from litejit.kernels.jit.convolution_products import left_images, stage_of
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.moving import copy
from litejit.kernels.jit.products import Left, Out, Right, product, rounded
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.products import FloatProducts, HybridProducts
from litejit.kernels.reference.transpose_convolution import Convolution2DTransposeBias, TransposeConv

__all__: list[str] = []

MOST_CALLS = 64


@dataclass(frozen=True, eq=False)
class Phase:
    """The outputs first, first + stride, … along one axis, count of them.

    taps: of the filter that meet them, in the order of the input, -1 where none does. before: padding.
    """

    first: int
    count: int
    taps: np.ndarray
    before: int

    @classmethod
    def of(cls, window: Window, first: int) -> Phase:
        """The phase that begins with this output; the window slides over the output."""
        start, remainder = divmod(first + window.before, window.stride)
        meeting = -(-(window.filter_size - remainder) // window.stride)
        length = max(meeting, start + 1)
        taps = remainder + np.arange(length - 1, -1, -1) * window.stride
        count = -(-(window.in_size - first) // window.stride)
        return cls(first, count, np.where(taps < window.filter_size, taps, -1), length - 1 - start)

    @property
    def lacks_taps(self) -> bool:
        """Whether inputs are multiplied by zeros that stand for no tap, which infinite ones must not be."""
        return bool((self.taps < 0).any())

    def reach(self) -> int:
        """Elements of the padded input that are seen."""
        return self.count - 1 + len(self.taps)


def _without_taps(
    lowering: Lowering, y: Phase, x: Phase, products: FloatProducts, bias: np.ndarray | None
) -> Call | None:
    """What outputs are that no tap meets. None if some of their taps are there."""
    if (y.taps >= 0).any() and (x.taps >= 0).any():
        return None
    output = lowering.outputs[0]
    columns = output.dims[3]
    height, width = lowering.kernel.windows
    row, first = output.dims[2] * columns, (y.first * output.dims[2] + x.first) * columns
    return copy(
        padded(products.finish(np.zeros(columns, np.float32), bias)),
        Tensor(output.index, 4 * first),
        (output.dims[0], y.count, x.count, columns),
        (0, 0, 0, 1),
        (output.dims[1] * row, height.stride * row, width.stride * columns, 1),
        4,
    )


def _are_apart(windows: Sequence[Window]) -> bool:
    """Whether each output pixel is in one window, and each window in the output."""
    return all(
        window.filter_size == window.stride and window.before == 0 and window.in_size == window.stride * window.out_size
        for window in windows
    )


def _all_at_once(lowering: Lowering, input: TensorSpec, weights: np.ndarray, biases: np.ndarray) -> list[Call] | None:
    """Products of each input pixel with all taps, rows of which lie below each other."""
    columns, height, width, channels = weights.shape
    taps = weights.transpose(1, 2, 0, 3).reshape(-1, 1, 1, channels)
    images, rows, pixels, _ = input.dims
    windows = [Window(size, 1, 1, 1, size, 0) for size in (rows, pixels)]
    row = width * columns
    way = Way(
        (images * rows, height, pixels, row),
        (pixels * len(taps), row, len(taps), 1),
        (height * pixels * row, pixels * row, row, 1),
    )
    return _convolved(lowering, input, taps, np.tile(biases, height * width), windows, way)


def _phase(
    lowering: Lowering, input: TensorSpec, weights: np.ndarray, biases: np.ndarray, y: Phase, x: Phase
) -> list[Call] | None:
    """The outputs of two phases, which lie as far apart as the strides are."""
    columns, (images, rows, pixels, _), output = len(weights), input.dims, lowering.outputs[0].dims
    height, width = lowering.kernel.windows
    windows = [Window(rows, len(y.taps), 1, 1, y.count, y.before), Window(pixels, len(x.taps), 1, 1, x.count, x.before)]
    row, shape = output[2] * columns, (images, y.count, x.count, columns)
    steps = output[1] * row, height.stride * row, width.stride * columns, 1
    way = Way(shape, contiguous(shape), steps, y.first * row + x.first * columns)
    return _convolved(lowering, input, weights, biases, windows, way)


@dataclass(frozen=True)
class Way:
    """How results of a convolution go into the output: as an array of this shape, from steps to steps, in elements."""

    shape: Sequence[int]
    from_steps: Sequence[int]
    to_steps: Sequence[int]
    first: int = 0


def _convolved(
    lowering: Lowering, input: TensorSpec, weights: np.ndarray, biases: np.ndarray, windows: Sequence[Window], way: Way
) -> list[Call] | None:
    """A convolution into scratch memory, and a copy of its results."""
    sizes = [window.out_size for window in windows]
    results = replace(lowering.outputs[0], shape=(input.dims[0], *sizes, len(weights)))
    inner = Lowering(lowering.kernel, (input,), (results,), lowering.threads, tuple(windows))
    call = convolution(inner, weights, biases)
    moved = copy(Scratch(), Tensor(results.index, 4 * way.first), way.shape, way.from_steps, way.to_steps, 4)
    if call is None or moved is None:
        return None
    size = rounded(4 * results.size + SLACK)
    values = {**call.values, "out": Scratch(), "scratch": Scratch(size)}
    return [
        replace(call, values=values, scratch_bytes=size + call.scratch_bytes),
        replace(moved, scratch_bytes=size),
    ]


@lowers(TransposeConv)
def transpose_conv(lowering: Lowering) -> Sequence[Call] | None:
    """A call for each phase."""
    return _transposed(lowering, input_at=2, bias_at=3)


@lowers(Convolution2DTransposeBias)
def transpose_conv_bias(lowering: Lowering) -> Sequence[Call] | None:
    """A call for each phase."""
    return _transposed(lowering, input_at=0, bias_at=2)


def _transposed(lowering: Lowering, input_at: int, bias_at: int) -> Sequence[Call] | None:
    kernel, filter, input, output = lowering.kernel, lowering.input(1), lowering.input(input_at), lowering.outputs[0]
    bias, products = lowering.given(bias_at), kernel.products
    biases = None if bias is None or bias.value is None else bias.value.ravel()
    if filter.value is None or output.size == 0 or isinstance(products, HybridProducts) or (bias and biases is None):
        return None
    height, width = kernel.windows
    if height.stride * width.stride > MOST_CALLS:
        return None
    activation = None if bias_at == 2 else kernel.options.fused_activation_function
    starts = np.zeros(len(filter.value), np.float32) if biases is None else biases
    if isinstance(products, FloatProducts) and len(filter.value) % COLUMNS and _are_apart(kernel.windows):
        return _all_at_once(lowering, input, products.weights(filter.value), starts)
    calls, fields, element_bytes = left_images(lowering, input_at, products)
    calls = list(calls)
    weights = np.pad(products.weights(filter.value), [(0, 0), (0, 1), (0, 1), (0, 0)])  # tap -1 is zeros
    columns, channels, item_bytes = len(weights), input.dims[3], output.dtype.itemsize
    pixel_bytes = columns * item_bytes
    row_bytes = output.dims[2] * pixel_bytes
    for top, left in pairs(*(range(min(window.stride, window.in_size)) for window in (height, width))):
        y, x = Phase.of(height, top), Phase.of(width, left)
        if isinstance(products, FloatProducts) and (y.lacks_taps or x.lacks_taps):
            filled = _without_taps(lowering, y, x, products, biases)
            if filled is None:
                return None
            calls.append(filled)
            continue
        geometry = Geometry(
            input.dims[0], (input.dims[1], input.dims[2]), (y.count, x.count), (y.before, x.before),
            max(x.reach(), x.before + input.dims[2]), (len(y.taps), len(x.taps)), (1, 1), (1, 1), channels,
            element_bytes, bool(y.before or x.before or y.reach() > input.dims[1] or x.reach() > input.dims[2]),
        )  # fmt: skip
        taps = weights[:, y.taps][:, :, x.taps]
        if isinstance(products, FloatProducts) and columns <= COLUMNS // 2:
            phase = _phase(lowering, input, taps, starts, y, x)
            if phase is None:
                return None
            calls += phase
            continue
        matrix = taps.reshape(columns, len(y.taps), -1).transpose(1, 2, 0)
        stage = stage_of(products, activation, matrix, biases, slice(None))
        if stage is None:
            return None
        out = Out(
            Tensor(output.index, y.first * row_bytes + x.first * pixel_bytes), output.dims[1] * row_bytes,
            height.stride * row_bytes, width.stride * pixel_bytes,
        )  # fmt: skip
        right = Right(columns, matrix.shape[1], matrix)
        calls.append(product(Left(geometry=geometry, **fields), right, out, stage, lowering.threads))
    return calls
