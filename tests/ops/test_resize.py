"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR against the official kernels, each numerics flavour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, check, out, refused, single_op
from tests.ops.values import filled

CASES = [
    ((1, 4, 5, 3), (8, 10)),
    ((2, 7, 3, 2), (3, 11)),
    ((1, 8, 8, 1), (1, 1)),
    ((1, 1, 1, 4), (5, 5)),
    ((1, 13, 17, 3), (5, 29)),
    ((1, 6, 6, 2), (6, 6)),
    ((1, 2, 3, 16), (64, 64)),
    ((0, 3, 3, 2), (4, 4)),
]
ALIGNMENTS = [
    {"align_corners": corners, "half_pixel_centers": centers} for corners, centers in ((0, 0), (1, 0), (0, 1))
]
FLAVOURS = [("ref", "litert-ref"), ("opt", "litert-opt"), ("auto", "xnnpack")]


@pytest.mark.parametrize(("shape", "size"), CASES)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_floats(shape: tuple[int, ...], size: tuple[int, int], alignment: dict[str, Any]) -> None:
    x = Input(np.random.default_rng(0).normal(0, 3, shape), np.float32)
    for operand in (Const(size, np.int32), Input(size, np.int32)):
        check(single_op("RESIZE_BILINEAR", [x, operand], **alignment), ulp=4, atol=1e-6)
        check(single_op("RESIZE_NEAREST_NEIGHBOR", [x, operand], **alignment))


@pytest.mark.parametrize(("shape", "size"), CASES)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_quantized(
    shape: tuple[int, ...], size: tuple[int, int], alignment: dict[str, Any], dtype: Any, resolver: str, numerics: str
) -> None:
    info = np.iinfo(dtype)
    x = np.random.default_rng(1).integers(info.min, info.max + 1, shape).astype(dtype)
    if resolver == "auto" and 0 in shape:
        return  # The official runtime dies.
    declared = out(dtype, scale=0.1, zero_point=0, shape=(shape[0], *size, shape[3]))
    operands = [Input(x, scale=0.1, zero_point=0), Const(size, np.int32)]
    for op in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        check(single_op(op, operands, [declared], **alignment), resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.uint16, np.bool_, np.uint32])
def test_nearest_of_any_type(dtype: Any) -> None:
    x = Input(filled((1, 3, 4, 2), dtype))
    check(single_op("RESIZE_NEAREST_NEIGHBOR", [x, Const([7, 2], np.int32)]))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int8, np.int16])
def test_both_alignments_of_a_size_known_at_run_time(dtype: Any) -> None:
    """The official kernel refuses that of constants only; in steps of 3 pixels it reads beyond the last one."""
    x = np.random.default_rng(0).integers(0, 99, (2, 4, 5, 2)).astype(dtype)
    options = {"align_corners": True, "half_pixel_centers": True}
    for size in ([1, 1], [3, 3], [4, 5], [8, 11], [1, 9]):
        operands = [Input(x), Input(np.array(size, np.int32))]
        check(single_op("RESIZE_BILINEAR", operands, [out(dtype)], **options))
    far = single_op("RESIZE_BILINEAR", [Input(x), Input(np.array([2, 5], np.int32))], [out(dtype)], **options)
    refused(far, "exclude each other")


def test_nearest_with_both_alignments() -> None:
    x = Input(np.random.default_rng(0).normal(0, 3, (1, 5, 9, 2)), np.float32)
    options = {"align_corners": True, "half_pixel_centers": True}
    check(single_op("RESIZE_NEAREST_NEIGHBOR", [x, Const([11, 4], np.int32)], **options))


def test_sizes_change_between_runs_of_one_interpreter() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    for size in ([6, 8], [1, 1], [3, 4]):
        check(single_op("RESIZE_BILINEAR", [Input(x), Input(size, np.int32)]), invokes=2, ulp=2)


_X = Input(np.ones((1, 2, 2, 1)), np.float32)
REFUSED: list[Any] = [
    pytest.param(
        "RESIZE_BILINEAR", [_X, Const([0, 3], np.int32)], {}, "size is [0, 3], expected at least 1", id="size-0"
    ),
    pytest.param("RESIZE_NEAREST_NEIGHBOR", [_X, Const([3, -2], np.int32)], {}, "size is [3, -2]", id="size-negative"),
    pytest.param(
        "RESIZE_BILINEAR", [_X, Input([3, -2], np.int32)], {}, "size is [3, -2]", id="size-negative-at-run-time"
    ),
    pytest.param("RESIZE_BILINEAR", [_X, Const([3], np.int32)], {}, "has shape (1,), expected (2,)", id="size-shape"),
    pytest.param("RESIZE_BILINEAR", [_X, Const([3, 3], np.int64)], {}, "is INT64, expected INT32", id="size-type"),
    pytest.param(
        "RESIZE_NEAREST_NEIGHBOR", [Input([1.0], np.float32), Const([3, 3], np.int32)], {}, "expected rank 4", id="rank"
    ),
    pytest.param(
        "RESIZE_BILINEAR", [Input([1], np.int32), Const([3, 3], np.int32)], {}, "is INT32, expected", id="type"
    ),
    pytest.param(
        "RESIZE_NEAREST_NEIGHBOR",
        [Input([1], np.int64), Const([3, 3], np.int32)],
        {},
        "is INT64, expected",
        id="64-bits",
    ),
    pytest.param(
        "RESIZE_BILINEAR",
        [_X, Const([3, 3], np.int32)],
        {"align_corners": True, "half_pixel_centers": True},
        "exclude each other",
        id="alignments",
    ),
    pytest.param(
        "RESIZE_BILINEAR",
        [Input(np.ones((1, 0, 2, 1)), np.float32), Const([3, 3], np.int32)],
        {},
        "has no pixels",
        id="no-pixels",
    ),
    pytest.param(
        "RESIZE_NEAREST_NEIGHBOR",
        [_X, Const([2**31 - 1, 2**31 - 1], np.int32)],
        {},
        "more than the limit",
        id="tflite-micro-3582-huge",
    ),
]


@pytest.mark.parametrize(("op", "operands", "options", "fragment"), REFUSED)
def test_refused(op: str, operands: Any, options: dict[str, Any], fragment: str) -> None:
    refused(single_op(op, operands, **options), fragment)
