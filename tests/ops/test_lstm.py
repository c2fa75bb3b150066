"""LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM against the official kernels."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter
from litejit.interpreter import OpResolverType
from litejit.schema import read_model, tensor_value, write_model
from litejit.testing import Problem, assert_same, check, refused
from tests.ops.recurrent import GATES, CellCase, lstm

TANH = {"fused_activation_function": "TANH"}
SEQUENCE = "UNIDIRECTIONAL_SEQUENCE_LSTM"
PARTS = ("cifg", "peephole", "projection", "layer_norm")
COMBINATIONS = [dict(zip(PARTS, flags, strict=True)) for flags in product([False, True], repeat=len(PARTS))]
KINDS: dict[str, dict[str, Any]] = {
    "float": {},
    "hybrid": {"weights": np.int8, "n_cell": 7, "n_input": 19},
    "uint8": {"weights": np.uint8, "n_input": 16},
    "int8": {"weights": np.int8, "input": np.int8},
}


def label(parts: dict[str, bool]) -> str:
    return "-".join(name for name, flag in parts.items() if flag) or "plain"


def case_of(kind: str, parts: dict[str, bool], **changes: Any) -> CellCase:
    case = CellCase(**KINDS[kind] | parts | changes)
    return replace(case, n_output=4 if case.projection else case.n_cell)


TOLERANCE = {"float": {"atol": 1e-5}, "hybrid": {"ulp": 2}, "uint8": {"ulp": 2}, "int8": {}}
"""Products of floats are added up in another order. Hybrid cells differ where the C library's exp is off by one bit."""


@pytest.mark.parametrize("op", ["LSTM", SEQUENCE])
@pytest.mark.parametrize("parts", COMBINATIONS, ids=label)
@pytest.mark.parametrize("kind", KINDS)
def test_combinations(op: str, kind: str, parts: dict[str, bool]) -> None:
    for seed, time_major in enumerate([False, op == SEQUENCE]):
        problem = lstm(op, case_of(kind, parts), seed, time_major, **TANH)
        check(problem, invokes=1 + seed, **TOLERANCE[kind])


@pytest.mark.parametrize(("op", "kind"), [("LSTM", "float"), ("LSTM", "hybrid"), *product([SEQUENCE], KINDS)])
def test_no_layer_norm_of_the_forget_gate(op: str, kind: str) -> None:
    """LSTM normalizes the other gates all the same, the sequence operator none of them."""
    for more in ((), ("cell_layer_norm_coefficients",)):
        case = case_of(kind, {"layer_norm": True}, drop=("forget_layer_norm_coefficients", *more))
        for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            check(lstm(op, case, **TANH), experimental_op_resolver_type=resolver, **TOLERANCE[kind])


@pytest.mark.parametrize("op", ["LSTM", SEQUENCE])
@pytest.mark.parametrize("kind", ["float", "hybrid", "uint8"])
def test_output_that_is_a_part_of_the_cell(kind: str, op: str) -> None:
    """Without a projection: the first numbers, of all batches together where they are taken at once."""
    for batch, time_major in ((1, False), (3, False), (3, op == SEQUENCE)):
        case = replace(case_of(kind, {"peephole": True}, batch=batch), n_output=4)
        for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            problem = lstm(op, case, 3, time_major, **TANH)
            check(problem, invokes=2, experimental_op_resolver_type=resolver, **TOLERANCE[kind])


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("kind", ["float", "hybrid"])
def test_activations(kind: str, activation: str) -> None:
    for parts in ({}, {"cifg": True, "projection": True}):
        case = case_of(kind, parts, scale=0.3)
        check(lstm("LSTM", case, fused_activation_function=activation), invokes=2, **TOLERANCE[kind])
        check(lstm(SEQUENCE, case, 1, True, fused_activation_function=activation), **TOLERANCE[kind])


