"""Quantized SUM, MEAN and REDUCE_PROD under every numerics flavour.

The official kernel sets on random tensors of full range and on every sum of two pixels; tflm and single-rounding on the
same against scalar models in plain Python.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from litejit.testing import Problem, assert_same, check, out, refused, run
from tests.numerics.test_arithmetic import OFFICIAL, quantize_multiplier, rescale_once, rescale_twice
from tests.ops.test_reduction import points, reduction
from tests.ops.values import every
from tests.oracle import oracle

EVERY = [("litert-ref", "ref"), *OFFICIAL]
SCALES = [
    (0.05, 0.05),
    (0.1, 0.02),
    (0.0123, 0.7),
    (0.003, 2.5),
    (0.25, 0.125),
    (0.5, 0.0078125),
    (0.0711, 0.0713),
    (3.0, 0.01),
]
"""Ordinary ones, small and large ratios, powers of two with many ties."""

SHAPES: dict[str, tuple[tuple[int, ...], Any]] = {
    "image": ((2, 3, 4, 37), [1, 2]),
    "image-reversed": ((3, 4, 2, 16), [-2, 1]),
    "few-channels": ((7, 2, 3, 5), [1, 2]),
    "one-pixel": ((2, 1, 1, 700), [1, 2]),
    "channels": ((4, 3, 5, 33), [3]),
    "rows": ((90, 21), [1]),
    "columns": ((21, 90), [0]),
    "all": ((3, 5, 7), [0, 1, 2]),
    "none": ((300,), []),
    "six": ((2, 3, 2, 2, 3, 4), [1, 4]),
    "seven": ((2, 3, 2, 2, 3, 2, 2), [1, 4]),
}


def problem(op: str, dtype: Any, shape: str, scales: Any, keep: bool, constant: bool = True, seed: int = 0) -> Problem:
    """Random values; where many are added up, they lie in a part of the range, so that results do, too."""
    dims, axes = SHAPES[shape]
    zero, zero_out = points(dtype)
    x = np.random.default_rng(seed).choice(every(dtype), dims)
    declared = out(dtype, scale=scales[1], zero_point=zero_out, shape=expected_shape(dims, axes, keep))
    return reduction(op, x, axes, keep=keep, output=declared, constant=constant, scale=scales[0], zero_point=zero)


def expected_shape(dims: tuple[int, ...], axes: Any, keep: bool) -> tuple[int, ...]:
    return np.zeros(dims, np.int8).sum(axis=tuple(axes), keepdims=keep).shape if axes else dims


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("op", ["SUM", "MEAN"])
@pytest.mark.parametrize(("flavour", "resolver"), EVERY)
def test_sums(flavour: str, resolver: str, op: str, dtype: Any, shape: str, keep: bool) -> None:
    """The official reference kernel reads INT8 and INT16 sums as UINT8; litert-ref has those of litert-opt."""
    if op == "SUM" and resolver == "ref" and dtype != np.uint8:
        resolver = "opt"
    if shape == "seven" and resolver == "auto" and dtype != np.int16:
        # The official runtime takes it for XNNPACK, fails there, and runs nothing.
        refused(problem(op, dtype, shape, SCALES[0], keep), "no reductions of rank 7", numerics=flavour)
        return
    for scales in SCALES:
        check(problem(op, dtype, shape, scales, keep), resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("op", ["SUM", "MEAN"])
@pytest.mark.parametrize(("flavour", "resolver"), EVERY)
def test_axes_known_at_run_time(flavour: str, resolver: str, op: str) -> None:
    """XNNPACK wants them constant."""
    for shape in ("image", "rows"):
        check(problem(op, np.uint8, shape, SCALES[4], True, constant=False), resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("scales", [(0.25, 0.125), (0.0313, 0.0157), (1.0, 0.37), (0.1, 0.0871)], ids=str)
@pytest.mark.parametrize(("flavour", "resolver"), EVERY)
def test_every_sum_of_an_image(flavour: str, resolver: str, scales: Any, dtype: Any) -> None:
    """Each sum of two pixels is reached, in whole blocks of channels and in what is left over."""
    values = every(dtype).astype(np.int64)
    totals = np.arange(2 * values[0], 2 * values[-1] + 1)
    first = np.clip(totals // 2, values[0], values[-1])
    pixels = np.stack([first, totals - first]).astype(dtype)
    zero, zero_out = points(dtype)
    for channels in (16, 37, 511):
        count = totals.size // channels
        x = pixels[:, : count * channels].reshape(2, count, channels).transpose(1, 0, 2)[:, :, None]
        declared = out(dtype, scale=scales[1], zero_point=zero_out, shape=(count, 1, 1, channels))
        case = reduction("MEAN", x, [1, 2], keep=True, output=declared, scale=scales[0], zero_point=zero)
        check(case, resolver=resolver, numerics=flavour)


def shares(channels: int, threads: int) -> list[slice]:
    """The channels that each thread of litert-opt's MEAN gets: at least 8, the last ones more if it does not divide."""
    count = min(max(1, channels // 8), threads)
    ends = [0]
    for at in range(count):
        ends.append(ends[-1] + (channels - ends[-1]) // (count - at))
    return [slice(*pair) for pair in pairwise(ends)]


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [15, 37, 64, 100])
def test_threads(channels: int, threads: int) -> None:
    """Each thread counts the blocks of its own channels: as if they were all there are."""
    zero, zero_out = points(np.int8)
    x = np.random.default_rng(0).choice(every(np.int8), (60, 2, 1, channels))

    def mean(x: np.ndarray) -> Problem:
        declared = out(np.int8, scale=0.5, zero_point=zero_out, shape=(60, 1, 1, x.shape[-1]))
        return reduction("MEAN", x, [1, 2], keep=True, output=declared, scale=0.25, zero_point=zero)

    answer = oracle.run(mean(x).model, [x], "opt", threads=threads)
    parts = [run(mean(x[..., part].copy()), numerics="litert-opt")[0] for part in shares(channels, threads)]
    assert_same(np.concatenate(parts, axis=-1), answer.outputs[0])


@pytest.mark.parametrize("shape", ["rows", "columns", "channels", "none", "image"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize(("flavour", "resolver"), EVERY)
def test_products(flavour: str, resolver: str, dtype: Any, shape: str) -> None:
    for scales in [*SCALES, (0.5, 0.9), (0.02, 1e-4)]:
        check(problem("REDUCE_PROD", dtype, shape, scales, False), resolver=resolver, numerics=flavour)


# Scalar models -------------------------------------------------------------------------------------------------------


def scaled_by_count(flavour: str, real: float, count: int) -> Any:
    """The rescaling of a mean: the count divides the mantissa, which first gets as many bits more as the count has."""
    mantissa, exponent = quantize_multiplier(real)
    shift = min(count.bit_length() - 1, 31 + exponent)
    folded = ((mantissa << shift) // count) / 2.0**31 * 2.0 ** (exponent - shift)
    mantissa, exponent = (mantissa << shift) // count, exponent - shift

    def rescale(x: int) -> int:
        if flavour == "single-rounding":
            return (x * mantissa + (1 << (30 - exponent))) >> (31 - exponent)
        high = ((x << max(exponent, 0)) * mantissa + (1 << 30)) >> 31
        right = max(-exponent, 0)
        magnitude = (abs(high) + (1 << right >> 1)) >> right
        return magnitude if high >= 0 else -magnitude

    assert folded > 0
    return rescale


@pytest.mark.parametrize("scales", SCALES[:6], ids=str)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("op", ["SUM", "MEAN"])
@pytest.mark.parametrize("flavour", ["tflm", "single-rounding"])
def test_scalar_models(flavour: str, op: str, dtype: Any, scales: Any) -> None:
    case = problem(op, dtype, "rows", scales, False)
    if flavour == "tflm" and dtype == np.uint8:
        refused(case, f"numerics 'tflm' is not established for {op} of UINT8", numerics=flavour)
        return
    zero, zero_out = points(dtype)
    real = float(np.float32(scales[0])) / float(np.float32(scales[1]))
    once = rescale_once if flavour == "single-rounding" else rescale_twice
    rescale = scaled_by_count(flavour, real, 21) if op == "MEAN" else lambda x: once(x, real)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    sums = (case.inputs[0].astype(np.int64) - zero).sum(axis=1).tolist()
    expected = [min(max(rescale(total) + zero_out, low), high) for total in sums]
    assert run(case, numerics=flavour)[0].tolist() == expected


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_products_of_kernel_libraries(dtype: Any) -> None:
    """64-bit products are rescaled by 15 bits in every build; tflite-micro has no such operator."""
    case = problem("REDUCE_PROD", dtype, "rows", (0.5, 0.9), False)
    assert np.array_equal(run(case, numerics="single-rounding")[0], run(case)[0])
    name = np.dtype(dtype).name.upper()
    refused(case, f"numerics 'tflm' is not established for REDUCE_PROD of {name}", numerics="tflm")
