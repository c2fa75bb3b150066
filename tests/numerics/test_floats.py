"""Floats that are not finite: what XNNPACK leaves as it is, and all other kernels clamp."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, assert_same, out, run, single_op
from tests.oracle import oracle

VALUES = np.array([np.inf, -np.inf, 3e38, -3e38, 1, 0, 2, -5], np.float32)
LARGEST = np.finfo(np.float32).max


def doubled(op: str, activation: str) -> Problem:
    """Every value times 2, or plus or minus it."""
    options: dict[str, Any] = {"fused_activation_function": activation}
    two = np.float32(2)
    if op == "FULLY_CONNECTED":
        operands = [Input(VALUES.reshape(8, 1)), Const(np.full((1, 1), two)), Const(np.zeros(1, np.float32))]
    else:
        operands = [Input(VALUES), Input(np.full(8, two))]
    return single_op(op, operands, [out(shape=operands[0].value.shape)], **options)


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
@pytest.mark.parametrize("op", ["FULLY_CONNECTED", "ADD", "SUB", "MUL", "DIV"])
def test_infinities_that_xnnpack_leaves(op: str, activation: str) -> None:
    problem = doubled(op, activation)
    (theirs,) = oracle.run(problem.model, problem.inputs, "auto").outputs
    assert np.isinf(theirs).any() == (activation != "RELU6")
    assert_same(run(problem, numerics="xnnpack")[0], np.clip(theirs, -LARGEST, LARGEST))
    (others,) = oracle.run(problem.model, problem.inputs, "opt").outputs
    assert_same(run(problem, numerics="litert-opt")[0], others)
