"""Kernels of one's own for builtin operators: `Interpreter(kernels={…})`."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from litejit import InvalidInputError, ModelBuilder
from litejit.kernels.reference.arithmetic import Add
from litejit.testing import Problem, run


def two_additions() -> Problem:
    """((x + x) + x), quantized."""
    b = ModelBuilder()
    x = b.input("x", (2, 3), np.int8, scale=0.5)
    first = b.op("ADD", [x, x])
    b.output(b.op("ADD", [first, x]))
    return Problem(b.to_bytes(), [np.arange(6, dtype=np.int8).reshape(2, 3)])


class Zero(Add):
    def __call__(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        return np.zeros_like(input1)


def zero(input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
    return np.zeros_like(input1)


def plus_one(input1: np.ndarray, input2: np.ndarray, kernel: Any) -> np.ndarray:
    return kernel(input1, input2) + np.int8(1)


X = np.arange(6).reshape(2, 3)
CASES = {
    "none": ({}, 3 * X),
    "by name": ({"ADD": Zero}, 0 * X),
    "function by name": ({"ADD": zero}, 0 * X),
    "by index": ({0: Zero}, X),
    "by subgraph and index": ({(0, 1): zero}, 0 * X),
    "the most specific counts": ({"ADD": zero, 1: plus_one}, X + 1),
    "around the kernel itself": ({"ADD": plus_one}, 3 * X + 2),
}


@pytest.mark.parametrize("case", CASES)
def test_overrides(case: str) -> None:
    kernels, expected = CASES[case]
    np.testing.assert_array_equal(run(two_additions(), kernels=kernels)[0], expected)


ERRORS = {
    "no such name": ({"CONV_2D": zero}, "kernels['CONV_2D']: the model has no such operator"),
    "no such index": ({2: zero}, "kernels[(0, 2)]: the model has no such operator"),
    "no place": ({2.5: zero}, "kernels: 2.5 is no operator name, index, or (subgraph, index)"),
    "no kernel": ({"ADD": 3}, "kernels['ADD'] is int, expected a function or a Kernel subclass"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    kernels, message = ERRORS[case]
    with pytest.raises(InvalidInputError) as caught:
        run(two_additions(), kernels=kernels)
    assert message in str(caught.value)


def test_constants_are_not_folded_by_a_function() -> None:
    """It may not be a function of its operands alone."""
    b = ModelBuilder()
    b.output(b.op("ADD", [b.constant(np.float32([1])), b.constant(np.float32([2]))]))
    calls = []

    def counting(input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        calls.append(1)
        return input1 + input2

    assert run(Problem(b.to_bytes(), []), invokes=3, kernels={"ADD": counting})[0] == 3
    assert len(calls) == 3


def test_interpreters_with_overrides_are_pickled() -> None:
    from litejit import Interpreter

    interpreter = Interpreter(model_content=two_additions().model, kernels={"ADD": Zero})
    again = pickle.loads(pickle.dumps(interpreter))
    assert again(x=X.astype(np.int8)).popitem()[1].tolist() == (0 * X).tolist()
