"""Models that are one block: an expanding, a depthwise and a projecting convolution, and an addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit import ModelBuilder
from litejit.testing import Problem

__all__ = ["Shape", "block", "quantized_block"]

AFTER = np.array([[0, 0], [0, 1], [0, 1], [0, 0]], np.int32)
"""Padding as Keras puts it before convolutions with stride 2."""


@dataclass(frozen=True)
class Shape:
    """A block. expanded: 0 if the depthwise convolution reads the input; strides, filter, dilations: (height, width).

    head: filter, stride and padding of the expansion, if it is the first convolution of a network.
    padding: of the depthwise convolution; "PAD": by an operator, a row and a column after the image.
    functions: operators before and behind the depthwise convolution, "SWISH" for two of them, in blocks of floats only.
    bias: of the depthwise convolution. added: what the projection is added to, "input" or "other"; shown: an inner
    tensor that is an output, too. out_channels: 0 if nothing is projected.
    """

    size: tuple[int, int]
    channels: int
    expanded: int
    out_channels: int
    filter: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: str = "SAME"
    activations: Sequence[str] = ("RELU6", "RELU6", "NONE")
    images: int = 1
    functions: Sequence[str] = ("", "")
    bias: bool = True
    added: str = ""
    shown: str = ""
    dilations: tuple[int, int] = (1, 1)
    seed: int = 0
    head: tuple[int, int, str] = (1, 1, "SAME")


def strides_of(shape: Shape) -> dict[str, Any]:
    """Options of the expansion."""
    _, stride, padding = shape.head
    return {"stride_h": stride, "stride_w": stride, "padding": padding.replace("PAD", "VALID")}


def block(shape: Shape) -> Problem:
    """The operators of a block of floats, one by one."""
    rng = np.random.default_rng(shape.seed)
    b = ModelBuilder()
    images = [rng.normal(size=(shape.images, *shape.size, shape.channels)).astype(np.float32)]
    x = b.input("x", images[0].shape)

    def constants(dims: Sequence[int], channels: int) -> list[Any]:
        weights = rng.normal(size=dims) / np.sqrt(np.prod(dims) / channels)
        values = [weights] if dims[0] == 1 and not shape.bias else [weights, rng.normal(size=channels)]
        return [b.constant(value.astype(np.float32)) for value in values]

    def applied(function: str, x: int) -> int:
        if function == "SWISH":
            return b.op("MUL", [x, b.op("LOGISTIC", [x])])
        return b.op(function, [x]) if function else x

    channels, y, inner = shape.channels, x, {}
    one, two, three = shape.activations
    pointwise: dict[str, Any] = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    if shape.expanded:
        if shape.head[2] == "PAD":
            y = b.op("PAD", [y, b.constant(AFTER)])
        given = [y, *constants((shape.expanded, *shape.head[:1] * 2, channels), shape.expanded)]
        y = inner["expanded"] = b.op("CONV_2D", given, fused_activation_function=one, **strides_of(shape))
        channels = shape.expanded
    y = applied(shape.functions[0], y)
    if shape.padding == "PAD":
        y = b.op("PAD", [y, b.constant(AFTER)])
    y = inner["middle"] = b.op(
        "DEPTHWISE_CONV_2D",
        [y, *constants((1, *shape.filter, channels), channels)],
        stride_h=shape.strides[0],
        stride_w=shape.strides[1],
        dilation_h_factor=shape.dilations[0],
        dilation_w_factor=shape.dilations[1],
        padding=shape.padding.replace("PAD", "VALID"),
        depth_multiplier=1,
        fused_activation_function=two,
    )
    y = applied(shape.functions[1], y)
    if shape.out_channels:
        given = [y, *constants((shape.out_channels, 1, 1, channels), shape.out_channels)]
        y = inner["projected"] = b.op("CONV_2D", given, fused_activation_function=three, **pointwise)
    if shape.added:
        other = x
        if shape.added == "other":
            out_size = [-(-size // stride) for size, stride in zip(shape.size, shape.strides, strict=True)]
            images.append(rng.normal(size=(shape.images, *out_size, shape.out_channels)).astype(np.float32))
            other = b.input("other", images[1].shape)
        y = b.op("ADD", [y, other], fused_activation_function="RELU")
    b.output(y, *([inner[shape.shown]] if shape.shown else []))
    return Problem(b.to_bytes(), images)


def quantized_block(shape: Shape, dtype: Any, extreme: bool = False, near: int = 255) -> Problem:
    """The same of bytes; extreme: weights and inputs at the ends of their ranges, sums that saturate.

    near: how far weights are from their zero point at most.
    """
    rng, b, limits = np.random.default_rng(shape.seed), ModelBuilder(), np.iinfo(dtype)
    low, high, signed = int(limits.min), int(limits.max), dtype == np.int8
    dims = (shape.images, *shape.size, shape.channels)
    image = rng.choice([low, high], dims) if extreme else rng.integers(low, high + 1, dims)
    zero = int(rng.integers(low, high + 1))
    y = x = b.input("x", dims, dtype, scale=0.02, zero_point=zero)
    scale, channels, inner = 0.02, shape.channels, {}

    def convolve(name: str, source: int, dims: Sequence[int], channels: int, activation: str, **options: Any) -> int:
        nonlocal scale, zero
        weights = rng.choice([low + signed, high], dims) if extreme else rng.integers(low + signed, high + 1, dims)
        scales = rng.uniform(0.002, 0.01, channels if signed else 1)
        weights_zero = 0 if signed else int(rng.integers(low, high + 1))
        filter = b.constant(
            np.clip(weights, weights_zero - near, weights_zero + near).astype(dtype),
            scale=scales,
            zero_point=[weights_zero] * scales.size,
            **({"quantized_dimension": 3 if name == "middle" else 0} if signed else {}),
        )
        bias = b.constant(
            rng.integers(-3000, 3000, channels).astype(np.int32), scale=scale * scales, zero_point=[0] * scales.size
        )
        depth = np.prod(dims) / channels
        out = scale * float(scales.max()) * (70 if extreme else 40 * np.sqrt(depth))
        # Results that are rectified have any zero point, too.
        out_zero = low if rng.integers(3) and activation != "NONE" else int(rng.integers(low, high + 1))
        y = b.op(
            "DEPTHWISE_CONV_2D" if name == "middle" else "CONV_2D",
            [source, filter, *([bias] if shape.bias or name != "middle" else [])],
            outputs=[{"dtype": dtype, "scale": out, "zero_point": out_zero}],
            fused_activation_function=activation,
            **options,
        )
        scale, zero, inner[name] = out, out_zero, y
        return y

    one, two, three = shape.activations
    pointwise: dict[str, Any] = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    if shape.expanded:
        if shape.head[2] == "PAD":
            y = b.op("PAD", [y, b.constant(AFTER)], outputs=[{"dtype": dtype, "scale": scale, "zero_point": zero}])
        dims = (shape.expanded, *shape.head[:1] * 2, channels)
        y = convolve("expanded", y, dims, shape.expanded, one, **strides_of(shape))
        channels = shape.expanded
    if shape.padding == "PAD":
        y = b.op("PAD", [y, b.constant(AFTER)], outputs=[{"dtype": dtype, "scale": scale, "zero_point": zero}])
    strides: dict[str, Any] = {
        "padding": shape.padding.replace("PAD", "VALID"),
        "stride_h": shape.strides[0],
        "stride_w": shape.strides[1],
        "dilation_h_factor": shape.dilations[0],
        "dilation_w_factor": shape.dilations[1],
        "depth_multiplier": 1,
    }
    y = convolve("middle", y, (1, *shape.filter, channels), channels, two, **strides)
    y = convolve("projected", y, (shape.out_channels, 1, 1, channels), shape.out_channels, three, **pointwise)
    images = [image]
    if shape.added:
        operands = [y, x]
        if shape.added == "other":
            out_size = [-(-size // stride) for size, stride in zip(shape.size, shape.strides, strict=True)]
            images.append(rng.integers(low, high + 1, (shape.images, *out_size, shape.out_channels)))
            operands = [b.input("other", images[1].shape, dtype, scale=0.3, zero_point=low + 9), y]
        y = b.op("ADD", operands, outputs=[{"dtype": dtype, "scale": 0.05, "zero_point": 3}])
    b.output(y, *([inner[shape.shown]] if shape.shown else []))
    return Problem(b.to_bytes(), [each.astype(dtype) for each in images])
