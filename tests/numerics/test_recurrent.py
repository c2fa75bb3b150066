"""All official kernel sets compute recurrent operators alike: sweeps of every kind of cell under each of them."""

from __future__ import annotations

import numpy as np
import pytest

from litejit.testing import Problem, assert_same, refused, run
from tests.ops.recurrent import CellCase, lstm
from tests.ops.test_bidirectional import bidirectional
from tests.ops.test_lstm_basic import basic
from tests.ops.test_rnn import rnn
from tests.ops.test_svdf import svdf
from tests.oracle import oracle

SEQUENCE = "UNIDIRECTIONAL_SEQUENCE_LSTM"
HYBRID, UNSIGNED, INTEGER = {"weights": np.int8}, {"weights": np.uint8}, {"weights": np.int8, "input": np.int8}
FULL = {"peephole": True, "projection": True, "layer_norm": True, "n_output": 4}
WIDE = {"batch": 3, "time": 9, "n_input": 33, "n_cell": 40, "n_output": 40}
TANH = {"fused_activation_function": "TANH"}
PROBLEMS: dict[str, list[Problem]] = {
    "lstm float": [lstm(SEQUENCE, CellCase(**parts), **TANH) for parts in ({}, FULL, WIDE)],
    "lstm hybrid": [lstm(SEQUENCE, CellCase(**HYBRID | parts), **TANH) for parts in ({}, FULL, WIDE)],
    "lstm of uint8 weights": [
        lstm(op, CellCase(**UNSIGNED | parts), **TANH) for op in ("LSTM", SEQUENCE) for parts in ({}, FULL)
    ],
    "lstm hybrid asymmetric": [
        lstm("LSTM", CellCase(**HYBRID | parts), asymmetric_quantize_inputs=True, **TANH) for parts in ({}, FULL, WIDE)
    ],
    "lstm int8": [
        lstm(SEQUENCE, CellCase(**INTEGER | parts), seed, **TANH)
        for parts in ({}, FULL, WIDE, {"cifg": True}, WIDE | {"peephole": True}, WIDE | {"layer_norm": True})
        for seed in range(5)
    ],
    "lstm int8, gates in 8 bits": [
        lstm("LSTM", CellCase(**INTEGER | FULL, intermediates=12, cell_exponent=-15), seed, **TANH) for seed in range(5)
    ],
    "lstm basic": [basic(np.uint8, *sizes, states="variables") for sizes in ((1, 3, 5), (3, 16, 8), (2, 7, 40))],
    "bidirectional lstm": [
        bidirectional("BIDIRECTIONAL_SEQUENCE_LSTM", CellCase(**kind), True, True, "cross", **TANH)
        for kind in ({}, HYBRID, UNSIGNED)
    ],
    "rnn": [rnn("RNN", dtype, (3, 19), 7, **TANH) for dtype in (np.float32, np.int8, np.uint8)],
    "bidirectional rnn": [
        bidirectional("BIDIRECTIONAL_SEQUENCE_RNN", CellCase(**kind, scale=0.3), True, False, "cross", **TANH)
        for kind in ({}, HYBRID, UNSIGNED)
    ],
    "sequence rnn": [rnn("UNIDIRECTIONAL_SEQUENCE_RNN", dtype, (3, 4, 19), 7, **TANH) for dtype in (np.int8, np.uint8)],
    "svdf": [
        svdf(kind, 3, features, 5, 7, 2)
        for kind in ("float", "hybrid", "uint8", "int8")
        for features in (4, 19, 40, 64, 65)
    ],
}
RESOLVERS = {"litert-ref": "ref", "litert-opt": "opt", "xnnpack": "auto"}


@pytest.mark.parametrize("name", PROBLEMS)
def test_kernel_sets_agree(name: str) -> None:
    """The official sets with each other, bit for bit; every flavour here with litert-ref."""
    for problem in PROBLEMS[name]:
        truth = oracle.run(problem.model, problem.inputs, "ref", invokes=3)
        assert truth.error is None, truth.error
        ours = run(problem, invokes=3)
        for flavour, resolver in RESOLVERS.items():
            answer = oracle.run(problem.model, problem.inputs, resolver, invokes=3)
            for mine, default, theirs, reference in zip(
                run(problem, invokes=3, numerics=flavour), ours, answer.outputs, truth.outputs, strict=True
            ):
                assert_same(theirs, reference)
                assert_same(mine, default)
                assert_same(mine, reference, **({"ulp": 16, "atol": 1e-5} if mine.dtype == np.float32 else {}))


@pytest.mark.parametrize("flavour", ["tflm", "single-rounding"])
def test_other_flavours_are_refused(flavour: str) -> None:
    for problem in (PROBLEMS["lstm int8"][0], PROBLEMS["svdf"][-1], PROBLEMS["rnn"][0]):
        refused(problem, f"numerics '{flavour}' is not established", numerics=flavour)
