"""Strings that are only moved: compiled code moves numbers, and whoever asks gets the strings of the last run."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.schema import TensorType
from litejit.schema.errors import InvalidInputError
from tests.jit.equal import native_calls

I32, I64, BOOL = np.int32, np.int64, np.bool_
TEXT: dict[str, Any] = {"dtype": TensorType.STRING}
WORDS = np.array([b"", b"one", b"two", "dr\u00e4i".encode(), b"\0four"], object)
REFERENCE = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF}


def moved() -> bytes:
    """All movers, on an input and on constants."""
    b = ModelBuilder()
    x, at = b.input("x", (5,), TensorType.STRING), b.input("at", (2, 3), I32)
    picked = b.op("GATHER", [x, at], [{"shape": (2, 3), **TEXT}], axis=0)
    constant = b.op(
        "GATHER", [b.constant(WORDS[::-1].copy(), type=TensorType.STRING), at], [{"shape": (2, 3), **TEXT}], axis=0
    )
    wide = b.op("EXPAND_DIMS", [picked, b.constant(np.array(0, I32))], [{"shape": (1, 2, 3), **TEXT}])
    flat = b.op("RESHAPE", [wide, b.constant(np.array([6], I32))], [{"shape": (6,), **TEXT}])
    part = b.op("SLICE", [flat, *(b.constant(np.array([n], I32)) for n in (1, 4))], [{"shape": (4,), **TEXT}])
    ends = [b.constant(np.array(n, I32)) for n in ([0, 2], [2, 0], [1, -2])]
    strided = b.op("STRIDED_SLICE", [constant, *ends], [{"shape": (2, 1), **TEXT}])
    narrow = b.op("SQUEEZE", [strided], [{"shape": (2,), **TEXT}], squeeze_dims=[1])
    b.output(part, constant, narrow, x)
    return b.to_bytes()


def compared() -> bytes:
    """Strings that others look at, too."""
    b = ModelBuilder()
    x, at = b.input("x", (5,), TensorType.STRING), b.input("at", (2,), I32)
    picked = b.op("GATHER", [x, at], [{"shape": (2,), **TEXT}], axis=0)
    same = b.op(
        "EQUAL", [picked, b.constant(WORDS[1:3].copy(), type=TensorType.STRING)], [{"shape": (2,), "dtype": BOOL}]
    )
    first = b.op("RESHAPE", [x, b.constant(np.array([5, 1], I32))], [{"shape": (5, 1), **TEXT}])
    b.output(picked, same, first)
    return b.to_bytes()


def found() -> bytes:
    """As many as there are."""
    b = ModelBuilder()
    x, chosen = b.input("x", (5,), TensorType.STRING), b.input("chosen", (5,), BOOL)
    places = b.op("WHERE", [chosen], [{"shape": (1, 1), "dtype": I64}])
    b.output(b.op("GATHER", [x, places], [{"shape": (1, 1), **TEXT}], axis=0))
    return b.to_bytes()


def answers(interpreter: Interpreter) -> list[list[Any]]:
    return [interpreter.get_tensor(detail["index"]).tolist() for detail in interpreter.get_output_details()]


def tiers(model: bytes, **keywords: Any) -> list[Interpreter]:
    made = [Interpreter(model_content=model, **REFERENCE), Interpreter(model_content=model, **keywords)]
    for interpreter in made:
        interpreter.allocate_tensors()
    return made


def run(interpreter: Interpreter, *inputs: np.ndarray) -> list[list[Any]]:
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return answers(interpreter)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", [moved, compared])
def test_equal_on_both_tiers(model: Any, threads: int) -> None:
    rng = np.random.default_rng(0)
    reference, fast = tiers(model(), num_threads=threads)
    shape = tuple(fast.get_input_details()[1]["shape"])
    for _ in range(5):
        inputs = rng.permutation(WORDS), rng.integers(0, 5, shape).astype(I32)
        assert run(fast, *inputs) == run(reference, *inputs)
    assert ("gathering.slices" in native_calls(fast)) == (model is moved)


def test_as_many_as_there_are() -> None:
    reference, fast = tiers(found())
    some, none = np.array([1, 0, 1, 1, 0], BOOL), np.zeros(5, BOOL)
    for at, chosen in enumerate([some] * 4 + [none] * 6 + [some] * 2):
        inputs = np.roll(WORDS, at), chosen
        assert run(fast, *inputs) == run(reference, *inputs)
    assert native_calls(fast) == ["supposing.nonzero", "gathering.slices"]


def test_an_index_out_of_range_is_the_same_error() -> None:
    errors = []
    for interpreter in tiers(moved()):
        with pytest.raises(InvalidInputError) as raised:
            run(interpreter, WORDS, np.full((2, 3), 5, I32))
        errors.append(str(raised.value))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("how", ["set", "view", "old view", "pickle"])
def test_results_stay_until_the_next_run(how: str) -> None:
    _, fast = tiers(moved())
    with pytest.raises(ValueError, match="Tensor data is null"):
        fast.get_tensor(fast.get_output_details()[0]["index"])
    held = fast.tensor(0)() if how == "old view" else None
    at = np.array([[0, 1, 2], [3, 4, 0]], I32)
    fast.set_tensor(0, WORDS)
    fast.set_tensor(1, at)
    fast.invoke()
    expected = run(tiers(moved())[0], WORDS, at)[:3]
    if how == "set":
        fast.set_tensor(0, WORDS[::-1])
    elif how == "pickle":
        fast = pickle.loads(pickle.dumps(fast))
    else:
        view = fast.tensor(0)() if held is None else held
        view[:] = b"other"
    assert answers(fast)[:3] == expected
    if how != "pickle":
        fast.invoke()
        assert answers(fast)[:3] != expected


def test_one_operator_alone() -> None:
    reference, fast = tiers(moved())
    for interpreter in (reference, fast):
        run(interpreter, WORDS, np.array([[4, 3, 2], [1, 0, 4]], I32))
    for operator in range(6):
        ours, theirs = (interpreter.run_operator(operator)[0].tolist() for interpreter in (fast, reference))
        assert ours == theirs
