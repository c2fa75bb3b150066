"""SVDF against the official kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, Variable, check, out, refused, single_op

KINDS: dict[str, Any] = {"float": np.float32, "hybrid": np.int8, "uint8": np.uint8, "int8": np.int8}
TOLERANCE: dict[str, Any] = {kind: {"ulp": 16, "atol": 1e-5} if kind != "int8" else {} for kind in KINDS}
"""The filters' sums over time are floats, added up in another order, unless all is integer."""


def svdf(
    kind: str, batch: int, features: int, units: int, memory: int, rank: int = 1, changes: Any = None, **options: Any
) -> Problem:
    """changes: operands by position that replace the right ones."""
    rng = np.random.default_rng(features + memory)
    filters = units * rank
    scale = {}

    def weights(shape: tuple[int, int], dtype: Any, scale: float) -> Const:
        if dtype is np.float32:
            return Const(rng.normal(size=shape).astype(dtype))
        limit = 32767 if dtype is np.int16 else 127
        return Const(rng.integers(-limit, limit, shape).astype(np.int16).astype(dtype), scale=scale)

    if kind == "int8":
        x = Input(rng.integers(-128, 128, (batch, features)), np.int8, scale=0.04, zero_point=-7)
        time, state, bias = np.int16, (np.int16, {"scale": 0.0008}), Const(rng.integers(-9000, 9000, units), np.int32)
        options.setdefault("fused_activation_function", "RELU")
        scale = {"scale": 0.05, "zero_point": 3}
    else:
        x = Input(rng.normal(size=(batch, features)), np.float32)
        time, state, bias = KINDS[kind], (np.float32, {}), Const(rng.normal(size=units), np.float32)
    operands = [
        x,
        weights((filters, features), KINDS[kind], 0.011),
        weights((filters, memory), time, 0.00003 if time is np.int16 else 0.02),
        bias,
        Variable((batch, filters * memory), *state),
    ]
    for at, operand in (changes or {}).items():
        operands[at] = operand
    return single_op("SVDF", operands, [out(np.int8 if kind == "int8" else np.float32, **scale)], rank=rank, **options)


SIZES = [(1, 1, 1, 1, 1), (2, 19, 4, 10, 2), (3, 8, 5, 1, 1), (1, 40, 16, 8, 3)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_sizes(kind: str, sizes: tuple[int, ...]) -> None:
    for invokes in (1, 3, 12):
        check(svdf(kind, *sizes), invokes=invokes, **TOLERANCE[kind])
    check(svdf(kind, *sizes, changes={3: None}), invokes=2, **TOLERANCE[kind])


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("kind", ["float", "hybrid", "uint8"])
def test_options(kind: str, activation: str) -> None:
    for asymmetric in (False, True):
        options = {"asymmetric_quantize_inputs": asymmetric, "fused_activation_function": activation}
        check(svdf(kind, 2, 9, 3, 4, 2, **options), invokes=3, **TOLERANCE[kind])


def test_weights_that_are_not_constant() -> None:
    rng = np.random.default_rng(0)
    changes = {1: Input(rng.normal(size=(4, 5)), np.float32), 2: Input(rng.normal(size=(4, 3)), np.float32)}
    check(svdf("float", 2, 5, 4, 3, changes=changes), invokes=2, atol=1e-5)


def test_integers_want_relu() -> None:
    refused(svdf("int8", 1, 2, 3, 4, fused_activation_function="NONE"), "an INT8 input takes RELU", official_too=True)


def test_integer_state_has_16_bits() -> None:
    """The official kernel takes a state of any type for INT16."""
    changes = {4: Variable((1, 12), np.int8, {"scale": 0.1})}
    refused(svdf("int8", 1, 2, 3, 4, changes=changes), "is INT8, expected INT16")


FLOATS = np.zeros((8, 8), np.float32)
REFUSED: dict[str, tuple[int, dict[int, Any], str]] = {
    "rank 0 (CVE-2021-29598)": (0, {1: Const(FLOATS[:4, :5]), 2: Const(FLOATS[:4, :3])}, "rank 0 does not divide"),
    "rank does not divide": (3, {1: Const(FLOATS[:4, :5]), 2: Const(FLOATS[:4, :3])}, "rank 3 does not divide the 4"),
    "no state (CVE-2021-37681)": (1, {4: None}, "operand 'state' is missing"),
    "state is no variable (CVE-2021-37681)": (1, {4: Input(np.zeros((2, 12), np.float32))}, "is not a variable"),
    "state of another shape": (1, {4: Variable((2, 13))}, "expected (2, 12)"),
    "features differ": (1, {1: Const(FLOATS[:4, :6])}, "expected (2, 6)"),
    "filters differ": (1, {2: Const(FLOATS[:5, :3])}, "expected (4, 3)"),
    "bias of another size": (1, {3: Const(FLOATS[0, :3])}, "expected (4,)"),
}


@pytest.mark.parametrize(("rank", "changes", "fragment"), REFUSED.values(), ids=REFUSED)
def test_refused(rank: int, changes: dict[int, Any], fragment: str) -> None:
    problem = svdf("float", 2, 5, 4 if rank == 1 else 1, 3, rank, changes)
    refused(problem, fragment, official_too=True)
