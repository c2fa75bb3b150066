"""STABLEHLO_CONVOLUTION, which the official runtime does not have. Semantics: the StableHLO specification."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from litejit.kernels.geometry import spread
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.stablehlo_elements import NUMBERS, kin, refuse_quantized
from litejit.kernels.reference.stablehlo_shape import dimensions
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, StablehloConvolutionOptions

__all__ = ["StablehloConvolution"]


@builtin(BuiltinOperator.STABLEHLO_CONVOLUTION)
class StablehloConvolution(Kernel):
    """Sums of products of a window of lhs with rhs, for any number of spatial dimensions, in any order of dimensions.

    lhs is spread by lhs_dilation and padded (or, below 0, cropped), rhs is spread by rhs_dilation and turned round
    where window_reversal says so. With feature_group_count, a group of lhs's features meets a group of rhs's output
    features; with batch_group_count, a part of lhs's batch does. Options left out are 1, padding 0.
    Products are added in the output's type, which may be another one of the same kind; integers modulo 2**bits.
    """

    types = NUMBERS
    flavours = ALL_FLAVOURS
    options: StablehloConvolutionOptions

    def prepare(self, node: Node) -> None:
        """left, right, back: orders of dimensions. groups: of features. batch_groups: that become features."""
        refuse_quantized(node)
        lhs, o = node.input("lhs"), self.options
        rhs = node.input("rhs", types=lhs.type, rank=lhs.rank)
        node.require(lhs.rank >= 2, "lhs ({}) has shape {}, expected rank 2 or more", lhs, lhs.dims)
        self.left, self.right, back = (
            _order(node, name, first, second, spatial, lhs.rank)
            for name, first, second, spatial in (
                ("input", o.input_batch_dimension, o.input_feature_dimension, o.input_spatial_dimensions),
                (
                    "kernel",
                    o.kernel_output_feature_dimension,
                    o.kernel_input_feature_dimension,
                    o.kernel_spatial_dimensions,
                ),
                ("output", o.output_batch_dimension, o.output_feature_dimension, o.output_spatial_dimensions),
            )
        )
        self.back = tuple(np.argsort(back).tolist())
        batch, features, *sizes = (lhs.dims[axis] for axis in self.left)
        outputs, depth, *window = (rhs.dims[axis] for axis in self.right)
        counts = int(o.feature_group_count), int(o.batch_group_count)
        node.require(min(counts) >= 0, "feature_group_count and batch_group_count are {}, expected at least 1", counts)
        self.feature_groups, self.batch_groups = (max(1, count) for count in counts)
        self.groups = self.feature_groups * self.batch_groups
        node.require(min(self.feature_groups, self.batch_groups) == 1, "features and batch are both in groups")
        node.require(
            features == depth * self.feature_groups and outputs % self.groups == 0 and batch % self.batch_groups == 0,
            "lhs has a batch of {} with {} features, rhs {} times {}, which {} groups do not fit",
            batch,
            features,
            outputs,
            depth,
            self.groups,
        )
        self.out_sizes = self._windows(node, lhs, sizes, window)
        shape = np.array([batch // self.batch_groups, outputs, *self.out_sizes])
        self.dtype = node.output(shape[list(self.back)].tolist(), types=kin(lhs.type)).dtype

    def _windows(self, node: Node, lhs: TensorSpec, sizes: list[int], window: list[int]) -> list[int]:
        """Derives window, strides, dilations, lhs_dilation, padding, padded, reversed; the output's spatial sizes."""
        o, count = self.options, len(sizes)
        self.window = tuple(window)
        self.strides = _sizes(node, "window_strides", o.window_strides, count)
        self.dilations = _sizes(node, "rhs_dilation", o.rhs_dilation, count)
        self.lhs_dilation = _sizes(node, "lhs_dilation", o.lhs_dilation, count)
        padding = [int(value) for value in o.padding] or [0] * 2 * count
        reversal = [bool(value) for value in o.window_reversal] or [False] * count
        node.require(len(padding) == 2 * count, "padding has {} numbers, expected {}", len(padding), 2 * count)
        node.require(len(reversal) == count, "window_reversal has {} values, expected {}", len(reversal), count)
        self.padding = ((0, 0), (0, 0), *zip(padding[::2], padding[1::2], strict=True))
        self.reversed = tuple(slice(None, None, -1) if turned else slice(None) for turned in reversal)
        spread_sizes = [max(0, (size - 1) * by + 1) for size, by in zip(sizes, self.lhs_dilation, strict=True)]
        pairs = zip(spread_sizes, self.padding[2:], strict=True)
        self.padded = tuple(max(0, size + low + high) for size, (low, high) in pairs)
        extents = [max(0, (taps - 1) * by + 1) for taps, by in zip(window, self.dilations, strict=True)]
        node.require(
            prod(self.padded) * lhs.dtype.itemsize <= node.context.limits.tensor_bytes,
            "lhs would be padded to {}, more than the limit of {} bytes for a tensor",
            self.padded,
            node.context.limits.tensor_bytes,
        )
        return [
            0 if size == 0 or extent > size else (size - extent) // stride + 1
            for size, extent, stride in zip(self.padded, extents, self.strides, strict=True)
        ]

    def __call__(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Adds up one tap of the window after the other."""
        x = lhs.transpose(self.left)
        if self.batch_groups > 1:
            batch, features, *sizes = x.shape
            parts = x.reshape(self.batch_groups, batch // self.batch_groups, features, *sizes)
            x = parts.swapaxes(0, 1).reshape(batch // self.batch_groups, -1, *sizes)
        x = spread(x, (1, 1, *self.lhs_dilation), self.padding, (*x.shape[:2], *self.padded), 0)
        kernel = rhs.transpose(self.right)[(..., *self.reversed)]
        outputs, depth = kernel.shape[:2]
        grouped = x.reshape(len(x), self.groups, depth, *self.padded)
        weights = kernel.reshape(self.groups, outputs // self.groups, depth, *self.window)
        places = prod(self.out_sizes)
        total = np.zeros((len(x), self.groups, outputs // self.groups, places), self.dtype)
        for tap in np.ndindex(self.window) if total.size else ():
            steps = zip(tap, self.dilations, self.strides, self.out_sizes, strict=True)
            part = tuple(slice(at * by, at * by + (size - 1) * stride + 1, stride) for at, by, stride, size in steps)
            values = grouped[(..., *part)].reshape(*grouped.shape[:3], places).astype(self.dtype)
            with np.errstate(all="ignore"):
                total += np.matmul(weights[(..., *tap)].astype(self.dtype), values)
        return np.ascontiguousarray(total.reshape(len(x), outputs, *self.out_sizes).transpose(self.back))


def _order(node: Node, name: str, first: Any, second: Any, spatial: Any, rank: int) -> tuple[int, ...]:
    """first, second and spatial dimensions, which have to be all there are."""
    return dimensions(node, f"{name} dimensions", [first, second, *spatial], rank, rank)


def _sizes(node: Node, name: str, values: Any, count: int) -> tuple[int, ...]:
    """count numbers of at least 1, all 1 if left out."""
    sizes = tuple(int(value) for value in values) or (1,) * count
    node.require(len(sizes) == count, "{} has {} numbers, expected {}", name, len(sizes), count)
    node.require(min(sizes, default=1) >= 1, "{} is {}, expected numbers of at least 1", name, sizes)
    return sizes
