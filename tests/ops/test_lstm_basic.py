"""LSTM with kernel_type BASIC against the official kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, Variable, check, out, refused, single_op

STATE = {"scale": 2.0**-11}
ACTIVATION = {"scale": 1 / 128, "zero_point": 128}


def basic(dtype: Any, batch: int, n_input: int, n: int, states: str = "inputs", **wrong: Any) -> Problem:
    rng = np.random.default_rng(batch)
    quantized = dtype is np.uint8
    state_type = np.int16 if quantized else np.float32
    if quantized:
        x, weights = rng.integers(0, 256, (batch, n_input)), rng.integers(0, 256, (4 * n, n_input + n))
        biases = rng.integers(-9000, 9000, 4 * n).astype(np.int32)
        activation, state = rng.integers(0, 256, (batch, n)), rng.integers(-(1 << 15), 1 << 15, (batch, n))
    else:
        x, weights, biases = (rng.normal(size=s) for s in ((batch, n_input), (4 * n, n_input + n), 4 * n))
        activation, state = rng.normal(size=(batch, n)), rng.normal(size=(batch, n))
        biases = biases.astype(np.float32)
    quantization = {"activation": ACTIVATION, "state": STATE | wrong, "sums": {"scale": 2.0**-12}} if quantized else {}
    activations = {**quantization.get("activation", {})}
    operands = [
        Input(x.astype(dtype), **activations),
        Input(activation.astype(dtype), **activations),
        Const(weights.astype(dtype), **({"scale": 0.013, "zero_point": 123} if quantized else {})),
        Const(biases, **({"scale": 0.013 / 128} if quantized else {})),
        Input(state.astype(state_type), **quantization.get("state", {})),
    ]
    if states == "variables":
        operands[1] = Variable((batch, n), dtype, {"scale": 1 / 128, "zero_point": 128} if quantized else {})
        operands[4] = Variable((batch, n), state_type, dict(quantization.get("state", {})))
    outputs = [
        out(dtype, **activations),
        out(state_type, **quantization.get("state", {})),
        out(dtype, **activations),
        out(state_type, **quantization.get("sums", {})),
    ]
    return single_op("LSTM", operands, outputs, version=2, kernel_type="BASIC", fused_activation_function="TANH")


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 5, 3), (3, 16, 8), (2, 7, 13), (4, 3, 24)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_basic(dtype: Any, sizes: tuple[int, int, int]) -> None:
    check(basic(dtype, *sizes), atol=3e-6)
    check(basic(dtype, *sizes, states="variables"), invokes=3, atol=3e-6)


def test_infinite_inputs() -> None:
    """Sums are clamped to finite numbers."""
    problem = basic(np.float32, 2, 5, 3)
    problem.inputs[0][0, 2] = np.inf
    check(problem)


def test_scale_of_the_state() -> None:
    refused(basic(np.uint8, 1, 2, 3, scale=2.0**-12), "the basic kernel wants 2**-11", official_too=True)
    refused(basic(np.uint8, 1, 2, 3, scale=0.001), "expected a power of two", official_too=True)


def test_number_of_operands() -> None:
    x = Input(np.zeros((1, 2), np.float32))
    refused(single_op("LSTM", [x, x], [out()], kernel_type="BASIC"), "the basic kernel has 5 and 4", official_too=True)
