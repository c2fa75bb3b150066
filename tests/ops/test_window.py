"""STABLEHLO_REDUCE_WINDOW, REDUCE_WINDOW, DILATE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.schema import ReduceWindowFunction
from litejit.testing import Const, Input, Problem, check, out, refused, run, single_op
from tests.ops.values import filled

DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.float32, np.float64]
CASES: list[tuple[Any, ...]] = [
    # shape, window, strides, base dilations, window dilations, padding
    ((9,), (3,), (), (), (), ()),
    ((4, 5), (2, 3), (1, 2), (), (), ()),
    ((4, 5), (2, 3), (2, 1), (), (), (1, 1, 0, 2)),
    ((4, 5), (2, 2), (1, 1), (2, 3), (), ()),
    ((4, 5), (2, 2), (1, 2), (2, 1), (2, 2), (1, 0, 2, 3)),
    ((6, 7), (2, 2), (), (), (), (-1, 0, 0, -2)),
    ((6, 7), (2, 2), (), (3, 2), (), (-2, 3, 2, -4)),
    ((3, 4), (5, 2), (), (), (), ()),
    ((4,), (2,), (), (), (), (-5, 4)),
    ((2, 3, 2, 2, 3, 2), (1, 2, 1, 2, 2, 1), (1, 1, 1, 1, 2, 1), (), (), ()),
]
BODIES = ["ADD", "MUL", "MINIMUM", "MAXIMUM"]


def with_body(op: str, operands: list[Any], body: Any, output: Any = None, **options: Any) -> Problem:
    """A model of one operator whose body is a subgraph of one operator (a name), or what body(subgraph) builds."""
    b = ModelBuilder()
    arrays = [operand.value for operand in operands if not isinstance(operand, Const)]
    handles = [
        b.constant(operand.value)
        if isinstance(operand, Const)
        else b.input(None, operand.value.shape, operand.value.dtype)
        for operand in operands
    ]
    inner = b.subgraph("body")
    dtype = operands[0].value.dtype
    x, y = inner.input("x", (), dtype), inner.input("y", (), dtype)
    inner.output(inner.op(body, [x, y], outputs=[out(dtype)]) if isinstance(body, str) else body(inner, x, y))
    field = "update_computation_subgraph_index" if op == "STABLEHLO_SCATTER" else "body_subgraph_index"
    b.output(b.op(op, handles, outputs=[output or out(dtype)], **{field: inner.index}, **options))
    return Problem(b.to_bytes(), arrays, op)


def window_options(case: tuple[Any, ...]) -> dict[str, Any]:
    names = ("window_dimensions", "window_strides", "base_dilations", "window_dilations", "padding")
    return {name: np.array(values, np.int64) for name, values in zip(names, case[1:], strict=True)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_stablehlo_reduce_window(case: tuple[Any, ...], body: str, dtype: Any) -> None:
    operands = [Input(filled(case[0], dtype)), Const(np.array(2, dtype))]
    check(with_body("STABLEHLO_REDUCE_WINDOW", operands, body, **window_options(case)))


@pytest.mark.parametrize("body", ["STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MINIMUM", "STABLEHLO_MAXIMUM"])
def test_stablehlo_bodies(body: str) -> None:
    operands = [Input(filled((6, 7), np.float32)), Input(np.array(0.5, np.float32))]
    check(with_body("STABLEHLO_REDUCE_WINDOW", operands, body, **window_options(CASES[4])))


@pytest.mark.parametrize("body", ["LOGICAL_AND", "LOGICAL_OR", "STABLEHLO_AND"])
def test_bool_bodies(body: str) -> None:
    operands = [Input(filled((6, 7), np.bool_)), Const(np.array(body != "LOGICAL_OR"))]
    check(with_body("STABLEHLO_REDUCE_WINDOW", operands, body, **window_options(CASES[4])))


def test_body_of_any_operators() -> None:
    """The official kernel refuses bodies of more than one operator; here the body is called."""

    def body(inner: Any, x: int, y: int) -> Any:
        return inner.op("ADD", [inner.op("MUL", [x, inner.constant(np.float32(2))]), y])

    case = ((9,), (3,), (2,), (1,), (1,), (0, 0))
    x = np.arange(9, dtype=np.float32)
    problem = with_body("STABLEHLO_REDUCE_WINDOW", [Input(x), Const(np.float32(1))], body, **window_options(case))
    expected = [8 + 4 * x[i] + 2 * x[i + 1] + x[i + 2] for i in (0, 2, 4, 6)]
    np.testing.assert_array_equal(run(problem)[0], expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", list(ReduceWindowFunction)[1:])
def test_reduce_window(function: ReduceWindowFunction, dtype: Any) -> None:
    for case in (CASES[0], CASES[1], CASES[7], CASES[9]):
        shape, window, strides = case[:3]
        ones = (1,) * len(shape)
        geometry = [Const(np.array(sizes, np.int64)) for sizes in (window, strides or ones, ones)]
        operands = [Input(filled(shape, dtype)), Const(np.array(1, dtype)), *geometry]
        check(single_op("REDUCE_WINDOW", operands, outputs=[out(dtype)], reduce_function=function))


def test_reduce_window_dilated() -> None:
    geometry = [Const(np.array(sizes, np.int64)) for sizes in ((2, 2), (1, 2), (3, 2))]
    operands = [Input(filled((7, 8), np.int32)), Const(np.int32(0)), *geometry]
    check(single_op("REDUCE_WINDOW", operands, reduce_function=ReduceWindowFunction.ADD))


@pytest.mark.parametrize("dtype", [*DTYPES, np.bool_, np.uint32, np.complex64])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(
    ("shape", "dilations"), [((5,), (3,)), ((2, 3), (2, 3)), ((2, 3), (1, 1)), ((2, 3, 4), (2, 1, 1)), ((1, 1), (9, 9))]
)
def test_dilate(shape: Any, dilations: Any, constant: bool, dtype: Any) -> None:
    value = filled(shape, np.float32 if dtype == np.complex64 else dtype).astype(dtype)
    operand = (Const if constant else Input)(np.array(dilations, np.int32))
    check(single_op("DILATE", [Input(value), operand, Const(np.array(1, dtype))], outputs=[out(dtype)]))


X = Input(np.ones((4, 5)), np.float32)
ONE = Const(np.float32(1))


def sizes(*values: int) -> Const:
    return Const(np.array(values, np.int64))


WINDOW_ERRORS = {
    "no window": ({"window_dimensions": ()}, "0 window sizes for 2 dimensions"),
    "window rank": ({"window_dimensions": (2,)}, "1 window sizes for 2 dimensions"),
    "window of 0": ({"window_dimensions": (0, 2)}, "must be at least 1"),
    "stride of 0": ({"window_strides": (0, 2)}, "must be at least 1"),
    "base dilation of 0": ({"base_dilations": (1, 0)}, "base_dilations are (1, 0)"),
    "window dilation of -1": ({"window_dilations": (1, -1)}, "must be at least 1"),
    "odd padding": ({"padding": (1, 2, 3)}, "3 paddings for 2 dimensions"),
    "cropped away": ({"padding": (-4, 0, 0, 0)}, "after padding"),
    "huge padding": ({"padding": (2**40, 0, 0, 0)}, "31 bits"),
    "huge dilation": ({"base_dilations": (2**29, 1)}, "bytes"),
}


@pytest.mark.parametrize("name", WINDOW_ERRORS)
def test_stablehlo_reduce_window_errors(name: str) -> None:
    changes, fragment = WINDOW_ERRORS[name]
    options = {**window_options(((), (2, 2), (), (), (), ())), **{k: np.array(v, np.int64) for k, v in changes.items()}}
    refused(with_body("STABLEHLO_REDUCE_WINDOW", [X, ONE], "ADD", **options), fragment)


def test_body_of_other_type() -> None:
    b = ModelBuilder()
    x = b.input("x", (4,), np.float32)
    inner = b.subgraph("body")
    inner.output(inner.op("ADD", [inner.input("a", (), np.int32), inner.input("b", (), np.int32)]))
    options = {"window_dimensions": np.array([2], np.int64), "body_subgraph_index": inner.index}
    b.output(b.op("STABLEHLO_REDUCE_WINDOW", [x, b.constant(np.float32(0))], outputs=[out()], **options))
    refused(Problem(b.to_bytes(), [np.zeros(4, np.float32)]), "expected two tensors of FLOAT32")


PLAIN = {"reduce_function": ReduceWindowFunction.ADD}
TWO = sizes(2, 2)
ERRORS = {
    "function": ("REDUCE_WINDOW", [X, ONE, TWO, TWO, TWO], {}, "reduce_function"),
    "window shape": ("REDUCE_WINDOW", [X, ONE, sizes(2), TWO, TWO], PLAIN, "has shape (1,), expected (2,)"),
    "window 0": ("REDUCE_WINDOW", [X, ONE, sizes(0, 1), TWO, TWO], PLAIN, "must be at least 1"),
    "stride 0": ("REDUCE_WINDOW", [X, ONE, TWO, sizes(0, 1), TWO], PLAIN, "must be at least 1"),
    "dilation 0": ("REDUCE_WINDOW", [X, ONE, TWO, TWO, sizes(0, 1)], PLAIN, "must be at least 1"),
    "not constant": ("REDUCE_WINDOW", [X, ONE, Input([2, 2], np.int64), TWO, TWO], PLAIN, "must be a constant"),
    "init type": ("REDUCE_WINDOW", [X, Const(np.int32(1)), TWO, TWO, TWO], PLAIN, "is INT32, expected FLOAT32"),
    "scalar": ("REDUCE_WINDOW", [Input(1.0, np.float32), ONE, TWO, TWO, TWO], PLAIN, "expected rank 1"),
    "rank 7": ("REDUCE_WINDOW", [Input(np.ones((1,) * 7), np.float32), ONE, TWO, TWO, TWO], PLAIN, "expected rank 1"),
    "dilate by 0": ("DILATE", [X, Const([0, 1], np.int32), ONE], {}, "must be at least 1"),
    "dilate shape": ("DILATE", [X, Const([1], np.int32), ONE], {}, "has shape (1,), expected (2,)"),
    "dilate int64": ("DILATE", [X, Const([1, 1], np.int64), ONE], {}, "is INT64, expected INT32"),
    "dilate scalar": ("DILATE", [Input(1.0, np.float32), Const([1], np.int32), ONE], {}, "is a scalar"),
    "dilate padding": ("DILATE", [X, Const([1, 1], np.int32), Const(np.int32(1))], {}, "is INT32, expected FLOAT32"),
    "dilate huge": ("DILATE", [X, Const([2**30, 2**30], np.int32), ONE], {}, "31 bits"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    op, operands, options, fragment = ERRORS[name]
    refused(single_op(op, operands, outputs=[out()], **options), fragment)
