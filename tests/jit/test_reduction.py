"""Compiled reductions against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, out, single_op
from tests.jit.equal import check_compiled
from tests.jit.test_moving import MOVED

# Sums of up to 900 numbers: the bounds below are what adding them one by one may lose.
CASES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 7, 7, 70), (1, 2)),
    ((1, 9, 5, 3), (1, 2)),
    ((3, 40), (1,)),
    ((3, 5, 17), (-1,)),
    ((4, 300), (0,)),
    ((2, 3, 4), (0, 1, 2)),
    ((1, 1, 1, 9), (1, 2)),
    ((2, 1, 33), (1,)),
    ((1, 30, 30, 8), (1, 2)),
    ((3, 7, 5, 9), (0, 2)),
    ((2, 6, 4, 3), (1, 3)),
    ((2, 3, 1, 5, 4), (0, 1, 4)),
]


@pytest.mark.parametrize("op", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])
def test_floats(op: str) -> None:
    rng = np.random.default_rng(0)
    for at, (shape, axes) in enumerate(CASES):
        x = rng.normal(0, 1, shape).astype(np.float32)
        problem = single_op(op, [Input(x), Const(np.array(axes, np.int32))], keep_dims=at % 2 == 0)
        atol = {"MEAN": 1e-6, "SUM": 1e-4}.get(op, 0)
        check_compiled(problem, ("reduction.", "extremes.", *MOVED), atol=atol, threads=1 + at % 2)


@pytest.mark.parametrize("op", ["MEAN", "SUM"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_sums_of_integers(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    info = np.iinfo(dtype)
    for at, (shape, axes) in enumerate(CASES):
        for scale in (0.05, 0.02, 0.005, 1.7):
            zero_point = {np.int8: 3, np.uint8: 120, np.int16: 0}[dtype]
            x = Input(rng.integers(info.min, info.max + 1, shape), dtype, scale=np.float32(0.05), zero_point=zero_point)
            outputs = [out(dtype, scale=np.float32(scale), zero_point=max(zero_point - 9, 0))]
            operands = [x, Const(np.array(axes, np.int32))]
            problem = single_op(op, operands, outputs=outputs, keep_dims=at % 2 == 0)
            check_compiled(problem, ("reduction.sum_", *MOVED), threads=1 + at % 2)


@pytest.mark.parametrize("op", ["REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64])
def test_extremes_of_integers(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    info = np.iinfo(dtype)
    for at, (shape, axes) in enumerate(CASES):
        x = Input(rng.integers(info.min, info.max, shape, dtype, endpoint=True), dtype)
        problem = single_op(op, [x, Const(np.array(axes, np.int32))], keep_dims=at % 2 == 0)
        check_compiled(problem, ("extremes.", *MOVED), threads=1 + at % 2)


@pytest.mark.parametrize("op", ["REDUCE_ANY", "REDUCE_ALL"])
def test_truth(op: str) -> None:
    rng = np.random.default_rng(0)
    for shape, axes in CASES:
        x = Input(rng.integers(0, 20, shape) == (3 if op == "REDUCE_ANY" else 0) ^ (op == "REDUCE_ALL"))
        check_compiled(single_op(op, [x, Const(np.array(axes, np.int32))]), ("extremes.", *MOVED))


def test_special_floats() -> None:
    x = np.array([[np.nan, 1, np.inf, -0.0], [-np.inf, np.nan, -5, 0], [np.nan] * 4, [2, 2, 1, 1]] * 3, np.float32)
    for axis in (0, 1):
        for op in ("REDUCE_MAX", "REDUCE_MIN"):
            check_compiled(single_op(op, [Input(x), Const(np.array([axis], np.int32))]), "extremes.")
            for whole in (x, x[3:], x[3:, ::-1], np.full_like(x, np.inf), np.full_like(x, -np.inf), x[0, 1:]):
                for keep in (False, True):
                    axes = np.arange(whole.ndim, dtype=np.int32)
                    check_compiled(single_op(op, [Input(whole), Const(axes)], keep_dims=keep), "extremes.")
        for op in ("ARG_MAX", "ARG_MIN"):
            operands = [Input(x), Const(np.array(axis, np.int32))]
            check_compiled(single_op(op, operands, [out(np.int32)], output_type="INT32"), "searching.")


@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8, np.int16, np.int32])
def test_places(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    cases = [((5,), 0), ((3, 1, 7), 2), ((2, 40, 9), 1), ((1, 33), -1), ((4, 300, 100), 1), ((2, 5, 1), 1), ((9, 1), 1)]
    cases += [((7, count), 1) for count in (8, 16, 21, 31, 32, 64, 257)]
    for at, (shape, axis) in enumerate(cases):
        x = rng.integers(0 if dtype == np.uint8 else -9, 9, shape).astype(dtype)
        if at % 3 == 0:
            x[...] = x.min() if op == "ARG_MAX" else x.max()  # the worst, everywhere
        operands = [Input(x, dtype), Const(np.array(axis, np.int32))]
        problem = single_op(
            op, operands, [out(np.int64 if at % 2 else np.int32)], output_type="INT64" if at % 2 else "INT32"
        )
        check_compiled(problem, "searching.", threads=1 + at % 2)


@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
def test_places_among_numbers_that_are_not_finite(op: str) -> None:
    rng = np.random.default_rng(0)
    for count in (3, 8, 9, 20, 40):
        values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1e30], np.float32)
        x = values[rng.integers(0, len(values), (60, count))]
        x[0], x[1], x[2] = np.nan, -np.inf, np.inf
        for given, axis in ((x, 1), (x.T.copy(), 0)):
            operands = [Input(given), Const(np.array(axis, np.int32))]
            check_compiled(single_op(op, operands, [out(np.int64)], output_type="INT64"), "searching.")


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_running_sums(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for at, (shape, axis) in enumerate(
        (((7,), 0), ((3, 5, 9), 1), ((2, 300, 70), 1), ((4, 33, 1, 2), 1), ((5, 40), -1))
    ):
        x = (rng.normal(0, 1, shape) * (1 if dtype == np.float32 else 2**28)).astype(dtype)
        x.reshape(-1)[0] = -0.0
        options = {"reverse": at % 2 == 1, "exclusive": at > 1}
        problem = single_op("CUMSUM", [Input(x), Const(np.array(axis, np.int32))], **options)
        check_compiled(problem, "accumulating.", threads=1 + at % 2)
