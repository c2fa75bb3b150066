"""StableHLO operators that the official runtime has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, check, out, refused, run, single_op
from tests.ops.test_window import with_body
from tests.ops.values import edges, filled, pairs

INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
NUMBERS = [np.float16, np.float32, np.float64, *INTEGERS]
BINARY = ["STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM"]


@pytest.mark.parametrize("dtype", [*NUMBERS, np.bool_])
@pytest.mark.parametrize("op", BINARY)
def test_binary(op: str, dtype: Any) -> None:
    a, b = pairs(edges(dtype))
    check(single_op(op, [Input(a), Input(b)]))


@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_])
def test_and(dtype: Any) -> None:
    a, b = pairs(edges(dtype))
    check(single_op("STABLEHLO_AND", [Input(a), Input(b)]))


@pytest.mark.parametrize("shape", [(), (0, 2), (1, 2, 1, 3, 1, 2, 2)])
def test_shapes(shape: tuple[int, ...]) -> None:
    check(single_op("STABLEHLO_ADD", [Input(filled(shape, np.int32)), Input(filled(shape, np.int32, 1))]))


def test_quantized_tensors_are_plain_integers() -> None:
    a, b = (Input(values, scale=0.1, zero_point=3) for values in pairs(edges(np.int8)))
    check(single_op("STABLEHLO_ADD", [a, b], outputs=[out(np.int8, scale=0.7, zero_point=-5)]))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_shift_left(dtype: Any) -> None:
    a, b = np.meshgrid(edges(dtype), np.arange(8 * np.dtype(dtype).itemsize, dtype=dtype))
    check(single_op("STABLEHLO_SHIFT_LEFT", [Input(a), Input(b)]))
    check(single_op("STABLEHLO_SHIFT_LEFT", [Input(a), Input(np.stack([b, a]))]))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_shift_left_by_too_much(dtype: Any) -> None:
    """The official kernel leaves this open; the StableHLO specification does not."""
    counts = np.array([8 * np.dtype(dtype).itemsize, 100, -1], dtype)
    outputs = run(single_op("STABLEHLO_SHIFT_LEFT", [Input(np.full(3, -1, dtype)), Input(counts)]))
    np.testing.assert_array_equal(outputs[0], [0, 0, 0])


PADS: list[tuple[Any, ...]] = [
    # shape, low, high, interior
    ((3,), (1,), (2,), (0,)),
    ((3,), (1,), (2,), (2,)),
    ((3, 4), (1, 0), (0, 2), (1, 0)),
    ((3, 4), (-1, 0), (0, -2), (0, 0)),
    ((3, 4), (-1, 2), (3, -5), (2, 3)),
    ((5,), (-2,), (-3,), (3,)),
    ((5,), (-7,), (9,), (1,)),
    ((2, 3, 2), (0, -1, 1), (1, 1, 0), (1, 2, 0)),
    ((3, 4), (-3, 0), (0, 0), (0, 0)),
    ((0, 4), (0, 1), (0, 0), (2, 0)),
    ((3, 4), (1,), (2,), (1,)),
    ((3, 4), (0, 1, -5), (0, 0, 7), (1, 0, 3)),
    ((1, 2, 1, 2, 1, 2), (0, 1, 0, 0, 2, 0), (0,) * 6, (0, 0, 3, 1, 0, 1)),
]


@pytest.mark.parametrize("dtype", [*NUMBERS, np.bool_])
@pytest.mark.parametrize("case", PADS, ids=str)
def test_pad(case: tuple[Any, ...], dtype: Any) -> None:
    shape, low, high, interior = case
    operands = [Input(filled(shape, dtype)), Const(np.array(1, dtype))]
    check(single_op("STABLEHLO_PAD", operands, edge_padding_low=low, edge_padding_high=high, interior_padding=interior))


GATHERS: list[tuple[Any, ...]] = [
    # operand, indices shape, offset_dims, collapsed_slice_dims, start_index_map, index_vector_dim, slice_sizes
    ((5, 3), (4, 1), (1,), (0,), (0,), 1, (1, 3)),
    ((5, 3), (4, 2), (), (0, 1), (0, 1), 1, (1, 1)),
    ((5, 3), (2, 4), (), (0, 1), (1, 0), 0, (1, 1)),
    ((5, 3, 4), (2, 3, 2), (2, 3), (0,), (0, 2), 2, (1, 2, 3)),
    ((5, 3, 4), (2, 3, 2), (0, 2), (0,), (2, 1), 2, (1, 2, 3)),
    ((5, 3, 4), (2, 2), (0, 1, 2), (), (0, 2), 1, (2, 1, 4)),
    ((6,), (1,), (0,), (), (0,), 0, (3,)),
    ((3, 4, 2), (2, 3, 2), (2, 3), (0,), (1, 0), 2, (1, 2, 2)),
]
GATHER_NAMES = ("offset_dims", "collapsed_slice_dims", "start_index_map", "index_vector_dim", "slice_sizes")


def gather_options(case: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(GATHER_NAMES, case[2:], strict=True))


def gather_output(case: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape of the right rank, which is all that the official kernel takes from the file."""
    return (1,) * (len(case[1]) - 1 + len(case[2]))


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("case", GATHERS, ids=str)
def test_gather(case: tuple[Any, ...], index_dtype: Any, dtype: Any) -> None:
    indices = np.random.default_rng(0).integers(-2, 7, case[1]).astype(index_dtype)
    operands = [Input(filled(case[0], dtype)), Input(indices)]
    outputs = [out(dtype, shape=gather_output(case))]
    check(single_op("STABLEHLO_GATHER", operands, outputs, **gather_options(case)))


