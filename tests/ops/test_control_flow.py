"""Operators that run subgraphs, against the official runtime; shapes that change between rounds; wrong subgraphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder, OpResolverType
from litejit.feeding import feed
from litejit.kernels.node import Limits
from litejit.schema import TensorType
from litejit.testing import Problem, check, refused, run
from tests.oracle import oracle

F32, I32, BOOL = np.float32, np.int32, np.bool_


def adder(b: ModelBuilder, shape: tuple[int, ...], amount: float, dtype: Any = F32) -> int:
    """A subgraph x -> x + amount."""
    graph = b.subgraph()
    x = graph.input("x", shape, dtype)
    graph.output(graph.op("ADD", [x, graph.constant(np.array(amount, dtype))], fused_activation_function="NONE"))
    return graph.index


def repeater(b: ModelBuilder, shape: tuple[int, ...]) -> int:
    """A subgraph x [n] -> x twice in a row [2 n]."""
    graph = b.subgraph()
    x = graph.input("x", shape, F32)
    graph.output(
        graph.op("CONCATENATION", [x, x], [{"shape": (2 * shape[0],)}], axis=0, fused_activation_function="NONE")
    )
    return graph.index


def chooser(cond: bool, branches: Callable[[ModelBuilder], tuple[int, int]]) -> Problem:
    """IF cond, on x [3]."""
    b = ModelBuilder()
    x = [b.input("cond", (), BOOL), b.input("x", (3,), F32)]
    then, other = branches(b)
    b.output(b.op("IF", x, [{"shape": (3,)}], then_subgraph_index=then, else_subgraph_index=other))
    return Problem(b.to_bytes(), [np.array(cond), np.array([1, 2, 3], F32)])


@pytest.mark.parametrize("cond", [True, False])
def test_if(cond: bool) -> None:
    check(chooser(cond, lambda b: (adder(b, (3,), 1), adder(b, (3,), -1))))


@pytest.mark.parametrize("cond", [True, False])
def test_if_with_branches_of_different_shapes(cond: bool) -> None:
    outputs = check(chooser(cond, lambda b: (repeater(b, (3,)), adder(b, (3,), -1))))
    assert outputs[0].shape == ((6,) if cond else (3,))


@pytest.mark.parametrize(("same", "shape"), [(True, (3,)), (False, None)])
def test_if_knows_its_shape_before_the_data_where_branches_agree(same: bool, shape: Any) -> None:
    problem = chooser(True, lambda b: (adder(b, (3,), 1) if same else repeater(b, (3,)), adder(b, (3,), -1)))
    interpreter = Interpreter(model_content=problem.model)
    interpreter.allocate_tensors()
    plan = interpreter._session.plans[0]
    assert plan.specs[plan.graph.outputs[0]].shape == shape


def loop(
    rounds: int, body: Callable[[Any, int, int], list[int]], shapes: list[tuple[int, ...]], cond_shape: Any = ()
) -> Problem:
    """WHILE i < rounds, on i and floats of these shapes. body: builder, i, first x -> new handles of the floats."""
    b = ModelBuilder()
    values = [b.input("i", (), I32), *(b.input(f"x{at}", shape, F32) for at, shape in enumerate(shapes))]
    cond, step = b.subgraph("cond"), b.subgraph("body")
    for graph in (cond, step):
        graph.input("i", (), I32)
        for at, shape in enumerate(shapes):
            graph.input(f"x{at}", shape, F32)
    again = cond.op("LESS", [0, cond.constant(np.array(rounds, I32))], [{"shape": (), "dtype": BOOL}])
    if cond_shape:
        target = cond.constant(np.array(cond_shape, I32))
        again = cond.op("RESHAPE", [again, target], [{"shape": cond_shape, "dtype": BOOL}])
    cond.output(again)
    count = step.op("ADD", [0, step.constant(np.array(1, I32))], fused_activation_function="NONE")
    step.output(count, *body(step, 0, 1))
    outputs = [{"shape": (), "dtype": I32}, *({"shape": shape} for shape in shapes)]
    results = b.op("WHILE", values, outputs, cond_subgraph_index=cond.index, body_subgraph_index=step.index)
    b.output(*results)
    rng = np.random.default_rng(0)
    inputs = [np.array(0, I32), *(rng.standard_normal(shape).astype(F32) for shape in shapes)]
    return Problem(b.to_bytes(), inputs)


def doubled(g: Any, i: int, x: int) -> list[int]:
    return [g.op("ADD", [x, x], fused_activation_function="NONE")]


def grown(g: Any, i: int, x: int) -> list[int]:
    """x grows by the rows of the first round."""
    padding = g.constant(np.array([[0, 1], [1, 0]], I32))
    return [g.op("PAD", [x, padding], [{"shape": (3, 4)}])]


def swapped(g: Any, i: int, x: int) -> list[int]:
    return [x + 1, x]


@pytest.mark.parametrize("cond_shape", [(), (1,)])
@pytest.mark.parametrize("rounds", [0, 1, 5])
@pytest.mark.parametrize(
    ("body", "shapes"), [(doubled, [(2, 3)]), (grown, [(2, 3)]), (swapped, [(2,), (2,)])], ids=["add", "grow", "swap"]
)
def test_while(body: Any, shapes: Any, rounds: int, cond_shape: Any) -> None:
    if body is swapped:  # the official runtime overwrites one of them
        problem = loop(rounds, body, shapes, cond_shape)
        _, a, b = run(problem)
        expected = problem.inputs[1:] if rounds % 2 == 0 else problem.inputs[:0:-1]
        np.testing.assert_array_equal([a, b], expected)
    else:
        check(loop(rounds, body, shapes, cond_shape), invokes=2)


def test_while_in_while_after_resize() -> None:
    """The inner loop's operand grows in the outer loop, and the model's input is resized between invokes."""
    b = ModelBuilder()
    x = b.input("x", (2,), F32)
    loops = [b.subgraph(name) for name in ("outer cond", "outer body", "inner cond", "inner body")]
    for graph, shape in zip(loops, [(2,), (2,), (2,), (2,)], strict=True):
        graph.input("x", shape, F32)
    for graph, limit in ((loops[0], 20), (loops[2], 5)):
        axis = graph.constant(np.array([0], I32))
        total = graph.op("SUM", [0, axis], [{"shape": ()}], keep_dims=False)
        graph.output(graph.op("LESS", [total, graph.constant(F32(limit))], [{"shape": (), "dtype": BOOL}]))
    inner = loops[1].op("WHILE", [0], cond_subgraph_index=3, body_subgraph_index=4)
    repeated = loops[1].op("CONCATENATION", [inner, inner], axis=0, fused_activation_function="NONE")
    loops[1].output(repeated)
    loops[3].output(loops[3].op("ADD", [0, loops[3].constant(F32(1))], fused_activation_function="NONE"))
    b.output(b.op("WHILE", [x], cond_subgraph_index=1, body_subgraph_index=2))
    model = b.to_bytes()
    for values in ([0, 0], [1], [0.5, 0.25, -1]):
        outputs = check(Problem(model, [np.array(values, F32)]))
        assert outputs[0].sum() >= 20


def test_while_keeps_results_apart_from_variables() -> None:
    """A state that the body updates in place is not what the loop carries."""
    b = ModelBuilder()
    i, x = b.input("i", (), I32), b.input("x", (1, 2), F32)
    cond, step = b.subgraph("cond"), b.subgraph("body")
    for graph in (cond, step):
        graph.input("i", (), I32)
        graph.input("x", (1, 2), F32)
    cond.output(cond.op("LESS", [0, cond.constant(np.array(3, I32))], [{"shape": (), "dtype": BOOL}]))
    state = step.op("Step", [1, step.variable((1, 2))], [{"shape": (1, 2)}], custom=True)
    step.output(step.op("ADD", [0, step.constant(np.array(1, I32))], fused_activation_function="NONE"), state)
    _, result = b.op(
        "WHILE", [i, x], [{"shape": (), "dtype": I32}, {"shape": (1, 2)}], cond_subgraph_index=1, body_subgraph_index=2
    )
    b.output(result)

    def step_in_place(x: np.ndarray, state: np.ndarray) -> np.ndarray:
        state += x
        return state

    problem = Problem(b.to_bytes(), [np.array(0, I32), np.ones((1, 2), F32)])
    np.testing.assert_array_equal(run(problem, custom_ops={"Step": step_in_place})[0], [[4, 4]])


def composite(subgraph: Callable[[ModelBuilder], int], shape: tuple[int, ...], **changes: Any) -> Problem:
    fields = {"name": "mine.op", "composite_attributes": [], **changes}
    b = ModelBuilder()
    x = b.input("x", (3,), F32)
    index = subgraph(b)
    b.output(
        b.op(
            "STABLEHLO_COMPOSITE",
            [x],
            [{"shape": shape}],
            decomposition_subgraph_index=index,
            **fields,
        )
    )
    return Problem(b.to_bytes(), [np.array([1, 2, 3], F32)])


@pytest.mark.parametrize("option", ["name", "composite_attributes"])
def test_composite_without_an_option(option: str) -> None:
    """An empty one is there."""
    check(composite(lambda b: adder(b, (3,), 2), (3,), name=""))
    absent = composite(lambda b: adder(b, (3,), 2), (3,), **{option: None})
    refused(absent, f"option '{option}' is missing", official_too=True)


def test_composite_without_operands() -> None:
    b = ModelBuilder()
    made = b.subgraph()
    made.output(made.constant(np.ones(2, F32)))
    fields = {"decomposition_subgraph_index": made.index, "name": "mine.op", "composite_attributes": []}
    b.output(b.op("STABLEHLO_COMPOSITE", [], [{"shape": (2,)}], **fields))
    refused(Problem(b.to_bytes(), []), "the operator has no operands", official_too=True)


def test_composite() -> None:
    check(composite(lambda b: adder(b, (3,), 2), (3,)))
    check(composite(lambda b: repeater(b, (3,)), (6,)))


@pytest.mark.parametrize("index", [0, 1, 2, -1, 3, 2**31 - 1, -(2**31)])
def test_case(index: int) -> None:
    """An index out of range takes the last branch."""
    b = ModelBuilder()
    operands = [b.input("index", (), I32), b.input("x", (3,), F32)]
    branches = [adder(b, (3,), amount) for amount in (1, 2, 4)]
    b.output(b.op("STABLEHLO_CASE", operands, [{"shape": (3,)}], branch_subgraph_indices=branches))
    check(Problem(b.to_bytes(), [np.array(index, I32), np.array([1, 2, 3], F32)]))


@pytest.mark.parametrize("tier", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO])
@pytest.mark.parametrize("preserve", [False, True])
@pytest.mark.parametrize("operator", ["IF", "WHILE"])
def test_variables_of_subgraphs_start_anew(operator: str, preserve: bool, tier: OpResolverType) -> None:
    """With each run of the operator that calls, not with each round of a loop; never if tensors are preserved."""
    b = ModelBuilder()
    cond = b.subgraph("cond")
    cond.output(cond.op("LESS", [cond.input("i", (), I32), cond.constant(np.array(3, I32))], [{"dtype": np.bool_}]))
    cond.input("x", (1, 2))
    body = b.subgraph("body")
    i, x = body.input("i", (), I32), body.input("x", (1, 2))
    ones = body.constant(np.ones((2, 2), F32))
    operands = [x, ones, ones, body.constant(np.zeros(2, F32)), body.variable((1, 2))]
    state = body.op("RNN", operands, fused_activation_function="NONE")
    body.output(body.op("ADD", [i, body.constant(np.array(1, I32))], [{"dtype": I32}]), state)
    given = [b.input("i", (), I32), b.input("x", (1, 2))]
    outputs = [{"dtype": I32, "shape": ()}, {"shape": (1, 2)}]
    if operator == "IF":
        condition = b.constant(np.array(True))
        b.output(*b.op("IF", [condition, *given], outputs, then_subgraph_index=2, else_subgraph_index=2))
    else:
        b.output(*b.op("WHILE", given, outputs, cond_subgraph_index=1, body_subgraph_index=2))
    content, values = b.to_bytes(), [np.array(0, I32), np.ones((1, 2), F32)]
    theirs = oracle.run(content, values, "ref", invokes=3, preserve=preserve)
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=tier, experimental_preserve_all_tensors=preserve
    )
    for _ in range(3):
        feed(interpreter, values)
        interpreter.invoke()
    for detail, value in zip(interpreter.get_output_details(), theirs.outputs, strict=True):
        np.testing.assert_array_equal(interpreter.get_tensor(detail["index"]), value)


def test_call_once_runs_once() -> None:
    """The initial subgraph assigns 10 to the variable, each invoke adds x to it."""
    b = ModelBuilder()
    x = b.input("x", (2,), F32)
    init = b.subgraph("init")
    handle = {"shape": (), "dtype": TensorType.RESOURCE}
    resource = init.op("VAR_HANDLE", [], [handle], shared_name="v")
    init.op("ASSIGN_VARIABLE", [resource, init.constant(np.full(2, 10, F32))], [])
    b.op("CALL_ONCE", [], [], init_subgraph_index=init.index)
    resource = b.op("VAR_HANDLE", [], [handle], shared_name="v")
    old = b.op("READ_VARIABLE", [resource], [{"shape": (2,)}])
    new = b.op("ADD", [old, x], fused_activation_function="NONE")
    b.op("ASSIGN_VARIABLE", [resource, new], [])
    b.output(new)
    problem = Problem(b.to_bytes(), [np.array([1, 2], F32)])
    np.testing.assert_array_equal(check(problem, invokes=3)[0], [13, 16])


# ------------------------------------------------------------------ errors


def test_86_subgraph_index_out_of_range() -> None:
    for index in (7, -1):
        refused(chooser(True, lambda b, at=index: (adder(b, (3,), 1), at)), "else_subgraph_index")


def test_83_while_with_one_subgraph_for_both() -> None:
    b = ModelBuilder()
    i = b.input("i", (), BOOL)
    same = b.subgraph()
    same.output(same.input("i", (), BOOL))
    b.output(b.op("WHILE", [i], cond_subgraph_index=1, body_subgraph_index=1))
    refused(Problem(b.to_bytes(), [np.array(True)]), "same subgraph", official_too=True)


def test_85_endless_loop() -> None:
    b = ModelBuilder()
    x = b.input("x", (1,), F32)
    cond, body = b.subgraph(), b.subgraph()
    for graph in (cond, body):
        graph.input("x", (1,), F32)
    cond.output(cond.constant(np.array(True)))
    body.output(body.op("NEG", [0]))
    b.output(b.op("WHILE", [x], cond_subgraph_index=1, body_subgraph_index=2))
    refused(Problem(b.to_bytes(), [np.ones(1, F32)]), "within 50 rounds", limits=Limits(while_iterations=50))


def mismatched(part: str) -> Problem:
    """WHILE on one float, wrong in one part."""
    b = ModelBuilder()
    values = [b.input("x", (2,), F32)]
    cond, body = b.subgraph(), b.subgraph()
    cond.input("x", (2,), F32)
    body.input("x", (2,), F32)
    if part == "body input count":
        body.input("y", (2,), F32)
    again = (2,) if part == "cond shape" else ()
    cond.output(cond.constant(np.zeros(again, F32 if part == "cond type" else BOOL)))
    if part == "cond output count":
        cond.output(cond.constant(np.array(True)))
    result = body.constant(np.zeros(2, I32)) if part == "body output type" else body.op("NEG", [0])
    body.output(result)
    outputs = [{"shape": (2,)}] * (2 if part == "output count" else 1)
    b.op("WHILE", values, outputs, cond_subgraph_index=1, body_subgraph_index=2)
    b.output(1)
    return Problem(b.to_bytes(), [np.ones(2, F32)])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("cond type", "cond subgraph 1 returns FLOAT32 (), expected one bool"),
        ("cond shape", "cond subgraph 1 returns BOOL (2,), expected one bool"),
        ("cond output count", "cond subgraph 1 has 2 outputs, expected 1"),
        ("body input count", "body subgraph 2 has 2 inputs, expected 1"),
        ("body output type", "body subgraph 2: output 0 is INT32, expected FLOAT32"),
        ("output count", "1 operands and 2 outputs, expected as many"),
    ],
)
def test_87_while_subgraphs_must_fit(part: str, message: str) -> None:
    refused(mismatched(part), message)


def test_87_if_subgraphs_must_fit() -> None:
    refused(chooser(True, lambda b: (adder(b, (3,), 1, I32), adder(b, (3,), 1))), "INT32")
    b = ModelBuilder()
    operands = [b.input("cond", (2,), BOOL), b.input("x", (3,), F32)]
    index = adder(b, (3,), 1)
    b.output(b.op("IF", operands, [{"shape": (3,)}], then_subgraph_index=index, else_subgraph_index=index))
    refused(Problem(b.to_bytes(), [np.ones(2, BOOL), np.ones(3, F32)]), "expected one element", official_too=True)


def test_case_without_branches() -> None:
    b = ModelBuilder()
    operands = [b.input("index", (), I32), b.input("x", (3,), F32)]
    b.output(b.op("STABLEHLO_CASE", operands, [{"shape": (3,)}], branch_subgraph_indices=[]))
    refused(Problem(b.to_bytes(), [np.array(0, I32), np.ones(3, F32)]), "branch_subgraph_indices is empty")


@pytest.mark.parametrize("operator", ["CALL", "STABLEHLO_CUSTOM_CALL"])
def test_operators_that_nothing_registers(operator: str) -> None:
    b = ModelBuilder()
    x = b.input("x", (1,), F32)
    graph = b.subgraph()
    graph.output(graph.op("NEG", [graph.input("x", (1,), F32)]))
    fields = {"CALL": {"subgraph": 1}}
    b.output(b.op(operator, [x], **fields.get(operator, {})))
    refused(Problem(b.to_bytes(), [np.ones(1, F32)]), "no kernel", official_too=True)
