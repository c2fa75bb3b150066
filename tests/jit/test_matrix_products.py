"""Compiled TRANSPOSE_CONV and BATCH_MATMUL against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.geometry import Window
from litejit.schema import Padding
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled
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
    check_compiled(transposed(seed, kind), "products", atol=ATOL, threads=1 + seed % 2)


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


FIRST = ("panels", "quantizing", "moving", "transposing")


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