def test_gather_with_indices_that_are_no_vectors() -> None:
    """index_vector_dim is the rank of the indices; the official kernel reads past its shape there."""
    options = gather_options(((), (), (1,), (0,), (0,), 1, (1, 3)))
    x = np.arange(15, dtype=np.float32).reshape(5, 3)
    operands = [Input(x), Input([4, 0, 9], np.int32)]
    outputs = run(single_op("STABLEHLO_GATHER", operands, [out(shape=(3, 3))], **options))
    np.testing.assert_array_equal(outputs[0], x[[4, 0, 4]])


SCATTERS: list[tuple[Any, ...]] = [
    # input, indices shape, updates shape, update_window_dims, inserted_window_dims, scatter_dims_to_operand_dims, ivd
    ((5, 3), (4, 1), (4, 3), (1,), (0,), (0,), 1),
    ((5, 3), (9, 2), (9,), (), (0, 1), (0, 1), 1),
    ((5, 3), (2, 9), (9,), (), (0, 1), (1, 0), 0),
    ((5, 3, 4), (2, 3, 2), (2, 3, 2, 3), (2, 3), (0,), (0, 2), 2),
    ((5, 3, 4), (2, 3, 2), (2, 2, 3, 3), (0, 2), (0,), (2, 1), 2),
    ((5, 3, 4), (2, 2), (2, 1, 4, 2), (0, 1, 2), (), (0, 2), 1),
    ((6,), (1,), (3,), (0,), (), (0,), 0),
    ((5, 3, 4), (2, 3, 2), (1, 2, 2, 3), (2, 3), (0,), (0, 2), 2),
]
SCATTER_NAMES = ("update_window_dims", "inserted_window_dims", "scatter_dims_to_operand_dims", "index_vector_dim")


def update_body(inner: Any, x: int, y: int) -> int:
    return y


@pytest.mark.parametrize("dtype", [*NUMBERS, np.bool_])
@pytest.mark.parametrize("body", [*BINARY, update_body])
@pytest.mark.parametrize("case", SCATTERS, ids=str)
def test_scatter(case: tuple[Any, ...], body: Any, dtype: Any) -> None:
    indices = np.random.default_rng(0).integers(-1, 5, case[1]).astype(np.int32)
    operands = [Input(filled(case[0], dtype)), Input(indices), Input(filled(case[2], dtype, 1))]
    options = dict(zip(SCATTER_NAMES, case[3:], strict=True))
    check(with_body("STABLEHLO_SCATTER", operands, body, **options))


@pytest.mark.parametrize("shapes", [((5,), (0, 1), (0,)), ((0,), (3, 1), (3,))], ids=str)
def test_scatter_of_nothing(shapes: Any) -> None:
    operands = [Input(np.ones(shapes[0]), np.float32), Input(np.zeros(shapes[1]), np.int64), Input(np.ones(shapes[2]))]
    operands[2].value = operands[2].value.astype(np.float32)
    options = dict(zip(SCATTER_NAMES, ((), (0,), (0,), 1), strict=True))
    check(with_body("STABLEHLO_SCATTER", operands, "STABLEHLO_ADD", **options))


def test_scatter_with_a_body_of_any_operators() -> None:
    """The official kernel refuses it; updates to one element come one after the other."""
    options = dict(zip(SCATTER_NAMES, ((), (0,), (0,), 1), strict=True))
    operands = [Input([1, 2, 3], np.float32), Input([[2], [0], [2]], np.int32), Input([10, 20, 30], np.float32)]
    outputs = run(with_body("STABLEHLO_SCATTER", operands, "SUB", **options))
    np.testing.assert_array_equal(outputs[0], [1 - 20, 2, 3 - 10 - 30])


