"""What all convolutions have in common: windows, and what becomes of weights that are not finite in the margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from litejit.kernels.geometry import Window
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.products import FloatProducts, Products, Weighted
from litejit.schema import Conv2DOptions, DepthwiseConv2DOptions

__all__ = ["Sliding", "add_inside", "image_windows", "require_filled", "require_padded"]


class Sliding(Weighted):
    """Base of convolutions. windows: one for each spatial dimension.

    Zeros around an image count for nothing, unless weights are infinite or not a number. The official kernels leave
    the margin out, or (multiplies_margin) take products with its zeros, which are not-a-number then.
    """

    windows: tuple[Window, ...]
    products: Products
    multiplies_margin: bool = False
    _odd: bool | None = None

    def leaves_margin_out(self, weights: np.ndarray) -> bool:
        """Whether products with the zeros of the margin have to be left out."""
        if self.multiplies_margin or not isinstance(self.products, FloatProducts):
            return False
        if not any(window.before or window.after for window in self.windows):
            return False
        if self.constant is None:
            return not np.isfinite(weights).all()
        if self._odd is None:
            self._odd = not np.isfinite(self.constant).all()
        return self._odd

    @property
    def is_compilable(self) -> bool:
        """Compiled code takes products with the zeros of the margin."""
        return self.constant is None or not self.leaves_margin_out(self.constant)


def add_inside(
    sums: np.ndarray,
    x: np.ndarray,
    windows: Sequence[Window],
    product: Callable[[np.ndarray, tuple[int, ...]], np.ndarray],
) -> None:
    """Adds up products tap by tap, where the tap lies inside of the image.

    sums: [batch, *out_sizes, channels]; x: [batch, *in_sizes, channels]. product: of elements of x with a tap.
    """
    with np.errstate(all="ignore"):
        for tap in np.ndindex(*(window.filter_size for window in windows)):
            outputs, inputs = zip(*(window.inside(at) for window, at in zip(windows, tap, strict=True)), strict=True)
            seen = x[(slice(None), *inputs)]
            if seen.size:  # a tap may lie in the margin all the time
                sums[(slice(None), *outputs)] += product(seen, tap)


def require_filled(node: Node, input: TensorSpec, filter: TensorSpec) -> None:
    """Requires every dimension of input and filter, but for the batch, to be at least 1."""
    for tensor, sizes in ((input, input.dims[1:]), (filter, filter.dims)):
        node.require(min(sizes) > 0, "{} has shape {}, no dimension may be empty", tensor, tensor.dims)


def require_padded(node: Node, batch: int, windows: Sequence[Window], channels: int) -> None:
    """Requires images with the padding that windows reach into to stay below the limit of a tensor, in float64."""
    sizes = [window.before + window.in_size + window.after for window in windows]
    node.require(
        batch * prod(sizes) * channels * 8 <= node.context.limits.tensor_bytes,
        "windows reach over {} elements, which take more than the limit of {} bytes for a tensor",
        sizes,
        node.context.limits.tensor_bytes,
    )


def image_windows(
    options: Conv2DOptions | DepthwiseConv2DOptions, in_sizes: tuple[int, int], filter_sizes: tuple[int, int]
) -> tuple[Window, Window]:
    """The windows along height and width."""
    return (
        Window.along(
            "height", options.padding, in_sizes[0], filter_sizes[0], options.stride_h, options.dilation_h_factor
        ),
        Window.along(
            "width", options.padding, in_sizes[1], filter_sizes[1], options.stride_w, options.dilation_w_factor
        ),
    )
