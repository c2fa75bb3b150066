"""STABLEHLO_REDUCE, SORT and CONVOLUTION against the specification, written in NumPy: no official kernel has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.testing import Problem, out, refused, run

I8, I32, I64, F32 = np.int8, np.int32, np.int64, np.float32
Region = Callable[[Any, list[Any]], Any]


def with_region(
    op: str,
    operands: Sequence[np.ndarray],
    results: Sequence[Any],
    scalars: Sequence[Any],
    region: Region,
    **options: Any,
) -> Problem:
    """scalars: dtypes of the region's operands. region: builds it from these."""
    b = ModelBuilder()
    handles = [b.input(None, x.shape, x.dtype) for x in operands]
    inner = b.subgraph("region")
    made = region(inner, [inner.input(f"p{at}", (), dtype) for at, dtype in enumerate(scalars)])
    inner.output(*(made if isinstance(made, tuple) else (made,)))
    field = "comparator_subgraph_index" if op == "STABLEHLO_SORT" else "body_subgraph_index"
    made = b.op(op, handles, [out(dtype) for dtype in results], **{field: inner.index}, **options)
    b.output(*(made if isinstance(made, tuple) else (made,)))
    return Problem(b.to_bytes(), list(operands), op)


def sum_of(dtype: Any) -> Region:
    return lambda inner, given: inner.op("STABLEHLO_ADD", given, [out(dtype)])


@pytest.mark.parametrize("dtype", [F32, I32, I64])
@pytest.mark.parametrize("dimensions", [[0], [1], [2, 0], [0, 1, 2], []])
def test_reduce(dimensions: list[int], dtype: Any) -> None:
    x = np.random.default_rng(0).integers(-50, 50, (3, 4, 5)).astype(dtype)
    problem = with_region(
        "STABLEHLO_REDUCE", [x, np.array(7, dtype)], [dtype], [dtype] * 2, sum_of(dtype), dimensions=dimensions
    )
    np.testing.assert_array_equal(run(problem)[0], x.sum(axis=tuple(dimensions)) + 7 if dimensions else x + 7)


def test_reduce_of_nothing_and_to_nothing() -> None:
    for shape, dimensions in (((0, 3), [0]), ((0, 3), [1])):
        x = np.zeros(shape, F32)
        given = [x, np.array(2, F32)]
        problem = with_region("STABLEHLO_REDUCE", given, [F32], [F32] * 2, sum_of(F32), dimensions=dimensions)
        np.testing.assert_array_equal(run(problem)[0], np.full(np.delete(shape, dimensions), 2, F32))


def test_reduce_in_order() -> None:
    """Differences show the order."""
    x = np.array([[1, 2, 4], [8, 16, 32]], F32)
    region = lambda inner, given: inner.op("STABLEHLO_SUBTRACT", given, [out(F32)])  # noqa: E731
    given = [x, np.array(100, F32)]
    problem = with_region("STABLEHLO_REDUCE", given, [F32], [F32] * 2, region, dimensions=[0, 1])
    assert run(problem)[0] == 100 - x.sum()


def largest_with_index(inner: Any, given: list[Any]) -> Any:
    """(value, index) of the larger value, of the earlier one if they are equal."""
    value, index, other, other_index = given
    larger = inner.op("STABLEHLO_COMPARE", [other, value], [out(np.bool_)], comparison_direction=GT)
    chosen = inner.op("STABLEHLO_SELECT", [larger, other, value], [out(F32)])
    return chosen, inner.op("STABLEHLO_SELECT", [larger, other_index, index], [out(I32)])


GT, LT = (f"STABLEHLO_COMPARISON_DIRECTION_{name}" for name in ("GT", "LT"))


def test_reduce_of_several_operands() -> None:
    """The largest element and where it is."""
    x = np.random.default_rng(0).integers(0, 9, (4, 20)).astype(F32)
    places = np.broadcast_to(np.arange(20, dtype=I32), x.shape).copy()
    given = [x, places, np.array(-1, F32), np.array(-1, I32)]
    problem = with_region("STABLEHLO_REDUCE", given, [F32, I32], [F32, I32] * 2, largest_with_index, dimensions=[1])
    values, indices = run(problem)
    np.testing.assert_array_equal(values, x.max(axis=1))
    np.testing.assert_array_equal(indices, x.argmax(axis=1))


def by_first(direction: str) -> Region:
    return lambda inner, given: inner.op(
        "STABLEHLO_COMPARE", given[:2], [out(np.bool_)], comparison_direction=direction
    )


