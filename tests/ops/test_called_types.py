"""Subgraphs get the types of the call, whatever the file says of their inputs, as in the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.testing import Problem, check, refused, run
from tests.oracle import oracle

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


Q = {"scale": 0.1, "zero_point": 3}
WIDE, OTHER = {"scale": 0.3, "zero_point": 0}, {"scale": 0.7, "zero_point": 1}


def case_of(
    dtype: Any, inside: Any, given: dict[str, Any], inner: dict[str, Any], returned: dict[str, Any], numbers: int = 1
) -> Problem:
    """STABLEHLO_CASE of (x, y) -> x + y; inside, inner: type and scale that the file has for the branches."""
    b = ModelBuilder()
    branches = []
    for _ in range(numbers):
        graph = b.subgraph()
        x, y = (graph.input(name, (2,), inside, **inner) for name in "xy")
        graph.output(graph.op("ADD", [x, y], [{"dtype": inside, "shape": (2,), **inner}]))
        branches.append(graph.index)
    values = [np.array(numbers - 1, I32), np.array([30, -7]).astype(dtype), np.array([5, 9]).astype(dtype)]
    operands = [b.input("index", (), I32), *(b.input(None, (2,), dtype, **given) for _ in range(2))]
    declared = {"dtype": dtype, "shape": (2,), **returned}
    b.output(b.op("STABLEHLO_CASE", operands, [declared], branch_subgraph_indices=branches))
    return Problem(b.to_bytes(), values, "STABLEHLO_CASE")


@pytest.mark.parametrize("numbers", [1, 2])
@pytest.mark.parametrize("returned", [Q, WIDE])
@pytest.mark.parametrize("inner", [{}, OTHER])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_branches_compute_with_the_scales_of_the_call(dtype: Any, inner: Any, returned: Any, numbers: int) -> None:
    for inside in (dtype, F32):
        problem = case_of(dtype, inside, Q, inner if inside == dtype else {}, returned, numbers)
        (expected,) = check(problem)
        (fast,) = run(problem, experimental_op_resolver_type=OpResolverType.AUTO)
        assert np.array_equal(fast, expected)


@pytest.mark.parametrize("inner", [{}, {"scale": 0.7}])
def test_branches_of_16_bits(inner: Any) -> None:
    """Where the file has no scales for them, they compute with plain numbers."""
    check(case_of(np.int16, np.int16, {"scale": 0.1}, inner, {"scale": 0.3}))


@pytest.mark.parametrize("inner", [{}, OTHER])
def test_branches_under_xnnpack(inner: Any) -> None:
    """The delegate takes operators before they get other scales than their own."""
    check(case_of(np.int8, np.int8, Q, inner, Q), resolver="auto", numerics="xnnpack")


def returning(name: str, made: Any, declared: Any) -> Problem:
    """A model whose subgraph returns another type than is declared for the operator's output."""
    b = ModelBuilder()
    graph = b.subgraph()
    x = graph.input("x", (2,), made)
    graph.output(graph.op("ADD", [x, x]))
    first = {"IF": [np.array(True)], "STABLEHLO_CASE": [np.array(0, I32)]}.get(name, [])
    values = [*first, np.array([3, -7], made)]
    fields: dict[str, Any] = {
        "IF": {"then_subgraph_index": graph.index, "else_subgraph_index": graph.index},
        "STABLEHLO_CASE": {"branch_subgraph_indices": [graph.index]},
        "STABLEHLO_COMPOSITE": {"name": "n", "decomposition_subgraph_index": graph.index, "composite_attributes": []},
    }[name]
    operands = [b.input(None, value.shape, value.dtype) for value in values]
    b.output(b.op(name, operands, [{"dtype": declared, "shape": (2,)}], **fields))
    return Problem(b.to_bytes(), values, name)


@pytest.mark.parametrize(("made", "declared"), [(F32, I32), (I32, F32), (F32, np.int64)])
@pytest.mark.parametrize("name", ["IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"])
def test_outputs_have_the_types_that_are_returned(name: str, made: Any, declared: Any) -> None:
    problem = returning(name, made, declared)
    if name == "STABLEHLO_CASE" and declared == np.int64:
        refused(problem, "output 0 is FLOAT32, which does not fit into INT64")
        assert oracle.run(problem.model, problem.inputs, "opt").error is not None
        return
    (expected,) = check(problem, resolver="opt")
    (fast,) = run(problem, experimental_op_resolver_type=OpResolverType.AUTO)
    assert fast.dtype == made
    assert np.array_equal(fast, expected)


@pytest.mark.parametrize("name", ["IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"])
def test_outputs_without_room_for_what_is_returned(name: str) -> None:
    """The official kernels of IF and STABLEHLO_COMPOSITE read what is in memory beyond."""
    refused(returning(name, F32, np.int8), "output 0 is FLOAT32, which does not fit into INT8")
