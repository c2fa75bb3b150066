"""CONV_3D on the fast tier: each plane of the output is an image, whose rows see several planes of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from litejit.kernels.jit.bands import Geometry
from litejit.kernels.jit.broadcasting import contiguous
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.volumes import WITHOUT_MARGIN
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.matrices import pack_call
from litejit.kernels.jit.moving import copy
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.products import FLOAT, Left, Out, Right, product, rounded
from litejit.kernels.jit.stages import PackedStage, float_stage
from litejit.kernels.node import Shape
from litejit.kernels.reference.convolution_3d import Conv3D

__all__: list[str] = []


@lowers(Conv3D)
def conv3d(lowering: Lowering) -> Sequence[Call] | None:
    """The volumes with their padding, the filter if it is not constant, then the products.

    A filter that is not constant may hold infinities, which the margin's zeros must not be multiplied by: where it
    does, the sums are taken again.
    """
    kernel, input, filter, output = lowering.kernel, lowering.input(0), lowering.input(1), lowering.outputs[0]
    bias = lowering.given(2)
    if output.size == 0 or (bias is not None and bias.value is None):
        return None
    depth, height, width = kernel.windows
    channels, columns = filter.dims[3:]
    calls, source, dims = _with_padding(lowering)
    used = calls[-1].scratch_bytes if calls else 0
    geometry = Geometry(
        input.dims[0] * depth.out_size,
        (dims[2], dims[3]),
        (height.out_size, width.out_size),
        (0, 0),
        dims[3],
        (height.filter_size, width.filter_size),
        (height.stride, width.stride),
        (height.dilation, width.dilation),
        channels,
        4,
        False,
    )
    by_tap = geometry.dilations[1] > 1
    steps = channels if by_tap else channels * geometry.taps[1]
    plane = prod(dims[2:]) * 4
    planes = np.arange(depth.filter_size) * depth.dilation * plane
    if (planes + plane).max() >= 1 << 31:
        return None
    right = Right(columns, steps, None if filter.value is None else filter.value.reshape(-1, steps, columns))
    if filter.value is None:
        taps, panels, at = prod(filter.dims[:4]), panels_of(columns), used
        used = rounded(at + panels * taps * 64 + SLACK)
        calls.append(pack_call("floats", Tensor(filter.index), Scratch(at), taps, columns, panels, panels, used=used))
        right = replace(right, source=Scratch(at), panel_bytes=64 * taps)
    starts = np.add.outer(np.arange(input.dims[0]) * dims[1], np.arange(depth.out_size) * depth.stride).ravel()
    left = Left(source, geometry, starts * plane, FLOAT, shared_bytes=used, by_tap=by_tap, planes=planes)
    pixel_bytes = columns * 4
    row_bytes = geometry.out_size[1] * pixel_bytes
    out = Out(Tensor(output.index), geometry.out_size[0] * row_bytes, row_bytes, pixel_bytes)
    start = None if bias is None or bias.value is None else bias.value.ravel()
    stage = float_stage(kernel.products.activation, start, columns)
    calls.append(product(left, right, out, stage, lowering.threads))
    if filter.value is None and dims != input.dims:
        calls.append(_without_margin(lowering, start, stage))
    return calls


def _without_margin(lowering: Lowering, bias: np.ndarray | None, stage: PackedStage) -> Call:
    input, filter, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    windows = lowering.kernel.windows
    channels, columns = filter.dims[3:]
    sizes = {
        "in_sizes": [window.in_size for window in windows],
        "out_sizes": [window.out_size for window in windows],
        "filter_sizes": [window.filter_size for window in windows],
        "strides": [window.stride for window in windows],
        "dilations": [window.dilation for window in windows],
        "before": [window.before for window in windows],
    }
    values = {
        "source": Tensor(input.index),
        "filter": Tensor(filter.index),
        "bias": padded(np.zeros(columns, np.float32) if bias is None else bias),
        "out": Tensor(output.index),
        "low": float(stage.low),
        "high": float(stage.high),
        "filter_size": filter.size,
        "channels": channels,
        "columns": columns,
        **{name: padded(np.array(numbers, np.int64)) for name, numbers in sizes.items()},
    }
    planes = output.dims[0] * output.dims[1]
    return Call("volumes.without_margin", WITHOUT_MARGIN, values, items=planes, work=planes * filter.size)


def _with_padding(lowering: Lowering) -> tuple[list[Call], Tensor | Scratch, Shape]:
    """Calls that copy the volumes with zeros around them, if there is padding; where they are then, and their shape."""
    input, windows = lowering.input(0), lowering.kernel.windows
    if not any(window.before or window.after for window in windows):
        return [], Tensor(input.index), input.dims
    sizes = (
        max(window.before + window.in_size, (window.out_size - 1) * window.stride + window.extent) for window in windows
    )
    dims = (input.dims[0], *sizes, input.dims[4])
    steps, used = contiguous(dims), rounded(prod(dims) * 4 + SLACK)
    first = sum(window.before * step for window, step in zip(windows, steps[1:4], strict=True))
    zeros = padded(np.zeros(64, np.uint8))
    calls = [
        copy(zeros, Scratch(), (prod(dims),), (1,), (1,), 4, fills=True),
        copy(Tensor(input.index), Scratch(first * 4), input.dims, contiguous(input.dims), steps, 4),
    ]
    return [replace(call, scratch_bytes=used) for call in calls if call is not None], Scratch(), dims
