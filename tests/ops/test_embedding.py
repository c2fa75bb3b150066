"""EMBEDDING_LOOKUP, EMBEDDING_LOOKUP_SPARSE, HASHTABLE_LOOKUP against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.schema import BlockwiseQuantization, QuantizationParameters, TensorType
from litejit.testing import Const, Input, Problem, check, out, refused, run, single_op
from tests.ops.elements import STRING, elements

LOOKUP = np.array([3, 0, 3, 1], np.int32)
NARROW = {TensorType.INT8: (-128, 128), TensorType.UINT8: (0, 256), TensorType.INT4: (-8, 8), TensorType.INT2: (-2, 2)}
FLOAT = [np.float32, np.float16]


def table(type: TensorType, *shape: int) -> np.ndarray:
    values = np.random.default_rng(1).integers(*NARROW[type], shape)
    return values.astype(np.uint8 if type == TensorType.UINT8 else np.int8)


def lookup(value: Const, output: Any, rows: Any = LOOKUP, version: int = 4) -> Problem:
    return single_op("EMBEDDING_LOOKUP", [Input(np.array(rows, np.int32)), value], [out(output)], version=version)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8, np.int16, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 1, 3)])
def test_copied_rows(shape: Any, dtype: Any) -> None:
    check(lookup(Const(elements(shape, dtype)), dtype))
    check(lookup(Const(elements(shape, dtype)), dtype, rows=()))


@pytest.mark.parametrize("output", FLOAT)
@pytest.mark.parametrize("rows", [1, 4], ids=["one scale", "scale for each row"])
@pytest.mark.parametrize("type", NARROW)
def test_dequantized_rows(type: TensorType, rows: int, output: Any) -> None:
    scales = np.linspace(0.013, 0.7, rows).astype(np.float32)
    for shape in ((4, 8), (4, 4, 3)):
        check(lookup(Const(table(type, *shape), type=type, scale=scales), output))


def test_rows_that_share_bytes() -> None:
    """The official kernel reads rows of an odd number of 4-bit columns from the start of a shared byte."""
    value = table(TensorType.INT4, 4, 3)
    (output,) = run(lookup(Const(value, type=TensorType.INT4, scale=0.5), np.float32))
    assert np.array_equal(output, value[LOOKUP] * np.float32(0.5))


def blockwise(type: TensorType, columns: int, block_size: int, scales: Any, output: Any = np.float32) -> Problem:
    b = ModelBuilder()
    ids, scale = b.input("lookup", LOOKUP.shape, np.int32), b.constant(np.asarray(scales, np.float16))
    details = BlockwiseQuantization(scales=scale, zero_points=-1, block_size=block_size)
    value = b.constant(table(type, 4, columns), type=type, quantization=QuantizationParameters(details=details))
    b.output(b.op("EMBEDDING_LOOKUP", [ids, value], [{"dtype": output}], version=5))
    return Problem(b.to_bytes(), [LOOKUP])


@pytest.mark.parametrize("output", FLOAT)
@pytest.mark.parametrize("type", [TensorType.INT4, TensorType.INT2])
@pytest.mark.parametrize(("columns", "block_size"), [(16, 4), (32, 32), (24, 8)])
def test_blockwise_rows(columns: int, block_size: int, type: TensorType, output: Any) -> None:
    scales = np.random.default_rng(2).uniform(0.01, 1, (4, columns // block_size))
    check(blockwise(type, columns, block_size, scales, output))


def sparse(indices: Any, dense_shape: Any, combiner: str = "SUM", operand: Any = Const, ids: Any = None) -> Problem:
    indices = np.array(indices, np.int32).reshape(-1, len(dense_shape))
    count = len(indices)
    operands = [
        Input(np.arange(count, dtype=np.int32) % 4 if ids is None else np.array(ids, np.int32)),
        Input(indices),
        operand(np.array(dense_shape, np.int32)),
        Input(np.linspace(0.1, 1.7, count).astype(np.float32)),
        Const(elements((4, 2, 3), np.float32)),
    ]
    return single_op("EMBEDDING_LOOKUP_SPARSE", operands, [out()], combiner=combiner)


@pytest.mark.parametrize("combiner", ["SUM", "MEAN", "SQRTN"])
@pytest.mark.parametrize("operand", [Const, Input])
@pytest.mark.parametrize(
    ("indices", "dense_shape"),
    [
        ([[0, 0], [0, 1], [2, 0], [2, 1], [2, 2]], (3, 3)),
        ([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0]], (2, 2, 2)),
        ([[0], [1], [2]], (3,)),
        ([[1, 0], [0, 0], [1, 1], [1, 2]], (2, 3)),
        ([], (2, 2)),
    ],
    ids=["matrix", "cube", "vector", "a place that comes back", "nothing"],
)
def test_sparse(indices: Any, dense_shape: Any, operand: Any, combiner: str) -> None:
    check(sparse(indices, dense_shape, combiner, operand), ulp=4)


@pytest.mark.parametrize("key", [(-3, 0, 2, 7), (0, 2, 2, 2), (7, -3, 2, 0), (5,)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64, np.bool_, STRING], ids=str)
def test_hashtable(dtype: Any, key: Any) -> None:
    wanted = np.array([2, 5, -3, 0, 8, 2, 7, -9], np.int32)
    for shape in ((len(key),), (len(key), 3)):
        if dtype == STRING and len(shape) == 2:
            continue
        operands = [Input(wanted), Input(np.array(key, np.int32)), Input(elements(shape, dtype))]
        check(single_op("HASHTABLE_LOOKUP", operands, [out(dtype), out(np.uint8)]))


VALUE = Const(np.zeros((4, 3), np.float32))
NO_SCALE, ROW_SCALES = Const(np.zeros((4, 4), np.int8)), {"scale": [0.1, 0.2, 0.3, 0.4]}


def hashtable(keys: int, rows: int, dtype: Any = np.float32, hits: Any = np.uint8) -> Problem:
    operands = [Input(LOOKUP), Input(np.arange(keys, dtype=np.int32)), Input(np.zeros((rows, 2), dtype))]
    return single_op("HASHTABLE_LOOKUP", operands, [out(np.float32), out(hits)])


ERRORS = {
    "lookup negative": (lookup(VALUE, np.float32, [-1]), "lookup -1 is out of range"),
    "lookup beyond": (lookup(VALUE, np.float32, [4]), "lookup 4 is out of range, expected 0 <= index < 4"),
    "CVE-2021-29596": (lookup(Const(np.zeros((0, 3), np.float32), shape=(0, 3)), np.float32, [0]), "lookup 0 is out"),
    "lookup vector": (lookup(Const(np.zeros(3, np.float32)), np.float32), "expected rank 2 or more"),
    "lookup rank": (lookup(VALUE, np.float32, [[0]]), "expected rank 1"),
    "lookup output": (lookup(VALUE, np.float16), "expected FLOAT32"),
    "CVE-2021-37682": (lookup(NO_SCALE, np.float32), "no quantization parameters"),
    "lookup zero point": (
        lookup(Const(NO_SCALE.value, scale=0.1, zero_point=3), np.float32),
        "zero point other than 0",
    ),
    "lookup axis": (
        lookup(Const(NO_SCALE.value, **ROW_SCALES, quantized_dimension=1), np.float32),
        "scales along dimension 1",
    ),
    "lookup rows": (lookup(Const(NO_SCALE.value, **ROW_SCALES), np.int8), "have scales of their own"),
    "lookup blocks": (blockwise(TensorType.INT4, 6, 4, np.ones((4, 1))), "does not have 4 scales of 4 columns"),
    "lookup block scales": (blockwise(TensorType.INT4, 8, 4, np.ones((4, 1))), "does not have 4 scales"),
    "lookup block type": (blockwise(TensorType.INT8, 8, 4, np.ones((4, 2))), "need INT4 or INT2"),
    "tensorflow#119796": (sparse([[-1, 0]], (2, 2)), "index along axis 0: -1"),
    "sparse index": (sparse([[2, 0]], (2, 2)), "index along axis 0: 2"),
    "sparse id": (sparse([[0, 0]], (2, 2), ids=[4]), "id 4 is out of range"),
    "sparse ids": (sparse([[0, 0]], (2, 2), ids=[0, 1]), "1 indices for 2 ids"),
    "CVE-2022-23559": (sparse([[0, 0, 0]], (2**30, 2**30, 1)), "more than the limit"),
    "sparse negative": (sparse([[0, 0]], (-2, 1)), "negative"),
    "CVE-2021-29604": (hashtable(0, 0), "0 keys for (0, 2)"),
    "hashtable keys": (hashtable(3, 2), "3 keys for (2, 2)"),
    "hashtable output": (hashtable(3, 3, np.int8), "expected INT8"),
    "hashtable hits": (hashtable(3, 3, hits=np.int8), "expected UINT8"),
}


@pytest.mark.parametrize("resolver", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO])
def test_rows_without_columns_exist_or_do_not(resolver: OpResolverType) -> None:
    problems = [
        lookup(Const(np.zeros((4, 0), np.float32), shape=(4, 0)), np.float32, [4]),
        single_op("GATHER", [Input(np.zeros((4, 0), np.float32)), Input(np.array([4], np.int32))], axis=0),
    ]
    for problem in problems:
        refused(problem, "4 is out of range", official_too=True, experimental_op_resolver_type=resolver)


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
