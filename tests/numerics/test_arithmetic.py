"""Quantized ADD, SUB and MUL under every numerics flavour.

litert-opt and xnnpack against the official kernel sets of those names, on every pair of 8-bit values and on int16 pairs
that tell the formulas apart; tflm and single-rounding against scalar models in plain Python.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litejit.kernels.reference.arithmetic_flavours import Run, inner_run
from litejit.testing import Input, Problem, check, out, refused, run, single_op
from tests.ops.values import every, pairs

OFFICIAL = [("litert-opt", "opt"), ("xnnpack", "auto")]
DTYPES = [np.int8, np.uint8, np.int16]
SCALES = [
    (0.05, 0.02, 0.1),
    (1.7, 0.9, 0.013),
    (0.001, 0.7, 0.3),
    (0.125, 0.467529296875, 0.671875),
    (2.955078125, 0.125, 0.1171875),
    (0.4296875, 0.125, 0.140625),
    (0.02, 0.03, 9.5),
]
"""Ordinary ones; outputs beyond 16 bits; ratios that make ties; ratios beyond the delegate."""


def problem(op: str, dtype: Any, a: np.ndarray, b: np.ndarray, scales: Any, zeros: Any, **options: Any) -> Problem:
    if op != "MUL":
        options["pot_scale_int16"] = False
    operands = [Input(x, dtype, scale=s, zero_point=z) for x, s, z in zip((a, b), scales, zeros, strict=False)]
    return single_op(op, operands, outputs=[out(dtype, scale=scales[2], zero_point=zeros[2])], version=2, **options)


def zero_points(dtype: Any) -> tuple[int, int, int]:
    return {np.int8: (-128, 5, -7), np.uint8: (3, 250, 128), np.int16: (0, 0, 0)}[dtype]


def sample(dtype: Any, count: int = 65541) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of 8-bit values and five more, so that blocks leave elements over; random pairs of int16."""
    if dtype == np.int16:
        return tuple(np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (2, count)).astype(dtype))
    return tuple(np.concatenate([x, x[:5]]) for x in pairs(every(dtype)))


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_every_pair(flavour: str, resolver: str, op: str, dtype: Any, scales: Any) -> None:
    a, b = sample(dtype)
    check(problem(op, dtype, a, b, scales, zero_points(dtype)), resolver=resolver, numerics=flavour)


