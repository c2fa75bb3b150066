"""Proofs that compiled code gives the right integers, at their limits: what they let through is right, one unit more is
refused, and with the proof one bit weaker it would be let through, and be wrong.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from litejit.kernels.jit import (
    convolution,
    convolution_products,
    matrices,
    packing,
    pooling,
    quantized,
    reduction,
    slopes,
    splitting,
    stages,
    winograd,
)
from litejit.kernels.jit.cells import Weights
from litejit.kernels.jit.forced import forcing
from litejit.kernels.reference.elementwise import values_of
from litejit.testing import Const, Input, Problem, out, run, single_op
from tests.jit.equal import check_compiled, native_calls, prepared


def weaken(monkeypatch: pytest.MonkeyPatch, function: Any, text: str, other: str) -> None:
    """Puts another text into the source of a function, wherever it has been imported."""
    source = textwrap.dedent(inspect.getsource(function))
    source = source[source.index("def ") :]  # without decorators
    assert source.count(text) == 1, f"{function.__name__} has no single {text!r}"
    names: dict[str, Any] = {}
    flags = __future__.annotations.compiler_flag
    exec(compile(source.replace(text, other), inspect.getfile(function), "exec", flags), {}, names)
    monkeypatch.setattr(function, "__code__", names[function.__name__].__code__)


@dataclass(frozen=True)
class Proof:
    """A comparison in the source of a function, and a weaker one; a problem by a number, the largest that it allows.

    kernel: what the problem calls then. is_needed: whether results are wrong beyond; else the limit is a cautious one.
    """

    where: Callable[..., Any]
    text: str
    weaker: str
    problem: Callable[[Any], Problem]
    largest: Any
    beyond: Any
    kernel: str
    algorithm: str = "direct"
    is_needed: bool = True


LARGEST = 128 * 127
"""A product of bytes."""


def scale_with_a_step(total: float, result: int) -> float:
    """Of an output: a sum of about `total` gives this result, a little less gives the one below."""
    return (total - LARGEST / 2) / (result - 0.5)


def products(
    total: int, op: str = "CONV_2D", dtype: Any = np.int8, groups: int = 1, bias_type: Any = np.int32, scale: float = 0
) -> Problem:
    """Sums of the last channels are `total`: -128 (of int16, -32768) times -127, and a bias. scale: of the output."""
    least, channels = np.iinfo(dtype).min, max(3, groups)
    shape = (1, 5, 4, channels)
    x = np.full(shape, least)
    x[0, 0] = -least - 1
    depth = 1 if op == "DEPTHWISE_CONV_2D" else channels // groups
    filter = np.zeros((channels, 1, 1, depth) if op == "CONV_2D" else (1, 1, 1, channels), np.int64)
    filter.reshape(channels, -1)[-1 if op == "CONV_2D" else slice(None), 0] = -127
    bias = np.zeros(channels, np.int64)
    bias[-1] = total - least * -127
    scale = scale or scale_with_a_step(total, 100)
    operands = [
        Input(x, dtype, scale=1.0, zero_point=0),
        Const(filter, np.int8, scale=1.0, zero_point=0),
        Const(bias, bias_type, scale=1.0, zero_point=0),
    ]
    options = {"stride_h": 1, "stride_w": 1, "padding": "VALID"}
    options |= {"depth_multiplier": 1} if op == "DEPTHWISE_CONV_2D" else {}
    return single_op(op, operands, outputs=[out(dtype, scale=scale, zero_point=0)], **options)


def depthwise(total: int) -> Problem:
    return products(total, "DEPTHWISE_CONV_2D")


def grouped(total: int) -> Problem:
    return products(total, groups=20)


def shifted(total: int) -> Problem:
    """Results are 5 times the sums, three more bits."""
    return products(total, "DEPTHWISE_CONV_2D", scale=0.2)


def factor(real: float) -> Problem:
    return products(1000, "DEPTHWISE_CONV_2D", scale=1 / real)


def factor_of_groups(real: float) -> Problem:
    return products(1000, groups=20, scale=1 / real)


def of_zero_point(zero_point: int, weights: tuple[int, int]) -> Callable[[int], Problem]:
    """Sums of the last channel reach a bias, and what is added to it are the lowest and the highest bytes."""

    def problem(bias: int) -> Problem:
        x = np.zeros((1, 5, 4, 3), np.int64)
        x[:, :, ::2], x[:, :, 1::2] = (127, -128)
        biases, taps = np.array([0, 0, bias]), np.zeros((1, 1, 2, 3), np.int64)
        taps[..., 2] = weights
        operands = [
            Input(x, np.int8, scale=1.0, zero_point=zero_point),
            Const(taps, np.int8, scale=1.0, zero_point=0),
            Const(biases, np.int32, scale=1.0, zero_point=0),
        ]
        options = {"stride_h": 1, "stride_w": 1, "padding": "VALID", "depth_multiplier": 1}
        outputs = [out(np.int8, scale=scale_with_a_step(BITS_30, 100), zero_point=0)]
        return single_op("DEPTHWISE_CONV_2D", operands, outputs=outputs, **options)

    return problem


def bounded(scale: float) -> Problem:
    """Clamped to -1 .. 1."""
    x, weights = np.arange(-128, 128).reshape(1, 16, 16, 1), np.ones((1, 1, 1, 1))
    operands = [
        Input(x, np.int8, scale=0.5, zero_point=0),
        Const(weights, np.int8, scale=1.0, zero_point=0),
        Const(np.zeros(1), np.int32, scale=0.5, zero_point=0),
    ]
    options = {"stride_h": 1, "stride_w": 1, "padding": "VALID", "depth_multiplier": 1}
    outputs = [out(np.int8, scale=scale, zero_point=0)]
    return single_op(
        "DEPTHWISE_CONV_2D", operands, outputs=outputs, fused_activation_function="RELU_N1_TO_1", **options
    )


def words(total: int) -> Problem:
    return products(total, dtype=np.int16, bias_type=np.int64, scale=total / 20000)


def words_doubled(total: int) -> Problem:
    """Results are about twice the sums."""
    return products(total, dtype=np.int16, bias_type=np.int64, scale=0.500001)


def long_words(total: int) -> Problem:
    """Sums of weights are so much; the bias makes sums of 64 bits necessary."""
    row = np.full(518, -127)
    row[516], row[517] = -((total - 516 * 127) // 2), -((total - 516 * 127 + 1) // 2)
    assert np.abs(row).sum() == total
    operands = [
        Input(np.full((1, 2, 2, 518), -32768), np.int16, scale=1.0, zero_point=0),
        Const(row.reshape(1, 1, 1, 518), np.int8, scale=1.0, zero_point=0),
        Const([1 << 33], np.int64, scale=1.0, zero_point=0),
    ]
    return single_op("CONV_2D", operands, outputs=[out(np.int16, scale=1 << 20)], stride_h=1, stride_w=1)


def long_rows(total: int, op: str = "CONV_2D") -> Problem:
    """Floats that are quantized to 127, times weights that add up to so much."""
    row = np.full(-(-total // 127), 127)
    row[-1] = total - row[:-1].sum()
    weights = Const(row.reshape((1, 1, 1, -1) if op == "CONV_2D" else (1, -1)), np.int8, scale=1.0, zero_point=0)
    x = Input(np.full((1, 1, 1, row.size) if op == "CONV_2D" else (1, row.size), 127.0), np.float32)
    bias = Const(np.zeros(1), np.float32)
    return single_op(op, [x, weights, bias], **({"stride_h": 1, "stride_w": 1} if op == "CONV_2D" else {}))


def connected_rows(total: int) -> Problem:
    return long_rows(total, "FULLY_CONNECTED")


def transformed(weight: int) -> Problem:
    operands = [
        Input(np.arange(7 * 6 * 2).reshape(1, 7, 6, 2) % 5, np.uint8, scale=1.0, zero_point=0),
        Const(np.full((3, 3, 3, 2), weight), np.uint8, scale=1.0, zero_point=0),
        Const(np.zeros(3), np.int32, scale=1.0, zero_point=0),
    ]
    return single_op("CONV_2D", operands, outputs=[out(np.uint8, scale=64.0)], stride_h=1, stride_w=1, padding="SAME")


def sum_of_words(scales: tuple[float, float, float]) -> Problem:
    values = np.arange(-(1 << 15), 1 << 15, 7)
    operands = [Input(values[:, None], np.int16, scale=scales[0]), Input(values[::999], np.int16, scale=scales[1])]
    return single_op("ADD", operands, outputs=[out(np.int16, scale=scales[2])])


def product_of_words(scale: float) -> Problem:
    values = np.arange(-(1 << 15), 1 << 15, 7)
    operands = [Input(values[:, None], np.int16, scale=1.0), Input(values[::999] // 4096, np.int16, scale=1.0)]
    return single_op("MUL", operands, outputs=[out(np.int16, scale=scale)])


def product_of_bytes(real: float) -> Problem:
    values = np.arange(-128, 128)
    operands = [Input(part, np.int8, scale=1.0, zero_point=0) for part in (values[:, None], values)]
    return single_op("MUL", operands, outputs=[out(np.int8, scale=1 / real, zero_point=3)])


def mean_of_words(count: int) -> Problem:
    x = Input(np.full((1, count), -32768), np.int16, scale=1.0)
    return single_op("MEAN", [x, Const([1], np.int32)], outputs=[out(np.int16, scale=1.0)])


def pooled(dtype: Any) -> Callable[[tuple[int, int]], Problem]:
    """Windows of so many elements: all the lowest, but the first."""

    def problem(size: tuple[int, int]) -> Problem:
        x = np.full((1, *size, 1), np.iinfo(dtype).min)
        x[0, 0, 0] += 1
        operand = Input(x, dtype, scale=1.0, zero_point=0)
        options = {"filter_height": size[0], "filter_width": size[1], "stride_h": 1, "stride_w": 1}
        return single_op("AVERAGE_POOL_2D", [operand], outputs=[out(dtype, scale=1.0)], padding="VALID", **options)

    return problem


BITS_30, BITS_31 = 1 << 30, 1 << 31
PROOFS = {
    "fixed": Proof(
        packing.sums_fit, "30 - left", "31 - left", depthwise, BITS_30 - 1, BITS_30, "depthwise.int8_", "fixed"
    ),
    "fixed, shifted": Proof(
        convolution.stage_of_8_bit, "raw_high, left)", "raw_high, 0)", shifted, (BITS_30 >> 3) - 1, BITS_30 >> 3,
        "depthwise.int8_", "fixed",
    ),
    "fixed, factor": Proof(
        convolution.stage_of_8_bit, "left > 8", "left > 9", factor, 255.9, 256.1, "depthwise.int8_", "fixed",
        is_needed=False,
    ),
    "fixed, lowest byte": Proof(
        convolution.stage_of_8_bit, "products.low + products.zero_point, products.high", "0, products.high",
        of_zero_point(-128, (0, -127)), BITS_30 - 1, BITS_30, "depthwise.int8_", "fixed",
    ),
    "fixed, highest byte": Proof(
        convolution.stage_of_8_bit, "products.high + products.zero_point\n", "products.high\n",
        of_zero_point(127, (127, -127)), BITS_30 - 1 - 127 * 255, BITS_30 - 127 * 255, "depthwise.int8_", "fixed",
    ),
    "floats, clamp": Proof(
        convolution.proved_stage_of_8_bit, "stage.low < zero_point", "stage.low < zero_point - 1", bounded, 2.1, 1.0,
        "depthwise.int8_proved", "proved", is_needed=False,
    ),
    "groups": Proof(stages._fixed, "(30 - left)", "(31 - left)", grouped, BITS_30 - 1, BITS_30, "products.fixed8"),
    "groups, factor": Proof(
        stages._fixed, "left.max() > 8", "left.max() > 9", factor_of_groups, 255.9, 256.1, "products.fixed8",
        is_needed=False,
    ),
    "words": Proof(
        stages._fifteen_bits, "(bound >= 1 << 31)", "(bound >= 1 << 32)", words, BITS_31 - 1, BITS_31, "products.q15_4"
    ),
    "words, results": Proof(
        stages._fifteen_bits, ">= (1 << 31) - 1)", ">= (1 << 32) - 1)", words_doubled, BITS_30 - 100, BITS_30 + 100_000,
        "products.q15_4",
    ),
    "words, at all": Proof(
        stages._fifteen_bits, "1 << 45", "1 << 46", words, (1 << 45) - 1, 1 << 45, "products.q15_wide", is_needed=False
    ),
    "dynamic range": Proof(
        convolution_products.stage_of, "1 << 31", "1 << 32", long_rows, BITS_31 // 127, BITS_31 // 127 + 1, "quantizing"
    ),
    "dynamic range, connected": Proof(
        matrices.stage_of_matrix, "1 << 31", "1 << 32", connected_rows, BITS_31 // 127, BITS_31 // 127 + 1, "quantizing"
    ),
    "transformed": Proof(
        winograd._packed_bytes, "1 << 15", "1 << 16", transformed, 227, 228, "winograd.int8_4", "winograd4"
    ),
    "sum of words, small": Proof(
        quantized._of_words, "min(exponents) < -30", "min(exponents) < -31", sum_of_words,
        (1.0, 1.5 * 2.0**-30, 2.0), (1.0, 0.9 * 2.0**-30, 2.0), "words.sum", is_needed=False,
    ),
    "product of words": Proof(
        quantized._of_words, "<= exponent <= 0", "<= exponent <= 1", product_of_words, 1.001, 1.0, "words.product"
    ),
    "product of words, small": Proof(
        quantized._of_words, "not -30 <= exponent <= 0", "not -31 <= exponent <= 0", product_of_words,
        1.5 * 2.0**30, 1.5 * 2.0**31, "words.product", is_needed=False,
    ),
    "product of bytes": Proof(
        quantized._product, "1 << 8", "1 << 9", product_of_bytes, 255.5, 257.0, "quantized.product", is_needed=False
    ),
    "mean of words": Proof(
        reduction._rescaling, "exponent) > _MOST", "exponent) > 2 * _MOST + 1", mean_of_words, 32767, 32768,
        "reduction.", is_needed=False,
    ),
    "pool of words": Proof(
        pooling.pool, "> _MOST_TAPS[input.type]", "> _MOST_TAPS[input.type] + 1", pooled(np.int16), (20, 25), (3, 167),
        "pooling.mean", is_needed=False,
    ),
    "pool of bytes": Proof(
        pooling.pool, "> _MOST_TAPS[input.type]", "> 2 * _MOST_TAPS[input.type]", pooled(np.int8), (256, 256),
        (256, 257), "pooling.mean", is_needed=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_what_fits_is_let_through_and_no_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = PROOFS[name]
    with forcing(proof.algorithm):
        check_compiled(proof.problem(proof.largest), proof.kernel)
        beyond = proof.problem(proof.beyond)
        called = native_calls(prepared(beyond))
        assert not called or not called[0].startswith(proof.kernel), f"{called[0]} is not refused"
        check_compiled(beyond)
        weaken(monkeypatch, proof.where, proof.text, proof.weaker)
        if proof.is_needed:
            with pytest.raises(AssertionError, match=r"(?i)mismatch|differ|not equal"):
                check_compiled(beyond, proof.kernel)
        else:
            check_compiled(beyond, proof.kernel)


def test_segments_are_as_long_as_32_bits_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    def segments(total: int) -> int:
        row = np.full((1, 518, 1), 0)
        row[0, : total // 127], row[0, -1] = 127, total % 127
        return len(stages.wide_segments(row, np.zeros(1, np.int64), 2, 1 << 15)[0])

    assert (segments((1 << 16) - 1), segments(1 << 16)) == (1, 2)
    check_compiled(long_words((1 << 16) - 1), "products.q15_wide")
    check_compiled(long_words(1 << 16), "products.q15_wide")
    weaken(monkeypatch, stages.wide_segments, "largest < 1 << 31", "largest <= 1 << 31")
    with pytest.raises(AssertionError):
        check_compiled(long_words(1 << 16), "products.q15_wide")


@pytest.mark.parametrize(("asymmetric", "most"), [(False, BITS_31 // 127), (True, BITS_31 // 255)])
def test_rows_of_cells(asymmetric: bool, most: int) -> None:
    row = np.full((1, most // 127 + 1), -127, np.int8)
    row[0, -1] = -(most % 127)
    assert Weights.of(row, 1.0).fit(asymmetric)
    row[0, -1] -= 1
    assert not Weights.of(row, 1.0).fit(asymmetric)


def test_linear_sums_fit_32_bits() -> None:
    """Sums that reach 2**31 are computed with a shift less, those that do not are not; so with factors."""
    one, wanted = np.array([0, 1]), np.array([0, 127])

    def shift(first: int, second: int, sign: int = 1) -> int | None:
        ratios = sign * first / (1 << 22), sign * second / (1 << 22)
        low, high = (0, 127) if sign > 0 else (-128, 0)
        ends = wanted if sign > 0 else np.array([0, -128])
        found = quantized.fitted(ratios, (one, one), ends, low, high)
        return None if found is None else int(found["table"])

    # The largest sum and what is added to it, half of what the clamp leaves room for.
    most = (1 << 32) - (1 << 29)
    assert shift(most // 2, most // 2) == 22
    assert shift(most // 2, most // 2 + 2) == 21
    least = (1 << 32) - (1 << 29)
    assert shift(least // 2, least // 2, -1) == 22
    assert shift(least // 2, least // 2 + (1 << 24), -1) == 21


def test_a_single_wrong_result_is_seen() -> None:
    """Arithmetic in place of a table has to give every entry of it."""
    values = np.arange(-128, 128)
    wanted = np.clip((3 * values[:, None] + values + 2) >> 2, -128, 127)
    terms = values[:, None], values
    assert quantized.fitted((0.75, 0.25), terms, wanted, -128, 127) is not None
    for place in ((128, 128), (140, 90), (0, 255)):
        other = wanted.copy()
        other[place] ^= 2
        assert quantized.fitted((0.75, 0.25), terms, other, -128, 127) is None
    x, target = values << 3, np.clip((values * 3 + 2) >> 2, -128, 127)
    assert slopes._factor(0.75 * (1 << 12), x, target, 0) is not None
    for place in (0, 100, 255):
        other = target.copy()
        other[place] ^= 1
        assert slopes._factor(0.75 * (1 << 12), x, other, 0) is None


def test_a_single_wrong_product_is_seen() -> None:
    interpreter = prepared(product_of_bytes(0.7))
    function = interpreter._session.plans[0].steps[0].kernel.quantized
    formula, values = function.formula, values_of(np.dtype(np.int8))
    assert quantized._product(formula, function.table, values) is not None
    for place in (0, 256 + 1, 256 + 6):
        other = function.table.copy()
        other[place] ^= 1
        assert quantized._product(formula, other, values) is None


def test_slopes_of_nearly_one() -> None:
    """Their factors would be 2**15, which 16 bits do not hold."""
    x = Input(np.arange(-128, 128), np.int8, scale=0.99999, zero_point=3)
    for alpha in (0.5, 0.99999, -0.99999):
        outputs = [out(np.int8, scale=1.0, zero_point=-2)]
        check_compiled(single_op("LEAKY_RELU", [x], outputs=outputs, alpha=alpha), "slopes.bytes")


def test_columns_whose_sums_overflow_are_not_still() -> None:
    """The largest bias there is, and sums that wrap around: their results change, though clamped sums would not."""
    x, weights, bias = np.zeros((1, 2, 1, 20)), np.zeros((20, 1, 1, 1)), np.zeros(20)
    x[0, 1, 0, 7], weights[7], bias[7] = 127, 127, (1 << 31) - 1
    operands = [
        Input(x, np.int8, scale=1.0, zero_point=0),
        Const(weights, np.int8, scale=1.0, zero_point=0),
        Const(bias, np.int32, scale=1.0, zero_point=0),
    ]
    outputs = [out(np.int8, scale=1e8, zero_point=0)]
    problem = single_op("CONV_2D", operands, outputs=outputs, stride_h=1, stride_w=1, padding="VALID")
    np.testing.assert_array_equal(run(problem)[0][0, :, 0, 7], [21, -21])
    check_compiled(problem)


def test_factors_of_weights_and_sums_that_are_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof is given the largest factors that leave weights 16 bits, and the very ends of all sums."""
    given: list[np.ndarray] = []
    monkeypatch.setattr(convolution, "prove", lambda multiplier, ends, low, high, rooms: given.extend([ends, rooms]))
    rng = np.random.default_rng(0)
    taps, bias, zero_point = rng.integers(-127, 128, (1, 2, 2, 5)), rng.integers(-99, 99, 5), 7
    taps[..., 0], taps[..., 1], taps[..., 2] = -127, 127, 64
    operands = [
        Input(np.zeros((1, 2, 2, 5)), np.int8, scale=1.0, zero_point=zero_point),
        Const(taps, np.int8, scale=1.0, zero_point=0),
        Const(bias, np.int32, scale=1.0, zero_point=0),
    ]
    options = {"stride_h": 1, "stride_w": 1, "padding": "VALID", "depth_multiplier": 1}
    outputs = [out(np.int8, scale=500.0, zero_point=-128)]
    with forcing("proved"):
        prepared(single_op("DEPTHWISE_CONV_2D", operands, outputs=outputs, **options))
    ends, rooms = given[:2]
    largest = np.abs(taps).max((0, 1, 2))
    assert (rooms * largest < 1 << 15).all()
    assert ((rooms + 1) * largest >= 1 << 15).all()
    inputs = np.stack(np.meshgrid(*[[-128, 127]] * 4), -1).reshape(-1, 4) - zero_point
    sums = inputs @ taps.reshape(4, 5) + bias
    np.testing.assert_array_equal(ends, [sums.min(0), sums.max(0)])


def test_bounds_are_the_largest_sums_there_are() -> None:
    weights = np.array([[3, -5, 0], [-2, -7, 0]])
    for low, high in ((-128, 127), (0, 255), (-3, 4), (-4, 3)):
        inputs = np.stack(np.meshgrid([low, 0, high], [low, 0, high]), -1).reshape(-1, 2)
        largest = np.abs(inputs @ weights).max(0)
        np.testing.assert_array_equal(packing.largest_sums(weights, low, high), largest)
        np.testing.assert_array_equal(stages.sums_within(weights, low, high), largest)


@pytest.mark.parametrize(("weight", "extra"), [(127, 0), (-128, 0), (128, 1), (-129, 1)])
def test_single_weights_are_split_where_they_are_no_bytes(weight: int, extra: int) -> None:
    matrix = np.zeros((1, 8, 16), np.int64)
    matrix[0, 3, 5] = weight
    assert splitting.pack_split(matrix, np.zeros(1, np.int64))[0, :4].view(np.int32)[0] == extra
