"""BIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_RNN against the official kernels."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.kernels.reference.bidirectional import BIDIRECTIONAL_LSTM_OPERANDS, BIDIRECTIONAL_RNN_OPERANDS
from litejit.testing import Problem, check, refused, run
from tests.ops.recurrent import CellCase, add_cell, sequence, weights_of

KINDS: dict[str, dict[str, Any]] = {
    "float": {},
    "hybrid": {"weights": np.int8, "n_input": 19},
    "uint8": {"weights": np.uint8},
}
TOLERANCE = {"float": {"atol": 1e-5}, "hybrid": {"ulp": 2}, "uint8": {"ulp": 2}}
LAYOUTS = list(product([False, True], [False, True], ["", "cross", "stack"]))
"""time_major, merge_outputs, what the auxiliary input is for."""


def bidirectional(
    op: str, case: CellCase, time_major: bool, merge_outputs: bool, aux: str, backward: Any = None, **options: Any
) -> Problem:
    rng = np.random.default_rng(7)
    b = ModelBuilder()
    shape = (case.time, case.batch) if time_major else (case.batch, case.time)
    features = {"": 0, "cross": case.n_input if op.endswith("RNN") else 4, "stack": case.n_input}[aux]
    arrays = [sequence(case, rng, (*shape, size)) for size in (case.n_input, features) if size]
    inputs = [b.input(name, array.shape) for name, array in zip(("input", "aux_input"), arrays, strict=False)]
    tensors = dict(zip(("input", "aux_input"), inputs, strict=False))
    cells = {"fw_": case, "bw_": backward or case}
    weighted = features if aux == "cross" else 0
    for prefix, cell in cells.items():
        if op.endswith("LSTM"):
            own = add_cell(b, cell, rng, prefix, weighted)
        else:
            own = {
                "weights": weights_of(b, cell, rng, prefix + "weights", (cell.n_cell, cell.n_input)),
                "recurrent_weights": weights_of(b, cell, rng, prefix + "recurrent", (cell.n_cell, cell.n_cell)),
                "bias": b.constant(rng.normal(size=cell.n_cell).astype(np.float32)),
                "hidden_state": b.variable((cell.batch, cell.n_cell)),
            }
            if weighted:
                own["aux_weights"] = weights_of(b, cell, rng, prefix + "aux_weights", (cell.n_cell, weighted))
        tensors |= {prefix + name: tensor for name, tensor in own.items()}
    names = BIDIRECTIONAL_LSTM_OPERANDS if op.endswith("LSTM") else BIDIRECTIONAL_RNN_OPERANDS
    outputs = [{"dtype": np.float32}] * (1 if merge_outputs else 2)
    options |= {"time_major": time_major, "merge_outputs": merge_outputs}
    result = b.op(op, [tensors.get(name) for name in names], outputs, **options)
    b.output(*(result if isinstance(result, tuple) else (result,)))
    return Problem(b.to_bytes(), arrays, op)


@pytest.mark.parametrize(("time_major", "merge_outputs", "aux"), LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_lstm(kind: str, time_major: bool, merge_outputs: bool, aux: str) -> None:
    for cifg, peephole in product([False, True], repeat=2):
        case = CellCase(**KINDS[kind], cifg=cifg, peephole=peephole, projection=cifg, n_output=4 if peephole else 6)
        if merge_outputs and not time_major:
            # The official kernel takes the width of the merged output for the distance of states: one batch works.
            case = replace(case, batch=1)
        options = {"asymmetric_quantize_inputs": peephole, "fused_activation_function": "TANH", "cell_clip": 2.0}
        problem = bidirectional("BIDIRECTIONAL_SEQUENCE_LSTM", case, time_major, merge_outputs, aux, **options)
        check(problem, invokes=1 + cifg, **TOLERANCE[kind])


@pytest.mark.parametrize(("time_major", "merge_outputs", "aux"), LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_rnn(kind: str, time_major: bool, merge_outputs: bool, aux: str) -> None:
    for asymmetric, activation in ((False, "TANH"), (True, "RELU6"), (True, "NONE")):
        case = CellCase(**KINDS[kind], scale=0.3)
        if merge_outputs and time_major and not asymmetric:
            # The official kernel takes the address of zero points that are not there: one batch works.
            case = replace(case, batch=1)
        backward = replace(case, n_cell=4)
        options = {"asymmetric_quantize_inputs": asymmetric, "fused_activation_function": activation}
        op = "BIDIRECTIONAL_SEQUENCE_RNN"
        problem = bidirectional(op, case, time_major, merge_outputs, aux, backward, **options)
        check(problem, invokes=2, **TOLERANCE[kind])


def test_auxiliary_inputs_of_zeros_without_an_activation() -> None:
    """As with one direction; products of two inputs leave the gate in the other buffer again."""
    for time_major in (False, True):
        problem = bidirectional("BIDIRECTIONAL_SEQUENCE_LSTM", CellCase(batch=1, scale=0.3), time_major, False, "cross")
        problem.inputs[1].reshape(3, -1)[1] = 0
        problem.inputs[0].reshape(3, -1)[2] = 0
        check(problem)


def test_merged_batches_keep_apart() -> None:
    """Batches do not see each other, whatever the layout."""
    op = "BIDIRECTIONAL_SEQUENCE_LSTM"
    tanh = {"fused_activation_function": "TANH"}
    one, other = (bidirectional(op, CellCase(), time_major, True, "", **tanh) for time_major in (False, True))
    other.inputs = [one.inputs[0].swapaxes(0, 1).copy()]
    assert np.allclose(run(one)[0], run(other)[0].swapaxes(0, 1), atol=1e-6)


REFUSED: dict[str, tuple[CellCase, CellCase, str]] = {
    "sizes differ": (CellCase(), CellCase(n_cell=4, n_output=4), "of the two directions differ"),
    "no cell state": (CellCase(), CellCase(drop=("cell_state",)), "operand 'bw_cell_state' is missing"),
    "no bias": (CellCase(drop=("forget_gate_bias",)), CellCase(), "operand 'fw_forget_gate_bias' is missing"),
    "some peepholes": (
        CellCase(peephole=True, drop=("cell_to_output_weights",)),
        CellCase(),
        "operand 'fw_cell_to_output_weights' is missing",
    ),
}


@pytest.mark.parametrize(("forward", "backward", "fragment"), REFUSED.values(), ids=REFUSED)
def test_refused(forward: CellCase, backward: CellCase, fragment: str) -> None:
    problem = bidirectional("BIDIRECTIONAL_SEQUENCE_LSTM", forward, False, False, "", backward)
    refused(problem, fragment, official_too=True)


REFUSED_RNN: dict[str, tuple[CellCase, str]] = {
    "weights of another depth": (CellCase(n_input=4), "operand 'bw_weights'"),
    "state of another batch": (CellCase(batch=3), "operand 'bw_hidden_state'"),
    "weights of another type": (CellCase(weights=np.int8), "the weights of the two directions are FLOAT32 and INT8"),
}


@pytest.mark.parametrize(("backward", "fragment"), REFUSED_RNN.values(), ids=REFUSED_RNN)
def test_refused_rnn(backward: CellCase, fragment: str) -> None:
    refused(bidirectional("BIDIRECTIONAL_SEQUENCE_RNN", CellCase(), False, False, "", backward), fragment)
