"""Compiled resizing and picking of elements against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, out, single_op
from tests.jit.equal import check_compiled

SIZES = [
    # shape, height and width of the output
    ((1, 1, 1, 1), (1, 1)),
    ((2, 3, 5, 1), (7, 40)),
    ((1, 3, 4, 3), (1, 9)),
    ((1, 6, 6, 7), (3, 3)),
    ((1, 6, 6, 8), (12, 11)),
    ((2, 9, 7, 21), (33, 20)),
    ((1, 4, 4, 40), (4, 4)),
    ((1, 1, 1, 64), (5, 6)),
    ((1, 33, 17, 9), (5, 100)),
]
PLACES: list[dict[str, bool]] = [{}, {"align_corners": True}, {"half_pixel_centers": True}]


def array(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 3, shape).astype(dtype)
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max + 1, shape).astype(dtype)
    x.flat[::3] = info.max
    x.flat[1::4] = info.min
    return x


def operand(shape: tuple[int, ...], dtype: Any) -> Input:
    quantized = {"scale": 0.5, "zero_point": 0} if np.dtype(dtype).itemsize == 1 else {}
    return Input(array(shape, dtype), dtype, **quantized)


def result(dtype: Any) -> Any:
    return out(dtype, **({"scale": 0.5, "zero_point": 0} if np.dtype(dtype).itemsize == 1 else {}))


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
@pytest.mark.parametrize("options", PLACES)
def test_bilinear(dtype: Any, options: dict[str, bool]) -> None:
    """Floats are blended in another order: 1e-6 of the largest."""
    for at, (shape, size) in enumerate(SIZES):
        operands = [operand(shape, dtype), Const(np.array(size, np.int32))]
        problem = single_op("RESIZE_BILINEAR", operands, [result(dtype)], version=4, **options)
        check_compiled(problem, "resizing.", atol=1e-5, threads=1 + at % 2)


def test_bilinear_of_special_floats() -> None:
    x = array((1, 5, 6, 9), np.float32)
    x[0, 1, 2, 3], x[0, 3, 3, 8], x[0, 4, 5, 1] = np.inf, -np.inf, np.nan
    operands = [Input(x), Const(np.array((13, 9), np.int32))]
    check_compiled(single_op("RESIZE_BILINEAR", operands), "resizing.", atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("options", PLACES)
def test_nearest(dtype: Any, options: dict[str, bool]) -> None:
    for at, (shape, size) in enumerate(SIZES):
        operands = [operand(shape, dtype), Const(np.array(size, np.int32))]
        problem = single_op("RESIZE_NEAREST_NEIGHBOR", operands, [result(dtype)], version=4, **options)
        check_compiled(problem, "picking.", threads=1 + at % 2)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64])
def test_mirrors(dtype: Any) -> None:
    for shape, paddings in (
        ((1, 9, 8, 3), [(0, 0), (3, 4), (1, 2), (0, 0)]),
        ((2, 5, 6, 11), [(1, 0), (4, 0), (0, 0), (3, 9)]),
        ((1, 4, 3, 40), [(0, 0), (1, 1), (0, 0), (0, 0)]),
        ((7,), [(2, 5)]),
        ((4, 4), [(0, 0), (0, 0)]),
    ):
        for mode in ("REFLECT", "SYMMETRIC"):
            operands = [operand(shape, dtype), Const(np.array(paddings, np.int32))]
            check_compiled(single_op("MIRROR_PAD", operands, [result(dtype)], mode=mode), "picking.", threads=2)


TILES = [((3,), (7,)), ((2, 1, 5), (1, 4, 3)), ((4, 40), (2, 1)), ((1, 1), (1, 1)), ((3, 2, 2), (2, 3, 1))]
GATHERS: list[tuple[tuple[int, ...], int, Any]] = [
    ((9,), 0, [[3, 3], [0, 8]]),
    ((4, 5, 6), 1, [4, 0, 2]),
    ((4, 5, 33), -1, 7),
    ((20, 9), 0, 3),
]


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64])
def test_tiles_and_gathers(dtype: Any) -> None:
    for shape, times in TILES:
        operands = [operand(shape, dtype), Const(np.array(times, np.int32))]
        check_compiled(single_op("TILE", operands, [result(dtype)]), "picking.")
    for shape, axis, positions in GATHERS:
        operands = [operand(shape, dtype), Const(np.array(positions, np.int32))]
        check_compiled(single_op("GATHER", operands, [result(dtype)], axis=axis), "picking.", threads=2)
    for shape, axes in (((9,), [0]), ((4, 5, 6), [1]), ((2, 5, 33), [0, 1]), ((4, 3), [-1])):
        operands = [operand(shape, dtype), Const(np.array(axes, np.int32))]
        check_compiled(single_op("REVERSE_V2", operands, [result(dtype)]), "picking.")
