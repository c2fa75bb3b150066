"""Compiled comparisons, logic, choices, and larger and smaller ones against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, Problem, out, single_op
from tests.jit.equal import check_compiled
from tests.jit.test_arithmetic import BROADCASTS, numbers

COMPARISONS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]
BOOL = [out(np.bool_)]


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for at, shapes in enumerate(BROADCASTS):
        a, b = (np.round(numbers(rng, dtype, shape)) for shape in shapes)
        if dtype == np.int32:
            a, b = a >> 29, b >> 29
        check_compiled(single_op(op, [Input(a), Input(b)], BOOL), "comparing.", threads=1 + at % 2)


@pytest.mark.parametrize("op", COMPARISONS)
def test_special_floats(op: str) -> None:
    x = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38], np.float32)
    check_compiled(single_op(op, [Input(x[:, None]), Input(x)], BOOL), "comparing.")


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_quantized(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for scales in ((0.5, 0.5), (0.1, 0.07)):
        a, b = numbers(rng, dtype, (4, 1, 37)), numbers(rng, dtype, (4, 5, 37))
        operands = [Input(a, scale=scales[0], zero_point=3), Input(b, scale=scales[1], zero_point=9)]
        check_compiled(single_op(op, operands, BOOL), "tables.pairs", threads=2)


@pytest.mark.parametrize("op", ["LOGICAL_AND", "LOGICAL_OR"])
def test_logic(op: str) -> None:
    rng = np.random.default_rng(0)
    for shapes in BROADCASTS:
        operands = [Input(rng.integers(0, 2, shape).astype(np.bool_)) for shape in shapes]
        check_compiled(single_op(op, operands), "comparing.")
    x = Input(rng.integers(0, 2, 77).astype(np.bool_))
    check_compiled(single_op("LOGICAL_NOT", [x]), "tables.bytes")


@pytest.mark.parametrize("op", ["MAXIMUM", "MINIMUM"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_short_integers(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for at, shapes in enumerate(BROADCASTS):
        operands = [Input(numbers(rng, dtype, shape), scale=0.5, zero_point=0) for shape in shapes]
        check_compiled(single_op(op, operands), "comparing.", threads=1 + at % 2)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int16, np.int64])
def test_choices(dtype: Any) -> None:
    rng = np.random.default_rng(0)

    def problem(op: str, *shapes: tuple[int, ...]) -> Problem:
        condition = Input(rng.integers(0, 2, shapes[0]).astype(np.bool_))
        operands = [Input(rng.integers(-99, 99, shape).astype(dtype), dtype) for shape in shapes[1:]]
        return single_op(op, [condition, *operands])

    for at, (left, right) in enumerate(BROADCASTS):
        for shapes in ((left, left, right), (right, left, left), (left, right, ())):
            if len(np.broadcast_shapes(*shapes)) < 6:
                check_compiled(problem("SELECT_V2", *shapes), "selecting.", threads=1 + at % 2)
    for shapes in (((1,), (1,), ()), ((), (1, 1), (1,)), ((1, 1, 1), (), ())):  # the output is a scalar all the same
        check_compiled(problem("SELECT_V2", *shapes), "selecting.")
    check_compiled(problem("SELECT", (1,), (1, 1), (1, 1)), "selecting.")
    for condition, shape in (((4,), (4, 3, 5)), ((), (4, 3)), ((2, 3), (2, 3)), ((7,), (7, 40))):
        check_compiled(problem("SELECT", condition, shape, shape), "selecting.")
    for op in ("SELECT", "SELECT_V2"):  # one element each, which keeps the declared shape of the output
        for shapes in (((1,), (), (1, 1)), ((1, 1), (), (1,)), ((), (1, 1), ())):
            check_compiled(problem(op, *shapes), "selecting.")
