"""Compiled LSTM and SVDF against the reference tier."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jit.equal import check_compiled
from tests.ops.recurrent import lstm
from tests.ops.test_lstm import KINDS, case_of
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


@pytest.mark.parametrize("part", ["peephole", "projection", "layer_norm"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_cells(kind: str, part: str) -> None:
    problem = lstm("LSTM", case_of(kind, {part: True}), 0, False, fused_activation_function="TANH")
    check_compiled(problem, atol=ATOL, stateful=True)


@pytest.mark.parametrize("sizes", [*SIZES, (2, 33, 20, 5, 2)], ids=str)
def test_svdf(sizes: tuple[int, ...]) -> None:
    check_compiled(svdf("int8", *sizes), "products", stateful=True)
    check_compiled(svdf("int8", *sizes, changes={3: None}), "products", threads=2, stateful=True)