@pytest.mark.parametrize("direction", [LT, GT])
@pytest.mark.parametrize("dimension", [0, 1, -1])
@pytest.mark.parametrize("shape", [(5, 33), (1, 1), (2, 0), (64, 3)])
def test_sort(shape: tuple[int, ...], dimension: int, direction: str) -> None:
    """Keys with many ties, and what lies beside them: elements with equal keys stay in order."""
    rng = np.random.default_rng(0)
    keys, values = rng.integers(0, 7, shape).astype(I32), np.arange(np.prod(shape), dtype=F32).reshape(shape)
    scalars = [I32, I32, F32, F32]
    problem = with_region(
        "STABLEHLO_SORT", [keys, values], [I32, F32], scalars, by_first(direction), dimension=dimension, is_stable=True
    )
    order = np.argsort(-keys if direction == GT else keys, axis=dimension, kind="stable")
    for result, x in zip(run(problem), (keys, values), strict=True):
        np.testing.assert_array_equal(result, np.take_along_axis(x, order, axis=dimension))


def test_comparators_that_are_no_order() -> None:
    """A comparator that always holds: something comes out, and it has all elements."""
    always = lambda inner, given: inner.constant(np.array(True))  # noqa: E731
    x = np.arange(9, dtype=F32)
    (result,) = run(with_region("STABLEHLO_SORT", [x], [F32], [F32] * 2, always, dimension=0))
    assert sorted(result) == x.tolist()


# Convolutions --------------------------------------------------------------------------------------------------------

NHWC = {
    "input_batch_dimension": 0,
    "input_feature_dimension": 3,
    "input_spatial_dimensions": [1, 2],
    "kernel_input_feature_dimension": 2,
    "kernel_output_feature_dimension": 3,
    "kernel_spatial_dimensions": [0, 1],
    "output_batch_dimension": 0,
    "output_feature_dimension": 3,
    "output_spatial_dimensions": [1, 2],
}
TURNED = {
    "input_batch_dimension": 3,
    "input_feature_dimension": 0,
    "input_spatial_dimensions": [2, 1],
    "kernel_input_feature_dimension": 1,
    "kernel_output_feature_dimension": 0,
    "kernel_spatial_dimensions": [3, 2],
    "output_batch_dimension": 1,
    "output_feature_dimension": 2,
    "output_spatial_dimensions": [0, 3],
}
CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strides": {"window_strides": [2, 1], "padding": [1, 0, 2, 1]},
    "cropped": {"padding": [-1, 0, 2, -1]},
    "spread": {"lhs_dilation": [2, 3], "padding": [2, 2, -1, 1]},
    "spread windows": {"rhs_dilation": [1, 2], "padding": [0, 1, 2, 2]},
    "turned windows": {"window_reversal": [True, False]},
    "all": {
        "window_strides": [3, 2],
        "padding": [2, 3, 1, 4],
        "lhs_dilation": [2, 1],
        "rhs_dilation": [2, 2],
        "window_reversal": [False, True],
    },
    "groups of features": {"feature_group_count": 2},
    "groups of batches": {"batch_group_count": 2},
    "nothing fits": {"rhs_dilation": [9, 1]},
}


def arranged(x: np.ndarray, layout: dict[str, Any], name: str) -> np.ndarray:
    """[batch, features, spatial …] (kernel: [outputs, inputs, spatial …]) in a layout's order of dimensions."""
    first, second = ("output_feature", "input_feature") if name == "kernel" else ("batch", "feature")
    axes = [layout[f"{name}_{part}_dimension"] for part in (first, second)] + layout[f"{name}_spatial_dimensions"]
    return np.ascontiguousarray(x.transpose(np.argsort(axes)))


