"""DEPTHWISE_CONV_2D of INT16 and of dynamic range."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from litejit.kernels.jit.bands import BAND_BYTES, Geometry
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.convolution_products import left_images, stage_of
from litejit.kernels.jit.depthwise import paired_taps
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.products import PRODUCT
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.products import INT16, rounded
from litejit.kernels.reference.convolution import DepthwiseConv2D, _bytes_if_int16
from litejit.kernels.reference.products import FloatProducts

__all__: list[str] = []

_KINDS = ("scaled", "q15", "fixed16")


@lowers(DepthwiseConv2D)
def depthwise_conv2d(lowering: Lowering) -> Sequence[Call] | None:
    """One call, after those that quantize floats."""
    kernel, filter, input, output = lowering.kernel, lowering.input(1), lowering.input(0), lowering.outputs[0]
    bias, products = lowering.given(2), lowering.kernel.products
    biases = None if bias is None or bias.value is None else bias.value.ravel()
    if filter.value is None or output.size == 0 or isinstance(products, FloatProducts) or (bias and biases is None):
        return None
    calls, fields, _ = left_images(lowering, 0, products)
    taps = products.weights(_bytes_if_int16(filter.value))[0]  # [height, width, channels]
    channels = taps.shape[2]
    stage = stage_of(
        products, kernel.options.fused_activation_function, taps.reshape(1, -1, channels), biases, slice(None)
    )
    if stage is None or stage.kind not in _KINDS or fields["element"] != INT16:
        return None
    geometry = Geometry.of(kernel.windows, input.dims[0], input.dims[3], 2, by_pixel=False)
    panels = panels_of(channels)
    pixel_bytes = panels * COLUMNS * 4
    pair_pitch = geometry.padded_width * pixel_bytes
    fitting = max(1, (2 * max(1, BAND_BYTES // pair_pitch) - geometry.extent) // geometry.strides[0] + 1)
    pieces = 1 if lowering.threads == 1 else 3 * lowering.threads
    rows = min(fitting, max(1, -(-geometry.out_size[0] * geometry.images // pieces)), geometry.out_size[0])
    bands = -(-geometry.out_size[0] // rows)
    offsets, doubled = paired_taps(taps, geometry, pair_pitch, pixel_bytes)
    out_pixel = channels * output.dtype.itemsize
    own = rounded((geometry.rows_below(rows) + 1) // 2 * pair_pitch + SLACK)
    shared = fields.get("shared_bytes", 0)
    values = {
        "source": fields["source"],
        "images": padded(fields["image_offsets"].astype(np.int64)),
        "height": geometry.in_size[0],
        "width": geometry.in_size[1],
        "channels": geometry.channels,
        "element": INT16,
        "pad_value": 0,
        "top": geometry.pads[0],
        "left": geometry.pads[1],
        "padded_width": geometry.padded_width,
        "extent": geometry.extent,
        "direct": 0,
        "band_rows": rows,
        "bands": bands,
        "out_height": geometry.out_size[0],
        "out_width": geometry.out_size[1],
        "stride_height": geometry.strides[0],
        "panel_groups": 1,
        "group_panels": panels,
        "panels": panels,
        "pixels": padded((np.arange(geometry.out_size[1]) * geometry.strides[1] * pixel_bytes).astype(np.int32)),
        "segments": padded(offsets),
        "segment_count": offsets.shape[1],
        "segment_steps": 0,
        "block": 0,
        "targets": padded((np.arange(geometry.out_size[1]) * out_pixel).astype(np.int32)),
        "out_image_bytes": prod(output.dims[1:]) * output.dtype.itemsize,
        "out_row_bytes": geometry.out_size[1] * out_pixel,
        "weights": padded(doubled if stage.factor == 2 else doubled // 2),
        "weight_images": padded(np.zeros(1, np.int64)),
        "panel_bytes": offsets.shape[1] * 64,
        "stage": stage.data,
        "out": Tensor(output.index),
        "out_channels": channels,
        "zero_point": stage.zero_point,
        "low": stage.low,
        "high": stage.high,
        "scales": fields.get("scales", padded(np.zeros(16, np.float32))),
        "scale_image_bytes": fields.get("scale_image_bytes", 0),
        "scale_pixel_bytes": 0,
        "scratch": Scratch(shared),
        "scratch_bytes": own,
    }
    call = Call(
        f"depthwise_products.{stage.kind}_{4 if geometry.out_size[1] >= 4 else 1}",
        PRODUCT,
        values,
        items=geometry.images * bands,
        scratch_bytes=own + shared,
        work=output.size * prod(taps.shape[:2]),
    )
    return [*calls, call]