def broadcasts(dtype: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows, columns and scalars on either side, nothing, a fivefold broadcast, and one too entangled for blocks."""
    a, b = (x[::3] for x in sample(dtype))
    column = b[[1, 300, -7]].reshape(3, 1)
    return [
        (a[: 7 * 203].reshape(7, 203), b[-203:]),
        (b[-37:], a[: 2 * 3 * 37].reshape(2, 3, 37)),
        (a[: 3 * 203].reshape(3, 203), column),
        (column, a[: 3 * 203].reshape(3, 203)),
        (b[[77]], a[:1003]),
        (a[:1003].reshape(17, 59), b[[78]].reshape(1, 1)),
        (a[5].reshape(()), b[9].reshape(())),
        (a[5].reshape(()), b[:20]),
        (a[:0], b[:1]),
        (a[: 2 * 3 * 37].reshape(2, 1, 3, 1, 37), b[: 2 * 3 * 37].reshape(2, 3, 1, 1, 37)),
        (a[: 2 * 3 * 5 * 7].reshape(2, 1, 3, 1, 5, 7), b[: 4 * 5 * 6].reshape(1, 4, 1, 6, 5, 1)),
    ]


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_broadcasts(flavour: str, resolver: str, op: str, dtype: Any, scales: Any) -> None:
    for a, b in broadcasts(dtype):
        check(problem(op, dtype, a, b, scales, zero_points(dtype)), resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1", "TANH"])
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_activations(flavour: str, resolver: str, op: str, activation: str) -> None:
    """The delegate leaves TANH to the builtin kernels."""
    for dtype in (np.int8, np.uint8):
        case = problem(op, dtype, *sample(dtype), SCALES[0], zero_points(dtype), fused_activation_function=activation)
        check(case, resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("ratio", [2.0**-10, 2.0**-10.01, 255.9, 256.0])
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
def test_limits_of_the_delegate(op: str, ratio: float) -> None:
    other = 0.5 if op != "MUL" else 1.0
    for rank in (1, 6, 7):
        a, b = (x.reshape(x.shape + (1,) * (rank - 1)) for x in sample(np.int8))
        check(problem(op, np.int8, a, b, (ratio, other, 1.0), (0, 0, 0)), resolver="auto", numerics="xnnpack")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("flavour", "resolver"), [("litert-ref", "ref"), *OFFICIAL])
def test_differences_whose_multiplier_exceeds_one(flavour: str, resolver: str, dtype: Any) -> None:
    """Vectors of 4 shift all bits out, what is left over and what broadcasts does not."""
    for scale in (1e-7, 1e-8):
        for count in (1, 3, 4, 7, 8, 33, 2047):
            for a, b in (
                (sample(dtype)[0][-count:], sample(dtype)[1][:count]),
                (sample(dtype)[0][:count], every(np.int8)[:1].astype(dtype)),
            ):
                case = problem("SUB", dtype, a, b, (0.5, 0.7, scale), zero_points(dtype))
                check(case, resolver=resolver, numerics=flavour)


APART = [
    (np.int16, 37, (0.125, 0.270263671875, 0.13671875), (-14617, 8072)),
    (np.int16, 37, (0.125, 0.10467147827148438, 0.0234375), (21057, -28721)),
    (np.int16, 37, (0.125, 1.430511474609375e-05, 0.08203125), (-334, -3140)),
    (np.int8, 37, (0.125, 3.91015625, 0.03125), (-124, 4)),
    (np.int8, 37, (0.125, 0.1826171875, 0.0625), (-125, 96)),
    (np.int8, 37, (0.125, 0.2799072265625, 0.15234375), (-102, 48)),
    *[
        (dtype, count, scales, pair)
        for dtype, count in ((np.int8, 1), (np.uint8, 1), (np.uint8, 37))
        for scales, pair in (
            ((0.125, 0.18994140625, 0.796875), (2, -16)),
            ((0.125, 2.56201171875, 0.84375), (-126, 32)),
            ((0.125, 0.18359375, 0.4921875), (6, -51)),
            ((0.125, 0.9140625, 0.578125), (-84, 39)),
        )
    ],
]
"""Sums that a block of litert-opt rounds otherwise than litert-ref does: type, elements of input2, scales, values."""


@pytest.mark.parametrize(("dtype", "count", "scales", "values"), APART)
def test_sums_that_tell_the_formulas_apart(dtype: Any, count: int, scales: Any, values: tuple[int, int]) -> None:
    """They come out otherwise in the blocks than in the elements left over at the end."""
    bias = 128 if dtype == np.uint8 else 0
    a, b = np.full(37, values[0] + bias), np.full(count, values[1] + bias)
    result = check(problem("ADD", dtype, a, b, scales, (bias,) * 3), resolver="opt", numerics="litert-opt")[0]
    assert result[0] != result[-1]


RUNS = [
    ((2, 3), (2, 3), Run(6, False)),
    ((3,), (1, 3), Run(3, False)),
    ((2, 3), (3,), Run(3, False)),
    ((1,), (4, 5), Run(20, True)),
    ((4, 1), (4, 5), Run(5, True)),
    ((4, 5), (4, 1), Run(5, True)),
    ((2, 5, 3, 1, 7), (2, 1, 3, 4, 7), Run(7, False)),
    ((2, 1, 3, 1, 7), (2, 5, 3, 4, 7), None),
    ((2, 5, 1, 4, 1), (2, 1, 3, 1, 1), None),
    ((1, 4, 1, 2, 7), (3, 1, 6, 1, 7), None),
    ((1, 1, 5), (1, 4, 1), Run(5, True)),
]


@pytest.mark.parametrize(("shape1", "shape2", "expected"), RUNS)
def test_inner_run(shape1: Any, shape2: Any, expected: Run | None) -> None:
    assert inner_run(shape1, shape2) == expected


def quantize_multiplier(real: float) -> tuple[int, int]:
    fraction, exponent = math.frexp(real)
    mantissa = math.floor(fraction * 2**31 + 0.5)
    return (mantissa // 2, exponent + 1) if mantissa == 2**31 else (mantissa, exponent)


def rescale_twice(x: int, real: float) -> int:
    mantissa, exponent = quantize_multiplier(real)
    x = ((x << max(exponent, 0)) + 2**31) % 2**32 - 2**31
    high = (x * mantissa + 2**30) >> 31
    right = max(-exponent, 0)
    return int(math.copysign((abs(high) + (2**right >> 1)) >> right, high))


def rescale_once(x: int, real: float) -> int:
    mantissa, exponent = quantize_multiplier(real)
    return (x * mantissa + (1 << (30 - exponent))) >> (31 - exponent)


def scalar_model(op: str, flavour: str, a: int, b: int, scales: Any, zeros: Any, low: int, high: int) -> int:
    rescale = rescale_once if flavour == "single-rounding" else rescale_twice
    s1, s2, so = map(np.float32, scales)
    a, b = a - zeros[0], b - zeros[1]
    if op == "MUL":
        wide = np.float64 if flavour == "tflm" else np.float32
        steps = rescale(a * b, float(wide(s1) * wide(s2) / wide(so)))
    else:
        wide = np.float32 if flavour == "tflm" and op == "SUB" else np.float64
        shift = 20 if high - low < 256 else 15
        common = wide(2 * max(s1, s2))
        a, b = rescale(a << shift, float(wide(s1) / common)), rescale(b << shift, float(wide(s2) / common))
        steps = rescale(a + b if op == "ADD" else a - b, float(common / wide(np.float32(2**shift) * so)))
    return min(max(steps + zeros[2], low), high)


@pytest.mark.parametrize("scales", [*SCALES[:1], *SCALES[2:]], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("flavour", ["tflm", "single-rounding"])
def test_scalar_models(flavour: str, op: str, dtype: Any, scales: Any) -> None:
    zeros = zero_points(dtype)
    a, b = (x[::41] for x in sample(dtype))
    case = problem(op, dtype, a, b, scales, zeros)
    if flavour == "tflm" and dtype == np.uint8:
        refused(case, f"not established for {op} of UINT8", numerics=flavour)
        return
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    expected = [scalar_model(op, flavour, int(x), int(y), scales, zeros, low, high) for x, y in zip(a, b, strict=True)]
    assert np.array_equal(run(case, numerics=flavour)[0], expected)


@pytest.mark.parametrize("flavour", ["tflm", "single-rounding"])
def test_division_is_not_established(flavour: str) -> None:
    case = single_op("DIV", [Input([4], np.int8, scale=0.1), Input([2], np.int8, scale=0.1)])
    refused(case, f"numerics '{flavour}' is not established for DIV of INT8", numerics=flavour)
