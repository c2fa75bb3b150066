"""RESHAPE, SQUEEZE, EXPAND_DIMS, SHAPE, RANK, BROADCAST_TO, BROADCAST_ARGS, TRANSPOSE against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.testing import Const, Input, check, out, refused, single_op
from tests.ops.elements import SIZED, STRING, elements, int4, through_int4

OPERANDS = [Const, Input]
"""A value known while planning, and one known only at run time."""


def ints(*values: int, dtype: Any = np.int32) -> np.ndarray:
    return np.array(values, dtype)


@pytest.mark.parametrize("dtype", [*SIZED, np.dtype(np.complex128), STRING], ids=str)
def test_every_type(dtype: Any) -> None:
    x, same = elements((2, 1, 3), dtype), [out(dtype)]
    check(single_op("RESHAPE", [Input(x), Const(ints(3, -1))], same))
    check(single_op("SQUEEZE", [Input(x)], same, version=2))
    check(single_op("EXPAND_DIMS", [Input(x), Const(ints(-2))], same))
    if dtype != STRING:
        check(single_op("BROADCAST_TO", [Input(x), Const(ints(2, 2, 4, 3))], same, version=3))
    if dtype in SIZED:
        check(single_op("TRANSPOSE", [Input(x), Const(ints(2, 0, 1))], same, version=4))


RESHAPES = [
    ((2, 3), (6,)),
    ((2, 3), (3, -1)),
    ((2, 3), (-1,)),
    ((1,), ()),
    ((), (1, 1)),
    ((2, 3), (1, 2, 1, 3, 1)),
    ((0, 3), (0, -1)),
    ((0, 3), (-1, 5)),
    ((0, 3), (3, 0)),
    ((2, 0, 3), (-1, 0)),
    ((0,), (0, 0, -1)),
]


@pytest.mark.parametrize(("shape", "new_shape"), RESHAPES)
def test_reshape(shape: tuple[int, ...], new_shape: tuple[int, ...]) -> None:
    x = elements(shape, np.float32)
    new = np.array(new_shape, np.int32)
    check(single_op("RESHAPE", [Input(x)], new_shape=new))
    for operand in OPERANDS:
        check(single_op("RESHAPE", [Input(x), operand(new)]))
        check(single_op("RESHAPE", [Input(x), operand(new)], new_shape=ints(7)))


def test_reshape_of_old_converters() -> None:
    x = elements((1,), np.float32)
    check(single_op("RESHAPE", [Input(x)], new_shape=ints(0)))
    for shape in (ints(1, 1, dtype=np.int64), ints(9).reshape(1, 1)):
        check(single_op("RESHAPE", [Input(x), Const(shape)], new_shape=ints(1, 1, 1)))


def test_reshape_follows_its_operand() -> None:
    b = ModelBuilder()
    x, shape = b.input("x", (6,)), b.input("shape", (2,), np.int32)
    b.output(b.op("SHAPE", [b.op("RESHAPE", [x, shape])], [{"dtype": np.int32}], out_type="INT32"))
    interpreter = Interpreter(model_content=b.to_bytes())
    interpreter.allocate_tensors()
    for new_shape in ((2, 3), (3, -1), (3, 2), (-1, 1)):
        interpreter.set_tensor(x, np.zeros(6, np.float32))
        interpreter.set_tensor(shape, ints(*new_shape))
        interpreter.invoke()
        result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert tuple(result) == np.zeros(6).reshape(new_shape).shape


@pytest.mark.parametrize(
    ("shape", "squeeze_dims"),
    [
        ((1, 2, 1, 3), ()),
        ((1, 2, 1, 3), (0,)),
        ((1, 2, 1, 3), (-2, 2)),
        ((1, 1), ()),
        ((), ()),
        ((0, 1), (1,)),
        ((2, 3), ()),
    ],
)
def test_squeeze(shape: tuple[int, ...], squeeze_dims: tuple[int, ...]) -> None:
    check(single_op("SQUEEZE", [Input(elements(shape, np.int8))], squeeze_dims=np.array(squeeze_dims, np.int32)))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize(("shape", "axis"), [((2, 3), 0), ((2, 3), 2), ((2, 3), -1), ((2, 3), -3), ((), 0), ((), -1)])
def test_expand_dims(shape: tuple[int, ...], axis: int, operand: Any, dtype: Any) -> None:
    check(single_op("EXPAND_DIMS", [Input(elements(shape, np.float32)), operand(np.array(axis, dtype))]))


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 2, 3, 4, 5, 6)])
def test_shape_and_rank(shape: tuple[int, ...]) -> None:
    x = Input(elements(shape, np.int16))
    for out_type, dtype in (("INT32", np.int32), ("INT64", np.int64)):
        check(single_op("SHAPE", [x], [out(dtype)], out_type=out_type))
    check(single_op("RANK", [x], [out(np.int32)]))


def test_shape_is_known_while_planning() -> None:
    b = ModelBuilder()
    x = b.input("x", (4, 6))
    y = b.op("SHAPE", [x], [{"dtype": np.int32, "shape": (2,)}], out_type="INT32")
    ones = b.op("FILL", [y, b.constant(np.float32(1))], [{"dtype": np.float32}])
    b.output(ones)
    interpreter = Interpreter(model_content=b.to_bytes())
    interpreter.resize_tensor_input(x, (2, 3))
    interpreter.allocate_tensors()
    assert tuple(interpreter.get_output_details()[0]["shape"]) == (2, 3)


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize(
    ("shape", "new_shape"),
    [
        ((3,), (2, 3)),
        ((2, 1, 3), (2, 4, 3)),
        ((), (2, 2)),
        ((), ()),
        ((1,), (0,)),
        ((1, 2) * 3, (5, 2, 1, 2, 3, 2)),
        ((2,), (1,) * 7 + (2,)),
    ],
)
def test_broadcast_to(shape: tuple[int, ...], new_shape: tuple[int, ...], operand: Any) -> None:
    for dtype in (np.int32, np.int64):
        check(
            single_op(
                "BROADCAST_TO", [Input(elements(shape, np.uint8)), operand(ints(*new_shape, dtype=dtype))], version=2
            )
        )


@pytest.mark.parametrize(
    ("first", "second"), [((2, 3), (3,)), ((1, 4, 1), (5, 1, 6)), ((), (2,)), ((0, 1), (1, 7)), ((), ())]
)
def test_broadcast_args(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    for dtype in (np.int32, np.int64):
        for operand in OPERANDS:
            check(single_op("BROADCAST_ARGS", [Input(ints(*first, dtype=dtype)), operand(ints(*second, dtype=dtype))]))


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((3,), (0,)),
        ((2, 3), (1, 0)),
        ((2, 3), (-1, -2)),
        ((2, 3, 4), (0, 1, 2)),
        ((2, 3, 4), (2, 0, 1)),
        ((2, 1, 3, 2), (3, 1, 0, 2)),
        ((2, 0, 3), (2, 1, 0)),
        ((1, 2, 3, 1, 2, 2, 1, 3), (7, 2, 5, 0, 3, 1, 6, 4)),
    ],
)
def test_transpose(shape: tuple[int, ...], perm: tuple[int, ...], operand: Any) -> None:
    check(single_op("TRANSPOSE", [Input(elements(shape, np.int16)), operand(ints(*perm))]))


def test_transpose_of_a_scalar() -> None:
    """The official kernel leaves its output unwritten."""
    problem = single_op("TRANSPOSE", [Input(np.float32(3)), Const(ints())])
    interpreter = Interpreter(model_content=problem.model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.float32(3))
    interpreter.invoke()
    assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"]) == 3


def test_transpose_int4() -> None:
    check(through_int4("TRANSPOSE", [(int4(3, 5), True), (ints(1, 0), False)], version=7))


X = Input(np.zeros((2, 3), np.float32))
ERRORS = {
    "reshape two -1": (single_op("RESHAPE", [X], new_shape=ints(-1, -1)), "more than one -1"),
    "reshape negative": (single_op("RESHAPE", [X], new_shape=ints(-2, -3)), "negative"),
    "reshape elements": (single_op("RESHAPE", [X], new_shape=ints(7)), "7 elements"),
    "reshape indivisible": (single_op("RESHAPE", [X], new_shape=ints(4, -1)), "has 4 elements"),
    "tensorflow#111458": (single_op("RESHAPE", [X], new_shape=ints(2**31 - 1, -1)), "elements"),
    "tflite-micro#3582": (single_op("RESHAPE", [X], new_shape=ints(65536, 65536)), "4294967296 elements"),
    "reshape at run time": (single_op("RESHAPE", [X, Input(ints(5))]), "5 elements"),
    "CVE-2021-29592": (single_op("RESHAPE", [X, None]), "shape () has 1 elements"),
    "reshape type": (single_op("RESHAPE", [X], [out(np.int32)], new_shape=ints(6)), "FLOAT32"),
    "squeeze not 1": (single_op("SQUEEZE", [X], squeeze_dims=ints(0)), "is not 1"),
    "squeeze axis": (single_op("SQUEEZE", [X], squeeze_dims=ints(2)), "squeeze_dims is 2"),
    "tensorflow#62160": (single_op("SQUEEZE", [None]), "missing"),
    "CVE-2021-37685": (single_op("EXPAND_DIMS", [X, Const(ints(-100000))]), "axis is -100000"),
    "expand_dims axis": (single_op("EXPAND_DIMS", [X, Input(ints(3))]), "axis is 3"),
    "expand_dims axes": (single_op("EXPAND_DIMS", [X, Const(ints(0, 1))]), "has 2 elements, expected 1"),
    "expand_dims axis type": (single_op("EXPAND_DIMS", [X, Const(np.float32(0))]), "expected INT32 or INT64"),
    "expand_dims scale": (
        single_op("EXPAND_DIMS", [Input(np.zeros(2, np.int8), scale=1.0), Const(ints(0))], [out(np.int8, scale=2.0)]),
        "does not rescale",
    ),
    "shape out_type": (single_op("SHAPE", [X], [out(np.float32)], out_type="FLOAT32"), "out_type"),
    "broadcast_to": (single_op("BROADCAST_TO", [X, Const(ints(2, 2))], version=2), "does not broadcast"),
    "broadcast_to rank": (single_op("BROADCAST_TO", [X, Input(ints(3))], version=2), "does not broadcast"),
    "broadcast_to negative": (
        single_op("BROADCAST_TO", [Input(np.zeros((1,), np.float32)), Const(ints(-1))], version=2),
        "negative",
    ),
    "broadcast_to huge": (
        single_op("BROADCAST_TO", [Input(np.zeros((1, 1), np.float32)), Const(ints(2**30, 2**30))], version=2),
        "more than the limit",
    ),
    "broadcast_to version": (single_op("BROADCAST_TO", [X, Const(ints(2, 3))], version=1), "version 1"),
    "broadcast_args": (
        single_op("BROADCAST_ARGS", [Input(ints(2, 3)), Input(ints(2))], [out(np.int32)]),
        "do not broadcast",
    ),
    "broadcast_args types": (
        single_op("BROADCAST_ARGS", [Input(ints(2)), Input(ints(2, dtype=np.int64))]),
        "is INT64, expected INT32",
    ),
    "tensorflow#127292 range": (single_op("TRANSPOSE", [X, Const(ints(0, 2))]), "perm is 2"),
    "tensorflow#127292 repeated": (single_op("TRANSPOSE", [X, Const(ints(1, 1))]), "expected a permutation"),
    "transpose perm size": (single_op("TRANSPOSE", [X, Const(ints(0))]), "expected (2,)"),
    "transpose rank": (single_op("TRANSPOSE", [Input(np.zeros((1,) * 9, np.int8)), Const(ints(*range(9)))]), "rank"),
    "transpose string": (single_op("TRANSPOSE", [Input(elements((2,), STRING)), Const(ints(0))]), "is STRING"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