@pytest.mark.parametrize("diagonal", [(), ("cell",), ("output",)], ids=str)
@pytest.mark.parametrize("layer_norm", [False, True])
def test_inputs_of_zeros_without_an_activation(layer_norm: bool, diagonal: tuple[str, ...]) -> None:
    """Which of two buffers the official kernel takes for the cell gate depends on the products that it leaves out."""
    for batch, time_major in ((1, False), (2, False), (2, True)):
        case = case_of("float", {"layer_norm": layer_norm}, diagonal=diagonal, batch=batch, scale=0.3)
        problem = lstm(SEQUENCE, case, 2, time_major)
        problem.inputs[0][0] = 0
        check(problem, invokes=2)


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("kind", ["float", "hybrid"])
def test_inputs_that_are_not_finite(kind: str, activation: str) -> None:
    """Clamps and clips make numbers of what is none; products of floats are clamped to finite ones."""
    for seed, (value, clip) in enumerate(((np.nan, 0.3), (np.inf, 0.0), (-np.inf, 0.3), (np.nan, 0.0))):
        case = case_of(kind, {"projection": bool(clip), "peephole": seed == 1}, scale=0.3)
        options = {"cell_clip": clip, "proj_clip": clip / 2, "fused_activation_function": activation}
        problem = lstm(SEQUENCE, case, seed, bool(seed & 1), **options)
        problem.inputs[0][0, 1] = (1, -1, value, 1, 2) if kind == "float" else value
        check(problem, invokes=2)
        check(problem, invokes=2, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize("kind", ["float", "hybrid"])
def test_what_is_not_a_number_counts_as_zero_among_zeros(kind: str) -> None:
    """The official kernels look for zeros in vectors of four; the fast tier does not follow."""
    for batch, time_major in ((1, False), (2, True)):
        problem = lstm(SEQUENCE, case_of(kind, {}, batch=batch), 0, time_major, fused_activation_function="TANH")
        problem.inputs[0][0] = 0
        problem.inputs[0].reshape(batch * 3, -1)[0, 2] = np.nan
        check(problem)


def test_weights_that_are_not_finite() -> None:
    """They are not multiplied with inputs of zeros."""
    problem = lstm(SEQUENCE, case_of("float", {}, batch=1), fused_activation_function="TANH")
    model = read_model(problem.model)
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]]
    values = np.array(tensor_value(model, tensor))
    values[2, 3] = np.inf
    model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    problem = Problem(write_model(model), problem.inputs, problem.label)
    check(problem)
    check(problem, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize("kind", KINDS)
def test_clips(kind: str) -> None:
    for cell_clip, proj_clip in ((0.3, 0.0), (0.0, 0.2), (0.25, 0.15), (100.0, 100.0)):
        case = case_of(kind, {"projection": True, "peephole": True})
        options = {"cell_clip": cell_clip, "proj_clip": proj_clip, "fused_activation_function": "TANH"}
        check(lstm("LSTM", case, **options), invokes=3, **TOLERANCE[kind])
        check(lstm(SEQUENCE, case, 1, **options), **TOLERANCE[kind])


@pytest.mark.parametrize("kind", ["hybrid", "uint8"])
@pytest.mark.parametrize("parts", COMBINATIONS[::3], ids=label)
def test_asymmetric_inputs(kind: str, parts: dict[str, bool]) -> None:
    options = {"asymmetric_quantize_inputs": True, **TANH}
    check(lstm("LSTM", case_of(kind, parts), 2, **options), invokes=3, **TOLERANCE[kind])
    check(lstm(SEQUENCE, case_of(kind, parts), 3, **options), invokes=2, **TOLERANCE[kind])


@pytest.mark.parametrize("kind", ["float", "hybrid"])
@pytest.mark.parametrize("diagonal", [GATES, ("forget",), ("input", "output")])
def test_diagonal_recurrent_weights(kind: str, diagonal: tuple[str, ...]) -> None:
    case = case_of(kind, {}, diagonal=diagonal)
    for time_major in (False, True):
        check(lstm(SEQUENCE, case, 4, time_major, **TANH), invokes=2, **TOLERANCE[kind])


@pytest.mark.parametrize("exponent", range(-15, -8))
def test_scales_of_the_cell_state(exponent: int) -> None:
    case = case_of("int8", {}, cell_exponent=exponent, n_cell=17, n_input=33)
    check(lstm(SEQUENCE, case, 5, **TANH), invokes=2)


@pytest.mark.parametrize("parts", [{}, {"cifg": True}, {"peephole": True}], ids=label)
@pytest.mark.parametrize("n_cell", [6, 20])
def test_gates_in_8_bits(parts: dict[str, bool], n_cell: int) -> None:
    parts = {"layer_norm": True, "projection": True} | parts
    # Clips are ignored where the cell state has another scale than the kernel wants.
    for seed, exponent, clips in (
        (0, -15, {}),
        (1, -15, {"cell_clip": 0.3, "proj_clip": 0.4}),
        (1, -11, {"proj_clip": 0.1}),
    ):
        case = case_of("int8", parts, intermediates=12, cell_exponent=exponent, n_cell=n_cell)
        check(lstm("LSTM", case, seed, **TANH, **clips), invokes=3)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 7, 3, 2), (5, 2, 40, 33), (3, 4, 1, 16)])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes(kind: str, sizes: tuple[int, int, int, int]) -> None:
    batch, time, n_input, n_cell = sizes
    case = case_of(kind, {}, batch=batch, time=time, n_input=n_input, n_cell=n_cell, scale=0.2)
    for time_major in (False, True):
        check(lstm(SEQUENCE, case, 6, time_major, **TANH), invokes=2, **TOLERANCE[kind])


