"""Repeated numbers that are computed once: where they are, where they are not, and that no output changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.testing import Problem
from tests.jit.equal import check_compiled, native_calls, prepared

ATOL = 1e-5
"""Sums of up to 16 products of normally distributed numbers, added in another order."""


def attention(
    ones: Any = 1.0, repeats: str = "MUL", activation: str = "NONE", all_are_outputs: bool = False
) -> Problem:
    """Queries of 8 heads, and keys that they share: repeated for each head, scaled, transposed, multiplied."""
    rng = np.random.default_rng(0)
    b = ModelBuilder()
    queries, keys = b.input("queries", (8, 1, 16), np.float32), b.input("keys", (1, 40, 1, 16), np.float32)
    rows = b.op("RESHAPE", [keys, b.constant(np.array([1, 1, 40, 16], np.int32))])
    if repeats == "MUL":
        constant = b.constant(np.broadcast_to(np.float32(ones), (1, 8, 40, 16)).copy())
        repeated = b.op("MUL", [rows, constant], fused_activation_function=activation)
    else:
        repeated = b.op("BROADCAST_TO", [rows, b.constant(np.array([1, 8, 40, 16], np.int32))], version=2)
    scaled = b.op("MUL", [b.constant(np.array(0.25, np.float32)), repeated])
    turned = b.op("TRANSPOSE", [scaled, b.constant(np.array([0, 1, 3, 2], np.int32))])
    matrices = b.op("RESHAPE", [turned, b.constant(np.array([8, 16, 40], np.int32))])
    product = b.op("BATCH_MATMUL", [queries, matrices])
    b.output(*([repeated, scaled, turned, matrices] if all_are_outputs else []), product)
    x, y = rng.normal(size=(8, 1, 16)), rng.normal(size=(1, 40, 1, 16))
    y[0, 3, 0, :4] = np.inf, -np.inf, np.nan, -0.0
    return Problem(b.to_bytes(), [x.astype(np.float32), y.astype(np.float32)])


def elements(problem: Problem) -> int:
    """How many elements are multiplied with another one."""
    native = prepared(problem)._session.plans[0].native
    assert native is not None
    return sum(call.work for task in native.tasks for call in task.calls if call.kernel == "arithmetic.mul_f32")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("repeats", ["MUL", "BROADCAST_TO"])
def test_shared_matrices_are_computed_once(repeats: str, threads: int) -> None:
    problem = attention(repeats=repeats)
    assert elements(problem) == 640 * (2 if repeats == "MUL" else 1)
    assert "moving.copy" not in native_calls(prepared(problem))
    check_compiled(problem, atol=ATOL, threads=threads)


@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
@pytest.mark.parametrize("factor", [1.0, -2.5, 0.0, np.nan])
def test_any_factor_will_do(factor: float, activation: str) -> None:
    problem = attention(factor, activation=activation)
    assert elements(problem) == 640 * 2 or np.isnan(factor)
    check_compiled(problem, atol=ATOL)


def test_factors_that_differ_are_left() -> None:
    for at in (0, 7):
        ones = np.ones((1, 8, 40, 16), np.float32)
        ones[0, at, 0, 3] = -0.0
        problem = attention(ones)
        assert elements(problem) == 640 * 8 * 2
        check_compiled(problem, atol=ATOL)


def test_what_others_read_is_computed_whole() -> None:
    problem = attention(all_are_outputs=True)
    assert elements(problem) >= 640 * 8 * 2
    check_compiled(problem, atol=ATOL)


def test_what_has_not_been_computed_can_be_read() -> None:
    problem = attention()
    expected = prepared(problem, experimental_preserve_all_tensors=True)
    interpreter = prepared(problem)
    for each in (expected, interpreter):
        each.invoke()
    for detail in interpreter.get_tensor_details():
        mine, theirs = (each.get_tensor(detail["index"]) for each in (interpreter, expected))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=ATOL)


def test_repetition_along_other_dimensions_is_left_to_the_operators() -> None:
    """A matrix whose rows are the same, a dimension that is split, and one that joins a repeated one."""
    rng = np.random.default_rng(0)
    for before, whole, after in (
        ((1, 1, 6), (1, 5, 6), (1, 5, 6)),
        ((1, 6, 8), (4, 6, 8), (2, 2, 6, 8)),
        ((2, 1, 6, 8), (2, 3, 6, 8), (6, 6, 8)),
        ((1, 1, 6, 1), (1, 4, 6, 8), (4, 6, 8)),
    ):
        b = ModelBuilder()
        y = b.input("y", before, np.float32)
        repeated = b.op("MUL", [y, b.constant(np.ones(whole, np.float32))])
        matrices = b.op("RESHAPE", [repeated, b.constant(np.array(after, np.int32))])
        left = (*after[:-2], 3, after[-2])
        x = b.input("x", left, np.float32)
        added = b.op("ADD", [matrices, b.constant(rng.normal(size=after).astype(np.float32))])
        b.output(b.op("BATCH_MATMUL", [x, matrices]), added)
        problem = Problem(b.to_bytes(), [rng.normal(size=dims).astype(np.float32) for dims in (before, left)])
        check_compiled(problem, atol=ATOL)


def test_repetition_in_a_loop() -> None:
    """What is repeated is another tensor in each round, and has its memory overwritten at the end of it."""
    rng = np.random.default_rng(0)
    b = ModelBuilder()
    cond, body = b.subgraph("cond"), b.subgraph("body")
    for graph in (b, cond, body):
        graph.input("i", (), np.int32)
        graph.input("x", (2, 4), np.float32)
    cond.output(cond.op("LESS", [0, cond.constant(np.array(5, np.int32))], [{"shape": (), "dtype": np.bool_}]))
    count = body.op("ADD", [0, body.constant(np.array(1, np.int32))], [{"shape": (), "dtype": np.int32}])
    image = body.op("RESHAPE", [1, body.constant(np.array([1, 2, 4], np.int32))], [{"shape": (1, 2, 4)}])
    repeated = body.op("MUL", [image, body.constant(np.ones((3, 2, 4), np.float32))], [{"shape": (3, 2, 4)}])
    left = body.constant(rng.uniform(-0.5, 0.5, (3, 2, 2)).astype(np.float32))
    product = body.op("BATCH_MATMUL", [left, repeated], [{"shape": (3, 2, 4)}])
    body.output(count, body.op("SUM", [product, body.constant(np.array([0], np.int32))], [{"shape": (2, 4)}]))
    outputs = [{"shape": (), "dtype": np.int32}, {"shape": (2, 4)}]
    b.output(*b.op("WHILE", [0, 1], outputs, cond_subgraph_index=cond.index, body_subgraph_index=body.index))
    problem = Problem(b.to_bytes(), [np.array(0, np.int32), rng.normal(size=(2, 4)).astype(np.float32)])
    assert elements(problem) == 8
    check_compiled(problem, atol=ATOL)
