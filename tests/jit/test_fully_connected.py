"""Compiled FULLY_CONNECTED against the reference tier: every format, few and many rows, ends of panels and tiles."""

from __future__ import annotations

import numpy as np
import pytest

from litejit.testing import Const, Input, out, single_op
from tests.jit.equal import check_compiled
from tests.ops.products import operands
from tests.ops.test_fully_connected import FORMATS, blockwise, connected
from tests.ops.test_hybrid import rows as rows_of_all_ranges

SIZES = [
    (1, 16, 5),
    (1, 33, 70),
    (1, 1, 1),
    (2, 40, 64),
    (3, 9, 100),
    (4, 64, 16),
    (5, 31, 17),
    (9, 24, 33),
    (13, 300, 8),
]
"""(rows, features, units)"""


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str, size: tuple[int, int, int]) -> None:
    rows, features, units = size
    for bias in (True, False):
        values = operands(FORMATS[kind], (rows, features), (units, features), channel_axis=0, seed=rows)
        problem = connected(values, FORMATS[kind].options, bias or kind == "uint8-int16")
        check_compiled(problem, ("products", "quantizing"), atol=values.atol, threads=1 + bias)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["float", "int8", "int8-channels", "int16", "hybrid", "hybrid-channels"])
def test_weights_of_run_time(kind: str, size: tuple[int, int, int]) -> None:
    rows, features, units = size
    values = operands(FORMATS[kind], (rows, features), (units, features), channel_axis=0, seed=rows, constant=False)
    first = ("few_rows", "panels", "quantizing")
    check_compiled(connected(values, FORMATS[kind].options), first, atol=values.atol)


@pytest.mark.parametrize("kind", ["float", "int8", "int8-channels"])
def test_few_units(kind: str) -> None:
    """Weights that are not packed."""
    depths = (32, 37, 64, 100, 300) if kind == "float" else (256, 257, 300, 1000)
    for rows, features in zip((1, 2, 3, 1, 2), depths, strict=False):
        for units in (1, 3, 8, 9, 17, 48) if kind == "float" else (1, 3, 8):
            values = operands(FORMATS[kind], (rows, features), (units, features), channel_axis=0, seed=units)
            options = {"fused_activation_function": ["NONE", "RELU6"][units % 2]}
            first = "few_rows.float" if kind == "float" else "panels.centred"
            check_compiled(connected(values, options), first, atol=values.atol, threads=1 + rows % 2)


@pytest.mark.parametrize("activation", ["RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("kind", ["float", "uint8", "int8-channels", "int16", "hybrid", "hybrid-channels"])
def test_activations(kind: str, activation: str) -> None:
    if activation in ("TANH", "SIGN_BIT") and not kind.startswith("hybrid"):
        return
    values = operands(FORMATS[kind], (6, 24), (20, 24), channel_axis=0)
    served = None if activation in ("TANH", "SIGN_BIT") else ("products", "quantizing")
    check_compiled(connected(values, {"fused_activation_function": activation}), served, atol=values.atol)


@pytest.mark.parametrize("weight", [127, -127])
@pytest.mark.parametrize("depth", [400, 600, 5000])
def test_sums_of_more_than_32_bits(depth: int, weight: int) -> None:
    x = np.full((5, depth), -32768)
    x[1], x[2, ::2] = 32767, 32767
    given = [
        Input(x, np.int16, scale=1e-4),
        Const(np.full((3, depth), weight), np.int8, scale=0.01),
        Const([2**40, -(2**40), 7], np.int64, scale=1e-6),
    ]
    for rows in (1, 5):
        given[0] = Input(x[:rows], np.int16, scale=1e-4)
        problem = single_op("FULLY_CONNECTED", given, outputs=[out(np.int16, scale=depth * 1e-4)])
        check_compiled(problem, "products")


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 16, 31, 64])
def test_every_bit_of_quantized_rows(size: int, asymmetric: bool) -> None:
    weights = Const(np.eye(size, dtype=np.int8)[::-1] * np.int8(100), scale=1.0)
    given = [Input(rows_of_all_ranges(size)), weights]
    check_compiled(single_op("FULLY_CONNECTED", given, asymmetric_quantize_inputs=asymmetric), "quantizing")


@pytest.mark.parametrize("asymmetric", [False, True])
def test_no_numbers_in_hybrid_rows(asymmetric: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 19)).astype(np.float32)
    for row, value in enumerate((np.nan, np.inf, -np.inf, 3e38, -3e38)):
        x[row, 3], x[row + 5, 18] = value, value
    x[10, :2] = np.inf, -np.inf
    weights = Const(rng.integers(-127, 128, (21, 19)), np.int8, scale=0.01)
    given = [Input(x), weights, Const(np.zeros(21, np.float32))]
    problem = single_op("FULLY_CONNECTED", given, asymmetric_quantize_inputs=asymmetric)
    check_compiled(problem, "quantizing")


def test_long_rows_are_quantized_in_chunks() -> None:
    rng = np.random.default_rng(0)
    for features in (40_003, 32_768):
        weights = Const(rng.integers(-9, 10, (3, features)), np.int8, scale=0.01)
        given = [Input(rng.normal(size=(2, features)), np.float32), weights]
        check_compiled(single_op("FULLY_CONNECTED", given, asymmetric_quantize_inputs=True), "quantizing", threads=2)


@pytest.mark.parametrize("units", [1, 16, 63, 64, 65, 300])
@pytest.mark.parametrize(("features", "block_size"), [(32, 32), (64, 32), (512, 128), (96, 32)])
def test_blockwise_weights(features: int, block_size: int, units: int) -> None:
    for bias in (False, True):
        problem = blockwise(block_size, (units, features // block_size), units, features, bias)
        check_compiled(problem, "blocks", threads=1 + bias)
    problem.inputs[0][:] = rows_of_all_ranges(features)[: len(problem.inputs[0])]
    check_compiled(problem, "blocks")