@pytest.mark.parametrize("parts", COMBINATIONS, ids=label)
@pytest.mark.parametrize("asymmetric", [False, True])
def test_sparse_weights(parts: dict[str, bool], asymmetric: bool) -> None:
    """The official kernel wants a projection where weights are sparse."""
    case = CellCase(**KINDS["hybrid"] | parts | {"projection": True, "sparse": True, "n_input": 32, "n_cell": 48})
    problem = lstm("LSTM", replace(case, n_output=16), asymmetric_quantize_inputs=asymmetric, **TANH)
    check(problem, invokes=3, **TOLERANCE["hybrid"])


@pytest.mark.parametrize("op", ["LSTM", SEQUENCE])
def test_weights_that_are_not_constant(op: str) -> None:
    """Every constant made an input of the graph."""
    problem = lstm(op, case_of("float", {"peephole": True, "projection": True, "layer_norm": True}), **TANH)
    model = read_model(problem.model)
    graph = model.subgraphs[0]
    for index, tensor in enumerate(graph.tensors):
        value = tensor_value(model, tensor)
        if value is not None:
            tensor.buffer = 0
            graph.inputs = np.append(graph.inputs, np.int32(index))
            problem.inputs.append(np.array(value))
    check(Problem(write_model(model), problem.inputs), invokes=2, **TOLERANCE["float"])


@pytest.mark.parametrize("kind", KINDS)
def test_states_stay_until_reset(kind: str) -> None:
    problem = lstm(SEQUENCE, case_of(kind, {}), **TANH)
    with Interpreter(model_content=problem.model) as interpreter:
        results = []
        for invoke in range(4):
            if invoke == 2:
                interpreter.reset_all_variables()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], problem.inputs[0])
            interpreter.invoke()
            results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert (results[0] != results[1]).any()
    assert_same(results[2], results[0])
    assert_same(results[3], results[1])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no state": ({"drop": ("output_state",)}, "operand 'output_state' is missing"),
    "state is no variable": ({"wrong": {"cell_state": {"is_variable": False}}}, "is not a variable"),
    "state of another size": ({"wrong": {"cell_state": {"shape": (2, 5)}}}, "has 10 elements, expected 12"),
    "no forget bias": ({"drop": ("forget_gate_bias",)}, "operand 'forget_gate_bias' is missing"),
    "no input bias": ({"drop": ("input_gate_bias",)}, "operand 'input_gate_bias' is missing"),
    "no recurrent weights": ({"drop": ("recurrent_to_cell_weights",)}, "'recurrent_to_cell_weights' is missing"),
    "half an input gate": ({"drop": ("input_to_input_weights",)}, "belongs to an input gate, there is none"),
    "input of another depth": ({"wrong": {"input": {"shape": (2, 7)}}}, "expected (6, 7)"),
    "some peepholes": ({"peephole": True, "drop": ("cell_to_forget_weights",)}, "'cell_to_forget_weights' is missing"),
    "some coefficients": (
        {"layer_norm": True, "drop": ("cell_layer_norm_coefficients",)},
        "'cell_layer_norm_coefficients' is missing",
    ),
    "bias of a projection that is not there": (
        {"projection": True, "n_output": 6, "drop": ("projection_weights",)},
        "there is a projection bias without projection weights",
    ),
}


@pytest.mark.parametrize(("changes", "fragment"), REFUSED.values(), ids=REFUSED)
def test_refused(changes: dict[str, Any], fragment: str) -> None:
    problem = lstm("LSTM", CellCase(**changes), **TANH)
    if "input" in changes.get("wrong", {}):
        problem.inputs[0] = np.zeros((2, 7), np.float32)
    if len(problem.inputs) == 1 and "is_variable" in str(changes):
        problem.inputs.append(np.zeros((2, 6), np.float32))
    refused(problem, fragment, official_too=True)


INTEGER = {"weights": np.int8, "input": np.int8}
REFUSED_HERE: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "more outputs than cells without a projection": ("LSTM", {"n_output": 7}, {}, "there are no projection weights"),
    "negative clip": ("LSTM", {}, {"cell_clip": -1.0}, "must not be negative"),
    "scale of the cell state": (SEQUENCE, INTEGER | {"cell_exponent": -8}, {}, "expected 2**-15 to 2**-9"),
    "intermediates": (SEQUENCE, INTEGER | {"intermediates": 12}, {}, "12 intermediate tensors, an INT8 input takes 5"),
    "no coefficients": ("LSTM", INTEGER | {"intermediates": 12, "cell_exponent": -15}, {}, "needs layer norm"),
}


@pytest.mark.parametrize(("op", "changes", "options", "fragment"), REFUSED_HERE.values(), ids=REFUSED_HERE)
def test_refused_here(op: str, changes: dict[str, Any], options: dict[str, Any], fragment: str) -> None:
    """The official kernel may read beyond a tensor, or carry on with numbers it has not set."""
    refused(lstm(op, CellCase(**changes), **options), fragment)
