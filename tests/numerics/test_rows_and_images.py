"""Quantized SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION, QUANTIZE, RESIZE_BILINEAR of single-rounding and tflm.

Against scalar models in plain Python; tests/ops has their sweeps against the official kernel sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litejit.kernels.gemmlowp import WORD32, log
from litejit.kernels.newton import inverse_sqrt, reciprocal
from litejit.testing import Const, Input, assert_same, out, refused, run, single_op
from tests.numerics.test_arithmetic import quantize_multiplier, rescale_once, rescale_twice
from tests.ops.test_quantization import REQUANTIZE
from tests.ops.values import every

LIBRARIES = {"tflm": rescale_twice, "single-rounding": rescale_once}


@pytest.mark.parametrize(("source", "result"), REQUANTIZE)
@pytest.mark.parametrize("ratio", [1.0, 0.371, 7.3, 100.0, 0.0021])
@pytest.mark.parametrize("flavour", ["tflm", "single-rounding"])
def test_requantize(flavour: str, source: Any, result: Any, ratio: float) -> None:
    if source == np.int32:
        q = np.random.default_rng(0).integers(-(1 << 22), 1 << 22, 999).astype(np.int32)
    else:
        q = every(source)[:: 1 if np.dtype(source).itemsize == 1 else 37]
    symmetric = {source, result} <= {np.int16, np.int32} or source == np.int16
    zero, output_zero = (0 if symmetric else 5), (0 if symmetric or result == np.int32 else 11)
    scale, output_scale = np.float32(0.05), np.float32(0.05 / ratio)
    info = np.iinfo(result)
    real = float(scale) / float(output_scale)
    rescale = LIBRARIES[flavour]
    expected = [max(info.min, min(info.max, rescale(int(v) - zero, real) + output_zero)) for v in q]
    problem = single_op(
        "QUANTIZE",
        [Input(q, scale=scale, zero_point=zero)],
        [out(result, scale=output_scale, zero_point=output_zero)],
    )
    assert run(problem, numerics=flavour)[0].tolist() == expected


def divide_by_pot(x: int, exponent: int) -> int:
    magnitude = (abs(x) + (1 << exponent >> 1)) >> exponent
    return magnitude if x >= 0 else -magnitude


SOFTMAXES = [
    *[(np.int8, result, flavour) for result in (np.int8, np.int16) for flavour in LIBRARIES],
    *[(np.uint8, result, "single-rounding") for result in (np.uint8, np.int16)],
]


@pytest.mark.parametrize("scale", [0.013, 0.1, 0.47])
@pytest.mark.parametrize(("dtype", "result", "flavour"), SOFTMAXES)
def test_softmax_of_kernel_libraries(dtype: Any, result: Any, flavour: str, scale: float) -> None:
    """Only the rescaling of differences is theirs; everything after that is gemmlowp's in every build."""
    rescale = LIBRARIES[flavour]
    info = np.iinfo(dtype)
    rows = np.random.default_rng(0).integers(info.min, info.max + 1, (30, 11)).astype(dtype)
    real = float(np.float32(scale)) * (1 << 26)
    _, left = quantize_multiplier(real)
    smallest = -((31 << 26) >> left)
    low, bits = int(np.iinfo(result).min), 8 * np.dtype(result).itemsize
    probabilities, logarithms = [], []
    for row in rows.tolist():
        differences = [q - max(row) for q in row]
        scaled = [rescale(d, real) for d in differences]
        exps = [
            int(WORD32.exp_on_negative_values(np.int64(v), 5)) if d >= smallest else 0
            for d, v in zip(differences, scaled, strict=True)
        ]
        total = sum(divide_by_pot(e, 12) for e in exps)
        inverse, shift = (int(v) for v in reciprocal(np.int64(total)))
        shares = [divide_by_pot((e * inverse + (1 << 30)) >> 31, shift + 12 - bits) for e in exps]
        probabilities.append([min(share + low, low + (1 << bits) - 1) for share in shares])
        mantissa, exponent = quantize_multiplier(real)
        log_total = int(log(np.int64(total), 12, 5))
        cut = max(smallest - 1, rescale(log_total - (1 << 31), (1 << (31 - exponent)) / mantissa))
        steps = [
            divide_by_pot(v - log_total, 22) + info.max if d > cut else info.min
            for d, v in zip(differences, scaled, strict=True)
        ]
        logarithms.append([max(info.min, min(info.max, step)) for step in steps])
    operand = Input(rows, scale=scale, zero_point=3)
    declared = out(result, scale=2.0 ** -(8 if bits == 8 else 15), zero_point=low if bits == 8 else 0)
    assert run(single_op("SOFTMAX", [operand], [declared], beta=1.0), numerics=flavour)[0].tolist() == probabilities
    declared = out(dtype, scale=1 / 16, zero_point=int(info.max))
    assert run(single_op("LOG_SOFTMAX", [operand], [declared]), numerics=flavour)[0].tolist() == logarithms


def nearest(x: Any) -> Any:
    """To the nearest integer, ties away from zero, in the type of x."""
    return type(x)(math.copysign(math.floor(abs(float(x)) + 0.5), x))


def samples(
    function: Callable[[float], float], real: type, scale: Any, zero_point: int, output_scale: Any
) -> list[int]:
    """The 513 samples of a function of int16, in float32 or float64."""
    start, end = (scale * real(bound - zero_point) for bound in (-32768, 32767))
    per_unit = real(65536) / (output_scale * real(32767) - output_scale * real(-32768))
    step = (end - start) / real(512)
    entries = []
    for i in range(512):
        value, middle, following = (
            real(function(float(x))) * per_unit
            for x in (start + real(i) * step, start + real(i) * step + step / real(2), start + real(i + 1) * step)
        )
        error = nearest((following + nearest(value)) / real(2)) - nearest(middle)
        entries.append(nearest(value) - nearest(error / real(2)))
    entries.append(nearest(real(function(float(end))) * per_unit))
    return [int(max(-32768, min(32767, entry))) for entry in entries]


