"""Compiled operators on two operands against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, single_op
from tests.jit.equal import check_compiled

BROADCASTS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    *(((count,), (count,)) for count in (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65)),
    ((1, 5, 7, 19), (19,)),
    ((3,), (2, 9, 3)),
    ((2, 6, 5, 12), (2, 1, 1, 12)),
    ((2, 6, 5, 12), (2, 6, 5, 1)),
    ((4, 1, 37), (4, 5, 37)),
    ((40, 1), (1, 40)),
    ((), (3, 11)),
    ((70,), ()),
    ((2, 1, 3, 1, 4, 1), (1, 5, 1, 2, 1, 9)),
    ((8192, 3), (8192, 3)),
    ((20001,), (20001,)),
    ((20001,), (1,)),
    ((9, 5, 2), (9, 1, 2)),
    ((1, 5, 1, 2), (3, 5, 7, 2)),
    ((3, 33, 4), (3, 1, 4)),
    ((5001, 4), (4,)),
    ((2,), (9001, 2)),
    ((4, 1, 2), (4, 3, 1)),
]
FLOAT = ["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"]


def numbers(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == np.float32:
        return rng.normal(0, 4, shape).astype(np.float32)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


@pytest.mark.parametrize("op", FLOAT)
def test_floats(op: str) -> None:
    rng = np.random.default_rng(0)
    for at, shapes in enumerate(BROADCASTS):
        operands = [Input(numbers(rng, np.float32, shape)) for shape in shapes]
        check_compiled(single_op(op, operands), f"arithmetic.{op.lower()}_f32", threads=1 + at % 2)


@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])
def test_integers(op: str) -> None:
    rng = np.random.default_rng(0)
    for shapes in BROADCASTS[:20]:
        operands = [Input(numbers(rng, np.int32, shape)) for shape in shapes]
        check_compiled(single_op(op, operands), f"arithmetic.{op.lower()}_i32")


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL", "DIV"])
def test_activations_and_special_values(op: str, activation: str) -> None:
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, -3e38], np.float32)
    operands = [Input(special[:, None]), Input(special)]
    check_compiled(single_op(op, operands, fused_activation_function=activation), "arithmetic.")


@pytest.mark.parametrize("op", ["MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU"])
def test_special_values(op: str) -> None:
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, -3e38], np.float32)
    shape = (11, 11)
    operands = [Input(np.broadcast_to(special[:, None], shape).copy()), Input(special)]
    check_compiled(single_op(op, operands), "arithmetic.")


def test_prelu() -> None:
    rng = np.random.default_rng(0)
    for shape in ((19,), (1, 1, 19), (5, 7, 19), (1,)):
        operands = [Input(numbers(rng, np.float32, (2, 5, 7, 19))), Input(numbers(rng, np.float32, shape))]
        check_compiled(single_op("PRELU", operands), "arithmetic.prelu_f32")
