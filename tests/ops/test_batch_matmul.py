"""BATCH_MATMUL and aeq.hadamard_rotation against the official reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import encode_flexbuffer
from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.products import integers, refused_by_both

SHAPES = {
    "matrices": ((3, 4), (4, 5)),
    "batch": ((2, 3, 4), (2, 4, 5)),
    "batches": ((2, 3, 4, 6), (2, 3, 6, 5)),
    "broadcast-rhs": ((2, 3, 4, 6), (6, 5)),
    "broadcast-lhs": ((4, 6), (3, 6, 5)),
    "broadcast-both": ((2, 1, 4, 6), (3, 6, 5)),
    "rank-5": ((2, 1, 2, 3, 4), (1, 3, 1, 4, 2)),
    "rhs-one": ((2, 3, 4, 6), (2, 1, 6, 5)),
    "deep": ((2, 300), (300, 3)),
    "empty-rows": ((0, 4), (4, 5)),
}
ADJOINTS = [(False, False), (True, False), (False, True), (True, True)]


def product(lhs: Input, rhs: Input, outputs: list[Any], **options: Any) -> Problem:
    return single_op("BATCH_MATMUL", [lhs, rhs], outputs=outputs, **options)


def turned(array: np.ndarray, adjoint: bool) -> np.ndarray:
    return np.ascontiguousarray(array.swapaxes(-1, -2)) if adjoint else array


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(("adj_x", "adj_y"), ADJOINTS)
@pytest.mark.parametrize("shapes", SHAPES)
def test_floats(shapes: str, adj_x: bool, adj_y: bool, constant: bool) -> None:
    rng = np.random.default_rng(0)
    lhs, rhs = (rng.normal(size=shape).astype(np.float32) for shape in SHAPES[shapes])
    second = (Const if constant else Input)(turned(rhs, adj_y))
    check(product(Input(turned(lhs, adj_x)), second, [out()], adj_x=adj_x, adj_y=adj_y), atol=2e-5)


TYPES = [(np.int8, np.int8), (np.int16, np.int16), (np.int16, np.int8)]


@pytest.mark.parametrize(("adj_x", "adj_y"), ADJOINTS)
@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("left", "right"), TYPES)
def test_quantized(left: Any, right: Any, shapes: str, adj_x: bool, adj_y: bool) -> None:
    lhs, rhs = (integers(shape, dtype, 1) for shape, dtype in zip(SHAPES[shapes], (left, right), strict=True))
    scale = 0.01 if left is np.int8 else 1e-4
    zero_points = (3, -7, 11) if left is np.int8 else (0, 0, 0)
    check(
        product(
            Input(turned(lhs, adj_x), scale=scale, zero_point=zero_points[0]),
            Const(turned(rhs, adj_y), scale=0.02 if right is np.int8 else 1e-4, zero_point=zero_points[1]),
            [out(left, scale=scale * 30, zero_point=zero_points[2])],
            adj_x=adj_x,
            adj_y=adj_y,
        )
    )


@pytest.mark.parametrize("shapes", ["matrices", "batches", "deep"])
def test_int8_to_int32(shapes: str) -> None:
    lhs, rhs = (integers(shape, np.int8, 2) for shape in SHAPES[shapes])
    check(
        product(Input(lhs, scale=0.1, zero_point=4), Input(rhs, scale=0.2, zero_point=5), [out(np.int32, scale=0.02)])
    )


# The official kernel mixes up the scales of rows when lhs has several leading dimensions that it cannot make one of.
@pytest.mark.parametrize(
    "shapes",
    [name for name in SHAPES if name not in ("batches", "broadcast-rhs", "broadcast-both", "rank-5", "rhs-one")],
)
@pytest.mark.parametrize(("adj_x", "adj_y"), ADJOINTS)
@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_hybrid(shapes: str, adj_x: bool, adj_y: bool, asymmetric: bool, per_channel: bool) -> None:
    lhs_shape, rhs_shape = SHAPES[shapes]
    lhs = np.random.default_rng(0).normal(size=lhs_shape).astype(np.float32)
    rhs = turned(integers(rhs_shape, np.int8, 1), adj_y)
    columns, axis = rhs_shape[-1], rhs.ndim - (2 if adj_y else 1)
    scale = np.linspace(0.01, 0.02, columns) if per_channel else 0.015
    weights = Const(rhs, scale=scale, quantized_dimension=axis if per_channel else 0)
    problem = product(
        Input(turned(lhs, adj_x)),
        weights,
        [out()],
        adj_x=adj_x,
        adj_y=adj_y,
        asymmetric_quantize_inputs=asymmetric,
    )
    check(problem, ulp=2, atol=1e-6)


REFUSED = [
    ("tensorflow-61901-depth", (4, 5), (0, 0), "lhs has a depth of 5, rhs of 0"),
    ("depth", (2, 3, 4), (2, 5, 3), "lhs has a depth of 4, rhs of 5"),
    ("broadcast", (2, 3, 4), (3, 4, 3), "do not broadcast"),
    ("rank-1", (4,), (4, 3), "expected rank 2 or 3 or 4 or 5"),
    ("rank-6", (1, 1, 1, 1, 3, 4), (4, 3), "expected rank 2 or 3 or 4 or 5"),
]


@pytest.mark.parametrize(("lhs", "rhs", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_refused(lhs: Any, rhs: Any, message: str) -> None:
    problem = product(Input(np.ones(lhs, np.float32)), Input(np.ones(rhs, np.float32)), [out()])
    refused(problem, message)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_refused_zero_points_of_int16(at: int) -> None:
    zero_points = [int(at == position) for position in range(3)]
    ones = np.ones((2, 2), np.int16)
    problem = product(
        Input(ones, scale=1.0, zero_point=zero_points[0]),
        Input(ones, scale=1.0, zero_point=zero_points[1]),
        [out(np.int16, scale=1.0, zero_point=zero_points[2])],
    )
    refused_by_both(problem, "has zero point 1, expected 0")


@pytest.mark.parametrize("rhs", [np.int16, np.float32])
def test_refused_types(rhs: Any) -> None:
    problem = product(
        Input(np.ones((2, 2), np.int8), scale=1.0), Input(np.ones((2, 2), rhs), scale=1.0), [out(np.int8, scale=1.0)]
    )
    refused_by_both(problem, "operand 'rhs'")


# aeq.hadamard_rotation -----------------------------------------------------------------------------------------------


def rotation(x: np.ndarray, **options: Any) -> Problem:
    return single_op("aeq.hadamard_rotation", [Input(x)], custom=True, custom_options=encode_flexbuffer(options))


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 64), 16), ((2, 3, 256), 128), ((2, 8), 8), ((1, 512), 512), ((2, 4), 1)]
)
def test_hadamard(shape: tuple[int, ...], size: int) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    check(rotation(x, hadamard_size=size, random_binary_vector=[1] * size))


@pytest.mark.parametrize(
    "options", [{}, {"hadamard_size": 0}, {"hadamard_size": 6}, {"hadamard_size": 16}, {"hadamard_size": "8"}]
)
def test_hadamard_refused(options: dict[str, Any]) -> None:
    refused(rotation(np.ones((2, 24), np.float32), **options), "expected a power of two that divides 24")
