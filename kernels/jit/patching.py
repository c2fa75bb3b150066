"""Patches: what the filter of a convolution sees of each pixel, side by side, for kernels of 1 x 1 convolutions."""

from __future__ import annotations

from math import prod

from litejit.kernels.jit.bands import Geometry
from litejit.kernels.jit.call import Call, Scratch, Tensor
from litejit.kernels.jit.layouts.patching import PATCHES
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.products import rounded
from litejit.schema import TensorType

__all__ = ["depth_of", "has_patches", "padded_bytes", "patch_call"]


def has_patches(convolution: Lowering | None) -> bool:
    """Whether it sees more than single pixels, or not each of them."""
    return convolution is not None and any(
        window.filter_size > 1 or window.out_size != window.in_size for window in convolution.windows
    )


def depth_of(convolution: Lowering) -> int:
    """Products of a result: elements of a patch."""
    return prod(convolution.input(1).dims[1:])


def _geometry(convolution: Lowering, element_bytes: int) -> Geometry:
    channels = convolution.input(0).dims[3]
    return Geometry.of(convolution.windows, 1, channels, element_bytes, by_pixel=False)


def padded_bytes(convolution: Lowering | None, rows: int, element_bytes: int) -> int:
    """Scratch memory of the rows of the input, with their padding, that so many rows of patches are copied from.

    0 without patches.
    """
    if convolution is None or not has_patches(convolution):
        return 0
    geometry = _geometry(convolution, element_bytes)
    return rounded(geometry.rows_below(rows) * geometry.padded_width * geometry.channels * element_bytes)


def patch_call(convolution: Lowering, element_bytes: int, memory: tuple[Scratch, Scratch, int]) -> Call:
    """What copies patches of rows of one image. Elements of one byte are widened to 16 bits.

    memory: where padded rows and patches lie in the scratch memory of the first thread, bytes of that of each thread.
    """
    input, geometry = convolution.input(0), _geometry(convolution, element_bytes)
    (height, width), (out_height, out_width), (top, left) = geometry.in_size, geometry.out_size, geometry.pads
    values = {
        "source": Tensor(input.index),
        "image_bytes": prod(input.dims[1:]) * input.dtype.itemsize,
        "height": height,
        "width": width,
        "channels": geometry.channels,
        "is_unsigned": int(input.type == TensorType.UINT8),
        "rows": geometry.taps[0],
        "columns": geometry.taps[1],
        "row_stride": geometry.strides[0],
        "column_stride": geometry.strides[1],
        "top": top,
        "left": left,
        "pad_value": input.zero_point if element_bytes == 2 else 0,
        "padded_width": geometry.padded_width,
        "out_height": out_height,
        "out_width": out_width,
        "pitch": element_bytes * depth_of(convolution),
        **dict(zip(("padded", "patches", "scratch_bytes"), memory, strict=True)),
    }
    return Call("patching.float32" if element_bytes == 4 else "patching.int16", PATCHES, values)
