"""`explain`: every element can be computed again from its explanation alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder, UnsupportedError
from litejit.crosscheck.explain import Explainer, explain
from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, Problem, out, single_op

RNG = np.random.default_rng(3)
ELEMENTS = 1000


def quantized(
    shape: Any, dtype: Any, scale: float = 0.05, zero_point: int = 0, kind: Any = Input, **more: Any
) -> Input:
    info = np.iinfo(dtype)
    return kind(RNG.integers(info.min, info.max + 1, shape).astype(dtype), scale=scale, zero_point=zero_point, **more)


def floats(shape: Any, kind: Any = Input) -> Input:
    return kind(RNG.normal(size=shape).astype(np.float32))


TYPES = {"int8": (np.int8, 3, np.int32), "uint8": (np.uint8, 120, np.int32), "int16": (np.int16, 0, np.int64)}
"""dtype, zero point of the input, dtype of the bias."""


def layer(op: str, kind: str, x_shape: Any, w_shape: Any, channels: int, axis: int, **options: Any) -> Problem:
    """A convolution or FULLY_CONNECTED with bias: float, hybrid or quantized."""
    if kind == "float32":
        operands: list[Any] = [floats(x_shape), floats(w_shape, Const), floats(channels, Const)]
        outputs = [out()]
    elif kind == "hybrid":
        operands = [floats(x_shape), quantized(w_shape, np.int8, 0.01, 0, Const), floats(channels, Const)]
        outputs = [out()]
    else:
        dtype, zero_point, bias = TYPES[kind]
        scale = 0.0001 if kind == "int16" else 0.05
        weights = np.uint8 if kind == "uint8" else np.int8
        more = {} if kind == "uint8" else {"quantized_dimension": axis}
        w_scale = 0.01 if kind == "uint8" else np.linspace(0.005, 0.02, channels)
        operands = [
            quantized(x_shape, dtype, scale, zero_point),
            quantized(w_shape, weights, w_scale, 125 if kind == "uint8" else 0, Const, **more),
            Const(RNG.integers(-2000, 2000, channels).astype(bias), scale=scale * np.asarray(w_scale)),
        ]
        outputs = [out(dtype, scale=scale * 9, zero_point=zero_point)]
    if op == "TRANSPOSE_CONV":
        shape = np.int32([x_shape[0], x_shape[1] * 2, x_shape[2] * 2, channels])
        operands = [Const(shape), operands[1], operands[0], operands[2]]
    return single_op(op, operands, outputs=outputs, **options)


def pair(op: str, kind: str, **options: Any) -> Problem:
    shapes = (2, 9, 10, 8), (1, 10, 8)
    if kind in ("float32", "int32"):
        operands: list[Any] = [floats(shape) for shape in shapes]
        if kind == "int32":
            operands = [Input(RNG.integers(-99, 99, shape).astype(np.int32)) for shape in shapes]
        return single_op(op, operands, outputs=[out(np.dtype(kind))], **options)
    dtype, zero_point, _ = TYPES[kind]
    scale = 0.0002 if kind == "int16" else 0.05
    operands = [quantized(shapes[0], dtype, scale, zero_point), quantized(shapes[1], dtype, scale / 3, zero_point)]
    return single_op(op, operands, outputs=[out(dtype, scale=scale * 2, zero_point=zero_point)], **options)


def unary(op: str, kind: str, scale: float, zero_point: int, **options: Any) -> Problem:
    if kind == "float32":
        return single_op(op, [floats((5, 8, 9, 6))], **options)
    dtype, zero, _ = TYPES[kind]
    x = quantized((5, 8, 9, 6), dtype, 0.0003 if kind == "int16" else 0.05, zero)
    return single_op(op, [x], outputs=[out(dtype, scale=scale, zero_point=zero_point)], **options)


def same(op: str, kind: str, operands: int = 1, extra: Any = (), **options: Any) -> Problem:
    """Operators whose result has the quantization of the input."""
    x = [
        floats((2, 9, 11, 7)) if kind == "float32" else quantized((2, 9, 11, 7), TYPES[kind][0])
        for _ in range(operands)
    ]
    return single_op(op, [*x, *extra], **options)


def matmul(kind: str, **options: Any) -> Problem:
    a, b = ((2, 3, 20, 12), (3, 16, 12)) if options.get("adj_y") else ((2, 3, 20, 12), (3, 12, 16))
    if kind == "float32":
        return single_op("BATCH_MATMUL", [floats(a), floats(b)], outputs=[out()], **options)
    dtype, zero_point, _ = TYPES[kind]
    scale = 0.001 if kind == "int16" else 0.05
    operands = [quantized(a, dtype, scale, zero_point), quantized(b, dtype, scale, 0)]
    return single_op("BATCH_MATMUL", operands, outputs=[out(dtype, scale=scale * 20)], **options)


def mean(kind: str) -> Problem:
    axes = Const(np.int32([1, 3]))
    if kind == "float32":
        return single_op("MEAN", [floats((6, 5, 40, 7)), axes], outputs=[out()])
    dtype, zero_point, _ = TYPES[kind]
    x = quantized((6, 5, 40, 7), dtype, 0.05, zero_point)
    return single_op("MEAN", [x, axes], outputs=[out(dtype, scale=0.011, zero_point=zero_point)])


CONV = {"padding": "SAME", "stride_h": 2, "stride_w": 1, "fused_activation_function": "RELU"}
POOL = {"padding": "SAME", "stride_h": 1, "stride_w": 2, "filter_height": 3, "filter_width": 2}
INTEGERS = ["int8", "uint8", "int16"]
PROBLEMS: dict[str, Problem] = {}
for k in ["float32", "hybrid", *INTEGERS]:
    PROBLEMS[f"CONV_2D {k}"] = layer("CONV_2D", k, (2, 9, 8, 3), (6, 3, 2, 3), 6, 0, **CONV)
    PROBLEMS[f"DEPTHWISE_CONV_2D {k}"] = layer(
        "DEPTHWISE_CONV_2D", k, (2, 9, 8, 3), (1, 3, 2, 6), 6, 3, depth_multiplier=2, **CONV
    )
    PROBLEMS[f"FULLY_CONNECTED {k}"] = (
        layer("FULLY_CONNECTED", k, (12, 20), (9, 20), 9, 0)
        if k != "uint8"
        else layer("FULLY_CONNECTED", k, (12, 20), (9, 20), 9, 0, fused_activation_function="RELU6")
    )
    if k != "hybrid":
        PROBLEMS[f"TRANSPOSE_CONV {k}"] = layer(
            "TRANSPOSE_CONV", k, (2, 5, 4, 3), (6, 3, 3, 3), 6, 0, padding="SAME", stride_h=2, stride_w=2
        )
for k in ["float32", "int8", "int16"]:
    PROBLEMS[f"BATCH_MATMUL {k}"] = matmul(k)
    PROBLEMS[f"BATCH_MATMUL adj_y {k}"] = matmul(k, adj_y=True)
for k in ["float32", *INTEGERS]:
    for name in ("ADD", "SUB", "MUL"):
        PROBLEMS[f"{name} {k}"] = pair(name, k)
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        PROBLEMS[f"{name} {k}"] = same(name, k, **POOL)
    PROBLEMS[f"CONCATENATION {k}"] = same("CONCATENATION", k, 3, axis=-2)
    PROBLEMS[f"MEAN {k}"] = mean(k)
PROBLEMS["ADD int32"] = pair("ADD", "int32")
PROBLEMS["CONCATENATION uint8, requantized"] = single_op(
    "CONCATENATION",
    [quantized((3, 4), np.uint8, 0.05, 3), quantized((3, 5), np.uint8, 0.07, 9)],
    outputs=[out(np.uint8, scale=0.08, zero_point=4)],
    axis=1,
)
for k, (scale, zero) in {"float32": (1, 0), "int8": (1 / 256, -128), "uint8": (1 / 256, 0)}.items():
    PROBLEMS[f"SOFTMAX {k}"] = unary("SOFTMAX", k, scale, zero, beta=1.0)
    PROBLEMS[f"LOGISTIC {k}"] = unary("LOGISTIC", k, scale, zero)
for k, (scale, zero) in {"float32": (1, 0), "int8": (1 / 128, 0), "uint8": (1 / 128, 128)}.items():
    PROBLEMS[f"TANH {k}"] = unary("TANH", k, scale, zero)
PROBLEMS["SOFTMAX int16"] = unary("SOFTMAX", "int16", 1 / 32768, 0, beta=1.0)
for name in ("LOGISTIC", "TANH"):
    PROBLEMS[f"{name} int16"] = unary(name, "int16", 1 / 32768, 0)
for k in INTEGERS:
    zero = TYPES[k][1]
    PROBLEMS[f"QUANTIZE float32 to {k}"] = single_op(
        "QUANTIZE", [floats((20, 30))], outputs=[out(TYPES[k][0], scale=0.01, zero_point=zero)]
    )
    PROBLEMS[f"DEQUANTIZE {k}"] = single_op(
        "DEQUANTIZE", [quantized((20, 30), TYPES[k][0], 0.05, zero)], outputs=[out()]
    )
    PROBLEMS[f"QUANTIZE {k} to int8"] = single_op(
        "QUANTIZE", [quantized((20, 30), TYPES[k][0], 0.05, zero)], outputs=[out(np.int8, scale=0.13, zero_point=5)]
    )


def computed(problem: Problem, **keywords: Any) -> tuple[Interpreter, int]:
    interpreter = Interpreter(
        model_content=problem.model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, **keywords
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), problem.inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter, interpreter.get_output_details()[0]["index"]


def assert_explained(explainer: Explainer, count: int) -> None:
    result = explainer.case.result
    largest = float(np.abs(result).max()) if result.dtype.kind == "f" else 0.0
    for flat in np.random.default_rng(1).integers(0, result.size, count):
        explanation = explainer(int(flat))
        value = explanation.recompute()
        assert explanation.result == result.ravel()[flat]
        if explanation.exact is None:
            assert value == explanation.result, explanation.text()
        else:
            assert value == pytest.approx(explanation.exact, rel=1e-12, abs=1e-300)
            assert abs(value - explanation.result) <= 2e-6 * largest, explanation.text()


@pytest.mark.parametrize("case", PROBLEMS)
def test_recomputed(case: str) -> None:
    assert_explained(Explainer(*computed(PROBLEMS[case])), ELEMENTS)


@pytest.mark.parametrize("numerics", ["litert-opt", "xnnpack", "tflm", "single-rounding"])
@pytest.mark.parametrize(
    "case", ["CONV_2D int8", "DEPTHWISE_CONV_2D int8", "FULLY_CONNECTED int8", "TRANSPOSE_CONV int8"]
)
def test_products_of_other_flavours(case: str, numerics: str) -> None:
    assert_explained(Explainer(*computed(PROBLEMS[case], numerics=numerics)), 200)


def test_text_shows_every_number() -> None:
    interpreter, tensor = computed(PROBLEMS["CONV_2D int8"])
    explanation = explain(interpreter, tensor, (1, 2, 3, 4))
    text = explanation.text(taps=1000)
    for part in ("taps", "add bias", "rescale", "mantissa", "exponent", "add zero point", "clamp", "result ="):
        assert part in text
    assert all(str(tap.product) in text for term in explanation.terms for tap in term.taps)
    assert [step.do for step in explanation.steps] == ["add_bias", "rescale", "add_zero_point", "clamp"]
    assert explanation.to_dict()["steps"][1]["parameters"]["rounding"] == "double"
    assert "exact (float64)" in explain(*computed(PROBLEMS["CONV_2D float32"]), 5).text()


def two_outputs() -> bytes:
    b = ModelBuilder()
    x = b.input("x", (2, 3))
    b.output(
        b.op("ABS", [x], [{"name": "abs", "shape": (2, 3)}]), b.op("ADD", [x, x], [{"name": "sum", "shape": (2, 3)}])
    )
    return b.to_bytes()


ERRORS = {
    "no such tensor": ("nothing", 0, InvalidInputError, "the model has no tensor 'nothing'"),
    "an input": ("x", 0, InvalidInputError, "is not the result of an operator"),
    "no explanation": ("abs", 0, UnsupportedError, "no explanation of this operator"),
    "index": ("sum", (0, 3), InvalidInputError, "index (0, 3) is not in a tensor of shape [2, 3]"),
    "rank": ("sum", (0,), InvalidInputError, "is not in a tensor of shape"),
    "flat index": ("sum", 6, InvalidInputError, "index 6 is not in"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    tensor, index, kind, message = ERRORS[case]
    interpreter, _ = computed(Problem(two_outputs(), [np.ones((2, 3), np.float32)]))
    with pytest.raises(kind) as caught:
        explain(interpreter, tensor, index)
    assert message in str(caught.value)


def test_before_invoke() -> None:
    reference = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=two_outputs(), experimental_op_resolver_type=reference)
    interpreter.allocate_tensors()
    with pytest.raises(InvalidInputError, match="holds no data before invoke"):
        explain(interpreter, "sum", 0)
