"""Compiled convolutions against the reference tier: shapes drawn at random, then the edges of every path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled

FLOAT_ATOL = 2e-5
"""Sums of up to some hundred products of numbers below 1, added in another order."""


def convolution(seed: int, dtype: Any, depthwise: bool, **fixed: Any) -> Problem:
    """A convolution of random shape; keywords fix what they name."""
    rng = np.random.default_rng(seed)
    draw: dict[str, Any] = {
        "batch": int(rng.integers(1, 3)),
        "height": int(rng.integers(1, 15)),
        "width": int(rng.integers(1, 15)),
        "channels": int(rng.integers(1, 36)),
        "columns": int(rng.integers(1, 36)),
        "kernel": (int(rng.integers(1, 5)), int(rng.integers(1, 5))),
        "strides": (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        "dilations": (int(rng.choice([1, 1, 1, 2, 3])), int(rng.choice([1, 1, 1, 2]))),
        "padding": str(rng.choice(["SAME", "VALID"])),
        "activation": str(rng.choice(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])),
        "multiplier": int(rng.choice([1, 1, 1, 2, 3, 9])),
        "per_channel": bool(rng.integers(2)) and dtype != np.uint8,
        "spread": 40.0,
        "input_zero_point": int(rng.integers(-20, 20)) + (128 if dtype == np.uint8 else 0),
        "type": None,
    } | fixed
    kh, kw = draw["kernel"]
    extent = (kh - 1) * draw["dilations"][0] + 1, (kw - 1) * draw["dilations"][1] + 1
    height, width = max(draw["height"], extent[0]), max(draw["width"], extent[1])
    channels, columns = draw["channels"], draw["channels"] * draw["multiplier"] if depthwise else draw["columns"]
    shape = (1, kh, kw, columns) if depthwise else (columns, kh, kw, channels)
    depth = kh * kw * (1 if depthwise else channels)
    options = {
        "stride_h": draw["strides"][0],
        "stride_w": draw["strides"][1],
        "dilation_h_factor": draw["dilations"][0],
        "dilation_w_factor": draw["dilations"][1],
        "padding": draw["padding"],
        "fused_activation_function": draw["activation"],
    }
    if depthwise:
        options["depth_multiplier"] = draw["multiplier"]
    image = (draw["batch"], height, width, channels)
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    if dtype == np.float32:
        operands = [
            Input(rng.uniform(-1, 1, image), np.float32),
            Const(rng.uniform(-1, 1, shape), np.float32),
            Const(rng.uniform(-1, 1, columns), np.float32),
        ]
        return single_op(name, operands, **options)
    info = np.iinfo(dtype)
    count = columns if draw["per_channel"] else 1
    scales = np.float32(draw["spread"]) * rng.uniform(0.2, 1, count).astype(np.float32) / np.float32(depth * 3000)
    x = Input(rng.integers(info.min, info.max + 1, image), dtype, scale=0.1, zero_point=draw["input_zero_point"])
    if dtype == np.uint8:
        weights = Const(rng.integers(0, 256, shape), dtype, scale=scales, zero_point=int(rng.integers(100, 150)))
    else:
        low = -8 if draw["type"] is not None else -127
        axis = {"quantized_dimension": 3 if depthwise else 0} if count > 1 else {}
        weights = Const(rng.integers(low, -low, shape), np.int8, scale=scales, zero_point=[0] * count, **axis)
        if draw["type"] is not None:
            weights.keywords["type"] = draw["type"]
    bias = Const(rng.integers(-3000, 3000, columns), np.int32, scale=np.float32(0.1) * scales, zero_point=[0] * count)
    output_zero_point = int(rng.integers(-30, 30)) + (128 if dtype == np.uint8 else 0)
    outputs = [out(dtype, scale=0.05, zero_point=output_zero_point)]
    return single_op(name, [x, weights, bias], outputs=outputs, **options)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
@pytest.mark.parametrize("depthwise", [False, True], ids=["conv", "depthwise"])
def test_random(depthwise: bool, dtype: Any, seed: int) -> None:
    problem = convolution(seed, dtype, depthwise)
    kinds = ("float", "repeated") if dtype == np.float32 else ("int8",)
    names = ("depthwise", "convolution") if depthwise else ("convolution", "winograd")
    kernels = (*(f"{name}.{kind}" for name in names for kind in kinds), "split_products.uint8")
    check_compiled(problem, kernels, atol=FLOAT_ATOL, threads=1 + seed % 2)


@pytest.mark.parametrize("depthwise", [False, True], ids=["conv", "depthwise"])
@pytest.mark.parametrize("spread", [400.0, 3000.0, 30000.0])
def test_factors_of_a_half_and_more(depthwise: bool, spread: float) -> None:
    for seed in range(6):
        problem = convolution(seed, np.int8, depthwise, spread=spread, per_channel=True, columns=20, channels=20)
        check_compiled(problem, ("depthwise" if depthwise else "convolution") + ".int8")


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 15, 16, 17, 40])
@pytest.mark.parametrize("pixels", [(1, 1), (1, 3), (2, 2), (1, 5), (7, 7), (13, 1)])
def test_edges_of_tiles(pixels: tuple[int, int], columns: int) -> None:
    fixed: dict[str, Any] = {
        "batch": 1, "height": pixels[0], "width": pixels[1], "channels": 5, "columns": columns, "kernel": (1, 1),
        "strides": (1, 1), "dilations": (1, 1),
    }  # fmt: skip
    for dtype in (np.float32, np.int8):
        check_compiled(convolution(1, dtype, False, **fixed), "convolution", atol=FLOAT_ATOL)


def test_four_bit_weights() -> None:
    for seed in range(4):
        check_compiled(convolution(seed, np.int8, False, type=TensorType.INT4), "convolution.int8")


def test_groups() -> None:
    rng = np.random.default_rng(0)
    for groups in (2, 4):
        operands = [
            Input(rng.uniform(-1, 1, (1, 9, 8, 8 * groups)), np.float32),
            Const(rng.uniform(-1, 1, (6 * groups, 3, 3, 8)), np.float32),
            Const(rng.uniform(-1, 1, 6 * groups), np.float32),
        ]
        check_compiled(single_op("CONV_2D", operands, stride_h=1, stride_w=2), "convolution.float", atol=FLOAT_ATOL)


def test_extreme_sums_of_int8() -> None:
    for value, weight in ((127, 127), (-128, 127), (-128, -127), (127, -127)):
        x = Input(np.full((1, 6, 6, 64), value), np.int8, scale=0.1, zero_point=-128)
        weights = Const(np.full((16, 3, 3, 64), weight), np.int8, scale=0.01)
        bias = Const(np.zeros(16), np.int32, scale=0.001)
        problem = single_op(
            "CONV_2D", [x, weights, bias], outputs=[out(np.int8, scale=40.0)], stride_h=1, stride_w=1, padding="SAME"
        )
        check_compiled(problem, ("convolution.int8", "winograd.int8"))


def test_not_a_number_stays() -> None:
    x = np.ones((1, 4, 4, 3), np.float32)
    x[0, 1, 1, 0], x[0, 2, 3, 1], x[0, 0, 0, 2] = np.nan, np.inf, -np.inf
    weights = np.ones((5, 1, 1, 3), np.float32)
    for activation in ("NONE", "RELU", "RELU6"):
        operands = [Input(x), Const(weights), Const(np.zeros(5, np.float32))]
        check_compiled(
            single_op("CONV_2D", operands, stride_h=1, stride_w=1, fused_activation_function=activation),
            "convolution.float",
        )


@pytest.mark.parametrize("seed", range(30))
def test_volumes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps, channels, columns = rng.integers(1, 4, 3), int(rng.integers(1, 20)), int(rng.integers(1, 40))
    options: dict[str, Any] = {"padding": str(rng.choice(["SAME", "VALID"]))}
    options |= {f"stride_{axis}": int(rng.integers(1, 4)) for axis in "dhw"}
    options |= {f"dilation_{axis}_factor": int(rng.integers(1, 3)) for axis in "dhw"}
    sizes = [max(int(rng.integers(1, 10)), (int(tap) - 1) * 2 + 1) for tap in taps]
    x = rng.uniform(-1, 1, (int(rng.integers(1, 3)), *sizes, channels)).astype(np.float32)
    w = rng.uniform(-1, 1, (*taps, channels, columns)).astype(np.float32)
    make = Input if seed % 3 == 0 else Const
    given = [Input(x), make(w), *([Const(rng.uniform(-1, 1, columns), np.float32)] if seed % 2 else [])]
    problem = single_op("CONV_3D", given, **options, fused_activation_function="RELU6" if seed % 4 else "NONE")
    check_compiled(problem, ("moving", "products", "panels"), atol=FLOAT_ATOL, threads=1 + seed % 2)


def test_filters_of_one_channel_are_a_convolution() -> None:
    for dtype in (np.float32, np.int8, np.uint8):
        for seed in range(4):
            problem = convolution(seed, dtype, True, channels=1, multiplier=20, height=11, width=12)
            check_compiled(problem, "convolution.", atol=FLOAT_ATOL)