def ints(*values: int) -> Input:
    return Input(np.array(values, np.int32))


X = Input(np.ones((5, 3)), np.float32)
VALUE = Const(np.float32(0))
PAD = {"edge_padding_low": (0, 0), "edge_padding_high": (0, 0), "interior_padding": (0, 0)}
ROWS = Input(np.zeros((4, 1)), np.int32)
GATHER = {**gather_options(GATHERS[0]), "outputs": [out(shape=(1, 1))]}
ERRORS = {
    "shapes": ("STABLEHLO_ADD", [ints(1, 2), ints(1)], {}, "has shape (1,), expected (2,)"),
    "types": ("STABLEHLO_ADD", [ints(1), Input([1.0], np.float32)], {}, "is FLOAT32, expected INT32"),
    "and of floats": ("STABLEHLO_AND", [X, X], {}, "is FLOAT32"),
    "shift of int64": ("STABLEHLO_SHIFT_LEFT", [Input([1], np.int64)] * 2, {}, "is INT64"),
    "pad sizes": ("STABLEHLO_PAD", [X, VALUE], {**PAD, "edge_padding_low": (1,)}, "expected as many numbers"),
    "pad value": ("STABLEHLO_PAD", [X, Const([1, 2], np.float32)], PAD, "expected one element"),
    "pad type": ("STABLEHLO_PAD", [X, Const(np.int32(1))], PAD, "is INT32, expected FLOAT32"),
    "pad interior": ("STABLEHLO_PAD", [X, VALUE], {**PAD, "interior_padding": (0, -1)}, "must not be negative"),
    "pad huge": ("STABLEHLO_PAD", [X, VALUE], {**PAD, "edge_padding_low": (2**62, 0)}, "31 bits"),
    "pad bytes": ("STABLEHLO_PAD", [X, VALUE], {**PAD, "edge_padding_low": (2**30, 2**30)}, "bytes"),
    "index type": ("STABLEHLO_GATHER", [X, Input([[1.0]], np.float32)], GATHER, "expected INT32 or INT64"),
    "vector dim": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "index_vector_dim": 3}, "index_vector_dim is 3"),
    "slice rank": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "slice_sizes": (1,)}, "expected 2 sizes"),
    "slice size": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "slice_sizes": (1, 4)}, "the operand has shape (5, 3)"),
    "slice of 0": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "slice_sizes": (0, 3)}, "of a collapsed one 0"),
    "tensorflow#124563": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "offset_dims": range(99)}, "below 2"),
    "collapsed": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "collapsed_slice_dims": (7,)}, "below 2"),
    "index map": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "start_index_map": (0, 1)}, "have 1 elements, 2 are"),
    "map beyond": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "start_index_map": (2,)}, "below 2"),
    "map below": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "start_index_map": (-1,)}, "below 2"),
    "offsets": ("STABLEHLO_GATHER", [X, ROWS], {**GATHER, "offset_dims": (0, 1)}, "expected 1 dimensions"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, options, fragment = ERRORS[name]
    refused(single_op(op, operands, **options), fragment)


SCATTER_ERRORS = {
    "window": ({"update_window_dims": ()}, "not 2 dimensions together"),
    "tensorflow#124563": ({"update_window_dims": range(99)}, "below 2"),
    "inserted": ({"inserted_window_dims": (5,)}, "below 2"),
    "map": ({"scatter_dims_to_operand_dims": (0, 1)}, "have 1 elements, 2 are mapped"),
    "map beyond": ({"scatter_dims_to_operand_dims": (9,)}, "below 2"),
    "vector dim": ({"index_vector_dim": -1}, "index_vector_dim is -1"),
    "batch": ({"index_vector_dim": 0, "scatter_dims_to_operand_dims": (0, 1)}, "index vectors have 4 elements"),
}


@pytest.mark.parametrize("name", SCATTER_ERRORS)
def test_scatter_errors(name: str) -> None:
    changes, fragment = SCATTER_ERRORS[name]
    options = {**dict(zip(SCATTER_NAMES, SCATTERS[0][3:], strict=True)), **changes}
    updates = Input(np.ones((4, 3)), np.float32)
    refused(with_body("STABLEHLO_SCATTER", [X, ROWS, updates], "STABLEHLO_ADD", **options), fragment)
