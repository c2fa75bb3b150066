"""Called subgraphs inside a program: IF, WHILE and STABLEHLO_COMPOSITE give what the reference tier gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.target import is_checked
from litejit.kernels.node import Limits
from litejit.profiler import REFERENCE, profile, trace
from litejit.schema import TensorType
from litejit.schema.errors import InvalidInputError
from litejit.testing import Problem
from tests.jit.equal import check_compiled, native_calls

F32, I32, BOOL = np.float32, np.int32, np.bool_
HANDLE = {"shape": (), "dtype": TensorType.RESOURCE}
SHAPE = (2, 3)
REFERENCE_TIER = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF}


class Graph:
    """A subgraph of random operators on an int32 scalar i and as many floats as the caller has; it returns as many."""

    def __init__(self, b: ModelBuilder, graph: Any, rng: np.random.Generator, depth: int, floats: int) -> None:
        self.b, self.g, self.rng, self.depth = b, graph, rng, depth
        self.i = graph.input("i", (), I32)
        self.floats = [graph.input(f"x{at}", SHAPE, F32) for at in range(floats)]
        self.known = list(self.floats)

    def some(self) -> int:
        return int(self.rng.choice(self.known))

    def like(self, count: int) -> list[dict[str, Any]]:
        return [{"shape": SHAPE}] * count

    def grow(self, operators: int) -> list[int]:
        for _ in range(operators):
            kinds = [self.plain] * 5 + ([self.choice, self.loop, self.composite] if self.depth else [])
            self.known += kinds[self.rng.integers(len(kinds))]()
        count = len(self.floats)
        return [int(at) for at in self.rng.choice(self.known[-3 * count :], count)]

    def plain(self) -> list[int]:
        g, x, y = self.g, self.some(), self.some()
        kind = self.rng.integers(6)
        if kind == 0:
            return [g.op("RELU6", [x])]
        if kind == 1:
            flat = g.op("RESHAPE", [x, g.constant(np.array([6], I32))], [{"shape": (6,)}])
            return [g.op("RESHAPE", [flat, g.constant(np.array(SHAPE, I32))], [{"shape": SHAPE}])]
        if kind == 2:
            return [g.op("MUL", [x, g.constant(np.array(-0.5, F32))])]
        if kind == 3:
            return [g.op("ADD", [g.constant(np.full(SHAPE, 3, F32)), g.constant(np.ones(SHAPE, F32))]), x]
        return [g.op(("SUB", "ADD")[kind % 2], [x, y])]

    def called(self, floats: int) -> tuple[Any, list[int]]:
        """A new subgraph that takes i and some floats, with what it returns."""
        inner = Graph(self.b, self.b.subgraph(), self.rng, self.depth - 1, floats)
        return inner, inner.grow(int(self.rng.integers(1, 5)))

    def is_even(self, g: Any, i: int) -> int:
        rest = g.op("FLOOR_MOD", [i, g.constant(np.array(2, I32))], [{"shape": (), "dtype": I32}])
        return int(g.op("EQUAL", [rest, g.constant(np.array(0, I32))], [{"shape": (), "dtype": BOOL}]))

    def choice(self) -> list[int]:
        count = int(self.rng.integers(1, 3))
        branches = []
        for _ in range(2):
            inner, results = self.called(count)
            inner.g.output(*results)
            branches.append(inner.g.index)
        operands = [self.is_even(self.g, self.i), self.i, *(self.some() for _ in range(count))]
        then, other = branches
        results = self.g.op("IF", operands, self.like(count), then_subgraph_index=then, else_subgraph_index=other)
        return [results] if count == 1 else list(results)

    def loop(self) -> list[int]:
        count = int(self.rng.integers(1, 4))
        cond = self.b.subgraph()
        i = cond.input("i", (), I32)
        for at in range(count):
            cond.input(f"x{at}", SHAPE, F32)
        limit = cond.constant(np.array(self.rng.integers(0, 5), I32))
        cond.output(cond.op("LESS", [i, limit], [{"shape": (), "dtype": BOOL}]))
        body, results = self.called(count)
        one = body.g.constant(np.array(1, I32))
        kept = [body.floats[0], *results[1:]] if self.rng.random() < 0.3 else results
        body.g.output(body.g.op("ADD", [body.i, one], [{"shape": (), "dtype": I32}]), *kept)
        operands = [self.i, *(self.some() for _ in range(count))]
        outputs = [{"shape": (), "dtype": I32}, *self.like(count)]
        _, *values = self.g.op(
            "WHILE", operands, outputs, cond_subgraph_index=cond.index, body_subgraph_index=body.g.index
        )
        return values

    def composite(self) -> list[int]:
        count = int(self.rng.integers(1, 3))
        inner, results = self.called(count)
        inner.g.output(*results)
        operands = [self.i, *(self.some() for _ in range(count))]
        results = self.g.op(
            "STABLEHLO_COMPOSITE",
            operands,
            self.like(count),
            name="c",
            decomposition_subgraph_index=inner.g.index,
            composite_attributes=[],
        )
        return [results] if count == 1 else list(results)


def random_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    graph = Graph(b, b, rng, 3, 2)
    b.output(*graph.grow(8))
    return Problem(b.to_bytes(), [np.array(rng.integers(0, 3), I32), *rng.integers(-9, 9, (2, *SHAPE)).astype(F32)])


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int) -> None:
    problem = random_problem(seed)
    check_compiled(problem)
    interpreter = Interpreter(model_content=problem.model)
    interpreter.allocate_tensors()
    native = interpreter._session.plans[0].native
    assert native is not None
    assert len(native.parts) <= 1  # nothing is left to Python


def counting(rounds: int, size: int, op: str) -> bytes:
    """x + x, or x[at], `rounds` times in a WHILE inside a STABLEHLO_COMPOSITE; v becomes the number of each round."""
    b = ModelBuilder()
    middle, cond, body = b.subgraph("middle"), b.subgraph("cond"), b.subgraph("body")
    for graph in (b, middle, cond, body):
        graph.input("i", (), I32)
        graph.input("x", (size,), F32)
        graph.input("at", (size,), I32)
    cond.output(cond.op("LESS", [0, cond.constant(np.array(rounds, I32))], [{"shape": (), "dtype": BOOL}]))
    one = body.constant(np.array(1, I32))
    body.op("ASSIGN_VARIABLE", [body.op("VAR_HANDLE", [], [HANDLE], shared_name="v"), 0], [])
    x = body.op("ADD", [1, 1]) if op == "ADD" else body.op("GATHER", [1, 2], [{"shape": (size,)}], axis=0)
    next_at = body.op("ADD", [2, one], [{"shape": (size,), "dtype": I32}])
    body.output(body.op("ADD", [0, one], [{"shape": (), "dtype": I32}]), x, next_at)
    outputs = [{"shape": (), "dtype": I32}, {"shape": (size,)}, {"shape": (size,), "dtype": I32}]
    middle.output(
        *middle.op("WHILE", [0, 1, 2], outputs, cond_subgraph_index=cond.index, body_subgraph_index=body.index)
    )
    b.output(
        *b.op(
            "STABLEHLO_COMPOSITE",
            [0, 1, 2],
            outputs,
            name="c",
            decomposition_subgraph_index=middle.index,
            composite_attributes=[],
        )
    )
    return b.to_bytes()


def started(model: bytes, size: int, **keywords: Any) -> Interpreter:
    interpreter = Interpreter(model_content=model, **keywords)
    interpreter.allocate_tensors()
    for index, value in enumerate((np.array(0, I32), np.arange(size, dtype=F32), np.zeros(size, I32))):
        interpreter.set_tensor(index, value)
    return interpreter


@pytest.mark.parametrize("limit", [1, 4, 5])
def test_loops_have_a_limit(limit: int) -> None:
    model, errors = counting(4, 3, "ADD"), []
    for tier in ({}, REFERENCE_TIER):
        interpreter = started(model, 3, limits=Limits(while_iterations=limit), **tier)
        for _ in range(2):
            if limit == 5:
                interpreter.invoke()
            else:
                with pytest.raises(InvalidInputError) as raised:
                    interpreter.invoke()
                errors.append(str(raised.value))
    assert len(set(errors)) == (0 if limit == 5 else 1)
    assert all(f"the loop did not end within {limit} rounds" in error for error in errors)


def test_faults_in_loops_are_the_same_errors() -> None:
    """The third round looks for element 2 of 2; variables are as they were then."""
    model, errors = counting(4, 2, "GATHER"), []
    for tier in ({}, REFERENCE_TIER):
        interpreter = started(model, 2, **tier)
        for _ in range(2):
            with pytest.raises(InvalidInputError) as raised:
                interpreter.invoke()
            errors.append(str(raised.value))
        assert int(interpreter._session.resources["variables"][0]) == 2
    assert len(set(errors)) == 1
    assert (
        "(STABLEHLO_COMPOSITE): subgraph 1, operator 0 (WHILE): subgraph 3, operator 2 (GATHER): position 2"
        in errors[0]
    )


@pytest.mark.skipif(is_checked(), reason="the checked build has one thread")
def test_threads_go_the_same_way() -> None:
    size = 400_000
    interpreter = started(counting(20, size, "ADD"), size, num_threads=2)
    native = interpreter._session.plans[0].native
    assert native is not None
    assert [part.threads for part in native.parts] == [2]  # type: ignore[union-attr]
    result = interpreter.get_output_details()[1]["index"]
    for _ in range(20):
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(result), np.arange(size, dtype=F32) * 2**20)


def test_one_subgraph_called_with_several_shapes() -> None:
    b = ModelBuilder()
    x, y = b.input("x", (2, 3), F32), b.input("y", (5,), F32)
    double = b.subgraph()
    one = double.input("x", (1,), F32)
    double.output(double.op("ADD", [one, one]))
    for handle, shape in ((x, (2, 3)), (y, (5,))):
        b.output(
            b.op(
                "STABLEHLO_COMPOSITE",
                [handle],
                [{"shape": shape}],
                name="double",
                decomposition_subgraph_index=double.index,
                composite_attributes=[],
            )
        )
    check_compiled(Problem(b.to_bytes(), [np.ones((2, 3), F32), np.arange(5, dtype=F32)]), "arithmetic.add")


def test_what_cannot_be_compiled_stays_a_step_in_python() -> None:
    """WHERE's shape depends on data."""
    b = ModelBuilder()
    x = b.input("x", (4,), F32)
    inner = b.subgraph()
    y = inner.input("x", (4,), F32)
    places = inner.op("WHERE", [inner.op("CAST", [y], [{"shape": (4,), "dtype": BOOL}])], [{"dtype": np.int64}])
    inner.output(inner.op("REDUCE_MAX", [places, inner.constant(np.array([0, 1], I32))], [{"dtype": np.int64}]))
    options = {"name": "c", "decomposition_subgraph_index": inner.index, "composite_attributes": []}
    b.output(b.op("STABLEHLO_COMPOSITE", [b.op("ADD", [x, x])], [{"shape": (), "dtype": np.int64}], **options))
    check_compiled(Problem(b.to_bytes(), [np.array([0, 1, 2, 0], F32)]), "arithmetic.add")


