"""Variables at fixed addresses: what compiled code and the reference tier read and assign is the same memory."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.variables import Variables
from litejit.schema import TensorType
from litejit.schema.errors import InvalidInputError
from tests.jit.equal import native_calls

HANDLE = {"shape": (), "dtype": TensorType.RESOURCE}
TIERS = (OpResolverType.BUILTIN_REF, OpResolverType.AUTO)


def delay(size: int, dtype: Any = np.float32, initialised: bool = True) -> bytes:
    """old = v; v = v + x; returns old + v, of `size` elements; v starts at 5 in CALL_ONCE."""
    b = ModelBuilder()
    if initialised:
        start = b.subgraph("start")
        first = start.constant(np.full(size, 5, dtype))
        start.op("ASSIGN_VARIABLE", [start.op("VAR_HANDLE", [], [HANDLE], shared_name="v"), first], [])
        b.op("CALL_ONCE", [], [], init_subgraph_index=start.index)
    x = b.input("x", (size,), dtype)
    handle = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    declared = {"shape": (size,), "dtype": dtype}
    old = b.op("READ_VARIABLE", [handle], [{"name": "old", **declared}])
    b.op("ASSIGN_VARIABLE", [handle, b.op("ADD", [old, x])], [])
    total = b.op("ADD", [old, b.op("READ_VARIABLE", [handle], [declared])], [{"name": "total", **declared}])
    b.output(b.op("ADD", [b.op("MUL", [total, total]), total]))
    return b.to_bytes()


def interpreter_of(model: bytes, tier: OpResolverType = OpResolverType.AUTO, **keywords: Any) -> Interpreter:
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=tier, **keywords)
    interpreter.allocate_tensors()
    return interpreter


def step(interpreter: Interpreter, value: int) -> np.ndarray:
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], np.full(detail["shape"], value, detail["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.parametrize("size", [1, 3, 4, 8, 31, 33, 20_000])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize("threads", [1, 2])
def test_equal_on_both_tiers(size: int, dtype: Any, threads: int) -> None:
    reference, fast = (interpreter_of(delay(size, dtype), tier, num_threads=threads) for tier in TIERS)
    for value in range(1, 5):
        np.testing.assert_array_equal(step(fast, value), step(reference, value))
    native = fast._session.plans[0].native
    assert native is not None
    assert len(native.parts) == 1  # what is done once is no part any more
    assert native_calls(fast)[:3] == ["variables.read", native_calls(fast)[1], "variables.assign"]


def test_reading_too_early_is_the_same_error() -> None:
    errors = set()
    for tier in TIERS:
        interpreter = interpreter_of(delay(3, initialised=False), tier)
        for _ in range(2):
            with pytest.raises(InvalidInputError) as raised:
                step(interpreter, 1)
            errors.add(str(raised.value))
    assert len(errors) == 1
    assert "variable 0 is read before anything is assigned" in errors.pop()


def test_what_precedes_a_fault_is_done_and_what_follows_is_not() -> None:
    b = ModelBuilder()
    x, at = b.input("x", (4,), np.float32), b.input("at", (1,), np.int32)
    one, two = (b.op("VAR_HANDLE", [], [HANDLE], shared_name=name) for name in "ab")
    b.op("ASSIGN_VARIABLE", [one, x], [])
    b.op("ASSIGN_VARIABLE", [two, b.op("GATHER", [x, at], axis=0)], [])
    b.output(b.op("READ_VARIABLE", [one], [{"shape": (4,)}]))
    for tier in TIERS:
        interpreter = interpreter_of(b.to_bytes(), tier)
        interpreter.set_tensor(0, np.arange(4, dtype=np.float32))
        interpreter.set_tensor(1, np.array([4], np.int32))
        with pytest.raises(InvalidInputError, match="position 4"):
            interpreter.invoke()
        variables = interpreter._session.resources["variables"]
        assert list(variables) == [0]
        assert variables[0].tolist() == [0, 1, 2, 3]


DUPLICATES: list[Callable[[Interpreter], Interpreter]] = [copy.deepcopy, lambda i: pickle.loads(pickle.dumps(i))]


@pytest.mark.parametrize("duplicate", DUPLICATES, ids=["deepcopy", "pickle"])
def test_copies_go_on_by_themselves(duplicate: Callable[[Interpreter], Interpreter]) -> None:
    one = interpreter_of(delay(3))
    step(one, 1)
    other = duplicate(one)
    expected = step(one, 2)
    np.testing.assert_array_equal(step(other, 2), expected)
    np.testing.assert_array_equal(step(other, 2), step(one, 2))


def test_numbers_stay_those_of_the_original() -> None:
    """Variables are numbered as operators are prepared: here those of the other signature come first."""
    b = ModelBuilder()
    put = b.subgraph("put")
    value = put.input("value", (2,), np.float32)
    for name in "zy":
        put.op("ASSIGN_VARIABLE", [put.op("VAR_HANDLE", [], [HANDLE], shared_name=name), value], [])
    put.output(put.op("NEG", [value]))
    got = b.op("READ_VARIABLE", [b.op("VAR_HANDLE", [], [HANDLE], shared_name="y")], [{"shape": (2,)}])
    b.output(got)
    b.signature("get", {}, {"v": got})
    b.signature("put", {"value": value}, {"negated": 2}, subgraph=put.index)
    interpreter = Interpreter(model_content=b.to_bytes())
    interpreter.get_signature_runner("put")(value=np.array([1, 2], np.float32))
    again = pickle.loads(pickle.dumps(interpreter))
    assert again.get_signature_runner("get")()["v"].tolist() == [1, 2]


def test_memory_is_shared_and_intermediates_are_right() -> None:
    sharing, reference = (interpreter_of(delay(300), tier) for tier in (TIERS[1], TIERS[0]))
    keeping = interpreter_of(delay(300), experimental_preserve_all_tensors=True)
    for value in (1, 2):
        for interpreter in (sharing, reference, keeping):
            step(interpreter, value)
    small, large = (i._session.plans[0].native.storage.arena.size for i in (sharing, keeping))  # type: ignore[union-attr]
    assert small < large
    for detail in reference.get_tensor_details():
        if detail["dtype"] == np.float32:
            expected = reference.get_tensor(detail["index"])
            np.testing.assert_array_equal(sharing.get_tensor(detail["index"]), expected)
            np.testing.assert_array_equal(keeping.get_tensor(detail["index"]), expected)


def test_values_of_other_sizes_are_kept_apart() -> None:
    variables = Variables()
    variables[0] = np.arange(3)
    memory = variables.fixed(0, np.dtype(np.int64), 3)
    assert memory is not None
    assert memory.memory.tolist() == [0, 1, 2]
    assert variables.fixed(0, np.dtype(np.int64), 4) is None
    before = variables[0]
    variables[0] = np.arange(3).reshape(3, 1) + 1
    assert before.tolist() == [0, 1, 2]
    assert variables[0].shape == (3, 1)
    variables[0] = np.zeros(5)
    assert (memory.state[0], variables[0].shape, len(variables)) == (0, (5,), 1)
    variables[0] = np.arange(3)
    assert (variables[0].shape, list(variables)) == ((3,), [0])
    del variables[0]
    assert (0 in variables, memory.state[0]) == (False, 0)
