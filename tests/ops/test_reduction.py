"""SUM, MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.values import edges, every, filled

PLAIN = [np.float32, np.int32, np.int64]
QUANTIZED = [np.int8, np.uint8, np.int16]
CASES: list[tuple[tuple[int, ...], Any]] = [
    ((7,), [0]),
    ((3, 5), [0]),
    ((3, 5), [1]),
    ((3, 5), -1),
    ((3, 5), [0, 1]),
    ((3, 5), [1, -1, 1]),
    ((3, 5), []),
    ((2, 3, 4), [0, 2]),
    ((2, 3, 4, 2), [1, 2]),
    ((2, 1, 2, 3, 1, 2), [-1, 0, 3]),
    ((1, 1), [0]),
    ((0, 3), [0]),
    ((2, 0, 3), [0]),
    ((2, 0, 3), [0, 1]),
]
SCALES = [(0.05, 0.05), (0.1, 0.02), (0.01, 0.7), (1.0, 1.0), (0.003, 2.5)]


def reduction(
    op: str, x: np.ndarray, axes: Any, *, keep: bool, output: Any = None, constant: bool = True, **q: Any
) -> Problem:
    axis = (Const if constant else Input)(np.array(axes, np.int32))
    return single_op(op, [Input(x, **q), axis], outputs=[output or out(x.dtype, **q)], keep_dims=keep)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
@pytest.mark.parametrize("dtype", PLAIN)
@pytest.mark.parametrize("op", ["SUM", "MEAN", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN"])
def test_plain(op: str, dtype: Any, shape: Any, axes: Any, keep: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(dtype) if dtype == np.float32 else rng.integers(-50, 50, shape).astype(dtype)
    check(reduction(op, x, axes, keep=keep), ulp=4, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("op", ["REDUCE_MAX", "REDUCE_MIN"])
def test_extrema_of_edge_values(op: str, dtype: Any) -> None:
    x = filled((6, 20), dtype)
    x = np.nan_to_num(x) if dtype == np.float32 else x
    check(reduction(op, x, [1], keep=False))


@pytest.mark.parametrize("axes", [[0], [1], [0, 1], [], [0, 0]], ids=str)
@pytest.mark.parametrize("op", ["REDUCE_MAX", "REDUCE_MIN"])
def test_extrema_of_floats_without_a_place_in_the_order(op: str, axes: Any) -> None:
    """A result of everything starts from the first element, any other one from the least finite number."""
    infinity = np.inf if op == "REDUCE_MIN" else -np.inf
    for row in ([np.nan, 1, 2], [1, np.nan, 2], [infinity] * 3, [np.nan] * 3, [infinity, np.nan, infinity]):
        check(reduction(op, np.array([row], np.float32), axes, keep=False))


@pytest.mark.parametrize("keep", [False, True])
def test_sums_of_no_bytes(keep: bool) -> None:
    x = np.empty((2, 0, 3), np.uint8)
    check(reduction("SUM", x, [1], keep=keep, scale=0.5, zero_point=9), resolver="ref")


@pytest.mark.parametrize("op", ["SUM", "REDUCE_PROD"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers_wrap(op: str, dtype: Any) -> None:
    check(reduction(op, np.resize(edges(dtype)[:6], (4, 9)), [1], keep=False))


@pytest.mark.parametrize("axes", [[0], [1], [2], [0, 2], [1, 2], [2, 0], [0, 1, 2]], ids=str)
@pytest.mark.parametrize("op", ["SUM", "MEAN"])
def test_floats_are_added_in_the_official_order(op: str, axes: Any) -> None:
    """To the last bit, where another order would differ."""
    check(reduction(op, np.random.default_rng(3).normal(size=(31, 40, 23)).astype(np.float32), axes, keep=False))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
@pytest.mark.parametrize("op", ["REDUCE_ANY", "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN"])
def test_bools(op: str, shape: Any, axes: Any, keep: bool) -> None:
    check(reduction(op, filled(shape, np.bool_), axes, keep=keep))


@pytest.mark.parametrize("op", ["SUM", "MEAN", "REDUCE_MAX", "REDUCE_ANY"])
def test_axis_known_at_run_time(op: str) -> None:
    x = filled((3, 4), np.bool_) if op == "REDUCE_ANY" else np.arange(12, dtype=np.float32).reshape(3, 4)
    check(reduction(op, x, [-1], keep=False, constant=False))


def points(dtype: Any) -> tuple[int, int]:
    return {np.int8: (-3, 7), np.uint8: (120, 130), np.int16: (0, 0)}[dtype]


@pytest.mark.parametrize("axes", [[1], [1, 2], [0, 1, 2], [0, 2], [2]], ids=str)
@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("dtype", QUANTIZED)
@pytest.mark.parametrize("op", ["SUM", "MEAN"])
def test_quantized(op: str, dtype: Any, scales: Any, axes: Any) -> None:
    """The official reference kernel misreads int8 and int16 sums, so those are compared with the optimised one."""
    x = np.random.default_rng(1).choice(every(dtype), (5, 4, 6))
    zero, zero_out = points(dtype)
    output = out(dtype, scale=scales[1], zero_point=zero_out)
    problem = reduction(op, x, axes, keep=False, output=output, scale=scales[0], zero_point=zero)
    check(problem, resolver="opt" if op == "SUM" and dtype != np.uint8 else None)


@pytest.mark.parametrize(
    ("scales", "zero_points"), [((0.5, 1e-45), (0, 0)), ((3e38, 1e-45), (3, 5)), ((0.5, 1e-45), (3, -7))], ids=str
)
@pytest.mark.parametrize("op", ["SUM", "MEAN"])
def test_quotients_of_scales_beyond_float32(op: str, scales: Any, zero_points: Any) -> None:
    output = out(np.int8, scale=scales[1], zero_point=zero_points[1])
    x = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    problem = reduction(op, x, [1], keep=False, output=output, scale=scales[0], zero_point=zero_points[0])
    check(problem, resolver="opt" if op == "SUM" else None)


@pytest.mark.parametrize("dtype", QUANTIZED)
@pytest.mark.parametrize("op", ["REDUCE_MAX", "REDUCE_MIN"])
def test_quantized_extrema(op: str, dtype: Any) -> None:
    check(reduction(op, np.resize(every(dtype)[::-7], (9, 8)), [0], keep=True, scale=0.1, zero_point=points(dtype)[0]))


@pytest.mark.parametrize("scales", [*SCALES, (0.5, 0.9)], ids=str)
@pytest.mark.parametrize("axes", [[1], [0, 1], [0]], ids=str)
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_quantized_products(dtype: Any, axes: Any, scales: Any) -> None:
    x = np.random.default_rng(2).choice(every(dtype), (6, 3))
    zero, zero_out = points(dtype)
    output = out(dtype, scale=scales[1], zero_point=zero_out)
    check(reduction("REDUCE_PROD", x, axes, keep=False, output=output, scale=scales[0], zero_point=zero))


X = np.ones((2, 3), np.float32)
ERRORS = {
    "CVE-2020-15207": (reduction("MEAN", X, [-3], keep=False), "axis is -3, expected -2 <= axis < 2"),
    "axis beyond": (reduction("SUM", X, [2], keep=False), "axis is 2"),
    "output type": (reduction("REDUCE_MAX", X, [0], keep=False, output=out(np.int32)), "is INT32, expected FLOAT32"),
    "any of floats": (reduction("REDUCE_ANY", X, [0], keep=False), "is FLOAT32"),
    "CVE-2021-37682": (reduction("MEAN", X.astype(np.int8), [0], keep=False), "has no quantization parameters"),
    "extremum scales": (
        reduction("REDUCE_MIN", X.astype(np.int8), [0], keep=False, output=out(np.int8, scale=0.5), scale=0.1),
        "same scale and zero point",
    ),
    "int16 zero point": (
        reduction("MEAN", X.astype(np.int16), [0], keep=False, scale=0.1, zero_point=1),
        "zero points 0",
    ),
    "axis type": (single_op("SUM", [Input(X), Const([0], np.int64)]), "is INT64, expected INT32"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    refused(*ERRORS[name])
