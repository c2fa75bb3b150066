"""Outputs whose declared type is not the one that the operator gives them: the official kernels overrule the file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.testing import Const, Input, check, out, refused, single_op

X = np.arange(6, dtype=np.float32).reshape(2, 3)
OPERATORS: dict[str, tuple[list[Any], int, dict[str, Any]]] = {
    "EXPAND_DIMS": ([Input(X), Const(1, np.int32)], 1, {}),
    "SHAPE": ([Input(X)], 1, {"out_type": "INT32"}),
    "RANK": ([Input(X)], 1, {}),
    "GATHER": ([Input(X), Input([1, 0], np.int32)], 1, {"axis": 0}),
    "SPLIT": ([Const(0, np.int32), Input(X)], 2, {"num_splits": 2}),
    "SPLIT_V": ([Input(X), Const([1, 2], np.int32), Const(1, np.int32)], 2, {"num_splits": 2}),
    "WHERE": ([Input(X)], 1, {}),
    "RANGE": ([Const(1, np.int32), Const(9, np.int32), Const(2, np.int32)], 1, {}),
    "ONE_HOT": ([Input([0, 2], np.int32), Const(3, np.int32), Const(X[0, 1]), Const(X[0, 0])], 1, {"axis": -1}),
    "GATHER_ND": ([Input(X), Input([[1, 0]], np.int32)], 1, {}),
    "SCATTER_ND": ([Input([[1]], np.int32), Input(X[:1]), Const([2, 3], np.int32)], 1, {}),
    "MATRIX_DIAG": ([Input(X)], 1, {}),
    "ARG_MAX": ([Input(X), Const(1, np.int32)], 1, {"output_type": "INT32"}),
    "DYNAMIC_UPDATE_SLICE": ([Input(X), Input(X[:1, :1]), Input([1, 1], np.int32)], 1, {}),
}
"""Operator -> operands, number of outputs, options."""


@pytest.mark.parametrize("declared", [TensorType.INT8, TensorType.INT64, TensorType.BOOL], ids=lambda type: type.name)
@pytest.mark.parametrize("op", OPERATORS)
def test_declared_type_is_overruled(op: str, declared: TensorType) -> None:
    operands, count, options = OPERATORS[op]
    check(single_op(op, operands, [out(declared)] * count, **options))


@pytest.mark.parametrize("declared", [np.float32, np.bool_])
def test_pad_into_another_type_is_refused(declared: Any) -> None:
    operand = Input(X.astype(np.int8), scale=0.1, zero_point=3)
    problem = single_op("PAD", [operand, Const([[0, 1], [1, 0]], np.int32)], [out(declared, scale=0.1, zero_point=3)])
    refused(problem, "expected INT8")
