"""Winograd's algorithm against the reference tier, integers to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled
from tests.jit.test_convolution import convolution

FLOAT_ATOL = 2e-5
"""Sums of some hundred products of numbers below 1, transformed and added in another order."""

PLAIN: dict[str, Any] = {"kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}


@pytest.fixture(autouse=True)
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The algorithm wherever it applies."""
    monkeypatch.setenv("LITEJIT_CONVOLUTION", "winograd2")


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
def test_random(dtype: Any, seed: int) -> None:
    problem = convolution(seed, dtype, False, **PLAIN)
    check_compiled(problem, "winograd.", atol=FLOAT_ATOL, threads=1 + seed % 2)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 4), (28, 30), (5, 61)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_sizes(padding: str, size: tuple[int, int]) -> None:
    for dtype in (np.float32, np.int8):
        fixed = {"height": size[0], "width": size[1], "padding": padding, "channels": 33, "columns": 19}
        check_compiled(convolution(2, dtype, False, **PLAIN, **fixed), "winograd.", atol=FLOAT_ATOL)


def extreme(dtype: Any, image: Any, filter: Any, channels: int = 40) -> Problem:
    """All inputs and all weights given by functions of their shape."""
    info, columns = np.iinfo(dtype), 17
    unsigned = dtype == np.uint8
    x = Input(image((1, 6, 5, channels), info).astype(dtype), dtype, scale=0.1, zero_point=128 if unsigned else 3)
    values = filter((columns, 3, 3, channels), info).astype(dtype)
    weights = Const(values, dtype, scale=1e-4, zero_point=128 if unsigned else 0)
    bias = Const(np.full(columns, 1 << 20), np.int32, scale=1e-5, zero_point=0)
    output = out(dtype, scale=0.7, zero_point=130 if unsigned else -5)
    return single_op("CONV_2D", [x, weights, bias], outputs=[output], padding="SAME", stride_h=1, stride_w=1)


def largest(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.full(shape, info.max)


def smallest(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.full(shape, info.min)


def alternating(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.where(np.indices(shape).sum(0) % 2, info.min, info.max)


def one_channel(shape: tuple[int, ...], info: Any) -> np.ndarray:
    return np.where(np.indices(shape)[3] == 7, info.max, info.min)


EXTREMES = [largest, smallest, alternating, one_channel]


@pytest.mark.parametrize("filter", EXTREMES)
@pytest.mark.parametrize("image", EXTREMES)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_extremes(dtype: Any, image: Any, filter: Any) -> None:
    check_compiled(extreme(dtype, image, filter), "winograd.int8")


@pytest.mark.parametrize(("channels", "kernel"), [(3600, "winograd.int8"), (3800, "convolution.int8")])
def test_sums_that_do_not_fit_are_left_to_the_direct_algorithm(channels: int, kernel: str) -> None:
    # 9 * channels * 127 * 128 is about 2 ** 29 at 3669 channels; four times as much is what 32 bits hold.
    check_compiled(extreme(np.int8, smallest, largest, channels), kernel)


def test_four_bit_weights() -> None:
    check_compiled(convolution(1, np.int8, False, **PLAIN, type=TensorType.INT4), "winograd.int8")


@pytest.mark.parametrize(
    "fixed", [{"kernel": (3, 1)}, {"strides": (1, 2)}, {"dilations": (2, 1)}, {"kernel": (1, 1)}], ids=str
)
def test_other_convolutions_are_direct(fixed: dict[str, Any]) -> None:
    check_compiled(convolution(0, np.int8, False, **{**PLAIN, **fixed}), "convolution.int8")
