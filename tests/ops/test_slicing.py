"""SLICE, STRIDED_SLICE, SPLIT*, DYNAMIC_UPDATE_SLICE and REVERSE_* against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import LitejitError
from litejit.testing import Const, Input, Problem, assert_same, check, out, refused, run, single_op
from tests.ops.elements import BFLOAT16, SIZED, STRING, elements, int4, through_int4
from tests.oracle import oracle

OPERANDS = [Const, Input]
SPLIT_TYPES = [np.float32, np.uint8, np.int8, np.int16, np.int32, np.int64]


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize("dtype", [*SIZED, STRING], ids=str)
def test_every_type(dtype: Any) -> None:
    x, same = Input(elements((4, 3, 2), dtype)), [out(dtype)]
    check(single_op("SLICE", [x, Const(i32(1, 0, 1)), Const(i32(2, -1, 1))], same, version=3))
    check(
        single_op("STRIDED_SLICE", [x, Const(i32(3, 0, 0)), Const(i32(0, 3, 1)), Const(i32(-2, 2, 1))], same, version=4)
    )
    if dtype != STRING:
        update = Input(elements((2, 3, 1), dtype, 5))
        check(single_op("DYNAMIC_UPDATE_SLICE", [x, update, Input(i32(1, 0, 9))], same, version=2))


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("shape", "begin", "size"),
    [
        ((5,), (1,), (3,)),
        ((5,), (5,), (-1,)),
        ((4, 3), (0, 0), (4, 3)),
        ((4, 3), (1, 2), (0, 1)),
        ((2, 3, 4, 5, 2), (0, 1, 2, 0, 1), (-1, 2, 1, 5, -1)),
        ((2, 1, 3, 2, 2, 2), (1, 0, 1, 0, 1, 0), (1, 1, -1, 2, 1, 1)),
        ((), (), ()),
        ((0, 3), (0, 1), (-1, -1)),
    ],
)
def test_slice(shape: Any, begin: Any, size: Any, dtype: Any, operand: Any) -> None:
    operands = [Input(elements(shape, np.int8)), operand(np.array(begin, dtype)), operand(np.array(size, dtype))]
    check(single_op("SLICE", operands, [out(np.int8)], version=2))


STRIDED = [
    ((6,), (0,), (6,), (2,), {}),
    ((6,), (-1,), (-7,), (-1,), {}),
    ((6,), (-1,), (0,), (-2,), {"end_mask": 1}),
    ((6,), (9,), (1,), (-3,), {}),
    ((6,), (-9,), (9,), (1,), {}),
    ((6,), (4,), (2,), (1,), {}),
    ((6,), (2,), (4,), (-1,), {}),
    ((6,), (3,), (0,), (1,), {"shrink_axis_mask": 1}),
    ((6,), (-9,), (0,), (1,), {"shrink_axis_mask": 1}),
    ((6,), (0,), (2**31 - 1,), (126322568,), {}),
    ((4, 5), (1,), (3,), (1,), {}),
    ((4, 5), (1, 2), (3, 3), (1, 1), {"begin_mask": 2, "end_mask": 1}),
    ((4, 5), (3, 1), (0, 4), (-1, 2), {"begin_mask": 1, "end_mask": 1}),
    ((4, 5), (2, 2), (0, 0), (1, 1), {"shrink_axis_mask": 3}),
    ((4, 5), (0, 2, 1), (0, 4, 5), (1, 1, 2), {"new_axis_mask": 1}),
    ((4, 5), (2, 0, 1), (3, 0, 5), (1, 1, 2), {"new_axis_mask": 2, "shrink_axis_mask": 1}),
    ((4, 5), (2, 0, 1), (3, 0, 5), (1, 1, 2), {"new_axis_mask": 2, "shrink_axis_mask": 2}),
    ((2, 3, 4), (0, 1), (0, 2), (1, 1), {"ellipsis_mask": 1}),
    ((2, 3, 4), (1, 0, 1), (2, 0, 3), (1, 1, 1), {"ellipsis_mask": 2, "shrink_axis_mask": 4}),
    ((2, 3, 4), (1, 0, 1, 0), (2, 0, 3, 0), (1, 1, 1, 1), {"ellipsis_mask": 2, "new_axis_mask": 8}),
    ((2, 3, 4), (0, 0, 0), (0, 0, 0), (1, 1, 1), {"ellipsis_mask": 1, "new_axis_mask": 6}),
    ((2, 3), (1, 0, 0), (2, 2, 0), (1, 1, 1), {"ellipsis_mask": 4}),
    ((2, 3), (0, 1, 1), (0, 2, 2), (1, 1, 1), {"ellipsis_mask": 1}),
    ((2, 3, 4), (0, 1, 1), (0, 2, 3), (1, 1, 1), {"ellipsis_mask": 3}),
    ((2, 3, 4), (0, 1, 1), (0, 3, 3), (1, 1, 1), {"ellipsis_mask": 5}),
    ((2, 3, 4, 5), (0, 1, 3), (0, 3, 4), (1, 1, 1), {"ellipsis_mask": 9}),
    ((2, 3), (0, 1, 5), (2, 2, 9), (1, 1, 1), {}),
    ((0, 3), (0, 0), (5, 2), (1, 1), {}),
    ((0, 3), (4, 2), (-5, 0), (-1, -1), {}),
    ((2, 2, 2, 2, 2, 3), (0, 1, 0, 1, 0, 2), (2, 2, 1, 2, 2, -5), (1, 1, 1, 1, 1, -1), {"end_mask": 0b100000}),
    ((5, 4), (1, 0), (3, 4), (1, 2), {"offset": True}),
    ((5, 4), (-3, 2), (2, 2), (2, 1), {"offset": True}),
    ((5, 4), (2, 1), (1, 2), (1, 1), {"offset": True, "shrink_axis_mask": 1}),
    ((3, 4), (3, 1), (0, 1), (1, 1), {"shrink_axis_mask": 1}),
    ((3, 4), (1, 1), (0, 1), (-1, 1), {"shrink_axis_mask": 1}),
]


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize(("shape", "begin", "end", "strides", "masks"), STRIDED)
def test_strided_slice(shape: Any, begin: Any, end: Any, strides: Any, masks: Any, operand: Any) -> None:
    later = Const if masks.get("offset") else operand
    operands = [Input(elements(shape, np.int16)), operand(i32(*begin)), later(i32(*end)), later(i32(*strides))]
    check(single_op("STRIDED_SLICE", operands, [out(np.int16)], version=4, **masks))


def test_strided_slice_at_random() -> None:
    """Whatever litejit accepts is what the official kernel computes; and it accepts most."""
    rng = np.random.default_rng(1)
    accepted = 0
    for _ in range(150):
        shape = rng.integers(1, 5, rng.integers(1, 5))
        count = int(rng.integers(1, shape.size + 3))
        masks = {
            name: int(rng.integers(1 << count)) * int(rng.random() < often)
            for name, often in (
                ("begin_mask", 0.5),
                ("end_mask", 0.5),
                ("new_axis_mask", 0.3),
                ("shrink_axis_mask", 0.3),
            )
        }
        masks["ellipsis_mask"] = int(rng.choice([0, 0, 1 << rng.integers(count), rng.integers(1 << count)]))
        limits = [Const(rng.integers(-6, 6, count).astype(np.int32)) for _ in range(2)]
        strides = Const(rng.choice([1, 1, 1, 2, 3, -1, -2], count).astype(np.int32))
        problem = single_op(
            "STRIDED_SLICE", [Input(elements(shape, np.int32)), *limits, strides], [out(np.int32)], **masks
        )
        try:
            (ours,) = run(problem)
        except LitejitError:
            continue
        (theirs,) = oracle.truth(problem.model, problem.inputs).outputs
        assert_same(ours, theirs)
        accepted += 1
    assert accepted > 100


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("dtype", SPLIT_TYPES)
@pytest.mark.parametrize(
    ("shape", "axis", "sizes"),
    [
        ((6,), 0, (3, 3)),
        ((2, 6), -1, (2, 2, 2)),
        ((4, 3, 2), 0, (4,)),
        ((4, 3, 2), -2, (1, 1, 1)),
        ((2, 0), 1, (0, 0)),
        ((1, 2, 2, 2, 2, 2), 4, (1, 1)),
    ],
)
def test_split(shape: Any, axis: int, sizes: Any, dtype: Any, operand: Any) -> None:
    x, at, outputs = Input(elements(shape, dtype)), operand(np.int32(axis)), [out(dtype)] * len(sizes)
    check(single_op("SPLIT", [at, x], outputs, num_splits=len(sizes), version=4))
    check(single_op("SPLIT_V", [x, operand(i32(*sizes)), at], outputs, num_splits=len(sizes), version=2))


@pytest.mark.parametrize("sizes", [(1, 5), (2, -1, 1), (-1,), (0, 6, 0), (6, -1)])
def test_split_v(sizes: Any) -> None:
    for operand in OPERANDS:
        for dtype in (np.int32, np.int64):
            operands = [Input(elements((2, 6), np.float32)), operand(np.array(sizes, dtype)), Const(np.int32(1))]
            check(single_op("SPLIT_V", operands, [out()] * len(sizes), num_splits=len(sizes)))


@pytest.mark.parametrize(
    ("shape", "update", "start"),
    [
        ((5,), (2,), (1,)),
        ((5,), (2,), (4,)),
        ((5,), (2,), (-3,)),
        ((4, 5), (4, 5), (1, 1)),
        ((4, 5), (0, 2), (1, 1)),
        ((2, 3, 4), (1, 2, 2), (1, 0, 3)),
        ((), (), ()),
        ((1, 2, 1, 3, 1, 2, 2, 2), (1, 1, 1, 2, 1, 1, 2, 1), (0, 1, 0, 1, 0, 0, 0, 1)),
    ],
)
def test_dynamic_update_slice(shape: Any, update: Any, start: Any) -> None:
    for dtype in (np.int32, np.int64):
        operands = [
            Input(elements(shape, np.float32)),
            Input(elements(update, np.float32, 1)),
            Input(np.array(start, dtype)),
        ]
        check(single_op("DYNAMIC_UPDATE_SLICE", operands))


def test_int4() -> None:
    x, start = int4(3, 5), i32(1, 2)
    check(through_int4("SLICE", [(x, True), (start, False), (i32(2, 2), False)], version=6))
    check(through_int4("DYNAMIC_UPDATE_SLICE", [(x, True), (int4(2, 2, seed=1), True), (start, False)], version=4))


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, BFLOAT16, np.uint8, np.int8, np.int16, np.int32, np.int64, np.bool_]
)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((4,), (0,)), ((2, 3, 4), (1,)), ((2, 3, 4), (-1, 1)), ((2, 3, 4), (0, 1, 2)), ((2, 1, 3, 2), (3,))],
)
def test_reverse(shape: Any, axis: Any, dtype: Any) -> None:
    for operand in OPERANDS:
        check(single_op("REVERSE_V2", [Input(elements(shape, dtype)), operand(i32(*axis))], version=3))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize(
    ("shape", "seq_dim", "batch_dim", "lengths"),
    [
        ((4, 3), 0, 1, (2, 4, 0)),
        ((3, 4), 1, 0, (4, 1, 3)),
        ((2, 3, 4, 2), 3, 1, (2, 0, 1)),
        ((2, 4, 3, 2), 1, 3, (-1, 3)),
        ((3, 2), 1, 0, (2, 2, 2)),
    ],
)
def test_reverse_sequence(shape: Any, seq_dim: int, batch_dim: int, lengths: Any, dtype: Any) -> None:
    for length_type in (np.int32, np.int64):
        operands = [Input(elements(shape, dtype)), Input(np.array(lengths, length_type))]
        check(single_op("REVERSE_SEQUENCE", operands, seq_dim=seq_dim, batch_dim=batch_dim))


X = Input(np.zeros((2, 3), np.float32))


def sliced(begin: Any, size: Any, operand: Any = Const) -> Problem:
    return single_op("SLICE", [X, operand(i32(*begin)), operand(i32(*size))])


def strided(begin: Any, end: Any, strides: Any, operand: Any = Const, x: Any = X, **masks: Any) -> Problem:
    return single_op("STRIDED_SLICE", [x, *(operand(i32(*value)) for value in (begin, end, strides))], **masks)


def split(axis: int, outputs: int, num_splits: int) -> Problem:
    return single_op("SPLIT", [Const(np.int32(axis)), X], [out()] * outputs, num_splits=num_splits)


def split_v(sizes: Any, axis: int, operand: Any = Const) -> Problem:
    operands = [X, operand(i32(*sizes)), Const(np.int32(axis))]
    return single_op("SPLIT_V", operands, [out()] * len(sizes), num_splits=len(sizes))


def update(shape: Any, start: Any) -> Problem:
    return single_op("DYNAMIC_UPDATE_SLICE", [X, Input(np.zeros(shape, np.float32)), Const(i32(*start))])


def reverse_sequence(lengths: Any, seq_dim: int, batch_dim: int) -> Problem:
    return single_op("REVERSE_SEQUENCE", [X, Input(i32(*lengths))], seq_dim=seq_dim, batch_dim=batch_dim)


ERRORS = {
    "tensorflow#126177": (sliced((1, 1), (2, 1)), "are outside of"),
    "slice negative begin": (sliced((-1, 0), (1, 1)), "are outside of"),
    "slice begin beyond": (sliced((3, 0), (-1, 1)), "are outside of"),
    "slice size -2": (sliced((0, 0), (-2, 1)), "are outside of"),
    "tensorflow#58035": (sliced((0, 0), (2**31 - 1, 1)), "are outside of"),
    "slice at run time": (sliced((0, 4), (1, 1), Input), "are outside of"),
    "slice rank": (sliced((0,), (1,)), "expected (2,)"),
    "strided_slice stride 0": (strided((0, 0), (1, 1), (1, 0)), "stride 1 is 0"),
    "strided_slice INT_MIN": (strided((0, 0), (1, 1), (-(2**31), 1)), "stride 0 is -2147483648"),
    "CVE-2021-37686": (strided((0,), (1,), (1,), x=Input(np.zeros((1, 1, 1, 1))), ellipsis_mask=4), "no index"),
    "strided_slice new axis twice": (
        strided((0, 0), (1, 1), (1, 1), x=Input(np.zeros((1, 1, 1))), ellipsis_mask=3, new_axis_mask=2),
        "counts an index twice",
    ),
    "strided_slice shrunk": (strided((2,), (3,), (1,), shrink_axis_mask=1), "the dimension has 2 elements"),
    "strided_slice shrunk at run time": (strided((5,), (3,), (1,), Input, shrink_axis_mask=1), "has 2 elements"),
    "strided_slice shrunk backwards": (strided((1,), (0,), (-1,), shrink_axis_mask=1), "axis is shrunk"),
    "strided_slice sizes": (strided((0, 0), (1,), (1,)), "expected (2,)"),
    "strided_slice offset": (strided((1,), (2,), (1,), offset=True), "outside of dimension 2"),
    "strided_slice new axes": (strided((0,) * 4, (1,) * 4, (1,) * 4, ellipsis_mask=1, new_axis_mask=8), "no place"),
    "strided_slice indices": (strided((0,) * 32, (1,) * 32, (1,) * 32), "at most 31"),
    "CVE-2021-29599": (split(0, 1, 0), "num_splits is 0"),
    "split uneven": (split(1, 2, 2), "3 elements in 2 parts"),
    "split outputs": (split(1, 2, 3), "the operator has 2 outputs"),
    "split axis": (split(2, 1, 1), "axis is 2"),
    "CVE-2021-29606": (split_v((1, 2), -3), "axis is -3"),
    "split_v sum": (split_v((1, 1), 1), "do not add up"),
    "split_v rest": (split_v((4, -1), 1), "do not add up"),
    "split_v two -1": (split_v((-1, -1), 1), "more than one -1"),
    "split_v negative": (split_v((-2, 5), 1), "negative"),
    "split_v at run time": (split_v((9, 9), 1, Input), "do not add up"),
    "tensorflow#62169": (
        single_op("SPLIT_V", [None, Const(i32(1)), Const(np.int32(0))], [out()], num_splits=1),
        "missing",
    ),
    "update larger": (update((3, 3), (0, 0)), "does not fit"),
    "update rank": (update((2,), (0, 0)), "expected rank 2"),
    "update indices": (update((1, 1), (0,)), "expected (2,)"),
    "reverse axis": (single_op("REVERSE_V2", [X, Const(i32(2))]), "axis is 2"),
    "reverse twice": (single_op("REVERSE_V2", [X, Const(i32(0, 0))]), "distinct"),
    "reverse apart": (single_op("REVERSE_V2", [Input(np.zeros((1, 1, 1), np.int8)), Const(i32(0, 2))]), "adjacent"),
    "reverse_sequence length": (reverse_sequence((1, 4), 1, 0), "seq_lengths has 4"),
    "reverse_sequence lengths": (reverse_sequence((1,), 1, 0), "expected (2,)"),
    "reverse_sequence dims": (reverse_sequence((1, 1), 0, 0), "both 0"),
    "reverse_sequence seq_dim": (reverse_sequence((1, 1), -1, 0), "seq_dim is -1"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)


def test_slice_of_another_shape_than_declared() -> None:
    operands = [X, Const(i32(0, 1)), Input(i32(1, 2))]
    refused(single_op("SLICE", operands, [out(np.float32, shape=(2, 2))]), "is declared as (2, 2)", official_too=True)
    check(single_op("SLICE", operands, [out(np.float32, shape=(2, 2), shape_signature=(-1, 2))]))
