"""Compiled convolutions of INT16 and of dynamic range against the reference tier, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled
from tests.ops.products import KINDS, operands

KINDS_HERE = [kind for kind in KINDS if kind.startswith(("int16", "hybrid"))]


def convolution(seed: int, kind: str, depthwise: bool, **fixed: Any) -> Problem:
    """A convolution of random shape; keywords fix what they name."""
    rng = np.random.default_rng(seed)
    draw: dict[str, Any] = {
        "batch": int(rng.integers(1, 4)),
        "height": int(rng.integers(1, 15)),
        "width": int(rng.integers(1, 15)),
        "channels": int(rng.integers(1, 36)),
        "columns": int(rng.integers(1, 80)),
        "kernel": (int(rng.integers(1, 5)), int(rng.integers(1, 5))),
        "strides": (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        "dilations": (int(rng.choice([1, 1, 1, 2, 3])), int(rng.choice([1, 1, 1, 2]))),
        "padding": str(rng.choice(["SAME", "VALID"])),
        "activation": str(rng.choice(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])),
        "multiplier": int(rng.choice([1, 1, 2, 3])),
        "groups": 1,
    } | fixed
    kh, kw = draw["kernel"]
    height = max(draw["height"], (kh - 1) * draw["dilations"][0] + 1)
    width = max(draw["width"], (kw - 1) * draw["dilations"][1] + 1)
    channels, groups = draw["channels"], draw["groups"]
    options: dict[str, Any] = {
        "stride_h": draw["strides"][0],
        "stride_w": draw["strides"][1],
        "dilation_h_factor": draw["dilations"][0],
        "dilation_w_factor": draw["dilations"][1],
        "padding": draw["padding"],
        "fused_activation_function": draw["activation"],
    }
    shape: tuple[int, ...] = (draw["columns"] * groups, kh, kw, channels)
    if depthwise:
        options["depth_multiplier"] = draw["multiplier"]
        shape = (1, kh, kw, channels * draw["multiplier"])
    image = (draw["batch"], height, width, channels * groups)
    values = operands(KINDS[kind], image, shape, channel_axis=3 if depthwise else 0, seed=seed)
    given = [values.input, values.weights, values.bias]
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    if not depthwise:
        options |= KINDS[kind].options
    return single_op(name, given, outputs=values.outputs, **options)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", KINDS_HERE)
def test_convolution(kind: str, seed: int) -> None:
    # Sums of 32 bits that may wrap are left to the reference tier.
    served = None if kind == "int16-int32" else ("products", "quantizing")
    check_compiled(convolution(seed, kind, False), served, threads=1 + seed % 2)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", [kind for kind in KINDS_HERE if kind not in ("int16-int32", "hybrid-int4")])
def test_depthwise(kind: str, seed: int) -> None:
    check_compiled(convolution(seed, kind, True), ("depthwise_products", "quantizing"), threads=1 + seed % 2)


@pytest.mark.parametrize("kind", ["float", "uint8", "int8", "int8-channels", "int8-int4", *KINDS_HERE])
def test_groups(kind: str) -> None:
    for groups in (2, 3, 20):
        fixed: dict[str, Any] = {"groups": groups, "channels": 3, "columns": 5, "kernel": (3, 2), "width": 9}
        check_compiled(convolution(groups, kind, False, **fixed), "", atol=5e-5)


def test_sums_of_more_than_32_bits() -> None:
    x = np.full((1, 6, 5, 70), -32768)
    x[0, 2], x[0, 3, :, ::2] = 32767, 32767
    for weight in (127, -127):
        given = [
            Input(x, np.int16, scale=1e-4),
            Const(np.full((20, 3, 3, 70), weight), np.int8, scale=0.01),
            Const(np.arange(20) << 36, np.int64, scale=1e-6),
        ]
        for padding in ("SAME", "VALID"):
            options = {"stride_h": 1, "stride_w": 1, "padding": padding}
            problem = single_op("CONV_2D", given, outputs=[out(np.int16, scale=0.05)], **options)
            check_compiled(problem, "products.q15_wide")


def test_images_of_many_chunks() -> None:
    fixed: dict[str, Any] = {"height": 60, "width": 50, "channels": 13, "batch": 2, "columns": 20}
    for kind in ("hybrid", "hybrid-channels"):
        check_compiled(convolution(3, kind, False, **fixed), "quantizing", threads=2)
        check_compiled(convolution(3, kind, True, **fixed), "quantizing", threads=2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_channels_without_weights(dtype: Any) -> None:
    zero_point = 0 if dtype is np.int8 else 130
    rng = np.random.default_rng(0)
    weights = rng.integers(zero_point - 100, zero_point + 100, (20, 3, 3, 9)).astype(dtype)
    weights[3:9] = zero_point
    scales = np.full(20 if dtype is np.int8 else 1, 0.01, np.float32)
    bias = rng.integers(-9000, 9000, 20)
    if dtype is np.int8:
        scales[3:7], bias[3:7] = 1e-9, [2**31 - 1, -(2**31), 2**30, -(2**30)]
        scales[10:12], bias[10:12] = 1e-14, [2**31 - 1, -(2**31) + 7]
    for output_scale in (0.1, 1.5, 1e-4):
        given = [
            Input(rng.integers(0, 100, (2, 7, 6, 9)), dtype, scale=0.05, zero_point=3),
            Const(weights, scale=scales, zero_point=[zero_point] * scales.size),
            Const(bias, np.int32, scale=np.float32(0.05) * scales),
        ]
        outputs = [out(dtype, scale=output_scale, zero_point=40)]
        problem = single_op("CONV_2D", given, outputs=outputs, stride_h=1, stride_w=1, padding="SAME")
        check_compiled(problem, ("convolution", "products", "winograd"))


def test_results_that_do_not_depend_on_the_input() -> None:
    rng = np.random.default_rng(1)
    weights = rng.integers(-100, 101, (20, 1, 1, 40)).astype(np.int8)
    scales, bias = np.full(20, 0.01, np.float32), rng.integers(-9000, 9000, 20)
    scales[3:6], bias[3:6] = 4e-9, [2**30 + 12345, -(2**30) - 128, 2**31 - 700_000]
    given = [
        Input(rng.integers(-128, 128, (2, 7, 6, 40)), np.int8, scale=0.05, zero_point=3),
        Const(weights, scale=scales, zero_point=[0] * 20),
        Const(bias, np.int32, scale=np.float32(0.05) * scales),
    ]
    outputs = [out(np.int8, scale=0.05, zero_point=4)]
    check_compiled(single_op("CONV_2D", given, outputs=outputs, stride_h=1, stride_w=1), "products")
