"""Shapes that change: inputs resized between invokes, and shapes that depend on data.

The official runtime says which models can be resized, and what they then compute. LITEJIT_RESIZED_BYTES=N sets how
large the files of models are that are resized (default 32768; the models of tests.paths are among them).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, InvalidModelError, LitejitError, ModelBuilder
from litejit.feeding import feed
from litejit.interpreter import OpResolverType
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Limits
from litejit.schema import TensorType
from litejit.testing import assert_same
from tests.inputs import second_kind, seeded_inputs
from tests.known_differences import FREE_RUNNING, IN_THE_FAST_TIER, KNOWN_DIFFERENCES, TOO_FEW_ANCHORS, Difference
from tests.model_comparison import Comparison, model_id
from tests.oracle import oracle
from tests.paths import EXTRA_MODELS, ROOT

TIERS = {"reference": OpResolverType.BUILTIN_REF, "fast": OpResolverType.AUTO}
LARGEST = int(os.environ.get("LITEJIT_RESIZED_BYTES", 1 << 15))
"""Bytes of a file; larger models take long in the official reference kernels."""
MODELS = [
    path
    for path in [*sorted((ROOT / "interpreter" / "models").glob("*.tflite")), *EXTRA_MODELS]
    if path.parent.name != "refused" and path.stat().st_size <= LARGEST
]


def twice_the_batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (2 * shape[0], *shape[1:]) if shape else shape


def larger_images(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[1] + 32, shape[2] + 64, shape[3]) if len(shape) == 4 and min(shape[1:3]) > 7 else shape


def refilled(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """As many of the values as fit, over and over; the second half of a batch in reverse order."""
    result = np.resize(value, shape)
    result.reshape(-1)[value.size :] = result.reshape(-1)[value.size :][::-1]
    return result


def run(interpreter: Interpreter, inputs: list[np.ndarray]) -> list[np.ndarray]:
    feed(interpreter, inputs)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


@pytest.mark.parametrize("resize", [twice_the_batch, larger_images])
@pytest.mark.parametrize("path", MODELS, ids=model_id)
def test_models(path: Path, resize: Callable[[tuple[int, ...]], tuple[int, ...]]) -> None:
    """In both tiers, to the new shape and back; where the official runtime refuses, litejit may."""
    content = path.read_bytes()
    known = KNOWN_DIFFERENCES.get(model_id(path), Difference(""))
    interpreters = {
        tier: Interpreter(model_content=content, experimental_op_resolver_type=resolver, numerics=known.numerics)
        for tier, resolver in TIERS.items()
    }
    given = seeded_inputs(interpreters["reference"], path, second_kind(path))
    inputs = [refilled(value, resize(value.shape)) for value in given]
    if all(a.shape == b.shape for a, b in zip(given, inputs, strict=True)):
        pytest.skip("no input has such a dimension")
    answer = oracle.run(content, inputs, known.resolver or "ref", timeout=60)
    if "Didn't find op" in str(answer.error):
        answer = oracle.run(content, inputs, "opt", timeout=60)
    for tier, interpreter in interpreters.items():
        allowed = known if tier == "reference" else IN_THE_FAST_TIER.get(model_id(path), known)
        if resize is twice_the_batch and model_id(path) in TOO_FEW_ANCHORS:
            with pytest.raises(InvalidModelError, match="anchors have shape"):
                run(interpreter, inputs)
        elif answer.error is None:
            result = Comparison()
            for at, (ours, theirs) in enumerate(zip(run(interpreter, inputs), answer.outputs, strict=True)):
                result.add(f"output {at}", ours, theirs, allowed.relative)
            free = any(operator["op_name"] in FREE_RUNNING for operator in interpreter._get_ops_details())
            assert free or not result.wrong, result.wrong
        else:
            with contextlib.suppress(LitejitError):
                run(interpreter, inputs)
        run(interpreter, given)


F32, I8, I32, I64, BOOL = np.float32, np.int8, np.int32, np.int64, np.bool_
FLOATS = np.array([3, -1, 0.5, -2, 7, 0.25], F32)
PLAIN = {"fused_activation_function": "NONE"}


def constant(b: Any, *values: Any, dtype: Any = I32) -> Any:
    return b.constant(np.array(values, dtype))


def positives(b: Any, x: Any) -> Any:
    """Those elements of x [n] that are above 0."""
    where = b.op("GREATER", [x, b.constant(np.zeros((), F32))], [{"dtype": BOOL}])
    return b.op("GATHER_ND", [x, b.op("WHERE", [where], [{"dtype": I64}])])


def where(b: ModelBuilder) -> Any:
    kept = positives(b, b.input("x", (6,)))
    return b.op("MUL", [kept, b.constant(np.full((), 2, F32))], **PLAIN), b.op("SUM", [kept, constant(b, 0)])


def where_quantized(b: ModelBuilder) -> Any:
    x = b.input("x", (6,), I8, scale=0.5, zero_point=3)
    mask = b.input("mask", (6,), BOOL)
    found = b.op("WHERE", [mask], [{"dtype": I64}])
    kept = b.op("GATHER_ND", [x, found], [{"dtype": I8, "scale": 0.5, "zero_point": 3}])
    return b.op("ADD", [kept, kept], [{"dtype": I8, "scale": 0.7, "zero_point": -5}], **PLAIN)


def unique(b: ModelBuilder) -> Any:
    values, places = b.op("UNIQUE", [b.input("x", (6,), I32)], [{"dtype": I32}] * 2, idx_out_type=TensorType.INT32)
    return b.op("ADD", [values, constant(b, 1)], [{"dtype": I32}], **PLAIN), b.op("NEG", [places], [{"dtype": I32}])


def range_of(b: Any, limit: Any) -> Any:
    numbers = b.op("RANGE", [b.constant(np.array(0, I32)), limit, b.constant(np.array(1, I32))], [{"dtype": I32}])
    return b.op("CAST", [numbers], [{"dtype": F32}], in_data_type=TensorType.INT32, out_data_type=TensorType.FLOAT32)


def range_(b: ModelBuilder) -> Any:
    column = b.op("RESHAPE", [range_of(b, b.input("limit", (), I32)), constant(b, -1, 1)])
    return b.op("MUL", [column, b.constant(FLOATS)], **PLAIN)


def boxes_kept(b: ModelBuilder) -> Any:
    boxes, scores = b.input("boxes", (5, 4)), b.input("scores", (5,))
    most, overlap, threshold = (b.input(None, (), I32), *(b.constant(np.array(v, F32)) for v in (0.5, 0.1)))
    operands = [boxes, scores, most, overlap, threshold]
    found, count = b.op("NON_MAX_SUPPRESSION_V4", operands, [{"dtype": I32}, {"dtype": I32, "shape": ()}])
    size = b.op("RESHAPE", [count, constant(b, 1)], [{"dtype": I32}])
    valid = b.op("SLICE", [found, constant(b, 0), size], [{"dtype": I32}])
    return b.op("GATHER", [boxes, valid], axis=0)


def reshape_by_tensor(b: ModelBuilder) -> Any:
    rows = b.op("RESHAPE", [b.input("x", (12,)), b.input("shape", (2,), I32)])
    return b.op("SOFTMAX", [rows], beta=1.0), b.op("TRANSPOSE", [rows, constant(b, 1, 0)])


def shape_of_input(b: ModelBuilder) -> Any:
    x = b.input("x", (2, 3))
    filled = b.op("FILL", [b.op("SHAPE", [x], [{"dtype": I32}], out_type=TensorType.INT32), b.constant(np.float32(4))])
    return b.op("ADD", [x, filled], **PLAIN)


def slice_by_tensor(b: ModelBuilder) -> Any:
    x, begin, end = b.input("x", (4, 3)), b.input("begin", (2,), I32), b.input("end", (2,), I32)
    part = b.op("STRIDED_SLICE", [x, begin, end, constant(b, 1, 1)])
    padded = b.op("PAD", [part, b.input("paddings", (2, 2), I32)])
    return b.op("TILE", [padded, constant(b, 2, 1)]), b.op("MEAN", [padded, constant(b, 0)], keep_dims=True)


def resized_image(b: ModelBuilder) -> Any:
    image = b.op("RESIZE_BILINEAR", [b.input("x", (1, 3, 3, 2)), b.input("size", (2,), I32)])
    weights = b.constant(np.linspace(-1, 1, 24, dtype=F32).reshape(3, 2, 2, 2))
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, **PLAIN}
    found = b.op("CONV_2D", [image, weights, b.constant(np.zeros(3, F32))], dilation_h_factor=1, dilation_w_factor=1,
                 **options)  # fmt: skip
    return b.op("MAX_POOL_2D", [found], filter_height=2, filter_width=2, **options)


def through_if(b: ModelBuilder) -> Any:
    kept, choice = positives(b, b.input("x", (6,))), b.input("choice", (), BOOL)
    doubled, negated = b.subgraph("doubled"), b.subgraph("negated")
    x = doubled.input("x", (1,))
    doubled.output(doubled.op("CONCATENATION", [x, x], axis=0, **PLAIN))
    negated.output(negated.op("NEG", [negated.input("x", (1,))]))
    chosen = b.op("IF", [choice, kept], [{}], then_subgraph_index=doubled.index, else_subgraph_index=negated.index)
    return b.op("ADD", [chosen, b.constant(np.ones((), F32))], **PLAIN)


def through_while(b: ModelBuilder) -> Any:
    values = [b.input("i", (), I32), positives(b, b.input("x", (6,)))]
    cond, body = b.subgraph("cond"), b.subgraph("body")
    for graph in (cond, body):
        i, x = graph.input("i", (), I32), graph.input("x", (1,))
    cond.output(cond.op("LESS", [i, cond.constant(np.array(3, I32))], [{"dtype": BOOL}]))
    following = body.op("ADD", [i, body.constant(np.array(1, I32))], [{"dtype": I32}], **PLAIN)
    body.output(following, body.op("CONCATENATION", [x, x], axis=0, **PLAIN))
    outputs = [{"dtype": I32, "shape": ()}, {}]
    _, grown = b.op("WHILE", values, outputs, cond_subgraph_index=cond.index, body_subgraph_index=body.index)
    return b.op("SUB", [grown, b.constant(np.ones((), F32))], **PLAIN)


BOXES = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3], [0, 2.05, 1, 3], [0, 5, 1, 6]], F32)
CHAINS: dict[str, tuple[Callable[[ModelBuilder], Any], list[list[Any]]]] = {
    # name: the model, and the inputs of invokes one after the other
    "WHERE": (where, [[FLOATS], [-FLOATS], [np.abs(FLOATS)], [-np.abs(FLOATS)], [np.tile(FLOATS, 3)]]),
    "WHERE int8": (where_quantized, [
        [np.arange(-128, 128, 43, I8), np.array(mask, BOOL)] for mask in ([1, 0, 1, 1, 0, 0], [0] * 6, [1] * 6)]),
    "UNIQUE": (unique, [[np.array(x, I32)] for x in ([5, 5, 2, 5, 2, 9], [1] * 6, range(6), [3, 3])]),
    "RANGE": (range_, [[np.array(limit, I32)] for limit in (3, 1, 0, 8)]),
    "NMS": (boxes_kept, [
        [BOXES, scores, np.array(most, I32)]
        for scores in (np.linspace(0.9, 0.2, 5, dtype=F32), np.linspace(0, 1, 5, dtype=F32)) for most in (4, 2, 0)]),
    "RESHAPE": (reshape_by_tensor, [
        [np.resize(FLOATS, 12), np.array(shape, I32)] for shape in ([3, 4], [-1, 2], [12, 1], [2, 6])]),
    "SHAPE": (shape_of_input, [[np.resize(FLOATS, shape)] for shape in ((2, 3), (5, 1), (1, 1), (2, 3))]),
    "STRIDED_SLICE": (slice_by_tensor, [
        [np.resize(FLOATS, (4, 3)), np.array(begin, I32), np.array(end, I32), np.array(paddings, I32)]
        for begin, end, paddings in (
            ([0, 0], [4, 3], [[0, 0], [0, 0]]), ([1, 1], [2, 2], [[1, 2], [0, 3]]), ([1, 0], [4, -1], [[0, 1], [2, 0]])
        )]),
    "RESIZE": (resized_image, [
        [np.resize(FLOATS, (1, 3, 3, 2)), np.array(size, I32)] for size in ([6, 6], [2, 9], [1, 1], [6, 6])]),
    "IF": (through_if, [[x, np.array(choice)] for choice in (True, False) for x in (FLOATS, -FLOATS, np.abs(FLOATS))]),
    "WHILE": (through_while, [[np.array(i, I32), x] for i in (0, 2, 5) for x in (FLOATS, -FLOATS)]),
}  # fmt: skip


def chain(build: Callable[[ModelBuilder], Any]) -> bytes:
    b = ModelBuilder()
    results = build(b)
    b.output(*(results if isinstance(results, tuple) else (results,)))
    return b.to_bytes()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", CHAINS)
def test_shapes_that_depend_on_data(name: str, tier: str) -> None:
    build, invokes = CHAINS[name]
    content = chain(build)
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=TIERS[tier])
    for inputs in invokes:
        answer = oracle.run(content, inputs, "ref")
        assert answer.error is None, answer.error
        for ours, theirs in zip(run(interpreter, inputs), answer.outputs, strict=True):
            assert_same(ours, theirs, ulp=8, atol=1e-6)


FAILURES: dict[str, tuple[Callable[[ModelBuilder], Any], list[Any], list[Any]]] = {
    # name: the model, inputs that fail, inputs that do not
    "allocate": (
        lambda b: b.op("NEG", [b.op("ADD", [b.input("x", (2, 3)), b.constant(FLOATS[:3])], **PLAIN)]),
        [np.ones((2, 4), F32)],
        [np.ones((4, 3), F32)],
    ),
    "tensor too large": (
        lambda b: b.op("TILE", [b.input("x", (2, 3)), constant(b, 1 << 15, 1 << 15)]),
        [np.ones((2, 3), F32)],
        [np.ones((0, 3), F32)],
    ),
    "index": (
        lambda b: b.op("GATHER", [b.op("NEG", [b.input("x", (6,))]), b.input("indices", (2,), I32)], axis=0),
        [FLOATS, np.array([0, 9], I32)],
        [FLOATS, np.array([1, 2, 3], I32)],
    ),
    "shape from data": (
        reshape_by_tensor,
        [np.resize(FLOATS, 12), np.array([5, 5], I32)],
        [np.resize(FLOATS, 12), np.array([6, 2], I32)],
    ),
    "inside a loop": (
        through_while,
        [np.array(-60, I32), FLOATS],
        [np.array(1, I32), FLOATS],
    ),
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", FAILURES)
def test_failures_leave_the_interpreter_usable(name: str, tier: str) -> None:
    build, failing, inputs = FAILURES[name]
    content = chain(build)

    def fresh() -> Interpreter:
        limits = Limits(tensor_bytes=1 << 20)
        return Interpreter(model_content=content, limits=limits, experimental_op_resolver_type=TIERS[tier])

    expected = run(fresh(), inputs)
    interpreter = fresh()
    for _ in range(2):
        with pytest.raises((InvalidModelError, InvalidInputError), match="operator"):
            run(interpreter, failing)
        for ours, theirs in zip(run(interpreter, inputs), expected, strict=True):
            assert_same(ours, theirs, peer="another interpreter")


def test_nothing_runs_after_a_failed_allocation() -> None:
    build, failing, _ = FAILURES["allocate"]
    interpreter = Interpreter(model_content=chain(build))
    interpreter.allocate_tensors()
    interpreter.resize_tensor_input(0, failing[0].shape)
    for call in (interpreter.allocate_tensors, interpreter.invoke, interpreter.invoke):
        with pytest.raises(RuntimeError, match=r"operator 0|not ready"):
            call()


def test_a_failed_allocation_leaves_the_shapes_of_what_it_did_not_reach() -> None:
    """As the official runtime does; empty tensors can be set, for they need no memory."""
    from ai_edge_litert.interpreter import Interpreter as Official
    from ai_edge_litert.interpreter import OpResolverType as OfficialTypes

    content = chain(FAILURES["allocate"][0])
    shapes = []
    for make, tier in ((Interpreter, TIERS["fast"]), (Official, OfficialTypes.BUILTIN_REF)):
        interpreter = make(model_content=content, experimental_op_resolver_type=tier)
        for shape in ((5, 3), (0, 4)):
            interpreter.resize_tensor_input(0, shape)
            with contextlib.suppress(RuntimeError):
                interpreter.allocate_tensors()
            interpreter.set_tensor(0, np.zeros(shape, F32))
        shapes.append([tuple(detail["shape"]) for detail in interpreter.get_tensor_details()])
    assert shapes[0] == shapes[1]
    assert shapes[0][-1] == (5, 3)


def growing(rounds: int) -> bytes:
    """x of [1] gets one element longer in every round, by way of a slice of as many elements as rounds."""
    b = ModelBuilder()
    i, x = b.input("i", (), np.int32), b.input("x", (1,), np.float32)
    cond, body = b.subgraph("cond"), b.subgraph("body")
    for graph in (cond, body):
        graph.input("i", (), np.int32)
        graph.input("x", (1,), np.float32)
    limit = cond.constant(np.array(rounds, np.int32))
    cond.output(cond.op("LESS", [0, limit], [{"shape": (), "dtype": np.bool_}]))
    one, none = body.constant(np.array(1, np.int32)), body.constant(np.array([0], np.int32))
    count = body.op("ADD", [0, one], [{"shape": (), "dtype": np.int32}])
    size = body.op("RESHAPE", [count, body.constant(np.array([1], np.int32))], [{"shape": (1,), "dtype": np.int32}])
    part = body.op("SLICE", [1, none, size], [{"shape": ()}])
    body.output(count, body.op("CONCATENATION", [part, body.constant(np.ones(1, np.float32))], [{"shape": (2,)}]))
    outputs = [{"shape": (), "dtype": np.int32}, {"shape": (1,)}]
    b.output(*b.op("WHILE", [i, x], outputs, cond_subgraph_index=cond.index, body_subgraph_index=body.index))
    return b.to_bytes()


@pytest.mark.parametrize("tier", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO])
@pytest.mark.parametrize(("rounds", "again"), [(20, False), (100, True)])
def test_what_was_prepared_for_other_shapes_is_kept(
    tier: OpResolverType, rounds: int, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to 64 of them for a subgraph."""
    interpreter = Interpreter(model_content=growing(rounds), experimental_op_resolver_type=tier)
    interpreter.allocate_tensors()
    prepared: list[Kernel] = []
    bind = Kernel.bind
    monkeypatch.setattr(Kernel, "bind", lambda kernel, node: (prepared.append(kernel), bind(kernel, node))[1])
    for time in range(3):
        if time == 2:
            prepared.clear()
        interpreter.set_tensor(1, np.full(1, time, np.float32))
        interpreter.invoke()
        result = interpreter.get_tensor(interpreter.get_output_details()[1]["index"])
        np.testing.assert_array_equal(result, [time, *[1] * rounds])
    assert bool(prepared) is again
