"""CONCATENATION, PACK, UNPACK, PAD, PADV2, MIRROR_PAD against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.elements import BFLOAT16, SIZED, STRING, elements, int4, through_int4

OPERANDS = [Const, Input]
COMMON = [np.float32, np.uint8, np.int8, np.int16, np.int32]
HALVES = [np.float16, BFLOAT16]
SHAPES = [(3,), (2, 3), (1, 2, 3), (2, 2, 1, 3), (2, 0, 3)]
FLAVOURS = [("litert-ref", "ref"), ("litert-opt", "opt"), ("xnnpack", "auto")]
"""Numerics, and the official resolver that they are those of."""


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize("dtype", [*COMMON, *HALVES, np.int64, np.uint32, np.bool_])
@pytest.mark.parametrize("shape", SHAPES)
def test_concatenation(shape: tuple[int, ...], dtype: Any) -> None:
    for axis in {0, len(shape) - 1, -1, -len(shape)}:
        parts = []
        for size in (2, 0, 3):
            dims = list(shape)
            dims[axis] = size
            parts.append(Input(elements(dims, dtype, size)))
        check(single_op("CONCATENATION", parts, axis=axis, version=3))


def test_concatenation_of_constants() -> None:
    parts = [Const(elements((2, 3), np.float32, seed)) for seed in (1, 2)]
    check(single_op("CONCATENATION", parts, axis=1))
    check(single_op("CONCATENATION", [Const(np.int32(value)) for value in (4, 5, 6)], axis=0))
    check(single_op("CONCATENATION", [Input(elements((2,), np.int64))], axis=0))


def test_concatenation_int4() -> None:
    check(through_int4("CONCATENATION", [(int4(2, 3), True), (int4(2, 4, seed=1), True)], axis=1, version=5))


@pytest.mark.parametrize(("numerics", "resolver"), FLAVOURS)
@pytest.mark.parametrize("output", [(0.1, 128), (0.05, 0), (1.0, 255), (0.0123, 77)])
def test_concatenation_requantizes_uint8(output: tuple[float, int], numerics: str, resolver: str) -> None:
    every = np.arange(256, dtype=np.uint8)
    scales = [(0.1, 128), (0.1, 127), (0.2, 3), (0.033, 255), (3.7, 0), (0.05, 60), (0.0041, 90)]
    inputs = [Input(every, scale=scale, zero_point=zero_point) for scale, zero_point in scales]
    outputs = [out(np.uint8, scale=output[0], zero_point=output[1])]
    check(single_op("CONCATENATION", inputs, outputs, axis=0), resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("dtype", [*COMMON, np.int64, np.uint32])
@pytest.mark.parametrize("shape", [(), *SHAPES])
def test_pack(shape: tuple[int, ...], dtype: Any) -> None:
    values = [Input(elements(shape, dtype, seed)) for seed in (1, 2, 3)]
    for axis in {0, len(shape), -1, -len(shape) - 1}:
        check(single_op("PACK", values, axis=axis, values_count=3, version=4))
    check(single_op("PACK", values[:1], axis=0, values_count=1, version=4))


def test_raw_int16_is_packed_whatever_its_zero_point() -> None:
    quantized = Input(elements((2, 3), np.int16), scale=0.5, zero_point=3)
    check(single_op("PACK", [quantized] * 2, axis=0, values_count=2))
    check(single_op("UNPACK", [quantized], [out(np.int16, scale=0.5, zero_point=3)] * 2, axis=0, num=2))


@pytest.mark.parametrize("dtype", [*COMMON, *HALVES, np.bool_])
@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_unpack(shape: tuple[int, ...], dtype: Any) -> None:
    for axis in {0, len(shape) - 1, -1, -len(shape)}:
        outputs = [out(dtype)] * shape[axis]
        check(single_op("UNPACK", [Input(elements(shape, dtype))], outputs, axis=axis, num=shape[axis], version=5))


PADDINGS = [
    ((), ()),
    ((3,), ((1, 2),)),
    ((2, 3), ((0, 0), (2, 0))),
    ((0, 2), ((1, 1), (0, 0))),
    ((2, 3, 1), ((1, 0), (0, 2), (1, 1))),
    ((1, 2, 3, 2), ((0, 0), (1, 2), (0, 1), (0, 0))),
    ((1, 2, 1, 2, 2), ((1, 0), (0, 1), (1, 1), (0, 0), (2, 0))),
]


@pytest.mark.parametrize("dtype", [*COMMON, *HALVES, np.int64, np.bool_])
@pytest.mark.parametrize(("shape", "paddings"), PADDINGS)
def test_pad(shape: Any, paddings: Any, dtype: Any) -> None:
    x = Input(elements(shape, dtype))
    pairs = np.array(paddings, np.int32).reshape(-1, 2)
    value = Input(elements((7,), dtype)[6:])
    for operand in OPERANDS:
        check(single_op("PAD", [x, operand(pairs)], version=3))
        check(single_op("PADV2", [x, operand(pairs), value], version=3))
    check(single_op("PADV2", [x, Const(pairs), None], version=3))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.int16, np.bool_])
def test_pad_types_of_paddings(dtype: Any) -> None:
    paddings = np.array([[1, 0], [0, 1]], dtype)
    for operand in OPERANDS:
        check(single_op("PAD", [Input(elements((2, 3), np.float32)), operand(paddings)], version=3))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize(("numerics", "resolver"), FLAVOURS)
def test_pad_quantized(dtype: Any, numerics: str, resolver: str) -> None:
    quantization = {"scale": 0.5, "zero_point": 0 if dtype == np.int16 else 7}
    x, pads = Input(elements((1, 2, 3, 2), dtype), **quantization), Const(i32(0, 0, 1, 0, 0, 2, 0, 0).reshape(4, 2))
    value = Const(np.array([3], dtype), **quantization)
    for outputs in ([out(dtype, **quantization)], [out(dtype, scale=0.5, zero_point=quantization["zero_point"])]):
        check(single_op("PAD", [x, pads], outputs, version=3), resolver=resolver, numerics=numerics)
        check(single_op("PADV2", [x, pads, value], outputs, version=3), resolver=resolver, numerics=numerics)
    other_zero_point = [out(dtype, scale=0.5, zero_point=9)]
    check(single_op("PAD", [x, pads], other_zero_point, version=3), resolver="ref")


@pytest.mark.parametrize("dtype", SIZED, ids=str)
@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_mirror_pad(mode: str, dtype: Any) -> None:
    for shape, paddings in (((4,), ((3, 2),)), ((3, 2), ((0, 2), (1, 1))), ((2, 3, 4), ((1, 1), (2, 0), (0, 3)))):
        for operand in OPERANDS:
            for padding_type in (np.int32, np.int64):
                pairs = operand(np.array(paddings, padding_type))
                check(single_op("MIRROR_PAD", [Input(elements(shape, dtype)), pairs], mode=mode, version=2))


def test_mirror_pad_to_the_limit() -> None:
    for shape, pairs in (((3,), (3, 3)), ((0,), (0, 0))):
        operands = [Input(elements(shape, np.int8)), Const(i32(*pairs).reshape(1, 2))]
        check(single_op("MIRROR_PAD", operands, mode="SYMMETRIC"))


X = Input(np.zeros((2, 3), np.float32))


def q(dtype: Any = np.int8, scale: float = 0.5, zero_point: int = 0) -> Input:
    return Input(np.zeros((2, 3), dtype), scale=scale, zero_point=zero_point)


def concatenation(*values: Any, outputs: Any = None, axis: int = 0, **options: Any) -> Problem:
    return single_op("CONCATENATION", values, outputs, axis=axis, **options)


def pad(paddings: Any, *rest: Any, x: Input = X, name: str = "PAD", operand: Any = Const, **keywords: Any) -> Problem:
    return single_op(name, [x, operand(np.array(paddings, np.int32)), *rest], **keywords)


ERRORS = {
    "concatenation axis": (concatenation(X, X, axis=2), "axis is 2"),
    "CVE-2020-15208": (concatenation(X, Input(np.zeros((2, 4), np.float32))), "expected (2, 3)"),
    "concatenation rank": (concatenation(X, Input(np.zeros(3, np.float32))), "expected rank 2"),
    "concatenation types": (concatenation(X, Input(np.zeros((2, 3), np.int32))), "expected FLOAT32"),
    "concatenation activation": (concatenation(X, X, fused_activation_function="RELU"), "expected NONE"),
    "concatenation scalars": (concatenation(Input(np.float32(1)), Input(np.float32(2))), "at least rank 1"),
    "concatenation nothing": (concatenation(outputs=[out()]), "no operands"),
    "concatenation missing": (single_op("CONCATENATION", [X, None], axis=0), "missing"),
    "concatenation int8": (concatenation(q(), q(scale=0.25)), "does not rescale"),
    "concatenation int16": (concatenation(q(np.int16, 1, 3), q(np.int16, 1, 3)), "expected 0"),
    "CVE-2021-37682": (concatenation(q(np.uint8), Input(np.zeros((2, 3), np.uint8))), "no quantization parameters"),
    "concatenation string": (concatenation(Input(elements((2,), STRING))), "is STRING"),
    "CVE-2021-29601": (
        concatenation(*[Const(np.zeros((0, 2**30), np.int8), shape=(0, 2**30))] * 2, axis=1),
        "at most 31 bits",
    ),
    "pack count": (single_op("PACK", [X, X], axis=0, values_count=3), "values_count is 3"),
    "pack axis": (single_op("PACK", [X, X], axis=3, values_count=2), "axis is 3"),
    "pack shapes": (single_op("PACK", [X, Input(np.zeros(3, np.float32))], axis=0, values_count=2), "expected (2, 3)"),
    "pack scales": (single_op("PACK", [q(), q(scale=1)], axis=0, values_count=2), "does not rescale"),
    "pack nothing": (single_op("PACK", [], [out()], axis=0, values_count=0), "0 operands"),
    "pack bool": (single_op("PACK", [Input(np.zeros(2, np.bool_))], axis=0, values_count=1), "is BOOL"),
    "unpack num": (single_op("UNPACK", [X], [out()] * 3, axis=0, num=3), "num is 3"),
    "unpack outputs": (single_op("UNPACK", [X], [out()], axis=0, num=2), "the operator has 1 outputs"),
    "unpack axis": (single_op("UNPACK", [X], [out()] * 2, axis=-3, num=2), "axis is -3"),
    "unpack empty": (
        single_op("UNPACK", [Input(np.zeros((2, 0), np.float32))], [out()] * 2, axis=0, num=2),
        "is empty",
    ),
    "unpack scalar": (single_op("UNPACK", [Input(np.float32(1))], axis=0, num=1), "axis is 0"),
    "pad negative": (pad([[0, 0], [-1, 2]]), "negative"),
    "pad shape": (pad([[0, 0]]), "expected (2, 2)"),
    "pad at run time": (pad([[0, 0], [-5, 0]], operand=Input), "negative"),
    "pad huge": (pad([[2**31 - 1, 2**31 - 1], [0, 0]]), "at most 31 bits"),
    "pad large": (pad([[2**29, 0], [2**10, 0]]), "more than the limit"),
    "pad rank": (pad(np.zeros((6, 2)), x=Input(np.zeros((1,) * 6, np.float32))), "expected rank"),
    "pad values": (pad([[0, 0]] * 2, Const(np.zeros(2, np.float32)), name="PADV2"), "expected 1"),
    "pad value type": (pad([[0, 0]] * 2, Const(np.int32(0)), name="PADV2"), "expected FLOAT32"),
    "pad value scale": (pad([[0, 0]] * 2, Const(np.int8(0), scale=2.0), x=q(), name="PADV2"), "does not rescale"),
    "pad zero point": (pad([[0, 0]] * 2, x=q(), outputs=[out(np.int8, scale=1.0, zero_point=200)]), "200"),
    "mirror_pad reflect": (pad([[2, 0], [0, 0]], name="MIRROR_PAD", mode="REFLECT"), "the most for a dimension"),
    "mirror_pad symmetric": (pad([[0, 3], [0, 0]], name="MIRROR_PAD", mode="SYMMETRIC"), "the most for a dimension"),
    "mirror_pad negative": (pad([[-1, 0], [0, 0]], name="MIRROR_PAD", mode="SYMMETRIC"), "negative"),
    "mirror_pad empty": (
        pad([[0, 0]], x=Input(np.zeros(0, np.float32)), name="MIRROR_PAD", mode="REFLECT"),
        "the most for a dimension of 0",
    ),
    "mirror_pad scales": (
        pad([[0, 0]] * 2, x=q(), name="MIRROR_PAD", outputs=[out(np.int8, scale=1.0)]),
        "does not rescale",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
