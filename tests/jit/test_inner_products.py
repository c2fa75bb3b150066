"""Products of sums: 1 x 1 convolutions of bytes against the reference tier, and where they are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.jit import convolution as lowering
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled, native_calls, prepared
from tests.jit.test_convolution import convolution
from tests.jit.test_splitting import EXTREMES, POINT

KERNEL = "inner_products.bytes"


@pytest.fixture(autouse=True)
def inner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The algorithm is taken wherever it is legal."""
    monkeypatch.setenv("LITEJIT_CONVOLUTION", "inner")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("seed", range(12))
def test_random(seed: int, dtype: Any) -> None:
    given = convolution(seed, dtype, False, **POINT, channels=16 * (1 + seed % 5))
    check_compiled(given, KERNEL, threads=1 + seed % 2)


@pytest.mark.parametrize("columns", [1, 15, 17, 40])
@pytest.mark.parametrize("pixels", [(1, 1), (1, 3), (2, 2), (1, 5), (13, 1)])
def test_edges_of_tiles(pixels: tuple[int, int], columns: int) -> None:
    fixed = {"batch": 1, "height": pixels[0], "width": pixels[1], "channels": 32, "columns": columns}
    check_compiled(convolution(1, np.int8, False, **POINT, **fixed), KERNEL)


@pytest.mark.parametrize("size", [(9, 9), (8, 7), (1, 40), (40, 1), (2, 2)])
@pytest.mark.parametrize("strides", [(2, 2), (1, 2), (3, 1), (4, 5)])
def test_pixels_that_strides_leave_out_are_not_copied(strides: tuple[int, int], size: tuple[int, int]) -> None:
    fixed = {**POINT, "strides": strides, "batch": 2, "height": size[0], "width": size[1], "channels": 32}
    for seed, dtype in enumerate((np.int8, np.uint8)):
        check_compiled(convolution(seed, dtype, False, **fixed), KERNEL, threads=1 + seed)


def problem(
    image: np.ndarray, filter: np.ndarray, dtype: Any, zero_points: tuple[int, int] = (0, 0), bias: int = 0
) -> Problem:
    """image, filter: 0 .. 255, which are -128 .. 127 of int8. zero_points: of the image and of the filter."""
    low = np.iinfo(dtype).min
    x = Input((image + low).astype(dtype), dtype, scale=0.1, zero_point=zero_points[0])
    weights = Const(np.maximum(filter + low, -127).astype(dtype), dtype, scale=3e-4, zero_point=zero_points[1])
    biases = Const(np.full(len(filter), bias), np.int32, scale=3e-5, zero_point=0)
    # The largest bias has to matter, too.
    output = out(dtype, scale=0.7 if bias < 1 << 20 else 250.0, zero_point=130 + low)
    return single_op("CONV_2D", [x, weights, biases], outputs=[output], padding="VALID", stride_h=1, stride_w=1)


@pytest.mark.parametrize("filter", EXTREMES)
@pytest.mark.parametrize("image", EXTREMES)
def test_extremes(image: Any, filter: Any) -> None:
    operands = image((1, 2, 3, 48)), filter((18, 1, 1, 48))
    for zero_point in (-128, 0, 127):
        check_compiled(problem(*operands, np.int8, (zero_point, 0)), KERNEL)
    for zero_point in (0, 255):
        check_compiled(problem(*operands, np.uint8, (zero_point, 255 - zero_point)), KERNEL)


LARGEST_SUM = 16 * 127 * 128
ROOM = (1 << 30) - 1 - LARGEST_SUM
"""For a bias, beside the largest sum there can be: twice both are the largest number of 32 bits."""


def filled(bias: int) -> Problem:
    return problem(np.full((1, 1, 5, 16), 255), np.full((16, 1, 1, 16), 255), np.int8, bias=bias)


def test_sums_may_be_as_large_as_32_bits_allow_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    check_compiled(filled(ROOM), KERNEL)
    assert not native_calls(prepared(filled(ROOM + 1)))[0].startswith(KERNEL)
    # Without the proof, what is right to the last bit at first is wrong where it would have refused.
    monkeypatch.setattr(lowering, "sums_fit", lambda *_: True)
    check_compiled(filled(ROOM), KERNEL)
    with pytest.raises(AssertionError):
        check_compiled(filled(ROOM + 1 + LARGEST_SUM - 16 * 127 * 127), KERNEL)


@pytest.mark.parametrize("part", ["inner_sums", "pack_inner"])
def test_a_single_bit_of_what_is_packed_counts(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = getattr(lowering, part)
    given = problem(EXTREMES[-1]((1, 2, 3, 48)), EXTREMES[-1]((18, 1, 1, 48)), np.int8)

    def off(matrix: np.ndarray) -> np.ndarray:
        result = packed(matrix)
        result.reshape(-1)[:1] ^= 1 << 13
        return result

    check_compiled(given, KERNEL)
    monkeypatch.setattr(lowering, part, off)
    with pytest.raises(AssertionError):
        check_compiled(given, KERNEL)


@pytest.mark.parametrize(
    "other",
    [
        {"channels": 24},
        {"channels": 32, "kernel": (1, 2)},
        {"channels": 32, "columns": 20, "spread": 1e6},
    ],
)
def test_other_convolutions_are_left_to_others(other: dict[str, Any]) -> None:
    check_compiled(convolution(0, np.int8, False, **{**POINT, "padding": "VALID", **other}), "convolution.int8")
