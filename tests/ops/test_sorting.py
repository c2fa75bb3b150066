"""ARG_MAX, ARG_MIN, TOPK_V2, UNIQUE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, check, out, refused, single_op
from tests.ops.values import edges, filled

INTEGERS = [np.int8, np.uint8, np.int16, np.int32, np.int64]
NAMES = {np.int32: "INT32", np.int64: "INT64"}
SHAPES = [((7,), 0), ((3, 5), 0), ((3, 5), 1), ((3, 5), -1), ((2, 3, 1, 4), -3), ((2, 1, 2, 1, 2, 3), 5), ((4, 1), 1)]


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8, np.int32, np.bool_])
@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
def test_arg(op: str, dtype: Any, index: Any) -> None:
    for at, (shape, axis) in enumerate(SHAPES):
        x = filled(shape, dtype, at)
        x = np.nan_to_num(x) if dtype == np.float32 else x
        check(single_op(op, [Input(x), Const(np.array(axis, index))], outputs=[out(index)], output_type=NAMES[index]))


@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("length", [*range(1, 10), 33])
def test_arg_passes_over_what_is_not_a_number(op: str, length: int) -> None:
    """All places of not-a-number in rows, which the official kernel searches in four parts, and in columns."""
    rng = np.random.default_rng(length)
    masks = rng.integers(0, 2, (200, length)) if length > 8 else np.indices((2,) * length).reshape(length, -1).T
    numbers = [rng.integers(-3, 4, masks.shape), np.arange(length) + 0 * masks, -np.inf * np.ones(masks.shape)]
    x = np.concatenate([np.where(masks, np.nan, number) for number in numbers]).astype(np.float32)
    for axis, values in ((1, x), (0, np.ascontiguousarray(x.T)), (-1, x[:, :, None].swapaxes(1, 2))):
        problem = single_op(op, [Input(values), Const(np.int32(axis))], outputs=[out(np.int32)], output_type="INT32")
        for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            check(problem, experimental_op_resolver_type=resolver)


@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
def test_arg_of_ties_and_of_an_axis_known_at_run_time(op: str) -> None:
    x = np.random.default_rng(0).integers(0, 3, (6, 40)).astype(np.float32)
    check(single_op(op, [Input(x), Input([1], np.int32)], outputs=[out(np.int32)], output_type="INT32"))


@pytest.mark.parametrize("dtype", [np.float32, *INTEGERS])
@pytest.mark.parametrize("k", [-1, 0, 1, 3, 12])
@pytest.mark.parametrize("shape", [(12,), (3, 12), (2, 1, 2, 12)])
def test_topk(shape: Any, k: int, dtype: Any) -> None:
    x = np.random.default_rng(abs(k)).permutation(np.resize(edges(dtype), shape).ravel()).reshape(shape)
    x = np.nan_to_num(x) if dtype == np.float32 else x
    check(single_op("TOPK_V2", [Input(x), Const(np.int32(k))], outputs=[out(dtype), out(np.int32)]))


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_topk_of_ties(dtype: Any) -> None:
    x = np.random.default_rng(0).integers(0, 4, (5, 50)).astype(dtype)
    for k in (1, 7, 49, 50):
        operands = [Input(x), Input(np.array(k, np.int32))]
        check(single_op("TOPK_V2", operands, outputs=[out(dtype), out(np.int32)]))


def test_topk_puts_what_is_not_a_number_last() -> None:
    rng = np.random.default_rng(0)
    for n in range(1, 30):
        x = np.where(rng.random((8, n)) < 0.4, np.nan, rng.integers(-2, 3, (8, n))).astype(np.float32)
        for k in {1, n // 2, n}:
            check(single_op("TOPK_V2", [Input(x), Const(np.int32(k))], outputs=[out(), out(np.int32)]))


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, *INTEGERS])
def test_unique(dtype: Any, index: Any) -> None:
    for size in (1, 2, 30):
        x = np.random.default_rng(size).integers(0, 9, size).astype(dtype)
        check(
            single_op(
                "UNIQUE",
                [Input(x)],
                outputs=[out(dtype), out(index)],
                idx_out_type=NAMES[index],
            )
        )


X = Input(np.ones((2, 3)), np.float32)
ERRORS = {
    "CVE-2021-29603": ("ARG_MAX", [X, Const(np.int32(2))], [out(np.int32)], "axis is 2"),
    "CVE-2021-29603 below": ("ARG_MIN", [X, Const(np.int32(-3))], [out(np.int32)], "axis is -3"),
    "two axes": ("ARG_MAX", [X, Const([0, 1], np.int32)], [out(np.int32)], "expected one element"),
    "float axis": ("ARG_MAX", [X, Const(np.float32(0))], [out(np.int32)], "is FLOAT32, expected INT32"),
    "float index": ("ARG_MAX", [X, Const(np.int32(0))], [out(np.float32)], "is FLOAT32, expected INT32"),
    "k": ("TOPK_V2", [X, Const(np.int32(4))], [out(), out(np.int32)], "k is 4, the last dimension has 3"),
    "k of a scalar": ("TOPK_V2", [Input(1.0, np.float32), Const(np.int32(1))], [out(), out(np.int32)], "one dimension"),
    "two k": ("TOPK_V2", [X, Const([1, 1], np.int32)], [out(), out(np.int32)], "expected one element"),
    "unique matrix": ("UNIQUE", [X], [out(), out(np.int32)], "expected rank 1"),
    "unique index": ("UNIQUE", [Input([1.0], np.float32)], [out(), out(np.int8)], "is INT8, expected INT32"),
    "unique NaN": ("UNIQUE", [Input([np.nan], np.float32)], [out(), out(np.int32)], "not-a-number"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, outputs, fragment = ERRORS[name]
    refused(single_op(op, operands, outputs), fragment)
