"""Convolutions and matrix products under every numerics flavour.

litert-opt and xnnpack against the official kernel sets of those names, on random operands and on sums chosen so that
the ways of rounding give different results; tflm and single-rounding against scalar models in plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from litejit.kernels.reference.output_stage import Rescaling
from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, check, out, refused, run, single_op
from tests.ops.products import KINDS, Operands, integers, operands
from tests.ops.test_batch_matmul import ADJOINTS, turned
from tests.ops.test_batch_matmul import SHAPES as PRODUCT_SHAPES
from tests.ops.test_convolution import CONVOLUTIONS, DEPTHWISE, DEPTHWISE_KINDS, GROUPED
from tests.ops.test_fully_connected import FORMATS, SHAPES, connected
from tests.ops.test_transpose_convolution import CASES, KIND_NAMES, transposed

OFFICIAL = [("litert-opt", "opt"), ("xnnpack", "auto")]
INTEGERS = [name for name, kind in KINDS.items() if kind.input is not np.float32]


def agree(
    build: Callable[[list[dict[str, Any]]], Problem], outputs: list[dict[str, Any]], flavour: str, resolver: str
) -> None:
    """Checks a flavour against official kernels. XNNPACK takes only nodes whose output has its shape in the file."""
    shape = run(build(outputs))[0].shape
    check(build([{**outputs[0], "shape": shape}]), resolver=resolver, numerics=flavour)


def convolved(op: str, values: Operands, options: dict[str, Any]) -> Callable[[list[dict[str, Any]]], Problem]:
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, **options}
    return lambda outputs: single_op(op, [values.input, values.weights, values.bias], outputs=outputs, **options)


# Random operands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*CONVOLUTIONS, *GROUPED])
@pytest.mark.parametrize("kind", [name for name in KINDS if name != "float"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_convolution(flavour: str, resolver: str, kind: str, case: str) -> None:
    input_shape, filter_shape, options = {**CONVOLUTIONS, **GROUPED}[case]
    if case in GROUPED and kind in ("hybrid", "hybrid-int4"):
        pytest.skip("the official kernels have no groups for such filters")
    values = operands(KINDS[kind], input_shape, filter_shape, channel_axis=0)
    build = convolved("CONV_2D", values, {**options, **KINDS[kind].options})
    agree(build, values.outputs, flavour, resolver)


@pytest.mark.parametrize("case", DEPTHWISE)
@pytest.mark.parametrize("kind", [name for name in DEPTHWISE_KINDS if name != "float"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_depthwise(flavour: str, resolver: str, kind: str, case: str) -> None:
    input_shape, filter_shape, options = DEPTHWISE[case]
    values = operands(KINDS[kind], input_shape, filter_shape, channel_axis=3)
    agree(convolved("DEPTHWISE_CONV_2D", values, {"depth_multiplier": 1, **options}), values.outputs, flavour, resolver)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", [name for name in KIND_NAMES if name != "float"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_transposed(flavour: str, resolver: str, kind: str, case: str) -> None:
    input_shape, weights_shape, shape, options = CASES[case]
    values = operands(KINDS[kind], input_shape, weights_shape, channel_axis=0)

    def build(outputs: list[dict[str, Any]]) -> Problem:
        values.outputs = outputs
        return transposed(values, shape, {**options, **KINDS[kind].options})

    agree(build, values.outputs, flavour, resolver)


@pytest.mark.parametrize("shapes", [name for name in SHAPES if name != "no-rows"] + ["wide"])
@pytest.mark.parametrize("kind", [name for name in FORMATS if name != "float"])
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_fully_connected(flavour: str, resolver: str, kind: str, shapes: str) -> None:
    values = operands(FORMATS[kind], *{**SHAPES, "wide": ((5, 64), (36, 64))}[shapes], channel_axis=0)
    if FORMATS[kind].weights == TensorType.INT4:
        # The optimised kernel for INT4 weights gets -8, which converters never write, wrong.
        values.weights.value = np.maximum(values.weights.value, -7)

    def build(outputs: list[dict[str, Any]]) -> Problem:
        values.outputs = outputs
        return connected(values, FORMATS[kind].options)

    agree(build, values.outputs, flavour, resolver)


@pytest.mark.parametrize(("adj_x", "adj_y"), ADJOINTS)
@pytest.mark.parametrize("shapes", [name for name in PRODUCT_SHAPES if name != "empty-rows"])
@pytest.mark.parametrize(
    "types", ["int8", "int8-both-inputs", "int8-rhs-zero-point", "int16", "hybrid", "hybrid-columns"]
)
@pytest.mark.parametrize(("flavour", "resolver"), OFFICIAL)
def test_batch_matmul(flavour: str, resolver: str, types: str, shapes: str, adj_x: bool, adj_y: bool) -> None:
    lhs_shape, rhs_shape = PRODUCT_SHAPES[shapes]
    options = {"adj_x": adj_x, "adj_y": adj_y}
    if types.startswith("hybrid"):
        if len(lhs_shape) > 3 or len(rhs_shape) > 3:
            pytest.skip("the official kernels mix up the scales of rows")
        lhs = Input(turned(np.random.default_rng(0).normal(size=lhs_shape).astype(np.float32), adj_x))
        by_column = types == "hybrid-columns"
        rhs = Const(
            np.maximum(turned(integers(rhs_shape, np.int8, 1), adj_y), -127),
            scale=np.linspace(0.01, 0.02, rhs_shape[-1]) if by_column else 0.015,
            quantized_dimension=len(rhs_shape) - (2 if adj_y else 1) if by_column else 0,
        )
        outputs = [out()]
    else:
        dtype, scale = (np.int16, 1e-4) if types == "int16" else (np.int8, 0.011)
        lhs = Input(turned(integers(lhs_shape, dtype, 1), adj_x), scale=scale, zero_point=0 if dtype == np.int16 else 3)
        zero_point = 5 if types == "int8-rhs-zero-point" else 0
        make = Input if types == "int8-both-inputs" else Const
        rhs = make(turned(integers(rhs_shape, dtype, 2), adj_y), scale=0.017, zero_point=zero_point)
        outputs = [out(dtype, scale=scale * (7 if dtype == np.int8 else 2000))]
    agree(lambda outputs: single_op("BATCH_MATMUL", [lhs, rhs], outputs=outputs, **options), outputs, flavour, resolver)


# Sums that tell the ways of rounding apart ---------------------------------------------------------------------------

SCALES = [
    (1.0, 0.0037, 1.0),
    (0.5, 0.0625, 1.0),
    (0.1, 0.0123, 0.7),
    (0.3, 0.9, 0.2),
    (0.02, 3e-6, 0.013),
    (1.0, 2.0**-9, 1.0),
]
"""Of input, weights and output: ordinary ones, powers of two with many ties, ones above 1, small ones."""


@cache
def revealing_sums(scales: tuple[float, float, float], limit: int, count: int) -> np.ndarray:
    """Sums that come out differently by at least two ways of rounding, and any if there are not enough of those."""
    rng = np.random.default_rng(0)
    input_scale, weight_scale, output_scale = map(np.float32, scales)
    exact = np.array([np.float64(input_scale) * np.float64(weight_scale) / np.float64(output_scale)])
    mixed = np.array([np.float64(input_scale * weight_scale) / np.float64(output_scale)])
    in_float = np.array([input_scale * weight_scale / output_scale])
    sums = (rng.uniform(-1, 1, 400_000) * np.minimum(2.0**31 - 1, limit / exact)).astype(np.int64)
    if exact[0] < 1:
        # Halves of the output's step.
        halves = (rng.integers(-limit, limit, 100_000) + 0.5) / exact
        sums = np.concatenate([np.round(halves).astype(np.int64), np.floor(halves).astype(np.int64), sums])
    sums = sums[np.abs(sums) < 2**31 - 2**15]
    ways = [Rescaling.by(name, real)(sums) for name in ("double", "up", "single", "float64") for real in (exact, mixed)]
    ways.append(Rescaling.by("float32", in_float)(sums))
    differ = np.ptp(np.stack(ways), axis=0) > 0
    chosen = np.concatenate([rng.permutation(sums[differ]), sums[~differ]])[:count]
    return rng.permutation(chosen)


def rescaled(
    op: str,
    dtype: Any,
    scales: tuple[float, float, float],
    count: int,
    rows: int = 3,
    channels: bool = False,
    bias_type: Any = np.int32,
) -> Problem:
    """A model that does nothing but rescale its bias, in as many channels; channels: each has a scale of its own."""
    limit = np.iinfo(dtype).max + 1
    bias = revealing_sums(scales, limit, count)
    weights_type = np.uint8 if dtype == np.uint8 else np.int8
    zero_point = 128 if dtype == np.uint8 else 0
    image, filter_shape = {
        "CONV_2D": ((1, rows, 1, 1), (count, 1, 1, 1)),
        "DEPTHWISE_CONV_2D": ((1, rows, 1, 1), (1, 1, 1, count)),
        "TRANSPOSE_CONV": ((1, rows, 1, 1), (count, 1, 1, 1)),
        "FULLY_CONNECTED": ((rows, 1), (count, 1)),
    }[op]
    x = Input(np.full(image, zero_point, dtype), scale=scales[0], zero_point=zero_point)
    weights = Const(np.full(filter_shape, zero_point, weights_type), scale=scales[1], zero_point=zero_point)
    if channels:
        axis = 3 if op == "DEPTHWISE_CONV_2D" else 0
        fields = {"scale": np.full(count, scales[1]), "zero_point": 0, "quantized_dimension": axis}
        weights = Const(np.zeros(filter_shape, weights_type), **fields)
    # One scale for several of the weights makes the official default fail.
    bias_scale = np.full(count if channels else 1, np.float32(scales[0]) * np.float32(scales[1]))
    bias_operand = Const(bias, bias_type, scale=bias_scale)
    shape = (*image[:-1], count)
    outputs = [out(dtype, scale=scales[2], zero_point=zero_point, shape=shape)]
    options: dict[str, Any] = {} if op == "FULLY_CONNECTED" else {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    if op == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = count
    elif dtype == np.int16:
        options["quantized_bias_type"] = "INT32" if bias_type == np.int32 else "INT64"
    given = (
        [Const(np.array(shape, np.int32)), weights, x, bias_operand]
        if op == "TRANSPOSE_CONV"
        else [x, weights, bias_operand]
    )
    return single_op(op, given, outputs=outputs, **options)


OPERATORS = ["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"]


REVEALED = [(np.int8, np.int32), (np.uint8, np.int32), (np.int16, np.int32), (np.int16, np.int64)]
"""Types of numbers and of the bias."""


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize(("dtype", "bias"), REVEALED)
@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize(("flavour", "resolver"), [("litert-ref", "ref"), *OFFICIAL])
def test_revealing_sums(
    flavour: str, resolver: str, op: str, dtype: Any, bias: Any, channels: bool, scales: Any
) -> None:
    if (dtype, bias) == (np.int16, np.int32) and op == "DEPTHWISE_CONV_2D":
        pytest.skip("its sums have 64 bits")
    if channels and dtype == np.uint8:
        pytest.skip("uint8 weights have one scale")
    problem = rescaled(op, dtype, scales, 1501, channels=channels, bias_type=bias)
    check(problem, resolver=resolver, numerics=flavour)


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize(("flavour", "resolver"), [("litert-ref", "ref"), *OFFICIAL])
def test_revealing_products(flavour: str, resolver: str, scales: Any) -> None:
    """Each sum as 127 times what numbers of 8 bits add up to, and the rest."""
    sums, depth = revealing_sums(scales, 128, 4000), 70
    sums = sums[np.abs(sums) < 127 * 127 * (depth - 1)]
    high, low = np.fix(sums / 127).astype(np.int64), np.fmod(sums, 127)
    rhs = np.zeros((depth, sums.size), np.int64)
    rhs[:-1] = high // (depth - 1)
    rhs[:-1] += np.arange(depth - 1)[:, None] < high % (depth - 1)
    rhs[-1] = low
    lhs = np.full((3, depth), 127, np.int8)
    lhs[:, -1] = 1
    assert sums.size > 100
    assert (lhs[0].astype(np.int64) @ rhs == sums).all()
    operands = [Input(lhs, scale=scales[0], zero_point=0), Const(rhs.astype(np.int8), scale=scales[1], zero_point=0)]
    outputs = [out(np.int8, scale=scales[2], zero_point=0, shape=(3, sums.size))]
    check(single_op("BATCH_MATMUL", operands, outputs), resolver=resolver, numerics=flavour)


# XNNPACK's limits ----------------------------------------------------------------------------------------------------


def limits(change: str) -> Problem:
    """A convolution of revealing sums, changed so that XNNPACK may not take it."""
    count = 203
    scales = (0.1, 0.0123, 0.7)
    bias = revealing_sums(scales, 128, count)
    x = Input(np.zeros((1, 3, 1, 1), np.int8), scale=0.1)
    weight_scale: Any = 0.0123
    fields: dict[str, Any] = {}
    if change == "per-channel":
        weight_scale = np.full(count, 0.0123)
    if change == "dead-channel":
        weight_scale = np.where(np.arange(count) == 7, 0, 0.0123)
    if change == "subnormal-scale":
        weight_scale = np.where(np.arange(count) == 7, 1e-39, 0.0123)
    make = Input if change == "weights-from-the-graph" else Const
    weights = make(np.zeros((count, 1, 1, 1), np.int8), scale=weight_scale, **fields)
    if change == "int4":
        weights = Const(weights.value, scale=0.0123, type=TensorType.INT4)
    make = Input if change == "bias-from-the-graph" else Const
    product = np.float32(0.1) * np.asarray(weight_scale, np.float32)
    bias_fields = {} if change == "bias-without-scale" else {"scale": product}
    operands = [x, weights, make(bias, np.int32, **bias_fields)]
    shape = () if change == "output-without-shape" else (1, 3, 1, count)
    options = {"fused_activation_function": "TANH"} if change == "tanh" else {}
    outputs = [out(np.int8, scale=0.7, shape=shape)]
    return single_op("CONV_2D", operands, outputs=outputs, stride_h=1, stride_w=1, **options)


@pytest.mark.parametrize(
    "change",
    [
        "nothing",
        "per-channel",
        "dead-channel",
        "subnormal-scale",
        "weights-from-the-graph",
        "bias-from-the-graph",
        "bias-without-scale",
        "int4",
        "tanh",
    ],
)
def test_what_xnnpack_takes(change: str) -> None:
    check(limits(change), resolver="auto", numerics="xnnpack")


@pytest.mark.parametrize("kind", ["int8", "hybrid"])
@pytest.mark.parametrize("version", [1, 7, 8, 9])
def test_versions_that_xnnpack_takes(version: int, kind: str) -> None:
    """All of FULLY_CONNECTED but 8."""
    values = operands(FORMATS[kind], (3, 64), (6, 64), channel_axis=0)
    values.outputs[0]["shape"] = (3, 6)
    check(connected(values, {"version": version}), resolver="auto", numerics="xnnpack")


# Kernel libraries: scalar models -------------------------------------------------------------------------------------


def multiplier(real: float) -> tuple[int, int]:
    """QuantizeMultiplier: the mantissa and the exponent."""
    fraction, exponent = np.frexp(real)
    mantissa = int(Fraction(float(fraction)) * 2**31 + Fraction(1, 2))
    return (mantissa // 2, int(exponent) + 1) if mantissa == 2**31 else (mantissa, int(exponent))


def double_rounding(x: int, real: float) -> int:
    mantissa, exponent = multiplier(real)
    high = ((x << max(exponent, 0)) * mantissa + 2**30) // 2**31
    right = max(-exponent, 0)
    magnitude = (abs(high) + 2**right // 2) // 2**right
    return magnitude if high >= 0 else -magnitude


def single_rounding(x: int, real: float) -> int:
    mantissa, exponent = multiplier(real)
    return (x * mantissa + 2 ** (30 - exponent)) // 2 ** (31 - exponent)


MODELS = {"tflm": double_rounding, "single-rounding": single_rounding}


def rounding_of_16_bits(x: int, real: float) -> int:
    """Sums of 64 bits are rescaled by 15 bits in every build."""
    mantissa, exponent = multiplier(real)
    return (x * min((mantissa + 2**15) >> 16, 0x7FFF) + 2 ** (14 - exponent)) >> (15 - exponent)


LIBRARY_KINDS = [
    *[(np.int8, np.int32, flavour) for flavour in MODELS],
    *[(np.int16, np.int64, flavour) for flavour in MODELS],
    *[(np.int16, np.int32, flavour) for flavour in MODELS],
    (np.uint8, np.int32, "single-rounding"),
]


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize(("dtype", "bias", "flavour"), LIBRARY_KINDS)
@pytest.mark.parametrize("op", OPERATORS)
def test_kernel_libraries(op: str, dtype: Any, bias: Any, flavour: str, channels: bool, scales: Any) -> None:
    if channels and dtype == np.uint8:
        pytest.skip("uint8 weights have one scale")
    if op == "DEPTHWISE_CONV_2D" and (dtype, bias) == (np.int16, np.int32):
        pytest.skip("its sums have 64 bits")
    input_scale, weight_scale, output_scale = map(np.float32, scales)
    in_float = dtype == np.uint8 or (op == "FULLY_CONNECTED" and not channels)
    product = float(input_scale * weight_scale) if in_float else float(input_scale) * float(weight_scale)
    real = product / float(output_scale)
    info = np.iinfo(dtype)
    sums = revealing_sums(scales, info.max + 1, 301)
    model = rounding_of_16_bits if bias == np.int64 else MODELS[flavour]
    expected = np.array([model(int(x), real) for x in sums]) + (128 if dtype == np.uint8 else 0)
    problem = rescaled(op, dtype, scales, 301, rows=1, channels=channels, bias_type=bias)
    result = run(problem, numerics=flavour)[0].ravel()
    np.testing.assert_array_equal(result, np.clip(expected, info.min, info.max))


@pytest.mark.parametrize("flavour", MODELS)
def test_batch_matmul_of_kernel_libraries(flavour: str) -> None:
    lhs, rhs = integers((64, 9), np.int8, 0), integers((9, 50), np.int8, 1)
    operands = [Input(lhs, scale=0.5, zero_point=3), Input(rhs, scale=0.0625, zero_point=-2)]
    result = run(single_op("BATCH_MATMUL", operands, outputs=[out(np.int8, scale=4.0)]), numerics=flavour)[0]
    sums = (lhs.astype(int) - 3) @ (rhs.astype(int) + 2)
    expected = np.vectorize(lambda x: MODELS[flavour](int(x), 0.5 * 0.0625 / 4))(sums)
    np.testing.assert_array_equal(result, np.clip(expected, -128, 127))


def test_tflm_has_no_channels_of_4_bits() -> None:
    values = operands(FORMATS["int8-int4"], (3, 32), (7, 32), channel_axis=0)
    refused(connected(values, {}), "not established for FULLY_CONNECTED of INT8*INT4/channel", numerics="tflm")


@pytest.mark.parametrize("flavour", MODELS)
def test_kernel_libraries_have_no_hybrid_operators(flavour: str) -> None:
    values = operands(KINDS["hybrid"], (1, 4, 4, 3), (2, 3, 3, 3), channel_axis=0)
    refused(
        convolved("CONV_2D", values, {})(values.outputs),
        f"numerics '{flavour}' is not established for CONV_2D of FLOAT32*INT8",
        numerics=flavour,
    )


@pytest.mark.parametrize("flavour", [*MODELS, "litert-opt", "xnnpack"])
def test_floats_have_every_flavour(flavour: str) -> None:
    values = operands(KINDS["float"], (1, 4, 4, 3), (2, 3, 3, 3), channel_axis=0)
    problem = convolved("CONV_2D", values, {})(values.outputs)
    np.testing.assert_array_equal(run(problem, numerics=flavour)[0], run(problem)[0])
