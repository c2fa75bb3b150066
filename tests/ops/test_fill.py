"""TILE, FILL, RANGE, ONE_HOT against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, check, out, refused, single_op
from tests.ops.elements import SIZED, STRING, elements

OPERANDS = [Const, Input]


@pytest.mark.parametrize("dtype", [*SIZED, STRING], ids=str)
def test_every_type(dtype: Any) -> None:
    x = Input(elements((2, 3), dtype))
    check(single_op("TILE", [x, Const(np.array([2, 3], np.int32))], version=3))
    value = Input(elements((3,), dtype)[1].reshape(()) if dtype != STRING else np.array(b"abc", object))
    check(single_op("FILL", [Const(np.array([2, 3], np.int32)), value], [out(dtype)], version=3))


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("shape", "multipliers"),
    [
        ((), ()),
        ((3,), (2,)),
        ((2, 3), (1, 1)),
        ((2, 3), (0, 2)),
        ((2, 1, 3), (2, 3, 2)),
        ((0, 2), (3, 2)),
        ((1, 2) * 3, (2,) * 6),
    ],
)
def test_tile(shape: tuple[int, ...], multipliers: tuple[int, ...], dtype: Any, operand: Any) -> None:
    check(single_op("TILE", [Input(elements(shape, np.float32)), operand(np.array(multipliers, dtype))]))


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("dims", [(), (3,), (2, 0), (1, 2, 3, 4, 5, 6)])
def test_fill(dims: tuple[int, ...], dtype: Any, operand: Any) -> None:
    check(single_op("FILL", [operand(np.array(dims, dtype)), Input(np.float32(2.5))], [out(np.float32)]))


def test_fill_sets_the_type() -> None:
    """Whatever type the file declares for the output."""
    check(single_op("FILL", [Const(np.array([2, 3], np.int32)), Input(np.float32(2.5))], [out(np.int32)]))
    check(single_op("FILL", [Input(np.array([2, 3], np.int32)), Input(np.int8(2))], [out(np.int64)]))


RANGES = [
    (0, 5, 1),
    (5, 0, -2),
    (-3, 10, 4),
    (3, 3, 1),
    (3, 3, -1),
    (0, 1, 100),
    (2**31 - 10, 2**31 - 1, 3),
    (-5, 5, 2),
]


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32])
@pytest.mark.parametrize(("start", "limit", "delta"), RANGES)
def test_range(start: int, limit: int, delta: int, dtype: Any, operand: Any) -> None:
    operands = [operand(np.array(value, dtype)) for value in (start, limit, delta)]
    check(single_op("RANGE", operands, [out(dtype)]))


@pytest.mark.parametrize(
    ("start", "limit", "delta"), [(0, 1, 0.1), (1, -1, -0.3), (0.1, 10, 0.7), (0, 1e-3, 1e-6), (-1e8, 1e8, 3e6)]
)
def test_range_accumulates(start: float, limit: float, delta: float) -> None:
    check(single_op("RANGE", [Input(np.float32(value)) for value in (start, limit, delta)]))


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize(
    ("shape", "axis"), [((), -1), ((4,), -1), ((4,), 0), ((2, 3), 1), ((2, 3), 2), ((0, 2), 0), ((2, 0), -1)]
)
def test_one_hot(shape: tuple[int, ...], axis: int, operand: Any, dtype: Any) -> None:
    on, off = (Input(np.array(value, dtype)) for value in (1, 0))
    indices = np.resize(np.arange(-1, 5), shape)
    for index_type in (np.int32, np.int64):
        operands = [Input(indices.astype(index_type)), operand(np.int32(3)), on, off]
        check(single_op("ONE_HOT", operands, [out(dtype)], axis=axis))


def test_one_hot_reads_low_halves() -> None:
    indices = Input(np.array([0, 1 << 32, (1 << 32) + 1, -1], np.int64))
    one = [Input(np.array([value], np.float32)) for value in (5, -5)]
    check(single_op("ONE_HOT", [indices, Const(np.array([2], np.int32)), *one], [out(np.float32)], axis=-1))


X, ONE = Input(np.zeros((2, 3), np.float32)), Const(np.float32(1))


def i32(*values: int) -> Any:
    return Const(np.array(values, np.int32))


def one_hot(
    indices: Any = (0, 1), depth: int = 3, on: Any = 1, off: Any = 0, axis: int = -1, dtype: Any = np.int32
) -> Any:
    operands = [Input(np.array(indices, dtype)), Const(np.array(depth, np.int32))]
    values = [Const(np.array(value, np.float32)) for value in (on, off)]
    return single_op("ONE_HOT", [*operands, *values], [out()], axis=axis)


ERRORS = {
    "tile negative": (single_op("TILE", [X, i32(1, -1)]), "negative"),
    "tile rank": (single_op("TILE", [X, i32(2)]), "has 1 elements, expected 2"),
    "tile huge": (single_op("TILE", [X, i32(2**30, 2**30)]), "at most 31 bits"),
    "tile multipliers type": (single_op("TILE", [X, Const(np.ones(2, np.float32))]), "expected INT32 or INT64"),
    "tile complex128": (single_op("TILE", [Input(np.zeros(2, np.complex128)), i32(2)]), "COMPLEX128"),
    "fill negative": (single_op("FILL", [i32(-1), ONE], [out(np.float32)]), "negative"),
    "fill huge": (single_op("FILL", [i32(2**31 - 1, 2**31 - 1), ONE], [out(np.float32)]), "more than the limit"),
    "fill at run time": (single_op("FILL", [Input(np.array([-3], np.int32)), ONE], [out(np.float32)]), "negative"),
    "fill value": (single_op("FILL", [i32(2), Const(np.ones(2, np.float32))], [out(np.float32)]), "expected rank 0"),
    "fill int16 zero point": (
        single_op(
            "FILL", [i32(2), Const(np.int16(1), scale=1.0, zero_point=3)], [out(np.int16, scale=1.0, zero_point=3)]
        ),
        "expected 0",
    ),
    "range delta 0": (single_op("RANGE", [Const(np.int32(v)) for v in (0, 5, 0)]), "make no range"),
    "range direction": (single_op("RANGE", [Const(np.int32(v)) for v in (0, 5, -1)]), "make no range"),
    "range NaN": (single_op("RANGE", [Const(np.float32(v)) for v in (0, np.nan, 1)]), "make no range"),
    "range infinite": (single_op("RANGE", [Const(np.float32(v)) for v in (0, np.inf, 1)]), "make no range"),
    "range overflow": (single_op("RANGE", [Const(np.float32(v)) for v in (-3e38, 3e38, 1)]), "make no range"),
    "range huge": (single_op("RANGE", [Const(np.int64(v)) for v in (-(2**62), 2**62, 1)]), "at most 31 bits"),
    "range types": (single_op("RANGE", [Const(np.int32(0)), Const(np.int32(5)), Const(np.int64(1))]), "is INT64"),
    "CVE-2021-29600": (one_hot(depth=-1), "depth is -1"),
    "one_hot axis": (one_hot(axis=2), "axis is 2"),
    "one_hot axis -2": (one_hot(axis=-2), "axis is -2"),
    "one_hot values": (one_hot(on=(1, 1)), "one element each"),
    "one_hot indices": (one_hot(dtype=np.float32), "expected INT32 or INT64"),
    "one_hot huge": (one_hot(depth=2**31 - 1), "more than the limit"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
