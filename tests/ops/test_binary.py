"""FLOOR_DIV, FLOOR_MOD, POW, MAXIMUM, MINIMUM, ATAN2, RIGHT_SHIFT, BITWISE_XOR and the logical operators."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from litejit.testing import Const, Input, check, refused, run, single_op
from tests.ops.values import BROADCASTS, edges, filled, pairs

SIGNED = (np.int8, np.int16, np.int32)
INTEGERS = (*SIGNED, np.uint8, np.uint16, np.uint32)
ROWS = [
    *[("FLOOR_DIV", dtype) for dtype in (np.float32, *SIGNED)],
    *[("FLOOR_MOD", dtype) for dtype in (np.float32, np.int64, *SIGNED)],
    *[(op, dtype) for op in ("MAXIMUM", "MINIMUM") for dtype in (np.float32, np.float16, np.int64, *SIGNED, np.uint8)],
    *[(op, dtype) for op in ("RIGHT_SHIFT", "BITWISE_XOR") for dtype in INTEGERS],
    *[(op, np.bool_) for op in ("LOGICAL_AND", "LOGICAL_OR")],
]


def legal(op: str, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without divisors that are errors (0) or traps of the processor (the lowest integer % -1)."""
    if not op.startswith("FLOOR"):
        return a, b
    trap = b == 0
    if a.dtype.kind == "i":
        trap |= b == -1
    return a, np.where(trap, 3, b).astype(b.dtype)


@pytest.mark.parametrize(("op", "dtype"), ROWS)
def test_values(op: str, dtype: Any) -> None:
    a, b = legal(op, *pairs(edges(dtype)))
    check(single_op(op, [Input(a), Input(b)]))


@pytest.mark.parametrize(("op", "dtype"), ROWS)
@pytest.mark.parametrize(("shape1", "shape2"), BROADCASTS)
def test_broadcast(op: str, dtype: Any, shape1: tuple[int, ...], shape2: tuple[int, ...]) -> None:
    a, b = legal(op, filled(shape1, dtype, 1), filled(shape2, dtype, 2))
    check(single_op(op, [Input(a), Input(b)]))


@pytest.mark.parametrize("op", ["MAXIMUM", "MINIMUM"])
def test_bfloat16(op: str) -> None:
    a, b = pairs(edges(ml_dtypes.bfloat16))
    check(single_op(op, [Input(a), Input(b)]))


@pytest.mark.parametrize("dtype", SIGNED)
def test_division_by_minus_one(dtype: Any) -> None:
    """The lowest integer wraps around, as in the official kernel outside its blocks of 8."""
    operands = [Input(edges(dtype)[:6]), Input([-1], dtype)]
    assert check(single_op("FLOOR_DIV", operands))[0][0] == np.iinfo(dtype).min


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_lowest_integer_modulo_minus_one(dtype: Any) -> None:
    """The official runtime dies of it; 0 is the answer."""
    assert run(single_op("FLOOR_MOD", [Input([np.iinfo(dtype).min], dtype), Input([-1], dtype)]))[0] == [0]


def test_float_modulo_zero() -> None:
    a, b = pairs(edges(np.float32))
    check(single_op("FLOOR_MOD", [Input(a), Input(b)]))


POWERS = [
    *[(np.float32, shapes) for shapes in BROADCASTS],
    *[(np.int32, shapes) for shapes in BROADCASTS],
]


@pytest.mark.parametrize(("dtype", "shapes"), POWERS)
def test_power_broadcast(dtype: Any, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    base, exponent = rng.integers(-9, 10, shapes[0]), rng.integers(0, 5, shapes[1])
    check(single_op("POW", [Input(base, dtype), Input(exponent, dtype)]), ulp=1)


def test_power_values() -> None:
    base, exponent = pairs(edges(np.float32))
    check(single_op("POW", [Input(base), Input(exponent)]), ulp=1)
    base, exponent = pairs(edges(np.int32))
    check(single_op("POW", [Input(base), Input(np.maximum(exponent, 0))]))


@pytest.mark.parametrize(
    ("dtype", "exponent"),
    [
        *[
            (np.float32, e)
            for e in (1, 2, 3, 5, 8, 31, 2.000005, 1.99999, 2.0001, 0.5, 0, -1, -2, 1e10, np.nan, np.inf)
        ],
        *[(np.int32, e) for e in (0, 1, 2, 3, 5, 31, 33)],
    ],
)
def test_power_with_one_exponent(dtype: Any, exponent: float) -> None:
    """Repeated squaring, but only for positive integers."""
    base = np.concatenate([edges(dtype), np.arange(-20, 20).astype(dtype)])
    check(single_op("POW", [Input(base), Const([exponent], dtype)]), ulp=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_atan2(dtype: Any) -> None:
    y, x = pairs(edges(dtype))
    check(single_op("ATAN2", [Input(y), Input(x)]), ulp=1)


def one(value: Any, dtype: Any) -> Input:
    return Input([value], dtype)


ERRORS = {
    "FLOOR_DIV by zero": ("FLOOR_DIV", [one(1, np.int32), one(0, np.int32)], "division by zero: 1 elements"),
    "FLOOR_DIV by 0.0": ("FLOOR_DIV", [one(1, np.float32), one(-0.0, np.float32)], "division by zero"),
    "FLOOR_MOD by zero": ("FLOOR_MOD", [one(1, np.int64), one(0, np.int64)], "division by zero"),
    "negative exponent": ("POW", [one(2, np.int32), one(-3, np.int32)], "the smallest is -3"),
    "tensorflow#62165": ("MAXIMUM", [one(2, np.int32), None], "operand 'input2' is missing"),
    "MAXIMUM type": ("MAXIMUM", [one(2, np.uint32)] * 2, "is UINT32, expected FLOAT32"),
    "ATAN2 shapes": ("ATAN2", [Input([1.0, 2], np.float32), one(1, np.float32)], "has shape (1,), expected (2,)"),
    "ATAN2 type": ("ATAN2", [one(2, np.int32)] * 2, "is INT32, expected FLOAT32"),
    "shift type": ("RIGHT_SHIFT", [one(2, np.int64)] * 2, "is INT64, expected INT8"),
    "xor types": ("BITWISE_XOR", [one(2, np.int32), one(2, np.uint32)], "is UINT32, expected INT32"),
    "logical type": ("LOGICAL_OR", [one(2, np.int32)] * 2, "is INT32, expected BOOL"),
    "shapes": ("POW", [Input([1, 2], np.int32), Input([1, 2, 3], np.int32)], "do not broadcast"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, fragment = ERRORS[name]
    refused(single_op(op, operands), fragment)
