"""The largest elements of rows: in falling order, of equal ones the first one first, numbers before NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled

RNG = np.random.default_rng(0)


def largest(x: np.ndarray, k: int, index_dtype: Any = np.int32) -> Problem:
    operands = [Input(x), Const(np.array(k, np.int32))]
    return single_op("TOPK_V2", operands, [out(x.dtype), out(index_dtype)], version=3)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize(
    ("shape", "k"), [((9,), 1), ((9,), 9), ((3, 17), 4), ((2, 3, 5), 2), ((40, 300), 7), ((1,), 1)]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_largest(dtype: Any, shape: Any, k: int, threads: int) -> None:
    low, high = (-9, 9) if dtype == np.float32 else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    few, many = RNG.integers(0, 5, shape), RNG.integers(low, high, shape, endpoint=True)
    for x in (few, many, np.sort(many), np.sort(many)[..., ::-1]):
        check_compiled(largest(x.astype(dtype), k), "sorting.largest", threads=threads)


def test_indices_of_16_bits() -> None:
    check_compiled(largest(RNG.integers(0, 9, (4, 20)).astype(np.int8), 5, np.int16), "sorting.largest")


@pytest.mark.parametrize("k", [1, 3, 8])
def test_special_floats(k: int) -> None:
    special = np.array([np.nan, -np.inf, 0.0, -0.0, np.inf, np.nan, 1.0, -0.0], np.float32)
    rows = np.stack([RNG.permutation(special) for _ in range(20)])
    check_compiled(largest(rows, k), "sorting.largest")


def test_none_and_too_many() -> None:
    check_compiled(largest(np.ones((3, 4), np.float32), 0))
    check_compiled(largest(np.arange(3000, dtype=np.int32), 2000))
