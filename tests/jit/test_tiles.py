"""Every tile of convolutions: widths and filters that slide, few columns; and how products are cut for threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.geometry import Window
from litejit.kernels.jit.bands import Geometry, cut
from litejit.schema import Padding
from litejit.testing import Const, Input, single_op
from tests.jit.equal import check_compiled
from tests.jit.test_convolution import FLOAT_ATOL, convolution


@pytest.mark.parametrize("width", [4, 5, 6, 7, 8, 9, 13, 15, 17])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("taps", [3, 5])
def test_sliding(taps: int, stride: int, width: int) -> None:
    for number, dtype in enumerate((np.float32, np.int8, np.uint8)):
        fixed: dict[str, Any] = {
            "kernel": (1 + (width + number) % 5, taps),
            "strides": (1 + width % 2, stride),
            "dilations": (1 + width % 3, 1),
            "padding": "SAME" if (width + number) % 3 else "VALID",
            "width": (width - 1) * stride + taps,
            "height": 4 + width,
            "multiplier": 1,
            "channels": [16, 3, 8, 24, 40, 33, 1 + width, 17, 9][width % 9],
        }
        problem = convolution(width, dtype, True, **fixed)
        kinds = ("float",) if dtype == np.float32 else ("int8", "int8_proved")
        kernels = tuple(f"depthwise.{kind}_{pixels}_{taps}s{stride}" for kind in kinds for pixels in (8, 7, 6, 4))
        check_compiled(problem, kernels, atol=FLOAT_ATOL)


@pytest.mark.parametrize("columns", range(1, 26))
def test_few_columns(columns: int) -> None:
    for seed, kernel in enumerate([(1, 1), (3, 2)]):
        fixed = {"columns": columns, "channels": 7, "kernel": kernel, "height": 9, "width": 8, "strides": (1, 1)}
        prefix = "convolution.float_few_" if columns <= 8 else "convolution.float_"
        check_compiled(convolution(seed, np.float32, False, **fixed, dilations=(1, 1)), prefix, atol=FLOAT_ATOL)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("columns", [3, 16, 24])
def test_what_is_not_finite(columns: int, value: float) -> None:
    rng = np.random.default_rng(columns)
    x = rng.uniform(-1, 1, (1, 5, 5, 6)).astype(np.float32)
    x[0, 2, 3, 1] = value
    operands = [Input(x, np.float32), Const(rng.uniform(0.1, 1, (columns, 1, 1, 6)), np.float32)]
    operands.append(Const(np.zeros(columns), np.float32))
    for activation in ("NONE", "RELU", "RELU6"):
        options = {"stride_h": 1, "stride_w": 1, "fused_activation_function": activation}
        check_compiled(single_op("CONV_2D", operands, **options), "convolution.float", atol=FLOAT_ATOL)


@pytest.mark.parametrize("seed", range(60))
def test_cuts_cover_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, channels = (int(rng.integers(1, high)) for high in (60, 60, 300))
    taps = int(rng.choice([1, 3]))
    sizes = int(rng.choice([1, height])), int(rng.choice([1, width]))
    sides = [Window.along("side", Padding.SAME, size, taps, 1) for size in sizes]
    geometry = Geometry.of(sides, int(rng.integers(1, 3)), channels, 2)
    panels, at_least = int(rng.integers(4, 70)), int(rng.choice([1, 4]))
    steps = channels * taps * taps
    for threads in (1, 2, 3, 8):
        parts = cut(
            geometry, panels, 64 * steps, steps, threads, (6, 5, 4), geometry.band_rows(1), copied=True,
            at_least=at_least,
        )  # fmt: skip
        last_rows = geometry.out_size[0] - (parts.bands - 1) * parts.rows
        last_panels = panels - (parts.groups - 1) * parts.group_panels
        assert 0 < last_rows <= parts.rows
        assert 0 < last_panels <= parts.group_panels
        assert parts.group_panels >= at_least
        assert parts.tile <= max(1, last_rows * geometry.out_size[1])
        assert threads > 1 or (parts.rows == geometry.band_rows(1) and parts.groups == 1)
