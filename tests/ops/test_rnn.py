"""RNN and UNIDIRECTIONAL_SEQUENCE_RNN against the official kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, Problem, Variable, check, out, refused, single_op

KINDS = {"float": np.float32, "hybrid": np.int8, "uint8": np.uint8}
TOLERANCE: dict[str, Any] = {"float": {"atol": 1e-5}, "hybrid": {"ulp": 2}, "uint8": {"ulp": 2}}


def rnn(op: str, dtype: Any, shape: tuple[int, ...], units: int, changes: Any = None, **options: Any) -> Problem:
    """changes: operands by position that replace the right ones."""
    rng = np.random.default_rng(len(shape) + units)
    features, batch = shape[-1], shape[1 if options.get("time_major") else 0]

    def weights(*shape: int, make: Any = Const) -> Const:
        if dtype is np.float32:
            return make((rng.normal(size=shape) * 0.5).astype(np.float32))
        return make(rng.integers(-127, 128, shape).astype(np.int8).view(dtype), scale=rng.uniform(0.002, 0.01))

    x = rng.normal(size=shape).astype(np.float32)
    x.reshape(-1, features)[-1] = 0
    operands = [Input(x), weights(units, features), weights(units, units), Const(rng.normal(size=units), np.float32)]
    operands.append(Variable((batch, units)))
    for at, operand in (changes or {}).items():
        operands[at] = operand
    return single_op(op, operands, [out()], **options)


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_rnn(kind: str, asymmetric: bool, activation: str) -> None:
    options = {"asymmetric_quantize_inputs": asymmetric, "fused_activation_function": activation}
    for shape, units in (((1, 1), 1), ((3, 19), 7), ((2, 8), 16)):
        check(rnn("RNN", KINDS[kind], shape, units, **options), invokes=3, **TOLERANCE[kind])


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_sequence(kind: str, asymmetric: bool, time_major: bool) -> None:
    options = {"asymmetric_quantize_inputs": asymmetric, "time_major": time_major}
    for activation, shape, units in (("TANH", (2, 3, 19), 7), ("RELU6", (1, 5, 4), 8), ("TANH", (3, 1, 1), 1)):
        problem = rnn(
            "UNIDIRECTIONAL_SEQUENCE_RNN", KINDS[kind], shape, units, fused_activation_function=activation, **options
        )
        check(problem, invokes=2, **TOLERANCE[kind])


@pytest.mark.parametrize("activation", ["RELU", "RELU_N1_TO_1", "RELU6", "TANH"])
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_that_are_not_finite(kind: str, activation: str) -> None:
    for value in (np.nan, np.inf):
        problem = rnn("RNN", KINDS[kind], (2, 9), 5, fused_activation_function=activation)
        problem.inputs[0][0, 3] = value
        check(problem, invokes=2)
        check(problem, invokes=2, experimental_op_resolver_type=OpResolverType.AUTO)


def test_weights_that_are_not_constant() -> None:
    rng = np.random.default_rng(0)
    changes = {1: Input(rng.normal(size=(4, 5)), np.float32), 3: Input(rng.normal(size=4), np.float32)}
    check(rnn("RNN", np.float32, (2, 5), 4, changes), invokes=2, atol=1e-5)


ZEROS = np.zeros((2, 4), np.float32)
REFUSED: dict[str, tuple[dict[int, Any], str]] = {
    "state is no variable": ({4: Input(ZEROS)}, "is not a variable, a state has to be one"),
    "no state": ({4: None}, "operand 'hidden_state' is missing"),
    "state of another shape": ({4: Variable((2, 5))}, "expected (2, 4)"),
    "weights of another depth": ({1: Const(np.zeros((4, 6), np.float32))}, "expected (4, 5)"),
    "recurrent weights not square": ({2: Const(np.zeros((4, 3), np.float32))}, "expected (4, 4)"),
    "weights of two types": ({2: Const(np.zeros((4, 4), np.int8), scale=1.0)}, "is INT8, expected FLOAT32"),
    "bias of another size": ({3: Const(np.zeros(3, np.float32))}, "expected (4,)"),
    "weights of another type": ({1: Const(np.zeros((4, 5), np.int16))}, "is INT16, expected FLOAT32 or INT8 or UINT8"),
}


@pytest.mark.parametrize(("changes", "fragment"), REFUSED.values(), ids=REFUSED)
def test_refused(changes: dict[int, Any], fragment: str) -> None:
    refused(rnn("RNN", np.float32, (2, 5), 4, changes), fragment, official_too=True)