def interpolated(entries: list[int], x: int) -> int:
    x = max(-32768, min(32767, x)) + 32768
    base = entries[x >> 7]
    return base + (((entries[(x >> 7) + 1] - base) * (x & 127) + 64) >> 7)


@pytest.mark.parametrize("flavour", ["litert-ref", "tflm", "single-rounding"])
@pytest.mark.parametrize("scale", [3e-4, 1.7e-5])
def test_softmax_of_16_bits(flavour: str, scale: float) -> None:
    """tflite-micro computes its tables in float32, and the product of scale and beta in float64."""
    beta = np.float32(1.1)
    real = np.float32 if flavour == "tflm" else np.float64
    product = float(np.float32(scale)) * float(beta) if flavour == "tflm" else float(np.float32(scale) * beta)
    rescale = rescale_once if flavour == "single-rounding" else rescale_twice
    exps = samples(math.exp, real, real(10) / real(65535), 32767, real(2) / real(65535))
    inverses = samples(lambda x: 1 / (1 + x), real, real(1) / real(65535), -32768, real(2) / real(65535))
    rows = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (30, 9)).astype(np.int16)
    expected = []
    for row in rows.tolist():
        terms = [interpolated(exps, rescale(q - max(row), product / (10 / 65535)) + 32767) for q in row]
        zeros = 32 - sum(terms).bit_length()
        fraction = ((sum(terms) << (zeros - 1)) + (1 << 13) >> 14) - (1 << 15) - (1 << 16)
        inverse = interpolated(inverses, fraction)
        shares = [(term * inverse + (1 << (30 - zeros))) >> (31 - zeros) for term in terms]
        expected.append([max(0, min(32767, share)) for share in shares])
    operand, declared = Input(rows, scale=scale, zero_point=0), out(np.int16, scale=1 / 32768, zero_point=0)
    problem = single_op("SOFTMAX", [operand], [declared], beta=beta)
    assert run(problem, numerics=flavour)[0].tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "flavour"), [(np.int8, "tflm"), (np.int8, "single-rounding"), (np.uint8, "single-rounding")]
)
def test_l2_normalization(dtype: Any, flavour: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, (40, 7)).astype(dtype)
    zero = int(np.iinfo(dtype).min) + 100
    expected = []
    for row in rows.tolist():
        inverse = inverse_sqrt(np.int64(sum((q - zero) ** 2 for q in row)))
        mantissa, right = int(inverse.mantissa), -int(inverse.exponent) - 7
        if flavour == "tflm":
            left, right = max(-right, 0), max(right, 0)
            steps = [divide_by_pot((((q - zero) << left) * mantissa + (1 << 30)) >> 31, right) for q in row]
        else:
            steps = [((q - zero) * mantissa + (1 << (right + 30))) >> (right + 31) for q in row]
        expected.append([max(-128, min(127, step)) for step in steps])
    centre = 0 if dtype == np.int8 else 128
    problem = single_op(
        "L2_NORMALIZATION",
        [Input(rows, scale=0.1, zero_point=zero)],
        [out(dtype, scale=1 / 128, zero_point=centre)],
    )
    assert (run(problem, numerics=flavour)[0].astype(np.int64) - centre).tolist() == expected


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_resize_bilinear_rounds_ties_up(dtype: Any) -> None:
    """Twice the height: rows half way between two others, in integers; -0.5 becomes 0, not -1."""
    x = np.array([[[[-3], [5]], [[-2], [6]]]], dtype)
    operands = [Input(x, scale=0.1, zero_point=0), Const([4, 2], np.int32)]
    problem = single_op("RESIZE_BILINEAR", operands, [out(dtype, scale=0.1, zero_point=0)])
    assert run(problem, numerics="single-rounding")[0][0, 1].ravel().tolist() == [math.floor(-2.5 + 0.5), 6]
    assert run(problem, numerics="litert-ref")[0][0, 1].ravel().tolist() == [-3, 6]
    if dtype == np.int8:
        assert_same(run(problem, numerics="tflm")[0], run(problem, numerics="litert-ref")[0])


def test_not_in_tflm() -> None:
    q, unit = Input(np.zeros((1, 2, 2, 1)), np.uint8, scale=0.1, zero_point=0), {"scale": 1 / 128, "zero_point": 128}
    window = {"filter_height": 1, "filter_width": 1, "stride_h": 1, "stride_w": 1}
    same = out(np.uint8, scale=0.1, zero_point=0)
    problems = [
        single_op("QUANTIZE", [Input([1.0, 2.0], np.float32)], [same]),
        single_op("SOFTMAX", [q], [out(np.uint8, scale=1 / 256, zero_point=0)], beta=1.0),
        single_op("LOG_SOFTMAX", [q], [out(np.uint8, scale=1 / 16, zero_point=255)]),
        single_op("L2_NORMALIZATION", [q], [out(np.uint8, **unit)]),
        single_op("RESIZE_BILINEAR", [q, Const([2, 2], np.int32)], [same]),
        single_op("MAX_POOL_2D", [q], [same], **window),
        single_op("AVERAGE_POOL_2D", [q], [same], **window),
    ]
    for problem in problems:
        type = "FLOAT32->UINT8" if problem.label == "QUANTIZE" else "UINT8"
        refused(problem, f"numerics 'tflm' is not established for {problem.label} of {type}", numerics="tflm")
