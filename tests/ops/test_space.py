"""SPACE_TO_DEPTH, DEPTH_TO_SPACE, *_BATCH_*_ND, MATRIX_DIAG, MATRIX_SET_DIAG against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.elements import SIZED, STRING, elements

OPERANDS = [Const, Input]
DEPTH_TYPES = [np.float32, np.uint8, np.int8, np.int32, np.int64]
MATRIX_TYPES = [*DEPTH_TYPES, np.int16]


def i32(values: Any) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize("dtype", DEPTH_TYPES)
@pytest.mark.parametrize(
    ("shape", "block_size"),
    [((1, 2, 2, 1), 2), ((2, 6, 3, 2), 3), ((1, 4, 6, 3), 2), ((2, 3, 1, 4), 1), ((0, 2, 2, 1), 2)],
)
def test_space_and_depth(shape: Any, block_size: int, dtype: Any) -> None:
    check(single_op("SPACE_TO_DEPTH", [Input(elements(shape, dtype))], block_size=block_size, version=2))
    batch, height, width, channels = shape
    deep = elements((batch, height, width, channels * block_size**2), dtype)
    for version in (1, 2):
        check(single_op("DEPTH_TO_SPACE", [Input(deep)], block_size=block_size, version=version))


def test_depth_to_space_float16() -> None:
    x = Input(elements((1, 2, 3, 8), np.float16))
    check(single_op("DEPTH_TO_SPACE", [x], block_size=2), resolver="auto")


BATCHES = [
    ((1, 4, 4, 1), (2, 2), ((0, 0), (0, 0))),
    ((2, 3, 4, 2), (2, 3), ((1, 0), (0, 2))),
    ((1, 5, 3), (3,), ((0, 1),)),
    ((3, 2, 1, 2), (1, 2), ((0, 0), (3, 2))),
    ((2, 1, 1, 3), (1, 1), ((0, 0), (0, 0))),
    ((0, 2, 2, 1), (2, 2), ((0, 0), (0, 0))),
]


@pytest.mark.parametrize("dtype", SIZED, ids=str)
@pytest.mark.parametrize(("shape", "block_shape", "paddings"), BATCHES)
def test_space_to_batch(shape: Any, block_shape: Any, paddings: Any, dtype: Any) -> None:
    for operand in OPERANDS:
        operands = [Input(elements(shape, dtype)), operand(i32(block_shape)), operand(i32(paddings))]
        check(single_op("SPACE_TO_BATCH_ND", operands, version=3))


@pytest.mark.parametrize("dtype", SIZED, ids=str)
@pytest.mark.parametrize(
    ("shape", "block_shape", "crops"),
    [
        ((4, 2, 2, 1), (2, 2), ((0, 0), (0, 0))),
        ((12, 2, 3, 2), (2, 3), ((1, 2), (0, 4))),
        ((6, 2, 3), (3,), ((2, 1),)),
        ((2, 3, 2, 1), (2, 1), ((3, 3), (1, 0))),
        ((3, 1, 1, 3), (1, 1), ((0, 0), (0, 0))),
    ],
)
def test_batch_to_space(shape: Any, block_shape: Any, crops: Any, dtype: Any) -> None:
    for operand in OPERANDS:
        operands = [Input(elements(shape, dtype)), operand(i32(block_shape)), operand(i32(crops))]
        check(single_op("BATCH_TO_SPACE_ND", operands, version=3))


@pytest.mark.parametrize(("numerics", "resolver"), [("litert-ref", "ref"), ("litert-opt", "opt"), ("xnnpack", "auto")])
@pytest.mark.parametrize(("dtype", "zero_point"), [(np.int8, -7), (np.uint8, 130), (np.int16, 0)])
def test_space_to_batch_pads_with_the_zero_point(dtype: Any, zero_point: int, numerics: str, resolver: str) -> None:
    x = Input(elements((1, 3, 2, 2), dtype), scale=0.5, zero_point=zero_point)
    problem = single_op("SPACE_TO_BATCH_ND", [x, Const(i32((2, 2))), Const(i32(((1, 0), (0, 2))))], version=3)
    check(problem, resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("dtype", MATRIX_TYPES)
def test_matrix_diag(dtype: Any) -> None:
    for shape in ((1,), (4,), (2, 3), (2, 1, 3), (2, 0)):
        check(single_op("MATRIX_DIAG", [Input(elements(shape, dtype))]))


@pytest.mark.parametrize("dtype", MATRIX_TYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 3, 3), (2, 2, 1, 5), (0, 2, 2)])
def test_matrix_set_diag(shape: Any, dtype: Any) -> None:
    diagonal = elements((*shape[:-2], min(shape[-2:])), dtype, 50)
    check(single_op("MATRIX_SET_DIAG", [Input(elements(shape, dtype)), Input(diagonal)]))


X = Input(np.zeros((1, 4, 4, 3), np.float32))


def blocks(name: str, block_shape: Any, borders: Any, x: Input = X, operand: Any = Const, **keywords: Any) -> Problem:
    return single_op(name, [x, operand(i32(block_shape)), operand(i32(borders))], **keywords)


def to_batch(*operands: Any, **keywords: Any) -> Problem:
    return blocks("SPACE_TO_BATCH_ND", *operands, **keywords)


def to_space(*operands: Any, **keywords: Any) -> Problem:
    return blocks("BATCH_TO_SPACE_ND", *operands, **keywords)


ZERO = ((0, 0), (0, 0))
FOUR = Input(np.zeros((4, 2, 2, 1), np.float32))
ERRORS = {
    "CVE-2021-29587": (single_op("SPACE_TO_DEPTH", [X], block_size=0), "block_size must be at least 1"),
    "CVE-2021-29595": (single_op("DEPTH_TO_SPACE", [X], block_size=0), "block_size must be at least 1"),
    "space_to_depth negative": (single_op("SPACE_TO_DEPTH", [X], block_size=-2), "block_size must be at least 1"),
    "space_to_depth uneven": (single_op("SPACE_TO_DEPTH", [X], block_size=3), "does not divide height x width 4 x 4"),
    "space_to_depth rank": (single_op("SPACE_TO_DEPTH", [Input(np.zeros((4, 4), np.int8))], block_size=2), "rank 4"),
    "space_to_depth int16": (
        single_op("SPACE_TO_DEPTH", [Input(np.zeros((1, 2, 2, 1), np.int16))], block_size=2),
        "INT16",
    ),
    "depth_to_space uneven": (single_op("DEPTH_TO_SPACE", [X], block_size=2), "does not divide 3 channels"),
    "depth_to_space huge": (single_op("DEPTH_TO_SPACE", [X], block_size=2**31 - 1), "does not divide"),
    "CVE-2021-29597": (to_batch((0, 2), ZERO), "expected at least 1"),
    "CVE-2021-29593": (to_space((2, 0), ZERO, FOUR), "expected at least 1"),
    "space_to_batch negative block": (to_batch((-2, 2), ZERO), "expected at least 1"),
    "space_to_batch paddings": (to_batch((2, 2), ((-2, 0), (0, 0))), "expected at least 0"),
    "space_to_batch uneven": (to_batch((2, 3), ZERO), "does not divide the padded dimensions"),
    "space_to_batch rank": (to_batch((2,), ((0, 0),), x=Input(np.zeros((2, 2), np.int8))), "expected rank 3 or 4"),
    "space_to_batch sizes": (to_batch((2,), ZERO), "expected (2,)"),
    "tensorflow#127292 paddings": (to_batch((2, 2), ((0,), (0,))), "expected (2, 2)"),
    "tensorflow#127292 crops": (to_space((2, 2), ((0,), (0,)), FOUR), "expected (2, 2)"),
    "space_to_batch huge": (to_batch((1, 1), ((2**31 - 1,) * 2, (0, 0))), "at most 31 bits"),
    "space_to_batch at run time": (to_batch((3, 3), ZERO, operand=Input), "does not divide"),
    "space_to_batch scale": (
        to_batch((1, 1), ZERO, Input(np.zeros((1, 1, 1, 1), np.int8), scale=1.0), outputs=[out(np.int8, scale=2.0)]),
        "does not rescale",
    ),
    "space_to_batch string": (to_batch((1, 1), ZERO, Input(elements((1, 1, 1, 1), STRING))), "is STRING"),
    "batch_to_space batch": (to_space((3, 1), ZERO, FOUR), "batch 4 in blocks of [3, 1]"),
    "batch_to_space crops": (to_space((2, 2), ((3, 2), (0, 0)), FOUR), "exceed the dimensions"),
    "batch_to_space negative": (to_space((2, 2), ((0, 0), (0, -1)), FOUR), "expected at least 0"),
    "matrix_diag scalar": (single_op("MATRIX_DIAG", [Input(np.float32(1))]), "is a scalar"),
    "matrix_diag huge": (single_op("MATRIX_DIAG", [Input(np.zeros(1 << 17, np.float32))]), "more than the limit"),
    "matrix_diag bool": (single_op("MATRIX_DIAG", [Input(np.zeros(2, np.bool_))]), "is BOOL"),
    "matrix_set_diag vector": (single_op("MATRIX_SET_DIAG", [Input(np.zeros(2, np.int8))] * 2), "rank 2 or more"),
    "matrix_set_diag diagonal": (
        single_op("MATRIX_SET_DIAG", [Input(np.zeros((2, 2), np.int8)), Input(np.zeros(1, np.int8))]),
        "expected (2,)",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
