"""EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, SELECT and SELECT_V2 against the official runtime."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from litejit.testing import Input, check, out, refused, run, single_op
from tests.ops.values import BROADCASTS, edges, every, filled, pairs

OPS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]
PLAIN = [
    *[(op, dtype) for op in OPS for dtype in (np.float32, np.float16, np.int32, np.int64)],
    *[(op, np.int16) for op in OPS if op != "NOT_EQUAL"],
    *[(op, np.bool_) for op in OPS[:2]],
    *[(op, ml_dtypes.bfloat16) for op in ("LESS", "GREATER")],
]
BOOL = [out(np.bool_)]


@pytest.mark.parametrize(("op", "dtype"), PLAIN)
def test_plain_numbers(op: str, dtype: Any) -> None:
    a, b = pairs(edges(dtype))
    check(single_op(op, [Input(a), Input(b)], BOOL))


@pytest.mark.parametrize(("shape1", "shape2"), BROADCASTS)
@pytest.mark.parametrize(("op", "dtype"), [("LESS", np.float32), ("EQUAL", np.int64), ("GREATER_EQUAL", np.int16)])
def test_broadcast(op: str, dtype: Any, shape1: tuple[int, ...], shape2: tuple[int, ...]) -> None:
    check(single_op(op, [Input(filled(shape1, dtype, 1)), Input(filled(shape2, dtype, 2))], BOOL))


def test_plain_int16_not_equal() -> None:
    """The official kernel leaves its output as it was."""
    a, b = pairs(edges(np.int16))
    assert np.array_equal(run(single_op("NOT_EQUAL", [Input(a), Input(b)], BOOL))[0], a != b)


QUANTIZATIONS = [((0.1, 3), (0.1, 3)), ((0.1, -5), (0.2, 7)), ((1e-3, 0), (0.9, 0)), ((1e-9, 0), (1e-8, 0))]
COARSE = [((2.0, 0), (2.0, 3)), ((300.0, 1), (0.7, -1)), ((1.5, 0), (3.0, 0))]


@pytest.mark.parametrize(("first", "second"), QUANTIZATIONS + COARSE)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("op", OPS)
def test_quantized_pairs(op: str, dtype: Any, first: Any, second: Any) -> None:
    """Every pair; where a scale is above 1 the official rescaling is off its limits, and so is ours."""
    a, b = pairs(every(dtype))
    bias = 128 if dtype == np.uint8 else 0
    operands = [Input(x, scale=scale, zero_point=zero + bias) for x, (scale, zero) in ((a, first), (b, second))]
    check(single_op(op, operands, BOOL, version=2))


@pytest.mark.parametrize("scales", [(0.1, 0.1), (0.1, 0.2), (3e-5, 1e-4)])
@pytest.mark.parametrize("op", OPS)
def test_int16_with_scales(op: str, scales: tuple[float, float]) -> None:
    """Equality compares what the values stand for, order compares raw values."""
    a = np.concatenate([edges(np.int16), every(np.int16)[::37]])
    b = np.roll(a, 1) // 2
    check(single_op(op, [Input(a, scale=scales[0]), Input(b, scale=scales[1])], BOOL))


def test_scale_of_one() -> None:
    """The official kernel aborts."""
    a, b = pairs(every(np.int8))
    operands = [Input(a, scale=1.0, zero_point=1), Input(b, scale=1.0, zero_point=-2)]
    output = run(single_op("LESS", operands, BOOL, version=2))[0]
    assert np.array_equal(output, a.astype(int) - 1 < b.astype(int) + 2)


@pytest.mark.parametrize("shapes", [((6,), (6,)), ((2, 3), (3,)), ((), ()), ((1,), (2, 2))], ids=str)
@pytest.mark.parametrize("op", OPS[:2])
def test_strings(op: str, shapes: Any) -> None:
    words = [b"", b"a", b"b", b"ab", b"a\0b", b"\xff"]
    rng = np.random.default_rng(0)
    arrays = []
    for shape in shapes:
        array = np.empty(shape, object)
        array[...] = rng.choice(np.array(words, object), shape) if shape else b"ab"
        arrays.append(Input(array))
    check(single_op(op, arrays, BOOL))


SELECTS = [
    ("SELECT", (2, 3), (2, 3), (2, 3)),
    ("SELECT", (), (2, 3), (2, 3)),
    ("SELECT", (2,), (2, 3), (2, 3)),
    ("SELECT", (3,), (3, 2, 2), (3, 2, 2)),
    ("SELECT", (0,), (0, 2), (0, 2)),
    ("SELECT", (1,), (), (1, 1)),
    ("SELECT_V2", (1, 1), (), (1,)),
    ("SELECT_V2", (2, 3), (2, 3), (2, 3)),
    ("SELECT_V2", (2, 1), (3,), ()),
    ("SELECT_V2", (), (2, 1), (1, 3)),
    ("SELECT_V2", (4,), (1,), (3, 1)),
    ("SELECT_V2", (2, 1, 2, 1), (1, 2, 1, 2), (1,)),
    ("SELECT_V2", (1, 2, 1, 2, 1, 2, 1, 2), (2,), (2, 1, 1)),
    ("SELECT_V2", (0,), (1,), (1,)),
]
ANY = [np.float32, np.float16, np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.bool_, np.complex64]


@pytest.mark.parametrize("dtype", ANY)
@pytest.mark.parametrize(("op", "condition", "x", "y"), SELECTS)
def test_select(op: str, condition: Any, x: Any, y: Any, dtype: Any) -> None:
    rng = np.random.default_rng(5)
    real = np.float32 if dtype == np.complex64 else dtype
    operands = [
        Input(rng.integers(0, 2, condition), np.bool_),
        Input(filled(x, real, 1), dtype),
        Input(filled(y, real, 2), dtype),
    ]
    shape = x if op == "SELECT" else np.broadcast_shapes(condition, x, y)
    check(single_op(op, operands, outputs=[out(dtype, shape=shape)]))


def test_select_keeps_the_declared_shape_of_one_element() -> None:
    operands = [Input([True]), Input(3.0, np.float32), Input([[4.0]], np.float32)]
    check(single_op("SELECT_V2", operands, outputs=[out(np.float32, shape=(1, 1, 1))]))


X = Input([[1.0, 2, 3], [4, 5, 6]], np.float32)
ERRORS = {
    "strings have no order": ("LESS", [Input(np.array([b"a"], object))] * 2, "is STRING, expected FLOAT32"),
    "no bools": ("GREATER", [Input([True])] * 2, "is BOOL, expected FLOAT32"),
    "CVE-2021-37682": ("EQUAL", [Input([1], np.int8)] * 2, "has no quantization parameters"),
    "shapes": ("LESS", [X, Input([1.0, 2], np.float32)], "do not broadcast"),
    "condition type": ("SELECT", [Input([1, 0], np.int32), X, X], "is INT32, expected BOOL"),
    "condition shape": ("SELECT", [Input([True] * 3), X, X], "condition has shape (3,), expected (2, 3), (2,) or ()"),
    "x and y": ("SELECT", [Input(True), X, Input([1.0], np.float32)], "x has shape (2, 3), y has (1,)"),
    "SELECT_V2 shapes": ("SELECT_V2", [Input([True] * 4), X, X], "do not broadcast"),
    "SELECT_V2 types": ("SELECT_V2", [Input(True), X, Input([1], np.int32)], "is INT32, expected FLOAT32"),
    "strings": ("SELECT_V2", [Input(True), *[Input(np.array([b"a"], object))] * 2], "is STRING"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, fragment = ERRORS[name]
    outputs = [out(np.float32)] if op.startswith("SELECT") else BOOL
    refused(single_op(op, operands, outputs), fragment)