def test_profile_and_trace() -> None:
    interpreter = started(counting(3, 4, "ADD"), 4)
    interpreter.invoke()
    (row,) = profile(interpreter, 2)
    assert row.operator == "STABLEHLO_COMPOSITE"
    assert row.kernels.startswith("moving.copy, looping.begin, comparing.less_i32")
    names = [event["name"] for event in trace(interpreter)["traceEvents"]]
    assert names.count("LESS") == 1
    assert {"ASSIGN_VARIABLE", "ADD", "WHILE"} <= set(names)
    assert interpreter.get_tensor(interpreter.get_output_details()[1]["index"]).tolist() == [0, 8, 16, 24]
    keeping = started(counting(3, 4, "ADD"), 4, experimental_preserve_all_tensors=True)
    assert [row.kernels for row in profile(keeping, 2)] == [REFERENCE]


def test_tensors_of_subgraphs_are_kept_where_all_are() -> None:
    model = counting(3, 4, "ADD")
    keeping, sharing = started(model, 4, experimental_preserve_all_tensors=True), started(model, 4)
    for interpreter in (keeping, sharing):
        interpreter.invoke()
    assert keeping.get_tensor(1, 3).tolist() == [0, 4, 8, 12]  # of the last round
    with pytest.raises(ValueError, match="Tensor data is null"):
        sharing.get_tensor(1, 3)
    assert native_calls(sharing)
