"""GATHER, GATHER_ND, SCATTER_ND, WHERE, SPARSE_TO_DENSE against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.elements import BFLOAT16, STRING, elements, int4, through_int4

OPERANDS = [Const, Input]
GATHERED = [np.float32, np.float16, BFLOAT16, np.uint8, np.int8, np.int16, np.int32, np.int64, np.bool_, STRING]
SCATTERED = [np.float32, np.uint8, np.int8, np.int32, np.int64]


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize("dtype", GATHERED, ids=str)
def test_every_type(dtype: Any) -> None:
    for index_type in (np.int16, np.int32, np.int64):
        positions = Input(np.array([[4, 0], [1, 1]], index_type))
        check(single_op("GATHER", [Input(elements((5,), dtype)), positions], [out(dtype)], version=5))
        check(single_op("GATHER_ND", [Input(elements((5, 2, 3), dtype)), positions], [out(dtype)], version=5))


GATHERS = [
    ((5, 3), (4,), 0, 0),
    ((5, 3), (), 1, 0),
    ((5, 3), (2, 2), -1, 0),
    ((2, 3, 4), (0,), 1, 0),
    ((2, 3, 4), (2, 1), 2, 0),
    ((2, 3, 4), (2, 5), 1, 1),
    ((2, 3, 4), (2, 5), 2, 1),
    ((2, 3, 4), (2, 3, 2), 2, 2),
    ((2, 3, 4), (2, 3), 2, 2),
    ((2, 3, 4), (2, 3), -1, -1),
    ((2, 3, 4, 2), (2, 2, 2), 2, -2),
    ((0, 3), (0,), 1, 0),
    ((3, 0), (2,), 0, 0),
    ((2, 0, 3), (2, 2), 2, 1),
]


@pytest.mark.parametrize(("shape", "positions", "axis", "batch_dims"), GATHERS)
def test_gather(shape: Any, positions: Any, axis: int, batch_dims: int) -> None:
    where = np.resize(np.arange(shape[axis]), positions).astype(np.int32)
    for operand in OPERANDS:
        operands = [operand(elements(shape, np.float32)), Input(where)]
        check(single_op("GATHER", operands, axis=axis, batch_dims=batch_dims))


def test_gather_int4() -> None:
    check(through_int4("GATHER", [(int4(4, 6), True), (i32(3, 0, 3), False)], axis=0, version=7))


@pytest.mark.parametrize(
    ("shape", "indices"),
    [((5,), (3, 1)), ((2, 3), (2,)), ((2, 3), (4, 1)), ((2, 3, 4), (2, 2, 3)), ((2, 0), (0, 1)), ((2, 3), (0, 2))],
)
def test_gather_nd(shape: Any, indices: Any) -> None:
    where = np.resize(np.arange(min(shape)), indices).astype(np.int32)
    check(single_op("GATHER_ND", [Input(elements(shape, np.float32)), Input(where)]))


def test_gather_nd_without_coordinates() -> None:
    """The official kernel allows for it, but gives up on an index tensor without data."""
    x = elements((2, 3), np.float32)
    check(single_op("GATHER_ND", [Input(x), Const(np.zeros((4, 0), np.int32))]))
    check(single_op("GATHER_ND", [Input(x), Input(np.zeros((0, 0), np.int32))]))
    problem = single_op("GATHER_ND", [Input(x), Input(np.zeros((4, 0), np.int32))])
    for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        refused(problem, "have no coordinates", official_too=True, experimental_op_resolver_type=resolver)


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", [*SCATTERED, np.bool_])
@pytest.mark.parametrize(
    ("indices", "shape"),
    [
        ([[4], [1], [4]], (5,)),
        ([[1], [0]], (2, 3)),
        ([[1, 2], [0, 0], [1, 2]], (2, 3)),
        ([[[1], [1]], [[0], [1]]], (2, 2, 2)),
    ],
)
def test_scatter_nd(indices: Any, shape: Any, dtype: Any, operand: Any) -> None:
    where = np.array(indices, np.int32)
    updates = elements((*where.shape[:-1], *shape[where.shape[-1] :]), dtype, 3)
    if dtype in (np.int8, np.uint8):
        updates += dtype(100)  # so that sums wrap around
    check(single_op("SCATTER_ND", [Input(where), Input(updates), operand(i32(*shape))], [out(dtype)]))


@pytest.mark.parametrize("dtype", [*SCATTERED, np.uint32, np.bool_])
@pytest.mark.parametrize("shape", [(6,), (3, 4), (2, 0), (2, 1, 3, 2)])
def test_where(shape: Any, dtype: Any) -> None:
    condition = elements(shape, dtype)
    condition[..., ::2] = 0
    for operand in OPERANDS:
        check(single_op("WHERE", [operand(condition)], [out(np.int64)], version=2))


def test_where_sees_nan_and_not_minus_zero() -> None:
    check(single_op("WHERE", [Input(np.array([0.0, -0.0, np.nan, 1e-45, np.inf], np.float32))], [out(np.int64)]))


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", SCATTERED)
@pytest.mark.parametrize(
    ("indices", "shape"),
    [(2, (4,)), ((3, 0), (4,)), (((1, 2), (0, 0), (1, 2)), (2, 3)), (((1, 0, 1, 1),), (2, 1, 2, 3)), ((), (4,))],
)
def test_sparse_to_dense(indices: Any, shape: Any, dtype: Any, operand: Any) -> None:
    for index_type in (np.int32, np.int64):
        where = np.array(indices, index_type)
        count = where.shape[0] if where.ndim == 2 else where.size
        for values in (elements((count,), dtype, 5), elements((3,), dtype, 2)[2].reshape(())):
            operands = [Input(where), operand(np.array(shape, index_type)), Input(values), Const(np.array(9, dtype))]
            check(single_op("SPARSE_TO_DENSE", operands, [out(dtype)], version=3))


X = Input(np.zeros((2, 3), np.float32))


def gather(positions: Any, x: Any = X, name: str = "GATHER", operand: Any = Input, **options: Any) -> Problem:
    positions = np.asarray(positions)
    where = operand(positions if positions.dtype.kind == "f" else positions.astype(np.int32))
    return single_op(name, [x, where], **options)


def scatter(indices: Any, updates: Any, shape: Any, operand: Any = Const, dtype: Any = np.int32) -> Problem:
    operands = [Input(np.array(indices, dtype)), Input(np.zeros(updates, np.float32)), operand(np.array(shape, dtype))]
    return single_op("SCATTER_ND", operands, [out()])


def dense(indices: Any, shape: Any, values: Any, default: Any = 0.0) -> Problem:
    operands = [Input(np.array(indices, np.int32)), Const(i32(*shape)), Input(np.array(values, np.float32))]
    return single_op("SPARSE_TO_DENSE", [*operands, Const(np.array(default, np.float32))], [out()])


ERRORS = {
    "CVE-2021-37687": (gather([-1]), "position -1 is out of range"),
    "tflite-micro#3496": (gather([0, 2]), "position 2 is out of range, expected 0 <= index < 2"),
    "tflite-micro#3638": (gather([3], axis=1), "position 3 is out of range"),
    "gather constant": (gather([9], Const(np.zeros((2, 3), np.float32)), operand=Const), "position 9"),
    "gather empty": (gather([0], Input(np.zeros((0, 2), np.float32))), "position 0 is out of range"),
    "gather axis": (gather([0], axis=2), "axis is 2"),
    "gather batch_dims": (gather([0], axis=1, batch_dims=2), "batch_dims is 2"),
    "gather batch beyond axis": (gather([[0]], axis=0, batch_dims=1), "batch_dims is 1"),
    "gather batch sizes": (gather([[0]] * 3, axis=1, batch_dims=1), "must be equal"),
    "gather positions": (gather(np.zeros(1, np.float32)), "expected INT32 or INT64 or INT16"),
    "gather strings": (gather([0], Input(elements((2, 2), STRING))), "must have rank 1"),
    "gather complex": (gather([0], Input(np.zeros(2, np.complex64))), "is COMPLEX64"),
    "CVE-2022-35937": (gather([[0, 3]], name="GATHER_ND"), "index along axis 1: 3 is out of range"),
    "CVE-2021-37687 gather_nd": (gather([[-1, 0]], name="GATHER_ND"), "index along axis 0: -1"),
    "CVE-2021-29589": (gather([[0]], Input(np.zeros((2, 0), np.float32)), name="GATHER_ND"), "is empty"),
    "gather_nd coordinates": (gather([[0, 0, 0]], name="GATHER_ND"), "3 coordinates"),
    "gather_nd scalar": (gather(0, name="GATHER_ND"), "rank 1 or more"),
    "CVE-2022-35939": (scatter([[5]], (1,), (5,)), "index along axis 0: 5 is out of range"),
    "scatter_nd negative": (scatter([[-1]], (1,), (5,)), "index along axis 0: -1"),
    "scatter_nd shapes": (scatter([[1]], (2,), (5,)), "do not fit"),
    "scatter_nd slices": (scatter([[1]], (1, 4), (5, 3)), "do not fit"),
    "scatter_nd at run time": (scatter([[1]], (1,), (5, 3), Input), "do not fit"),
    "scatter_nd coordinates": (scatter([[1, 1]], (1,), (5,)), "do not fit"),
    "scatter_nd int64": (scatter([[1]], (1,), (5,), dtype=np.int64), "expected INT32"),
    "where scalar": (single_op("WHERE", [Input(np.bool_(True))], [out(np.int64)]), "is a scalar"),
    "sparse_to_dense index": (dense([[2, 0]], (2, 3), [1]), "index along axis 0: 2"),
    "sparse_to_dense negative": (dense([-1], (4,), [1]), "index along axis 0: -1"),
    "sparse_to_dense values": (dense([0, 1], (4,), [1]), "2 indices for 1 values"),
    "sparse_to_dense shape": (dense([[0, 0]], (4,), [1]), "expected (2,)"),
    "sparse_to_dense rank": (dense([[0] * 5], (1,) * 5, [1]), "at most 4"),
    "sparse_to_dense indices": (dense([[[0]]], (4,), [1]), "expected rank"),
    "sparse_to_dense default": (dense([0], (4,), [1], (1, 2)), "has 2 elements, expected 1"),
    "sparse_to_dense negative shape": (dense([0], (-4,), [1]), "negative"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
