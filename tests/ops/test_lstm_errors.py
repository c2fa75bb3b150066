"""How far rounding carries an LSTM of floats whose activation has no bound: relative bounds say nothing there.

Rounding a sum of products, in whatever order, is as moving their factors by a few units in the last place. So the cell
is run in float64 with weights moved at random by at most two units, other ones in each step: the official kernel, the
reference tier and the fast tier have to be about as close to the exact result as what comes of that, though they may be
further from each other than the bound of `float_bounds`, which holds for bounded activations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.crosscheck.official import official
from litejit.interpreter import OpResolverType
from litejit.kernels.reference.lstm_operands import LSTM_OPERANDS
from litejit.schema import read_model, tensor_value
from litejit.testing import Problem, run
from tests.ops.recurrent import GATES, lstm
from tests.ops.test_lstm import SEQUENCE, case_of

_MOST = 2 * 2.0**-23
"""Two units in the last place of 1."""
_DRAWS, _AS_FAR = 16, 2.0
"""So many runs with moved weights; how many times further than the furthest of them a result may be."""


def weights_of(problem: Problem) -> dict[str, np.ndarray]:
    """Weights and biases in float64, by name."""
    model = read_model(problem.model)
    graph = model.subgraphs[0]
    found = zip(LSTM_OPERANDS, graph.operators[0].inputs, strict=False)
    values = {name: tensor_value(model, graph.tensors[index]) for name, index in found if index >= 0}
    return {name: np.asarray(value, np.float64) for name, value in values.items() if value is not None}


def outputs(problem: Problem, invokes: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """[time, batch, n_output] of a time-major LSTM with RELU and a projection. rng: moves weights."""
    values, x = weights_of(problem), problem.inputs[0].astype(np.float64)
    n_output, n_cell = values["projection_weights"].shape
    h, c = np.zeros((x.shape[1], n_output)), np.zeros((x.shape[1], n_cell))

    def moved(name: str) -> Any:
        weights = values[name]
        return weights if rng is None else weights * (1 + rng.uniform(-_MOST, _MOST, weights.shape))

    result = []
    for step in [*x] * invokes:
        sums = {
            gate: moved(f"{gate}_gate_bias")
            + step @ moved(f"input_to_{gate}_weights").T
            + h @ moved(f"recurrent_to_{gate}_weights").T
            for gate in GATES
        }
        with np.errstate(over="ignore"):
            input, forget, output = (1 / (1 + np.exp(-sums[gate])) for gate in ("input", "forget", "output"))
        c = forget * c + input * np.maximum(sums["cell"], 0)
        h = moved("projection_bias") + (output * np.maximum(c, 0)) @ moved("projection_weights").T
        result.append(h)
    return np.array(result[-len(x) :])


def test_errors_are_those_of_rounding() -> None:
    apart = 0
    for seed in (3, 5, 9, 15, 19, 25):
        case = case_of("float", {"projection": True}, time=5, n_cell=5 + seed % 7)
        problem = lstm(SEQUENCE, case, seed, True, fused_activation_function="RELU")
        exact, rng = outputs(problem, 2), np.random.default_rng(seed)
        far = _AS_FAR * max(np.abs(outputs(problem, 2, rng) - exact).max() for _ in range(_DRAWS))
        (theirs,) = official.run(problem.model, problem.inputs, "ref", invokes=2).outputs
        assert np.abs(theirs - exact).max() <= far
        for tier in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            (ours,) = run(problem, invokes=2, experimental_op_resolver_type=tier)
            assert np.abs(ours - exact).max() <= far
            apart += (np.abs(ours - theirs) > max(1e-5, 1e-6 * np.abs(theirs).max())).any()
    assert apart, "no case is outside of the bound of bounded activations"
