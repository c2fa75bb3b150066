"""Random numbers: the same seeds give the official runtime's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder, OpResolverType
from litejit.feeding import feed
from litejit.schema import RngAlgorithm
from litejit.testing import Const, Input, check, out, refused, run, single_op
from tests.oracle import oracle

SEEDS = [(1, 2), (0, 7), (1234567890123, -5), (-1, 2**63 - 1), (2**32, 2**32 - 1), (2**31, 0)]
SHAPES = [(), (1,), (3,), (4,), (5, 7), (2, 0, 3), (2, 3, 1, 2, 2), (1000,)]


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", ["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"])
def test_shapes(op: str, shape: tuple[int, ...], constant: bool) -> None:
    operand = (Const if constant else Input)(np.array(shape, np.int32))
    check(single_op(op, [operand], outputs=[out(np.float32)], seed=3, seed2=4))


@pytest.mark.parametrize("invokes", [1, 3])
@pytest.mark.parametrize("seeds", SEEDS, ids=str)
@pytest.mark.parametrize("op", ["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"])
def test_seeds(op: str, seeds: tuple[int, int], invokes: int) -> None:
    operands = [Const(np.array([333], np.int32))]
    problem = single_op(op, operands, outputs=[out(np.float32)], seed=seeds[0], seed2=seeds[1])
    check(problem, invokes=invokes)


@pytest.mark.parametrize(("flavour", "resolver"), [("litert-opt", "opt"), ("xnnpack", "auto")])
@pytest.mark.parametrize("op", ["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"])
def test_kernel_sets(op: str, flavour: str, resolver: str) -> None:
    """All draw the same numbers, enough of them here to meet what a mathematical library seldom gets wrong."""
    problem = single_op(op, [Const(np.array([40000], np.int32))], outputs=[out(np.float32)], seed=5, seed2=6)
    check(problem, invokes=3, resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("samples", [0, 1, 2, 9, 500])
@pytest.mark.parametrize("invokes", [1, 2])
def test_multinomial(samples: int, dtype: Any, invokes: int) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (3, 17)).astype(np.float32)
    logits[1, 3:5] = -np.inf
    logits[2] = -np.inf
    operands = [Input(logits), Const(np.array(samples, np.int32))]
    check(single_op("MULTINOMIAL", operands, outputs=[out(dtype)], seed=9, seed2=1), invokes=invokes)


def test_multinomial_with_samples_known_at_run_time() -> None:
    operands = [Input(np.zeros((2, 5)), np.float32), Input(np.array(40), np.int32)]
    check(single_op("MULTINOMIAL", operands, outputs=[out(np.int64)], seed=9), invokes=2)


@pytest.mark.parametrize("tier", ["BUILTIN_REF", "AUTO"])
def test_generators_start_anew_where_the_official_ones_do(tier: str) -> None:
    """When the shape of an earlier result has changed that depends on data; what MULTINOMIAL draws does, always."""
    from ai_edge_litert.interpreter import Interpreter as Official
    from ai_edge_litert.interpreter import OpResolverType as OfficialTypes

    b = ModelBuilder()
    limit, shape = b.input("limit", (), np.int32), b.constant(np.array([5], np.int32))
    logits, samples = b.input("logits", (1, 7)), b.constant(np.array(3, np.int32))
    before = b.op("RANDOM_UNIFORM", [shape], [{"shape": (5,)}], seed=1)
    zero, one = b.constant(np.array(0, np.int32)), b.constant(np.array(1, np.int32))
    counted = b.op("RANGE", [zero, limit, one], [{"shape": (1,), "dtype": np.int32}])
    after = b.op("RANDOM_UNIFORM", [shape], [{"shape": (5,)}], seed=2)
    drawn = b.op("MULTINOMIAL", [logits, samples], [{"shape": (1, 3), "dtype": np.int32}], seed=3)
    last = b.op("RANDOM_STANDARD_NORMAL", [shape], [{"shape": (5,)}], seed=4)
    b.output(before, counted, after, drawn, last)
    content = b.to_bytes()
    ours = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType[tier])
    theirs = Official(model_content=content, experimental_op_resolver_type=OfficialTypes.BUILTIN_REF)
    for interpreter in (ours, theirs):
        interpreter.allocate_tensors()
    for value in (3, 3, 3, 3, 4, 4, 3, 3):
        for interpreter in (ours, theirs):
            interpreter.set_tensor(limit, np.array(value, np.int32))
            interpreter.set_tensor(logits, np.linspace(0, 1, 7, dtype=np.float32)[None])
            interpreter.invoke()
        for detail in theirs.get_output_details():
            expected = theirs.get_tensor(detail["index"])
            np.testing.assert_array_max_ulp(ours.get_tensor(detail["index"]).astype(expected.dtype), expected, 4)


@pytest.mark.parametrize("tier", ["BUILTIN_REF", "AUTO"])
@pytest.mark.parametrize("preserve", [False, True])
@pytest.mark.parametrize("operator", ["IF", "STABLEHLO_COMPOSITE", "WHILE"])
def test_generators_of_subgraphs(operator: str, preserve: bool, tier: str) -> None:
    """They start anew with each run of the operator that calls, not with each round of a loop."""
    b = ModelBuilder()
    called = [b.subgraph("cond"), b.subgraph("body")] if operator == "WHILE" else [b.subgraph("body")]
    for graph in called:
        graph.input("x", (1,))
    drawn = called[-1].op("RANDOM_UNIFORM", [called[-1].constant(np.array([1], np.int32))], [{}], seed=1)
    called[-1].output(called[-1].op("ADD", [0, drawn]))
    x = b.input("x", (1,))
    if operator == "WHILE":
        limit = called[0].constant(np.array([3], np.float32))
        called[0].output(called[0].op("LESS", [0, limit], [{"shape": (1,), "dtype": np.bool_}]))
        operands, fields = [x], {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    elif operator == "IF":
        operands, fields = [b.constant(np.array(True)), x], {"then_subgraph_index": 1, "else_subgraph_index": 1}
    else:
        fields = {"name": "drawn", "decomposition_subgraph_index": 1, "composite_attributes": []}
        operands = [x]
    b.output(b.op(operator, operands, [{"shape": (1,)}], **fields))
    content, values = b.to_bytes(), [np.zeros(1, np.float32)]
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType[tier],
        experimental_preserve_all_tensors=preserve,
    )
    for invokes in (1, 2, 3):
        feed(interpreter, values)
        interpreter.invoke()
        theirs = oracle.run(content, values, "ref", invokes=invokes, preserve=preserve)
        (detail,) = interpreter.get_output_details()
        np.testing.assert_array_equal(interpreter.get_tensor(detail["index"]), theirs.outputs[0])


@pytest.mark.parametrize("op", ["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"])
def test_no_seeds_are_random_seeds(op: str) -> None:
    problem = single_op(op, [Const(np.array([50], np.int32))], outputs=[out(np.float32)])
    first, second, theirs = run(problem)[0], run(problem)[0], oracle.truth(problem.model, [])
    assert theirs.error is None
    assert (first != second).any()


def test_standard_normal_is_normal() -> None:
    numbers = run(single_op("RANDOM_STANDARD_NORMAL", [Const(np.array([100000], np.int32))], [out(np.float32)]))[0]
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02


STATES = [(0, 0), (1, 2), (2**64 - 1, 2**64 - 2), (123456789012345678, 2**32 - 1)]


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
@pytest.mark.parametrize("state", [*STATES, (5, 2**32 - 2, 7), (5, 2**64 - 1, 2**64 - 1)], ids=str)
@pytest.mark.parametrize("algorithm", list(RngAlgorithm))
def test_bit_generator(algorithm: RngAlgorithm, state: tuple[int, ...], dtype: Any) -> None:
    if algorithm == RngAlgorithm.THREEFRY and len(state) == 3:
        pytest.skip("the state of THREEFRY has two words")
    for shape in [(3, 7), (1,), (16,)]:
        outputs = [out(np.uint64, shape=(len(state),)), out(dtype, shape=shape)]
        problem = single_op(
            "STABLEHLO_RNG_BIT_GENERATOR", [Input(np.array(state, np.uint64))], outputs, algorithm=algorithm
        )
        check(problem)


TEN = Const(np.array([10], np.int32))
LOGITS = Input(np.zeros((2, 5)), np.float32)
STATE = [out(np.uint64, shape=(2,)), out(np.int32, shape=(3,))]
ERRORS = {
    "shape of rank 0": ("RANDOM_UNIFORM", [Const(np.array(1, np.int32))], {}, "expected rank 1"),
    "shape type": ("RANDOM_UNIFORM", [Const(np.array([1], np.int64))], {}, "is INT64, expected INT32"),
    "negative": ("RANDOM_STANDARD_NORMAL", [Input([-1, 2], np.int32)], {}, "negative dimension"),
    "negative constant": ("RANDOM_STANDARD_NORMAL", [Const([-1, 2], np.int32)], {}, "negative shape"),
    "huge": ("RANDOM_UNIFORM", [Input([2**31 - 1] * 4, np.int32)], {}, "beyond the limit"),
    "huge constant": ("RANDOM_UNIFORM", [Const([2**31 - 1] * 4, np.int32)], {}, "more than the limit"),
    "output type": ("RANDOM_UNIFORM", [TEN], {"outputs": [out(np.int32)]}, "is INT32, expected FLOAT32"),
    "negative samples": ("MULTINOMIAL", [LOGITS, Input(np.array(-1, np.int32))], {}, "num_samples is -1"),
    "no classes": ("MULTINOMIAL", [Input(np.zeros((2, 0)), np.float32), Const(np.int32(1))], {}, "at least one class"),
    "logits rank": ("MULTINOMIAL", [Input(np.zeros(2), np.float32), Const(np.int32(1))], {}, "expected rank 2"),
    "huge samples": ("MULTINOMIAL", [LOGITS, Input(np.array(2**31 - 1, np.int32))], {}, "too few or too many"),
    "state size": (
        "STABLEHLO_RNG_BIT_GENERATOR",
        [Input([1, 2, 3], np.uint64)],
        {"outputs": STATE, "algorithm": RngAlgorithm.THREEFRY},
        "has shape (3,)",
    ),
    "declared state": (
        "STABLEHLO_RNG_BIT_GENERATOR",
        [Input([1, 2, 3], np.uint64)],
        {"outputs": STATE},
        "is declared with shape (2,), expected (3,)",
    ),
    "state type": (
        "STABLEHLO_RNG_BIT_GENERATOR",
        [Input([1, 2], np.int64)],
        {"outputs": STATE},
        "is INT64, expected UINT64",
    ),
    "algorithm": (
        "STABLEHLO_RNG_BIT_GENERATOR",
        [Input([1, 2], np.uint64)],
        {"outputs": STATE, "algorithm": 9},
        "option algorithm is 9, which is no RngAlgorithm",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, keywords, fragment = ERRORS[name]
    keywords = {"outputs": [out(np.int64 if op == "MULTINOMIAL" else np.float32)], **keywords}
    refused(single_op(op, operands, **keywords), fragment)
