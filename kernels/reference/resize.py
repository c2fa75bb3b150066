"""Resizing images: RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR, [batch, height, width, channels]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import CHUNK, round_half_away, rounding_divide_by_pot
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.delegation import takes_resize
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, ResizeBilinearOptions, ResizeNearestNeighborOptions, TensorType

__all__ = ["ResizeBilinear", "ResizeNearestNeighbor"]


def _resized(node: Node, lowest: int) -> tuple[TensorSpec, int, int]:
    """Declares the output; returns the input, the output height and width (each at least lowest)."""
    x = node.input("input", rank=4)
    node.input("size", types=TensorType.INT32, shape=(2,))
    height, width = (int(v) for v in node.value("size"))
    node.require(min(height, width) >= lowest, "size is [{}, {}], expected at least {}", height, width, lowest)
    node.require(0 not in x.dims[1:3] or 0 in (height, width), "input of shape {} has no pixels", x.dims)
    node.output((x.dims[0], height, width, x.dims[3]), type=x.type)
    return x, height, width


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Where the pixels of one dimension of the output lie in the input.

    lower, upper: [out_size] the two neighbours; weight: [out_size] the share of upper, in units of one step.
    """

    lower: np.ndarray
    upper: np.ndarray
    weight: np.ndarray

    @classmethod
    def real(cls, in_size: int, out_size: int, align_corners: bool, half_pixel_centers: bool) -> Interpolation:
        """Weights as float32. Source: reference/resize_bilinear.h (ComputeInterpolationValues)."""
        corners = int(align_corners and out_size > 1)
        scale = np.float32(in_size - corners) / np.float32(out_size - corners)
        position = np.arange(out_size, dtype=np.float32)
        half = np.float32(0.5)
        position = (position + half) * scale - half if half_pixel_centers else position * scale
        lower = np.clip(np.floor(position), 0, in_size - 1)
        upper = np.clip(np.ceil(position), 0, in_size - 1)
        return cls(lower.astype(np.int64), upper.astype(np.int64), position - lower)

    @classmethod
    def fixed_point(cls, in_size: int, out_size: int, align_corners: bool, half_pixel_centers: bool) -> Interpolation:
        """Weights in units of 2**-10. Source: reference/resize_bilinear.h (ComputeInterpolationValuesInteger)."""
        corners = int(align_corners and out_size > 1)
        old, new = in_size - corners, out_size - corners
        scale = ((old << 10) + new // 2) // new
        position = np.arange(out_size, dtype=np.int64) * scale
        if half_pixel_centers:
            position += scale // 2 - (1 << 9)
        lower = np.clip(position >> 10, 0, in_size - 1)
        upper = np.clip((position + 1023) >> 10, 0, in_size - 1)
        return cls(lower, upper, position - (lower << 10))

    @classmethod
    def xnnpack(cls, in_size: int, out_size: int, align_corners: bool, half_pixel_centers: bool) -> Interpolation:
        """Weights in units of 2**-11. Source: XNNPACK src/indirection.c (init_resize_bilinear2d_hwc_q11)."""
        corners = int(align_corners and out_size > 1)
        scale = np.float32(in_size - corners) / np.float32(out_size - corners)
        position = np.arange(out_size, dtype=np.float32) * scale
        if half_pixel_centers:
            position += np.float32(0.5) * scale - np.float32(0.5)
        position = np.clip(position, 0, np.float32(in_size - 1))
        lower = position.astype(np.int64)
        weight = np.rint((position - lower.astype(np.float32)) * np.float32(2048)).astype(np.int64)
        return cls(lower, np.minimum(lower + 1, in_size - 1), weight)

    def neighbours(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[..., in_size, channels] -> both neighbours of every output pixel, [..., out_size, channels]."""
        return x.take(self.lower, axis=-2), x.take(self.upper, axis=-2)


Blend = Callable[[np.ndarray, np.ndarray, np.ndarray, Interpolation], np.ndarray]
"""(top, bottom: [rows, in_width, channels], weight of bottom: [rows, 1, 1], columns) -> [rows, out_width, channels]."""


def _blend_real(top: np.ndarray, bottom: np.ndarray, dy: np.ndarray, columns: Interpolation) -> np.ndarray:
    """Four products of pixel, row weight, column weight, in this order, summed in this order, in float32."""
    dx = columns.weight[:, None]
    top_left, top_right = columns.neighbours(top * (1 - dy))
    bottom_left, bottom_right = columns.neighbours(bottom * dy)
    return top_left * (1 - dx) + bottom_left * (1 - dx) + top_right * dx + bottom_right * dx


def _blend_products(top: np.ndarray, bottom: np.ndarray, dy: np.ndarray, columns: Interpolation) -> np.ndarray:
    """As `_blend_real` with the weights multiplied first."""
    dx = columns.weight[:, None]
    (top_left, top_right), (bottom_left, bottom_right) = columns.neighbours(top), columns.neighbours(bottom)
    above = top_left * ((1 - dy) * (1 - dx)) + top_right * ((1 - dy) * dx)
    return above + bottom_left * (dy * (1 - dx)) + bottom_right * (dy * dx)


def _rounding_up(blend: Blend) -> Blend:
    """uint8 results of a blend in floats: half is added, the fraction cut off."""
    return lambda *operands: blend(*operands) + np.float32(0.5)


def _blend_unrounded(top: np.ndarray, bottom: np.ndarray, dy: np.ndarray, columns: Interpolation) -> np.ndarray:
    """10-bit weights; the result has 20 fractional bits."""
    dx = columns.weight[:, None]
    left, right = columns.neighbours(top * (1024 - dy) + bottom * dy)
    return left * (1024 - dx) + right * dx


def _blend_fixed_point(top: np.ndarray, bottom: np.ndarray, dy: np.ndarray, columns: Interpolation) -> np.ndarray:
    """10-bit weights, rounded once, ties away from zero."""
    return rounding_divide_by_pot(_blend_unrounded(top, bottom, dy, columns), 20)


def _blend_fixed_point_ties_up(
    top: np.ndarray, bottom: np.ndarray, dy: np.ndarray, columns: Interpolation
) -> np.ndarray:
    """10-bit weights, rounded once, ties up."""
    return (_blend_unrounded(top, bottom, dy, columns) + (1 << 19)) >> 20


def _blend_xnnpack(top: np.ndarray, bottom: np.ndarray, dy: np.ndarray, columns: Interpolation) -> np.ndarray:
    """11-bit weights, rounded once, ties up."""
    dx = columns.weight[:, None]
    left, right = columns.neighbours((top.astype(np.int64) << 11) + dy * (bottom.astype(np.int64) - top))
    return ((left << 11) + dx * (right - left) + (1 << 21)) >> 22


@builtin(BuiltinOperator.RESIZE_BILINEAR, versions=(1, 4))
class ResizeBilinear(Kernel):
    """Linear interpolation between the four nearest pixels; size: [2] int32 height and width of the output.

    float32; uint8 (float32 weights); int8, int16 (10-bit weights). Pixels are aligned at their corners, or at the
    centres of the corner pixels (align_corners), or at their centres (half_pixel_centers).
    Raises InvalidModelError when a size is not positive. Both options exclude each other; the official kernel does not
    look at that where size is no constant, which is followed as far as it reads no pixels that there are not. It does
    that for int8 and int16, too, where 10-bit steps lead beyond the last pixel: here, they end there.
    Semantics: LiteRT tflite/kernels/resize_bilinear.cc, internal/reference/resize_bilinear.h; litert-opt multiplies the
    weights of uint8 first; xnnpack has 11-bit weights for int8 and uint8 where size is a constant.
    """

    types = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16)
    flavours = ALL_FLAVOURS
    options: ResizeBilinearOptions

    def prepare(self, node: Node) -> None:
        """Derives `blend` and the interpolation of rows and columns."""
        align_corners, half_pixel_centers = self.options.align_corners, self.options.half_pixel_centers
        x, height, width = _resized(node, 1)
        if align_corners and half_pixel_centers:
            near = all(
                old - 1 < 3 * (new - 1) or new == 1 for old, new in zip(x.dims[1:3], (height, width), strict=True)
            )
            static = node.input("size").value is not None
            node.require(near and not static, "align_corners and half_pixel_centers exclude each other")
        delegated = self.flavour == "xnnpack" and takes_resize(x, node.input("size"))
        self.blend, interpolation = self._arithmetic(x.type, delegated)
        self.rows = interpolation(x.dims[1], height, align_corners, half_pixel_centers)
        self.columns = interpolation(x.dims[2], width, align_corners, half_pixel_centers)

    def _arithmetic(self, type: TensorType, delegated: bool) -> tuple[Blend, Callable[..., Interpolation]]:
        if type == TensorType.FLOAT32:
            return _blend_real, Interpolation.real
        if type == TensorType.INT16 or (type == TensorType.INT8 and not delegated):
            ties_up = self.flavour == "single-rounding"
            return _blend_fixed_point_ties_up if ties_up else _blend_fixed_point, Interpolation.fixed_point
        if delegated:
            return _blend_xnnpack, Interpolation.xnnpack
        optimised = self.flavour in ("litert-opt", "xnnpack")
        return _rounding_up(_blend_products if optimised else _blend_real), Interpolation.real

    def __call__(self, input: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The output, some rows of an image at a time."""
        batch, _, in_width, channels = input.shape
        rows, columns = self.rows, self.columns
        out_height, out_width = rows.lower.size, columns.lower.size
        output = np.empty((batch, out_height, out_width, channels), input.dtype)
        step = max(1, CHUNK // max(1, max(in_width, out_width) * channels))
        for image, result in zip(input, output, strict=True):
            for start in range(0, out_height, step):
                block = slice(start, start + step)
                top, bottom = image[rows.lower[block]], image[rows.upper[block]]
                with np.errstate(all="ignore"):
                    result[block] = self.blend(top, bottom, rows.weight[block, None, None], columns)
        return output


@builtin(BuiltinOperator.RESIZE_NEAREST_NEIGHBOR, versions=(1, 4))
class ResizeNearestNeighbor(Kernel):
    """The nearest pixel of every output pixel; size: [2] int32 height and width of the output.

    Any type of 8, 16 or 32 bits. Positions as in RESIZE_BILINEAR, in float32; rounded half away with align_corners,
    down otherwise.
    Semantics: LiteRT tflite/kernels/resize_nearest_neighbor.cc, internal/reference/resize_nearest_neighbor.h.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.INT32,
        TensorType.UINT32,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.INT16,
        TensorType.UINT16,
        TensorType.INT8,
        TensorType.UINT8,
        TensorType.BOOL,
        TensorType.FLOAT8_E4M3FN,
        TensorType.FLOAT8_E5M2,
    )
    flavours = ALL_FLAVOURS
    options: ResizeNearestNeighborOptions

    def prepare(self, node: Node) -> None:
        """Derives rows and columns, the source of every output row and column."""
        x, height, width = _resized(node, 0)
        self.rows, self.columns = self._nearest(x.dims[1], height), self._nearest(x.dims[2], width)

    def _nearest(self, in_size: int, out_size: int) -> np.ndarray:
        corners = int(self.options.align_corners and out_size > 1)
        scale = np.float32(in_size - corners) / np.float32(max(out_size - corners, 1))
        offset = np.float32(0.5 if self.options.half_pixel_centers else 0)
        position = (np.arange(out_size, dtype=np.float32) + offset) * scale
        rounded = round_half_away(position) if self.options.align_corners else np.floor(position)
        return np.clip(rounded, 0, in_size - 1).astype(np.int64)

    def __call__(self, input: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The output."""
        return input.take(self.rows, axis=1).take(self.columns, axis=2)
