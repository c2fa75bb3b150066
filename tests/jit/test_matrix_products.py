"""Compiled TRANSPOSE_CONV and BATCH_MATMUL against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.geometry import Window
from litejit.schema import Padding
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled, native_calls, prepared
from tests.ops.products import KINDS, operands

ATOL = 1e-4
"""Sums of up to a thousand products of normally distributed numbers, added in another order."""


def transposed(seed: int, kind: str, **fixed: Any) -> Problem:
    """A transposed convolution of random shape; keywords fix what they name."""
    rng = np.random.default_rng(seed)
    draw: dict[str, Any] = {
        "batch": int(rng.integers(1, 3)),
        "size": (int(rng.integers(1, 20)), int(rng.integers(1, 20))),
        "channels": int(rng.integers(1, 36)),
        "columns": int(rng.integers(1, 70)),
        "kernel": (int(rng.integers(1, 6)), int(rng.integers(1, 6))),
        "strides": (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        "padding": str(rng.choice(["SAME", "VALID"])),
        "activation": str(rng.choice(["NONE", "RELU", "RELU6"])),
    } | fixed
    sizes = [max(size, tap) for size, tap in zip(draw["size"], draw["kernel"], strict=True)]
    inner = [
        Window.along("", Padding[draw["padding"]], size, tap, stride).out_size
        for size, tap, stride in zip(sizes, draw["kernel"], draw["strides"], strict=True)
    ]
    image = (draw["batch"], *inner, draw["channels"])
    values = operands(
        KINDS[kind], image, (draw["columns"], *draw["kernel"], draw["channels"]), channel_axis=0, seed=seed
    )
    shape = Const([draw["batch"], *sizes, draw["columns"]], np.int32)
    options = {
        "stride_h": draw["strides"][0],
        "stride_w": draw["strides"][1],
        "padding": draw["padding"],
        "fused_activation_function": draw["activation"],
    }
    given = [shape, values.weights, values.input, values.bias]
    return single_op("TRANSPOSE_CONV", given, outputs=values.outputs, **options, **KINDS[kind].options)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["float", "uint8", "int8", "int8-channels", "int16", "int16-channels"])
def test_transposed(kind: str, seed: int) -> None:
    check_compiled(transposed(seed, kind), ("products", "convolution"), atol=ATOL, threads=1 + seed % 2)


@pytest.mark.parametrize("columns", [1, 3, 5, 8, 9, 15, 17])
@pytest.mark.parametrize("fixed", [{"kernel": (2, 3), "strides": (2, 3)}, {"kernel": (3, 2), "strides": (2, 2)}])
def test_transposed_to_few_channels(fixed: dict[str, Any], columns: int) -> None:
    for padding, size in (("SAME", (8, 9)), ("VALID", (8, 9)), ("SAME", (7, 11))):
        given = transposed(1, "float", **fixed, columns=columns, size=size, padding=padding)
        check_compiled(given, ("products", "convolution"), atol=ATOL, threads=1 + columns % 2)


def test_strides_beyond_the_filter() -> None:
    for kernel in ((1, 1), (1, 2), (2, 1), (3, 2)):
        for strides in ((2, 3), (3, 2), (4, 4)):
            fixed: dict[str, Any] = {"kernel": kernel, "strides": strides, "size": (9, 11)}
            for kind in ("float", "int8"):
                check_compiled(transposed(2, kind, **fixed), "products", atol=ATOL)


BATCHES = [((), ()), ((3,), (3,)), ((2, 3), (1, 3)), ((1,), (4,)), ((3,), ()), ((2, 1), (2, 5)), ((5,), (1,))]
SIZES = [(1, 1, 1), (1, 33, 20), (3, 8, 70), (4, 16, 16), (7, 9, 33), (13, 64, 17)]
"""(rows, depth, columns)"""


def matrices(
    kind: Any,
    lead: Any,
    size: tuple[int, int, int],
    adj_y: bool,
    seed: int,
    constant: bool = False,
    adj_x: bool = False,
) -> Problem:
    rng = np.random.default_rng(seed)
    rows, depth, columns = size
    left = (*lead[0], *((depth, rows) if adj_x else (rows, depth)))
    right = (*lead[1], *((columns, depth) if adj_y else (depth, columns)))
    make = Const if constant else Input
    options: dict[str, Any] = {"adj_x": adj_x, "adj_y": adj_y}
    if kind == "float":
        given = [Input(rng.normal(size=left), np.float32), make(rng.normal(size=right), np.float32)]
        return single_op("BATCH_MATMUL", given, **options)
    y = make(rng.integers(-127, 128, right), np.int8, scale=0.02, zero_point=0 if kind in ("hybrid", "int16") else 5)
    if kind == "hybrid":
        options["asymmetric_quantize_inputs"] = bool(seed % 2)
        return single_op("BATCH_MATMUL", [Input(rng.normal(size=left), np.float32), y], outputs=[out()], **options)
    if kind == "int16":
        x = Input(rng.integers(-32768, 32768, left), np.int16, scale=0.001)
        return single_op("BATCH_MATMUL", [x, y], outputs=[out(np.int16, scale=0.002 * depth)], **options)
    x = Input(rng.integers(-128, 128, left), np.int8, scale=0.05, zero_point=-9)
    outputs = [out(np.int32)] if kind == "int32" else [out(np.int8, scale=float(np.sqrt(depth)) * 0.2, zero_point=3)]
    return single_op("BATCH_MATMUL", [x, y], outputs=outputs, **options)


FIRST = ("few_rows", "panels", "quantizing", "moving", "transposing")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["float", "int8", "int32", "int16"])
def test_batches(kind: str, size: tuple[int, int, int]) -> None:
    for seed, lead in enumerate(BATCHES):
        for adj_y in (False, True):
            problem = matrices(kind, tuple((1, *part) for part in lead), size, adj_y, seed, adj_x=bool(seed % 3))
            check_compiled(problem, FIRST, atol=ATOL, threads=1 + seed % 2)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_hybrid_batches(size: tuple[int, int, int]) -> None:
    for seed, lead in enumerate(BATCHES):
        # A left matrix that serves several right ones would have to be found again among the scales of rows.
        repeated = np.prod(lead[0]) < np.prod(np.broadcast_shapes(*lead)) and np.prod(lead[1]) > 1
        problem = matrices("hybrid", lead, size, bool(seed & 1), seed, adj_x=seed == 2)
        check_compiled(problem, None if repeated else FIRST, threads=1 + seed % 2)


@pytest.mark.parametrize("kind", ["float", "hybrid", "int8", "int16", "int32"])
def test_constant_right_side(kind: str) -> None:
    for seed, size in enumerate(SIZES):
        for lead in (((), ()), ((2, 3), (1, 1))):
            problem = matrices(kind, lead, size, bool(seed & 2), seed, constant=True, adj_x=seed == 4)
            check_compiled(problem, ("products", *FIRST), atol=ATOL)


@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("kind", ["float", "int8", "hybrid"])
def test_few_rows(kind: str, adj_y: bool) -> None:
    for rows, depth in ((1, 1), (1, 2), (1, 7), (1, 8), (1, 13), (2, 16), (2, 17), (2, 31), (3, 32), (4, 41), (5, 70)):
        for columns in (1, 3, 8, 16, 17, 63, 64, 65, 100):
            lead = ((3,), (3,)) if columns % 2 else ((), ())
            problem = matrices(kind, lead, (rows, depth, columns), adj_y, seed=columns)
            check_compiled(problem, FIRST, atol=ATOL, threads=1 + columns % 2)


@pytest.mark.parametrize("columns", [1, 3, 8])
def test_more_rows_of_a_few_columns(columns: int) -> None:
    for kind, first in (("float", "few_rows.float_singly"), ("int8", "panels.centred")):
        for rows, depth in ((20, 256), (32, 301)):
            check_compiled(matrices(kind, ((), ()), (rows, depth, columns), True, seed=rows), first, atol=ATOL)


@pytest.mark.parametrize("adj_y", [False, True])
def test_matrices_of_few_rows_stay_where_they_are(adj_y: bool) -> None:
    for kind, first in (("float", "few_rows.float"), ("int8", "panels.centred"), ("hybrid", "quantizing.extremes")):
        for rows in (1, 2):
            problem = matrices(kind, ((2,), (2,)), (rows, 40, 70), adj_y, seed=0)
            calls = native_calls(prepared(problem))
            assert calls[0].startswith(first)
            assert calls[-1].startswith("few_rows")
            assert not {"panels.floats", "panels.pairs"} & set(calls)


@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("columns", [5, 16, 70])
def test_few_rows_of_numbers_that_are_not_finite(columns: int, adj_y: bool) -> None:
    """What lies behind a row or a column is another one, which may hold anything."""
    for depth in (5, 8, 13, 32):
        x, y = np.ones((2, 1, depth)), np.ones((2, depth, columns))
        x[1, 0, 0], y[0, 0, 0], y[1, depth - 1, columns - 1] = np.inf, np.nan, np.inf
        given = [Input(x, np.float32), Input(y.swapaxes(1, 2) if adj_y else y, np.float32)]
        check_compiled(single_op("BATCH_MATMUL", given, adj_y=adj_y), "few_rows.float", atol=ATOL)
