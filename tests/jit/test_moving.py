"""Compiled copies against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.jit.layouts.moving import UNITS
from litejit.testing import Const, Input, Problem, out, single_op
from tests.jit.equal import check_compiled

MOVED = ("moving.", "transposing.")
DTYPES = [np.float32, np.int8, np.int16, np.int64]


def array(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    return rng.integers(-100, 100, shape).astype(dtype)


def operand(shape: tuple[int, ...], dtype: Any) -> Input:
    return (
        Input(array(shape, dtype), dtype, scale=0.5, zero_point=0) if dtype == np.int8 else Input(array(shape, dtype))
    )


def many(op: str, operands: list[Any], count: int, dtype: Any, **options: Any) -> Problem:
    quantized = {"scale": 0.5, "zero_point": 0} if dtype == np.int8 else {}
    return single_op(op, operands, outputs=[out(dtype, **quantized) for _ in range(count)], **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((5,), (0,)),
        ((3, 40), (1, 0)),
        ((2, 3, 9, 10), (0, 2, 3, 1)),
        ((2, 9, 10, 3), (0, 3, 1, 2)),
        ((2, 3, 4, 5, 6), (4, 2, 0, 3, 1)),
        ((2, 2, 3, 2, 3, 2), (5, 3, 1, 4, 2, 0)),
        ((1, 70, 1, 33), (3, 2, 1, 0)),
        ((300, 41), (0, 1)),
        ((17, 35), (1, 0)),
        ((3, 16, 130), (0, 2, 1)),
        ((2, 33, 5, 4), (2, 3, 0, 1)),
        ((9000, 3), (1, 0)),
        ((1024, 33), (1, 0)),
    ],
)
def test_transpose(shape: tuple[int, ...], perm: tuple[int, ...], dtype: Any) -> None:
    check_compiled(single_op("TRANSPOSE", [operand(shape, dtype), Const(np.array(perm, np.int32))]), MOVED)


@pytest.mark.parametrize("size", UNITS)
def test_rows_of_few_bytes(size: int) -> None:
    perm = Const(np.array((1, 0, 2), np.int32))
    check_compiled(single_op("TRANSPOSE", [operand((7, 30, size), np.int8), perm]), f"moving.copy_{size}", threads=2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slices(dtype: Any) -> None:
    x = operand((4, 9, 7, 11), dtype)
    for begin, size in (((0, 0, 0, 0), (4, 9, 7, 11)), ((1, 2, 3, 4), (2, 5, 1, 7)), ((0, 3, 0, 0), (-1, 4, -1, -1))):
        operands = [x, Const(np.array(begin, np.int32)), Const(np.array(size, np.int32))]
        check_compiled(single_op("SLICE", operands), MOVED, threads=2)
    for begin, end, strides, masks in (
        ((0, 1, 0, 0), (4, 9, 7, 11), (1, 2, 3, 1), {}),
        ((3, 8, 6, 10), (0, 0, 0, 0), (-1, -3, -1, -2), {"end_mask": 15}),
        ((1, 2, 0, 0), (2, 3, 7, 11), (1, 1, 1, 1), {"shrink_axis_mask": 3}),
    ):
        operands = [x, *(Const(np.array(values, np.int32)) for values in (begin, end, strides))]
        check_compiled(single_op("STRIDED_SLICE", operands, **masks), MOVED)


def test_a_slice_without_dimensions() -> None:
    nothing = Const(np.zeros(0, np.int32))
    for value in (np.array(True), np.array(-5, np.int16), np.array(7, np.float32), np.array(True)):
        check_compiled(single_op("SLICE", [Input(value), nothing, nothing], [out(value.dtype)]), MOVED)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int16])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_joining_and_splitting(axis: int, dtype: Any) -> None:
    shapes = []
    for size in (1, 5, 40, 3):
        shape = [4, 6, 7]
        shape[axis] = size
        shapes.append(tuple(shape))
    check_compiled(many("CONCATENATION", [operand(shape, dtype) for shape in shapes], 1, dtype, axis=axis), MOVED)
    x = operand((4, 6, 8), dtype)
    for count in (2,):
        operands = [Const(np.array(axis, np.int32)), x]
        check_compiled(many("SPLIT", operands, count, dtype, num_splits=count), MOVED)
    rest = (4, 6, 8)[axis] - 3
    operands = [x, Const(np.array([1, 2, rest], np.int32)), Const(np.array(axis, np.int32))]
    check_compiled(many("SPLIT_V", operands, 3, dtype, num_splits=3), MOVED)
    check_compiled(many("UNPACK", [x], (4, 6, 8)[axis], dtype, num=(4, 6, 8)[axis], axis=axis), MOVED)
    check_compiled(many("PACK", [x] * 1 + [operand((4, 6, 8), dtype)], 1, dtype, values_count=2, axis=axis), MOVED)


@pytest.mark.parametrize("dtype", DTYPES)
def test_padding(dtype: Any) -> None:
    for shape, paddings in (
        ((2, 5, 6, 3), [(0, 0), (1, 1), (1, 2), (0, 0)]),
        ((1, 8, 8, 16), [(0, 0), (0, 1), (0, 1), (0, 5)]),
        ((3, 4), [(2, 0), (0, 33)]),
        ((7,), [(0, 0)]),
        ((1, 64, 64, 32), [(0, 0), (1, 1), (1, 1), (0, 0)]),
        ((2, 3, 2, 3, 2), [(1, 2), (0, 1), (1, 0), (2, 2), (1, 1)]),
    ):
        operands = [operand(shape, dtype), Const(np.array(paddings, np.int32))]
        quantized = {"scale": 0.5, "zero_point": 7} if dtype == np.int8 else {}
        check_compiled(single_op("PAD", operands, outputs=[out(dtype, **quantized)]), MOVED, threads=2)
        if dtype == np.float32:
            check_compiled(single_op("PADV2", [*operands, Const(np.array([3.5], np.float32))]), MOVED)


def test_blocks_and_broadcasts() -> None:
    for dtype in (np.float32, np.int8):
        x = operand((2, 6, 4, 8), dtype)
        quantized = {"scale": 0.5, "zero_point": 0} if dtype == np.int8 else {}
        for op in ("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"):
            check_compiled(single_op(op, [x], outputs=[out(dtype, **quantized)], block_size=2), MOVED)
        blocks, none = Const(np.array([3, 2], np.int32)), Const(np.zeros((2, 2), np.int32))
        check_compiled(many("SPACE_TO_BATCH_ND", [x, blocks, none], 1, dtype), MOVED)
        y = operand((12, 3, 4, 5), dtype)
        check_compiled(many("BATCH_TO_SPACE_ND", [y, blocks, none], 1, dtype), MOVED)
        padded, cropped = (Const(np.array(pairs, np.int32)) for pairs in ([(1, 2), (3, 1)], [(1, 0), (2, 3)]))
        check_compiled(many("SPACE_TO_BATCH_ND", [x, blocks, padded], 1, dtype), MOVED, threads=2)
        check_compiled(many("BATCH_TO_SPACE_ND", [y, blocks, cropped], 1, dtype), MOVED, threads=2)
        wide = Const(np.array([(0, 6), (20, 0)], np.int32))
        check_compiled(many("SPACE_TO_BATCH_ND", [x, blocks, wide], 1, dtype), MOVED)
    for shape, target in (((3, 1, 5), (3, 4, 5)), ((1,), (40,)), ((5, 1), (2, 5, 33))):
        operands = [Input(array(shape, np.float32)), Const(np.array(target, np.int32))]
        check_compiled(single_op("BROADCAST_TO", operands, version=2), MOVED)


def test_reshaped_output_of_a_graph() -> None:
    for count in (1, 31, 33, 65536, 100000):
        operands = [Input(array((count,), np.float32)), Const(np.array([1, -1], np.int32))]
        check_compiled(single_op("RESHAPE", operands, new_shape=[1, -1]), "moving.copy", threads=2)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_requantizing_concatenation(axis: int) -> None:
    for batch in (1, 3):
        operands = []
        for at, size in enumerate((1, 5, 40, 3)):
            shape = [batch, 4, 9]
            shape[axis] = size
            x = np.arange(np.prod(shape)).reshape(shape) % 256
            operands.append(Input(x, np.uint8, scale=(0.5, 0.2, 0.5, 0.71)[at], zero_point=3 * at))
        problem = single_op("CONCATENATION", operands, [out(np.uint8, scale=0.5, zero_point=0)], axis=axis)
        check_compiled(problem, MOVED, threads=1 + batch // 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_a_few_bytes(dtype: Any) -> None:
    for shape in ((9, 11), (1, 9, 1, 11), (3, 5, 7, 11), (40, 1, 300, 11)):
        x = operand(shape, dtype)
        for size in (1, 2, 4, 8):
            begin, sizes = [0] * (len(shape) - 1) + [3], [-1] * (len(shape) - 1) + [size]
            operands = [x, Const(np.array(begin, np.int32)), Const(np.array(sizes, np.int32))]
            check_compiled(single_op("SLICE", operands), MOVED, threads=1 + size % 2)
