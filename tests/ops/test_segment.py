"""Segment reductions, CUMSUM, BUCKETIZE, RFFT2D and the parts of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, check, out, refused, single_op
from tests.ops.values import edges, filled

UNSORTED = [f"UNSORTED_SEGMENT_{name}" for name in ("SUM", "PROD", "MIN", "MAX")]


def ids(values: Any) -> Input:
    return Input(values, np.int32)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 1, 2)])
def test_segment_sum(shape: tuple[int, ...], dtype: Any, constant: bool) -> None:
    data = filled(shape, dtype)
    data = data if dtype == np.int32 else np.nan_to_num(data, posinf=3, neginf=-3) / 1e30
    segment_ids = np.array([0, 0, 1, 1, 2], np.int32)
    operand = Const(segment_ids) if constant else Input(segment_ids)
    check(single_op("SEGMENT_SUM", [Input(data), operand]), ulp=2)


CASES = [
    ((6,), (6,), 3),
    ((6, 2), (6,), 4),
    ((2, 3, 2), (2, 3), 5),
    ((2, 2), (), 3),
    ((0, 2), (0,), 2),
    ((4, 0), (4,), 3),
]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize(("shape", "id_shape", "segments"), CASES, ids=str)
@pytest.mark.parametrize("op", UNSORTED)
def test_unsorted_segment(op: str, shape: Any, id_shape: Any, segments: int, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    data = rng.integers(-9, 10, shape).astype(dtype)
    segment_ids = rng.integers(-1, segments, id_shape).astype(np.int32)
    check(single_op(op, [Input(data), Input(segment_ids), Const([segments], np.int32)]), ulp=2)


@pytest.mark.parametrize("op", UNSORTED)
def test_unsorted_segment_edges(op: str) -> None:
    for dtype in (np.float32, np.int32):
        data = edges(dtype)
        segment_ids = np.arange(data.size) // 2
        check(single_op(op, [Input(data), ids(segment_ids), Const(np.int32(data.size))]), ulp=1)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((7,), 0), ((2, 3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), -1), ((2, 0), 1)])
def test_cumsum(shape: Any, axis: int, reverse: bool, exclusive: bool, dtype: Any) -> None:
    x = filled(shape, dtype) if dtype != np.float32 else np.random.default_rng(0).normal(size=shape)
    operands = [Input(x, dtype), Const([axis], np.int32)]
    check(single_op("CUMSUM", operands, exclusive=exclusive, reverse=reverse), ulp=2, atol=1e-6)


def test_cumsum_along_an_axis_known_at_run_time() -> None:
    check(single_op("CUMSUM", [Input(np.arange(6).reshape(2, 3), np.int32), Input(-2, np.int32)]))


@pytest.mark.parametrize("boundaries", [[0.0, 10.0, 100.0], [-1.5, -1.5, 2.0], [], [16777216.0, 1e10]], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_bucketize(dtype: Any, boundaries: list[float]) -> None:
    x = np.concatenate([edges(dtype), np.array([16777217, 16777215, 10, 100], dtype)])
    options = {"boundaries": np.array(boundaries, np.float32)}
    check(single_op("BUCKETIZE", [Input(x)], outputs=[out(np.int32)], **options))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_bucketize_with_boundaries_that_are_not_numbers(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([edges(dtype), np.arange(-4, 5).astype(dtype)])
    for size in (1, 1, *range(2, 9)) * 3:
        boundaries = np.where(rng.random(size) < 0.4, np.nan, np.sort(rng.integers(-3, 4, size))).astype(np.float32)
        check(single_op("BUCKETIZE", [Input(x)], outputs=[out(np.int32)], boundaries=boundaries))


@pytest.mark.parametrize(
    ("shape", "fft_length"),
    [
        ((4, 8), (4, 8)),
        ((3, 5), (4, 8)),
        ((9, 20), (8, 16)),
        ((2, 3, 4, 4), (4, 4)),
        ((1, 512), (1, 512)),
        ((8, 2), (8, 2)),
        ((2, 64), (2, 32)),
        *(((2, 3, 5), (height, 1)) for height in (1, 2, 4, 16)),
        *(((2, 3, 0), (4, width)) for width in (1, 4)),
    ],
    ids=str,
)
@pytest.mark.parametrize("constant", [True, False])
def test_rfft2d(shape: Any, fft_length: Any, constant: bool) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    length = Const(fft_length, np.int32) if constant else Input(fft_length, np.int32)
    check(single_op("RFFT2D", [Input(x, np.float32), length], outputs=[out(np.complex64)]), ulp=2, atol=1e-6)


@pytest.mark.parametrize("op", ["REAL", "IMAG", "COMPLEX_ABS"])
@pytest.mark.parametrize(("dtype", "part"), [(np.complex64, np.float32), (np.complex128, np.float64)])
def test_complex_parts(op: str, dtype: Any, part: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 30)) + 1j * rng.normal(size=(2, 30))
    x[0, :4] = [0, 3e30 + 4e30j, np.inf, -1j]
    check(single_op(op, [Input(x, dtype)], outputs=[out(part)]), ulp=1)


DATA = Input(np.ones((4, 2)), np.float32)
THREE = Const([3], np.int32)
LENGTH = {"outputs": [out(np.complex64)]}
ERRORS = {
    "CVE-2020-15212": ("SEGMENT_SUM", [DATA, ids([-1, 0, 1, 1])], {}, "must start at 0"),
    "CVE-2020-15213": ("SEGMENT_SUM", [DATA, ids([0, 0, 1, 2**31 - 1])], {}, "rise by 0 or 1"),
    "CVE-2020-15214": ("SEGMENT_SUM", [DATA, ids([0, 1, 0, 1])], {}, "rise by 0 or 1"),
    "rows": ("SEGMENT_SUM", [DATA, ids([0, 1])], {}, "has shape (2,), expected (4,)"),
    "scalar data": ("SEGMENT_SUM", [Input(1.0, np.float32), ids([0])], {}, "is a scalar"),
    "id too large": ("UNSORTED_SEGMENT_SUM", [DATA, ids([0, 1, 2, 3]), THREE], {}, "segment id 3 is not below"),
    "negative count": ("UNSORTED_SEGMENT_MAX", [DATA, ids([0, 1, 2, 3]), Const([-3], np.int32)], {}, "at least 0"),
    "two counts": ("UNSORTED_SEGMENT_MAX", [DATA, ids([0, 1, 2, 3]), Const([3, 3], np.int32)], {}, "has shape (2,)"),
    "ids no prefix": ("UNSORTED_SEGMENT_MIN", [DATA, ids([0, 1, 2]), THREE], {}, "expected the first dimensions"),
    "huge output": ("UNSORTED_SEGMENT_PROD", [DATA, ids([0] * 4), Const([2**31 - 1], np.int32)], {}, "bytes"),
    "id type": ("UNSORTED_SEGMENT_SUM", [DATA, Input([0] * 4, np.int64), THREE], {}, "is INT64, expected INT32"),
    "cumsum axis": ("CUMSUM", [DATA, Const([2], np.int32)], {}, "axis is 2, expected -2 <= axis < 2"),
    "cumsum axes": ("CUMSUM", [DATA, Const([0, 1], np.int32)], {}, "expected one element"),
    "cumsum scalar": ("CUMSUM", [Input(1.0, np.float32), Const([0], np.int32)], {}, "is a scalar"),
    "cumsum type": ("CUMSUM", [Input([1], np.int8), Const([0], np.int32)], {}, "is INT8"),
    "boundaries": ("BUCKETIZE", [DATA], {"boundaries": np.float32([2, 1]), "outputs": [out(np.int32)]}, "rising order"),
    "fft of 3": ("RFFT2D", [DATA, Const([4, 3], np.int32)], LENGTH, "expected powers of two"),
    "fft of 0": ("RFFT2D", [DATA, Const([0, 4], np.int32)], LENGTH, "expected powers of two"),
    "fft of -4": ("RFFT2D", [DATA, Const([4, -4], np.int32)], LENGTH, "expected powers of two"),
    "fft of a row": ("RFFT2D", [Input([1.0], np.float32), Const([1, 4], np.int32)], LENGTH, "at least 2 dimensions"),
    "fft lengths": ("RFFT2D", [DATA, Const([4], np.int32)], LENGTH, "has shape (1,), expected (2,)"),
    "real numbers": ("REAL", [DATA], {}, "is FLOAT32, expected COMPLEX64"),
    "wrong part": ("IMAG", [Input([1j], np.complex64)], {"outputs": [out(np.float64)]}, "is FLOAT64, expected FLOAT32"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, keywords, fragment = ERRORS[name]
    refused(single_op(op, operands, **keywords), fragment)
