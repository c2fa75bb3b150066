"""The catalogue's problems of operators that need a model of several: those that call subgraphs or keep resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litejit import ModelBuilder
from litejit.schema import (
    DimensionMetadata,
    DimensionType,
    Int32Vector,
    SparsityParameters,
    TensorType,
)
from litejit.testing import Const, Input, Problem, out

__all__ = ["GRAPHS", "INNER", "densify", "with_subgraph"]

F32, I32, I64, BOOL = np.float32, np.int32, np.int64, np.bool_
STRINGS = np.array([b"one", b"two", b"three"], object)
RESOURCE = {"shape": (1,), "dtype": TensorType.RESOURCE}


def floats(*shape: int) -> Input:
    return Input(np.linspace(-2, 2, int(np.prod(shape))).reshape(shape), F32)


INNER: dict[str, tuple[list[Any], Any, Callable[[Any], dict[str, Any]]]] = {
    # operator: operands, type of the two operands of its subgraph, and what its option fields say of that subgraph
    "STABLEHLO_REDUCE_WINDOW": ([floats(4, 5), Const(0.0, F32)], F32, lambda index: {
        "window_dimensions": [2, 3], "window_strides": [1, 2], "body_subgraph_index": index}),
    "STABLEHLO_SCATTER": ([floats(5, 3), Input([[4], [0]], I32), floats(2, 3)], F32, lambda index: {
        "update_window_dims": [1], "inserted_window_dims": [0], "scatter_dims_to_operand_dims": [0],
        "index_vector_dim": 1, "update_computation_subgraph_index": index}),
    "IF": ([Input(True), floats(2), floats(2)], F32, lambda index: {
        "then_subgraph_index": index, "else_subgraph_index": index}),
    "STABLEHLO_CASE": ([Input(0, I32), floats(2), floats(2)], F32, lambda index: {"branch_subgraph_indices": [index]}),
    "STABLEHLO_COMPOSITE": ([floats(2), floats(2)], F32, lambda index: {
        "name": "sum", "decomposition_subgraph_index": index, "composite_attributes": []}),
}  # fmt: skip


def with_subgraph(
    name: str, operands: list[Any], dtype: Any, fields: Callable[[int], dict[str, Any]], body: str = ""
) -> Problem:
    """A model of an operator that calls a subgraph (x, y) -> x + y, or another operator of the two, or y."""
    b = ModelBuilder()
    inner = b.subgraph("inner")
    shape = (2,) if name in ("IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE") else ()
    body = body or ("STABLEHLO_ADD" if name == "STABLEHLO_SCATTER" else "ADD")
    x, y = (inner.input(operand, shape, dtype) for operand in "xy")
    inner.output(y if body == "y" else inner.op(body, [x, y]))
    handles = [
        b.constant(operand.value)
        if isinstance(operand, Const)
        else b.input(None, operand.value.shape, operand.value.dtype)
        for operand in operands
    ]
    b.output(b.op(name, handles, [out(dtype, shape=shape)], **fields(inner.index)))
    return Problem(b.to_bytes(), [operand.value for operand in operands if not isinstance(operand, Const)], name)


def _loop() -> Problem:
    """x doubles until it is above 100."""
    b = ModelBuilder()
    x = b.input("x", (1,), F32)
    cond, body = b.subgraph("cond"), b.subgraph("body")
    y, limit = cond.input("x", (1,), F32), cond.constant(np.array([100], F32))
    cond.output(cond.op("LESS", [y, limit], [{"shape": (1,), "dtype": BOOL}]))
    y = body.input("x", (1,), F32)
    body.output(body.op("ADD", [y, y]))
    b.output(b.op("WHILE", [x], cond_subgraph_index=cond.index, body_subgraph_index=body.index))
    return Problem(b.to_bytes(), [np.ones(1, F32)], "WHILE")


def _resource() -> Problem:
    """A variable that is once given a value, then read and given another."""
    b = ModelBuilder()
    x, init = b.input("x", (2,), F32), b.subgraph("init")
    handle = init.op("VAR_HANDLE", [], [RESOURCE], shared_name="v")
    init.op("ASSIGN_VARIABLE", [handle, init.constant(np.ones(2, F32))], [])
    b.op("CALL_ONCE", [], [], init_subgraph_index=init.index)
    handle = b.op("VAR_HANDLE", [], [RESOURCE], shared_name="v")
    b.output(b.op("READ_VARIABLE", [handle], [{"shape": (2,)}]))
    b.op("ASSIGN_VARIABLE", [handle, x], [])
    return Problem(b.to_bytes(), [np.zeros(2, F32)], "resource variable")


def _hashtable() -> Problem:
    b = ModelBuilder()
    keys = b.input("keys", (2,), I64)
    handle = b.op("HASHTABLE", [], [RESOURCE], table_id=0, key_dtype="INT64", value_dtype="STRING")
    b.op("HASHTABLE_IMPORT", [handle, b.constant(np.array([3, 1, 4])), b.constant(STRINGS, type=TensorType.STRING)], [])
    default = b.constant(np.array([b"?"], object), type=TensorType.STRING)
    found = {"shape": (2,), "dtype": TensorType.STRING}
    b.output(b.op("HASHTABLE_FIND", [handle, keys, default], [found]))
    b.output(b.op("HASHTABLE_SIZE", [handle], [{"shape": (1,), "dtype": I64}]))
    return Problem(b.to_bytes(), [np.array([4, 5])], "hash table")


def densify(dtype: Any) -> Problem:
    """A sparse matrix; of float32, x + one."""
    segments, indices = (Int32Vector(values=np.array(values, np.int32)) for values in ([0, 1, 3], [2, 0, 1]))
    columns = DimensionMetadata(format=DimensionType.SPARSE_CSR, array_segments=segments, array_indices=indices)
    rows = DimensionMetadata(format=DimensionType.DENSE, dense_size=2)
    sparsity = SparsityParameters(
        traversal_order=np.array([0, 1], np.int32), block_map=np.zeros(0, np.int32), dim_metadata=[rows, columns]
    )
    b = ModelBuilder()
    x, sparse = b.input("x", (2, 3), F32), b.constant(np.array([1, 2, 3], dtype), sparsity=sparsity, shape=(2, 3))
    matrix = b.op("DENSIFY", [sparse])
    b.output(b.op("ADD", [x, matrix]) if dtype == F32 else matrix)
    return Problem(b.to_bytes(), [np.zeros((2, 3), F32)], "DENSIFY")


GRAPHS: dict[str, list[Problem]] = {
    **{name: [with_subgraph(name, *inner)] for name, inner in INNER.items()},
    **{name: [_resource()] for name in ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")},
    **{name: [_hashtable()] for name in ("HASHTABLE", "HASHTABLE_IMPORT", "HASHTABLE_FIND", "HASHTABLE_SIZE")},
    "WHILE": [_loop()],
    "DENSIFY": [densify(F32)],
}
"""Operator -> problems."""