def convolved(x: np.ndarray, kernel: np.ndarray, case: dict[str, Any]) -> np.ndarray:
    """The specification, element by element: [batch, features, h, w] with [outputs, inputs, h, w]."""
    strides, dilations, spread = (case.get(k, [1, 1]) for k in ("window_strides", "rhs_dilation", "lhs_dilation"))
    low_high = np.reshape(case.get("padding", [0] * 4), (2, 2))
    turned = case.get("window_reversal", [False, False])
    groups, batches = case.get("feature_group_count", 1), case.get("batch_group_count", 1)
    kernel = kernel[:, :, :: -1 if turned[0] else 1, :: -1 if turned[1] else 1]
    sizes = [(n - 1) * by + 1 for n, by in zip(x.shape[2:], spread, strict=True)]
    spaced = np.zeros((*x.shape[:2], *sizes), x.dtype)
    spaced[:, :, :: spread[0], :: spread[1]] = x
    outer = np.pad(spaced, ((0, 0), (0, 0), *np.maximum(low_high, 0)))
    cut = [
        slice(max(0, -low), size - max(0, -high)) for (low, high), size in zip(low_high, outer.shape[2:], strict=True)
    ]
    padded = outer[(slice(None), slice(None), *cut)]
    out_sizes = [
        max(0, (size - ((taps - 1) * by + 1)) // step + 1)
        for size, taps, by, step in zip(padded.shape[2:], kernel.shape[2:], dilations, strides, strict=True)
    ]
    outputs, depth = kernel.shape[:2]
    result = np.zeros((len(x) // batches, outputs, *out_sizes), x.dtype)
    for n, o, i, j in np.ndindex(result.shape):
        group = o * groups // outputs
        row = n + (o * batches // outputs) * (len(x) // batches)
        window = padded[row, group * depth : (group + 1) * depth]
        window = window[:, i * strides[0] :: dilations[0], j * strides[1] :: dilations[1]]
        result[n, o, i, j] = (window[:, : kernel.shape[2], : kernel.shape[3]] * kernel[o]).sum(dtype=x.dtype)
    return result


def convolution(x: np.ndarray, kernel: np.ndarray, layout: dict[str, Any], case: dict[str, Any]) -> Problem:
    b = ModelBuilder()
    given = [arranged(x, layout, "input"), arranged(kernel, layout, "kernel")]
    b.output(
        b.op(
            "STABLEHLO_CONVOLUTION", [b.input(None, v.shape, v.dtype) for v in given], [out(x.dtype)], **layout, **case
        )
    )
    return Problem(b.to_bytes(), given, "STABLEHLO_CONVOLUTION")


def small(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [F32, I32, I8])
@pytest.mark.parametrize("layout", [NHWC, TURNED], ids=["NHWC", "turned"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str, layout: dict[str, Any], dtype: Any) -> None:
    """Small integers, so that sums are exact in any order; those of int8 wrap around."""
    case = CONVOLUTIONS[name]
    x = small((4, 4, 5, 6), dtype, 0)
    kernel = small((6, 4 // case.get("feature_group_count", 1), 2, 3), dtype, 1)
    expected = arranged(convolved(x, kernel, case), layout, "output")
    np.testing.assert_array_equal(run(convolution(x, kernel, layout, case))[0], expected)


REFUSED = [
    ({"padding": [1]}, "padding has 1 numbers, expected 4"),
    ({"window_strides": [0, 1]}, "window_strides is (0, 1)"),
    ({"rhs_dilation": [1]}, "rhs_dilation has 1 numbers, expected 2"),
    ({"window_reversal": [True]}, "window_reversal has 1 values"),
    ({"feature_group_count": 3}, "which 3 groups do not fit"),
    ({"feature_group_count": 2, "batch_group_count": 2}, "features and batch are both in groups"),
    ({"padding": [1 << 40, 0, 0, 0]}, "more than the limit"),
    ({"input_spatial_dimensions": [1, 1]}, "expected 4 different dimensions"),
]


@pytest.mark.parametrize(("change", "fragment"), REFUSED)
def test_refused_convolutions(change: dict[str, Any], fragment: str) -> None:
    layout = NHWC | {key: value for key, value in change.items() if key in NHWC}
    b = ModelBuilder()
    given = [b.input(None, (4, 4, 5, 4)), b.input(None, (2, 3, 4, 6))]
    rest = {key: value for key, value in change.items() if key not in NHWC}
    b.output(b.op("STABLEHLO_CONVOLUTION", given, [out()], **layout, **rest))
    arrays = [np.zeros((4, 4, 5, 4), F32), np.zeros((2, 3, 4, 6), F32)]
    refused(Problem(b.to_bytes(), arrays), fragment)


X, ONE = np.zeros((2, 3), F32), np.zeros((), F32)
REGIONS = [
    ("STABLEHLO_REDUCE", [X, ONE], {"dimensions": [2]}, "expected some different dimensions below 2"),
    ("STABLEHLO_REDUCE", [X, X], {"dimensions": [0]}, "expected one element"),
    ("STABLEHLO_REDUCE", [X], {"dimensions": [0]}, "expected as many init_values as inputs"),
    ("STABLEHLO_REDUCE", [X, ONE.astype(I32)], {"dimensions": [0]}, "is INT32, expected FLOAT32"),
    ("STABLEHLO_SORT", [X], {"dimension": 2}, "dimension is 2, expected -2 to 1"),
    ("STABLEHLO_SORT", [X.astype(I32)], {"dimension": 0}, "subgraph 1 maps FLOAT32, FLOAT32 to FLOAT32"),
    ("STABLEHLO_SORT", [X], {"dimension": 0}, "expected FLOAT32, FLOAT32 to BOOL"),
]


@pytest.mark.parametrize(("op", "operands", "options", "fragment"), REGIONS)
def test_refused_regions(op: str, operands: list[np.ndarray], options: dict[str, Any], fragment: str) -> None:
    refused(with_region(op, operands, [operands[0].dtype], [F32] * 2, sum_of(F32), **options), fragment)


def test_shapes_that_differ() -> None:
    problem = with_region("STABLEHLO_SORT", [X, X.T], [F32] * 2, [F32] * 4, by_first(LT), dimension=0)
    refused(problem, "differ in shape")
