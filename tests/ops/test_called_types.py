"""Subgraphs get the types of the call, whatever the file says of their inputs, as in the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.testing import Problem, check, run

F32, I32 = np.float32, np.int32
TYPES = [np.int32, np.int64, np.float16, np.int16]


def doubler(b: ModelBuilder) -> int:
    """A subgraph x -> x + x, of FLOAT32 in the file."""
    graph = b.subgraph()
    x = graph.input("x", (2,), F32)
    graph.output(graph.op("ADD", [x, x], fused_activation_function="NONE"))
    return graph.index


def caller(name: str, dtype: Any) -> Problem:
    """A model of an operator that calls a subgraph with another type."""
    b = ModelBuilder()
    first = {"IF": [np.array(True)], "STABLEHLO_CASE": [np.array(0, I32)]}.get(name, [])
    values = [*first, np.array([3, -7], dtype)]
    operands = [b.input(None, value.shape, value.dtype) for value in values]
    output = {"dtype": dtype, "shape": (2,)}
    if name == "WHILE":
        cond = b.subgraph()
        cond.input("x", (2,), F32)
        cond.output(cond.constant(np.array(False)))
        fields: dict[str, Any] = {"cond_subgraph_index": cond.index, "body_subgraph_index": doubler(b)}
    else:
        index = doubler(b)
        fields = {
            "IF": {"then_subgraph_index": index, "else_subgraph_index": index},
            "STABLEHLO_CASE": {"branch_subgraph_indices": [index]},
            "STABLEHLO_COMPOSITE": {
                "name": "double", "decomposition_subgraph_index": index, "composite_attributes": []
            },
        }[name]  # fmt: skip
    b.output(b.op(name, operands, [output], **fields))
    return Problem(b.to_bytes(), values, name)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["IF", "WHILE", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"])
def test_types_of_the_call(name: str, dtype: Any) -> None:
    problem = caller(name, dtype)
    (expected,) = check(problem)
    (fast,) = run(problem, experimental_op_resolver_type=OpResolverType.AUTO)
    assert fast.dtype == dtype
    assert np.array_equal(fast, expected)


def test_calls_of_several_types() -> None:
    """Each call prepares the subgraph again for its own types, in every invoke."""
    b = ModelBuilder()
    index = doubler(b)
    values = [np.array([3, -7], dtype) for dtype in (F32, I32, F32)]
    for value in values:
        x = b.input(None, value.shape, value.dtype)
        called = {"name": "double", "decomposition_subgraph_index": index, "composite_attributes": []}
        b.output(b.op("STABLEHLO_COMPOSITE", [x], [{"dtype": value.dtype, "shape": (2,)}], **called))
    for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        for result, value in zip(
            run(Problem(b.to_bytes(), values), experimental_op_resolver_type=resolver), values, strict=True
        ):
            assert result.dtype == value.dtype
            assert np.array_equal(result, value + value)
