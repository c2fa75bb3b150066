"""Compiled LSTM, RNN and SVDF against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.jit.equal import check_compiled
from tests.ops.recurrent import GATES, CellCase, lstm
from tests.ops.test_bidirectional import KINDS as BIDIRECTIONAL_KINDS
from tests.ops.test_bidirectional import LAYOUTS, bidirectional
from tests.ops.test_lstm import COMBINATIONS, SEQUENCE, case_of, label
from tests.ops.test_rnn import KINDS as RNN_KINDS
from tests.ops.test_rnn import rnn
from tests.ops.test_svdf import SIZES, svdf

ATOL = 5e-5
"""Products of floats are added up in another order, and the difference grows from step to step."""


@pytest.mark.parametrize("op", ["LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"])
@pytest.mark.parametrize("cifg", [False, True])
@pytest.mark.parametrize("size", [(1, 1, 1, 1), (2, 3, 5, 6), (3, 7, 19, 33), (1, 9, 40, 64), (2, 1, 8, 17)], ids=str)
@pytest.mark.parametrize("kind", ["float", "int8"])
def test_plain_cells(kind: str, size: tuple[int, int, int, int], cifg: bool, op: str) -> None:
    batch, time, n_input, n_cell = size
    changes: dict[str, Any] = {"batch": batch, "time": time, "n_input": n_input, "n_cell": n_cell, "cifg": cifg}
    for time_major in (False, True)[: 1 if op == "LSTM" else 2]:
        for options in ({}, {"cell_clip": 0.6}):
            problem = lstm(
                op, case_of(kind, {}, **changes), batch, time_major, fused_activation_function="TANH", **options
            )
            check_compiled(problem, "products", atol=ATOL, threads=1 + time_major, stateful=True)


FLOATS = ("float", "hybrid", "uint8")
"""Kinds of cells on floats. With integer weights all of it is compared bit for bit."""


def exact(kind: str) -> dict[str, Any]:
    return {"atol": ATOL} if kind == "float" else {}


@pytest.mark.parametrize("op", ["LSTM", SEQUENCE])
@pytest.mark.parametrize("parts", COMBINATIONS, ids=label)
@pytest.mark.parametrize("kind", FLOATS)
def test_cells_on_floats(kind: str, parts: dict[str, bool], op: str) -> None:
    for seed, (time_major, n_cell) in enumerate(((False, 6), (op == SEQUENCE, 20), (op == SEQUENCE, 7))):
        options = {"asymmetric_quantize_inputs": bool(seed & 1), "fused_activation_function": "TANH"}
        problem = lstm(op, case_of(kind, parts, n_cell=n_cell, batch=1 + seed), seed, time_major, **options)
        first = "products" if kind == "float" else "quantizing"
        check_compiled(problem, first, threads=1 + time_major, stateful=True, **exact(kind))


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "SIGN_BIT"])
@pytest.mark.parametrize("kind", FLOATS)
def test_activations_and_clips(kind: str, activation: str) -> None:
    options = {"fused_activation_function": activation, "cell_clip": 0.4, "proj_clip": 0.3}
    for parts in ({}, {"cifg": True, "projection": True, "projection_bias": False}):
        problem = lstm(SEQUENCE, case_of(kind, parts, scale=0.3), 1, True, **options)
        # What floats without an activation come to depends on which inputs are zeros; it is left to the reference tier.
        served = kind != "float" or activation != "NONE"
        check_compiled(problem, ("products", "quantizing") if served else None, stateful=True, **exact(kind))


@pytest.mark.parametrize("gates", [("forget",), GATES], ids=str)
@pytest.mark.parametrize("kind", ["float", "hybrid"])
def test_diagonal_recurrent_weights(kind: str, gates: tuple[str, ...]) -> None:
    case = case_of(kind, {"diagonal": gates}, time=4)
    problem = lstm(SEQUENCE, case, 1, True, fused_activation_function="TANH")
    check_compiled(problem, ("products", "quantizing"), stateful=True, **exact(kind))


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e4, 3e38, np.inf, np.nan], ids=str)
def test_extreme_inputs(value: float) -> None:
    """Rows of zeros, arguments at which the functions saturate, and what is no number."""
    for n_cell in (8, 7):
        problem = lstm(SEQUENCE, case_of("hybrid", {}, n_cell=n_cell), 1, True, fused_activation_function="TANH")
        with np.errstate(over="ignore"):
            problem.inputs[0][1:] *= np.float32(value)
        check_compiled(problem, "quantizing", stateful=True)


@pytest.mark.parametrize("op", ["LSTM", SEQUENCE])
@pytest.mark.parametrize("parts", COMBINATIONS, ids=label)
def test_cells_of_integers(parts: dict[str, bool], op: str) -> None:
    for seed, (time_major, n_cell) in enumerate(((False, 6), (op == SEQUENCE, 20), (False, 7), (op == SEQUENCE, 9))):
        case = case_of("int8", parts, n_cell=n_cell, batch=1 + seed % 3, projection_bias=bool(seed & 1))
        options: dict[str, Any] = {"cell_clip": 0.6, "proj_clip": 0.3} if seed & 2 else {}
        problem = lstm(op, case, seed, time_major, fused_activation_function="TANH", **options)
        check_compiled(problem, "products", threads=1 + time_major, stateful=True)


def test_gates_of_8_bits() -> None:
    """Left to the reference tier."""
    case = case_of("int8", {"layer_norm": True, "projection": True}, intermediates=12, cell_exponent=-15)
    check_compiled(lstm("LSTM", case, fused_activation_function="TANH"), stateful=True)


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("kind", FLOATS)
def test_rnn(kind: str, asymmetric: bool) -> None:
    # What has no bound grows from step to step.
    dtype, atol = RNN_KINDS[kind], 1e-3 if kind == "float" else 0.0
    for at, activation in enumerate(["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"]):
        options = {"asymmetric_quantize_inputs": asymmetric, "fused_activation_function": activation}
        for shape, units in (((1, 1), 1), ((3, 19), 7), ((2, 8), 24)):
            problem = rnn("RNN", dtype, shape, units, **options)
            check_compiled(problem, ("products", "quantizing"), stateful=True, atol=atol)
        problem = rnn("UNIDIRECTIONAL_SEQUENCE_RNN", dtype, (3, 4, 9), 16, time_major=bool(at & 1), **options)
        check_compiled(problem, ("products", "quantizing"), stateful=True, atol=atol)


@pytest.mark.parametrize(("time_major", "merge_outputs", "aux"), LAYOUTS)
@pytest.mark.parametrize("kind", FLOATS)
def test_both_directions(kind: str, time_major: bool, merge_outputs: bool, aux: str) -> None:
    for seed, op in enumerate(["LSTM", "RNN", "LSTM"]):
        case = CellCase(**BIDIRECTIONAL_KINDS[kind], scale=0.4, peephole=seed == 2)
        options = {"fused_activation_function": "TANH", "asymmetric_quantize_inputs": seed == 2}
        name = f"BIDIRECTIONAL_SEQUENCE_{op}"
        problem = bidirectional(name, case, time_major, merge_outputs, aux, **options)
        # The hybrid RNN goes over the sequence once for each time step, which is left to the reference tier.
        served = op == "LSTM" or kind == "float" or not time_major
        check_compiled(problem, ("products", "quantizing") if served else None, stateful=True, **exact(kind))


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("kind", FLOATS)
def test_svdf_on_floats(kind: str, activation: str) -> None:
    for seed, sizes in enumerate((*SIZES, (2, 33, 20, 5, 2))):
        options = {"fused_activation_function": activation, "asymmetric_quantize_inputs": bool(seed & 1)}
        problem = svdf(kind, *sizes, changes={3: None} if seed == 1 else None, **options)
        check_compiled(problem, ("products", "quantizing"), atol=ATOL, stateful=True)


@pytest.mark.parametrize("sizes", [*SIZES, (2, 33, 20, 5, 2)], ids=str)
def test_svdf(sizes: tuple[int, ...]) -> None:
    check_compiled(svdf("int8", *sizes), "products", stateful=True)
    check_compiled(svdf("int8", *sizes, changes={3: None}), "products", threads=2, stateful=True)
