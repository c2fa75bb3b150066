"""Values that are illegal at run time: compiled code stays in its memory, and both tiers raise the same error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.target import is_checked
from litejit.schema.errors import InvalidInputError
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled, native_calls, prepared

RNG = np.random.default_rng(0)
BYTES = {"scale": 0.1, "zero_point": 3}


def numbers(shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    return RNG.integers(-100, 100, shape).astype(dtype)


def indices(size: int, shape: Sequence[int], dtype: Any = np.int32) -> np.ndarray:
    return RNG.integers(0, size, shape).astype(dtype)


def gather(dims: Sequence[int], positions: Sequence[int], dtype: Any, index_dtype: Any, **options: int) -> Problem:
    operands = [Input(numbers(dims, dtype)), Input(indices(dims[options["axis"]], positions, index_dtype))]
    return single_op("GATHER", operands, [out(dtype)], **options)


GATHERED = [
    ((5, 7), (4,), np.float32, np.int32, {"axis": 1}),
    ((5, 7), (4,), np.int8, np.int64, {"axis": 0}),
    ((5, 3), (4, 2), np.int8, np.int16, {"axis": 0}),
    ((9,), (), np.int64, np.int32, {"axis": 0}),
    ((2, 9, 5), (3, 2), np.int16, np.int32, {"axis": 1}),
    ((2, 3, 9, 5), (2, 4), np.float32, np.int32, {"axis": 2, "batch_dims": 1}),
    ((2, 3, 9), (2, 3, 4), np.int8, np.int32, {"axis": 2, "batch_dims": 2}),
    ((40, 67), (300,), np.int8, np.int32, {"axis": 0}),
    ((3, 4000), (2,), np.float32, np.int32, {"axis": 0}),
]


@pytest.mark.parametrize(("dims", "positions", "dtype", "index_dtype", "options"), GATHERED)
@pytest.mark.parametrize("threads", [1, 2])
def test_gather(dims: Any, positions: Any, dtype: Any, index_dtype: Any, options: Any, threads: int) -> None:
    check_compiled(gather(dims, positions, dtype, index_dtype, **options), "gathering.slices", threads=threads)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.int64])
def test_gather_nd(rank: int, dtype: Any) -> None:
    dims = (4, 5, 6)
    coordinates = np.stack([indices(dim, (3, 2)) for dim in dims[:rank]], -1)
    operands = [Input(numbers(dims, dtype)), Input(coordinates)]
    check_compiled(single_op("GATHER_ND", operands, [out(dtype)]), "gathering.at_coordinates")


@pytest.mark.parametrize(
    "quantization", [{"scale": 0.25}, {"scale": [0.5, 0.25, 1, 2, 3], "quantized_dimension": 0}, None]
)
def test_embedding_lookup(quantization: Any) -> None:
    is_scaled = quantization is not None
    table = Const(numbers((5, 3, 4), np.int8 if is_scaled else np.float32), **(quantization or {}))
    problem = single_op("EMBEDDING_LOOKUP", [Input(indices(5, (6,))), table], [out(np.float32)])
    check_compiled(problem, "gathering.scaled" if is_scaled else "gathering.slices")


DIVIDED = [
    ("FLOOR_DIV", np.int8),
    ("FLOOR_DIV", np.int16),
    ("FLOOR_DIV", np.int32),
    ("FLOOR_MOD", np.int8),
    ("FLOOR_MOD", np.int16),
    ("FLOOR_MOD", np.int32),
    ("FLOOR_MOD", np.int64),
    ("DIV", np.int32),
]


@pytest.mark.parametrize(("op", "dtype"), DIVIDED)
@pytest.mark.parametrize("shapes", [((3, 17), (3, 17)), ((3, 17), (17,)), ((1,), (5, 3)), ((5, 3), (5, 1))])
def test_division(op: str, dtype: Any, shapes: Any) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    a, b = (RNG.choice(np.array([low, -7, -3, -1, 1, 2, 3, 50, high], dtype), shape) for shape in shapes)
    if op == "DIV":
        a = np.maximum(a, low + 1)
    check_compiled(single_op(op, [Input(a), Input(b)], [out(dtype)]), "dividing.")


X, TABLE = numbers((4, 5)), numbers((4, 5))
ONES = np.ones(3, np.int32)


def at(*values: int, dtype: Any = np.int32) -> Input:
    return Input(np.array(values, dtype))


REFUSED = [
    single_op("GATHER", [Input(X), at(0, 4)], [out(np.float32)], axis=0),
    single_op("GATHER", [Input(X), at(-1, 2, dtype=np.int64)], [out(np.float32)], axis=1),
    single_op("GATHER", [Input(X), at(1 << 40, dtype=np.int64)], [out(np.float32)], axis=0),
    single_op("GATHER", [Input(X), Const(np.array([9], np.int32))], [out(np.float32)], axis=0),
    single_op("GATHER_ND", [Input(X), Input(np.array([[1, 2], [1, 5]], np.int32))], [out(np.float32)]),
    single_op("GATHER_ND", [Input(X), Input(np.array([[-1]], np.int32))], [out(np.float32)]),
    single_op("EMBEDDING_LOOKUP", [at(4), Const(TABLE)], [out(np.float32)]),
    single_op("EMBEDDING_LOOKUP", [at(-3), Const(TABLE.astype(np.int8), scale=0.5)], [out(np.float32)]),
    single_op("FLOOR_DIV", [Input(ONES), at(1, 0, 1)], [out(np.int32)]),
    single_op("FLOOR_MOD", [Input(ONES.astype(np.int64)), at(1, 0, 1, dtype=np.int64)], [out(np.int64)]),
    single_op("DIV", [Input(ONES), at(1, 2, 0)], [out(np.int32)]),
    single_op("DIV", [at(-(1 << 31), 5, 5), at(-1, 2, 1)], [out(np.int32)]),
]


@pytest.mark.parametrize("problem", REFUSED)
@pytest.mark.parametrize("threads", [1, 2])
def test_same_errors(problem: Problem, threads: int) -> None:
    errors = []
    for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        interpreter = prepared(problem, num_threads=threads, experimental_op_resolver_type=resolver)
        if resolver is OpResolverType.AUTO:
            assert native_calls(interpreter)
        for _ in range(2):
            with pytest.raises(InvalidInputError) as raised:
                interpreter.invoke()
            errors.append(str(raised.value))
    assert len(set(errors)) == 1
    assert "(" + problem_op(problem) + ")" in errors[0]


def problem_op(problem: Problem) -> str:
    return str(Interpreter(model_content=problem.model)._get_ops_details()[0]["op_name"])


def quotient_of_bytes(divisor: int) -> Problem:
    b = ModelBuilder()
    x = b.input("x", (4, 5), np.int8, **BYTES)
    y = b.input("y", (5,), np.int8, scale=0.05, zero_point=-9)
    b.output(b.op("DIV", [x, y], [out(np.int8, scale=0.5, zero_point=1)]))
    divisors = np.array([1, -128, 127, -8, divisor], np.int8)
    return Problem(b.to_bytes(), [numbers((4, 5), np.int8), divisors])


def test_quotient_of_bytes() -> None:
    check_compiled(quotient_of_bytes(5), "dividing.refuse_bytes")
    test_same_errors(quotient_of_bytes(-9), 1)


def chain(rows: int) -> tuple[Interpreter, np.ndarray]:
    """Sums after a GATHER that several threads share."""
    b = ModelBuilder()
    x, positions = b.input("x", (64, 4096), np.float32), b.input("positions", (rows,), np.int32)
    y = b.op("GATHER", [x, positions], axis=0)
    for _ in range(4):
        y = b.op("ADD", [y, y])
    b.output(y)
    interpreter = Interpreter(model_content=b.to_bytes(), num_threads=2)
    interpreter.allocate_tensors()
    return interpreter, numbers((64, 4096))


@pytest.mark.skipif(is_checked(), reason="the checked build has one thread")
def test_threads_stop_together_and_go_on_afterwards() -> None:
    rows = 128
    interpreter, x = chain(rows)
    (at_x, at_positions), (result,) = (
        [detail["index"] for detail in details]
        for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )
    interpreter.set_tensor(at_x, x)
    good = indices(64, (rows,))
    for round in range(50):
        bad = good.copy()
        bad[round] = 64
        interpreter.set_tensor(at_positions, bad)
        with pytest.raises(InvalidInputError, match="position 64 is out of range"):
            interpreter.invoke()
        interpreter.set_tensor(at_positions, good)
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(result), 16 * x[good])
