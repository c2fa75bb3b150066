"""Compiled reductions against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.harness import Const, Input, out, single_op
from tests.jit.equal import check_compiled

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
]


@pytest.mark.parametrize("op", ["MEAN", "SUM", "REDUCE_MAX"])
def test_floats(op: str) -> None:
    rng = np.random.default_rng(0)
    for at, (shape, axes) in enumerate(CASES):
        x = rng.normal(0, 1, shape).astype(np.float32)
        problem = single_op(op, [Input(x), Const(np.array(axes, np.int32))], keep_dims=at % 2 == 0)
        atol = {"MEAN": 1e-6, "SUM": 1e-4, "REDUCE_MAX": 0}[op]
        check_compiled(problem, "reduction.", atol=atol, threads=1 + at % 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_means_of_bytes(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    info = np.iinfo(dtype)
    for at, (shape, axes) in enumerate(CASES):
        for scale in (0.05, 0.02):
            zero_point = 3 if dtype == np.int8 else 120
            x = Input(rng.integers(info.min, info.max + 1, shape), dtype, scale=np.float32(0.05), zero_point=zero_point)
            outputs = [out(dtype, scale=np.float32(scale), zero_point=zero_point - 9)]
            operands = [x, Const(np.array(axes, np.int32))]
            problem = single_op("MEAN", operands, outputs=outputs, keep_dims=at % 2 == 0)
            served = np.prod([shape[axis] for axis in axes]) > 4
            check_compiled(problem, "reduction.sum_bytes" if served else None, threads=1 + at % 2)
